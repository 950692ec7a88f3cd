"""Targets become trades: what is worth an order, what it costs, why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import Costs, flat_costs, square_root_costs
from tradewinds.portfolio.problem import FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.rebalance import rebalance
from tradewinds.portfolio.solution import Solution

FOUR = ("AAA", "BBB", "CCC", "DDD")
TODAY = np.array([0.40, 0.30, 0.20, 0.0])


def _problem(costs: Costs | None = None, position_max: float = 0.5) -> Problem:
    limits = Limits.long_only(4, position_max=position_max, invested_min=0.0)
    return Problem(
        FOUR, (), FactorRisk(np.zeros((4, 0)), np.zeros((0, 0)), np.full(4, 1e-4)), limits, Method.EQUAL_WEIGHT, today=TODAY, costs=costs
    )


def _target(problem: Problem, weights: list[float]) -> Solution:
    return replace(construct(problem), weights=np.array(weights))


def test_trades_say_from_where_to_where_what_it_costs_and_why() -> None:
    problem = _problem(flat_costs(4, 10.0))

    found = rebalance(problem, _target(problem, [0.5, 0.3, 0.0, 0.2]), 1_000_000, scores=np.array([1.5, 0.0, -2.0, np.nan]))

    assert [(one.instrument, one.weight_from, one.weight_to, one.reason) for one in found.trades] == [
        ("CCC", 0.2, 0.0, "leaves, score -2.00"),
        ("DDD", 0.0, 0.2, "enters, no score"),
        ("AAA", 0.4, 0.5, "score +1.50, at its position limit"),
    ]
    assert [round(one.value) for one in found.trades] == [-200_000, 200_000, 100_000]
    assert [one.cost for one in found.trades] == pytest.approx([200.0, 200.0, 100.0])
    assert (found.turnover, found.cost, found.left) == (pytest.approx(0.5), pytest.approx(500.0), 0)


def test_what_is_too_small_is_left_out_but_never_an_exit() -> None:
    problem = _problem()

    found = rebalance(problem, _target(problem, [0.405, 0.25, 0.0, 0.004]), 100_000, minimum_value=1_000)

    # 500 and 400 are less than 1,000: left. 5,000 is not; 20,000 is an exit.
    assert [one.instrument for one in found.trades] == ["CCC", "BBB"]
    assert found.weights.tolist() == [0.4, 0.25, 0.0, 0.0]
    assert found.left == 2


def test_a_small_position_that_is_to_go_goes() -> None:
    problem = _problem()

    found = rebalance(problem, _target(problem, [0.40, 0.30, 0.0, 0.0]), 100_000, minimum_value=50_000)

    assert [(one.instrument, one.reason) for one in found.trades] == [("CCC", "leaves")]


def test_small_sales_are_made_where_the_sum_of_weights_asks_for_them() -> None:
    problem = _problem()

    found = rebalance(problem, _target(problem, [0.39, 0.30, 0.20, 0.11]), 100_000, minimum_value=2_000)

    assert [(one.instrument, round(one.value)) for one in found.trades] == [("DDD", 11_000), ("AAA", -1_000)]
    assert found.weights.sum() <= 1.0


def test_a_position_beyond_its_bound_is_cut_however_little_it_is() -> None:
    problem = _problem(position_max=0.395)

    found = rebalance(problem, _target(problem, [0.395, 0.3, 0.2, 0.0]), 100_000, minimum_value=5_000)

    assert [(one.instrument, one.reason) for one in found.trades] == [("AAA", "at its position limit")]


def test_nothing_to_do_is_no_trade() -> None:
    problem = _problem()

    assert rebalance(problem, _target(problem, TODAY.tolist()), 100_000).trades == ()


def test_impact_grows_with_the_square_root_of_the_share_of_volume() -> None:
    costs = square_root_costs(2.0, np.array([0.02, 0.02]), np.array([1e6, 4e6]), capital=1e6)

    # A tenth of a million is 10 % of the volume of the first: 0.02 x sqrt(0.1) of the value, and half of that for the second.
    each = costs.each(np.array([0.1, -0.1]))
    assert each == pytest.approx([0.1 * (2e-4 + 0.02 * np.sqrt(0.1)), 0.1 * (2e-4 + 0.01 * np.sqrt(0.1))])


def test_a_cost_that_is_not_known_is_the_dearest_that_is() -> None:
    costs = square_root_costs(np.array([1.0, np.nan]), np.array([0.02, 0.02]), np.array([1e6, 0.0]), capital=1e6).known()

    assert costs.linear.tolist() == [1e-4, 1e-4]
    assert costs.impact[1] == costs.impact[0]


def test_capital_that_is_none_is_refused() -> None:
    problem = _problem()

    with pytest.raises(Rejected, match="capital nan"):
        rebalance(problem, construct(problem), float("nan"))
