"""The journal of one account on SQLite: one file, one writer, durable when `append` returns (WAL, synchronous=FULL)."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tradewinds.core.errors import Rejected, Transient
from tradewinds.trading.journal import GENESIS, Chained

_TABLE = """CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID"""


class SqliteJournal:
    """`trading.journal.JournalStore` in a file; made by `open_sqlite_journal`."""

    def __init__(self, connection: sqlite3.Connection, lock: IO[bytes]) -> None:
        self._connection = connection
        self._lock = lock

    def append(self, entries: Sequence[Chained]) -> None:
        rows = [(one.sequence, one.time_ns, one.body, one.hash) for one in entries]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise Transient(f"journal: {len(rows)} entries not written ({error}), expected room on the disk") from error

    def read(self, after: int = 0) -> Iterator[Chained]:
        for row in self._connection.execute("SELECT * FROM entries WHERE sequence > ? ORDER BY sequence", (after,)):
            yield Chained(*row)

    def last(self) -> tuple[int, bytes]:
        row = self._connection.execute("SELECT sequence, hash FROM entries ORDER BY sequence DESC LIMIT 1").fetchone()
        return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))

    def close(self) -> None:
        self._connection.close()
        self._lock.close()


def open_sqlite_journal(path: Path) -> SqliteJournal:
    """The journal in `path`, made when absent; raises Rejected while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Rejected(f"journal {path}: another trading process holds it, expected one writer an account") from None
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(_TABLE)
    return SqliteJournal(connection, lock)
