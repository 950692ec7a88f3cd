"""Trade prints into bars: by time, and by number, volume or value traded.

Prints are taken in the order of their id (many share a timestamp). A print is never divided: the one that reaches the size belongs to
the bar that it completes, and the next bar begins empty. A bar that the prints do not complete is not emitted.
Source of the sampled bars: López de Prado, Advances in Financial Machine Learning, ch. 2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.calendars.sessions import Calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.market import Interval

Measure = Literal["ticks", "volume", "value"]

_NEEDED = ("instrument", "event_ns", "known_ns", "id", "price", "quantity")


def time_bars(trades: pl.DataFrame, calendar: Calendar, interval: str | Interval, *, start_ns: int, end_ns: int) -> pl.DataFrame:
    """Bars that lie wholly in [start_ns, end_ns), over which the prints are complete; an interval without a print has no bar."""
    ordered = _ordered(trades)
    starts, ends = calendar.bar_edges(start_ns, end_ns, interval)
    starts, ends = starts[ends <= end_ns], ends[ends <= end_ns]
    if len(starts) == 0 or ordered.is_empty():
        return _bars(ordered.clear(), [])
    at = np.searchsorted(starts, ordered["event_ns"].to_numpy(), side="right") - 1
    inside = (at >= 0) & (ordered["event_ns"].to_numpy() < ends[at])
    placed = ordered.with_columns(pl.Series("_start", starts[at]), pl.Series("_end", ends[at])).filter(pl.Series(inside))
    bars = _bars(placed, ["_start", "_end"])
    edges = [pl.col("_start").alias("start_ns"), pl.col("_end").alias("event_ns")]
    return bars.with_columns(edges).drop("_start", "_end").sort("instrument", "start_ns")


def sampled_bars(trades: pl.DataFrame, measure: Measure, size: float) -> pl.DataFrame:
    """Bars of at least `size` prints (`ticks`), units of the base (`volume`) or of the quote (`value`) each.

    start_ns and event_ns are the times of the first and last print; bars that begin at one instant differ in `first_id`.
    """
    if measure not in ("ticks", "volume", "value"):
        raise Rejected(f"sampled bars: measure {measure!r}, expected ticks, volume or value")
    if not size > 0 or not np.isfinite(size):
        raise Rejected(f"sampled bars of {measure}: size {size}, expected a positive number")
    ordered = _ordered(trades)
    pieces = []
    for _, rows in ordered.group_by(["instrument"], maintain_order=True):
        amount = {"ticks": np.ones(len(rows)), "volume": rows["quantity"].to_numpy(), "value": rows["quote_quantity"].to_numpy()}[measure]
        bar = _bar_numbers(amount, size)
        pieces.append(rows.with_columns(pl.Series("_bar", bar)).filter(pl.col("_bar") >= 0))
    placed = pl.concat(pieces) if pieces else ordered.with_columns(pl.lit(0).alias("_bar"))
    return _bars(placed, ["_bar"]).drop("_bar")


def _bar_numbers(amount: NDArray[np.float64], size: float) -> NDArray[np.int64]:
    """The number of the bar of each print, -1 behind the last complete one."""
    total = np.cumsum(amount)
    numbers = np.full(len(amount), -1, dtype=np.int64)
    begin, done, bar = 0, 0.0, 0
    while begin < len(amount):
        # A sum of decimals in floats may fall short of the size by its rounding.
        end = int(np.searchsorted(total, (done + size) * (1 - 1e-12)))
        if end == len(amount):
            break
        numbers[begin : end + 1] = bar
        begin, done, bar = end + 1, float(total[end]), bar + 1
    return numbers


def _ordered(trades: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in _NEEDED if name not in trades.columns]
    if absent:
        raise Rejected(f"bars of trade prints: columns {absent} are absent, expected {', '.join(_NEEDED)}")
    if trades.select("instrument", "id").is_duplicated().any():
        raise Rejected("bars of trade prints: an id stands there twice, expected each print once")
    if "quote_quantity" not in trades.columns:
        trades = trades.with_columns((pl.col("price") * pl.col("quantity")).alias("quote_quantity"))
    return trades.sort("instrument", "id")


def _bars(placed: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    price, base, quote = pl.col("price"), pl.col("quantity"), pl.col("quote_quantity")
    columns = [
        pl.col("event_ns").first().alias("start_ns"),
        pl.col("event_ns").last(),
        pl.col("known_ns").max(),
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        base.sum().alias("volume"),
        quote.sum().alias("quote_volume"),
        pl.len().cast(pl.Int64).alias("trades"),
        pl.col("id").first().alias("first_id"),
        pl.col("id").last().alias("last_id"),
    ]
    if "is_buyer_maker" in placed.columns:
        bought = ~pl.col("is_buyer_maker")
        columns += [base.filter(bought).sum().alias("taker_base"), quote.filter(bought).sum().alias("taker_quote")]
    if "captured_ns" in placed.columns:
        columns.append(pl.col("captured_ns").max())
    return placed.group_by("instrument", *group, maintain_order=True).agg(columns)
