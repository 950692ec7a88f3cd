"""A problem with everything known: what was not known is replaced by what is safest, and each replacement is told.

A number is not known that is none, or that no market can have made (`*_MAX`): it is a fault upstream.

1. Risk: an instrument whose exposures or specific variance are not known, or that has no variance at all, keeps today's weight (cut at
   its bounds) and is left out of what is measured. A factor covariance that is not known leaves no risk known at all.
   One that is not positive semidefinite loses its negative part.
2. Expected returns that are not known count as no view: 0.
3. Weights that are not known, today's and the benchmark's, count as nothing held.
4. Costs that are not known count as the dearest that is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.portfolio.costs import Costs, flat_costs
from tradewinds.portfolio.hard import into_hard_limits
from tradewinds.portfolio.problem import Bools, FactorRisk, Floats, Problem

NAMED = 5  # instruments named in a note before the rest is counted
EXPOSURE_MAX = 1e6
VARIANCE_MAX = 1e4  # per session: a volatility of 10,000 %
VARIANCE_MIN = 1e-16  # below that a price does not move
RETURN_MAX = 1e2  # per session
WEIGHT_MAX = 1e3
NEGATIVE = 1e-10  # of the largest eigenvalue: below that it is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A problem of finite arrays. fixed: (N,) True where the weight stays at `kept`; frozen: those of them that cannot be traded.

    kept: (N,) today's weights of what is fixed, within the hard limits where it can be traded.
    unit: the middle volatility per session, which makes the numbers that a solver sees near 1.
    """

    problem: Problem
    risk: FactorRisk
    expected_return: Floats
    today: Floats
    kept: Floats
    benchmark: Floats | None
    costs: Costs
    fixed: Bools
    frozen: Bools
    is_known: Bools
    unit: float
    notes: tuple[str, ...]


def prepared(problem: Problem) -> Prepared:
    """The problem without gaps; never raises for what its arrays hold."""
    notes: list[str] = []
    number = len(problem.instruments)
    risk, known = _risk(problem, notes)
    today = np.zeros(number) if problem.today is None else problem.today
    today = _filled(problem, today, WEIGHT_MAX, "today's weight", "counted as nothing held", notes)
    wanted = np.zeros(number) if problem.expected_return is None else problem.expected_return
    wanted = _filled(problem, wanted, RETURN_MAX, "expected return", "counted as no view", notes)
    benchmark = problem.limits.benchmark
    if benchmark is not None:
        benchmark = _filled(problem, benchmark, WEIGHT_MAX, "the benchmark's weight", "counted as nothing held", notes)
    frozen = np.zeros(number, np.bool_) if problem.tradable is None else ~problem.tradable
    fixed = frozen | ~known
    variances = risk.variances()[known]
    return Prepared(
        problem=problem,
        risk=risk,
        expected_return=wanted,
        today=today,
        kept=into_hard_limits(np.where(fixed, today, 0.0), problem.limits, frozen),
        benchmark=benchmark,
        costs=flat_costs(number, 0.0) if problem.costs is None else problem.costs.known(),
        fixed=fixed,
        frozen=frozen,
        is_known=known,
        unit=float(np.sqrt(np.median(variances))) if len(variances) else 1.0,
        notes=tuple(notes),
    )


def _risk(problem: Problem, notes: list[str]) -> tuple[FactorRisk, Bools]:
    risk = problem.risk
    covariance, is_known = _covariance(risk.factor_covariance, notes)
    with np.errstate(invalid="ignore"):
        known = (np.abs(risk.exposures) <= EXPOSURE_MAX).all(axis=1) & (risk.specific_variance >= 0)
        known &= risk.specific_variance <= VARIANCE_MAX
    variances = _kept(risk, covariance, known).variances()
    known &= is_known & (variances >= VARIANCE_MIN) & (variances <= VARIANCE_MAX)
    if not known.all():
        notes.append(f"risk is not known of {_names(problem, ~known)}: they keep today's weights")
    return _kept(risk, covariance, known), known


def _kept(risk: FactorRisk, covariance: Floats, known: Bools) -> FactorRisk:
    return FactorRisk(np.where(known[:, None], risk.exposures, 0.0), covariance, np.where(known, risk.specific_variance, 0.0))


def _covariance(given: Floats, notes: list[str]) -> tuple[Floats, bool]:
    """Symmetric and positive semidefinite; whether it is known at all."""
    if not (np.abs(given) <= VARIANCE_MAX).all():
        notes.append("the factor covariance holds values that cannot be: no risk is known")
        return np.zeros_like(given), False
    if not given.size:
        return given, True
    even = (given + given.T) / 2
    values, vectors = np.linalg.eigh(even)
    if values[0] >= -NEGATIVE * max(values[-1], 0.0) and values[-1] >= 0:
        return even, True
    notes.append(f"the factor covariance is not positive semidefinite (least eigenvalue {values[0]:.3g}): its negative part is left out")
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T), True


def _filled(problem: Problem, values: Floats, most: float, what: str, became: str, notes: list[str]) -> Floats:
    missing = ~(np.abs(values) <= most)
    if missing.any():
        notes.append(f"{what} is not known of {_names(problem, missing)}: {became}")
    return np.where(missing, 0.0, values)


def _names(problem: Problem, which: Bools) -> str:
    rows = np.flatnonzero(which)
    shown = ", ".join(problem.instruments[k] for k in rows[:NAMED])
    return f"{shown} and {len(rows) - NAMED} more" if len(rows) > NAMED else shown
