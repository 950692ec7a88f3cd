"""What every live source of bars and prices must do, one sentence a case; see docs/acceptance.md. Vendors have their own.

Each source listens once to its local venue, whose minute lasts a fifth of a second, over a cut in the middle; many cases look at that.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instant import parse
from tradewinds.live.feed import BarFeed
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_binance import BinanceSource
from tradewinds.live.feed_ibkr import IbkrSource
from tradewinds.live.feed_oanda import OandaSource
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.faults import Fault
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.server import Sandbox
from tradewinds.trading.entry import BarsClosed, Priced
from tradewinds.wire.secret import Secret
from tradewinds.wire.stream import Gap, StreamLimits

needs = pytest.mark.needs
S, MINUTE_NS = 1_000_000_000, 60_000_000_000
HOUR_NS, DAY_NS = 60 * MINUTE_NS, 1440 * MINUTE_NS
NOW_NS = parse("2025-03-14T15:00:30Z")  # a Friday on which New York trades
SPEED = 300.0
TOKEN = "sandbox-oanda-token"


class Binance:
    """Spot: a stream of candles, and klines over REST."""

    name = "binance"
    names = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")
    venue = "binance_rest"
    REFUSES: ClassVar[dict[str, str]] = {}
    LACKS: ClassVar[dict[str, str]] = {"weekend": "it never closes", "token": "market data needs none"}

    def __init__(self, venues: Sandbox) -> None:
        self.venues = venues

    def made(self, intervals: tuple[str, ...] = ("1m",), *, url: str = "", names: tuple[str, ...] = ()) -> Any:
        return BinanceSource(
            {each: frozenset(names or self.names) for each in intervals}, self.venues.urls["binance_stream"],
            url or self.venues.urls["binance_rest"], self.venues.world.clock, random.Random(1), quotes=self.names,
            limits=StreamLimits(backoff_first_s=0.01, overlap_s=0.01),
        )  # fmt: skip

    def cut(self) -> None:
        self.venues.world.faults.add(Fault("disconnect", venue="binance_stream", times=1))

    def too_much(self) -> Any:
        return self.made(names=tuple(f"A{number}USDT.BINANCE" for number in range(1100)))


class BinanceUm(Binance):
    """USD-M futures: klines over REST."""

    name = "binance_um"
    names = ("BTCUSDT.BINANCE_UM", "ETHUSDT.BINANCE_UM")
    venue = "binance_futures"
    LACKS: ClassVar[dict[str, str]] = {**Binance.LACKS, "stream": "the local venue streams spot alone"}

    def made(self, intervals: tuple[str, ...] = ("1m",), *, url: str = "", names: tuple[str, ...] = ()) -> Any:
        return BinanceSource(
            {each: frozenset(names or self.names) for each in intervals}, self.venues.urls["binance_stream"],
            url or self.venues.urls["binance_futures"], self.venues.world.clock, random.Random(1), venue="BINANCE_UM",
            klines_path="/fapi/v1/klines",
        )  # fmt: skip


class Oanda:
    """Candles asked for at each end, and a stream of prices."""

    name = "oanda"
    names = ("EUR_USD.OANDA", "USD_JPY.OANDA")
    venue = "oanda"
    REFUSES: ClassVar[dict[str, str]] = {}
    LACKS: ClassVar[dict[str, str]] = {"announced shutdown": "OANDA announces none"}

    def __init__(self, venues: Sandbox) -> None:
        self.venues = venues

    def made(self, intervals: tuple[str, ...] = ("1m",), *, url: str = "", names: tuple[str, ...] = ()) -> Any:
        own = self.venues.urls["oanda"]
        return OandaSource(
            {each: frozenset(names or self.names) for each in intervals}, ACCOUNT, Secret(TOKEN), self.venues.world.clock,
            random.Random(1), url=url or own, stream_url=own, quotes=self.names,
        )  # fmt: skip

    def cut(self) -> None:
        self.venues.world.faults.add(Fault("error", venue="oanda", path="*candles*", times=2))

    def too_much(self) -> Any:
        return self.made(("7m",))


class Ibkr:
    """Historical bars that the gateway keeps up to date."""

    name = "ibkr"
    names = ("AAPL.XNAS", "EUR_USD.IDEALPRO")
    venue = "tws"
    REFUSES: ClassVar[dict[str, str]] = {}
    LACKS: ClassVar[dict[str, str]] = {
        "announced shutdown": "the gateway announces none", "answers": "the socket has no answers that could be forged one by one",
        "token": "whoever reaches the port listens",
        "pages": "shares rest at night: the pages of days are not a row without holes",
        "unconnected history": "history is asked for on the connection that listens",
        "weekend": "history is asked for on the connection that listens",
    }  # fmt: skip

    def __init__(self, venues: Sandbox) -> None:
        self.venues = venues

    def made(self, intervals: tuple[str, ...] = ("1m",), *, url: str = "", names: tuple[str, ...] = ()) -> Any:
        return IbkrSource(
            {each: frozenset(names or self.names) for each in intervals}, url or self.venues.urls["tws"], self.venues.world.clock,
            random.Random(1),
        )  # fmt: skip

    def cut(self) -> None:
        self.venues.tws.call(lambda gateway: gateway.go_down())
        self.venues.tws.call(lambda gateway: gateway.come_back())

    def too_much(self) -> Any:
        return self.made(("7m",))


SOURCES: dict[str, Any] = {one.name: one for one in (Binance, BinanceUm, Oanda, Ibkr)}


@dataclass
class Heard:
    """What a source told, each with the venue's time at which it was. history: what it answered afterwards for the same span."""

    told: list[tuple[int, Any]] = field(default_factory=list)
    history: list[Closed] = field(default_factory=list)
    begin_ns: int = 0
    cut_ns: int = 0

    @property
    def bars(self) -> list[tuple[int, Closed]]:
        return [(at, one) for at, one in self.told if isinstance(one, Closed)]

    @property
    def gaps(self) -> list[Gap]:
        return [one for _, one in self.told if isinstance(one, Gap)]

    @property
    def prices(self) -> list[tuple[int, Priced]]:
        return [(at, one) for at, one in self.told if isinstance(one, Priced)]

    def of(self, name: str) -> list[Closed]:
        return [one for _, one in self.bars if one.bar.instrument == name]


