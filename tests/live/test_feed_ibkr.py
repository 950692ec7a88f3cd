"""Interactive Brokers in the feed: bars that grow become closed ones, over a lost connection, and far history is asked for page by page."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.live.feed import BarFeed
from tradewinds.live.feed_ibkr import IbkrSource, contract_of
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.tws_gateway import Gateway
from tradewinds.trading.entry import BarsClosed, Priced
from tradewinds.wiring.clock import RunningClock

MINUTE_NS = 60_000_000_000
EUR, BTC = "EUR_USD.IDEALPRO", "BTC_USD.PAXOS"
WITHIN_S = 60.0


def venues(speed: float) -> tuple[Sandbox, RunningClock]:
    """Local venues and the clock that tells their time."""
    clock = RunningClock(parse("2025-01-09T06:30:00Z"), speed, time.monotonic_ns())
    return Sandbox(SandboxConfig(now_ns=clock.at_ns, speed=speed, since_ns=clock.since_ns, checks_time=False)), clock


def source(venue: Sandbox, clock: RunningClock) -> IbkrSource:
    return IbkrSource({"1m": frozenset({EUR, BTC})}, venue.urls["tws"], clock, random.Random(7))


async def fed(
    feed: BarFeed, is_enough: Callable[[list[Any]], bool], meanwhile: Callable[[list[Any]], None] = lambda rows: None
) -> list[Any]:
    """What the feed publishes until that is enough. meanwhile: called with it again and again."""
    rows: list[Any] = []
    task = asyncio.ensure_future(feed.run(rows.append))
    try:
        async with asyncio.timeout(WITHIN_S):
            while not is_enough(rows):
                if task.done():
                    task.result()
                meanwhile(rows)
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return rows


def bars(rows: list[Any]) -> list[BarsClosed]:
    return [one for one in rows if isinstance(one, BarsClosed)]


def as_history_has_them(venue: Sandbox, rows: list[BarsClosed]) -> bool:
    """Whether each bar is the one that the gateway's market has for that minute."""

    def at(name: str, end_ns: int) -> Any:
        what = "MIDPOINT" if name == EUR else "AGGTRADES"
        return venue.tws.call(lambda gateway: gateway.feed(name, what, 60, end_ns - MINUTE_NS, end_ns)[0])  # type: ignore[misc]  # it has one

    told = [(bar.open, bar.high, bar.low, bar.close) for one in rows for bar in one.bars]
    has = [at(bar.instrument, one.end_ns) for one in rows for bar in one.bars]
    return told == [(float(one.open), float(one.high), float(one.low), float(one.close)) for one in has]


def test_minutes_come_whole_in_order_and_as_the_gateway_has_them_and_prices_besides() -> None:
    venue, clock = venues(60.0)
    with venue:
        rows = asyncio.run(fed(BarFeed([source(venue, clock)], clock), lambda rows: len(bars(rows)) >= 3))
        found = bars(rows)
        assert as_history_has_them(venue, found)

    assert [one.end_ns for one in found] == list(range(found[0].end_ns, found[-1].end_ns + 1, MINUTE_NS))
    assert all([bar.instrument for bar in one.bars] == [BTC, EUR] for one in found)
    assert {one.instrument for one in rows if isinstance(one, Priced)} == {BTC, EUR}


def test_a_lost_connection_is_made_anew_and_the_minutes_of_that_time_are_fetched() -> None:
    venue, clock = venues(60.0)
    cut: list[int] = []

    def hang_up(gateway: Gateway) -> None:
        for one in tuple(gateway.connections):
            one.end()

    def meanwhile(rows: list[Any]) -> None:
        if len(bars(rows)) >= 1 and not cut:
            venue.tws.call(hang_up)
            cut.append(1)

    with venue:
        rows = asyncio.run(fed(BarFeed([source(venue, clock)], clock), lambda rows: len(bars(rows)) >= 4, meanwhile))
        found = bars(rows)
        assert as_history_has_them(venue, found)

    assert cut == [1]
    assert [one.end_ns for one in found] == list(range(found[0].end_ns, found[-1].end_ns + 1, MINUTE_NS))


def test_history_that_lies_far_back_is_asked_for_and_needs_a_connection() -> None:
    venue, clock = venues(1.0)
    end_ns = clock.at_ns - 60 * MINUTE_NS
    start_ns = end_ns - 120 * MINUTE_NS

    async def asked() -> Any:
        made = source(venue, clock)
        with pytest.raises(Transient, match="not connected"):
            await made.history("1m", [EUR], start_ns, end_ns)
        task = asyncio.ensure_future(made.run(lambda given: None))
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    return await made.history("1m", [EUR], start_ns, end_ns)
                except Transient:
                    await asyncio.sleep(0.05)
                finally:
                    if task.done():
                        task.result()

    with venue:
        found = asyncio.run(asked())
        there = venue.tws.call(lambda gateway: gateway.feed(EUR, "MIDPOINT", 60, start_ns, end_ns))  # type: ignore[misc]  # it has one

    assert len(there) > 100
    assert [one.end_ns for one in found] == [one.start_ns + MINUTE_NS for one in there]
    assert {one.bar.volume for one in found} == {0.0}  # a middle has none


def test_instruments_become_contracts_and_others_are_refused() -> None:
    share = contract_of("BRK.B.XNYS")

    assert (share.symbol, share.primaryExchange, share.currency) == ("BRK B", "NYSE", "USD")
    with pytest.raises(Rejected, match="expected such as"):
        contract_of("BTCUSDT.BINANCE")
