"""One session's step of exponentially weighted products, compiled: the same for a session alone and within a history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def stepped(sums: Floats, weights: Floats, recent: Floats, values: Floats, decay: float) -> tuple[Floats, Floats, Floats]:
    """New sums and weights (L + 1, N) and recent values (L, N); a product of which one value is NaN leaves both as they decay."""
    lags, width = len(recent), len(values)
    new_sums, new_weights, new_recent = np.empty((lags + 1, width)), np.empty((lags + 1, width)), np.empty((lags, width))
    earlier = values
    for lag in range(lags + 1):
        if lag > 0:
            earlier = recent[lag - 1]
        if lag < lags:
            new_recent[lag] = earlier
        _step(sums[lag], weights[lag], values, earlier, decay, new_sums[lag], new_weights[lag])
    return new_sums, new_weights, new_recent


@compiled
def _step(sums: Floats, weights: Floats, values: Floats, earlier: Floats, decay: float, new_sums: Floats, new_weights: Floats) -> None:
    for n in range(len(values)):
        product = values[n] * earlier[n]
        new_sums[n] = sums[n] * decay + (product if product == product else 0.0)  # NaN is not itself
        new_weights[n] = weights[n] * decay + (1.0 if product == product else 0.0)
