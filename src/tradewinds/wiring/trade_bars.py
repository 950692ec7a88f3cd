"""Closed bars of the past for the trading service: of files that are replayed, and of the history for warm-up and asked decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.market import Interval
from tradewinds.history.panel import Panel
from tradewinds.trading.entry import Bar, BarsClosed
from tradewinds.trading.host import Need
from tradewinds.wiring.bars import Reading, Span, bars_of_files, bars_of_house
from tradewinds.wiring.market import FIELDS, MARGIN_NS, STRETCH

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

MONTH_NS = 31 * NS_PER_DAY


def closed_of_files(place: Path, needs: Sequence[Need]) -> tuple[BarsClosed, ...]:
    """Every bar of a file or folder, in the order in which they close. Raises Rejected where the interval is another."""
    found: list[BarsClosed] = []
    for need in needs:
        panel, interval = bars_of_files(place, None if len(needs) == 1 else need.interval, need.instruments)
        if interval != need.interval:
            raise Rejected(f"bars of {place}: of {interval}, expected {need.interval}; name it as the strategy's interval")
        found += closed_bars(panel, interval)
    if not found:
        raise Missing(f"bars of {place}: none, expected some to replay")
    return tuple(sorted(found, key=lambda one: (one.end_ns, -len(one.interval), one.interval)))


def closed_bars(panel: Panel, interval: str) -> Iterator[BarsClosed]:
    """The rows of a panel that hold anything, oldest first."""
    columns: list[list[list[float]] | None] = [panel.field(name).tolist() if name in panel.fields else None for name in FIELDS]
    nothing = [float("nan")] * panel.shape[1]
    known = panel.known_ns.tolist()
    for row, end_ns in enumerate(panel.event_ns.tolist()):
        opens, highs, lows, closes, volumes = (nothing if values is None else values[row] for values in columns)
        bars = tuple(
            Bar(name, opens[at], highs[at], lows[at], closes[at], volumes[at], max(known[row][at], end_ns))
            for at, name in enumerate(panel.instruments)
            if closes[at] == closes[at]
        )
        if bars:
            yield BarsClosed(interval, end_ns, bars)


class HouseHistory:
    """`acts.History` and warm-up over the house's lake. needs: what a decision of each strategy looks at."""

    def __init__(self, house: House, needs: Mapping[str, Need]) -> None:
        self._house = house
        self._needs = needs
        self._decided_ns: dict[str, int] = {}

    async def before(self, needs: Iterable[Need], now_ns: int) -> tuple[BarsClosed, ...]:
        """The newest closed bars that a run begins with, oldest first; fewer, or none, where the history has no more."""
        found = [one for need in needs for one in await asyncio.to_thread(self._read, need, now_ns)]
        return tuple(sorted(found, key=lambda one: one.end_ns))

    async def bars(self, strategy: str, at_ns: int) -> tuple[BarsClosed, ...]:
        """What a strategy's decision at this time looks at and no earlier one has seen; nothing where no bar ends there yet."""
        need = self._needs[strategy]
        found = await asyncio.to_thread(self._read, need, at_ns)
        if not found or found[-1].end_ns != at_ns:
            return ()
        seen_ns = self._decided_ns.get(strategy, 0)
        return tuple(one for one in found if one.end_ns > seen_ns)

    def decided(self, strategy: str, at_ns: int) -> None:
        """Its account has those bars: until then they are told again, for a decision may be lost on the way."""
        self._decided_ns[strategy] = max(at_ns, self._decided_ns.get(strategy, 0))

    def _read(self, need: Need, until_ns: int) -> list[BarsClosed]:
        length_ns = Interval(need.interval).ns or MONTH_NS
        start_ns = until_ns - int(need.bars * length_ns * STRETCH) - MARGIN_NS
        try:
            panel = bars_of_house(self._house, need.instruments, need.interval, FIELDS, Span(start_ns, until_ns), Reading(as_of_ns=None))
        except Missing:
            return []
        closed = [one for one in closed_bars(panel, need.interval) if one.end_ns <= until_ns]
        return closed[-need.bars :]
