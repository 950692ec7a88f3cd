"""Historical bars of TWS or Gateway (`bars-<interval>`): US shares, currencies at IDEALPRO, coins at PAXOS; paced as the venue demands.

A page is as long as the venue allows for the size of its bars. Shares show trades, currencies the middle of bid and ask (without a volume),
coins trades of all venues. Daily bars are of shares alone. `base_url` is host:port of the gateway. Options: `client_id` (another one than
the trading service's), `hours`: `regular` or `all`.

The client library answers with no bars when it has waited long enough; here that is an error. Nothing is only what the venue says is
nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from threading import Lock
from types import MappingProxyType
from typing import Any

import polars as pl
from ib_async import IB, Contract, RequestError, StartupFetchNONE

from tradewinds.core.errors import DataFault, Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND
from tradewinds.core.instrument import split_id
from tradewinds.core.market import PRICES, Interval, bars, interval_of
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.equity import session_times
from tradewinds.vendors.ibkr_pace import Pace
from tradewinds.vendors.observed import nothing, observed
from tradewinds.vendors.options import checked
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

URL = "127.0.0.1:4002"
CLIENT_ID = 27
CONNECT_S, ANSWER_S = 10.0, 60.0
LAG_NS = NS_PER_SECOND
# The interval's name at the venue, and the longest time that one request of such bars may span.
SIZES = {
    "1s": ("1 secs", 1_800), "5s": ("5 secs", 3_600), "10s": ("10 secs", 14_400), "15s": ("15 secs", 14_400), "30s": ("30 secs", 28_800),
    "1m": ("1 min", 86_400), "2m": ("2 mins", 2 * 86_400), "3m": ("3 mins", 7 * 86_400), "5m": ("5 mins", 7 * 86_400),
    "10m": ("10 mins", 7 * 86_400), "15m": ("15 mins", 7 * 86_400), "30m": ("30 mins", 28 * 86_400), "1h": ("1 hour", 28 * 86_400),
    "2h": ("2 hours", 28 * 86_400), "4h": ("4 hours", 28 * 86_400), "8h": ("8 hours", 28 * 86_400), "1d": ("1 day", 364 * 86_400),
}  # fmt: skip
DATASETS = tuple(bars(interval) for interval in SIZES)
SMALL_NS = 30 * NS_PER_SECOND
SHARES = {"XNAS": "NASDAQ", "XNYS": "NYSE", "ARCX": "ARCA", "XASE": "AMEX", "BATS": "BATS"}
CALENDAR = "XNYS"
PACING, NO_DATA = "pacing violation", ("no data", "query returned no")
NOT_SUBSCRIBED = (354, 10089, 10090, 10168, 10187)


class Ibkr:
    """Implements `core.ports.Vendor` for instruments such as AAPL.XNAS, EUR_USD.IDEALPRO and BTC_USD.PAXOS."""

    name = "ibkr"
    capability = Capability(
        datasets=tuple(dataset.name for dataset in DATASETS), lag_ns=LAG_NS, note="currencies have no volume; the gateway must be logged in"
    )

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        chosen = checked(options, self.name, client_id=(), hours=("regular", "all"))
        self._host, self._port = address_of(base_url or URL)
        client_id = chosen.get("client_id", str(CLIENT_ID))
        if not client_id.isdigit() or int(client_id) == 0:
            raise Rejected(f"ibkr: client id {client_id!r}, expected a number from 1 on")
        self._client_id = int(client_id)
        self._regular = chosen.get("hours", "regular") == "regular"
        self._clock = http.clock
        self._wait_s_max = http.limits.wait_s_max
        self._pace = Pace()
        self._alone = Lock()

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """One pull for each instrument and page, the oldest first. Pages begin at multiples of their length."""
        interval, size, span_s = _size(request.dataset)
        end_ns, span_ns = min(request.end_ns, request.now_ns), span_s * NS_PER_SECOND
        pulls: list[Pull] = []
        for instrument in request.instruments:
            contract = contract_of(instrument)
            if interval.is_daily_or_longer and contract.secType != "STK":
                raise Rejected(f"ibkr {request.dataset} of {instrument}: expected an instrument with sessions, or shorter bars")
            start_ns = request.start_ns // span_ns * span_ns
            for first_ns in range(start_ns, end_ns, span_ns):
                wanted = {"start_ns": str(max(first_ns, request.start_ns)), "end_ns": str(min(first_ns + span_ns, end_ns))}
                page = {"instrument": instrument, "size": size, "what": what_of(contract), **wanted}
                pulls.append(
                    Pull(self.name, request.dataset, f"historical/{instrument}/{first_ns // NS_PER_SECOND}", MappingProxyType(page))
                )
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """Raises Transient for a pacing violation and for silence, Missing where the venue says that there is nothing."""
        what = f"ibkr {pull.dataset} {pull.params['instrument']}"
        interval, _, _ = _size(pull.dataset)
        with self._alone:
            key = (pull.params["instrument"], pull.params["what"], pull.params["size"], pull.params["end_ns"], pull.params["start_ns"])
            now_s = self._clock.now_ns() / NS_PER_SECOND
            wait_s = self._pace.wait_s(key, now_s, is_small=(interval.ns or 0) <= SMALL_NS)
            if wait_s > self._wait_s_max:
                raise Transient(
                    f"{what}: the venue takes it in {wait_s:.0f} s, expected within {self._wait_s_max:g} s", retry_after_s=wait_s
                )
            self._pace.count(key, now_s + wait_s, is_small=(interval.ns or 0) <= SMALL_NS)
            rows = asyncio.run(self._asked(pull, what, wait_s))
        yield Payload(pull, json.dumps(rows, separators=(",", ":")).encode(), self._clock.now_ns())

    def parse(self, payload: Payload) -> pl.DataFrame:
        pull = payload.pull
        interval, _, _ = _size(pull.dataset)
        dataset, what = bars(interval), f"ibkr {pull.dataset} {pull.params['instrument']}"
        try:
            rows = json.loads(payload.content)
            table = pl.DataFrame(
                [(int(row[0]), *(float(one) for one in row[1:6]), int(row[6])) for row in rows],
                schema={"at": pl.Int64, **dict.fromkeys(PRICES, pl.Float64), "volume": pl.Float64, "trades": pl.Int64},
                orient="row",
            )
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            raise Unreadable(f"{what}: {payload.content[:80]!r} ({error}), expected rows of seven numbers") from None
        if not len(table):
            return nothing(dataset)
        table = _daily(table) if interval.is_daily_or_longer else _timed(table, interval)
        start_ns, end_ns = int(pull.params["start_ns"]), int(pull.params["end_ns"])
        table = table.filter((pl.col("start_ns") >= start_ns) & (pl.col("start_ns") < end_ns)).sort("start_ns")
        # Minus one is how the venue says that there is no such number.
        table = table.with_columns(pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name) for name in ("volume", "trades"))
        return observed(table, dataset, payload, lag_ns=LAG_NS, instrument=pull.params["instrument"])

    async def _asked(self, pull: Pull, what: str, wait_s: float) -> list[list[Any]]:
        await asyncio.sleep(wait_s)
        ib = IB()
        ib.RaiseRequestErrors = True
        try:
            await ib.connectAsync(self._host, self._port, self._client_id, CONNECT_S, readonly=True, fetchFields=StartupFetchNONE)
        except (OSError, ConnectionError, TimeoutError, ValueError) as error:
            said = f"{self._host}:{self._port} {str(error) or 'no answer'}"
            raise Transient(f"{what}: {said}, expected a gateway that is logged in") from None
        try:
            return await self._bars(ib, pull, what)
        finally:
            ib.disconnect()
            await asyncio.sleep(0)

    async def _bars(self, ib: IB, pull: Pull, what: str) -> list[list[Any]]:
        refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def on_error(about: int, code: int, text: str, contract: Contract | None) -> None:
            # The library takes this one for a warning and would wait for bars that never come.
            if code == 321 and contract is not None and not refused.done():
                refused.set_exception(Rejected(f"{what}: {code} {text}"))

        ib.errorEvent += on_error
        end_ns, start_ns = int(pull.params["end_ns"]), int(pull.params["start_ns"])
        end = datetime.fromtimestamp(-(-end_ns // NS_PER_SECOND), UTC)
        asking = asyncio.ensure_future(
            ib.reqHistoricalDataAsync(
                contract_of(pull.params["instrument"]), end, _duration(end_ns - start_ns), pull.params["size"], pull.params["what"],
                self._regular, formatDate=2, timeout=0,
            )
        )  # fmt: skip
        both: set[asyncio.Future[Any]] = {asking, refused}
        try:
            await asyncio.wait(both, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                refused.result()
            if not asking.done():
                raise Transient(f"{what}: no answer within {ANSWER_S:g} s, expected bars")
            return [_row(bar) for bar in asking.result()]
        except RequestError as error:
            raise _fault(error.code, error.message, what) from None
        except ConnectionError:
            raise Transient(f"{what}: the connection ended, expected bars") from None
        finally:
            asking.cancel()
            refused.cancel()


def _fault(code: int, text: str, what: str) -> DataFault | Transient | Rejected:
    said = f"{what}: {code} {text}"
    if code == 162 and PACING in text:
        return Transient(said, retry_after_s=15.0)
    if code == 162 and any(words in text for words in NO_DATA):
        return Missing(said)
    if code in NOT_SUBSCRIBED:
        return Rejected(f"{said}; expected a subscription to this market's data")
    return Rejected(said) if code in (200, 321) else Transient(said)


def _row(bar: Any) -> list[Any]:
    """[seconds or days since 1970, open, high, low, close, volume, trades]."""
    at = bar.date
    when = int(at.timestamp()) if isinstance(at, datetime) else (at - date(1970, 1, 1)).days
    return [when, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.barCount]


def _timed(table: pl.DataFrame, interval: Interval) -> pl.DataFrame:
    start = pl.col("at") * NS_PER_SECOND
    return table.with_columns(start.alias("start_ns"), (start + (interval.ns or 0)).alias("event_ns"))


def _daily(table: pl.DataFrame) -> pl.DataFrame:
    days = table.with_columns(pl.col("at").cast(pl.Int32).cast(pl.Date).alias("session"))
    return days.join(session_times(days["session"], CALENDAR), on="session", how="left")


def _duration(span_ns: int) -> str:
    """As the venue spells it: seconds up to a day, then days, then years."""
    if span_ns <= NS_PER_DAY:
        return f"{max(1, -(-span_ns // NS_PER_SECOND))} S"
    days = -(-span_ns // NS_PER_DAY)
    return f"{days} D" if days <= 365 else "1 Y"


def _size(dataset: str) -> tuple[Interval, str, int]:
    interval = interval_of(dataset)
    if interval is None or interval.name not in SIZES:
        raise Rejected(f"ibkr: dataset {dataset!r}, expected bars-<interval> with one of {' '.join(SIZES)}")
    return interval, *SIZES[interval.name]


def contract_of(instrument: str) -> Contract:
    symbol, venue = split_id(instrument)
    base, bar, quote = symbol.partition("_")
    if venue in SHARES:
        return Contract(secType="STK", symbol=symbol.replace(".", " "), exchange="SMART", primaryExchange=SHARES[venue], currency="USD")
    if not bar or venue not in ("IDEALPRO", "PAXOS", "ZEROHASH"):
        raise Rejected(f"ibkr instrument: {instrument!r}, expected such as AAPL.XNAS, EUR_USD.IDEALPRO or BTC_USD.PAXOS")
    return Contract(secType="CASH" if venue == "IDEALPRO" else "CRYPTO", symbol=base, exchange=venue, currency=quote)


def what_of(contract: Contract) -> str:
    return {"STK": "TRADES", "CASH": "MIDPOINT", "CRYPTO": "AGGTRADES"}[contract.secType]


def address_of(text: str) -> tuple[str, int]:
    host, colon, port = text.removeprefix("tws://").rstrip("/").rpartition(":")
    if not colon or not host or not port.isdigit():
        raise Rejected(f"ibkr address: {text!r}, expected host:port such as {URL}")
    return host.strip("[]"), int(port)
