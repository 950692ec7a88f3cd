"""OANDA as a source of the feed: candles asked for right after each bar's end, prices from its stream.

1. OANDA streams prices and no bars. At each end of a bar the candles since the last known end are asked for, again while the newest is not
   there yet: a bar without a price has no candle, so after a few times it is taken for one of those.
2. Only candles that the venue calls complete become bars: the middle of bid and ask, volume counts price updates.
3. What cannot be asked for is a Gap, which the feed repairs with `history`.
4. The stream of prices comes back by itself; a token that is refused is tried again now and then, as one may be put in force again.

The token is the account's own; nothing here changes anything. Source: https://developer.oanda.com/rest-live-v20/ (instrument, pricing).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp

from tradewinds.core.errors import Rejected, TradewindsError, Unreadable
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.instrument import split_id
from tradewinds.core.ports import Clock
from tradewinds.live.feed import Take
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_rest import ask, length_ns, next_end_ns
from tradewinds.live.pace import seconds_until
from tradewinds.trading.entry import Bar, Priced
from tradewinds.wire.secret import Secret
from tradewinds.wire.stream import Gap

LIVE_URL, LIVE_STREAM_URL = "https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com"
PRACTICE_URL, PRACTICE_STREAM_URL = "https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com"
# Those whose ends are multiples of their length; longer ones begin at 17:00 in New York.
GRANULARITIES = {"1m": "M1", "2m": "M2", "5m": "M5", "10m": "M10", "15m": "M15", "30m": "M30", "1h": "H1"}
LAG_NS = NS_PER_SECOND  # a bar is known so long after its end, as the vendor's record of capability says
ASK_AFTER_S, ASK_AGAIN_S, TRIES = 0.25, 0.5, 4  # in the clock's time
CANDLES_MAX = 5_000
QUESTIONS_AT_ONCE = 4
SILENCE_S = 15.0  # heartbeats come every five
BACKOFF_FIRST_S, BACKOFF_S_MAX, REFUSED_AGAIN_S = 0.5, 20.0, 30.0
LINE_BYTES_MAX = 1 << 16
TWO = Decimal(2)


@dataclass(slots=True)
class OandaSource:
    """One OANDA account's view as a `feed.FeedSource`. brings: interval -> instrument ids, of GRANULARITIES. account: as OANDA names it.

    quotes: instruments whose prices are told too, each at most once in quote_every_s. rates: base currency per unit of price by quantity.
    """

    brings: Mapping[str, frozenset[str]]
    account: str
    token: Secret
    clock: Clock
    random: random.Random
    url: str = PRACTICE_URL
    stream_url: str = PRACTICE_STREAM_URL
    quotes: Iterable[str] = ()
    quote_every_s: float = 15.0
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    make_session: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession
    name: str = "oanda"

    async def run(self, take: Take) -> None:
        for interval in self.brings:
            if interval not in GRANULARITIES:
                raise Rejected(f"feed {self.name}: interval {interval}, expected one of {', '.join(GRANULARITIES)}")
        async with self.make_session() as session:
            now_ns = self.clock.now_ns()
            take(Gap(now_ns, now_ns, "begin"))
            work = [self._poll(session, interval, now_ns, take) for interval in sorted(self.brings)]
            if any(self.quotes):
                work.append(self._listen_on(session, take))
            tasks = [asyncio.ensure_future(one) for one in work]
            try:
                await asyncio.gather(*tasks)
            finally:
                for one in tasks:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        if end_ns // length_ns(interval) <= start_ns // length_ns(interval):
            return []  # no bar ends in there
        async with self.make_session() as session:
            return await self._since(session, interval, instruments, start_ns, end_ns)

    # Bars

    async def _poll(self, session: aiohttp.ClientSession, interval: str, known_ns: int, take: Take) -> None:
        """The bars of one interval, from the end known last on, at each end of a bar."""
        while True:
            end_ns = next_end_ns(interval, max(known_ns, self.clock.now_ns()))
            await asyncio.sleep(seconds_until(self.clock, end_ns + int(ASK_AFTER_S * NS_PER_SECOND)))
            try:
                await self._ask_for(session, interval, known_ns, end_ns, take)
            except TradewindsError as error:
                take(Gap(known_ns, self.clock.now_ns(), str(error)))
            known_ns = end_ns

    async def _ask_for(self, session: aiohttp.ClientSession, interval: str, known_ns: int, end_ns: int, take: Take) -> None:
        """Bars that ended since, each instrument's until its newest is there or is none."""
        missing = sorted(self.brings[interval])
        for number in range(TRIES):
            if number:
                await asyncio.sleep(seconds_until(self.clock, end_ns + int((ASK_AFTER_S + number * ASK_AGAIN_S) * NS_PER_SECOND)))
            found = await self._since(session, interval, missing, known_ns, end_ns)
            for closed in sorted(found, key=lambda one: one.end_ns):
                take(closed)
            missing = sorted(set(missing) - {one.bar.instrument for one in found if one.end_ns == end_ns})
            if not missing:
                return

    async def _since(
        self, session: aiohttp.ClientSession, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int
    ) -> list[Closed]:
        gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)

        async def one(instrument: str) -> list[Closed]:
            async with gate:
                return await self._candles(session, interval, instrument, start_ns, end_ns)

        found = await asyncio.gather(*(one(name) for name in instruments))
        return [closed for some in found for closed in some]

    async def _candles(self, session: aiohttp.ClientSession, interval: str, instrument: str, start_ns: int, end_ns: int) -> list[Closed]:
        """Bars that end in (start_ns, end_ns], in as many questions as it takes."""
        length, at_ns, found = length_ns(interval), start_ns // length_ns(interval) * length_ns(interval), list[Closed]()
        end_ns = min(end_ns, self.clock.now_ns())  # the venue refuses questions about the future
        while at_ns < end_ns:
            count = min(CANDLES_MAX, max(1, -(-(end_ns - at_ns) // length)) + 1)
            asked = {"granularity": GRANULARITIES[interval], "price": "M", "from": _unix(at_ns), "count": str(count)}
            what = f"candles of {instrument} {interval}"
            address = f"{self.url.rstrip('/')}/v3/instruments/{_symbol(instrument)}/candles"
            rows = (await ask(session, address, asked, self._headers(), what)).get("candles")
            if not isinstance(rows, list):
                raise Unreadable(f"{what}: {str(rows)[:80]}, expected candles")
            bars = [closed for row in rows if (closed := _closed(instrument, interval, row)) is not None]
            found += [one for one in bars if start_ns < one.end_ns <= end_ns]
            if len(rows) < count or not bars:
                break
            at_ns = bars[-1].end_ns
        return found

    # Prices

    async def _listen_on(self, session: aiohttp.ClientSession, take: Take) -> None:
        """Prices as long as it goes, over every cut: bars carry the closes, so a price that was missed is not made up for."""
        failures = 0
        told_ns: dict[str, int] = {}
        while True:
            heard_before = dict(told_ns)
            wait_s = 0.0
            try:
                await self._listen(session, told_ns, take)
            except Rejected:
                wait_s = REFUSED_AGAIN_S
            except (TradewindsError, aiohttp.ClientError, OSError, TimeoutError, ValueError):
                pass  # whatever ended it, the next connection brings prices again
            failures = 0 if told_ns != heard_before else failures + 1
            ceiling = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2.0 ** min(failures, 10))
            await asyncio.sleep(wait_s or ceiling * (0.5 + 0.5 * self.random.random()))

    async def _listen(self, session: aiohttp.ClientSession, told_ns: dict[str, int], take: Take) -> None:
        names = {_symbol(one): one for one in self.quotes}
        address = f"{self.stream_url.rstrip('/')}/v3/accounts/{self.account}/pricing/stream"
        limit = aiohttp.ClientTimeout(total=None, connect=SILENCE_S, sock_read=SILENCE_S)
        params = {"instruments": ",".join(sorted(names))}
        async with session.get(address, params=params, headers=self._headers(), timeout=limit) as answer:
            if answer.status in (400, 401, 403, 404):
                raise Rejected(f"{self.name}: prices: HTTP {answer.status}, expected 200")
            if answer.status != 200:
                return
            async for line in answer.content:
                self._hear(line, names, told_ns, take)

    def _hear(self, line: bytes, names: Mapping[str, str], told_ns: dict[str, int], take: Take) -> None:
        said: Any = json.loads(line) if line.strip() else {}
        instrument = names.get(said.get("instrument", "")) if isinstance(said, dict) and said.get("type") == "PRICE" else None
        now_ns = self.clock.now_ns()
        if instrument is None or now_ns - told_ns.get(instrument, 0) < int(self.quote_every_s * NS_PER_SECOND):
            return
        try:
            middle = (Decimal(said["bids"][0]["price"]) + Decimal(said["asks"][0]["price"])) / TWO
        except (KeyError, IndexError, TypeError, InvalidOperation):
            return  # nobody quotes it now
        if middle.is_finite() and middle > 0:
            told_ns[instrument] = now_ns
            take(Priced(instrument, middle, now_ns, self.rates.get(instrument, Decimal(1))))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token.reveal()}", "Accept-Datetime-Format": "UNIX"}


def _closed(instrument: str, interval: str, row: Any) -> Closed | None:
    """A bar of a candle that is complete; None for one that is not."""
    try:
        if row["complete"] is not True:
            return None
        opened, high, low, close = (float(row["mid"][letter]) for letter in "ohlc")
        whole, _, rest = str(row["time"]).partition(".")
        end_ns = int(whole) * NS_PER_SECOND + int((rest + "0" * 9)[:9]) + length_ns(interval)
        return Closed(interval, end_ns, Bar(instrument, opened, high, low, close, float(row["volume"]), end_ns + LAG_NS))
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"candle of {instrument}: {str(row)[:120]} ({type(error).__name__} {error}), expected a complete one") from error


def _unix(at_ns: int) -> str:
    return f"{at_ns // NS_PER_SECOND}.{at_ns % NS_PER_SECOND:09d}"


def _symbol(instrument: str) -> str:
    return split_id(instrument)[0]
