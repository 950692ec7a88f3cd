"""Whatever the arrays of a problem hold there is a solution, its hard limits hold, and it is reproducible."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import Costs
from tradewinds.portfolio.problem import Between, FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.solution import Rung, Solution

ODD = (np.nan, np.inf, -np.inf, 0.0, 1e-300, 1e12, -1e12, 1e200)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small problems of any size and shape: regular, singular, contradictory, with odd numbers strewn in."""
    number, factors = draw(st.integers(1, 7)), draw(st.integers(0, 3))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    oddness = draw(st.sampled_from((0.0, 0.0, 0.0, 0.03, 0.3)))

    def strewn(values: np.ndarray) -> np.ndarray:
        where = chance.random(values.shape) < oddness
        return np.where(where, chance.choice(ODD, values.shape), values)

    scale = draw(st.sampled_from((1e-2, 1e-2, 1e-2, 1e-2, 1.0, 1e-4, 0.0)))
    root = chance.normal(0, scale, (factors, factors))
    root[:, : draw(st.sampled_from((0, 0, 1, factors)))] = 0.0  # singular
    risk = FactorRisk(
        strewn(chance.normal(0, 1, (number, factors))),
        strewn(root @ root.T - (draw(st.sampled_from((0.0, 0.0, 0.0, 1.0))) * scale**2) * np.eye(factors)),
        strewn(chance.random(number) * scale**2 * draw(st.sampled_from((0.0, 1.0, 1.0, 1.0)))),
    )
    is_long = draw(st.booleans())
    most = chance.choice([0.0, 0.05, 0.4, 1.0, np.inf], number)
    low, high = sorted(chance.choice([-0.5, 0.0, 0.3, 0.9, 1.0, 1.5], 2))
    limits = Limits(
        np.zeros(number) if is_long else -most,
        most,
        gross_max=float(chance.choice([0.0, 0.5, 1.0, 3.0])),
        invested_min=float(low),
        invested_max=float(max(high, 0.0)),
        turnover_max=draw(st.sampled_from((None, 0.0, 0.1, 1.0))),
        tracking_max=draw(st.sampled_from((None, 0.0, 0.001, 0.1))),
        benchmark=strewn(chance.dirichlet(np.ones(number))),
        factors=tuple(Between(f"F{k}", *sorted(chance.normal(0, 0.5, 2).tolist())) for k in range(draw(st.integers(0, factors)))),
        groups=(Between("odd", 0.1, 0.2),) if draw(st.booleans()) and number > 1 else (),
    )
    return Problem(
        tuple(f"I{k}" for k in range(number)),
        tuple(f"F{k}" for k in range(factors)),
        risk,
        limits,
        draw(st.sampled_from(Method)),
        expected_return=draw(st.sampled_from((None, 1))) and strewn(chance.normal(0, scale, number)),
        today=draw(st.sampled_from((None, 1))) and strewn(chance.normal(0, 0.4, number)),
        tradable=chance.random(number) < 0.8 if draw(st.booleans()) else None,
        groups=tuple("odd" if k % 2 else "even" for k in range(number)),
        costs=Costs(*(np.abs(strewn(chance.random(number) * 1e-3)) for _ in range(2))) if draw(st.booleans()) else None,
        risk_aversion=draw(st.sampled_from((1e-3, 5.0, 1e6))),
    )


@given(problems())
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_there_is_always_a_solution_within_the_hard_limits(problem: Problem) -> None:
    found = construct(problem)

    _check_hard_limits(problem, found)
    assert found.why
    assert (found.rung is Rung.AS_ASKED) <= (not found.broken)


def _check_hard_limits(problem: Problem, found: Solution) -> None:
    limits, weights = problem.limits, found.weights
    number = len(problem.instruments)
    assert weights.shape == (number,)
    assert np.isfinite(weights).all()
    frozen = np.zeros(number, bool) if problem.tradable is None else ~problem.tradable
    today = np.zeros(number) if problem.today is None else np.where(np.abs(problem.today) <= 1e3, problem.today, 0.0)
    assert (weights[frozen] == today[frozen]).all()
    assert (weights[~frozen] >= limits.position_min[~frozen]).all()
    assert (weights[~frozen] <= limits.position_max[~frozen]).all()
    fixed = today[frozen]
    room = 1e-9 * max(1.0, float(np.abs(fixed).sum()))
    gross, net = math.fsum(np.abs(weights)), math.fsum(weights)
    if np.abs(fixed).sum() <= limits.gross_max:
        assert gross <= limits.gross_max + room
    else:
        assert not weights[~frozen].any()
    if fixed.sum() + min(0.0, weights[~frozen & (weights < 0)].sum()) <= limits.invested_max:
        assert net <= limits.invested_max + room