async def until(is_so: Callable[[], bool], running: asyncio.Future[None]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.02)
            if running.done():
                running.result()


async def listen(house: Any) -> Heard:
    heard, clock = Heard(), house.venues.world.clock
    heard.begin_ns = clock.now_ns()
    source = house.made()
    running = asyncio.ensure_future(source.run(lambda one: heard.told.append((clock.now_ns(), one))))

    def whole(count: int) -> bool:
        return all(len({one.end_ns for one in heard.of(name)}) >= count for name in house.names)

    await until(lambda: whole(4), running)
    heard.cut_ns = clock.now_ns()
    gaps = len(heard.gaps)
    house.cut()
    await until(lambda: len(heard.gaps) > gaps, running)
    count = max(len({one.end_ns for one in heard.of(name)}) for name in house.names)
    await until(lambda: whole(count + 3), running)
    heard.history = list(await source.history("1m", list(house.names), heard.begin_ns - 5 * MINUTE_NS, clock.now_ns()))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return heard


_ENDED: list[Sandbox] = []
_HEARD: dict[str, Heard] = {}


@pytest.fixture(scope="module", autouse=True)
def _venues_end() -> Iterator[None]:
    yield
    while _ENDED:
        _ENDED.pop().stop()


def venues_of(speed: float) -> Sandbox:
    return Sandbox(SandboxConfig(seed=7, now_ns=NOW_NS, speed=speed, weight_limit=1_000_000, checks_time=False))


