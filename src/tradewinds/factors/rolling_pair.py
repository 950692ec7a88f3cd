"""Compiled windows of extremes, of third moments and of two series; the arithmetic and the rules are those of `rolling.py`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.factors.rolling import ROUNDING_VARIANCE, centred, plus, plus_rest, product_rest

Floats = NDArray[np.float64]

BETA, RESIDUAL, CORRELATION = 0, 1, 2


@compiled
def window_extreme(values: Floats, length: int, least: int, sign: float, out: Floats) -> None:
    """Greatest (sign 1) or least (sign -1) of the last `length` rows.

    Blocks of `length` rows: the greatest from a block's begin up to a row, and from a row to the end of the block before.
    Source: van Herk, A Fast Algorithm for Local Minimum and Maximum Filters, Pattern Recognition Letters 13 (1992).
    """
    times, width = values.shape
    prefix, count = np.empty(width), np.zeros(width, np.int64)
    suffix = np.full((length, width), -np.inf)
    for begin in range(0, times, length):
        prefix[:] = -np.inf
        for t in range(begin, min(begin + length, times)):
            new, result, behind = values[t], out[t], suffix[min(t - begin + 1, length - 1)]
            old = values[max(t - length, 0)]
            leaves, is_whole = t >= length, t - begin + 1 == length
            for j in range(width):
                x = sign * new[j]
                prefix[j] = x if x > prefix[j] else prefix[j]
                greatest = prefix[j] if is_whole or prefix[j] > behind[j] else behind[j]
                count[j] += new[j] == new[j]
                count[j] -= leaves and old[j] == old[j]
                result[j] = sign * greatest if count[j] >= least else np.nan
        if begin + length > times:
            break
        for t in range(length - 1, -1, -1):
            new, result = values[begin + t], suffix[t]
            after = suffix[min(t + 1, length - 1)]
            for j in range(width):
                x = sign * new[j] if new[j] == new[j] else -np.inf
                result[j] = after[j] if t < length - 1 and after[j] > x else x


@compiled
def window_skewness(values: Floats, length: int, least: int, out: Floats) -> None:
    """Third central moment over the cubed population deviation of the last `length` rows; NaN where nothing moves."""
    times, width = values.shape
    high, low, squares, squares_low = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    cubes, cubes_low, count = np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        new, result = values[t], out[t]
        old = values[max(t - length, 0)]
        leaves = 1.0 if t >= length else 0.0
        for j in range(width):
            known = 1.0 if new[j] == new[j] else 0.0
            gone = leaves if old[j] == old[j] else 0.0
            x = new[j] if known == 1.0 else 0.0
            y = old[j] if gone == 1.0 else 0.0
            a, b = plus(high[j], low[j], x), plus_rest(high[j], low[j], x)
            high[j], low[j] = plus(a, b, -y), plus_rest(a, b, -y)
            xx, yy = x * x, y * y
            a, b = plus(squares[j], squares_low[j], xx), plus_rest(squares[j], squares_low[j], xx) + product_rest(x, x)
            squares[j], squares_low[j] = plus(a, b, -yy), plus_rest(a, b, -yy) - product_rest(y, y)
            a, b = plus(cubes[j], cubes_low[j], xx * x), plus_rest(cubes[j], cubes_low[j], xx * x)
            cubes[j], cubes_low[j] = plus(a, b, -yy * y), plus_rest(a, b, -yy * y)
            count[j] += known - gone
            n, mean = count[j], high[j] / count[j]
            variance = centred(squares[j], squares_low[j], high[j], low[j], high[j], low[j], n) / n
            third = (cubes[j] + cubes_low[j]) / n - 3.0 * mean * ((squares[j] + squares_low[j]) / n) + 2.0 * mean * mean * mean
            answer = third / (variance * np.sqrt(variance)) if variance > ROUNDING_VARIANCE * mean * mean else np.nan
            result[j] = answer if n >= least and abs(answer) < np.inf else np.nan


@compiled
def window_pair(values: Floats, market: Floats, length: int, least: int, what: int, out: Floats) -> None:
    """Of the line of `values` on `market` over the last `length` rows that know both: slope, deviation of the residuals, correlation."""
    times, width = values.shape
    sy, sy_low, sx, sx_low = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    yy, yy_low, xx, xx_low = np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width)
    xy, xy_low, count = np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        back = max(t - length, 0)
        new_y, new_x, old_y, old_x, result = values[t], market[t], values[back], market[back], out[t]
        leaves = 1.0 if t >= length else 0.0
        for j in range(width):
            known = 1.0 if new_y[j] == new_y[j] and new_x[j] == new_x[j] else 0.0
            gone = leaves if old_y[j] == old_y[j] and old_x[j] == old_x[j] else 0.0
            y, x = (new_y[j], new_x[j]) if known == 1.0 else (0.0, 0.0)
            v, u = (old_y[j], old_x[j]) if gone == 1.0 else (0.0, 0.0)
            a, b = plus(sy[j], sy_low[j], y), plus_rest(sy[j], sy_low[j], y)
            sy[j], sy_low[j] = plus(a, b, -v), plus_rest(a, b, -v)
            a, b = plus(sx[j], sx_low[j], x), plus_rest(sx[j], sx_low[j], x)
            sx[j], sx_low[j] = plus(a, b, -u), plus_rest(a, b, -u)
            a, b = plus(yy[j], yy_low[j], y * y), plus_rest(yy[j], yy_low[j], y * y) + product_rest(y, y)
            yy[j], yy_low[j] = plus(a, b, -v * v), plus_rest(a, b, -v * v) - product_rest(v, v)
            a, b = plus(xx[j], xx_low[j], x * x), plus_rest(xx[j], xx_low[j], x * x) + product_rest(x, x)
            xx[j], xx_low[j] = plus(a, b, -u * u), plus_rest(a, b, -u * u) - product_rest(u, u)
            a, b = plus(xy[j], xy_low[j], x * y), plus_rest(xy[j], xy_low[j], x * y) + product_rest(x, y)
            xy[j], xy_low[j] = plus(a, b, -u * v), plus_rest(a, b, -u * v) - product_rest(u, v)
            count[j] += known - gone
            n = count[j]
            of_x = centred(xx[j], xx_low[j], sx[j], sx_low[j], sx[j], sx_low[j], n)
            of_y = centred(yy[j], yy_low[j], sy[j], sy_low[j], sy[j], sy_low[j], n)
            both = centred(xy[j], xy_low[j], sx[j], sx_low[j], sy[j], sy_low[j], n)
            moves_x = of_x > ROUNDING_VARIANCE * (sx[j] / n) * sx[j]
            moves_y = of_y > ROUNDING_VARIANCE * (sy[j] / n) * sy[j]
            if what == BETA:
                answer = both / of_x if moves_x else np.nan
            elif what == RESIDUAL:
                rest = of_y - both * both / of_x
                answer = np.sqrt(max(rest, 0.0) / (n - 2.0)) if moves_x else np.nan
            else:
                answer = min(1.0, max(-1.0, both / np.sqrt(of_x * of_y))) if moves_x and moves_y else np.nan
            result[j] = answer if n >= least and abs(answer) < np.inf else np.nan


@inlined
def month_of(value: float) -> int:
    """1 to 12, 0 for anything else."""
    return int(value) if 1.0 <= value <= 12.0 else 0


@compiled
def same_month(values: Floats, month: Floats, length: int, least: int, out: Floats) -> None:
    """Mean over the last `length` rows of those in the calendar month (1 to 12) of the row, its own run of days left out."""
    times, width = values.shape
    sums, rests, counts = np.zeros((13, width)), np.zeros((13, width)), np.zeros((13, width))
    run, run_low, run_count = np.zeros(width), np.zeros(width), np.zeros(width)
    for t in range(times):
        for j in range(width):
            if t >= length and values[t - length, j] == values[t - length, j]:
                x, m = -values[t - length, j], month_of(month[t - length, j])
                high, low = sums[m, j], rests[m, j]
                sums[m, j], rests[m, j] = plus(high, low, x), plus_rest(high, low, x)
                counts[m, j] -= 1.0
            now = month_of(month[t, j])
            if t == 0 or month_of(month[t - 1, j]) != now:
                run[j] = run_low[j] = run_count[j] = 0.0
            x = values[t, j]
            if x == x:
                high, low = sums[now, j], rests[now, j]
                sums[now, j], rests[now, j] = plus(high, low, x), plus_rest(high, low, x)
                counts[now, j] += 1.0
                high, low = run[j], run_low[j]
                run[j], run_low[j] = plus(high, low, x), plus_rest(high, low, x)
                run_count[j] += 1.0
            n = counts[now, j] - run_count[j] if now > 0 else 0.0
            answer = ((sums[now, j] - run[j]) + (rests[now, j] - run_low[j])) / n
            out[t, j] = answer if n >= least and abs(answer) < np.inf else np.nan


@compiled
def row_mean(values: Floats, members: Floats, out: Floats) -> None:
    """The mean of each row's members (all, where there are no members given) in every cell of it."""
    for t in range(values.shape[0]):
        total, count = 0.0, 0
        for j in range(values.shape[1]):
            if values[t, j] == values[t, j] and (members.size == 0 or members[t, j] == 1.0):
                total += values[t, j]
                count += 1
        out[t, :] = total / count if count and abs(total) < np.inf else np.nan
