"""OANDA in the feed: polled candles become closed bars over gaps and a refused token, prices come from the stream."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.live.feed import BarFeed
from tradewinds.live.feed_oanda import OandaSource
from tradewinds.live.feed_rest import next_end_ns
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.trading.entry import BarsClosed, Priced
from tradewinds.wire.secret import Secret
from tradewinds.wiring.clock import RunningClock

NS = 1_000_000_000
MINUTE_NS = 60 * NS
AT = "2025-01-09T06:30:00Z"
EUR, GBP = "EUR_USD.OANDA", "GBP_USD.OANDA"
ACCOUNT = "101-004-0000001-001"
WITHIN_S = 60.0


def venues(speed: float) -> tuple[Sandbox, RunningClock]:
    """Local venues and the clock that tells their time."""
    clock = RunningClock(parse(AT), speed, time.monotonic_ns())
    return Sandbox(SandboxConfig(now_ns=clock.at_ns, speed=speed, since_ns=clock.since_ns, checks_time=False)), clock


def source(venue: Sandbox, clock: RunningClock, token: str = "sandbox-oanda-token", **more: Any) -> OandaSource:
    url = venue.urls["oanda"]
    return OandaSource({"1m": frozenset({EUR, GBP})}, ACCOUNT, Secret(token), clock, random.Random(7), url, url, quotes=[EUR, GBP], **more)


async def fed(feed: BarFeed, is_enough: Callable[[list[Any]], bool]) -> list[Any]:
    """What the feed publishes until that is enough."""
    rows: list[Any] = []
    enough = asyncio.Event()

    def take(given: Any) -> None:
        rows.append(given)
        if is_enough(rows):
            enough.set()

    task = asyncio.ensure_future(feed.run(take))
    try:
        async with asyncio.timeout(WITHIN_S):
            await asyncio.wait({task, asyncio.ensure_future(enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return rows


def bars(rows: list[Any]) -> list[BarsClosed]:
    return [one for one in rows if isinstance(one, BarsClosed)]


def test_minutes_come_whole_in_order_and_as_the_history_has_them_and_prices_besides() -> None:
    venue, clock = venues(120.0)
    with venue:
        made = source(venue, clock)
        rows = asyncio.run(fed(BarFeed([made], clock), lambda rows: len(bars(rows)) >= 3 and any(isinstance(one, Priced) for one in rows)))
        first, last = bars(rows)[0].end_ns, bars(rows)[-1].end_ns
        history = asyncio.run(made.history("1m", [EUR, GBP], first - MINUTE_NS, last))

    assert [one.end_ns for one in bars(rows)] == list(range(first, last + 1, MINUTE_NS))
    assert all([bar.instrument for bar in one.bars] == [EUR, GBP] and not one.is_warm_up for one in bars(rows))
    told = {(one.bar.instrument, one.end_ns): one.bar for one in history}
    assert {(bar.instrument, one.end_ns): bar for one in bars(rows) for bar in one.bars} == told
    priced = next(one for one in rows if isinstance(one, Priced))
    assert priced.instrument in (EUR, GBP)
    assert Decimal("0.5") < priced.price < Decimal(3)


def test_a_venue_that_fails_for_a_while_leaves_no_minute_out() -> None:
    venue, clock = venues(120.0)
    with venue:
        from tradewinds.sandbox.faults import fault

        failing = venue.world.faults.add(fault({"kind": "error", "venue": "oanda", "path": "*candles*", "amount": 503.0, "times": 6}))
        said: list[str] = []
        rows = asyncio.run(fed(BarFeed([source(venue, clock)], clock, say=said.append), lambda rows: len(bars(rows)) >= 4))
        struck = [one["struck"] for one in venue.world.faults.describe() if one["id"] == failing]

    assert struck == [6]
    assert any("HTTP 503, expected 200" in line for line in said)
    found = bars(rows)
    assert [one.end_ns for one in found] == list(range(found[0].end_ns, found[-1].end_ns + 1, MINUTE_NS))
    assert all(len(one.bars) == 2 for one in found)


def test_a_refused_token_is_said_without_being_shown_and_ends_nothing() -> None:
    venue, clock = venues(240.0)
    said: list[str] = []

    async def go(feed: BarFeed) -> None:
        task = asyncio.ensure_future(feed.run(lambda given: None))
        async with asyncio.timeout(WITHIN_S):
            while not any("stay missing" in line for line in said):
                assert not task.done()
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with venue:
        asyncio.run(go(BarFeed([source(venue, clock, token="wrong-token")], clock, say=said.append)))

    assert any("HTTP 401" in line for line in said)
    assert not any("wrong-token" in line for line in said)


def test_an_interval_whose_ends_depend_on_new_york_is_refused() -> None:
    made = OandaSource({"1d": frozenset({EUR})}, ACCOUNT, Secret("t"), RunningClock(0, 1.0, 0), random.Random(7))

    with pytest.raises(Rejected, match="interval 1d, expected one of 1m, 2m"):
        asyncio.run(made.run(lambda given: None))


def test_a_bar_ends_at_the_next_multiple_of_its_length() -> None:
    at_ns = parse("2025-01-09T06:30:00Z")

    assert next_end_ns("1m", at_ns) == at_ns + MINUTE_NS
    assert next_end_ns("15m", at_ns + 1) == at_ns + 15 * MINUTE_NS
