"""What a portfolio is asked to be: `Problem`, of plain arrays in one order of instruments (N) and of risk factors (K).

Returns, risk and volatility are fractions per session, weights fractions of capital. NaN means not known and is welcome everywhere in
the arrays; what is made of it stands in `prepared.py`. Shapes that do not fit and limits that contradict themselves are Rejected.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.costs import Costs

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Method(StrEnum):
    """How the portfolio is chosen before limits: the first two weigh return, risk and cost; the others have an ideal to stay close to."""

    MEAN_VARIANCE = "mean_variance"
    MINIMUM_VARIANCE = "minimum_variance"
    MAXIMUM_SHARPE = "maximum_sharpe"
    RISK_PARITY = "risk_parity"
    HIERARCHICAL_RISK_PARITY = "hierarchical_risk_parity"
    EQUAL_WEIGHT = "equal_weight"


@dataclass(frozen=True, slots=True, eq=False)
class FactorRisk:
    """Covariance per session as exposures x factor_covariance x exposures' + diagonal(specific_variance).

    exposures: (N, K); factor_covariance: (K, K); specific_variance: (N,). Never N x N unless asked by `dense`.
    """

    exposures: Floats
    factor_covariance: Floats
    specific_variance: Floats

    def __post_init__(self) -> None:
        instruments, factors = _shape("factor risk", "exposures", self.exposures, 2)
        _expect("factor risk", "factor_covariance", self.factor_covariance, (factors, factors))
        _expect("factor risk", "specific_variance", self.specific_variance, (instruments,))

    @staticmethod
    def of_covariance(covariance: Floats) -> FactorRisk:
        """A covariance (N, N) without factors: each instrument is its own."""
        instruments = _shape("covariance", "covariance", covariance, 2)[0]
        return FactorRisk(np.eye(instruments), covariance, np.zeros(instruments))

    def variance(self, weights: Floats) -> float:
        """Of a portfolio; weights: (N,)."""
        loads = self.exposures.T @ weights
        return max(0.0, float(loads @ self.factor_covariance @ loads + self.specific_variance @ weights**2))

    def variances(self) -> Floats:
        """(N,) of the instruments."""
        return np.asarray(np.einsum("nk,kl,nl->n", self.exposures, self.factor_covariance, self.exposures) + self.specific_variance)

    def dense(self) -> Floats:
        """(N, N)."""
        return np.asarray(self.exposures @ self.factor_covariance @ self.exposures.T + np.diag(self.specific_variance))


@dataclass(frozen=True, slots=True)
class Between:
    """A limit with a name: `low` <= what is measured <= `high`."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise Rejected(f"limit {self.name}: from {self.low} to {self.high}, expected numbers, the lower first")


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Hard limits hold on every rung of the ladder, the others as long as they can be met.

    Hard: position_min, position_max (N,), around zero: a limit never demands a holding; gross_max, invested_max: of the sum of sizes
    and of the sum of weights. Soft: invested_min (cash is 1 - sum of weights); turnover_max, sum of |weight - today's|; tracking_max,
    volatility per session of the difference to `benchmark` (N,); factor limits, each on exposures' x weights by name of the factor;
    group limits, each on the sum of weights whose `group` has that name.
    """

    position_min: Floats
    position_max: Floats
    gross_max: float = 1.0
    invested_min: float = 1.0
    invested_max: float = 1.0
    turnover_max: float | None = None
    tracking_max: float | None = None
    benchmark: Floats | None = None
    factors: tuple[Between, ...] = ()
    groups: tuple[Between, ...] = ()

    def __post_init__(self) -> None:
        _shape("limits", "position_min", self.position_min, 1)
        _expect("limits", "position_max", self.position_max, self.position_min.shape)
        if not (np.all(self.position_min <= 0) and np.all(self.position_max >= 0)):
            raise Rejected("limits: position bounds that do not hold zero, expected position_min <= 0 <= position_max")
        if not (self.gross_max >= 0 and self.invested_max >= 0 and self.invested_min <= self.invested_max):
            raise Rejected(
                f"limits: gross_max {self.gross_max}, invested from {self.invested_min} to {self.invested_max}, "
                "expected gross_max >= 0 and 0 <= invested_max >= invested_min"
            )
        for name in ("turnover_max", "tracking_max"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise Rejected(f"limits: {name} {value}, expected a number from 0 on")
        if self.tracking_max is not None and self.benchmark is None:
            raise Rejected("limits: tracking_max without a benchmark, expected its weights")
        if self.benchmark is not None:
            _expect("limits", "benchmark", self.benchmark, self.position_min.shape)

    @staticmethod
    def long_only(instruments: int, *, position_max: float = 1.0, invested_min: float = 1.0) -> Limits:
        """Nothing sold short, at most `position_max` each, invested between `invested_min` and 1."""
        return Limits(np.zeros(instruments), np.full(instruments, position_max), invested_min=invested_min)

    @staticmethod
    def long_short(instruments: int, *, position_max: float, gross_max: float, net_max: float = 0.0) -> Limits:
        """At most `position_max` either way each; the sum of weights within plus and minus `net_max`."""
        bound = np.full(instruments, position_max)
        return Limits(-bound, bound, gross_max=gross_max, invested_min=-net_max, invested_max=net_max)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Everything that a construction reads.

    risk: of these N instruments; expected_return: (N,) per session, NaN no view; today: (N,) weights held now, NaN unknown; tradable:
    (N,), False keeps today's weight; risk_aversion: of utility = return - risk_aversion / 2 x variance - costs / horizon; horizon:
    sessions over which a trade pays for its costs. groups: (N,) names, for group limits; a group without instruments weighs 0.
    """

    instruments: tuple[str, ...]
    factors: tuple[str, ...]
    risk: FactorRisk
    limits: Limits
    method: Method = Method.MEAN_VARIANCE
    expected_return: Floats | None = None
    today: Floats | None = None
    tradable: Bools | None = None
    groups: tuple[str, ...] = ()
    costs: Costs | None = None
    risk_aversion: float = 5.0
    horizon: float = 21.0
    risk_free: float = 0.0

    def __post_init__(self) -> None:
        number = len(self.instruments)
        _expect("problem", "exposures", self.risk.exposures, (number, len(self.factors)))
        _expect("problem", "position_min", self.limits.position_min, (number,))
        for name in ("expected_return", "today", "tradable"):
            value = getattr(self, name)
            if value is not None:
                _expect("problem", name, value, (number,))
        if self.groups and len(self.groups) != number:
            raise Rejected(f"problem: groups of {len(self.groups)} instruments, expected {number}")
        if self.costs is not None:
            _expect("problem", "costs", self.costs.linear, (number,))
        if not (math.isfinite(self.risk_aversion) and self.risk_aversion > 0 and math.isfinite(self.horizon) and self.horizon > 0):
            raise Rejected(f"problem: risk_aversion {self.risk_aversion}, horizon {self.horizon}, expected numbers above 0")
        _known("factor limit", self.limits.factors, self.factors)
        if self.limits.groups and not self.groups:
            raise Rejected(f"group limit {self.limits.groups[0].name}: no groups in the problem, expected one of each instrument")


def _shape(what: str, name: str, values: NDArray[np.generic], dimensions: int) -> tuple[int, ...]:
    if values.ndim != dimensions:
        raise Rejected(f"{what}: {name} has {values.ndim} dimensions, expected {dimensions}")
    return values.shape


def _expect(what: str, name: str, values: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise Rejected(f"{what}: {name} has shape {values.shape}, expected {shape}")


def _known(what: str, limits: Sequence[Between], names: Collection[str]) -> None:
    for limit in limits:
        if limit.name not in names:
            raise Rejected(f"{what} {limit.name}: no such name in the problem, expected one of {', '.join(sorted(set(names))) or 'none'}")
