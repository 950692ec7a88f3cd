"""Compiled loops over the instruments of each row; `transform.py` is their door. Values (times, instruments), NaN passed over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

GROUPS_MAX = 4096
ROUNDING = 1e-10  # a deviation below this share of the mean is rounding
DEPENDENT = 1e-12  # a regressor whose share that the others do not explain is below this follows from them


@compiled
def keys(values: Floats, low_bits: int, out: Keys) -> None:
    """Whole numbers that rise as the values do, with the column in the lowest bits in place of the value's own; NaN last.

    numpy sorts whole numbers eight at once, and twice as fast as it sorts positions.
    """
    bits = values.view(np.uint64)
    mask = ~np.uint64(0) << np.uint64(low_bits)
    top = np.uint64(1) << np.uint64(63)
    for t in range(values.shape[0]):
        for j in range(values.shape[1]):
            one = bits[t, j]
            one = ~one if one & top else one | top
            out[t, j] = (one & mask if values[t, j] == values[t, j] else mask) | np.uint64(j)


@compiled
def ordered(values: Floats, sorted_keys: Keys, low_bits: int, order: Ints) -> None:
    """Positions by rising value, NaN last, from sorted keys; neighbours that differ only in the bits that were lost are put right."""
    mask = (np.uint64(1) << np.uint64(low_bits)) - np.uint64(1)
    for t in range(values.shape[0]):
        row, at = values[t], order[t]
        for k in range(values.shape[1]):
            j = np.int64(sorted_keys[t, k] & mask)
            place = k
            while place > 0 and row[at[place - 1]] > row[j]:
                at[place] = at[place - 1]
                place -= 1
            at[place] = j


@compiled
def places(values: Floats, order: Ints, out: Floats) -> None:
    """order: positions by rising value, NaN last."""
    for t in range(values.shape[0]):
        row, at, result = values[t], order[t], out[t]
        count = len(row)
        while count > 0 and row[at[count - 1]] != row[at[count - 1]]:
            count -= 1
            result[at[count]] = np.nan
        begin = 0
        while begin < count:
            end = begin + 1
            while end < count and row[at[end]] == row[at[begin]]:
                end += 1
            place = 0.5 * (begin + end - 1) / (count - 1) if count > 1 else 0.5
            for k in range(begin, end):
                result[at[k]] = place
            begin = end


@compiled
def places_in_groups(values: Floats, order: Ints, groups: Floats, out: Floats) -> None:
    size, seen = np.zeros(GROUPS_MAX), np.zeros(GROUPS_MAX)
    first, last = np.zeros(GROUPS_MAX, np.int64), np.zeros(GROUPS_MAX, np.int64)
    width = values.shape[1]
    following = np.zeros(width, np.int64)
    for t in range(values.shape[0]):
        row, group, at, result = values[t], groups[t], order[t], out[t]
        for j in range(width):
            result[j] = np.nan
            if group[j] == group[j]:
                size[int(group[j])] = seen[int(group[j])] = 0.0
        for j in range(width):
            if group[j] == group[j] and row[j] == row[j]:
                size[int(group[j])] += 1.0
        for k in range(width):
            j = at[k]
            if row[j] != row[j]:
                break
            if group[j] != group[j]:
                continue
            g = int(group[j])
            place = seen[g]
            if place > 0.0 and row[last[g]] == row[j]:  # a tie: move its members to their mean place
                following[last[g]] = j
                tied, begin = first[g], 0.0
                count = 2.0
                while tied != last[g]:
                    tied = following[tied]
                    count += 1.0
                begin = place - (count - 1.0)
                mean = (2.0 * begin + count - 1.0) * 0.5
                tied = first[g]
                while True:
                    result[tied] = mean / (size[g] - 1.0)
                    if tied == j:
                        break
                    tied = following[tied]
            else:
                first[g] = j
                result[j] = place / (size[g] - 1.0) if size[g] > 1.0 else 0.5
            last[g] = j
            seen[g] = place + 1.0


@compiled
def centred(values: Floats, is_scaled: bool, out: Floats) -> None:
    width = values.shape[1]
    for t in range(values.shape[0]):
        row, result = values[t], out[t]
        count, total = 0, 0.0
        for j in range(width):
            if row[j] == row[j]:
                count += 1
                total += row[j]
        mean = total / count
        scale = 1.0
        if is_scaled:
            squares = 0.0
            for j in range(width):
                if row[j] == row[j]:
                    squares += (row[j] - mean) * (row[j] - mean)
            scale = np.sqrt(squares / (count - 1)) if count > 1 else np.nan
            if not scale > ROUNDING * abs(mean):
                scale = np.nan
        for j in range(width):
            answer = (row[j] - mean) / scale
            result[j] = answer if abs(answer) < np.inf else np.nan


@compiled
def centred_in_groups(values: Floats, groups: Floats, is_scaled: bool, out: Floats) -> None:
    width = values.shape[1]
    count, total, squares = np.zeros(GROUPS_MAX), np.zeros(GROUPS_MAX), np.zeros(GROUPS_MAX)
    for t in range(values.shape[0]):
        row, group, result = values[t], groups[t], out[t]
        for j in range(width):
            if group[j] == group[j]:
                g = int(group[j])
                count[g] = total[g] = squares[g] = 0.0
        for j in range(width):
            if group[j] == group[j] and row[j] == row[j]:
                count[int(group[j])] += 1.0
                total[int(group[j])] += row[j]
        for j in range(width):
            if group[j] == group[j] and row[j] == row[j]:
                g = int(group[j])
                away = row[j] - total[g] / count[g]
                squares[g] += away * away
        for j in range(width):
            answer = np.nan
            if group[j] == group[j] and row[j] == row[j]:
                g = int(group[j])
                mean = total[g] / count[g]
                answer = row[j] - mean
                if is_scaled:
                    scale = np.sqrt(squares[g] / (count[g] - 1.0)) if count[g] > 1.0 else 0.0
                    answer = answer / scale if scale > ROUNDING * abs(mean) else np.nan
            result[j] = answer if abs(answer) < np.inf else np.nan


@compiled
def clipped(values: Floats, ordered: Floats, fraction: float, out: Floats) -> None:
    """ordered: the values of each row rising, NaN last."""
    width = values.shape[1]
    for t in range(values.shape[0]):
        row, rising, result = values[t], ordered[t], out[t]
        count = width
        while count > 0 and rising[count - 1] != rising[count - 1]:
            count -= 1
        low = high = np.nan
        if count > 0:
            place = fraction * (count - 1)
            below = int(place)
            above = min(below + 1, count - 1)
            part = place - below
            low = rising[below] + part * (rising[above] - rising[below])
            high = rising[count - 1 - below] - part * (rising[count - 1 - below] - rising[count - 1 - above])
        for j in range(width):
            result[j] = row[j] if row[j] != row[j] else min(max(row[j], low), high)


@compiled
def residual(values: Floats, regressors: Floats, groups: Floats, out: Floats) -> None:
    """regressors (K, times, instruments). Everything is centred by group first, so that groups need no columns of their own.

    Source: Frisch & Waugh, Partial Time Regressions as Compared with Individual Trends, Econometrica 1 (1933); modified Gram-Schmidt.
    """
    kinds, times, width = regressors.shape
    count = np.zeros(GROUPS_MAX)
    total = np.zeros(GROUPS_MAX)
    columns = np.zeros((kinds + 1, width))
    at = np.zeros(width, np.int64)
    for t in range(times):
        known = 0
        for j in range(width):
            out[t, j] = np.nan
            is_known = values[t, j] == values[t, j] and groups[t, j] == groups[t, j]
            for k in range(kinds):
                is_known &= regressors[k, t, j] == regressors[k, t, j]
            if is_known:
                at[known] = j
                known += 1
        if known <= kinds:
            continue
        for k in range(kinds + 1):
            column = columns[k]
            for i in range(known):
                column[i] = values[t, at[i]] if k == kinds else regressors[k, t, at[i]]
            scale = np.max(np.abs(column[:known]))
            for i in range(known):
                count[int(groups[t, at[i]])] = total[int(groups[t, at[i]])] = 0.0
            for i in range(known):
                count[int(groups[t, at[i]])] += 1.0
                total[int(groups[t, at[i]])] += column[i]
            before = after = 0.0
            for i in range(known):
                g = int(groups[t, at[i]])
                column[i] -= total[g] / count[g]
                before += column[i] * column[i]
            if k < kinds and not before > known * (ROUNDING * scale) ** 2:
                column[:known] = 0.0
                continue
            for _ in range(2):  # twice is enough against rounding
                for m in range(k):
                    dot = 0.0
                    for i in range(known):
                        dot += columns[m, i] * column[i]
                    for i in range(known):
                        column[i] -= dot * columns[m, i]
            if k == kinds:
                for i in range(known):
                    out[t, at[i]] = column[i] if abs(column[i]) < np.inf else np.nan
                continue
            for i in range(known):
                after += column[i] * column[i]
            length = np.sqrt(after)
            for i in range(known):
                column[i] = column[i] / length if after > DEPENDENT * before else 0.0
