"""The wire: one HTTP client, one rate budget per venue and machine, one reconnecting stream, record and replay.

Imports core (and httpx, websockets). Vendors and brokers speak through it; nobody opens a socket elsewhere.
Begin at `http`; then `budget`, `stream`, `record`, `secret`.
"""
