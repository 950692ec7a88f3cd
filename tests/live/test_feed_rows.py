"""Rows of the feed: who waits for whom, and what a service that starts is told of the time before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tradewinds.live.feed import BarFeed, Take
from tradewinds.live.feed_assembly import Closed
from tradewinds.trading.entry import Bar, BarsClosed
from tradewinds.wire.stream import Gap

S = 1_000_000_000
MINUTE_NS = 60 * S
START_NS = 1_795_392_000 * S
COIN, OTHER_COIN, PAIR = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "EUR_USD.OANDA"


class Clock:
    """Stands still. speed: as a clock says that runs faster than the event loop."""

    def __init__(self, now_ns: int, speed: float = 1.0) -> None:
        self.at_ns, self.speed = now_ns, speed

    def now_ns(self) -> int:
        return self.at_ns


def closed(minute: int, name: str) -> Closed:
    end_ns = START_NS + minute * MINUTE_NS
    return Closed("1m", end_ns, Bar(name, 100.0, 101.0, 99.0, 100.0, 5.0, end_ns))


class Source:
    """Tells some bars at once; answers others when it is asked for history. asked: (start, end) of each question."""

    name = "some"

    def __init__(self, names: Sequence[str], told: Sequence[Closed], history: Sequence[Closed] = (), begun_ns: int = START_NS) -> None:
        self._begun_ns = begun_ns
        self.brings: Mapping[str, frozenset[str]] = {"1m": frozenset(names)}
        self.asked: list[tuple[int, int]] = []
        self._told, self._history = told, history

    async def run(self, take: Take) -> None:
        take(Gap(self._begun_ns, self._begun_ns, "begin"))
        for one in self._told:
            take(one)
        await asyncio.Event().wait()

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        self.asked.append((start_ns, end_ns))
        return [one for one in self._history if start_ns < one.end_ns <= end_ns]


def published(feed: BarFeed) -> list[tuple[int, list[str], bool]]:
    """(minute, instruments, whether it decides nothing) of each row that leaves by itself soon."""

    async def go() -> list[Any]:
        rows: list[Any] = []
        task = asyncio.ensure_future(feed.run(rows.append))
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return rows

    rows = [one for one in asyncio.run(go()) if isinstance(one, BarsClosed)]
    return [((one.end_ns - START_NS) // MINUTE_NS, [bar.instrument for bar in one.bars], one.is_warm_up) for one in rows]


def test_a_row_waits_for_those_that_somebody_decides_on_with_it_and_for_nobody_else() -> None:
    clock = Clock(START_NS + MINUTE_NS + S)
    sources = [Source([COIN, OTHER_COIN], [closed(1, COIN), closed(1, OTHER_COIN)]), Source([PAIR], [])]

    together = published(BarFeed(sources, clock))
    apart = published(BarFeed(sources, clock, together=[frozenset({COIN, OTHER_COIN}), frozenset({PAIR})]))

    assert together == []
    assert apart == [(1, [COIN, OTHER_COIN], False)]


def test_two_accounts_with_an_instrument_in_common_share_its_rows() -> None:
    clock = Clock(START_NS + MINUTE_NS + S)
    sources = [Source([COIN, OTHER_COIN, PAIR], [closed(1, COIN), closed(1, OTHER_COIN)])]

    rows = published(BarFeed(sources, clock, together=[frozenset({COIN, OTHER_COIN}), frozenset({OTHER_COIN, PAIR})]))

    assert rows == []


def test_where_the_clock_runs_fast_a_row_waits_as_long_for_messages_as_ever() -> None:
    told = [closed(1, COIN)]
    at_ns = START_NS + MINUTE_NS + 30 * S

    usual = published(BarFeed([Source([COIN, OTHER_COIN], told)], Clock(at_ns)))
    fast = published(BarFeed([Source([COIN, OTHER_COIN], told)], Clock(at_ns, speed=20.0)))

    assert usual == [(1, [COIN], False)]  # two seconds are over
    assert fast == []  # one and a half of the loop's


def test_what_lies_between_the_houses_history_and_the_start_fills_windows_and_decides_nothing() -> None:
    clock = Clock(START_NS + 3 * MINUTE_NS + S)
    history = [closed(minute, name) for name in (COIN, OTHER_COIN) for minute in (1, 2, 3)]
    source = Source([COIN, OTHER_COIN], [closed(4, COIN), closed(4, OTHER_COIN)], history, clock.at_ns)
    said: list[str] = []

    async def begins(interval: str, instruments: Sequence[str]) -> int:
        return START_NS + MINUTE_NS  # the house knows the first of them

    rows = published(BarFeed([source], clock, begins=begins, say=said.append))

    assert source.asked == [(START_NS + MINUTE_NS, START_NS + 3 * MINUTE_NS + S)]
    assert rows == [(2, [COIN, OTHER_COIN], True), (3, [COIN, OTHER_COIN], True), (4, [COIN, OTHER_COIN], False)]
    assert said == []
