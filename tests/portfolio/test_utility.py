"""The best portfolio of independent instruments follows from its first-order condition, which a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import Costs
from tradewinds.portfolio.prepared import prepared
from tradewinds.portfolio.problem import FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.solution import Rung, Solution

Floats = NDArray[np.float64]

# Two instruments, each 1 % a session and independent: with risk aversion 10, utility is mu w - 10 / 2 x 1e-4 w^2 - costs / 20.
OWN = FactorRisk(np.zeros((2, 0)), np.zeros((0, 0)), np.full(2, 1e-4))
WIDE = Limits(np.full(2, -5.0), np.full(2, 5.0), gross_max=10.0, invested_min=-10.0, invested_max=10.0)


def _best(expected: list[float], *, linear: float = 0.0, impact: float = 0.0, limits: Limits = WIDE) -> Solution:
    costs = Costs(np.full(2, linear), np.full(2, impact))
    asked = Problem(("A", "B"), (), OWN, limits, expected_return=np.array(expected), costs=costs, risk_aversion=10.0, horizon=20.0)
    return construct(asked)


def test_without_costs_a_weight_is_return_over_risk_aversion_times_variance() -> None:
    found = _best([4e-4, -2e-4])

    assert found.weights == pytest.approx([0.4, -0.2], abs=1e-5)
    assert found.objective == pytest.approx(0.5 * (4e-4 * 0.4 + 2e-4 * 0.2), rel=1e-4)
    assert (found.cost, found.cash) == (0.0, pytest.approx(0.8, abs=1e-5))


def test_a_linear_cost_is_earned_back_over_the_horizon() -> None:
    found = _best([4e-4, 1e-4], linear=40e-4)

    # 40 bp over 20 sessions is 2 bp a session: the first earns 4 - 2, the second does not earn it.
    assert found.weights == pytest.approx([0.2, 0.0], abs=1e-5)
    assert found.cost == pytest.approx(0.2 * 40e-4, rel=1e-3)
    assert found.objective == pytest.approx(4e-4 * 0.2 - 5 * 1e-4 * 0.04 - 0.2 * 2e-4, rel=1e-3)


def test_impact_holds_back_the_more_the_larger_the_trade() -> None:
    found = _best([4e-4, 0.0], impact=2 / 3 * 40e-4)

    # d/dw of impact x w^1.5 / 20 is 2e-4 sqrt(w): 4e-4 - 1e-3 w - 2e-4 sqrt(w) = 0.
    root = (-0.2 + np.sqrt(0.04 + 1.6)) / 2
    assert found.weights == pytest.approx([root**2, 0.0], abs=1e-5)


def test_a_tracking_limit_that_binds_is_met_exactly() -> None:
    limits = Limits(
        WIDE.position_min, WIDE.position_max, gross_max=10.0, invested_min=-10.0, invested_max=10.0,
        tracking_max=0.003, benchmark=np.array([0.1, 0.1]),
    )  # fmt: skip

    found = _best([6e-4, 1e-4], limits=limits)

    # The best without it is (0.6, 0.1), a tracking error of 0.005.
    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([0.4, 0.1], abs=1e-5)
    assert found.tracking_error == pytest.approx(0.003, abs=1e-6)
    assert [one.kind for one in found.binding] == ["tracking"]


def test_a_covariance_with_a_negative_part_loses_it() -> None:
    risk = FactorRisk(np.eye(2), np.diag([4e-4, -1e-4]), np.full(2, 1e-4))
    asked = Problem(("A", "B"), ("F", "G"), risk, Limits.long_only(2), Method.MINIMUM_VARIANCE)

    given = prepared(asked)

    assert given.risk.variances() == pytest.approx([5e-4, 1e-4])
    assert given.notes == ("the factor covariance is not positive semidefinite (least eigenvalue -0.0001): its negative part is left out",)


def test_a_number_that_no_market_made_is_not_known() -> None:
    risk = FactorRisk(np.zeros((2, 0)), np.zeros((0, 0)), np.array([1e-4, 1e9]))
    asked = Problem(("A", "B"), (), risk, WIDE, expected_return=np.array([1e5, 0.0]), today=np.array([0.2, 1e7]))

    given = prepared(asked)

    assert given.is_known.tolist() == [True, False]
    assert given.expected_return.tolist() == [0.0, 0.0]
    assert given.today.tolist() == [0.2, 0.0]
    assert len(given.notes) == 3
