"""Brings the ledger to this release, and makes the views that dashboards read anew. Run by Tradewinds' own Python; `ledger-migrate` of the stack.

    TRADEWINDS_STORAGE__LEDGER_FILE=address.txt python deploy/superset/views.py

The views go first: a view holds the columns that it reads, and a migration may want to change those.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

VIEWS = Path(__file__).with_name("views.sql")


def make(address: str) -> None:
    """Drop the views, migrate, and make them again. address: the ledger's PostgreSQL as its owner."""
    import psycopg2

    from tradewinds.stores.ledger import Ledger

    with closing(psycopg2.connect(address.replace("postgresql+psycopg2://", "postgresql://", 1))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS dashboards CASCADE")
            with Ledger(address) as ledger:
                is_new = ledger.migrate()
            cursor.execute(VIEWS.read_text(encoding="utf-8"))
    sys.stdout.write(f"ledger: {'migrated' if is_new else 'up to date'}, views made\n")


def main() -> None:
    from tradewinds.wiring.settings import load_config

    address = load_config().storage.ledger or ""
    if not address.startswith("postgresql"):
        sys.exit("views: the ledger is not on PostgreSQL, expected TRADEWINDS_STORAGE__LEDGER or its _FILE to name one")
    make(address)


if __name__ == "__main__":
    main()
