"""Bars as exact integers, and the two texts in which Binance sends them.

Prices are counts of `10**-price_decimals`, volumes of `10**-quantity_decimals`, quote volumes of `10**-quote_decimals`, so that
every sum over minutes is exact and a longer bar equals the sum of its minutes on every wire.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    import polars as pl

Ints = NDArray[np.int64]

MINUTE_MS = 60_000
DAY_MS = 86_400_000
WEEK_OFFSET_MS = 4 * DAY_MS  # weeks begin on Monday; 1970-01-01 was a Thursday
MICROSECONDS_FROM_MS = 1_735_689_600_000  # the spot archive counts microseconds from 2025-01-01 on

INTERVALS_MS = {
    "1s": 1_000,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
INTERVALS = (*INTERVALS_MS, "1mo")


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one symbol, oldest first; `end_ms` is the last millisecond that belongs to the bar (…999)."""

    start_ms: Ints
    end_ms: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    quote: Ints
    trades: Ints
    taker: Ints
    taker_quote: Ints
    first_id: Ints
    price_decimals: int
    quantity_decimals: int
    quote_decimals: int

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, index: Any) -> Bars:
        """The rows of an index, mask or slice."""
        columns: dict[str, Any] = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, **columns)

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """The rows that start in [start_ms, end_ms)."""
        low, high = np.searchsorted(self.start_ms, [start_ms, end_ms])
        return self.take(slice(int(low), int(high)))


ARRAYS = tuple(field.name for field in fields(Bars) if not field.name.endswith("decimals"))


def concatenate(parts: list[Bars]) -> Bars:
    """One run of bars from several of one symbol, in the order given."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    return replace(parts[0], **columns)


def bucket_start(interval: str, at_ms: int) -> int:
    """Where the bar of an instant begins: multiples since 1970 in UTC, Mondays for weeks, the first for months."""
    if interval == "1mo":
        day = date.fromordinal(719_163 + at_ms // DAY_MS)
        return (date(day.year, day.month, 1).toordinal() - 719_163) * DAY_MS
    offset = WEEK_OFFSET_MS if interval == "1w" else 0
    step = _step(interval)
    return (at_ms - offset) // step * step + offset


def next_bucket(interval: str, start_ms: int) -> int:
    """Where the bar after the one that begins at `start_ms` begins."""
    if interval == "1mo":
        return bucket_start("1mo", start_ms + 32 * DAY_MS)
    return start_ms + _step(interval)


def bucket_ceiling(interval: str, at_ms: int) -> int:
    """The first start of a bar at or after an instant."""
    start = bucket_start(interval, at_ms)
    return start if start == at_ms else next_bucket(interval, start)


def aggregate(bars: Bars, interval: str) -> Bars:
    """Longer bars from shorter ones: first, highest, lowest, last, and sums."""
    if interval == "1m" or len(bars) == 0:
        return bars
    if interval == "1mo":
        months = bars.start_ms.astype("datetime64[ms]").astype("datetime64[M]")
        start = months.astype("datetime64[ms]").astype(np.int64)
        end = (months + 1).astype("datetime64[ms]").astype(np.int64) - 1
    else:
        offset = WEEK_OFFSET_MS if interval == "1w" else 0
        step = _step(interval)
        start = (bars.start_ms - offset) // step * step + offset
        end = start + step - 1
    edges = np.concatenate([[0], np.flatnonzero(np.diff(start)) + 1])
    last = np.append(edges[1:], len(start)) - 1
    sums: dict[str, Any] = {
        name: np.add.reduceat(getattr(bars, name), edges) for name in ("volume", "quote", "trades", "taker", "taker_quote")
    }
    return replace(
        bars,
        start_ms=start[edges],
        end_ms=end[edges],
        open=bars.open[edges],
        high=np.maximum.reduceat(bars.high, edges),
        low=np.minimum.reduceat(bars.low, edges),
        close=bars.close[last],
        first_id=bars.first_id[edges],
        **sums,
    )


def decimals(values: Ints, scale: int, to: int) -> pl.Series:
    """A decimal column of integers that count `10**-scale`, shown with `to` decimals; exact beyond 64 bits."""
    import polars as pl
    import pyarrow as pa

    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63
    array = pa.Decimal128Array.from_buffers(pa.decimal128(38, scale), len(values), [None, pa.py_buffer(words)])
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series if to == scale else series.cast(pl.Decimal(38, to))


def frame(bars: Bars, *, spot: bool, unit: int = 1) -> pl.DataFrame:
    """The twelve columns of a kline. Spot shows eight decimals always, futures as many as tick and lot have.

    unit: 1 for milliseconds, 1000 for microseconds.
    """
    import polars as pl

    price, quantity, quote = (8, 8, 8) if spot else (bars.price_decimals, bars.quantity_decimals, bars.quote_decimals)
    columns: dict[str, Any] = {"open_time": bars.start_ms * unit}
    for name in ("open", "high", "low", "close"):
        columns[name] = decimals(getattr(bars, name), bars.price_decimals, price)
    columns["volume"] = decimals(bars.volume, bars.quantity_decimals, quantity)
    columns["close_time"] = (bars.end_ms + 1) * unit - 1
    columns["quote_volume"] = decimals(bars.quote, bars.quote_decimals, quote)
    columns["count"] = bars.trades
    columns["taker_buy_volume"] = decimals(bars.taker, bars.quantity_decimals, quantity)
    columns["taker_buy_quote_volume"] = decimals(bars.taker_quote, bars.quote_decimals, quote)
    columns["ignore"] = np.zeros(len(bars), np.int64)
    return pl.DataFrame(columns)


def csv(bars: Bars, *, spot: bool, header: bool) -> bytes:
    """The CSV inside an archive zip."""
    is_late = len(bars) > 0 and int(bars.start_ms[0]) >= MICROSECONDS_FROM_MS
    text = frame(bars, spot=spot, unit=1000 if spot and is_late else 1).write_csv(None, include_header=header)
    return text.encode()


def rows(bars: Bars, *, spot: bool, unit: int = 1) -> list[list[Any]]:
    """The klines of a REST answer: numbers as text, times and counts as integers."""
    import polars as pl

    table = frame(bars, spot=spot, unit=unit).with_columns(pl.col(pl.Decimal).cast(pl.String), pl.lit("0").alias("ignore"))
    return [list(row) for row in table.iter_rows()]


def _step(interval: str) -> int:
    if interval not in INTERVALS_MS:
        raise Rejected(f"interval {interval!r}, expected one of {', '.join(INTERVALS)}")
    return INTERVALS_MS[interval]
