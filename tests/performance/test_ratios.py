"""Ratios by closed forms; what nothing defines is NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance import benchmark, ratios, target
from tradewinds.performance.track_record import Floats

ALTERNATING = np.array([0.02, -0.01] * 50)


def test_an_alternating_series_has_figures_one_can_work_out() -> None:
    # Mean 0.005, every return 0.015 away from it.
    deviation = 0.015 * math.sqrt(100 / 99)

    assert ratios.mean(ALTERNATING) == pytest.approx(0.005)
    assert ratios.volatility(ALTERNATING, 100) == pytest.approx(10 * deviation)
    assert ratios.sharpe(ALTERNATING, 100) == pytest.approx(10 * 0.005 / deviation)
    assert ratios.downside_deviation(ALTERNATING) == pytest.approx(0.01 / math.sqrt(2))
    assert ratios.sortino(ALTERNATING, 100) == pytest.approx(10 * 0.005 / (0.01 / math.sqrt(2)))
    assert ratios.omega(ALTERNATING) == pytest.approx(2.0)
    assert ratios.skewness(ALTERNATING) == pytest.approx(0.0, abs=1e-12)
    assert ratios.kurtosis(ALTERNATING) == pytest.approx(1.0)
    assert ratios.mean_absolute_deviation(ALTERNATING) == pytest.approx(0.015)
    assert ratios.deepest(ALTERNATING) == pytest.approx(0.01)
    assert ratios.annual_return(ALTERNATING, 100) == pytest.approx((1.02 * 0.99) ** 50 - 1)
    assert ratios.calmar(ALTERNATING, 100) == pytest.approx(((1.02 * 0.99) ** 50 - 1) / 0.01)


def test_quantiles_of_a_hundred_returns() -> None:
    returns = np.arange(-50, 51) / 1000  # -0.050 to 0.050

    assert ratios.value_at_risk(returns, 0.05) == pytest.approx(-0.045)
    assert ratios.conditional_value_at_risk(returns, 0.05) == pytest.approx(-0.0475)  # mean of the worst 6
    assert ratios.tail_ratio(returns) == pytest.approx(1.0)
    with pytest.raises(Rejected, match="value at risk: probability 5, expected one between 0 and 1"):
        ratios.value_at_risk(returns, 5)


def test_the_value_at_risk_of_a_normal_is_its_quantile() -> None:
    returns = np.array([-1.0, 1.0] * 10) / 100

    assert ratios.gaussian_value_at_risk(returns) == pytest.approx(-0.01 * 1.6448536)
    # Kurtosis 1: z (1 - (z^2 - 3) / 12) with excess -2.
    z = -1.6448536
    assert ratios.gaussian_value_at_risk(returns, is_modified=True) == pytest.approx(0.01 * (z - (z**3 - 3 * z) / 12), rel=1e-6)


def test_a_straight_line_is_stable() -> None:
    assert ratios.stability(np.full(20, 0.01)) == pytest.approx(1.0)
    assert ratios.pain_index(np.array([0.1, -0.5, 1.0])) == pytest.approx(0.5 / 3)
    assert ratios.ulcer_index(np.array([0.1, -0.5, 1.0])) == pytest.approx(math.sqrt(0.25 / 3))


@pytest.mark.parametrize("returns", [np.empty(0), np.array([0.01]), np.full(10, 0.001), np.zeros(5)])
def test_a_ratio_over_nothing_is_not_a_number(returns: Floats) -> None:
    assert math.isnan(ratios.sharpe(returns, 252))
    assert math.isnan(ratios.sortino(returns, 252))
    assert math.isnan(ratios.omega(returns))
    assert math.isnan(ratios.skewness(returns))
    assert math.isnan(ratios.calmar(returns, 252))
    assert math.isnan(benchmark.beta(returns, np.zeros(len(returns))))


def test_a_total_loss_has_no_annual_return() -> None:
    assert math.isnan(ratios.annual_return(np.array([0.1, -1.0]), 252))
    assert math.isnan(ratios.stability(np.array([0.1, -1.0, 0.1])))
    assert math.isnan(ratios.compound_volatility(np.array([0.1, -1.0]), 252))


def test_twice_the_benchmark_and_a_bit_has_beta_two() -> None:
    theirs = ALTERNATING
    ours = 0.001 + 2 * theirs

    assert benchmark.beta(ours, theirs) == pytest.approx(2.0)
    assert benchmark.alpha(ours, theirs) == pytest.approx(0.001)
    assert benchmark.correlation(ours, theirs) == pytest.approx(1.0)
    assert benchmark.fama_beta(ours, theirs) == pytest.approx(2.0)
    assert benchmark.specific_risk(ours, theirs, 252) == 0.0
    assert math.isnan(benchmark.appraisal_ratio(ours, theirs, 252))
    assert benchmark.capture(theirs, theirs, is_up=True) == pytest.approx(1.0)
    assert benchmark.capture(ours, theirs, is_up=False) == pytest.approx(1.9)


def test_a_comparison_takes_the_risk_free_rate_off_both() -> None:
    theirs = ALTERNATING
    found = benchmark.compare(0.5 * theirs, theirs, 100.0, risk_free=0.1)

    # r - 0.001 = alpha + 0.5 (b - 0.001): alpha = -0.0005
    assert found.beta == pytest.approx(0.5)
    assert found.alpha == pytest.approx(0.9995**100 - 1)
    assert found.tracking_error == pytest.approx(ratios.volatility(0.5 * theirs, 100))
    assert found.information_ratio == pytest.approx((found.active_return or 0) / (found.tracking_error or 1))
    assert found.total_return == pytest.approx((1.02 * 0.99) ** 50 - 1)


def test_a_comparison_with_itself_has_no_information_ratio() -> None:
    found = benchmark.compare(ALTERNATING, ALTERNATING, 252.0)

    assert (found.tracking_error, found.information_ratio, found.active_return) == (0.0, None, 0.0)


def test_a_ruined_account_is_not_compared_but_its_benchmark_is_told() -> None:
    found = benchmark.compare(np.array([0.1, np.nan]), np.array([0.1, 0.2]), 252.0)

    assert found.beta is found.alpha is found.tracking_error is None
    assert found.total_return == pytest.approx(0.32)


def test_series_of_two_lengths_are_refused() -> None:
    with pytest.raises(DataFault, match="3 returns with 2 of the benchmark"):
        benchmark.compare(np.zeros(3), np.zeros(2), 252.0)


def test_partial_moments_of_four_returns() -> None:
    returns = np.array([0.03, 0.01, -0.01, -0.03])

    assert target.downside_frequency(returns, 0.01) == 0.5
    assert target.upside_frequency(returns, 0.01) == 0.25
    assert target.downside_potential(returns) == pytest.approx(0.01)
    assert target.upside_potential(returns) == pytest.approx(0.01)
    assert target.lower_partial_moment(returns, 0.0, 2) == pytest.approx(0.00025)
    assert target.d_ratio(returns) == pytest.approx(1.0)
    assert target.prospect_ratio(returns) == pytest.approx((0.01 - 2.25 * 0.01) / math.sqrt(0.00025))
    assert target.upside_potential_ratio(returns) == pytest.approx(0.01 / math.sqrt(0.00025))
    assert target.m_squared_sortino(returns, returns, 12.0) == pytest.approx(ratios.annual_return(returns, 12.0))
