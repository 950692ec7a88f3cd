"""The feed: closed bars whole, once and in order, over gaps, late venues and cuts."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tradewinds.core.errors import Rejected, Transient
from tradewinds.live.feed import BarFeed, Take
from tradewinds.live.feed_assembly import Assembly, Closed
from tradewinds.live.feed_binance import BinanceSource
from tradewinds.trading.entry import Bar, BarsClosed, Priced
from tradewinds.wire.stream import Gap, StreamLimits

S = 1_000_000_000
MINUTE_NS = 60 * S
START_NS = 1_795_392_000 * S
ONE, TWO = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.at_ns = now_ns

    def now_ns(self) -> int:
        return self.at_ns


def closed(minute: int, name: str = ONE, close: float = 100.0) -> Closed:
    end = START_NS + minute * MINUTE_NS
    return Closed("1m", end, Bar(name, 100.0, 101.0, 99.0, close, 5.0, end + S))


def ends(rows: Sequence[Any]) -> list[tuple[int, list[str], bool]]:
    """(minute, instruments, whether it decides nothing) of each row."""
    return [
        ((one.end_ns - START_NS) // MINUTE_NS, [bar.instrument[:3] for bar in one.bars], one.is_warm_up)
        for one in rows
        if isinstance(one, BarsClosed)
    ]


def assembly(*names: str) -> Assembly:
    return Assembly("1m", frozenset(names), lateness_s=2.0, fresh_s=60.0)


def test_a_row_leaves_when_it_is_whole_in_the_order_of_names() -> None:
    rows = assembly(ONE, TWO)

    rows.take(closed(1, TWO))
    early = rows.rows(START_NS + MINUTE_NS)
    rows.take(closed(1, ONE))

    assert early == []
    assert ends(rows.rows(START_NS + MINUTE_NS)) == [(1, ["BTC", "ETH"], False)]


def test_a_row_goes_without_what_is_missing_at_its_deadline_and_the_late_bar_follows_alone() -> None:
    rows = assembly(ONE, TWO)
    rows.take(closed(1, ONE))

    assert rows.due_ns() == START_NS + MINUTE_NS + 2 * S
    assert rows.rows(START_NS + MINUTE_NS + S) == []
    assert ends(rows.rows(START_NS + MINUTE_NS + 2 * S)) == [(1, ["BTC"], False)]
    rows.take(closed(1, TWO))
    assert ends(rows.rows(START_NS + MINUTE_NS + 3 * S)) == [(1, ["ETH"], False)]


def test_rows_leave_in_order_and_a_bar_counts_once() -> None:
    rows = assembly(ONE)

    taken = [rows.take(one) for one in (closed(2), closed(1), closed(2, close=7.0), closed(1), closed(3, "XRPUSDT.BINANCE"))]

    assert taken == [True, True, False, False, False]
    assert ends(rows.rows(START_NS + 2 * MINUTE_NS)) == [(1, ["BTC"], False), (2, ["BTC"], False)]
    assert rows.take(closed(2)) is False


def test_nothing_leaves_while_a_gap_is_repaired_and_what_is_too_old_decides_nothing() -> None:
    rows = assembly(ONE)
    rows.hold()
    rows.take(closed(5))
    rows.take(closed(3))
    assert rows.rows(START_NS + 5 * MINUTE_NS) == []
    assert rows.due_ns() is None

    rows.release()

    assert ends(rows.rows(START_NS + 5 * MINUTE_NS)) == [(3, ["BTC"], True), (5, ["BTC"], False)]
    assert rows.missed == 1


class Source:
    """A venue by hand: what it tells stands in a list, what it remembers in another."""

    name = "hand"

    def __init__(self, told: Sequence[Any], kept: Sequence[Closed] = (), failures: int = 0) -> None:
        self.brings: Mapping[str, frozenset[str]] = {"1m": frozenset({ONE})}
        self.told = told
        self.kept = kept
        self.failures = failures
        self.asked: list[tuple[int, int]] = []

    async def run(self, take: Take) -> None:
        for one in self.told:
            take(one)
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        self.asked.append((start_ns, end_ns))
        if len(self.asked) <= self.failures:
            raise Transient("klines: HTTP 503, expected 200", retry_after_s=0.0)
        return [one for one in self.kept if start_ns < one.end_ns <= end_ns]


async def fed(feed: BarFeed, until: Callable[[list[Any]], bool]) -> list[Any]:
    """What a feed publishes until enough is there."""
    published: list[Any] = []
    running = asyncio.create_task(feed.run(published.append))
    async with asyncio.timeout(20):
        while not until(published):
            await asyncio.sleep(0)
            if running.done():
                running.result()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return published


def test_bars_of_a_gap_are_fetched_and_come_before_those_that_followed() -> None:
    clock = Clock(START_NS + 4 * MINUTE_NS)
    gap = Gap(START_NS + 2 * MINUTE_NS, START_NS + 4 * MINUTE_NS, "cut")
    source = Source([closed(1), gap, closed(4)], [closed(2), closed(3)], failures=1)
    said: list[str] = []

    published = asyncio.run(fed(BarFeed([source], clock, fresh_s=600.0, say=said.append), lambda rows: len(rows) == 4))

    assert ends(published) == [(minute, ["BTC"], False) for minute in (1, 2, 3, 4)]
    assert source.asked[-1] == (START_NS + MINUTE_NS, START_NS + 4 * MINUTE_NS)
    assert said == ["feed hand: klines: HTTP 503, expected 200; again in 0 s"]


def test_the_first_gap_asks_for_nothing_that_ended_before_the_feed_began() -> None:
    clock = Clock(START_NS + MINUTE_NS)
    source = Source([Gap(START_NS + MINUTE_NS, START_NS + MINUTE_NS + S, "begin"), closed(2)], [closed(1)])
    clock.at_ns += MINUTE_NS

    published = asyncio.run(fed(BarFeed([source], clock), lambda rows: len(rows) == 1))

    assert ends(published) == [(2, ["BTC"], False)]


def test_what_left_is_written_in_batches_and_again_where_it_could_not_be() -> None:
    batches: list[list[int]] = []

    async def seal(bars: Sequence[Closed]) -> None:
        batches.append([(one.end_ns - START_NS) // MINUTE_NS for one in bars])
        if len(batches) == 1:
            raise Transient("lake: disk full, expected room")

    feed = BarFeed([Source([closed(1), closed(2)])], Clock(START_NS + 2 * MINUTE_NS), seal=seal, seal_every_s=0.0)
    asyncio.run(fed(feed, lambda rows: len(rows) == 2 and len(batches) >= 2))

    assert [1, 2] in batches
    assert feed.sealed == 2


def test_a_source_that_is_refused_ends_the_feed() -> None:
    class Refused(Source):
        async def run(self, take: Take) -> None:
            raise Rejected("stream: HTTP 403, expected 101")

    with pytest.raises(Rejected, match="HTTP 403"):
        asyncio.run(fed(BarFeed([Refused([])], Clock()), lambda rows: False))


# Binance on the loopback


def kline(minute: int, symbol: str = "BTCUSDT", *, is_closed: bool = True, close: str = "100.50") -> str:
    start = (START_NS + (minute - 1) * MINUTE_NS) // 1_000_000
    body = {
        "t": start, "T": start + 59_999, "s": symbol, "i": "1m", "o": "100.00", "h": "101.00", "l": "99.00", "c": close, "v": "5.0",
        "x": is_closed, "n": 3,
    }  # fmt: skip
    return json.dumps({"stream": f"{symbol.lower()}@kline_1m", "data": {"e": "kline", "E": start, "s": symbol, "k": body}})


Serve = Callable[[web.WebSocketResponse, int], Awaitable[None]]


async def venue(serve: Serve, klines: Sequence[int] = ()) -> tuple[TestServer, list[str]]:
    """A venue: what each connection (numbered from 1) does, and the minutes whose bars REST knows."""
    said: list[str] = []
    connections = [0]

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connections[0] += 1
        said.append((await socket.receive()).data)
        await serve(socket, connections[0])
        return socket

    async def rest(request: web.Request) -> web.Response:
        start = int(request.query["startTime"])
        rows = []
        for minute in klines:
            opened = (START_NS + (minute - 1) * MINUTE_NS) // 1_000_000
            if opened >= start:
                rows.append([opened, "100.00", "101.00", "99.00", "100.25", "5.0", opened + 59_999, "0", 1, "0", "0", "0"])
        return web.json_response(rows)

    application = web.Application()
    application.router.add_get("/stream", stream)
    application.router.add_get("/api/v3/klines", rest)
    server = TestServer(application)
    await server.start_server()
    return server, said


def binance(server: TestServer, clock: Clock, **terms: Any) -> BinanceSource:
    limits = terms.pop("limits", StreamLimits(backoff_first_s=0.01, overlap_s=0.01))
    base = str(server.make_url("")).rstrip("/")
    return BinanceSource(
        {"1m": frozenset({ONE})}, base.replace("http", "ws"), base, clock, random.Random(1), limits=limits, **terms
    )  # fmt: skip


def test_binance_bars_are_typed_and_only_closed_ones_count() -> None:
    async def go() -> tuple[list[Any], list[str]]:
        async def serve(socket: web.WebSocketResponse, number: int) -> None:
            for text in ('{"result":null,"id":1}', kline(1, is_closed=False), "no json", kline(1, "XRPUSDT"), kline(1)):
                await socket.send_str(text)
            await socket.send_str('{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"99.5","B":"1","a":"100.5","A":"2"}}')
            await socket.receive()

        server, said = await venue(serve)
        clock = Clock(START_NS + MINUTE_NS)
        source = binance(server, clock, quotes=[ONE])
        published = await fed(BarFeed([source], clock), lambda rows: len(rows) == 2)
        await server.close()
        return published, said

    published, said = asyncio.run(go())

    bar = Bar(ONE, 100.0, 101.0, 99.0, 100.5, 5.0, START_NS + MINUTE_NS + S)
    assert sorted(published, key=lambda one: type(one).__name__) == [
        BarsClosed("1m", START_NS + MINUTE_NS, (bar,)),
        Priced(ONE, Decimal(100), START_NS + MINUTE_NS, Decimal(1)),
    ]
    assert json.loads(said[0])["params"] == ["btcusdt@kline_1m", "btcusdt@bookTicker"]


def test_a_cut_is_repaired_over_rest_and_nothing_comes_twice() -> None:
    async def go() -> list[Any]:
        async def serve(socket: web.WebSocketResponse, number: int) -> None:
            if number > 1:
                clock.at_ns = START_NS + 4 * MINUTE_NS
            await socket.send_str(kline(1 if number == 1 else 4))
            if number > 1:
                await socket.receive()

        clock = Clock(START_NS + MINUTE_NS)
        server, _ = await venue(serve, klines=[1, 2, 3, 4])
        source = binance(server, clock)
        published = await fed(BarFeed([source], clock, fresh_s=600.0), lambda rows: len(rows) >= 4)
        await server.close()
        return published

    rows = ends(asyncio.run(go()))

    assert rows == [(minute, ["BTC"], False) for minute in (1, 2, 3, 4)]


@pytest.mark.parametrize("how", ["age", "shutdown"])
def test_a_connection_is_relieved_before_the_venue_cuts_it(how: str) -> None:
    gaps: list[Gap] = []

    async def go() -> list[Any]:
        async def serve(socket: web.WebSocketResponse, number: int) -> None:
            await socket.send_str(kline(number))
            if number == 1 and how == "shutdown":
                await socket.send_str('{"stream":"!","data":{"e":"serverShutdown","E":1}}')
            await socket.receive()

        server, _ = await venue(serve)
        clock = Clock(START_NS + 2 * MINUTE_NS)
        limits = StreamLimits(backoff_first_s=30.0, overlap_s=0.01, age_s_max=0.05 if how == "age" else 3600.0)
        source = binance(server, clock, limits=limits)
        published: list[Any] = []

        def take(brought: Any) -> None:
            (gaps if isinstance(brought, Gap) else published).append(brought)

        running = asyncio.create_task(source.run(take))
        async with asyncio.timeout(20):
            while len(published) < 2:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.close()
        return published

    published = asyncio.run(go())

    assert [(one.end_ns - START_NS) // MINUTE_NS for one in published[:2]] == [1, 2]
    assert [one.reason for one in gaps] == ["begin"]


def test_a_venue_that_refuses_the_stream_is_not_asked_again() -> None:
    async def go() -> None:
        application = web.Application()
        server = TestServer(application)
        await server.start_server()
        try:
            await binance(server, Clock()).run(lambda brought: None)
        finally:
            await server.close()

    with pytest.raises(Rejected, match="HTTP 404"):
        asyncio.run(go())
