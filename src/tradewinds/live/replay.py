"""Bars of the past as a feed, and the clock that goes with them: for a first run without a venue, for demos and tests.

Each bar is published when everything that the one before it set off has come to rest, so that a replay is the same every time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from tradewinds.live.trader import Published
from tradewinds.trading.entry import BarsClosed


class BarClock:
    """Stands at the end of the last bar that was published."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def move(self, now_ns: int) -> None:
        """To a later instant; an earlier one changes nothing."""
        self._now_ns = max(self._now_ns, now_ns)


class ReplayFeed:
    """Publishes bars in order. is_idle: whether nothing is under way. pace_s: between bars, zero for as fast as it goes."""

    def __init__(self, bars: Iterable[BarsClosed], clock: BarClock, *, pace_s: float = 0.0) -> None:
        self.is_idle: Callable[[], bool] = lambda: True
        self.ready: asyncio.Event | None = None
        self._bars = bars
        self._clock = clock
        self._pace_s = pace_s

    async def run(self, publish: Callable[[Published], None]) -> None:
        """Until the last bar has come to rest."""
        for closed in self._bars:
            self._clock.move(closed.end_ns)
            publish(closed)
            await asyncio.sleep(self._pace_s)
            while not self.is_idle():
                await asyncio.sleep(0)
