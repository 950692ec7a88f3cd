"""`Window`: the trailing bars of some instruments as a live strategy sees them, in memory that never grows.

1. Rows lie one behind the other in arrays with room for some more; where the room ends, the last rows move to the front.
2. An instrument without a bar at a time has NaN there. A bar that comes later fills its cell and changes no other.
3. What a strategy gets are read-only views of the rows, so that a decision copies nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.market import Interval
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.trading.entry import Bar, BarsClosed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAR_FIELDS = ("open", "high", "low", "close", "volume")
ROOM = 1024  # rows beyond the window, so that rows move once in so many bars


class Window:
    """`rows` bars of `instruments`, of one interval. `row` is where the newest stands in the arrays, -1 before the first."""

    __slots__ = (
        "_block", "_columns", "_length_ns", "_room", "_rows",
        "event_ns", "fields", "first", "instruments", "interval", "known_ns", "last", "row", "times",
    )  # fmt: skip

    def __init__(self, instruments: tuple[str, ...], interval: str, rows: int) -> None:
        width, room = len(instruments), rows + ROOM
        self.instruments = instruments
        self.interval = interval
        self.row = -1
        self.first = 0
        self.times: Ints = np.zeros(room, np.int64)
        self.event_ns: Ints = np.zeros(room, np.int64)
        self.known_ns: Ints = np.full((room, width), UNKNOWN_NS)
        self._block: Floats = np.full((len(BAR_FIELDS), room, width), np.nan)
        self.fields: dict[str, Floats] = dict(zip(BAR_FIELDS, self._block, strict=True))
        self.last: Floats = np.full(width, np.nan)  # (instruments,) the newest close of each, NaN before the first
        self._columns = {name: at for at, name in enumerate(instruments)}
        self._length_ns = Interval(interval).ns
        self._rows = rows
        self._room = room

    @property
    def count(self) -> int:
        """Bars that are there."""
        return self.row + 1 - self.first

    @property
    def end_ns(self) -> int | None:
        """The end of the newest bar, None before the first."""
        return None if self.row < 0 else int(self.event_ns[self.row])

    def take(self, bars: BarsClosed) -> bool:
        """Take in bars; whether they are a new newest row. Those of an earlier end fill what is missing and rewrite nothing."""
        if bars.interval != self.interval:
            raise Rejected(f"window of {self.interval}: bars of {bars.interval}, expected its own interval")
        mine = [(self._columns[one.instrument], one) for one in bars.bars if one.instrument in self._columns]
        end_ns = self.end_ns
        if not mine:
            return False
        if end_ns is None or bars.end_ns > end_ns:
            self._append(bars.end_ns, mine)
            return True
        self._fill(bars.end_ns, mine)
        return False

    def panel(self, count: int) -> Panel:
        """The last `count` bars, or those there are: views of this memory, good until the next bar is taken in."""
        rows = slice(max(self.first, self.row + 1 - count), self.row + 1)
        fields = dict(zip(BAR_FIELDS, self._block[:, rows], strict=True))
        return Panel(self.instruments, self.times[rows], self.event_ns[rows], self.known_ns[rows], fields)

    def whole(self) -> Panel:
        """All of the memory as a panel whose rows are written as bars come: what one view over it reads."""
        # Whatever stands behind the newest row is written before it is read; its times rise, as a panel wants them.
        after = 0 if self.row < 0 else int(self.event_ns[self.row])
        self.times[self.row + 1 :] = self.event_ns[self.row + 1 :] = after + 1 + np.arange(self._room - self.row - 1)
        fields = {name: values[:] for name, values in self.fields.items()}
        return Panel(self.instruments, self.times[:], self.event_ns[:], self.known_ns[:], fields)

    def _append(self, end_ns: int, mine: list[tuple[int, Bar]]) -> None:
        if self.row + 1 == self._room:
            self._move_to_front()
        before = self.end_ns
        self.row += 1
        self.first = max(self.first, self.row + 1 - self._rows)
        self._begin(self.row, end_ns, before)
        for column, bar in mine:
            self._write(self.row, column, bar)

    def _begin(self, row: int, end_ns: int, before: int | None) -> None:
        """Months have no fixed length: such a bar starts where the one before it ended."""
        start = end_ns - 1 if before is None else before
        self.times[row] = start if self._length_ns is None else end_ns - self._length_ns
        self.event_ns[row] = end_ns
        self.known_ns[row] = UNKNOWN_NS
        self._block[:, row] = np.nan

    def _write(self, row: int, column: int, bar: Bar) -> None:
        self.known_ns[row, column] = bar.known_ns
        self._block[:, row, column] = bar.open, bar.high, bar.low, bar.close, bar.volume
        is_newest = row == self.row or not (self.known_ns[row + 1 : self.row + 1, column] != UNKNOWN_NS).any()
        if bar.close == bar.close and is_newest:
            self.last[column] = bar.close

    def _fill(self, end_ns: int, mine: list[tuple[int, Bar]]) -> None:
        row = self.first + int(np.searchsorted(self.event_ns[self.first : self.row + 1], end_ns))
        if self.event_ns[row] != end_ns:
            row = self._insert(row, end_ns)
            if row < 0:
                return
        for column, bar in mine:
            if self.known_ns[row, column] == UNKNOWN_NS:
                self._write(row, column, bar)

    def _insert(self, row: int, end_ns: int) -> int:
        """Make room for a row between others, at the cost of the oldest; -1 where it is older than all of a full window."""
        if row == self.first and self.count == self._rows:
            return -1
        if self.count == self._rows:
            self.first += 1
        if self.row + 1 == self._room:
            row -= self.first
            self._move_to_front()
        for values in (self.times, self.event_ns, self.known_ns, *self.fields.values()):
            values[row + 1 : self.row + 2] = values[row : self.row + 1].copy()
        self.row += 1
        self._begin(row, end_ns, int(self.event_ns[row - 1]) if row > self.first else None)
        return row

    def _move_to_front(self) -> None:
        kept = slice(self.first, self.row + 1)
        for values in (self.times, self.event_ns, self.known_ns, *self.fields.values()):
            there = values[kept].copy()
            values[: len(there)] = there
        self.row -= self.first
        self.first = 0
