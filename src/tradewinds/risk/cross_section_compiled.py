"""Weighted least squares of every session, compiled: one pass for the normal equations, a small solve, one pass for the residuals.

1. Rows whose return, weight or any exposure is not a finite number take no part. The others are gathered in tiles of ROWS, turned so that a
   factor lies in one piece of memory, and scaled by the square root of their weight.
2. A tile adds its inner products to the matrix of inner products of all columns; the return is the last column.
3. A constraint sum c_j f_j = 0 over the industries is put in by expressing the industry of the largest c by the others.
4. The matrix is scaled to a unit diagonal and factorised column by column (Cholesky); a column that is all but a combination of those
   before it (what is left of its square is below PIVOT_MIN) is left out of this session and marked.
5. Residuals, R squared, variance of the residuals, t statistics.

A session is one thread's work from end to end, so the result does not depend on the number of threads, nor on the sessions beside it.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, compiled_sums, inlined, threaded

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

ROWS = 120  # not a power of two: the rows of a tile would share few places in the cache
BLOCK = 4
PIVOT_MIN = 1e-10
USED, NO_RETURN, NO_EXPOSURE, INFINITE, NO_WEIGHT = 0, 1, 2, 3, 4  # of a row
KEPT, EMPTY, DEPENDENT, TOO_FEW = 0, 1, 2, 3  # of a column in a session


@threaded
def regress(
    returns: Floats, exposures: Floats, weights: Floats, capitals: Floats, design: Ints, values: Floats, t_stats: Floats, specific: Floats,
    r_squared: Floats, rows: Bytes, columns: Bytes,
) -> None:  # fmt: skip
    """Fill the last six. returns, weights, capitals, specific, rows: (T, N). exposures: (T, N, K). values, t_stats, columns: (T, P).

    design: (4 + P,): 1 where a column of ones stands before the exposures (P = K + 1); 1 where R squared is about the mean; 1 where each
    industry counts alike in the constraint; fewest rows; then 1 for each column that is an industry.
    """
    for t in numba.prange(returns.shape[0]):
        _session(
            returns[t], exposures[t], weights[t], capitals[t], design,
            values[t], t_stats[t], specific[t], r_squared[t : t + 1], rows[t], columns[t],
        )  # fmt: skip


@compiled_sums
def _session(
    returns: Floats, exposures: Floats, weights: Floats, capitals: Floats, design: Ints, values: Floats, t_stats: Floats, specific: Floats,
    r_squared: Floats, rows: Bytes, columns: Bytes,
) -> None:  # fmt: skip
    width = len(values)
    padded = (width + BLOCK) // BLOCK * BLOCK  # columns and the return, filled up with zeros
    gram = np.zeros((padded, padded))
    constraint = np.zeros(width)
    used, weight, weighted = _gather(returns, exposures, weights, capitals, design, gram, constraint, rows)
    values[:] = np.nan
    t_stats[:] = np.nan
    r_squared[0] = np.nan
    specific[:] = np.nan
    if used < design[3]:
        columns[:] = TOO_FEW
        return
    inverse = np.zeros((width, width))
    _solve(gram, constraint, design, values, inverse, columns)
    total, left, rank = gram[width, width], gram[width, width], 0
    for j in range(width):
        if columns[j] == KEPT:
            rank += 1
    for industry in range(width):
        if constraint[industry] != 0.0:
            rank -= 1
            break
    solution = np.zeros(width)
    for j in range(width):
        solution[j] = values[j] if columns[j] == KEPT else 0.0
    left = _residuals(returns, exposures, weights, design, solution, specific, rows)
    if design[1] == 1:
        total -= weighted * weighted / weight
    if total > 0.0:
        r_squared[0] = 1.0 - left / total
    if used > rank:
        noise = left / (used - rank)
        for j in range(width):
            if columns[j] == KEPT and noise > 0.0 and inverse[j, j] > 0.0:
                t_stats[j] = values[j] / np.sqrt(noise * inverse[j, j])


@compiled_sums
def _gather(
    returns: Floats, exposures: Floats, weights: Floats, capitals: Floats, design: Ints, gram: Floats, constraint: Floats, rows: Bytes
) -> tuple[int, float, float]:
    """Fill the inner products' upper half, the constraint, the states of rows; (rows used, sum of weights, of weighted returns)."""
    count = exposures.shape[1]
    width = len(constraint)
    ones = width - count
    tile = np.zeros((len(gram), ROWS))
    places = np.flatnonzero(design[4:])
    industries = len(places)
    used, filled = 0, 0
    weight, weighted = 0.0, 0.0
    for n in range(len(returns)):
        state = _row_state(returns[n], exposures[n], weights[n], capitals[n])
        rows[n] = state
        if state != USED:
            continue
        root = np.sqrt(weights[n])
        if ones == 1:
            tile[0, filled] = root
        for k in range(count):
            tile[ones + k, filled] = root * exposures[n, k]
        tile[width, filled] = root * returns[n]
        for position in range(industries):
            j = places[position]
            constraint[j] += exposures[n, j - ones] * (1.0 if design[2] == 1 else capitals[n])
        used += 1
        weight += weights[n]
        weighted += weights[n] * returns[n]
        filled += 1
        if filled == ROWS:
            _add(tile, gram)
            filled = 0
    if filled > 0:
        tile[:, filled:] = 0.0
        _add(tile, gram)
    if design[2] == 1:
        for j in range(width):
            if constraint[j] != 0.0:
                constraint[j] = 1.0
    return used, weight, weighted


