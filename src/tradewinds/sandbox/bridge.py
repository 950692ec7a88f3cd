"""The arithmetic of the seeded market: walks, bridges between their points, and sharing out whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.sandbox.bars import Ints

if TYPE_CHECKING:
    from tradewinds.sandbox.market import Walk

Floats = NDArray[np.float64]

NODES = 6
_HOUR = np.arange(24)
# How busy each hour of the UTC day is, about 1 on average: most when Europe and America both trade.
BUSY = 1.0 + 0.38 * np.cos(2 * np.pi * (_HOUR - 15) / 24) + 0.12 * np.cos(4 * np.pi * (_HOUR - 14) / 24)


def mean_reverting(shocks: Floats, keep: float = 0.995) -> Floats:
    """A walk that is pulled back to 0: each level is `keep` of the one before plus a shock."""
    level, path = 0.0, []
    for shock in shocks.tolist():
        level = level * keep + shock
        path.append(level)
    return np.array(path)


def price_path(step: Floats, hourly: Floats, walk: Walk, at: slice, tick: float) -> Ints:
    """Ticks of every node: a bridge from this day's anchor to the next, wilder in some hours than in others."""
    nodes = step.shape[1]
    scale = np.sqrt(BUSY) * np.exp(0.3 * hourly) * (walk.sigma[at] / np.sqrt(nodes))[:, None]
    step.reshape(len(step), 24, -1)[:] *= scale[:, :, None]
    path = np.cumsum(step, axis=1)
    part = np.arange(nodes) / nodes
    start = walk.log_price[at] + walk.basis[at]
    end = walk.log_price[at.start + 1 : at.stop + 1] + walk.basis[at.start + 1 : at.stop + 1]
    total = path[:, -1].copy()
    path -= step[:, :1]
    path += start[:, None] + (end - start - total)[:, None] * part
    np.exp(path, out=path)
    path *= 1.0 / tick
    np.rint(path, out=path)
    return np.maximum(path.astype(np.int64), 1)


def hold_when_quiet(ticks: Ints, active: NDArray[np.bool_]) -> Ints:
    """A minute without a trade stands at the last price before it; the first minute of a day always trades."""
    minutes = ticks.reshape(len(ticks), -1, NODES)
    last_active = np.maximum.accumulate(np.where(active, np.arange(active.shape[1]), 0), axis=1)
    held = np.take_along_axis(minutes[:, :, -1], last_active, axis=1)
    return np.where(active[:, :, None], minutes, held[:, :, None]).reshape(ticks.shape)


def share_out(flow: NDArray[np.float32], totals: Ints) -> Ints:
    """Whole numbers along each row in proportion to `flow`, at least one where it is positive, that add up to the total exactly."""
    active = flow > 0
    rising = np.cumsum(flow, axis=1, dtype=np.float64)
    rising *= ((totals - active.sum(axis=1)) / rising[:, -1])[:, None]
    rising[:, -1] = np.rint(rising[:, -1])
    whole = rising.astype(np.int64)
    share = np.diff(whole, axis=1, prepend=0)
    share[~active] = 0
    share += active
    share[:, 0] += totals - share.sum(axis=1)
    return share
