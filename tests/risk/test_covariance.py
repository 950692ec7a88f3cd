"""Covariance of factor returns: known tables, definitions by plain sums, and what must hold whatever comes in."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.risk.covariance import CovarianceSettings, correlation_of, eigen_adjusted, factor_covariance, possible, shrunk_to_none
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.moments import half_life_of_span, no_cross_moments, no_moments
from tradewinds.risk.sample_covariance import Target, ledoit_wolf, sample_covariance

TARGETS: tuple[Target, ...] = ("constant_variance", "single_factor", "constant_correlation")
PLAIN = CovarianceSettings(60.0, 60.0, 0, 0, shrinkage=0.0, observations_min=1)


def test_two_sessions_by_hand() -> None:
    # Half-life 1: the last session weighs 2, the one before 1.
    # Variance = (2 x 0.03^2 + 0.01^2) / 3, covariance = (2 x 0.03 x 0.01 - 0.01 x 0.02) / 3.
    values = np.array([[0.01, -0.02], [0.03, 0.01]])

    found = factor_covariance(values, CovarianceSettings(1.0, 1.0, 0, 0, shrinkage=0.0, observations_min=1))

    assert found[0, 0] == pytest.approx(0.0019 / 3)
    assert found[0, 1] == pytest.approx(0.0004 / 3)
    assert found[1, 1] == pytest.approx(0.0006 / 3)


def test_newey_west_is_the_sum_over_lags() -> None:
    values = np.random.default_rng(3).normal(size=(50, 4))
    decay = 0.5 ** (1 / 20)
    weight = decay ** np.arange(49, -1, -1)
    expected = (values * weight[:, None]).T @ values / weight.sum()
    for lag, share in ((1, 2 / 3), (2, 1 / 3)):
        product = (values[lag:] * weight[lag:, None]).T @ values[:-lag] / weight[lag:].sum()
        expected = expected + share * (product + product.T)

    together, alone = no_cross_moments(4, 20.0, 2), no_moments(4, 20.0, 2)
    for row in values:
        together, alone = together.followed_by(row), alone.followed_by(row)

    assert together.covariance() == pytest.approx(expected, abs=1e-14)
    assert alone.variances() == pytest.approx(np.diag(expected), abs=1e-14)


def test_volatility_and_correlation_have_half_lives_of_their_own() -> None:
    values = np.random.default_rng(4).normal(size=(300, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
    slow = factor_covariance(values, CovarianceSettings(250.0, 250.0, 0, 0, shrinkage=0.0))
    fast = factor_covariance(values, CovarianceSettings(20.0, 20.0, 0, 0, shrinkage=0.0))

    mixed = factor_covariance(values, CovarianceSettings(20.0, 250.0, 0, 0, shrinkage=0.0))

    assert np.diag(mixed) == pytest.approx(np.diag(fast))
    assert correlation_of(mixed) == pytest.approx(correlation_of(slow))


@settings(max_examples=150, deadline=None)
@given(
    seed=some.integers(0, 2**32 - 1), sessions=some.integers(1, 40), factors=some.integers(1, 8), copies=some.integers(0, 3),
    missing=some.floats(0.0, 0.6), scale=some.sampled_from([1e-8, 1e-2, 1.0, 1e6]), lags=some.integers(0, 6),
    shrinkage=some.sampled_from([None, 0.0, 0.3, 1.0]), is_trending=some.booleans(),
)  # fmt: skip
def test_it_is_positive_semidefinite_whatever_comes_in(
    seed: int, sessions: int, factors: int, copies: int, missing: float, scale: float, lags: int, shrinkage: float | None, is_trending: bool
) -> None:
    generator = np.random.default_rng(seed)
    values = generator.standard_t(2, (sessions, factors)) * scale
    values = np.cumsum(values, axis=0) if is_trending else values
    values = np.column_stack([values, *[-2.0 * values[:, :1]] * copies, np.zeros(sessions)])
    values[generator.random(values.shape) < missing] = np.nan

    found = factor_covariance(values, CovarianceSettings(10.0, 30.0, lags, lags, shrinkage=shrinkage, observations_min=1))

    known = np.isfinite(np.diag(found))
    assert (known == np.isfinite(values).any(axis=0)).all()
    inside = found[np.ix_(known, known)]
    assert np.isfinite(inside).all()
    assert (inside == inside.T).all()
    eigenvalues = np.linalg.eigvalsh(inside) if known.any() else np.zeros(1)
    assert eigenvalues[0] >= -1e-12 * max(eigenvalues[-1], 0.0)
    assert (np.diag(inside) >= 0.0).all()


def test_a_factor_with_too_few_sessions_is_not_known() -> None:
    values = np.random.default_rng(5).normal(size=(30, 2))
    values[:11, 1] = np.nan

    found = factor_covariance(values)

    assert np.isfinite(found[0, 0])
    assert np.isnan(found[1]).all()


def test_shrinking_takes_away_what_the_sessions_cannot_bear() -> None:
    correlation = np.array([[1.0, 0.5], [0.5, 1.0]])

    # d = 2 x (1 - 0.25)^2 / 100 / (2 x 0.25) = 0.0225
    assert shrunk_to_none(correlation, np.full((2, 2), 100.0))[0, 1] == pytest.approx(0.5 * (1 - 0.0225))
    assert shrunk_to_none(correlation, np.full((2, 2), 100.0), 0.4)[0, 1] == pytest.approx(0.3)
    assert shrunk_to_none(correlation, np.full((2, 2), 1.0)).tolist() == np.eye(2).tolist()


def test_an_impossible_matrix_of_correlations_becomes_a_possible_one_nearby() -> None:
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])

    found = possible(impossible)

    assert np.linalg.eigvalsh(found)[0] >= 0.0
    assert np.diag(found).tolist() == [1.0, 1.0, 1.0]
    assert np.abs(found - impossible).max() < 0.45


def test_adjusted_eigenvalues_raise_the_risk_of_portfolios_that_look_safest() -> None:
    generator = np.random.default_rng(6)
    true = np.diag(np.linspace(0.5, 2.0, 20) ** 2)
    ratios = []
    for _ in range(30):
        drawn = generator.normal(size=(100, 20)) * np.sqrt(np.diag(true))
        estimated = drawn.T @ drawn / 100
        adjusted = eigen_adjusted(estimated, 100, generator, 60, scale=1.0)
        safest = np.linalg.eigh(estimated)[1][:, 0]
        ratios.append([safest @ one @ safest / (safest @ true @ safest) for one in (estimated, adjusted)])

    before, after = np.sqrt(np.mean(ratios, axis=0))
    assert before < 0.75
    assert 0.85 < after < 1.25


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(DataFault, match="1 infinite values"):
        factor_covariance(np.array([[1.0], [np.inf]]))
    with pytest.raises(Rejected, match=r"shrinkage 1\.5"):
        CovarianceSettings(shrinkage=1.5)
    with pytest.raises(Rejected, match="half-life 0"):
        no_moments(3, 0.0, 2)
    with pytest.raises(Rejected, match="20 sessions, 200 simulations, expected more than 20"):
        eigen_adjusted(np.eye(20), 20, np.random.default_rng(1))


@pytest.fixture
def prices_2012_2017(shared: Path) -> tuple[Floats, dict[str, object]]:
    """Daily returns of the eighteen stocks of PyPortfolioOpt's example, and its published tables."""
    known = json.loads((shared / "known/pypfopt/reference_pub_2012_2017.json").read_text())
    with gzip.open(shared / "equities/pypfopt/stock_prices_1989_2018.csv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines))
    first, last = known["window"]
    date = next(name for name in rows[0] if name.lower() in {"date", ""})
    prices = np.array([[float(row[name]) for name in known["tickers"]] for row in rows if first <= row[date][:10] <= last])
    assert len(prices) == known["rows"]
    return prices[1:] / prices[:-1] - 1.0, known


@pytest.mark.shared
def test_covariances_are_those_of_pyportfolioopt(prices_2012_2017: tuple[Floats, dict[str, object]]) -> None:
    returns, known = prices_2012_2017

    assert sample_covariance(returns) * 252 == pytest.approx(np.array(known["sample_cov"]), rel=1e-9)
    for target in TARGETS:
        found, share = ledoit_wolf(returns, target, ddof=1 if target == "constant_correlation" else 0)
        delta = "ledoit_wolf_delta" if target == "constant_variance" else f"ledoit_wolf_{target}_delta"
        assert share == pytest.approx(known[delta], rel=1e-9)
        assert found * 252 == pytest.approx(np.array(known[f"ledoit_wolf_{target}"]), rel=1e-9)


@pytest.mark.shared
def test_exponential_weights_are_those_of_pyportfolioopt(prices_2012_2017: tuple[Floats, dict[str, object]]) -> None:
    returns, known = prices_2012_2017
    life = half_life_of_span(180)
    moments = no_cross_moments(returns.shape[1], life, 0)

    for row in returns - returns.mean(axis=0):  # it takes away the plain mean first
        moments = moments.followed_by(row)

    assert moments.covariance() * 252 == pytest.approx(np.array(known["exp_cov_span180"]), rel=1e-9)
    plain = factor_covariance(returns - returns.mean(axis=0), CovarianceSettings(life, life, 0, 0, shrinkage=0.0))
    assert plain * 252 == pytest.approx(np.array(known["exp_cov_span180"]), rel=1e-9)


def test_plain_settings_give_the_weighted_products() -> None:
    values = np.random.default_rng(8).normal(size=(200, 5))
    weight = (0.5 ** (1 / 60)) ** np.arange(199, -1, -1)

    assert factor_covariance(values, PLAIN) == pytest.approx((values * weight[:, None]).T @ values / weight.sum(), abs=1e-13)
