"""A portfolio of 500 instruments x 20 factors with limits and costs, against the same problem in bare cvxpy and Clarabel.

`mean_variance_s` has position, gross, turnover, tracking and factor limits, linear costs and square-root impact, as a night asks for it:
clean the input, let skfolio state it, solve, measure. The bare one is the same convex problem written down by hand in factor form;
`dense` is what a covariance of 500 x 500 costs it instead. Imports of skfolio are paid once a process and stand apart.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import market_data as market
from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import square_root_costs
from tradewinds.portfolio.problem import Between, FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.solution import Rung

Floats = NDArray[np.float64]

INSTRUMENTS, FACTORS, ROUNDS = 500, 20, 5
METHODS = (Method.MEAN_VARIANCE, Method.MINIMUM_VARIANCE, Method.RISK_PARITY, Method.HIERARCHICAL_RISK_PARITY)
SECONDS_MOST = 1.0
TO_BARE_MOST = 3.0


def problem_of(instruments: int, factors: int, method: Method = Method.MEAN_VARIANCE) -> Problem:
    """A night's problem: today's portfolio is near equal weights, which are the benchmark too."""
    draw = np.random.default_rng(11)
    exposures = draw.normal(0, 1, (instruments, factors))
    exposures[:, 0] = draw.normal(1, 0.3, instruments)
    variances = draw.uniform(1e-5, 4e-5, factors)
    variances[0] = 1e-4
    specific = draw.uniform(1e-4, 9e-4, instruments)
    names = tuple(f"F{k}" for k in range(factors))
    today = draw.dirichlet(np.full(instruments, 50.0))
    limits = Limits(
        np.zeros(instruments),
        np.full(instruments, 0.02),
        invested_min=0.95,
        turnover_max=0.3,
        tracking_max=0.004,
        benchmark=np.full(instruments, 1 / instruments),
        factors=tuple(Between(name, -0.2, 0.2) for name in names[1:]),
    )
    return Problem(
        tuple(f"I{k}" for k in range(instruments)),
        names,
        FactorRisk(exposures, np.diag(variances), specific),
        limits,
        method,
        expected_return=draw.normal(0, 3e-4, instruments),
        today=np.minimum(today, 0.02),
        costs=square_root_costs(3.0, np.sqrt(specific), draw.uniform(5e6, 5e8, instruments), 5e6),
    )


def bare(problem: Problem, *, is_dense: bool = False) -> tuple[Floats, float]:
    """The weights of the same problem by cvxpy alone, and seconds: stating it and solving it. Scaled as ours is, or Clarabel is inexact."""
    cvxpy: Any = import_module("cvxpy")  # its types know none of its functions
    begin = time.perf_counter()
    limits, risk, costs = problem.limits, problem.risk, problem.costs
    assert costs is not None
    assert limits.benchmark is not None
    assert problem.today is not None
    assert problem.expected_return is not None
    unit = float(np.sqrt(np.median(risk.variances())))
    w = cvxpy.Variable(len(problem.instruments))

    def deviation(weights: Any) -> Any:
        if is_dense:
            return cvxpy.norm(np.linalg.cholesky(risk.dense() / unit**2).T @ weights, 2)
        loads = risk.exposures @ np.linalg.cholesky(risk.factor_covariance) / unit
        return cvxpy.norm(cvxpy.hstack([loads.T @ weights, cvxpy.multiply(np.sqrt(risk.specific_variance) / unit, weights)]), 2)

    change = w - problem.today
    cost = costs.linear @ cvxpy.abs(change) + costs.impact @ cvxpy.power(cvxpy.abs(change), 1.5)
    utility = (
        problem.expected_return @ w / unit**2 - problem.risk_aversion / 2 * cvxpy.square(deviation(w)) - cost / problem.horizon / unit**2
    )
    rows = risk.exposures[:, 1:].T
    asked = [
        w >= limits.position_min, w <= limits.position_max, cvxpy.norm1(w) <= limits.gross_max,
        cvxpy.sum(w) >= limits.invested_min, cvxpy.sum(w) <= limits.invested_max,
        cvxpy.norm1(change) <= limits.turnover_max, deviation(w - limits.benchmark) <= (limits.tracking_max or 0.0) / unit,
        rows @ w >= -0.2, rows @ w <= 0.2,
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a last digit that is not reached; the weights are compared
        cvxpy.Problem(cvxpy.Maximize(utility), asked).solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return np.asarray(w.value, np.float64), time.perf_counter() - begin


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 100 instruments, 2 rounds."""
    instruments, rounds = (100, 2) if quick else (INSTRUMENTS, ROUNDS)
    problem = problem_of(instruments, FACTORS)
    first = _constructed(problem_of(20, 3))  # imports of skfolio, cvxpy and Clarabel
    found = construct(problem)
    assert found.rung is Rung.AS_ASKED, found.why
    weights, _ = bare(problem)
    assert np.abs(weights - found.weights).max() < 1e-4
    timed: dict[str, list[float]] = {}
    for _ in range(rounds):
        for method in METHODS:
            timed.setdefault(f"{method.value}_s", []).append(_constructed(problem_of(instruments, FACTORS, method)))
        timed.setdefault("bare_cvxpy_s", []).append(bare(problem)[1])
        timed.setdefault("bare_cvxpy_dense_s", []).append(bare(problem, is_dense=True)[1])
    medians = {name: round(statistics.median(values), 3) for name, values in timed.items()}
    return {
        "figures": {name: value for name, value in medians.items() if not name.startswith("bare")}
        | {"first_with_imports_s": round(first, 2)},
        "peers": {name: value for name, value in medians.items() if name.startswith("bare")},
        "notes": f"{instruments} instruments x {FACTORS} factors; weights of both agree to {np.abs(weights - found.weights).max():.1e}",
        "reach": {
            "mean_variance_s": market.reach(medians["mean_variance_s"], SECONDS_MOST),
            "to_bare_cvxpy": market.reach(medians["mean_variance_s"] / medians["bare_cvxpy_s"], TO_BARE_MOST),
        },
    }


def _constructed(problem: Problem) -> float:
    return _seconds(lambda: construct(problem))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
