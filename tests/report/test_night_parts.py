"""What the rooms below answer becomes the page of a night."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import Missing
from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.costs import flat_costs
from tradewinds.portfolio.problem import Between, FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.rebalance import rebalance
from tradewinds.report.night_data import Absent
from tradewinds.report.night_parts import had, limit_text, risk_night, trade_night
from tradewinds.risk.liquidity import liquidity
from tradewinds.risk.measures import tail_risk
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.stress import factor_stress

NAMES = ("AAA", "BBB", "CCC", "DDD")
EXPOSURES = np.array([[2.0], [2.0], [1.0], [1.0]])
WEIGHTS = np.array([0.25, 0.25, 0.5, 0.0])


@pytest.fixture
def model() -> RiskModel:
    return RiskModel(1, 2, "cross_sectional", NAMES, ("MARKET",), EXPOSURES.copy(), np.array([[1e-4]]), np.full(4, 1e-4), 252.0)


def test_parts_of_the_risk_add_up(model: RiskModel) -> None:
    shock = factor_stress("market down 10 %", model, WEIGHTS, {"MARKET": -0.1})
    exit_days = liquidity(WEIGHTS * 1e6, np.full(4, 1e6), NAMES)

    found = risk_night(model, WEIGHTS, tail=tail_risk(model, WEIGHTS, np.empty(0), 0.95), stresses=[shock], liquidity=exit_days)

    # Exposure 1.5: factor variance 2.25e-4; specific 0.375e-4.
    assert found.volatility == pytest.approx(np.sqrt(2.625e-4))
    assert found.factor_volatility**2 + found.specific_volatility**2 == pytest.approx(found.volatility**2)
    assert found.contributions.sum() + found.specific_contribution == pytest.approx(found.volatility)
    assert found.value_at_risk == pytest.approx(1.6448536 * found.volatility)
    assert [(one.scenario, round(one.change, 6)) for one in found.stresses] == [("market down 10 %", -0.15)]
    assert [(one.instrument, one.days_to_exit) for one in found.holdings] == [("AAA", 2.5), ("BBB", 2.5), ("CCC", 5.0)]
    assert sum(one.risk_share or 0.0 for one in found.holdings) == pytest.approx(1.0)
    assert (found.gross, found.net, found.method) == (1.0, 1.0, "normal")


def test_a_portfolio_without_risk_is_told_without_dividing_by_it(model: RiskModel) -> None:
    found = risk_night(model, np.zeros(4))

    assert (found.volatility, found.holdings, found.value_at_risk) == (0.0, (), None)


def test_a_part_is_there_or_says_why_it_is_not(model: RiskModel) -> None:
    def refuse(word: str) -> RiskModel:
        raise Missing(word)

    assert had(lambda: model) is model
    assert had(refuse, "no risk model") == Absent("no risk model")
    with pytest.raises(ZeroDivisionError):  # a bug is no gap
        had(lambda: 1 / 0)


def test_a_construction_says_its_rung_its_limits_and_its_trades() -> None:
    limits = Limits(np.zeros(4), np.full(4, 0.5), turnover_max=0.4, factors=(Between("MARKET", 0.0, 1.2),))
    risk = FactorRisk(EXPOSURES, np.array([[1e-4]]), np.full(4, 1e-4))
    problem = Problem(
        NAMES, ("MARKET",), risk, limits, Method.MINIMUM_VARIANCE, today=np.array([0.5, 0.5, 0.0, 0.0]), costs=flat_costs(4, 10.0)
    )
    solution = construct(problem)

    found = trade_night("quiet", problem, solution, rebalance(problem, solution, 1e6))

    assert (found.rung, found.rungs, found.method) == (2, 6, "minimum variance")
    assert found.broken == ("MARKET 1.80, at most 1.20",)
    assert found.binding[:3] == (
        "sum of sizes 100.00%, at most 100.00%",
        "sum of weights 100.00%, at most 100.00%",
        "turnover 40.00%, at most 40.00%",
    )
    assert {one.instrument for one in found.trades} == set(NAMES)
    assert found.cost == pytest.approx(0.4 * 1e6 * 1e-3, rel=1e-4)


def test_a_limit_below_is_told_as_such() -> None:
    limits = Limits.long_only(2, invested_min=0.9)
    problem = Problem(("A", "B"), (), FactorRisk(np.zeros((2, 0)), np.zeros((0, 0)), np.ones(2) * 1e-4), limits, Method.EQUAL_WEIGHT)

    binding = [limit_text(one) for one in construct(problem).binding if one.kind == "invested"]

    assert binding == ["sum of weights 100.00%, at most 100.00%"]
