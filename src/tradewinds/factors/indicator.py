"""Indicators on whole arrays: (times,) or (times, instruments) in, the same shape out, NaN until enough is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sma(values: Floats, length: int) -> Floats:
    """Simple moving average over `length` rows."""
    import sys

    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]  # the owner of this file decides
    import talib

    if values.ndim == 1:
        return talib.SMA(values, length)
    if values.shape[1] == 1:
        return talib.SMA(values[:, 0], length)[:, None]
    return np.column_stack([talib.SMA(np.ascontiguousarray(values[:, i]), length) for i in range(values.shape[1])])
