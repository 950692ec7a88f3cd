"""Bars of Binance without any set-up.

    from tradewinds.vendors import binance

    binance.bars("BTCUSDT", "1m", "2024-01-01", "2024-02-01")

No key, no configuration, no store: whole days come from the public archive, the rest from REST. For kept, reconciled,
point-in-time history use the jobs instead (`tradewinds data fetch`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, from_date, from_datetime, parse, text
from tradewinds.core.market import Interval
from tradewinds.core.market import bars as bars_dataset
from tradewinds.core.observation import Request
from tradewinds.vendors.binance_archive import MONTHLY_ONLY, BinanceArchive
from tradewinds.vendors.binance_rest import BinanceRest
from tradewinds.vendors.binance_venue import Market, Venues, checked_interval
from tradewinds.vendors.observed import nothing
from tradewinds.wire.clock import SystemClock
from tradewinds.wire.http import HttpClient

When = str | date | datetime | int
# Up to so many bars REST is quicker than a file for each day.
REST_ROWS_MAX = 5_000
VALUES = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_base", "taker_quote")
_VENUES = Venues.of({})


def bars(
    symbol: str,
    interval: str,
    start: When,
    end: When,
    *,
    market: Market = "spot",
    rest_url: str | None = None,
    archive_url: str | None = None,
    http: HttpClient | None = None,
) -> pl.DataFrame:
    """Final bars of `symbol` that start in [start, end): columns instrument, start, end (UTC) and the values, sorted by start.

    interval: `1s` to `1mo` (a month is `1mo`, never `1M`). start, end: ISO text, date, aware datetime or UTC nanoseconds; an end
    beyond now means now. market: spot, um (USD-margined futures) or cm (coin-margined). http: a client of one's own.
    Raises Rejected for an unknown symbol or interval, an empty range, or one that lies in the future; Transient when the
    venue cannot be reached.
    """
    if http is None:
        with HttpClient(SystemClock(), random=random.Random()) as own:  # noqa: S311 - spreads retries, keeps no secret
            return bars(symbol, interval, start, end, market=market, rest_url=rest_url, archive_url=archive_url, http=own)
    length = Interval(_spelled(interval))
    checked_interval(length)
    instrument = _VENUES.instrument(symbol, market)
    _VENUES.symbol(instrument)
    start_ns, end_ns, now_ns = _instant(start), _instant(end), http.clock.now_ns()
    if end_ns <= start_ns:
        raise Rejected(f"binance bars {symbol}: from {text(start_ns)} to {text(end_ns)} is empty, expected an end after the start")
    if start_ns >= now_ns:
        raise Rejected(f"binance bars {symbol}: from {text(start_ns)} lies in the future, expected a start before {text(now_ns)}")
    archive, rest = BinanceArchive(http, base_url=archive_url), BinanceRest(http, base_url=rest_url)
    first_ns = rest.first_bar_ns(instrument, length.name)
    start_ns = end_ns if first_ns is None else max(start_ns, first_ns)
    if start_ns >= end_ns:
        return _shown(nothing(bars_dataset(length)))
    wanted = Request(bars_dataset(length).name, (instrument,), start_ns, end_ns, now_ns)
    tables = list(_tables(wanted, length, archive, rest))
    rows = pl.concat(tables) if tables else nothing(bars_dataset(length))
    within = rows.filter((pl.col("start_ns") >= start_ns) & (pl.col("start_ns") < end_ns))
    return _shown(within.unique("start_ns", keep="first", maintain_order=True).sort("start_ns"))


def _tables(wanted: Request, length: Interval, archive: BinanceArchive, rest: BinanceRest) -> Iterator[pl.DataFrame]:
    """Whole days from the archive where there are many, everything else over REST."""
    edge_ns = min(archive.published_until(wanted.now_ns), wanted.end_ns // NS_PER_DAY * NS_PER_DAY)
    many = length.ns is not None and (edge_ns - wanted.start_ns) // length.ns > REST_ROWS_MAX
    if not many or length.name in MONTHLY_ONLY:
        yield from _over_rest(wanted, wanted.start_ns, wanted.end_ns, rest)
        return
    at_ns = wanted.start_ns
    for pull in archive.plan(Request(wanted.dataset, wanted.instruments, wanted.start_ns, edge_ns, wanted.now_ns)):
        try:
            payloads = list(archive.capture(pull))
        except Missing:
            continue
        for payload in payloads:
            rows = archive.parse(payload)
            first_ns, last_ns = rows["start_ns"].min(), rows["event_ns"].max()
            assert isinstance(first_ns, int)
            assert isinstance(last_ns, int)
            if first_ns > at_ns:
                yield from _over_rest(wanted, at_ns, first_ns, rest)
            yield rows
            at_ns = max(at_ns, last_ns)
    yield from _over_rest(wanted, at_ns, wanted.end_ns, rest)


def _over_rest(wanted: Request, start_ns: int, end_ns: int, rest: BinanceRest) -> Iterator[pl.DataFrame]:
    if start_ns >= end_ns:
        return
    for pull in rest.plan(Request(wanted.dataset, wanted.instruments, start_ns, end_ns, wanted.now_ns)):
        for payload in rest.capture(pull):
            yield rest.parse(payload)


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    start, end = (pl.col(name).floordiv(1000).cast(moment) for name in ("start_ns", "event_ns"))
    return rows.select("instrument", start.alias("start"), end.alias("end"), *VALUES)


def _spelled(interval: str) -> str:
    if interval == "1M":
        raise Rejected("binance interval: '1M', expected 1mo for a month or 1m for a minute")
    return interval


def _instant(when: When) -> int:
    if isinstance(when, int):
        return when
    if isinstance(when, datetime):
        return from_datetime(when)
    return from_date(when) if isinstance(when, date) else parse(when)
