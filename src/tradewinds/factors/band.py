"""Volatility, and bands and channels around prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import dense, single
from tradewinds.factors.average import ema, highest, lowest, sma
from tradewinds.factors.columns import computed, whole
from tradewinds.factors.talib_door import one, talib_function

Floats = NDArray[np.float64]


class Bands(NamedTuple):
    """upper, middle and lower, each of the inputs' shape."""

    upper: Floats
    middle: Floats
    lower: Floats


class Ichimoku(NamedTuple):
    """The lines as they stand on the chart at a bar: spans were computed `displacement` bars before."""

    conversion: Floats
    base: Floats
    span_a: Floats
    span_b: Floats


class Supertrend(NamedTuple):
    """line: the stop; trend: 1 above it, -1 below."""

    line: Floats
    trend: Floats


def stddev(values: Floats, length: int, deviations: float = 1.0) -> Floats:
    """Population standard deviation over `length` bars, times `deviations`; 0 below 1e-10 of the mean."""
    bars = whole("stddev", length, 2)
    found = computed(
        "stddev", lambda i, o: single.stddev(i[0], bars, o[0]), (values,), 1, (bars,), lambda i, o: dense.stddev(i[0], bars, o[0])
    )[0]  # fmt: skip
    return found if deviations == 1.0 else found * deviations


def var(values: Floats, length: int) -> Floats:
    """Population variance over `length` bars."""
    return np.square(stddev(values, length))


def zscore(values: Floats, length: int) -> Floats:
    """Distance from the mean of `length` bars in standard deviations; NaN where nothing moved."""
    spread = stddev(values, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (np.asarray(values) - sma(values, length)) / spread
    return np.where(spread > 0.0, found, np.nan)


def bbands(values: Floats, length: int = 20, deviations: float = 2.0) -> Bands:
    """Bollinger's bands: a simple average and `deviations` population standard deviations to both sides."""
    middle, width = sma(values, length), stddev(values, length, deviations)
    return Bands(middle + width, middle, middle - width)


def trange(high: Floats, low: Floats, close: Floats) -> Floats:
    """Wilder's true range; NaN on the first bar."""
    return one("TRANGE", high, low, close)


def atr(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """Wilder's average true range."""
    bars = whole("atr", length)
    return computed(
        "atr", lambda i, o: single.atr(i[0], i[1], i[2], bars, o[0]), (high, low, close), 1, (bars,),
        lambda i, o: dense.atr(i[0], i[1], i[2], bars, o[0]),
    )[0]  # fmt: skip


def natr(high: Floats, low: Floats, close: Floats, length: int = 14) -> Floats:
    """The average true range in percent of the close."""
    return 100.0 * (atr(high, low, close, length) / close)


def donchian(high: Floats, low: Floats, length: int = 20) -> Bands:
    """Highest high and lowest low of `length` bars, the current one included, and their middle.

    A breakout compares a close with the channel of the bar before.
    """
    upper, lower = highest(high, length), lowest(low, length)
    return Bands(upper, (upper + lower) / 2, lower)


def keltner(high: Floats, low: Floats, close: Floats, length: int = 20, atr_length: int = 10, multiplier: float = 2.0) -> Bands:
    """An exponential average of the close and `multiplier` average true ranges to both sides."""
    middle, width = ema(close, length), multiplier * atr(high, low, close, atr_length)
    return Bands(middle + width, np.where(np.isnan(width), np.nan, middle), middle - width)


def supertrend(high: Floats, low: Floats, close: Floats, length: int = 10, multiplier: float = 3.0) -> Supertrend:
    """A trailing stop of `multiplier` average true ranges that turns when the close crosses it."""
    return Supertrend(*talib_function("SUPERTREND")(high, low, close, time_period=length, multiplier=multiplier))


def ichimoku(
    high: Floats, low: Floats, conversion: int = 9, base: int = 26, span: int = 52, displacement: int = 26
) -> Ichimoku:  # fmt: skip
    """Hosoda's cloud. Each line is the middle of the highest high and lowest low; both spans stand `displacement` bars later.

    There is no lagging span: the close drawn 26 bars back is a look ahead; compare the close with that of 26 bars before instead.
    """
    bars = [whole("ichimoku", one, 2) for one in (conversion, base, span)]
    shift = whole("ichimoku", displacement, 0)
    return Ichimoku(*computed("ichimoku", lambda i, o: _ichimoku(i, o, bars, shift), (high, low), 4, (*bars, shift)))


def vwap(high: Floats, low: Floats, close: Floats, volume: Floats, session: NDArray[np.int64]) -> Floats:
    """Average typical price weighted by volume since the session began; NaN before its first volume.

    session: (times,) a number that changes where a session begins, such as the day of each bar.
    """
    shape, numbers = np.shape(close), np.asarray(session, dtype=np.float64)
    if numbers.shape != shape[:1]:
        raise Rejected(f"vwap: sessions of shape {numbers.shape}, expected {shape[:1]} (times,)")
    spread = numbers if len(shape) == 1 else np.broadcast_to(numbers[:, None], shape)
    return computed("vwap", _vwap, (high, low, close, volume, spread), 1, ())[0]


def realised_volatility(close: Floats, length: int, periods_per_year: float) -> Floats:
    """Root of the mean squared log return over `length` returns, annualised with `periods_per_year`.

    Source: Andersen & Bollerslev, Answering the Skeptics, International Economic Review 39 (1998).
    """
    bars = whole("realised_volatility", length, 2)
    return computed(
        "realised_volatility", lambda i, o: _realised(i[0], o[0], bars, periods_per_year), (close,), 1, (bars, periods_per_year)
    )[0]  # fmt: skip


def _middle(high: Floats, low: Floats, bars: int) -> Floats:
    return (highest(high, bars) + lowest(low, bars)) / 2


def _ichimoku(inputs: Sequence[Floats], outputs: Sequence[Floats], bars: list[int], shift: int) -> None:
    high, low = inputs
    conversion, base, long = (_middle(high, low, count) for count in bars)
    outputs[0][:] = conversion
    outputs[1][:] = base
    for out, source in ((outputs[2], (conversion + base) / 2), (outputs[3], long)):
        out[:shift] = np.nan
        out[shift:] = source[: max(len(source) - shift, 0)]


def _vwap(inputs: Sequence[Floats], outputs: Sequence[Floats]) -> None:
    high, low, close, volume, session = inputs
    single.vwap((high + low + close) / 3.0, volume, session, outputs[0])


def _realised(close: Floats, out: Floats, bars: int, periods: float) -> None:
    out.fill(np.nan)
    if len(close) > bars:
        squares = np.square(np.diff(np.log(close)))
        means = np.empty(len(squares))
        single.sma(squares, bars, means)
        np.sqrt(np.maximum(means, 0.0) * periods, out=out[1:])
