"""Averages, extremes and lines: indicators in the unit of what they are computed of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.factors import dense, single
from tradewinds.factors.columns import computed, whole
from tradewinds.factors.talib_door import one
from tradewinds.factors.talib_library import described

Floats = NDArray[np.float64]


def sma(values: Floats, length: int) -> Floats:
    """Simple moving average over `length` bars."""
    bars = whole("sma", length)
    return computed(
        "sma", lambda i, o: single.sma(i[0], bars, o[0]), (values,), 1, (bars,), lambda i, o: dense.sma(i[0], bars, o[0]), is_telling=True
    )[0]


def ema(values: Floats, length: int) -> Floats:
    """Exponential moving average with weight 2 / (length + 1), seeded with the mean of the first `length` values."""
    bars = whole("ema", length)
    return _smoothed("ema", values, bars, 2.0 / (bars + 1))


def wilder(values: Floats, length: int) -> Floats:
    """Wilder's moving average: weight 1 / length, seeded with the mean of the first `length` values (TA-Lib's RMA)."""
    bars = whole("wilder", length)
    return _smoothed("wilder", values, bars, 1.0 / bars)


def highest(values: Floats, length: int) -> Floats:
    """The greatest of the last `length` bars, the current one included (TA-Lib's MAX)."""
    return _extreme("highest", "MAX", values, whole("highest", length, 2), 1.0)


def lowest(values: Floats, length: int) -> Floats:
    """The least of the last `length` bars, the current one included (TA-Lib's MIN)."""
    return _extreme("lowest", "MIN", values, whole("lowest", length, 2), -1.0)


def wma(values: Floats, length: int) -> Floats:
    """Average weighted 1, 2, .., length, the latest most."""
    return one("WMA", values, time_period=whole("wma", length))


def dema(values: Floats, length: int) -> Floats:
    """Double exponential average: 2 ema - ema of ema."""
    return one("DEMA", values, time_period=whole("dema", length))


def tema(values: Floats, length: int) -> Floats:
    """Triple exponential average."""
    return one("TEMA", values, time_period=whole("tema", length))


def trima(values: Floats, length: int) -> Floats:
    """Triangular average: the average of averages, the middle weighs most."""
    return one("TRIMA", values, time_period=whole("trima", length))


def hma(values: Floats, length: int) -> Floats:
    """Hull's average: weighted averages of length / 2 and length, smoothed over the root of the length."""
    return one("HMA", values, time_period=whole("hma", length, 2))


def kama(values: Floats, length: int) -> Floats:
    """Kaufman's adaptive average; its efficiency ratio spans `length` bars."""
    return one("KAMA", values, time_period=whole("kama", length, 2))


def vwma(values: Floats, volume: Floats, length: int) -> Floats:
    """Average weighted by volume over `length` bars."""
    return one("VWMA", values, volume, time_period=whole("vwma", length))


def midpoint(values: Floats, length: int) -> Floats:
    """The middle between the highest and the lowest of `length` bars."""
    return (highest(values, length) + lowest(values, length)) / 2


def rolling_sum(values: Floats, length: int) -> Floats:
    """The sum over `length` bars."""
    return one("SUM", values, time_period=whole("rolling_sum", length, 2))


def linearreg(values: Floats, length: int) -> Floats:
    """The end of the least-squares line through `length` bars."""
    return one("LINEARREG", values, time_period=whole("linearreg", length, 2))


def linearreg_slope(values: Floats, length: int) -> Floats:
    """The slope per bar of the least-squares line through `length` bars."""
    return one("LINEARREG_SLOPE", values, time_period=whole("linearreg_slope", length, 2))


def linearreg_intercept(values: Floats, length: int) -> Floats:
    """The start of the least-squares line through `length` bars."""
    return one("LINEARREG_INTERCEPT", values, time_period=whole("linearreg_intercept", length, 2))


def linearreg_angle(values: Floats, length: int) -> Floats:
    """The angle in degrees of the least-squares line through `length` bars."""
    return one("LINEARREG_ANGLE", values, time_period=whole("linearreg_angle", length, 2))


def tsf(values: Floats, length: int) -> Floats:
    """Time series forecast: the least-squares line through `length` bars, one bar on."""
    return one("TSF", values, time_period=whole("tsf", length, 2))


def sar(high: Floats, low: Floats, acceleration: float = 0.02, maximum: float = 0.2) -> Floats:
    """Wilder's parabolic stop and reverse."""
    return one("SAR", high, low, acceleration=acceleration, maximum=maximum)


def ht_trendline(values: Floats) -> Floats:
    """Ehlers' instantaneous trend line by the Hilbert transform."""
    return one("HT_TRENDLINE", values)


def typical_price(high: Floats, low: Floats, close: Floats) -> Floats:
    """(high + low + close) / 3 (TA-Lib's TYPPRICE)."""
    return (np.asarray(high) + low + close) / 3.0


def _smoothed(name: str, values: Floats, bars: int, weight: float) -> Floats:
    return computed(
        name, lambda i, o: single.smoothed(i[0], bars, weight, o[0]), (values,), 1, (bars,),
        lambda i, o: dense.smoothed(i[0], bars, weight, o[0]),
    )[0]  # fmt: skip


def _extreme(name: str, talib_name: str, values: Floats, bars: int, sign: float) -> Floats:
    return computed(
        name, lambda i, o: described(talib_name).fill(i, o, (bars,)), (values,), 1, (bars,),
        lambda i, o: dense.extreme(i[0], bars, sign, o[0]),
    )[0]  # fmt: skip