@inlined
def _row_state(value: float, exposures: Floats, weight: float, capital: float) -> int:
    wrong = 0.0
    for k in range(len(exposures)):
        wrong += exposures[k] * 0.0
    if wrong == 0.0 and value * 0.0 == 0.0:
        return USED if weight > 0.0 and weight * 0.0 == 0.0 and capital * 0.0 == 0.0 else NO_WEIGHT
    if np.isinf(value):
        return INFINITE
    for k in range(len(exposures)):
        if np.isinf(exposures[k]):
            return INFINITE
    return NO_RETURN if np.isnan(value) else NO_EXPOSURE


@compiled_sums
def _add(tile: Floats, gram: Floats) -> None:
    """Add the inner products of the rows of the tile to the upper half of the matrix; sixteen sums at once keep a core busy."""
    for i in range(0, len(gram), BLOCK):
        for j in range(i, len(gram), BLOCK):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = 0.0
            for r in range(ROWS):
                a, b, c, d = tile[i, r], tile[i + 1, r], tile[i + 2, r], tile[i + 3, r]
                e, f, g, h = tile[j, r], tile[j + 1, r], tile[j + 2, r], tile[j + 3, r]
                a0, a1, a2, a3 = a0 + a * e, a1 + a * f, a2 + a * g, a3 + a * h
                b0, b1, b2, b3 = b0 + b * e, b1 + b * f, b2 + b * g, b3 + b * h
                c0, c1, c2, c3 = c0 + c * e, c1 + c * f, c2 + c * g, c3 + c * h
                d0, d1, d2, d3 = d0 + d * e, d1 + d * f, d2 + d * g, d3 + d * h
            for row, sums in enumerate(((a0, a1, a2, a3), (b0, b1, b2, b3), (c0, c1, c2, c3), (d0, d1, d2, d3))):
                for column in range(BLOCK):
                    gram[i + row, j + column] += sums[column]


