"""Funding rates and mark prices of Binance perpetuals.

`funding`: one row for each payment (`fundingRate`), about the instant of payment; the rate is a fraction of the position for that
payment, which comes every eight hours or more often. `marks-<interval>`: bars of the mark price (`markPriceKlines`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MS
from tradewinds.core.market import PRICES, Interval
from tradewinds.core.observation import Capability, Column, Dataset, Payload, Pull, Request
from tradewinds.vendors.binance_client import PREFIXES, BinanceClient, market_of
from tradewinds.vendors.binance_json import array_in, kline_rows
from tradewinds.vendors.binance_venue import LAG_NS, MARKETS, Venues, checked_interval, times_ns, wire_interval
from tradewinds.vendors.observed import nothing, observed
from tradewinds.vendors.options import checked
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

PAGE_ROWS = 1000
PAGES_MAX = 1000
MONTH_NS_MAX = 31 * NS_PER_DAY
EARLIEST_NS = 1_567_900_800_000_000_000  # 2019-09-08, the first perpetual
MARK_INTERVALS = ("1m", "5m", "15m", "1h", "4h", "8h", "1d")

FUNDING = Dataset(
    "funding",
    (Column("rate", unit="fraction per payment"), Column("mark_price", unit="quote per base")),
    partitioning="year",
    lag_ns=LAG_NS,
    description="funding payments of perpetuals; longs pay shorts where the rate is positive",
)


def marks(interval: str) -> Dataset:
    """The dataset of mark-price bars of one length."""
    length = Interval(interval)
    return Dataset(
        f"marks-{length.name}",
        tuple(Column(price, unit="quote per base") for price in PRICES),
        partitioning="year" if length.is_daily_or_longer else "month",
        lag_ns=LAG_NS,
        description=f"open, high, low and close of the mark price, {length.name}",
    )


DATASETS = (FUNDING, *(marks(interval) for interval in MARK_INTERVALS))


class BinanceFunding:
    """Implements `core.ports.Vendor` for instruments such as `BTCUSDT.BINANCE_UM`. Options: `venue` and `market`."""

    name = "binance_funding"

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client = BinanceClient(http, base_url, secret)
        self._venues = Venues.of(checked(options, self.name, venue=(), market=MARKETS))
        self.capability = Capability(
            datasets=tuple(dataset.name for dataset in DATASETS), lag_ns=LAG_NS, batch=PAGE_ROWS, earliest_ns=EARLIEST_NS
        )

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """Funding: one pull for each instrument, which `capture` follows from page to page. Marks: one pull per 1000 bars."""
        if request.dataset not in self.capability.datasets:
            raise Rejected(f"binance funding: dataset {request.dataset!r}, expected one of {', '.join(self.capability.datasets)}")
        start_ns, end_ns = max(request.start_ns, EARLIEST_NS), min(request.end_ns, request.now_ns)
        pulls: list[Pull] = []
        for instrument in request.instruments if start_ns < end_ns else ():
            symbol, market = self._venues.symbol(instrument)
            if market == "spot":
                raise Rejected(f"binance funding {instrument}: a spot pair has none, expected a perpetual such as {symbol}.BINANCE_UM")
            if request.dataset == FUNDING.name:
                pulls.append(self._pull(request.dataset, f"{PREFIXES[market]}/fundingRate", {"symbol": symbol}, start_ns, end_ns))
                continue
            interval = _interval(request.dataset)
            query = {"symbol": symbol, "interval": wire_interval(checked_interval(interval))}
            span_ns = PAGE_ROWS * (interval.ns or MONTH_NS_MAX)
            for first_ns in range(start_ns, end_ns, span_ns):
                last_ns = min(first_ns + span_ns, end_ns)
                pulls.append(self._pull(request.dataset, f"{PREFIXES[market]}/markPriceKlines", query, first_ns, last_ns))
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        for _ in range(PAGES_MAX):
            answer = self._client.ask(pull)
            yield Payload(pull, answer.content, answer.captured_ns)
            following = _following(pull, answer.content)
            if following is None:
                return
            pull = following
        raise Rejected(f"binance funding {pull.params['symbol']}: over {PAGES_MAX} pages, expected fewer; ask for less at once")

    def parse(self, payload: Payload) -> pl.DataFrame:
        symbol, market = payload.pull.params.get("symbol", ""), market_of(payload.pull.locator)
        instrument = self._venues.instrument(symbol, market)
        what = f"binance {payload.pull.dataset} {symbol}"
        if payload.pull.dataset == FUNDING.name:
            return _funding_rows(payload, instrument, what)
        interval = _interval(payload.pull.dataset)
        return kline_rows(payload, instrument, interval, what, dataset=marks(interval.name))

    def _pull(self, dataset: str, locator: str, query: Mapping[str, str], start_ns: int, end_ns: int) -> Pull:
        times = {"startTime": str(-(-start_ns // NS_PER_MS)), "endTime": str(-(-end_ns // NS_PER_MS) - 1)}
        return Pull(self.name, dataset, locator, MappingProxyType({**query, **times, "limit": str(PAGE_ROWS)}))


def _interval(dataset: str) -> Interval:
    return Interval(dataset.removeprefix("marks-"))


def _funding_rows(payload: Payload, instrument: str, what: str) -> pl.DataFrame:
    rows = array_in(payload, what)
    if not rows:
        return nothing(FUNDING)
    try:
        times = [int(row["fundingTime"]) for row in rows]
        rates = [float(row["fundingRate"]) for row in rows]
        # Payments before the venue kept the mark price state an empty one.
        prices = [float(row["markPrice"]) if row.get("markPrice") else None for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"{what}: {error}, expected fundingTime, fundingRate and markPrice") from None
    others = sorted({str(row.get("symbol")) for row in rows} - {payload.pull.params.get("symbol", "")})
    if others:
        raise Unreadable(f"{what}: rows of {', '.join(others[:3])}, expected only the symbol that was asked for")
    start = times_ns(pl.Series("start_ns", times, pl.Int64), what)
    columns = [start, start.alias("event_ns"), pl.Series("rate", rates, pl.Float64), pl.Series("mark_price", prices, pl.Float64)]
    table = pl.DataFrame(columns).sort("start_ns", maintain_order=True)
    return observed(table, FUNDING, payload, lag_ns=LAG_NS, instrument=instrument)


def _following(pull: Pull, content: bytes) -> Pull | None:
    """The funding pull after this page; None where this was the last, and for marks, whose pages are planned."""
    if pull.dataset != FUNDING.name:
        return None
    try:
        page: list[dict[str, Any]] = json.loads(content)
        if len(page) < PAGE_ROWS:
            return None
        last_ms = int(page[-1]["fundingTime"])
    except (ValueError, KeyError, TypeError):
        raise Unreadable(f"binance funding {pull.params['symbol']}: {content[:80]!r}, expected an array of payments") from None
    return replace(pull, params=MappingProxyType({**pull.params, "startTime": str(last_ms + 1)}))
