"""The journal of one account on SQLite: one file, one writer, durable when `append` returns (WAL, synchronous=FULL).

A write that failed leaves it open whether the entries are there (an error at commit may come after it). The next `append`, of the same
entries and perhaps more behind them, looks first: what is there stays, what is missing is written. `journal_postgres.py` keeps the same
promise on PostgreSQL.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tradewinds.core.errors import Invariant, Rejected, Transient, Unreadable
from tradewinds.trading.journal import GENESIS, Chained

BUSY_TIMEOUT_MS = 2_000  # readers never block a writer in WAL; only a backup or a checkpoint by another tool can
READ_ROWS = 1_000
WAL_BYTES = 4_200_000  # as long as it gets: 1,000 pages are written back to the journal itself, and it begins anew
_TABLE = """CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID"""


class SqliteJournal:
    """`trading.journal.JournalStore` in a file; made by `open_sqlite_journal`, or by `read_sqlite_journal` for readers."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: IO[bytes] | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._is_doubtful = False

    def append(self, entries: Sequence[Chained]) -> None:
        if self._lock is None:
            raise Invariant(f"journal {self.path}: {len(entries)} entries from a reader, expected the writer")
        if not entries:
            return
        try:
            wanted = missing(entries, self.last()) if self._is_doubtful else entries
            rows = [(one.sequence, one.time_ns, one.body, one.hash) for one in wanted]
            if not rows:
                self._is_doubtful = False
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._roll_back()
            raise Invariant(f"journal {self.path}: entry {entries[0].sequence} is there already ({error}), expected a new one") from error
        except sqlite3.Error as error:
            self._roll_back()
            self._is_doubtful = True
            raise Transient(f"journal {self.path}: {len(entries)} entries not written ({error}), expected a disk with room") from error
        self._is_doubtful = False

    def read(self, after: int = 0) -> Iterator[Chained]:
        try:
            found = self._connection.execute("SELECT * FROM entries WHERE sequence > ? ORDER BY sequence", (after,))
            while rows := found.fetchmany(READ_ROWS):
                for row in rows:
                    yield Chained(*row)
        except sqlite3.DatabaseError as error:
            raise Unreadable(f"journal {self.path}: {error}, expected a journal of ours") from error

    def last(self) -> tuple[int, bytes]:
        row = self._connection.execute("SELECT sequence, hash FROM entries ORDER BY sequence DESC LIMIT 1").fetchone()
        return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._is_doubtful = True  # the next append looks


def open_sqlite_journal(path: Path, *, holder: str = "") -> SqliteJournal:
    """The journal in `path` for its one writer, made when absent; raises Rejected, naming who, while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _locked(path, holder)
    try:
        connection = _connected(path, f"file:{path}?mode=rwc")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_TABLE)
        path.chmod(0o600)
        _lengthen(Path(f"{path}-wal"))
    except (sqlite3.DatabaseError, OSError) as error:
        lock.close()
        if isinstance(error, sqlite3.OperationalError | OSError):
            raise Transient(f"journal {path}: {error}, expected a place that can be written") from error
        raise Unreadable(f"journal {path}: {error}, expected a journal of ours") from error
    return SqliteJournal(path, connection, lock)


def passing_journal() -> SqliteJournal:
    """A journal in memory that is gone with its process: for a rehearsal, which nobody reads."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(_TABLE)
    return SqliteJournal(Path(":memory:"), connection, io.BytesIO())


def read_sqlite_journal(path: Path) -> SqliteJournal:
    """The journal in `path` for a reader beside its writer; raises Rejected where there is none."""
    if not path.is_file():
        raise Rejected(f"journal {path}: no such file, expected the journal of an account that has traded")
    return SqliteJournal(path, _connected(path, f"file:{path}?mode=ro"), None)


def missing(entries: Sequence[Chained], last: tuple[int, bytes]) -> Sequence[Chained]:
    """What is left to write after a doubtful write of the first of these: those behind the store's last entry, if it is among them."""
    for number, one in enumerate(entries, 1):
        if (one.sequence, one.hash) == last:
            return entries[number:]
    return entries


def _lengthen(wal: Path) -> None:
    """Make the write-ahead log as long as it will be: a disk confirms what lies within a file sooner than what lengthens it.

    SQLite reads a log up to the first frame without the right checksum: zeros behind it are nothing, as is an old frame.
    """
    with suppress(OSError), wal.open("r+b") as file:
        there = file.seek(0, os.SEEK_END)
        if there < WAL_BYTES:
            file.write(bytes(WAL_BYTES - there))
            file.flush()
            os.fsync(file.fileno())


def _connected(path: Path, uri: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise Transient(f"journal {path}: {error}, expected a file that can be opened") from error
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return connection


def _locked(path: Path, holder: str) -> IO[bytes]:
    """The writer's lock beside the journal; it names who holds it and ends with the process, however that ends."""
    lock = path.with_suffix(".lock").open("a+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        named = lock.read(200).decode("utf-8", "replace").strip() or "another process"
        lock.close()
        raise Rejected(f"journal {path}: held by {named}, expected one trading process an account") from None
    lock.truncate(0)
    lock.write(json.dumps({"pid": os.getpid(), "holder": holder or "tradewinds"}).encode())
    lock.flush()
    return lock
