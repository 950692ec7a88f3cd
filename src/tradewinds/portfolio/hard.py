"""Hard limits: what every rung of the ladder obeys, whatever its solver answered.

1. Weights are cut at the position bounds; what is frozen keeps its weight.
2. If the sum of sizes is above its limit, what can be traded shrinks towards nothing, all by one factor.
3. If the sum of weights is above its limit, purchases shrink, all by one factor.

Position bounds hold zero, so 2 and 3 never break 1. Where frozen weights alone break 2 or 3, everything else goes to nothing.
"""

from __future__ import annotations

import numpy as np

from tradewinds.portfolio.problem import Bools, Floats, Limits


def into_hard_limits(weights: Floats, limits: Limits, frozen: Bools) -> Floats:
    """The nearest simple portfolio within the hard limits. weights: (N,), finite; frozen: (N,), True keeps its weight."""
    cut = np.where(frozen, weights, np.clip(weights, limits.position_min, limits.position_max))
    fixed, free = np.where(frozen, cut, 0.0), np.where(frozen, 0.0, cut)
    free = free * _share(limits.gross_max - np.abs(fixed).sum(), np.abs(free).sum())
    bought, sold = np.maximum(free, 0.0), np.minimum(free, 0.0)
    bought = bought * _share(limits.invested_max - fixed.sum() - sold.sum(), bought.sum())
    return np.asarray(fixed + bought + sold)


def _share(room: float, needed: float) -> float:
    """The factor that brings what is needed into the room, a hair below it so that sums of floats obey too."""
    allowed = max(0.0, room)
    return 1.0 if needed <= allowed else allowed / needed * (1.0 - 1e-12)
