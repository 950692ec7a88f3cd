"""Databases into a backup and out of it: SQLite by its online copy, PostgreSQL row by row. In a backup all of them are SQLite.

1. `copy_sqlite` takes one state of a database that others write, and checks the copy. Neither side waits for the other (WAL).
2. `copy_ledger` brings the rows of one snapshot of a ledger to a fresh one, whichever kind either is. So a backup moves between them.
3. `copy_journal`, `restore_journal` do that with a journal; its hash chain is walked on the way.
"""

from __future__ import annotations

import itertools
import pkgutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from tradewinds import stores
from tradewinds.core.errors import Invariant, Rejected, Transient, Unreadable
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_migration import migrate, revision
from tradewinds.stores.ledger_schema import HEAD, metadata
from tradewinds.trading.journal import GENESIS, Chained, link

BATCH_ROWS = 5_000
BUSY_TIMEOUT_MS = 30_000
_SCHEMAS = "ledger_schema"
_SPARE = "_restored"  # behind an account's name: a journal on its way


def copy_sqlite(source: Path, target: Path) -> None:
    """One state of the database in `source` into the fresh file `target`, whole and without a write-ahead log beside it.

    Raises Transient where it cannot be read now, Unreadable where it is damaged.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as given, closing(sqlite3.connect(target)) as taken:
            given.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            given.backup(taken)
            taken.execute("PRAGMA journal_mode=DELETE")
            check_sqlite(taken, target)
    except sqlite3.OperationalError as error:
        raise Transient(f"backup of {source}: {error}, expected a database that can be read and room for its copy") from error
    except sqlite3.DatabaseError as error:
        raise Unreadable(f"backup of {source}: {error}, expected a sound database") from error


def check_sqlite(connection: sqlite3.Connection, place: Path) -> None:
    """Raises Unreadable where SQLite itself finds something wrong."""
    said = [row[0] for row in connection.execute("PRAGMA quick_check")]
    if said != ["ok"]:
        raise Unreadable(f"database {place}: {said[0]}, expected a sound one")


# The ledger


def copy_ledger(source: Database, target: Database, *, is_replacing: bool = False) -> None:
    """Every row of a ledger into another, in one transaction. Both are at this version's schema; the source is only read.

    is_replacing: the target's rows go in the same transaction. Raises Rejected where the source is at another revision, or where the
    target holds rows that are not to be replaced.
    """
    found = revision(source)
    if found != HEAD:
        raise Rejected(f"ledger {source.place}: revision {found}, expected {HEAD}: run any command of this version on it first")
    migrate(target)
    tables = every_table()
    with source.reading("copying it") as given, target.writing("restoring it") as taken:
        if given.dialect.name == "postgresql":
            given.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table in reversed(tables) if is_replacing else ():
            taken.execute(sa.delete(table))
        for table in tables:
            if taken.scalar(sa.select(sa.literal(1)).select_from(table).limit(1)) is not None:
                raise Rejected(f"ledger {target.place}: {table.name} holds rows, expected a ledger without any")
            rows = given.execution_options(yield_per=BATCH_ROWS).execute(sa.select(table)).mappings()
            for batch in rows.partitions(BATCH_ROWS):
                taken.execute(sa.insert(table), [dict(row) for row in batch])
        if taken.dialect.name == "postgresql":
            _move_counters(taken, tables)


def row_counts(database: Database) -> dict[str, int]:
    """Rows by table; empty where the ledger has no tables yet."""
    if revision(database) is None:
        return {}
    with database.reading("counting its rows") as connection:
        there = set(sa.inspect(connection).get_table_names())
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in every_table()
            if table.name in there
        }


def every_table() -> list[sa.Table]:
    """The ledger's tables, each behind those that it refers to, from every module that declares some."""
    for found in pkgutil.iter_modules(stores.__path__):
        if found.name.startswith(_SCHEMAS):
            import_module(f"{stores.__name__}.{found.name}")
    return list(metadata.sorted_tables)


