"""The ledger's schema, step by step (Alembic). `stores.ledger.Ledger.migrate` runs them; no alembic.ini is needed."""
