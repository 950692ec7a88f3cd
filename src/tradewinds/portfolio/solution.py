"""The answer of a construction: weights, the rung of the ladder they stand on, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Rung(IntEnum):
    """How far a construction had to climb down. Hard limits hold on each."""

    AS_ASKED = 1
    SOFT_EXPOSURES = 2  # factor and group limits became penalties
    SOFT_TRACKING = 3  # the tracking limit too
    SOFT_INVESTED = 4  # the least to be invested too: the rest is cash
    SOFT_TURNOVER = 5  # the turnover limit too
    HOLD = 6  # no solution: today's weights, moved into the hard limits


WORDS = {
    Rung.AS_ASKED: "as asked: every limit holds",
    Rung.SOFT_EXPOSURES: "factor and group limits could not all be met: they were approached as far as the others allow",
    Rung.SOFT_TRACKING: "the tracking limit could not be met: it was approached as far as the others allow",
    Rung.SOFT_INVESTED: "the least to be invested could not be reached: the rest stays cash",
    Rung.SOFT_TURNOVER: "the turnover limit could not be met: no more is traded beyond it than hard limits demand",
    Rung.HOLD: "no solution: today's weights are kept, moved into the hard limits",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit and where the portfolio stands: `low` <= `value` <= `high` where it holds. kind: position, gross, invested, turnover, ..."""

    kind: str
    name: str
    value: float
    low: float
    high: float

    @property
    def is_broken(self) -> bool:
        return self.value < self.low - _room(self.low) or self.value > self.high + _room(self.high)

    @property
    def is_binding(self) -> bool:
        """At one of its ends, or beyond."""
        return self.value <= self.low + _room(self.low) or self.value >= self.high - _room(self.high)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Target weights of a construction and what they come to.

    weights: (N,), finite always. objective: the utility per session (return - risk aversion / 2 x variance - costs / horizon).
    volatility and tracking_error per session, of what is known; turnover: sum of |weight - today's|; cost: fraction of capital, once.
    binding: limits at their ends; broken: soft limits beyond. notes: what of the input was not known and what was made of it.
    """

    weights: Floats
    rung: Rung
    why: str
    objective: float
    expected_return: float
    volatility: float
    tracking_error: float | None
    turnover: float
    cost: float
    cash: float
    binding: tuple[Standing, ...]
    broken: tuple[Standing, ...]
    notes: tuple[str, ...] = ()


def _room(bound: float) -> float:
    return 1e-6 * max(1.0, abs(bound)) if np.isfinite(bound) else 0.0
