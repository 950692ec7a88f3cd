"""Compiled loops of `evaluate.py`: what one session's values say about its returns. All (times, instruments), NaN passed over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled

Floats = NDArray[np.float64]

CELLS_LEAST = 3  # of a session, for a correlation


@compiled
def row_correlation(first: Floats, second: Floats, out: Floats) -> None:
    """Pearson's correlation of each row over the cells that both know."""
    for t in range(first.shape[0]):
        n, a, b = 0, 0.0, 0.0
        for j in range(first.shape[1]):
            if first[t, j] == first[t, j] and second[t, j] == second[t, j]:
                n, a, b = n + 1, a + first[t, j], b + second[t, j]
        aa = bb = ab = 0.0
        for j in range(first.shape[1]):
            if first[t, j] == first[t, j] and second[t, j] == second[t, j]:
                x, y = first[t, j] - a / n, second[t, j] - b / n
                aa, bb, ab = aa + x * x, bb + y * y, ab + x * y
        out[t] = ab / np.sqrt(aa * bb) if n >= CELLS_LEAST and aa > 0.0 and bb > 0.0 else np.nan


@compiled
def bucket_means(buckets: Floats, returns: Floats, out: Floats) -> None:
    """out (times, buckets): the mean return of each bucket's cells; NaN where it has none."""
    count = np.zeros(out.shape[1])
    for t in range(out.shape[0]):
        count[:] = 0.0
        out[t, :] = 0.0
        for j in range(buckets.shape[1]):
            if buckets[t, j] == buckets[t, j] and returns[t, j] == returns[t, j]:
                out[t, int(buckets[t, j])] += returns[t, j]
                count[int(buckets[t, j])] += 1.0
        for q in range(out.shape[1]):
            out[t, q] = out[t, q] / count[q] if count[q] > 0.0 else np.nan


@compiled
def bucket_turnover(buckets: Floats, rows: int, out: Floats) -> None:
    """out (times, buckets): the share of a bucket's cells that were not in it `rows` rows before."""
    out[:rows] = np.nan
    count, new = np.zeros(out.shape[1]), np.zeros(out.shape[1])
    for t in range(rows, out.shape[0]):
        count[:] = 0.0
        new[:] = 0.0
        before = 0
        for j in range(buckets.shape[1]):
            before += buckets[t - rows, j] == buckets[t - rows, j]
            if buckets[t, j] == buckets[t, j]:
                count[int(buckets[t, j])] += 1.0
                new[int(buckets[t, j])] += buckets[t - rows, j] != buckets[t, j]
        for q in range(out.shape[1]):
            out[t, q] = new[q] / count[q] if count[q] > 0.0 and before > 0 else np.nan
