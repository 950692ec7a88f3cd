"""The door to skfolio: convex problems in factor form, solved by Clarabel through cvxpy.

skfolio takes a covariance as exposures, factor covariance and specific variance (`FactorModel`) and hands the solver their square root:
K + N cone rows instead of N x N. It wants the dense matrix too, for its own bookkeeping; that is N x N floats once, never factored here.
Its import takes seconds: it happens inside these functions, on the first construction of a job, never in the trading process.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewinds.portfolio.prepared import Prepared
from tradewinds.portfolio.problem import FactorRisk, Floats
from tradewinds.portfolio.solution import Rung

PENALTY = 100.0
"""Of the first soft limits, in units of the largest marginal utility: so steep that they are left only where they must be."""

STEEP = 100.0
"""A marginal utility from which numbers are scaled down, lest the solver meets both 1e8 and 1; penalties are always that steep."""

DUST = 1e-8
"""A weight below that is the solver's way to say nothing."""

SOLVER: dict[str, object] = {"max_iter": 200, "tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What to come near to: expected returns (N,) per session, and weights (N,) from which distance is risk."""

    expected_return: Floats
    centre: Floats | None = None


def best_weights(given: Prepared, wish: Wish, rung: Rung) -> Floats:
    """(N,) the highest utility under the limits of that rung. Raises whatever skfolio, cvxpy and Clarabel raise where there is none."""
    import cvxpy
    from skfolio.measures import RiskMeasure
    from skfolio.optimization import MeanRisk, ObjectiveFunction

    limits, problem, unit = given.problem.limits, given.problem, given.unit
    low, high = _bounds(given)
    terms = _Terms(given, wish, rung)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other houses, about inaccurate answers: ours are measured against the limits afterwards
        model = MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_measure=RiskMeasure.VARIANCE,
            risk_aversion=problem.risk_aversion / 2,
            prior_estimator=prior(wish.expected_return / unit**2, scaled(given.risk, unit)),
            min_weights=low,
            max_weights=high,
            budget=None,
            min_budget=None if rung >= Rung.SOFT_INVESTED else limits.invested_min,
            max_budget=limits.invested_max,
            target_weights=wish.centre,
            transaction_costs=given.costs.linear / problem.horizon / unit**2 if given.costs.linear.any() else 0.0,
            previous_weights=given.today,
            add_constraints=lambda w: terms.constraints(cvxpy, w),
            add_objective=lambda w: terms.objective(cvxpy, w),
            scale_objective=1.0 if terms.steepness() < STEEP and rung is Rung.AS_ASKED else 1.0 / terms.steepness(),
            solver="CLARABEL",
            solver_params=dict(SOLVER),
        )
        model.fit(np.zeros((2, len(problem.instruments))))
    weights = np.where(np.abs(model.weights_) < DUST, 0.0, model.weights_)
    return np.where(given.fixed, given.kept, weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """What skfolio has no parameter for: limits in sum, limits as penalties, impact."""

    given: Prepared
    wish: Wish
    rung: Rung

    def constraints(self, cvxpy: Any, w: Any) -> list[Any]:
        limits, given = self.given.problem.limits, self.given
        found = [cvxpy.norm1(w) <= limits.gross_max]
        fixed = np.flatnonzero(given.fixed)
        if len(fixed):
            found.append(w[fixed] == given.kept[fixed])
        if self.rung < Rung.SOFT_EXPOSURES:
            found += [row @ w >= low for row, low, _ in linear_limits(given) if np.isfinite(low)]
            found += [row @ w <= high for row, _, high in linear_limits(given) if np.isfinite(high)]
        if limits.tracking_max is not None and self.rung < Rung.SOFT_TRACKING:
            found.append(self._tracking(cvxpy, w) <= limits.tracking_max / given.unit)
        if limits.turnover_max is not None and self.rung < Rung.SOFT_TURNOVER:
            found.append(cvxpy.norm1(w - given.today) <= limits.turnover_max)
        return found

    def objective(self, cvxpy: Any, w: Any) -> Any:
        """Impact and penalties, to be added to a utility.

        Each penalty is scaled by the most that a unit of weight can change it, and what gives way later weighs more than all that gave
        way before: 1, 2, 4, 16.
        """
        limits, given, rung = self.given.problem.limits, self.given, self.rung
        beyond: list[Any] = []
        if rung >= Rung.SOFT_EXPOSURES:
            asked = linear_limits(given)
            most = float(np.sum([np.abs(row) for row, _, _ in asked], axis=0).max(initial=0.0)) or 1.0
            beyond += [cvxpy.pos(low - row @ w) / most for row, low, _ in asked if np.isfinite(low)]
            beyond += [cvxpy.pos(row @ w - high) / most for row, _, high in asked if np.isfinite(high)]
        if limits.tracking_max is not None and rung >= Rung.SOFT_TRACKING:
            most = self._loudest() or 1.0
            beyond.append(2.0 / most * cvxpy.pos(self._tracking(cvxpy, w) - limits.tracking_max / given.unit))
        if rung >= Rung.SOFT_INVESTED:
            beyond.append(4.0 * cvxpy.pos(limits.invested_min - cvxpy.sum(w)))
        if limits.turnover_max is not None and rung >= Rung.SOFT_TURNOVER:
            beyond.append(16.0 * cvxpy.pos(cvxpy.norm1(w - given.today) - limits.turnover_max))
        total = cvxpy.Constant(0.0)
        if beyond:
            total -= PENALTY * self.steepness() * sum(beyond)
        impact = given.costs.impact / given.problem.horizon / given.unit**2
        rows = np.flatnonzero(impact > 0)
        if len(rows):
            total -= impact[rows] @ cvxpy.power(cvxpy.abs(w[rows] - given.today[rows]), 1.5)
        return total

    def _tracking(self, cvxpy: Any, w: Any) -> Any:
        """Volatility of the difference to the benchmark, in units."""
        benchmark = self.given.benchmark
        assert benchmark is not None
        risk = scaled(self.given.risk, self.given.unit)
        apart = w - benchmark
        loads = risk.exposures @ square_root(risk.factor_covariance)
        parts = [loads.T @ apart] if loads.shape[1] else []
        parts.append(cvxpy.multiply(np.sqrt(risk.specific_variance), apart))
        return cvxpy.norm(cvxpy.hstack(parts), 2)

    def steepness(self) -> float:
        """The most that utility gains from one more unit of a weight."""
        given = self.given
        wanted = float(np.abs(self.wish.expected_return / given.unit**2).max(initial=0.0))
        return 1.0 + wanted + given.problem.risk_aversion * self._loudest() ** 2

    def _loudest(self) -> float:
        """The largest volatility of an instrument, in units."""
        return float(np.sqrt(self.given.risk.variances().max(initial=0.0))) / self.given.unit


def linear_limits(given: Prepared) -> list[tuple[Floats, float, float]]:
    """Factor and group limits as (row (N,), low, high)."""
    problem = given.problem
    rows = [(given.risk.exposures[:, problem.factors.index(one.name)], one.low, one.high) for one in problem.limits.factors]
    groups = np.asarray(problem.groups, dtype=object)
    return rows + [((groups == one.name).astype(np.float64), one.low, one.high) for one in problem.limits.groups]


def scaled(risk: FactorRisk, unit: float) -> FactorRisk:
    """The same risk with `unit` for 1."""
    return FactorRisk(risk.exposures, risk.factor_covariance / unit**2, risk.specific_variance / unit**2)


def square_root(covariance: Floats) -> Floats:
    """(K, K) A of a positive semidefinite A A'; singular ones too."""
    values, vectors = np.linalg.eigh(covariance) if covariance.size else (np.empty(0), np.empty((0, 0)))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def prior(expected_return: Floats, risk: FactorRisk) -> Any:
    """An estimator of skfolio that answers what is already known."""
    return _prior_class()(expected_return, risk)


def _bounds(given: Prepared) -> tuple[Floats, Floats]:
    """Position bounds a solver can work with: finite, and out of the way of what is fixed by an equation."""
    limits = given.problem.limits
    low, high = np.maximum(limits.position_min, -limits.gross_max), np.minimum(limits.position_max, limits.gross_max)
    return np.where(given.fixed, np.minimum(low, given.kept - 1.0), low), np.where(given.fixed, np.maximum(high, given.kept + 1.0), high)


def _prior_class() -> Callable[[Floats, FactorRisk], Any]:
    """Made on demand, because its base class is skfolio's."""
    from skfolio.prior import BasePrior, FactorModel, ReturnDistribution

    class Given(BasePrior):  # type: ignore[misc]  # skfolio carries no types
        """Expected returns and factor risk that were computed elsewhere.

        Factors are turned so that their covariance is the unit matrix: skfolio's Cholesky then works for singular ones too.
        """

        def __init__(self, expected_return: Floats, risk: FactorRisk) -> None:
            self.expected_return = expected_return
            self.risk = risk

        def fit(self, X: object, y: object = None, **_: object) -> Given:  # noqa: N803 - the name is scikit-learn's
            number = len(self.risk.specific_variance)
            loads = self.risk.exposures @ square_root(self.risk.factor_covariance)
            if not loads.shape[1]:
                loads = np.zeros((number, 1))
            factors = loads.shape[1]
            model = FactorModel(
                observations=np.array(["now"]),
                asset_names=np.arange(number).astype(str),
                factor_names=np.arange(factors).astype(str),
                factor_families=None,
                loading_matrix=loads,
                exposures=None,
                factor_covariance=np.eye(factors),
                factor_mu=np.zeros(factors),
                factor_returns=None,
                idio_covariance=self.risk.specific_variance,
                idio_mu=None,
                idio_returns=None,
                idio_variances=None,
            )
            self.return_distribution_ = ReturnDistribution(
                mu=self.expected_return, covariance=self.risk.dense(), returns=np.zeros((2, number)), factor_model=model
            )
            return self

    return Given
