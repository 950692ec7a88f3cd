"""The journal of a simulation: rows that survive a crash, on a disk that can be full, slow or in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import Process, VirtualLoop
from tradewinds.core.errors import Invariant, Transient
from tradewinds.trading.journal import GENESIS, Chained

SLOW_S = 0.25
WRITTEN_THOUGH = 0.3  # of the failed writes: the error came after the commit


class Disk:
    """What is durable: it outlives every process that wrote it."""

    def __init__(self) -> None:
        self.rows: list[Chained] = []


class DiskJournal:
    """`trading.journal.JournalStore` of one process on a disk."""

    def __init__(self, disk: Disk, process: Process, chaos: Chaos, loop: VirtualLoop) -> None:
        self._disk = disk
        self._process = process
        self._chaos = chaos
        self._loop = loop

    def append(self, entries: Sequence[Chained]) -> None:
        chaos, process = self._chaos, self._process
        if process.is_dead:
            process.kill_here()
        if not entries or self._is_written(entries):
            return
        if chaos.strikes("journal_full", process.name):
            if chaos.random.random() < WRITTEN_THOUGH:
                self._disk.rows.extend(entries)
            raise Transient("journal: disk full, expected room")
        if chaos.strikes("journal_slow", process.name):
            self._loop.stall(SLOW_S)
        if chaos.strikes("crash", "before append", weight=0.1):
            process.kill_here()
        self._disk.rows.extend(entries)
        chaos.record.note("append", process.name, f"{len(self._disk.rows)} {entries[-1].hash.hex()[:16]}")
        if chaos.strikes("crash", "after append", weight=0.1):
            process.kill_here()

    def _is_written(self, entries: Sequence[Chained]) -> bool:
        """Whether they are there already, after a write that failed late; raises Invariant where they do not follow what is there."""
        rows, first = self._disk.rows, entries[0].sequence
        if first == len(rows) + 1:
            return False
        if rows[first - 1 :] == list(entries):
            return True
        raise Invariant(f"journal: sequence {first}, expected {len(rows) + 1}")

    def read(self, after: int = 0) -> Iterator[Chained]:
        yield from self._disk.rows[after:]

    def last(self) -> tuple[int, bytes]:
        rows = self._disk.rows
        return (rows[-1].sequence, rows[-1].hash) if rows else (0, GENESIS)

    def close(self) -> None:
        """The lock of a simulated process is its life."""
