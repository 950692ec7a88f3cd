"""Compiled loops over one contiguous column (times,) without NaN; `dense.py` repeats their arithmetic over many columns at once.

The arithmetic is ours and not TA-Lib's: its C library picks fused multiply-adds by the processor it runs on, so that its last bit differs
between machines. Ours is the same everywhere, and `incremental.py` repeats it bar by bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined

Floats = NDArray[np.float64]

# A deviation below 1e-10 of the mean is rounding, no movement.
ROUNDING = 1e-10
ROUNDING_VARIANCE = ROUNDING * ROUNDING
# Below this sum of average gain and loss the relative strength is 0, as in TA-Lib.
STILL = 1e-14


@inlined
def true_range(high: float, low: float, close_before: float) -> float:
    """The widest of high - low and the distances of both from the close before."""
    return max(high - low, abs(high - close_before), abs(low - close_before))


@inlined
def deviation(squares: float, mean: float, length: int) -> float:
    """Population standard deviation from the sum of squared distances to the mean."""
    variance = squares / length
    return np.sqrt(variance) if variance > ROUNDING_VARIANCE * mean * mean else 0.0


@compiled
def sma(values: Floats, length: int, out: Floats) -> bool:
    """Running sum: add the new value, divide, take the oldest away. Whether there is a NaN among the values: no sum recovers from one."""
    total = 0.0
    warm = min(length - 1, len(values))
    for t in range(warm):
        total += values[t]
        out[t] = np.nan
    new, result, span = values[warm:], out[warm:], float(length)
    for t in range(len(new)):  # an index that starts at 0 is known not to count from the end
        total += new[t]
        result[t] = total / span
        total -= values[t]
    return bool(np.isnan(total))


@compiled
def smoothed(values: Floats, length: int, weight: float, out: Floats) -> None:
    """Exponential smoothing seeded with the mean of the first `length` values."""
    state = 0.0
    warm = min(length, len(values))
    for t in range(warm):
        state += values[t]
        out[t] = np.nan
    if warm < length:
        return
    state /= length
    out[warm - 1] = state
    for t in range(warm, len(values)):
        state += (values[t] - state) * weight
        out[t] = state


@compiled
def rsi(values: Floats, length: int, out: Floats) -> None:
    """Wilder's: mean gain and loss of the first `length` changes, then smoothed with 1 / length."""
    gain = loss = 0.0
    weight = 1.0 / length
    out[0] = np.nan
    for t in range(1, len(values)):
        change = values[t] - values[t - 1]
        up, down = max(change, 0.0), max(-change, 0.0)
        if t <= length:
            gain += up
            loss += down
            if t < length:
                out[t] = np.nan
                continue
            gain /= length
            loss /= length
        else:
            gain += (up - gain) * weight
            loss += (down - loss) * weight
        whole = gain + loss
        out[t] = 100.0 * (gain / whole) if whole > STILL else 0.0


@compiled
def atr(high: Floats, low: Floats, close: Floats, length: int, out: Floats) -> None:
    """Wilder's: mean of the first `length` true ranges after the first bar, then smoothed with 1 / length."""
    state = 0.0
    weight = 1.0 / length
    out[0] = np.nan
    for t in range(1, len(high)):
        widest = true_range(high[t], low[t], close[t - 1])
        if t < length:
            state += widest
            out[t] = np.nan
        else:
            state = (state + widest) / length if t == length else state + (widest - state) * weight
            out[t] = state


@compiled
def stddev(values: Floats, length: int, out: Floats) -> None:
    """Mean and squared distances slide with the window; every `length` rows both are computed anew, so that no rounding gathers.

    Source: B. P. Welford, Note on a Method for Calculating Corrected Sums of Squares, Technometrics 4 (1962); the oldest value leaves.
    """
    mean = squares = 0.0
    span = float(length)
    warm = min(length - 1, len(values))
    out[:warm] = np.nan
    since = length - 1  # rows since both were computed anew
    for t in range(warm, len(values)):
        since += 1
        if since == length:
            since = 0
            total = 0.0
            for back in range(t - length + 1, t + 1):
                total += values[back]
            mean = total / span
            squares = 0.0
            for back in range(t - length + 1, t + 1):
                squares += (values[back] - mean) * (values[back] - mean)
        else:
            new, old = values[t], values[t - length]
            moved = mean + (new - old) / span
            squares += (new - old) * ((new - moved) + (old - mean))
            mean = moved
        out[t] = deviation(squares, mean, length)


@compiled
def cci(typical: Floats, length: int, out: Floats) -> None:
    """Distance from the window's mean in 0.015 mean deviations; 0 where the mean deviation is rounding."""
    for t in range(len(typical)):
        if t < length - 1:
            out[t] = np.nan
            continue
        total = spread = 0.0
        for back in range(t - length + 1, t + 1):
            total += typical[back]
        mean = total / length
        for back in range(t - length + 1, t + 1):
            spread += abs(typical[back] - mean)
        spread /= length
        out[t] = (typical[t] - mean) / (0.015 * spread) if spread > ROUNDING * abs(mean) else 0.0


@compiled
def vwap(price: Floats, volume: Floats, session: Floats, out: Floats) -> None:
    """Sums of price times volume and of volume since the session changed; NaN before any volume."""
    money = units = 0.0
    for t in range(len(price)):
        if t == 0 or session[t] != session[t - 1]:
            money = units = 0.0
        money += price[t] * volume[t]
        units += volume[t]
        out[t] = money / units if units > 0.0 else np.nan
