"""The bars that our engine and its peers are measured on: a geometric walk in whole cents, the same for everybody by its seed.

Needs numpy alone, since it runs in every peer's environment. Opens are the closes before; every bar has volume for any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

START_NS = 1_672_531_200_000_000_000  # 2023-01-01
MINUTE_NS = 60_000_000_000
VOLUME = 1_000_000.0
FIELDS = ("open", "high", "low", "close", "volume")


def walk(bars: int, seed: int = 1) -> dict[str, NDArray[np.float64]]:
    """Minute bars of one instrument: the fields, each (bars,), from 10,000.00 with a volatility of 4 basis points a minute."""
    return {name: values[:, 0] for name, values in walks(bars, 1, seed).items()}


def walks(bars: int, instruments: int, seed: int = 1) -> dict[str, NDArray[np.float64]]:
    """Minute bars of several instruments: the fields, each (bars, instruments) and C-contiguous."""
    cents = np.empty((bars, instruments))
    for column in range(instruments):
        steps = np.random.default_rng([seed, column]).normal(0.0, 4e-4, bars)
        cents[:, column] = np.rint(1_000_000.0 * np.exp(np.cumsum(steps)))
    close = cents / 100.0
    opened = np.concatenate([close[:1], close[:-1]])
    return {
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.full(close.shape, VOLUME),
    }


def starts_ns(bars: int) -> NDArray[np.int64]:
    """When each bar starts, nanoseconds UTC."""
    return START_NS + MINUTE_NS * np.arange(bars, dtype=np.int64)


def pairs(count: int) -> list[tuple[int, int]]:
    """The first `count` of 1,000 (fast, slow) pairs: 25 fast windows by 40 slow ones, shuffled by a fixed seed."""
    every = [(fast, slow) for fast in range(5, 55, 2) for slow in range(60, 260, 5)]
    order = np.random.default_rng(7).permutation(len(every))
    return [every[at] for at in order[:count]]
