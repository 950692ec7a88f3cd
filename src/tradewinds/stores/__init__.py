"""Where things are kept: raw bytes by hash, the lake, the pack, and the ledger (SQL).

May import `core`, `calendars`, `history`, `wire` and its own libraries; only `wiring` imports it. Nothing connects or opens at import.

Begin with `raw`, `lake`, `pack`; then `ledger` (SQLite or PostgreSQL, with `embedded_postgres` to have one without a server),
`query` (SQL over lake and ledger), `marts` and `warehouse` (for BI tools and databases of others).
"""
