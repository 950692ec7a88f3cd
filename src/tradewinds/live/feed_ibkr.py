"""Interactive Brokers as a source of the feed: historical bars that TWS or the gateway keeps up to date.

1. One connection under a client id of its own, which may only read. Each instrument's bars are asked for once and then told as they grow;
   when a bar begins the one before it is closed. Shares and coins show trades, currencies the middle of bid and ask with a volume of 0.
2. Bars that were missed are among those that the next request brings; what lies further back is asked for with its end named, paced as the
   venue demands (no more than `PACE_MAX` requests within `PACE_S`).
3. The connection is made anew after every loss, where the venue says that data was lost, and where it does not answer. A request is never
   the same twice within a quarter of a minute, which the venue refuses: its span changes with each try.
4. Prices are the closes of growing bars.

Source: https://www.interactivebrokers.com/campus/ibkr-api-page/twsapi-doc/ (historical bars, keepUpToDate, pacing).
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async import IB, BarData, BarDataList, Contract, RequestError, StartupFetchNONE

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.instrument import split_id
from tradewinds.core.ports import Clock
from tradewinds.live.feed import Take
from tradewinds.live.feed_assembly import Closed
from tradewinds.live.feed_rest import length_ns
from tradewinds.trading.entry import Bar, Priced
from tradewinds.wire.stream import Gap

CLIENT_ID = 37
SIZES = {
    "1m": "1 min",
    "2m": "2 mins",
    "3m": "3 mins",
    "5m": "5 mins",
    "10m": "10 mins",
    "15m": "15 mins",
    "30m": "30 mins",
    "1h": "1 hour",
}
LAG_NS = NS_PER_SECOND  # a bar is known so long after its end, as the vendor's record of capability says
LATENESS_S = 10.0  # growing bars are told every five seconds, so that a bar's end is known by the next one
CONNECT_S, ANSWER_S, BEAT_S, MISSING_AGAIN_S = 10.0, 60.0, 15.0, 60.0
BACKOFF_FIRST_S, BACKOFF_S_MAX = 0.5, 30.0
PACE_MAX, PACE_S = 5, 2.0  # requests within so many seconds
BARS_AT_FIRST, RECENT = 30, 5
DAY_S = 86_400
SHARES = {"XNAS": "NASDAQ", "XNYS": "NYSE", "ARCX": "ARCA", "XASE": "AMEX", "BATS": "BATS"}
DATA_LOST = (1101, 10182)  # the connection to the data was lost, and what was subscribed with it


@dataclass(slots=True)
class IbkrSource:
    """A gateway's bars as a `feed.FeedSource`. brings: interval -> instrument ids, of SIZES. address: host:port.

    hours: only regular ones. rates: base currency per unit of price by quantity. quote_every_s: of one instrument's price.
    """

    brings: Mapping[str, frozenset[str]]
    address: str
    clock: Clock
    random: random.Random
    client_id: int = CLIENT_ID
    quote_every_s: float = 15.0
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    is_regular: bool = True
    lateness_s: float = LATENESS_S
    name: str = "ibkr"
    make: Callable[[], IB] = IB
    _ib: IB | None = None
    _kept: dict[tuple[str, str], BarDataList] = field(default_factory=dict)
    _asked_s: deque[float] = field(default_factory=deque)
    _tries: int = 0
    _told_ns: dict[str, int] = field(default_factory=dict)
    _heard_ns: int = 0

    async def run(self, take: Take) -> None:
        for interval in self.brings:
            if interval not in SIZES:
                raise Rejected(f"feed {self.name}: interval {interval}, expected one of {', '.join(SIZES)}")
        self._heard_ns = self.clock.now_ns()
        reason, failures = "begin", 0
        while True:
            began_ns = self._heard_ns
            try:
                said = await self._connected(take, reason)
                failures = 0
            except Transient as error:
                said, failures = str(error), failures + 1
            # Until bars were heard again the gap goes on, and it is still the first one.
            reason = said if self._heard_ns > began_ns else reason
            ceiling = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2.0 ** min(failures, 10))
            await asyncio.sleep(ceiling * (0.5 + 0.5 * self.random.random()))

    async def history(self, interval: str, instruments: Sequence[str], start_ns: int, end_ns: int) -> Sequence[Closed]:
        if end_ns // length_ns(interval) <= start_ns // length_ns(interval):
            return []  # no bar ends in there
        found: list[Closed] = []
        for instrument in instruments:
            kept = self._kept.get((interval, instrument))
            bars = self._ended(interval, instrument, kept) if kept else []
            if not bars or bars[0].end_ns - length_ns(interval) > start_ns:
                bars = await self._asked(interval, instrument, start_ns, end_ns)
            found += [one for one in bars if start_ns < one.end_ns <= end_ns]
        return found

    # One connection

    async def _connected(self, take: Take, reason: str) -> str:
        """Hear bars until the connection is of no use any more; why. Raises Transient where there is none."""
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def end(why: str) -> None:
            if not gone.done():
                gone.set_result(why)

        def on_error(about: int, code: int, text: str, contract: Contract | None) -> None:
            if code in DATA_LOST:
                end(f"{code} {text}")

        ib = await self._opened()
        ib.disconnectedEvent += lambda: end("the connection ended")
        ib.errorEvent += on_error
        self._ib = ib
        try:
            missing = await self._subscribed(
                ib, [(interval, name) for interval in sorted(self.brings) for name in sorted(self.brings[interval])], take
            )
            take(Gap(self._heard_ns, self.clock.now_ns(), reason))
            self._heard_ns, looked_s = self.clock.now_ns(), asyncio.get_running_loop().time()
            while not gone.done():
                await asyncio.wait({gone}, timeout=BEAT_S)
                if gone.done():
                    break
                await self._beat(ib)
                if missing and asyncio.get_running_loop().time() - looked_s >= MISSING_AGAIN_S:
                    looked_s, since_ns = asyncio.get_running_loop().time(), self.clock.now_ns()
                    missing = await self._subscribed(ib, missing, take)
                    take(Gap(since_ns, self.clock.now_ns(), "bars are told again"))
            return gone.result()
        finally:
            self._ib = None
            self._kept.clear()
            ib.disconnect()
            await asyncio.sleep(0)

    async def _subscribed(self, ib: IB, wanted: Sequence[tuple[str, str]], take: Take) -> list[tuple[str, str]]:
        """Ask for bars that grow; those that the gateway does not tell now, of which the others know nothing."""
        missing = []
        for interval, name in wanted:
            try:
                await self._subscribe(ib, interval, name, take)
            except Transient:
                if not ib.isConnected():
                    raise
                missing.append((interval, name))
        return missing

    async def _beat(self, ib: IB) -> None:
        """Raises Transient where the gateway does not answer: a market that is closed says nothing either."""
        try:
            await asyncio.wait_for(ib.reqCurrentTimeAsync(), CONNECT_S)
        except (TimeoutError, ConnectionError, RequestError) as error:
            raise Transient(f"feed {self.name}: the gateway does not answer ({type(error).__name__})") from None

    async def _opened(self) -> IB:
        host, _, port = self.address.rpartition(":")
        ib = self.make()
        ib.RaiseRequestErrors = True
        try:
            await ib.connectAsync(host, int(port), self.client_id, CONNECT_S, readonly=True, fetchFields=StartupFetchNONE)
        except (OSError, ConnectionError, TimeoutError, ValueError) as error:
            raise Transient(
                f"feed {self.name} at {self.address}: {str(error) or 'no answer'}, expected a gateway that is logged in"
            ) from None
        return ib

    async def _subscribe(self, ib: IB, interval: str, instrument: str, take: Take) -> None:
        self._tries += 1
        span_s = (BARS_AT_FIRST + self._tries % BARS_AT_FIRST) * length_ns(interval) // NS_PER_SECOND
        bars = await self._request(ib, interval, instrument, "", span_s, keeps=True)
        self._kept[interval, instrument] = bars
        told = bars[-1].date if bars else None

        def grown(bars: BarDataList, has_new: bool) -> None:
            nonlocal told
            self._heard_ns = self.clock.now_ns()
            if has_new:
                for closed in self._closed(interval, instrument, bars[-RECENT:-1]):
                    if told is None or closed.end_ns > _ns(told):
                        take(closed)
                told = bars[-1].date
            self._price(instrument, bars[-1], take)

        bars.updateEvent += grown

    # Requests

    async def _asked(self, interval: str, instrument: str, start_ns: int, end_ns: int) -> list[Closed]:
        """Closed bars, page by page from the latest on."""
        found: list[Closed] = []
        while end_ns > start_ns:
            if self._ib is None:
                raise Transient(f"feed {self.name}: not connected, expected a gateway that is logged in")
            span_s = min(DAY_S, -(-(end_ns - start_ns) // NS_PER_SECOND) + 2 * length_ns(interval) // NS_PER_SECOND)
            bars = await self._request(self._ib, interval, instrument, datetime.fromtimestamp(-(-end_ns // NS_PER_SECOND), UTC), span_s)
            found += self._ended(interval, instrument, bars)
            end_ns -= span_s * NS_PER_SECOND
        return found

    async def _request(self, ib: IB, interval: str, instrument: str, end: Any, span_s: int, *, keeps: bool = False) -> BarDataList:
        what = f"feed {self.name}: bars of {instrument}"
        await self._paced()
        contract = contract_of(instrument)
        shown = "MIDPOINT" if contract.secType == "CASH" else "AGGTRADES" if contract.secType == "CRYPTO" else "TRADES"
        duration = f"{span_s} S" if span_s <= DAY_S else f"{math.ceil(span_s / DAY_S)} D"
        asking = asyncio.ensure_future(
            ib.reqHistoricalDataAsync(
                contract, end, duration, SIZES[interval], shown, self.is_regular, formatDate=2, keepUpToDate=keeps, timeout=0
            )
        )
        try:
            return await asyncio.wait_for(asking, ANSWER_S)
        except RequestError as error:
            raise Transient(f"{what}: {error.code} {error.message}", retry_after_s=15.0 if "pacing" in error.message else None) from None
        except TimeoutError:
            raise Transient(f"{what}: no answer within {ANSWER_S:g} s") from None
        except ConnectionError:
            raise Transient(f"{what}: the connection ended") from None

    async def _paced(self) -> None:
        """Wait until one more request may be sent; the gateway counts real seconds."""
        loop = asyncio.get_running_loop()
        while len(self._asked_s) == PACE_MAX and (wait_s := self._asked_s[0] + PACE_S - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        if len(self._asked_s) == PACE_MAX:
            self._asked_s.popleft()
        self._asked_s.append(loop.time())

    # What was told

    def _closed(self, interval: str, instrument: str, bars: Sequence[BarData]) -> list[Closed]:
        length, found = length_ns(interval), []
        for bar in bars:
            end_ns = _ns(bar.date) + length
            told = Bar(instrument, bar.open, bar.high, bar.low, bar.close, max(0.0, float(bar.volume)), end_ns + LAG_NS)
            found.append(Closed(interval, end_ns, told))
        return found

    def _ended(self, interval: str, instrument: str, bars: Sequence[BarData]) -> list[Closed]:
        """Without the last while it may still change: it is told of every five seconds."""
        is_over = bool(bars) and _ns(bars[-1].date) + length_ns(interval) + int(LATENESS_S * NS_PER_SECOND) <= self.clock.now_ns()
        return self._closed(interval, instrument, bars if is_over else bars[:-1])

    def _price(self, instrument: str, bar: BarData, take: Take) -> None:
        now_ns = self.clock.now_ns()
        if bar.close > 0 and now_ns - self._told_ns.get(instrument, 0) >= int(self.quote_every_s * NS_PER_SECOND):
            self._told_ns[instrument] = now_ns
            take(Priced(instrument, Decimal(repr(bar.close)), now_ns, self.rates.get(instrument, Decimal(1))))


def contract_of(instrument: str) -> Contract:
    """The contract behind an instrument id; raises Rejected where Interactive Brokers has none of that venue."""
    symbol, venue = split_id(instrument)
    if venue in SHARES:
        return Contract(secType="STK", symbol=symbol.replace(".", " "), exchange="SMART", primaryExchange=SHARES[venue], currency="USD")
    base, _, currency = symbol.partition("_")
    if venue in ("IDEALPRO", "PAXOS", "ZEROHASH") and base and currency:
        kind = "CASH" if venue == "IDEALPRO" else "CRYPTO"
        return Contract(secType=kind, symbol=base, exchange=venue, currency=currency)
    raise Rejected(f"feed ibkr: {instrument}, expected such as AAPL.XNAS, EUR_USD.IDEALPRO or BTC_USD.PAXOS")


def _ns(at: Any) -> int:
    """When a bar begins, as the library read it: seconds come as an aware time."""
    assert isinstance(at, datetime)
    return int(at.timestamp()) * NS_PER_SECOND
