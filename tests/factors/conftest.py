"""Series that indicators are tried on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Bars = dict[str, NDArray[np.float64]]


def made_bars(seed: int, times: int = 700, *, with_gaps: bool = False) -> Bars:
    """A walk in cents with flat stretches, trends and, when wanted, bars that did not trade."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(0.0, 0.01, times) + 0.004 * np.sin(np.arange(times) / 40.0)
    steps[200:230] = 0.0
    close = np.round(100.0 * np.exp(np.cumsum(steps)), 2)
    high = np.round(close * (1.0 + np.abs(chance.normal(0.0, 0.006, times))), 2)
    low = np.round(close * (1.0 - np.abs(chance.normal(0.0, 0.006, times))), 2)
    high[205:230] = low[205:230] = close[205:230]
    volume = np.round(np.abs(chance.normal(10_000.0, 3_000.0, times)))
    bars = {"open": (high + low) / 2, "high": high, "low": low, "close": close, "volume": volume}
    if with_gaps:
        missing = np.r_[0:3, 90:97, 301, 303, 304]
        for values in bars.values():
            values[missing] = np.nan
    return bars


@pytest.fixture
def bars() -> Callable[..., Bars]:
    return made_bars
