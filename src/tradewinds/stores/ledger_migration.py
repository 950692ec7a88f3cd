"""Brings the ledger's database to the schema of this version. Safe when several processes start at once.

1. Read the revision that stands in the database; when it is ours, nothing else happens (and Alembic is not imported).
2. Open a write transaction: on SQLite that is the lock; on PostgreSQL take an advisory lock that ends with it.
3. Run what is missing. Everything is committed at once or not at all.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Rejected
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema import HEAD, VERSION_TABLE

_LOCK = 7_205_759_403_792_793_600 + 1  # any number that nobody else in the database uses


def migrate(database: Database) -> bool:
    """True when something was changed."""
    if revision(database) == HEAD:
        return False
    with database.writing("migrating") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = _revision(connection)
        if found == HEAD:
            return False
        _upgrade(connection, found, database.place)
    return True


def revision(database: Database) -> str | None:
    """The revision of the database, None where the ledger has no tables yet."""
    with database.reading("reading its revision") as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
    return found


def _upgrade(connection: Connection, found: str | None, place: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    if found is not None and found not in known:
        raise Rejected(
            f"ledger {place}: revision {found!r} is unknown to this version, expected one of {sorted(known)}; use a newer Tradewinds"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