@compiled
def _solve(gram: Floats, constraint: Floats, design: Ints, values: Floats, inverse: Floats, columns: Bytes) -> None:
    """Fill values, the inverse of the matrix of columns that were kept, and what became of each column."""
    width = len(values)
    replaced = -1
    for j in range(width):
        if constraint[j] != 0.0 and (replaced < 0 or abs(constraint[j]) > abs(constraint[replaced])):
            replaced = j
    ratio = np.zeros(width)
    if replaced >= 0:
        for j in range(width):
            if j != replaced and gram[j, j] > 0.0:
                ratio[j] = -constraint[j] / constraint[replaced]
    matrix = np.zeros((width, width))
    right = np.zeros(width)
    for i in range(width):
        cross = 0.0 if replaced < 0 else gram[min(i, replaced), max(i, replaced)]
        for j in range(i, width):
            value = gram[i, j]
            if replaced >= 0:
                value += (
                    ratio[i] * gram[min(j, replaced), max(j, replaced)] + ratio[j] * cross + ratio[i] * ratio[j] * gram[replaced, replaced]
                )
            matrix[i, j] = value
            matrix[j, i] = value
        right[i] = gram[i, width] + (ratio[i] * gram[replaced, width] if replaced >= 0 else 0.0)

    scale = np.zeros(width)
    lower = np.zeros((width, width))
    for j in range(width):
        columns[j] = KEPT
        if j == replaced or gram[j, j] <= 0.0 or matrix[j, j] <= 0.0:
            columns[j] = EMPTY if gram[j, j] <= 0.0 else DEPENDENT
            continue
        scale[j] = 1.0 / np.sqrt(matrix[j, j])
        pivot = 1.0
        for i in range(j):
            if columns[i] == KEPT:
                value = matrix[j, i] * scale[j] * scale[i]
                for k in range(i):
                    value -= lower[j, k] * lower[i, k]
                lower[j, i] = value / lower[i, i]
                pivot -= lower[j, i] * lower[j, i]
        if pivot < PIVOT_MIN:
            columns[j] = DEPENDENT
            lower[j, :] = 0.0
        else:
            lower[j, j] = np.sqrt(pivot)

    _invert(lower, columns)
    for i in range(width):
        for j in range(i + 1):
            value = 0.0
            for k in range(i, width):
                value += lower[k, i] * lower[k, j]
            inverse[i, j] = value * scale[i] * scale[j]
            inverse[j, i] = inverse[i, j]
    for i in range(width):
        if columns[i] == KEPT:
            value = 0.0
            for j in range(width):
                value += inverse[i, j] * right[j]
            values[i] = value
    if replaced >= 0:
        value, spread = 0.0, 0.0
        for i in range(width):
            if columns[i] == KEPT and ratio[i] != 0.0:
                value += ratio[i] * values[i]
                for j in range(width):
                    spread += ratio[i] * ratio[j] * inverse[i, j]
        columns[replaced] = KEPT
        values[replaced] = value
        inverse[replaced, replaced] = spread


@compiled
def _invert(lower: Floats, columns: Bytes) -> None:
    """A lower triangular matrix by its inverse, in place; columns that were not kept stay zero."""
    width = len(columns)
    for j in range(width):
        if columns[j] != KEPT:
            continue
        lower[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, width):
            if columns[i] != KEPT:
                continue
            value = 0.0
            for k in range(j, i):
                value -= lower[i, k] * lower[k, j]
            lower[i, j] = value / lower[i, i]


@compiled_sums
def _residuals(returns: Floats, exposures: Floats, weights: Floats, design: Ints, solution: Floats, specific: Floats, rows: Bytes) -> float:
    """Fill what the factors leave of each known return; returns the weighted sum of squares over the rows used."""
    count = exposures.shape[1]
    ones = len(solution) - count
    left = 0.0
    for n in range(len(returns)):
        if rows[n] == USED or rows[n] == NO_WEIGHT:
            value = returns[n]
            if ones == 1:
                value -= solution[0]
            common = 0.0
            for k in range(count):
                common += exposures[n, k] * solution[ones + k]
            specific[n] = value - common
            if rows[n] == USED:
                left += weights[n] * specific[n] * specific[n]
    return left
