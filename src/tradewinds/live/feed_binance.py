"""Binance as a source of the feed: klines and best quotes of its streams, typed at the socket; what a cut left out over REST.

1. One connection for all streams, SUBSCRIBE messages of 200 names, `serverShutdown` and the 24-hour cut relieved before they come.
2. A message is decoded by msgspec straight into numbers; only bars that the venue calls closed become bars.
3. Quotes are the middle of bid and ask, told at most once in so many seconds an instrument: the journal keeps each one.

Source: https://github.com/binance/binance-spot-api-docs (web-socket-streams, rest-api: klines), USD-M futures likewise.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import aiohttp
import msgspec

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.instant import NS_PER_MS, NS_PER_SECOND
from tradewinds.core.instrument import split_id
from tradewinds.core.ports import Clock
from tradewinds.live.feed import Take
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_socket import SocketStream
from tradewinds.trading.entry import Bar, Priced
from tradewinds.wire.stream import StreamLimits

LAG_NS = NS_PER_SECOND  # a bar is known so long after its end, as the vendor's record of capability says
NAMES_PER_MESSAGE = 200
STREAMS_MAX = 1024
KLINES_MAX = 1000
QUESTIONS_AT_ONCE = 4
TIMEOUT_S = 10.0
TWO = Decimal(2)
SHUTDOWN = b'"serverShutdown"'


class Kline(msgspec.Struct, gc=False):
    """`k` of a kline event. t and T: open and close in ms; x: closed."""

    t: int
    T: int
    i: str
    o: float
    h: float
    l: float  # noqa: E741 -- the venue's name
    c: float
    v: float
    x: bool


class Event(msgspec.Struct, gc=False):
    """A kline event (`k`) or a best quote (`b` and `a`); replies and other events have neither."""

    s: str = ""
    k: Kline | None = None
    b: str = ""
    a: str = ""


class Combined(msgspec.Struct, gc=False):
    """How combined streams wrap an event."""

    data: Event | None = None


DECODER = msgspec.json.Decoder(Combined, strict=False)  # numbers come as text


@dataclass(slots=True)
class BinanceSource:
    """One Binance market as a `feed.FeedSource`. brings: interval -> instrument ids. quotes: instruments whose best quotes are told, too.

    stream_url: such as wss://data-stream.binance.vision; rest_url: such as https://api.binance.com, with `klines_path` behind it.
    rates: base currency per unit of an instrument's price times quantity, for its quotes. keeps_messages: bars carry what was said.
    """

    brings: Mapping[str, frozenset[str]]
    stream_url: str
    rest_url: str
    clock: Clock
    random: random.Random
    venue: str = "BINANCE"
    klines_path: str = "/api/v3/klines"
    quotes: Iterable[str] = ()
    quote_every_s: float = 15.0
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    keeps_messages: bool = False
    limits: StreamLimits = field(default_factory=StreamLimits)
    make_session: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession

    @property
    def name(self) -> str:
        return self.venue.lower()

    async def run(self, take: Take) -> None:
        stream = SocketStream(
            f"{self.stream_url.rstrip('/')}/stream", self.clock, self.random, self.subscriptions(), self.limits, self.make_session
        )
        await stream.run(self.reader(take), take)

    def subscriptions(self) -> list[str]:
        """The SUBSCRIBE messages; raises Rejected for more streams than one connection carries."""
        names = [f"{_symbol(one).lower()}@kline_{interval}" for interval, ids in sorted(self.brings.items()) for one in sorted(ids)]
        names += [f"{_symbol(one).lower()}@bookTicker" for one in sorted(self.quotes)]
        if len(names) > STREAMS_MAX:
            raise Rejected(f"feed {self.name}: {len(names)} streams, expected at most {STREAMS_MAX} on one connection")
        return [
            json.dumps({"method": "SUBSCRIBE", "params": names[at : at + NAMES_PER_MESSAGE], "id": at // NAMES_PER_MESSAGE + 1})
            for at in range(0, len(names), NAMES_PER_MESSAGE)
        ]

    def reader(self, take: Take) -> Callable[[bytes], bool]:
        """What hears each message: bars and quotes go to `take`; the answer is whether the venue announces its shutdown.

        A message that is none raises nothing: it is passed over, and the bar that it may have been is missed like one that never came.
        """
        names = {_symbol(one): one for some in self.brings.values() for one in some} | {_symbol(one): one for one in self.quotes}
        decode, keeps, told_ns = DECODER.decode, self.keeps_messages, dict.fromkeys(names.values(), 0)

        def hear(text: bytes) -> bool:
            try:
                event = decode(text).data
            except msgspec.DecodeError:
                return SHUTDOWN in text
            if event is None:
                return SHUTDOWN in text
            kline = event.k
            if kline is not None:
                name = names.get(event.s)
                if kline.x and name is not None and kline.l > 0.0:
                    end_ns = (kline.T + 1) * NS_PER_MS
                    bar = Bar(name, kline.o, kline.h, kline.l, kline.c, kline.v, end_ns + LAG_NS)
                    take(Closed(kline.i, end_ns, bar, text.decode() if keeps else ""))
            elif event.b and event.s in names:
                self._quote(names[event.s], event, told_ns, take)
            else:
                return SHUTDOWN in text
            return False

        return hear

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        async with self.make_session() as session:

            async def one(instrument: str) -> list[Closed]:
                async with gate:
                    return await self._klines(session, interval, instrument, start_ns, end_ns)

            found = await asyncio.gather(*(one(name) for name in instruments))
        return [closed for some in found for closed in some]

    async def _klines(self, session: aiohttp.ClientSession, interval: str, instrument: str, start_ns: int, end_ns: int) -> list[Closed]:
        """Bars that end in (start_ns, end_ns] and have ended, in as many questions as it takes: the venue tells the one under way too."""
        found: list[Closed] = []
        end_ns = min(end_ns, self.clock.now_ns())
        at_ms = start_ns // NS_PER_MS
        while True:
            asked = {"symbol": _symbol(instrument), "interval": interval, "startTime": str(at_ms), "limit": str(KLINES_MAX)}
            rows = await self._ask(session, asked)
            for row in rows:
                closed = _closed(instrument, interval, row)
                if start_ns < closed.end_ns <= end_ns:
                    found.append(closed)
            if len(rows) < KLINES_MAX or int(str(rows[-1][6])) * NS_PER_MS >= end_ns:
                return found
            at_ms = int(str(rows[-1][0])) + 1

    async def _ask(self, session: aiohttp.ClientSession, asked: Mapping[str, str]) -> list[list[object]]:
        what = f"klines of {asked['symbol']} {asked['interval']}"
        try:
            limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with session.get(f"{self.rest_url.rstrip('/')}{self.klines_path}", params=asked, timeout=limit) as answer:
                body = await answer.read()
                wait = answer.headers.get("Retry-After", "")
                if answer.status in (418, 429) or answer.status >= 500:
                    raise Transient(
                        f"{what}: HTTP {answer.status}, expected 200", retry_after_s=float(wait) if wait.isdigit() else None
                    )  # fmt: skip
                if answer.status != 200:
                    raise Rejected(f"{what}: HTTP {answer.status} {body[:120]!r}, expected 200")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Transient(f"{what}: {type(error).__name__} {error}, expected an answer") from error
        try:
            return msgspec.json.decode(body, type=list[list[object]])
        except msgspec.DecodeError as error:
            raise Unreadable(f"{what}: {body[:80]!r} ({error}), expected rows") from error

    def _quote(self, instrument: str, event: Event, told_ns: dict[str, int], take: Take) -> None:
        now_ns = self.clock.now_ns()
        if now_ns - told_ns.get(instrument, 0) < int(self.quote_every_s * NS_PER_SECOND):
            return
        try:
            middle = (Decimal(event.b) + Decimal(event.a)) / TWO
        except InvalidOperation:
            return
        if middle.is_finite() and middle > 0:
            told_ns[instrument] = now_ns
            take(Priced(instrument, middle, now_ns, self.rates.get(instrument, Decimal(1))))


def _closed(instrument: str, interval: str, row: Sequence[object]) -> Closed:
    try:
        opened, high, low, close, volume = (float(str(one)) for one in row[1:6])
        end_ns = (int(str(row[6])) + 1) * NS_PER_MS
    except (ValueError, IndexError) as error:
        raise Unreadable(f"kline of {instrument}: {list(row)[:7]} ({error}), expected numbers") from error
    return Closed(interval, end_ns, Bar(instrument, opened, high, low, close, volume, end_ns + LAG_NS))


def _symbol(instrument: str) -> str:
    return split_id(instrument)[0]
