"""The risk of a portfolio in factor form: by hand, against the dense matrix, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.risk.factor_returns import FactorReturns, Floats
from tradewinds.risk.gap import Gap
from tradewinds.risk.liquidity import liquidity
from tradewinds.risk.measures import (
    component_value_at_risk,
    concentration,
    cornish_fisher_value_at_risk,
    historical_shortfall,
    historical_value_at_risk,
    history_of,
    parametric_shortfall,
    parametric_value_at_risk,
    tail_risk,
)
from tradewinds.risk.risk_model import RiskModel
from tradewinds.risk.stress import factor_stress, historical_stress, replayed_returns


def _two() -> RiskModel:
    """A with market exposure 1, B with 2; market 1 % a session, specific 2 % and 1 %."""
    return RiskModel(
        0, NS_PER_DAY, "cross_sectional", ("A.XNYS", "B.XNYS"), ("market",),
        np.array([[1.0], [2.0]]), np.array([[1e-4]]), np.array([4e-4, 1e-4]), 252.0,
    )  # fmt: skip


def _many(width: int = 200, count: int = 6) -> tuple[RiskModel, Floats]:
    generator = np.random.default_rng(9)
    root = generator.normal(size=(count, count)) * 0.01
    model = RiskModel(
        0, 0, "cross_sectional", tuple(f"S{n}.XNYS" for n in range(width)), tuple(f"f{k}" for k in range(count)),
        generator.normal(size=(width, count)), root @ root.T, generator.uniform(1e-5, 1e-3, width), 252.0,
    )  # fmt: skip
    return model, generator.normal(size=width) / width


def test_two_stocks_by_hand() -> None:
    model, weights = _two(), np.array([0.5, 0.25])

    # Exposure 1; variance 1 x 1e-4 + 0.25 x 4e-4 + 0.0625 x 1e-4 = 2.0625e-4.
    assert model.exposure(weights).tolist() == [1.0]
    assert model.variance(weights) == pytest.approx(2.0625e-4)
    assert model.volatility(weights) == pytest.approx(np.sqrt(2.0625e-4 * 252))
    assert model.volatility(weights, 10) == pytest.approx(np.sqrt(2.0625e-4 * 10))
    # V w = (1e-4 + 2e-4, 2e-4 + 0.25e-4)
    assert model.marginal(weights, 1) == pytest.approx(np.array([3e-4, 2.25e-4]) / np.sqrt(2.0625e-4))
    common, specific = model.factor_component(weights, 1)
    assert common == pytest.approx([1e-4 / np.sqrt(2.0625e-4)])
    assert specific == pytest.approx(1.0625e-4 / np.sqrt(2.0625e-4))
    assert model.beta(weights, np.array([1.0, 0.0])) == pytest.approx((0.5 * 5e-4 + 0.25 * 2e-4) / 5e-4)
    assert model.tracking_error(weights, weights) == 0.0


def test_factor_form_is_the_dense_matrix() -> None:
    model, weights = _many()
    dense = model.dense()

    assert model.variance(weights) == pytest.approx(weights @ dense @ weights, rel=1e-12)
    assert model.covariance_with(weights) == pytest.approx(dense @ weights, rel=1e-9)
    assert model.component(weights).sum() == pytest.approx(model.volatility(weights), rel=1e-12)
    common, specific = model.factor_component(weights)
    assert common.sum() + specific == pytest.approx(model.volatility(weights), rel=1e-12)
    assert np.linalg.eigvalsh(dense)[0] > 0.0


def test_an_empty_portfolio_has_no_risk() -> None:
    model, _ = _many()
    nothing = np.zeros(200)

    assert model.volatility(nothing) == 0.0
    assert model.marginal(nothing).tolist() == nothing.tolist()
    assert model.component(nothing).tolist() == nothing.tolist()
    assert parametric_value_at_risk(model, nothing) == 0.0


def test_what_is_held_and_not_in_the_model_is_named() -> None:
    weights, gaps = _two().weights_of({"B.XNYS": 0.5, "X.XNYS": 0.125, "Y.XNYS": 0.0})

    assert weights.tolist() == [0.0, 0.5]
    assert gaps == (Gap("X.XNYS", "weight 0.125 is not in the risk model: its risk is not counted"),)


def test_what_is_no_risk_model_is_refused() -> None:
    def made(exposures: Floats, common: Floats, own: Floats) -> RiskModel:
        return RiskModel(0, 0, "x", ("A.X", "B.X"), ("f", "g"), exposures, common, own, 252.0)

    fine = np.ones((2, 2)), np.eye(2), np.ones(2)
    assert made(*fine).kind == "x"
    with pytest.raises(DataFault, match=r"exposures of shape \(2, 3\), expected \(2, 2\)"):
        made(np.ones((2, 3)), *fine[1:])
    with pytest.raises(DataFault, match="factor covariance has 1 values that are no numbers"):
        made(fine[0], np.array([[1.0, np.nan], [0.0, 1.0]]), fine[2])
    with pytest.raises(DataFault, match="least eigenvalue -1"):
        made(fine[0], np.array([[1.0, 2.0], [2.0, 1.0]]), fine[2])
    with pytest.raises(DataFault, match=r"least specific variance -1\.0"):
        made(*fine[:2], np.array([1.0, -1.0]))
    with pytest.raises(DataFault, match="weights of shape"):
        made(*fine).volatility(np.array([1.0, np.nan]))
    with pytest.raises(Rejected, match="a benchmark without risk"):
        made(*fine).beta(np.ones(2), np.zeros(2))


def test_parametric_losses_are_the_normal_s() -> None:
    model, weights = _two(), np.array([0.5, 0.25])
    deviation = np.sqrt(2.0625e-4)

    assert parametric_value_at_risk(model, weights, 0.99) == pytest.approx(2.3263478740408408 * deviation)
    assert parametric_shortfall(model, weights, 0.975) == pytest.approx(2.337803 * deviation, rel=1e-6)
    assert component_value_at_risk(model, weights, 0.95).sum() == pytest.approx(parametric_value_at_risk(model, weights, 0.95))


def test_historical_losses_by_hand() -> None:
    past = np.arange(-50.0, 51.0) / 1000  # -5 % to 5 %, 101 sessions

    assert historical_value_at_risk(past, 0.95) == pytest.approx(0.045)
    # 5 % of 101 sessions are 5.05: -50 .. -46 whole, -45 by a twentieth.
    assert historical_shortfall(past, 0.95) == pytest.approx((0.050 + 0.049 + 0.048 + 0.047 + 0.046 + 0.05 * 0.045) / 5.05)
    assert historical_shortfall(past, 0.999) == pytest.approx(0.05)


def test_cornish_fisher_is_the_normal_s_without_skew_and_more_with_a_left_tail() -> None:
    generator = np.random.default_rng(2)
    normal = generator.normal(0.0, 0.01, 200_000)
    crashing = np.where(generator.random(200_000) < 0.02, normal - 0.05, normal)

    assert cornish_fisher_value_at_risk(normal) == pytest.approx(0.023263, rel=0.02)
    assert cornish_fisher_value_at_risk(crashing) > 1.3 * 2.326 * crashing.std()
    assert cornish_fisher_value_at_risk(np.full(30, -0.01)) == pytest.approx(0.01)


def test_history_of_a_portfolio_leaves_out_sessions_in_which_a_holding_was_not_traded() -> None:
    returns = np.array([[0.01, 0.02, np.nan], [0.03, np.nan, 0.05], [-0.01, 0.0, 0.0]])

    assert history_of(returns, np.array([0.5, 0.5, 0.0])) == pytest.approx([0.015, -0.005])


def test_every_tail_measure_at_once_and_none_from_a_short_past() -> None:
    model, weights = _many()
    past = np.random.default_rng(1).normal(0.0, np.sqrt(model.variance(weights)), 5_000)

    long, short = tail_risk(model, weights, past, 0.95, 4.0), tail_risk(model, weights, past[:19])

    assert long.historical == pytest.approx(long.parametric, rel=0.06)
    assert long.cornish_fisher == pytest.approx(long.parametric, rel=0.06)
    assert long.historical_shortfall == pytest.approx(long.shortfall, rel=0.06)
    assert (short.historical, short.historical_shortfall, short.cornish_fisher) == (None, None, None)
    with pytest.raises(Rejected, match=r"confidence 1\.0"):
        tail_risk(model, weights, past, 1.0)


def test_concentration_by_hand() -> None:
    found = concentration(np.array([0.4, -0.2, 0.2, 0.0]), top=1)

    assert (found.gross, found.net) == pytest.approx((0.8, 0.4))
    assert found.hhi == pytest.approx(0.25 + 0.0625 + 0.0625)
    assert found.effective == pytest.approx(1 / 0.375)
    assert found.top == pytest.approx(0.5)
    assert concentration(np.zeros(3)).effective == 0.0


def test_days_to_exit_by_hand() -> None:
    found = liquidity(
        np.array([1_000_000.0, -200_000.0, 0.0, 50_000.0]), np.array([500_000.0, 4_000_000.0, 0.0, 0.0]), ["A.X", "B.X", "C.X", "D.X"], 0.2
    )

    assert found.days[:3].tolist() == [10.0, 0.25, 0.0]
    assert np.isnan(found.days[3])
    assert found.days_to_exit == 10.0
    # Within one session: 100,000 of A and all of B; within twenty all but D.
    assert found.share_within[0] == (1.0, pytest.approx(300_000 / 1_250_000))
    assert found.share_within[2] == (20.0, pytest.approx(1_200_000 / 1_250_000))
    assert found.gaps == (Gap("D.X", "50,000 held and no volume is known: not counted as something that can be sold"),)
    with pytest.raises(Rejected, match="participation 0"):
        liquidity(np.zeros(1), np.ones(1), ["A.X"], 0.0)


def test_a_shock_moves_other_factors_as_covariances_let_expect() -> None:
    model = RiskModel(
        0, 0, "x", ("A.X",), ("market", "energy"), np.array([[1.0, 0.5]]), np.array([[4e-4, 1e-4], [1e-4, 2e-4]]), np.array([1e-4]), 252.0
    )

    alone = factor_stress("crash", model, np.ones(1), {"market": -0.2})
    together = factor_stress("crash", model, np.ones(1), {"market": -0.2}, is_conditional=True)

    assert alone.by_factor == {"market": pytest.approx(-0.2), "energy": 0.0}
    assert together.by_factor == {"market": pytest.approx(-0.2), "energy": pytest.approx(0.5 * -0.2 / 4)}
    assert together.total == pytest.approx(-0.225)
    with pytest.raises(Rejected, match=r"factors \['gold'\]"):
        factor_stress("x", model, np.ones(1), {"gold": 1.0})


def test_a_stretch_of_the_past_comes_again_and_compounds() -> None:
    past = FactorReturns(
        ("market",), ("B.XNYS",), np.arange(4, dtype=np.int64) * NS_PER_DAY, np.array([[0.5], [-0.1], [-0.1], [0.5]]),
        np.array([[0.0], [0.02], [np.nan], [0.0]]), np.zeros(4), np.zeros((4, 1)),
    )  # fmt: skip

    found = historical_stress("two bad days", _two(), np.array([0.5, 0.25]), past, NS_PER_DAY, 3 * NS_PER_DAY)

    # Exposure 1: -10 % + 0.25 x 2 %, then -10 % of what is left.
    assert found.sessions == 2
    assert found.total == pytest.approx((1 - 0.1 + 0.005) * 0.9 - 1)
    assert found.by_factor["market"] == pytest.approx(-0.1 - 0.1 * 0.905)
    assert found.specific == pytest.approx(0.005)
    assert replayed_returns(_two(), np.array([0.5, 0.25]), past) == pytest.approx([0.5, -0.095, -0.1, 0.5])
    with pytest.raises(DataFault, match="no session from 1970-01-11"):
        historical_stress("x", _two(), np.zeros(2), past, 10 * NS_PER_DAY, 11 * NS_PER_DAY)
