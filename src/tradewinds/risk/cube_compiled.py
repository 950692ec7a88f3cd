"""Columns of rows laid out as sessions by instruments by columns, compiled."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import threaded

PORTION = 4_096  # rows that one thread takes at a time


@threaded
def laid_out(values: NDArray[np.float64], row: NDArray[np.int64], column: NDArray[np.int64], found: NDArray[np.float64]) -> None:
    """Put values (K, R) of each row into found (T, N, K) at [row, column]; rows whose column is negative are left out."""
    for portion in numba.prange((len(row) + PORTION - 1) // PORTION):
        for r in range(portion * PORTION, min((portion + 1) * PORTION, len(row))):
            if column[r] >= 0:
                for k in range(values.shape[0]):
                    found[row[r], column[r], k] = values[k, r]