@pytest.fixture(params=sorted(SOURCES))
def house(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A source's house at a venue of its own, whose clock stands still. Skips where the case needs what is not there, and says why."""
    kind = SOURCES[request.param]
    for word in [word for mark in request.node.iter_markers("needs") for word in mark.args]:
        if word in kind.LACKS:
            pytest.skip(f"{kind.name}: {word}: {kind.LACKS[word]}")
    running = venues_of(0.0).start()
    yield kind(running)
    running.request_stop()
    running.tws.stop()
    _ENDED.append(running)


@pytest.fixture
def heard(house: Any) -> Heard:
    """What the source told over some ten minutes with a cut among them; it listens once for all cases."""
    if house.name not in _HEARD:
        with venues_of(SPEED) as running:
            _HEARD[house.name] = asyncio.run(listen(type(house)(running)))
    return _HEARD[house.name]


# Live bars


@needs("stream")
def test_what_may_have_been_missed_before_the_first_message_is_a_gap(house: Any, heard: Heard) -> None:
    assert isinstance(heard.told[0][1], Gap)
    assert heard.begin_ns - S <= heard.gaps[0].start_ns <= heard.gaps[0].end_ns


@needs("stream")
def test_a_bar_is_told_when_it_has_closed_and_not_before(house: Any, heard: Heard) -> None:
    assert [one for at, one in heard.bars if one.end_ns > at] == []


@needs("stream")
def test_bars_of_an_instrument_come_in_order(house: Any, heard: Heard) -> None:
    for name in house.names:
        ends = list(dict.fromkeys(one.end_ns for one in heard.of(name)))
        assert ends == sorted(ends)


@needs("stream")
def test_a_bar_that_is_told_twice_is_the_same_bar(house: Any, heard: Heard) -> None:
    found: dict[tuple[str, int], Closed] = {}
    for _, one in heard.bars:
        assert found.setdefault((one.bar.instrument, one.end_ns), one) == one


@needs("stream")
def test_bars_end_on_whole_minutes(house: Any, heard: Heard) -> None:
    assert {one.end_ns % MINUTE_NS for _, one in heard.bars} == {0}
    assert {one.interval for _, one in heard.bars} == {"1m"}


@needs("stream")
def test_bars_bear_our_names_and_no_others(house: Any, heard: Heard) -> None:
    assert {one.bar.instrument for _, one in heard.bars} == set(house.names)


@needs("stream")
def test_a_bar_is_known_after_its_end(house: Any, heard: Heard) -> None:
    assert {one.bar.known_ns > one.end_ns for _, one in heard.bars} == {True}


@needs("stream")
def test_a_bar_is_possible(house: Any, heard: Heard) -> None:
    for _, one in heard.bars:
        assert 0 < one.bar.low <= min(one.bar.open, one.bar.close)
        assert max(one.bar.open, one.bar.close) <= one.bar.high
        assert one.bar.volume >= 0


@needs("stream")
def test_a_live_bar_is_the_bar_of_history(house: Any, heard: Heard) -> None:
    history = {(one.bar.instrument, one.end_ns): one.bar for one in heard.history}
    shared = [one for _, one in heard.bars if (one.bar.instrument, one.end_ns) in history]
    assert len(shared) >= 8
    for one in shared:
        assert one.bar == history[one.bar.instrument, one.end_ns]


@needs("stream")
def test_between_gaps_no_bar_is_missing(house: Any, heard: Heard) -> None:
    told = {(one.bar.instrument, one.end_ns) for _, one in heard.bars}
    last = {name: max(one.end_ns for one in heard.of(name)) for name in house.names}
    for one in heard.history:
        in_gap = any(gap.start_ns - MINUTE_NS < one.end_ns <= gap.end_ns + MINUTE_NS for gap in heard.gaps)
        if heard.gaps[0].end_ns < one.end_ns <= last[one.bar.instrument] and not in_gap:
            assert (one.bar.instrument, one.end_ns) in told


# A cut


@needs("stream")
def test_a_cut_is_told_as_a_gap_with_its_reason(house: Any, heard: Heard) -> None:
    assert len(heard.gaps) >= 2
    assert all(gap.reason for gap in heard.gaps)


@needs("stream")
def test_the_gap_of_a_cut_ends_no_earlier_than_the_cut(house: Any, heard: Heard) -> None:
    assert heard.gaps[-1].end_ns >= heard.cut_ns
    assert all(gap.start_ns <= gap.end_ns for gap in heard.gaps)


@needs("stream")
def test_after_a_cut_bars_come_again(house: Any, heard: Heard) -> None:
    for name in house.names:
        assert len([one for one in heard.of(name) if one.end_ns > heard.cut_ns]) >= 2


@needs("stream")
def test_the_feed_over_a_source_publishes_rows_once_and_in_order_over_a_cut(house: Any) -> None:
    async def go(fast: Any) -> list[BarsClosed]:
        rows: list[BarsClosed] = []
        feed = BarFeed([fast.made()], fast.venues.world.clock, lateness_s=60.0, fresh_s=600.0)
        running = asyncio.ensure_future(feed.run(lambda one: rows.append(one) if isinstance(one, BarsClosed) else None))
        await until(lambda: len(rows) >= 3, running)
        fast.cut()
        await until(lambda: len(rows) >= 8, running)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return rows

    with venues_of(SPEED) as running:
        rows = asyncio.run(go(type(house)(running)))
    cells = [(bar.instrument, row.end_ns) for row in rows for bar in row.bars]
    assert len(cells) == len(set(cells))
    ends = [row.end_ns for row in rows if len(row.bars) == len(house.names)]
    assert ends == sorted(ends)
    assert set(range(ends[0], ends[-1] + 1, MINUTE_NS)) == {row.end_ns for row in rows if ends[0] <= row.end_ns <= ends[-1]}


# Prices


@needs("stream")
def test_prices_are_told_for_every_instrument(house: Any, heard: Heard) -> None:
    assert {one.instrument for _, one in heard.prices} == set(house.names)
    assert all(one.price > 0 for _, one in heard.prices)
    assert {type(one.price) for _, one in heard.prices} == {Decimal}


@needs("stream")
def test_prices_of_an_instrument_are_told_no_more_often_than_was_asked(house: Any, heard: Heard) -> None:
    for name in house.names:
        times = [at for at, one in heard.prices if one.instrument == name]
        assert all(later - earlier >= 15 * S - S for earlier, later in pairwise(times))


@needs("stream")
def test_a_price_has_no_digits_that_the_venue_did_not_say(house: Any, heard: Heard) -> None:
    for _, one in heard.prices:
        assert -int(one.price.as_tuple().exponent) <= 8


# History


@needs("unconnected history")
def test_history_leaves_out_what_ends_at_its_start_and_holds_what_ends_at_its_end(house: Any) -> None:
    start = NOW_NS // MINUTE_NS * MINUTE_NS - 30 * MINUTE_NS
    found = asyncio.run(house.made().history("1m", [house.names[0]], start, start + 3 * MINUTE_NS))
    assert [one.end_ns - start for one in found] == [MINUTE_NS, 2 * MINUTE_NS, 3 * MINUTE_NS]


@needs("unconnected history")
def test_history_of_no_time_is_empty(house: Any) -> None:
    assert list(asyncio.run(house.made().history("1m", list(house.names), NOW_NS, NOW_NS))) == []


@needs("unconnected history")
def test_history_of_a_time_in_which_no_bar_ended_is_empty(house: Any) -> None:
    start = NOW_NS // MINUTE_NS * MINUTE_NS - 10 * MINUTE_NS + S
    assert list(asyncio.run(house.made().history("1m", list(house.names), start, start + 30 * S))) == []


@needs("unconnected history")
def test_the_bar_under_way_is_not_history(house: Any) -> None:
    start = NOW_NS // MINUTE_NS * MINUTE_NS - 5 * MINUTE_NS
    found = asyncio.run(house.made().history("1m", [house.names[0]], start, NOW_NS + 10 * MINUTE_NS))
    assert max(one.end_ns for one in found) <= NOW_NS


@needs("unconnected history")
def test_the_future_has_no_history(house: Any) -> None:
    assert list(asyncio.run(house.made().history("1m", list(house.names), NOW_NS + HOUR_NS, NOW_NS + 2 * HOUR_NS))) == []


@needs("unconnected history", "pages")
def test_pages_are_followed_without_holes_and_without_repeats(house: Any) -> None:
    end = NOW_NS // MINUTE_NS * MINUTE_NS
    found = asyncio.run(house.made().history("1m", [house.names[0]], end - 2_600 * MINUTE_NS, end))
    ends = [one.end_ns for one in found]
    assert ends == sorted(set(ends))
    assert 2_500 <= len(ends) <= 2_600
    assert ends[-1] == end


@needs("unconnected history")
def test_one_question_may_name_several_instruments(house: Any) -> None:
    end = NOW_NS // MINUTE_NS * MINUTE_NS
    found = asyncio.run(house.made().history("1m", list(house.names), end - 10 * MINUTE_NS, end))
    assert {one.bar.instrument for one in found} == set(house.names)


@needs("unconnected history")
@pytest.mark.parametrize(("interval", "length_ns"), [("5m", 5 * MINUTE_NS), ("1h", HOUR_NS)])
def test_longer_bars_are_made_of_the_shorter_ones(house: Any, interval: str, length_ns: int) -> None:
    end = NOW_NS // HOUR_NS * HOUR_NS
    source, name = house.made(("1m", interval)), house.names[0]
    (long, *_) = asyncio.run(source.history(interval, [name], end - length_ns, end))
    short = asyncio.run(source.history("1m", [name], end - length_ns, end))
    assert long.end_ns == end
    assert long.end_ns % length_ns == 0
    assert (long.bar.open, long.bar.close) == (short[0].bar.open, short[-1].bar.close)
    assert (long.bar.high, long.bar.low) == (max(one.bar.high for one in short), min(one.bar.low for one in short))


@needs("unconnected history")
def test_numbers_are_the_shortest_that_the_venue_said(house: Any) -> None:
    end = NOW_NS // MINUTE_NS * MINUTE_NS
    for one in asyncio.run(house.made().history("1m", list(house.names), end - 10 * MINUTE_NS, end)):
        assert -int(Decimal(repr(one.bar.close)).as_tuple().exponent) <= 8


@needs("weekend", "unconnected history")
def test_a_weekend_has_no_bars(house: Any) -> None:
    start, end = parse("2025-03-08T00:00:00Z"), parse("2025-03-09T20:00:00Z")
    assert list(asyncio.run(house.made(("1h",)).history("1h", [house.names[0]], start, end))) == []


@needs("weekend", "unconnected history")
@pytest.mark.parametrize(("sunday", "opens"), [("2025-03-02", "22:00"), ("2025-03-09", "21:00")])
def test_a_week_begins_at_five_in_new_york_whatever_the_clocks_do(house: Any, sunday: str, opens: str) -> None:
    start = parse(f"{sunday}T12:00:00Z")
    found = asyncio.run(house.made(("1h",)).history("1h", [house.names[0]], start, start + 16 * HOUR_NS))
    assert found[0].end_ns == parse(f"{sunday}T{opens}:00Z") + HOUR_NS


# What cannot be had


@needs("answers")
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_venue_in_trouble_is_asked_again_later(house: Any, status: int) -> None:
    house.venues.world.faults.add(Fault("error", venue=house.venue, amount=float(status)))
    with pytest.raises(Transient, match=str(status)):
        asyncio.run(house.made().history("1m", [house.names[0]], NOW_NS - HOUR_NS, NOW_NS))


@needs("answers")
def test_a_rate_limit_names_the_wait(house: Any) -> None:
    house.venues.world.faults.add(Fault("throttle", venue=house.venue, amount=7.0))
    with pytest.raises(Transient) as said:
        asyncio.run(house.made().history("1m", [house.names[0]], NOW_NS - HOUR_NS, NOW_NS))
    assert said.value.retry_after_s == 7.0


@needs("answers")
@pytest.mark.parametrize("kind", ["truncated", "error_body", "reset"])
def test_half_an_answer_or_another_one_is_never_taken_for_no_bars(house: Any, kind: str) -> None:
    house.venues.world.faults.add(Fault(kind, venue=house.venue))
    with pytest.raises((Unreadable, Transient, Rejected)):
        asyncio.run(house.made().history("1m", [house.names[0]], NOW_NS - HOUR_NS, NOW_NS))


def test_a_venue_that_is_not_there_is_asked_again_later(house: Any) -> None:
    url = "127.0.0.1:9" if house.name == "ibkr" else "http://127.0.0.1:9"
    with pytest.raises(Transient):
        asyncio.run(house.made(url=url).history("1m", [house.names[0]], NOW_NS - HOUR_NS, NOW_NS))


@needs("unconnected history")
def test_an_instrument_that_nobody_knows_has_no_history(house: Any) -> None:
    with pytest.raises(TradewindsError, match="NOSUCH"):
        asyncio.run(house.made().history("1m", [f"NOSUCH.{house.names[0].partition('.')[2]}"], NOW_NS - HOUR_NS, NOW_NS))


def test_more_than_a_source_carries_is_refused(house: Any) -> None:
    with pytest.raises(Rejected):
        asyncio.run(asyncio.wait_for(house.too_much().run(lambda told: None), 10))


@needs("token")
def test_a_token_stands_in_no_words(house: Any) -> None:
    source = house.made()
    assert TOKEN not in repr(source)
    house.venues.world.faults.add(Fault("error", venue=house.venue, amount=503.0))
    with pytest.raises(Transient) as said:
        asyncio.run(source.history("1m", [house.names[0]], NOW_NS - HOUR_NS, NOW_NS))
    assert TOKEN not in f"{said.value!r} {said.value}"


@needs("announced shutdown", "stream")
def test_an_announced_shutdown_is_relieved_without_a_gap(house: Any) -> None:
    async def go(fast: Any) -> Heard:
        heard, clock = Heard(), fast.venues.world.clock
        running = asyncio.ensure_future(fast.made().run(lambda one: heard.told.append((clock.now_ns(), one))))
        await until(lambda: len(heard.bars) >= 2, running)
        fast.venues.world.faults.add(Fault("shutdown", venue="binance_stream", times=1, amount=2.0))
        count = len(heard.bars)
        await until(lambda: len(heard.bars) >= count + 20, running)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return heard

    with venues_of(SPEED) as running:
        heard = asyncio.run(go(type(house)(running)))
    assert len(heard.gaps) == 1
    ends = sorted({one.end_ns for one in heard.of(house.names[0])})
    assert ends == list(range(ends[0], ends[-1] + 1, MINUTE_NS))
