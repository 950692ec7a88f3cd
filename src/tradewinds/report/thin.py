"""Fewer points that look the same: of every group of neighbours the lowest and the highest stay, in their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POINTS = 1200

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def kept_rows(values: Floats, points: int = POINTS) -> Ints:
    """Positions of at most `points` + 2 values that keep every group's extremes, the first and the last; rising.

    values: (times,); NaN are passed over, unless a whole group is NaN: it keeps its first place, so that a gap stays a gap.
    """
    times = len(values)
    if times <= points:
        return np.arange(times)
    groups = max(1, points // 2)
    edges = np.linspace(0, times, groups + 1).astype(np.int64)
    width = int(np.diff(edges).max())
    place = np.minimum(edges[:-1, None] + np.arange(width), times - 1)
    inside = place < edges[1:, None]
    block = values[place]
    usable = inside & ~np.isnan(block)
    low = place[np.arange(groups), np.argmin(np.where(usable, block, np.inf), axis=1)]
    high = place[np.arange(groups), np.argmax(np.where(usable, block, -np.inf), axis=1)]
    return np.unique(np.concatenate([low, high, [0, times - 1]]))


def group_edges(times: int, groups: int) -> Ints:
    """(groups + 1,) edges that cut `times` rows into at most `groups` runs of nearly equal length."""
    return np.unique(np.linspace(0, times, min(groups, times) + 1).astype(np.int64))
