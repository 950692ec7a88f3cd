"""Compiled loops over (times, instruments) in the order in which rows lie in memory; running values vectorise over the instruments.

Every loop repeats the arithmetic of `single.py` in the same order, so that a column alone and a column among many give the same bits.
A NaN anywhere in a column ends in its running value: such columns are answered as True and computed again without the missing bars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.factors.single import STILL, deviation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@compiled
def sma(values: Floats, length: int, out: Floats) -> Bools:
    """Running sum: add the new value, divide, take the oldest away."""
    times, width = values.shape
    total = np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        if t < length - 1:
            for j in range(width):
                total[j] += new[j]
                result[j] = np.nan
            continue
        old = values[t - length + 1]
        for j in range(width):
            grown = total[j] + new[j]
            result[j] = grown / length
            total[j] = grown - old[j]
    return np.isnan(total)


@compiled
def smoothed(values: Floats, length: int, weight: float, out: Floats) -> Bools:
    """Exponential smoothing seeded with the mean of the first `length` values."""
    times, width = values.shape
    state = np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        if t < length - 1:
            for j in range(width):
                state[j] += new[j]
                result[j] = np.nan
        elif t == length - 1:
            for j in range(width):
                state[j] = (state[j] + new[j]) / length
                result[j] = state[j]
        else:
            for j in range(width):
                state[j] += (new[j] - state[j]) * weight
                result[j] = state[j]
    return np.isnan(state)


@compiled
def rsi(values: Floats, length: int, out: Floats) -> Bools:
    """Wilder's: mean gain and loss of the first `length` changes, then smoothed with 1 / length."""
    times, width = values.shape
    gain, loss = np.zeros(width), np.zeros(width)
    weight = 1.0 / length
    for t in range(times):
        new, result = values[t], out[t]
        old = values[max(t - 1, 0)]
        for j in range(width):
            change = new[j] - old[j]
            up = 0.0 if change <= 0.0 else change
            down = 0.0 if change >= 0.0 else -change
            if t <= length:
                gain[j] += up
                loss[j] += down
            else:
                gain[j] += (up - gain[j]) * weight
                loss[j] += (down - loss[j]) * weight
        if t < length:
            for j in range(width):
                result[j] = np.nan
            continue
        if t == length:
            for j in range(width):
                gain[j] /= length
                loss[j] /= length
        for j in range(width):
            whole = gain[j] + loss[j]
            result[j] = 100.0 * (gain[j] / whole) if whole > STILL else 0.0
    return np.isnan(gain + loss)


@compiled
def atr(high: Floats, low: Floats, close: Floats, length: int, out: Floats) -> Bools:
    """Wilder's: mean of the first `length` true ranges after the first bar, then smoothed with 1 / length."""
    times, width = high.shape
    state, seen = np.zeros(width), np.zeros(width)
    weight = 1.0 / length
    for t in range(times):
        top, bottom, result = high[t], low[t], out[t]
        before = close[max(t - 1, 0)]
        for j in range(width):
            widest = top[j] - bottom[j]
            up, down = abs(top[j] - before[j]), abs(bottom[j] - before[j])
            seen[j] += 0.0 * (up + down)  # a NaN that no comparison saw
            widest = up if up > widest else widest
            widest = down if down > widest else widest
            if t == 0:
                result[j] = np.nan
            elif t < length:
                state[j] += widest
                result[j] = np.nan
            else:
                state[j] = (state[j] + widest) / length if t == length else state[j] + (widest - state[j]) * weight
                result[j] = state[j]
    if times:
        seen += 0.0 * close[times - 1]
    return np.isnan(seen)


@compiled
def stddev(values: Floats, length: int, out: Floats) -> Bools:
    """Mean and squared distances slide with the window; every `length` rows both are computed anew, so that no rounding gathers."""
    times, width = values.shape
    mean, squares, seen = np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        for j in range(width):
            seen[j] += 0.0 * new[j]
        if t < length - 1:
            result[:] = np.nan
            continue
        if (t + 1) % length == 0:
            mean[:] = 0.0
            squares[:] = 0.0
            for back in range(t - length + 1, t + 1):
                row = values[back]
                for j in range(width):
                    mean[j] += row[j]
            for j in range(width):
                mean[j] /= length
            for back in range(t - length + 1, t + 1):
                row = values[back]
                for j in range(width):
                    squares[j] += (row[j] - mean[j]) * (row[j] - mean[j])
        else:
            old = values[t - length]
            for j in range(width):
                moved = mean[j] + (new[j] - old[j]) / length
                squares[j] += (new[j] - old[j]) * ((new[j] - moved) + (old[j] - mean[j]))
                mean[j] = moved
        for j in range(width):
            result[j] = deviation(squares[j], mean[j], length)
    return np.isnan(seen)


@compiled
def extreme(values: Floats, length: int, sign: float, out: Floats) -> Bools:
    """Rolling maximum (sign 1.0) or minimum (-1.0) in three comparisons per value, whatever the length.

    Source: M. van Herk, A fast algorithm for local minimum and maximum filters, Pattern Recognition Letters 13 (1992): a window spans the
    end of one block of `length` rows (greatest from a row to its block's end) and the start of the next (greatest so far).
    """
    times, width = values.shape
    ahead = np.empty((length, width))
    sofar = np.empty(width)
    seen = np.zeros(width)
    for t in range(times):
        place = t % length
        new, result = values[t], out[t]
        if place == 0:
            sofar[:] = -np.inf
            if t > 0:
                ahead[length - 1] = values[t - 1] * sign
                for back in range(length - 2, -1, -1):
                    row, behind, own = values[t - length + back], ahead[back + 1], ahead[back]
                    for j in range(width):
                        one = row[j] * sign
                        own[j] = one if one > behind[j] else behind[j]
        for j in range(width):
            one = new[j] * sign
            seen[j] += 0.0 * one
            sofar[j] = one if one > sofar[j] else sofar[j]
        if t < length - 1:
            result[:] = np.nan
        elif place == length - 1:
            for j in range(width):
                result[j] = sofar[j] * sign
        else:
            rest = ahead[place + 1]
            for j in range(width):
                result[j] = (rest[j] if rest[j] > sofar[j] else sofar[j]) * sign
    return np.isnan(seen)
