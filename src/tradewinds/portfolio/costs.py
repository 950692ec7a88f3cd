"""What trading costs, as a fraction of capital: a part that grows with the size, and market impact that grows faster.

    cost(change) = linear x |change| + impact x |change|^1.5        change: of weight, a fraction of capital

Impact is the square-root law: a trade of a share x of a session's volume moves the price by strength x volatility x sqrt(x), and x is
|change| x capital / value traded in a session. So impact = strength x volatility x sqrt(capital / value).
Sources: Almgren et al., Direct Estimation of Equity Market Impact (2005); Grinold & Kahn, Active Portfolio Management, ch. 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected

Floats = NDArray[np.float64]

BPS = 1e-4
COST_MAX = 1e2
"""A coefficient above that is not known: no market charges it."""
STRENGTH = 1.0
"""Of the square-root law; measured between 0.5 and 1.5 over markets and decades."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """linear: (N,) fraction of what is traded (half the spread and fees); impact: (N,) coefficient of |change|^1.5. NaN: not known."""

    linear: Floats
    impact: Floats

    def __post_init__(self) -> None:
        if self.linear.ndim != 1 or self.impact.shape != self.linear.shape:
            raise Rejected(f"costs: shapes {self.linear.shape} and {self.impact.shape}, expected (N,) both")
        if np.any(self.linear < 0) or np.any(self.impact < 0):
            raise Rejected("costs: a cost below 0, expected numbers from 0 on")

    def each(self, change: Floats) -> Floats:
        """(N,) of changes of weight (N,), fractions of capital; costs that are not known count as the dearest that is known."""
        size = np.abs(change)
        return np.asarray(_dearest(self.linear) * size + _dearest(self.impact) * size**1.5)

    def known(self) -> Costs:
        """The same with the dearest known cost where none is known; 0 where none is known at all."""
        return Costs(_dearest(self.linear), _dearest(self.impact))


def flat_costs(instruments: int, cost_bps: float) -> Costs:
    """The same linear cost for each, without impact."""
    return Costs(np.full(instruments, cost_bps * BPS), np.zeros(instruments))


def square_root_costs(
    linear_bps: Floats | float, volatility: Floats, value_per_session: Floats, capital: float, strength: float = STRENGTH
) -> Costs:
    """Costs of an account of that capital. volatility: (N,) per session; value_per_session: (N,) traded by all, in the capital's currency.

    Where nothing is traded (0 or NaN) impact is not known.
    """
    linear = np.broadcast_to(np.asarray(linear_bps, np.float64) * BPS, volatility.shape).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        impact = strength * volatility * np.sqrt(capital / value_per_session)
    return Costs(linear, np.where(np.isfinite(impact) & (value_per_session > 0), impact, np.nan))


def _dearest(costs: Floats) -> Floats:
    is_known = costs <= COST_MAX
    return np.where(is_known, costs, costs[is_known].max(initial=0.0))
