"""Compiled moves between (times, instruments) in the order of rows and columns that lie in one piece without their missing bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@compiled
def mark(values: Floats, columns: Ints, traded: Bools) -> None:
    """traded (columns, times): stays True where the value is known."""
    for t in range(values.shape[0]):
        for place in range(len(columns)):
            traded[place, t] &= values[t, columns[place]] == values[t, columns[place]]


@compiled
def pack(values: Floats, columns: Ints, traded: Bools, packed: Floats, counts: Ints) -> None:
    """packed (columns, times): the values where traded, from the left; counts (columns,): how many."""
    counts[:] = 0
    for t in range(values.shape[0]):
        for place in range(len(columns)):
            if traded[place, t]:
                packed[place, counts[place]] = values[t, columns[place]]
                counts[place] += 1


@compiled
def unpack(packed: Floats, traded: Bools, columns: Ints, out: Floats) -> None:
    """The packed values back to their rows of `out` (times, instruments), NaN where not traded."""
    at = np.zeros(len(columns), np.int64)
    for t in range(out.shape[0]):
        for place in range(len(columns)):
            if traded[place, t]:
                out[t, columns[place]] = packed[place, at[place]]
                at[place] += 1
            else:
                out[t, columns[place]] = np.nan