def _move_counters(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Keys that count by themselves go on behind the rows that came with theirs."""
    for table in tables:
        key = table.autoincrement_column
        if key is None:
            continue
        counter = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(f'"{table.name}"', key.name)))
        if counter is not None:
            last = connection.scalar(sa.select(sa.func.max(key)))
            connection.execute(sa.select(sa.func.setval(counter, last or 1, last is not None)))


# Journals


def head_of(entries: Iterable[Chained], what: str) -> tuple[int, bytes]:
    """Sequence and hash of the last entry, every hash checked. Raises Unreadable naming the first entry that does not fit."""
    sequence, last = 0, GENESIS
    for one in entries:
        sequence += 1
        try:
            last = link(last, sequence, one.body)
        except TypeError:  # not even bytes: somebody's hand
            last = GENESIS
        if one.sequence != sequence or one.hash != last:
            raise Unreadable(f"journal {what}: entry {one.sequence} does not fit the chain at {sequence}, expected it as it was written")
    return sequence, last


def head_of_file(path: Path) -> tuple[int, bytes]:
    """`head_of` a journal on SQLite."""
    journal = read_sqlite_journal(path)
    try:
        return head_of(journal.read(), str(path))
    finally:
        journal.close()


def has_postgres_journal(url: str, account: str) -> bool:
    """Whether the account has ever had a journal there."""
    from tradewinds.stores.journal_postgres import schema_of

    database = Database(url, what=f"journal of {account}")
    try:
        with database.reading("looking for it") as connection:
            return sa.inspect(connection).has_table("entries", schema=schema_of(account))
    finally:
        database.close()


def copy_postgres_journal(url: str, account: str, target: Path) -> None:
    """The journal of an account on PostgreSQL into a fresh file: what had been written when its last page was read."""
    from tradewinds.stores.journal_postgres import read_postgres_journal

    reader = read_postgres_journal(url, account)
    writer = open_sqlite_journal(target)
    try:
        for batch in _batches(reader.read()):
            writer.append(batch)
    finally:
        writer.close()
        reader.close()
        target.with_suffix(".lock").unlink(missing_ok=True)
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def restore_postgres_journal(source: Path, url: str, account: str, *, is_replacing: bool, stamp: str) -> Callable[[], None]:
    """Bring a journal from a file to PostgreSQL beside the account's own; what is returned puts it in that one's place, at once.

    Raises Rejected where a process holds the journal, or where it has entries and is not to be replaced. A replaced one is kept in the
    schema `journal_<account>_before_<stamp>`.
    """
    from tradewinds.stores.journal_postgres import open_postgres_journal, schema_of

    held = open_postgres_journal(url, account)
    try:
        there = held.last()[0]
        if there and not is_replacing:
            raise Rejected(f"journal of {account}: {there} entries at its PostgreSQL, expected none; --replace keeps them beside it")
        database = Database(url, what=f"journal of {account}")
        mine, fresh = schema_of(account), schema_of(account + _SPARE)
        with database.writing("making room") as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {fresh} CASCADE")
        reader, writer = read_sqlite_journal(source), open_postgres_journal(url, account + _SPARE)
        try:
            for batch in _batches(reader.read()):
                writer.append(batch)
            if writer.last() != reader.last():
                raise Invariant(f"journal of {account}: {writer.last()[0]} entries written, expected {reader.last()[0]}")
        finally:
            writer.close()
            reader.close()
    except BaseException:
        held.close()
        raise

    def put() -> None:
        try:
            with database.writing("putting it in its place") as connection:
                connection.exec_driver_sql(f"ALTER SCHEMA {mine} RENAME TO {mine}_before_{stamp}")
                connection.exec_driver_sql(f"ALTER SCHEMA {fresh} RENAME TO {mine}")
                if not there:
                    connection.exec_driver_sql(f"DROP SCHEMA {mine}_before_{stamp} CASCADE")
        finally:
            with suppress(Exception):
                held.close()
            database.close()

    return put


def _batches(entries: Iterable[Chained]) -> Iterator[list[Chained]]:
    walk = iter(entries)
    while batch := list(itertools.islice(walk, BATCH_ROWS)):
        yield batch
