"""`Assembly`: closed bars of many instruments, one by one and in any order, into rows that are published once and in order.

1. A row is complete when every expected instrument has its bar; one that waited for its deadline goes without those that are missing.
2. Rows leave in the order of their ends. While a gap is being repaired nothing leaves, so that what is fetched comes in its place.
3. A bar that is told twice counts once. One whose row has left leaves by itself; it fills its cell and decides nothing.
4. A row that is too old to be decided on leaves as warm-up.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.trading.entry import Bar, BarsClosed

ENDS_KEPT = 256  # rows back to which a bar that is told again is recognised


class Closed(msgspec.Struct, frozen=True, gc=False):
    """One closed bar as a source brings it. said: the venue's message, where it is to be kept. One for each message of a stream,
    hence no dataclass: made in a fifth of the time."""

    interval: str
    end_ns: int
    bar: Bar
    said: str = ""


class Assembly:
    """The rows of one interval. lateness_s: how long a row waits after its end; fresh_s: how long after it a decision makes sense."""

    def __init__(self, interval: str, expected: frozenset[str], lateness_s: float, fresh_s: float) -> None:
        self.interval = interval
        self.expected = expected
        self.missed = 0  # rows that left as warm-up because they came too late
        self._lateness_ns = int(lateness_s * NS_PER_SECOND)
        self._fresh_ns = int(fresh_s * NS_PER_SECOND)
        self._pending: dict[int, dict[str, Bar]] = {}
        self._seen: OrderedDict[int, set[str]] = OrderedDict()
        self._left_ns: int | None = None
        self._holds = 0

    def take(self, closed: Closed) -> bool:
        """Note a bar; whether it is a new one of an expected instrument."""
        name = closed.bar.instrument
        seen = self._seen.setdefault(closed.end_ns, set())
        if name not in self.expected or name in seen or (len(self._seen) > ENDS_KEPT and closed.end_ns < next(iter(self._seen))):
            return False
        seen.add(name)
        while len(self._seen) > ENDS_KEPT:
            self._seen.popitem(last=False)
        self._pending.setdefault(closed.end_ns, {})[name] = closed.bar
        return True

    def rows(self, now_ns: int) -> list[BarsClosed]:
        """What is to be published by now, in order."""
        found: list[BarsClosed] = []
        if self._holds:
            return found
        for end_ns in sorted(self._pending):
            is_late = self._left_ns is not None and end_ns <= self._left_ns
            is_complete = len(self._pending[end_ns]) == len(self.expected)
            if not (is_late or is_complete or now_ns >= end_ns + self._lateness_ns):
                break
            bars = self._pending.pop(end_ns)
            is_old = now_ns > end_ns + self._fresh_ns and not is_late
            self.missed += is_old
            found.append(BarsClosed(self.interval, end_ns, tuple(bars[name] for name in sorted(bars)), is_warm_up=is_old))
            self._left_ns = end_ns if self._left_ns is None else max(self._left_ns, end_ns)
        return found

    def due_ns(self) -> int | None:
        """When the oldest row that waits has waited long enough."""
        return min(self._pending) + self._lateness_ns if self._pending and not self._holds else None

    def hold(self) -> None:
        """A gap is being repaired: nothing leaves until as many `release` were called."""
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
