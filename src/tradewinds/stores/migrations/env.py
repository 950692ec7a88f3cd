"""Runs revisions on the connection it is given, inside the transaction that is already open there."""

from __future__ import annotations

from alembic import context

from tradewinds.stores.ledger_schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters few things in place
)
context.run_migrations()
