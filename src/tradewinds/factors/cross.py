"""Comparing two lines where ties happen.

Two averages of prices in cents can be equal and still differ in their last bits (by about 1e-16 of the price), because 0.01 has no binary
form. So which side of a tie is "above" is decided here by one stated rule: a difference within TIE of the larger is a tie, and no crossing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIE = 1e-12


def above(first: Floats, second: Floats | float, tie: float = TIE) -> Bools:
    """Where `first` is above `second` by more than a tie; False where either is NaN."""
    return np.asarray(first - second > tie * np.maximum(np.abs(first), np.abs(second)))


def crossed_above(first: Floats, second: Floats | float, tie: float = TIE) -> Bools:
    """Where `first` is above now and was known and not above on the row before; a touch that goes back is no crossing."""
    return _began(above(first, second, tie), np.isnan(first) | np.isnan(second))


def crossed_below(first: Floats, second: Floats | float, tie: float = TIE) -> Bools:
    """Where `first` is below now and was known and not below on the row before."""
    return _began(above(-np.asarray(first), -np.asarray(second), tie), np.isnan(first) | np.isnan(second))


def _began(state: Bools, unknown: Bools) -> Bools:
    began = np.zeros(state.shape, dtype=np.bool_)
    began[1:] = state[1:] & ~state[:-1] & ~unknown[:-1]
    return began
