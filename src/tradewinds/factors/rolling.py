"""Compiled windows over (times, instruments): each row reads the `length` rows that end with it, NaN passed over.

1. A sum slides: the new value comes in, the oldest leaves. It is kept as two floats whose sum is exact to about 106 bits, so that what
   left leaves nothing behind: a window gives the same bits wherever the computation began (but for one rounding in about 2 ** 40).
2. Second moments are sums of exact products, so a price level of 100 takes no digits from a deviation of 0.01.
3. Below `least` known values a window is NaN; so is a deviation that is rounding, or an answer that is not finite.

Source of the two-float arithmetic: T. J. Dekker, A Floating-Point Technique for Extending the Available Precision (1971).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined

Floats = NDArray[np.float64]

SPLIT = 134217729.0  # 2 ** 27 + 1
ROUNDING_VARIANCE = 1e-20  # of the squared mean: a deviation below 1e-10 of it is no movement


@inlined
def plus(high: float, low: float, x: float) -> float:
    """The greater float of (high + low) + x."""
    s = high + x
    b = s - high
    e = ((high - (s - b)) + (x - b)) + low
    return s + e


@inlined
def plus_rest(high: float, low: float, x: float) -> float:
    """What `plus` leaves over."""
    s = high + x
    b = s - high
    e = ((high - (s - b)) + (x - b)) + low
    r = s + e
    return e - (r - s)


@inlined
def product_rest(x: float, y: float) -> float:
    """x * y less its rounded value, exact."""
    p = x * y
    a = SPLIT * x
    xh = a - (a - x)
    b = SPLIT * y
    yh = b - (b - y)
    xl, yl = x - xh, y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl


@inlined
def centred(xy_high: float, xy_low: float, x: float, x_low: float, y: float, y_low: float, count: float) -> float:
    """sum(xy) - sum(x) sum(y) / count, of two-float sums."""
    p = x * y
    rest = product_rest(x, y) + (x * y_low + x_low * y)
    q = p / count
    r = ((-product_rest(q, count) + (p - q * count)) + rest) / count
    return (xy_high - q) + (xy_low - r)


@compiled
def window_mean(values: Floats, length: int, least: int, is_sum: bool, out: Floats) -> None:
    """Mean (or sum) of the last `length` rows."""
    times, width = values.shape
    high, low, count = np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        old = values[max(t - length, 0)]
        leaves = 1.0 if t >= length else 0.0
        for j in range(width):
            known = 1.0 if new[j] == new[j] else 0.0
            gone = leaves if old[j] == old[j] else 0.0
            x = new[j] if known == 1.0 else 0.0
            h, m = plus(high[j], low[j], x), plus_rest(high[j], low[j], x)
            x = -old[j] if gone == 1.0 else 0.0
            high[j], low[j] = plus(h, m, x), plus_rest(h, m, x)
            count[j] += known - gone
            answer = high[j] if is_sum else high[j] / count[j]
            result[j] = answer if count[j] >= least and abs(answer) < np.inf else np.nan


@compiled
def window_deviation(values: Floats, length: int, least: int, out: Floats) -> None:
    """Sample standard deviation of the last `length` rows; 0 where it is rounding."""
    times, width = values.shape
    high, low, squares, squares_low, count = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        old = values[max(t - length, 0)]
        leaves = 1.0 if t >= length else 0.0
        for j in range(width):
            known = 1.0 if new[j] == new[j] else 0.0
            gone = leaves if old[j] == old[j] else 0.0
            x = new[j] if known == 1.0 else 0.0
            h, m = plus(high[j], low[j], x), plus_rest(high[j], low[j], x)
            q, r = plus(squares[j], squares_low[j], x * x), plus_rest(squares[j], squares_low[j], x * x)
            r += product_rest(x, x)
            x = old[j] if gone == 1.0 else 0.0
            high[j], low[j] = plus(h, m, -x), plus_rest(h, m, -x)
            squares[j], squares_low[j] = plus(q, r, -x * x), plus_rest(q, r, -x * x)
            squares_low[j] -= product_rest(x, x)
            count[j] += known - gone
            n = count[j]
            variance = centred(squares[j], squares_low[j], high[j], low[j], high[j], low[j], n) / (n - 1.0)
            mean = high[j] / n
            answer = np.sqrt(variance) if variance > ROUNDING_VARIANCE * mean * mean else 0.0
            result[j] = answer if n >= least and variance < np.inf else np.nan


@compiled
def shifted(values: Floats, rows: int, out: Floats) -> None:
    """The values of `rows` rows before."""
    out[:rows] = np.nan
    for t in range(rows, len(values)):
        out[t] = values[t - rows]


@compiled
def growth(values: Floats, rows: int, skipped: int, out: Floats) -> None:
    """Value `skipped` rows before over that of `rows` rows before, less one; NaN where either is not positive."""
    out[:rows] = np.nan
    for t in range(rows, len(values)):
        later, earlier, result = values[t - skipped], values[t - rows], out[t]
        for j in range(values.shape[1]):
            ratio = later[j] / earlier[j] if later[j] > 0.0 and earlier[j] > 0.0 else np.nan
            result[j] = ratio - 1.0 if ratio < np.inf else np.nan
