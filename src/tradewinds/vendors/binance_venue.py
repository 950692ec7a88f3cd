"""What the Binance adapters share: markets, symbols, intervals, datasets, error bodies.

The venue in an instrument id names the market: BINANCE is spot, BINANCE_UM USD-margined and BINANCE_CM coin-margined futures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tradewinds.core.errors import Rejected, TradewindsError, Transient, Unreadable
from tradewinds.core.instant import NS_PER_MS, NS_PER_SECOND, NS_PER_US
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.market import TRADES, Interval, bars
from tradewinds.core.observation import Column, Dataset

Market = Literal["spot", "um", "cm"]
MARKETS: tuple[Market, ...] = ("spot", "um", "cm")

# The venue states no publication time for a candle; its stream and REST show the final one within a second of the close.
# Backfilled history takes the same lag, so that a backtest over it knows what a live run would have known.
LAG_NS = NS_PER_SECOND
EARLIEST_NS = 1_502_928_000 * NS_PER_SECOND  # 2017-08-17, the first candle of BTCUSDT
FIRST_NS, LAST_NS = 946_684_800 * NS_PER_SECOND, 7_258_118_400 * NS_PER_SECOND  # 2000-01-01, 2200-01-01
MICROSECONDS_FROM = 100_000_000_000_000  # 1e14: below are milliseconds (13 digits), from there on microseconds (16 digits)

INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo")
AGG_TRADES = Dataset(
    "agg-trades",
    (
        Column("id", "int"),
        Column("price"),
        Column("quantity"),
        Column("first_id", "int"),
        Column("last_id", "int"),
        Column("is_buyer_maker", "bool"),
    ),
    keys=("id",),
    description="trade prints of one taker order at one price, aggregated by the venue",
)
BAR_DATASETS = tuple(bars(interval) for interval in INTERVALS)
DATASETS = (*BAR_DATASETS, TRADES, AGG_TRADES)

_SYMBOL = re.compile(r"[A-Z0-9_\-]{2,40}")
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
# Internal error, disconnected, too many requests, unexpected response, timeout, too many orders, server busy.
_TRY_AGAIN = (-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1016)
_BAD_SYMBOL = (-1121, -1122)


@dataclass(frozen=True, slots=True)
class Venues:
    """Which market each venue name means. Options `venue` and `market` replace the table by one pair (another exchange's name)."""

    markets: Mapping[str, Market]

    @staticmethod
    def of(options: Mapping[str, str]) -> Venues:
        if "venue" not in options and "market" not in options:
            return Venues({"BINANCE": "spot", "BINANCE_UM": "um", "BINANCE_CM": "cm"})
        market = options.get("market", "spot")
        for known in MARKETS:
            if market == known:
                return Venues({options.get("venue", "BINANCE"): known})
        raise Rejected(f"binance option market: {market!r}, expected spot, um or cm")

    def symbol(self, instrument: str) -> tuple[str, Market]:
        """(symbol, market) of an instrument id."""
        symbol, venue = split_id(instrument)
        market = self.markets.get(venue)
        if market is None:
            raise Rejected(f"binance instrument {instrument!r}: venue {venue}, expected one of {', '.join(self.markets)}")
        return checked_symbol(symbol), market

    def instrument(self, symbol: str, market: Market) -> str:
        for venue, its in self.markets.items():
            if its == market:
                return instrument_id(symbol, venue)
        raise Rejected(f"binance symbol {symbol}: market {market}, expected one of {', '.join(self.markets.values())}")


def checked_symbol(symbol: str) -> str:
    if _SYMBOL.fullmatch(symbol) is None:
        raise Rejected(f"binance symbol: {symbol!r}, expected capital letters and digits such as BTCUSDT")
    return symbol


def checked_interval(interval: Interval) -> str:
    if interval.name not in INTERVALS:
        raise Rejected(f"binance interval: {interval.name!r}, expected one of {' '.join(INTERVALS)}")
    return interval.name


def wire_interval(name: str) -> str:
    """The interval as REST and streams spell it: `1M` is a month there and `1m` a minute; the archive says `1mo`."""
    return "1M" if name == "1mo" else name


def times_ns(times: pl.Series, what: str) -> pl.Series:
    """Nanoseconds of venue times; their unit is told by magnitude, since re-published files may change it.

    Raises Unreadable for a time outside the years 2000 to 2199: a wrong digit must not become a plausible moment.
    """
    if times.is_empty():
        return times
    lowest, highest = _span(times)
    if lowest < MICROSECONDS_FROM <= highest:
        times = times.zip_with(times >= MICROSECONDS_FROM, times * 1000)
        lowest, highest = _span(times)
    unit_ns = NS_PER_US if lowest >= MICROSECONDS_FROM else NS_PER_MS
    for time in (lowest, highest):
        if not FIRST_NS <= time * unit_ns < LAST_NS:
            raise Unreadable(f"{what}: time {time}, expected milliseconds or microseconds since 1970 between the years 2000 and 2200")
    return times * unit_ns


def _span(times: pl.Series) -> tuple[int, int]:
    lowest, highest = times.min(), times.max()
    assert isinstance(lowest, int)
    assert isinstance(highest, int)
    return lowest, highest


def end_ns(start: pl.Expr, interval: Interval) -> pl.Expr:
    """Where a bar that starts at `start` ends: half-open, so that neighbours share the edge."""
    if interval.ns is not None:
        return start + interval.ns
    months = interval.name.removesuffix("mo")
    return start.cast(pl.Datetime("ns", "UTC")).dt.offset_by(f"{months}mo").cast(pl.Int64)


def error_in(content: bytes) -> tuple[int, str] | None:
    """(code, message) of an error body such as `{"code": -1121, "msg": "Invalid symbol."}`, None for anything else."""
    if content.lstrip()[:1] != b"{":
        return None
    try:
        body = json.loads(content)
    except ValueError:
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return (code, str(body.get("msg", ""))) if isinstance(code, int) and code < 0 else None


def explained(what: str, status: int, content: bytes, now_ns: int) -> TradewindsError | None:
    """The error that an error body stands for; None where the HTTP status says enough."""
    found = error_in(content)
    if found is None:
        return None
    code, message = found
    said = f"{what}: error {code} {message!r} (HTTP {status})"
    banned = _BANNED_UNTIL.search(message)
    if banned:
        wait_s = max(0.0, (int(banned[1]) * NS_PER_MS - now_ns) / NS_PER_SECOND)
        return Transient(f"{said}, expected to be within the rate limit", retry_after_s=wait_s)
    if status in (418, 429) or status >= 500:
        return None
    if code in _TRY_AGAIN:
        return Transient(f"{said}, expected an answer")
    if code in _BAD_SYMBOL:
        return Rejected(f"{said}, expected a symbol that the venue lists")
    if status == 200:
        return Unreadable(f"{said}, expected data")
    return Rejected(f"{said}, expected a question that the venue accepts")
