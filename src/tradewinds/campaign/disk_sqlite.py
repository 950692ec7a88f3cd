"""The journal of some seeds: the real SQLite store in a file, whose commits fail, come late, or are the last that a process does.

What was not committed when a process dies is gone, as after SIGKILL; what was committed is there, whatever the process heard of it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.disk import SLOW_S, WRITTEN_THOUGH
from tradewinds.campaign.loop import Process, VirtualLoop
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.trading.journal import Chained, JournalStore

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a name that nobody guesses is made in it


class SqliteDisk:
    """A file that outlives every process that writes it; `close` removes it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tradewinds-campaign-", dir=MEMORY if MEMORY.is_dir() else None))

    def journal(self, process: Process, chaos: Chaos, loop: VirtualLoop) -> JournalStore:
        """The store as a new process opens it; it lets go of the file when it dies."""
        store = open_sqlite_journal(self._folder / "journal.sqlite")
        connection: Any = UncertainConnection(store._connection, process, chaos, loop)
        store._connection = connection
        process.on_death.append(store.close)
        return store

    def read(self) -> Iterator[Chained]:
        store = read_sqlite_journal(self._folder / "journal.sqlite")
        try:
            yield from store.read()
        finally:
            store.close()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class UncertainConnection:
    """`sqlite3.Connection`, as far as the store uses it, with faults at the commit."""

    def __init__(self, inner: sqlite3.Connection, process: Process, chaos: Chaos, loop: VirtualLoop) -> None:
        self._inner = inner
        self._process = process
        self._chaos = chaos
        self._loop = loop
        self._entries: Sequence[Any] = ()

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if self._process.is_dead:
            self._process.kill_here()
        return self._commit() if sql == "COMMIT" else self._inner.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Any]) -> sqlite3.Cursor:
        self._entries = rows
        return self._inner.executemany(sql, rows)

    def close(self) -> None:
        self._inner.close()

    def _commit(self) -> sqlite3.Cursor:
        chaos, process = self._chaos, self._process
        if chaos.strikes("journal_full", process.name):
            if chaos.random.random() < WRITTEN_THOUGH:
                self._inner.execute("COMMIT")
            raise sqlite3.OperationalError("database or disk is full")
        if chaos.strikes("journal_slow", process.name):
            self._loop.stall(SLOW_S)
        if chaos.strikes("crash", "before commit", weight=0.1):
            process.kill_here()
        done = self._inner.execute("COMMIT")
        sequence, _, _, link = self._entries[-1]
        chaos.record.note("commit", process.name, f"{sequence} {link.hex()[:16]}")
        if chaos.strikes("crash", "after commit", weight=0.1):
            process.kill_here()
        return done
