"""The journal of a simulation: rows that survive a crash, on a disk that can be full, slow or in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import Process, VirtualLoop
from tradewinds.core.errors import Invariant, Transient
from tradewinds.stores.journal import missing
from tradewinds.trading.journal import GENESIS, Chained, JournalStore

SLOW_S = 0.25
WRITTEN_THOUGH = 0.3  # of the failed writes: the error came after the commit


class Disk:
    """What is durable: it outlives every process that wrote it."""

    def __init__(self) -> None:
        self.rows: list[Chained] = []

    def journal(self, process: Process, chaos: Chaos, loop: VirtualLoop) -> JournalStore:
        """The store as a new process opens it."""
        return DiskJournal(self, process, chaos, loop)

    def read(self) -> Iterator[Chained]:
        """Everything that is there."""
        yield from self.rows

    def close(self) -> None:
        """Nothing is left behind."""


class DiskJournal:
    """`trading.journal.JournalStore` of one process on a disk."""

    def __init__(self, disk: Disk, process: Process, chaos: Chaos, loop: VirtualLoop) -> None:
        self._disk = disk
        self._process = process
        self._chaos = chaos
        self._loop = loop
        self._is_doubtful = False

    def append(self, entries: Sequence[Chained]) -> None:
        chaos, process, rows = self._chaos, self._process, self._disk.rows
        if process.is_dead:
            process.kill_here()
        entries = missing(entries, self.last()) if self._is_doubtful else entries
        if not entries:
            return
        if entries[0].sequence != len(rows) + 1:
            raise Invariant(f"journal: sequence {entries[0].sequence}, expected {len(rows) + 1}")
        if chaos.strikes("journal_full", process.name):
            self._is_doubtful = True
            if chaos.random.random() < WRITTEN_THOUGH:
                rows.extend(entries)
            raise Transient("journal: disk full, expected room")
        if chaos.strikes("journal_slow", process.name):
            self._loop.stall(SLOW_S)
        if chaos.strikes("crash", "before append", weight=0.1):
            process.kill_here()
        rows.extend(entries)
        self._is_doubtful = False
        chaos.record.note("append", process.name, f"{len(rows)} {entries[-1].hash.hex()[:16]}")
        if chaos.strikes("crash", "after append", weight=0.1):
            process.kill_here()

    def read(self, after: int = 0) -> Iterator[Chained]:
        yield from self._disk.rows[after:]

    def last(self) -> tuple[int, bytes]:
        rows = self._disk.rows
        return (rows[-1].sequence, rows[-1].hash) if rows else (0, GENESIS)

    def close(self) -> None:
        """The lock of a simulated process is its life."""
