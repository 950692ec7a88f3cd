"""Least squares over a rolling window of sessions, every instrument by itself: exposures known before each session.

Row t is fitted on the sessions [t - window, t) in which everything is known, with an intercept; row T is for the session after the last.
Sums move along with the window: what enters is added, what leaves is subtracted; every RENEWED sessions they are taken anew, so that a wild
value that left leaves no rounding behind.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, threaded
from tradewinds.core.errors import DataFault, Rejected

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PIVOT_MIN = 1e-10
RENEWED = 63
ABSENT = -1


def rolling_betas(values: Floats, regressors: Floats, window: int, observations_min: int, first: int = 0) -> tuple[Floats, Ints]:
    """((T + 1, N, M) slopes, (T + 1, N) sessions used); values (T, N) on regressors (T, M), all together, intercept left out of the answer.

    first: rows before it are neither computed nor in the answer. Slopes are NaN below observations_min sessions, 0 for a regressor that
    does not vary or is a combination of those before it.
    """
    _check(values, regressors, window, observations_min, regressors.shape[1] + 2)
    sessions, width = values.shape
    if not 0 <= first <= sessions:
        raise Rejected(f"rolling regression: from row {first}, expected one from 0 to {sessions}")
    slopes = np.full((width, sessions + 1 - first, regressors.shape[1]), np.nan)
    counts = np.zeros((width, sessions + 1 - first), np.int64)
    _together(np.ascontiguousarray(values.T), np.ascontiguousarray(regressors), window, observations_min, first, slopes, counts)
    return np.ascontiguousarray(slopes.transpose(1, 0, 2)), np.ascontiguousarray(counts.T)


def rolling_own_betas(values: Floats, regressors: Floats, chosen: Ints, window: int, observations_min: int) -> tuple[Floats, Ints]:
    """((T + 1, N) slopes, (T + 1, N) sessions used) of values (T, N) on the one of the regressors (T, M) that is each instrument's own.

    chosen: (T + 1, N) column of the regressor, known before session t, ABSENT where none is: NaN. Another column is fitted over the whole
    window at once.
    """
    _check(values, regressors, window, observations_min, 3)
    sessions, width = values.shape
    if chosen.shape != (sessions + 1, width) or chosen.max(initial=ABSENT) >= regressors.shape[1] or chosen.min(initial=0) < ABSENT:
        raise DataFault(
            f"rolling regression: choices of shape {chosen.shape}, expected {(sessions + 1, width)} columns of {regressors.shape}"
        )
    slopes = np.full((width, sessions + 1), np.nan)
    counts = np.zeros((width, sessions + 1), np.int64)
    _own(
        np.ascontiguousarray(values.T), np.ascontiguousarray(regressors.T), np.ascontiguousarray(chosen.T, np.int64),
        window, observations_min, slopes, counts,
    )  # fmt: skip
    return np.ascontiguousarray(slopes.T), np.ascontiguousarray(counts.T)


def _check(values: Floats, regressors: Floats, window: int, observations_min: int, fewest: int) -> None:
    if values.ndim != 2 or regressors.ndim != 2 or len(values) != len(regressors):
        raise DataFault(f"rolling regression: values {values.shape}, regressors {regressors.shape}, expected as many sessions of both")
    if not fewest <= observations_min <= window:
        raise Rejected(f"rolling regression: {observations_min} sessions of a window of {window}, expected {fewest} to the window")


@threaded
def _own(values: Floats, regressors: Floats, chosen: Ints, window: int, observations_min: int, slopes: Floats, counts: Ints) -> None:
    """values: (N, T). regressors: (M, T). chosen, slopes, counts: (N, T + 1)."""
    for n in numba.prange(values.shape[0]):
        _own_of_one(values[n], regressors, chosen[n], window, observations_min, slopes[n], counts[n])


@compiled
def _own_of_one(values: Floats, regressors: Floats, chosen: Ints, window: int, observations_min: int, slopes: Floats, counts: Ints) -> None:
    sums = np.zeros(5)
    column = ABSENT
    for t in range(len(chosen)):
        if chosen[t] != column or t % RENEWED == 0:
            column = chosen[t]
            sums[:] = 0.0
            if column != ABSENT:
                for s in range(max(t - window, 0), t):
                    _count_one(values[s], regressors[column, s], 1.0, sums)
        elif column != ABSENT:
            _count_one(values[t - 1], regressors[column, t - 1], 1.0, sums)
            if t > window:
                _count_one(values[t - 1 - window], regressors[column, t - 1 - window], -1.0, sums)
        counts[t] = int(sums[0])
        if column != ABSENT and counts[t] >= observations_min:
            spread = sums[3] - sums[1] * sums[1] / sums[0]
            slopes[t] = (sums[4] - sums[1] * sums[2] / sums[0]) / spread if spread > PIVOT_MIN * sums[3] else 0.0


@compiled
def _count_one(value: float, regressor: float, sign: float, sums: Floats) -> None:
    if np.isfinite(value) and np.isfinite(regressor):
        sums[0] += sign
        sums[1] += sign * regressor
        sums[2] += sign * value
        sums[3] += sign * regressor * regressor
        sums[4] += sign * regressor * value


@threaded
def _together(values: Floats, regressors: Floats, window: int, observations_min: int, first: int, slopes: Floats, counts: Ints) -> None:
    """values: (N, T). regressors: (T, M). slopes: (N, T + 1 - first, M). counts: (N, T + 1 - first)."""
    for n in numba.prange(values.shape[0]):
        _together_of_one(values[n], regressors, window, observations_min, first, slopes[n], counts[n])


@compiled
def _together_of_one(
    values: Floats, regressors: Floats, window: int, observations_min: int, first: int, slopes: Floats, counts: Ints
) -> None:
    count = regressors.shape[1]
    width = count + 2  # intercept, regressors, value
    gram, row = np.zeros((width, width)), np.zeros(width)
    lower, solution = np.zeros((count + 1, count + 1)), np.zeros(count + 1)
    for t in range(first, first + slopes.shape[0]):
        if t == first or t % RENEWED == 0:
            gram[:] = 0.0
            for s in range(max(t - window, 0), t):
                _count_row(values[s], regressors[s], 1.0, row, gram)
        else:
            _count_row(values[t - 1], regressors[t - 1], 1.0, row, gram)
            if t > window:
                _count_row(values[t - 1 - window], regressors[t - 1 - window], -1.0, row, gram)
        counts[t - first] = int(gram[0, 0] + 0.5)
        if counts[t - first] >= observations_min:
            _fit(gram, lower, solution)
            slopes[t - first] = solution[1:]


@compiled
def _count_row(value: float, regressors: Floats, sign: float, row: Floats, gram: Floats) -> None:
    if not np.isfinite(value):
        return
    row[0] = 1.0
    row[len(row) - 1] = value
    for k in range(len(regressors)):
        if not np.isfinite(regressors[k]):
            return
        row[1 + k] = regressors[k]
    for i in range(len(row)):
        for j in range(i + 1):
            gram[i, j] += sign * row[i] * row[j]


@compiled
def _fit(gram: Floats, lower: Floats, solution: Floats) -> None:
    """Solve the normal equations by Cholesky; 0 where a column adds nothing to those before it."""
    width = len(solution)
    for j in range(width):
        for k in range(j):
            value = gram[j, k]
            for i in range(k):
                value -= lower[j, i] * lower[k, i]
            lower[j, k] = value / lower[k, k] if lower[k, k] > 0.0 else 0.0
        pivot = gram[j, j]
        for i in range(j):
            pivot -= lower[j, i] * lower[j, i]
        lower[j, j] = np.sqrt(pivot) if pivot > PIVOT_MIN * gram[j, j] and gram[j, j] > 0.0 else 0.0
    for j in range(width):
        value = gram[width, j]
        for k in range(j):
            value -= lower[j, k] * solution[k]
        solution[j] = value / lower[j, j] if lower[j, j] > 0.0 else 0.0
    for j in range(width - 1, -1, -1):
        value = solution[j]
        for k in range(j + 1, width):
            value -= lower[k, j] * solution[k]
        solution[j] = value / lower[j, j] if lower[j, j] > 0.0 else 0.0
