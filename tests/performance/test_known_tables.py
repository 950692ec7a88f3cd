"""The formulas against tables that others published or that other programs printed."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tradewinds.performance import benchmark, ratios, target
from tradewinds.performance.returns import annualisation
from tradewinds.performance.track_record import Floats

pytestmark = pytest.mark.shared

MONTHS = 12.0
ACCEPTABLE = 0.005


@pytest.fixture
def bacon(shared: Path) -> tuple[Floats, Floats]:
    """24 months of a portfolio and its benchmark from C. Bacon's book."""
    with (shared / "known/performanceanalytics/portfolio_bacon.csv").open() as lines:
        rows = list(csv.reader(lines))[1:]
    return np.array([float(row[1]) for row in rows]), np.array([float(row[2]) for row in rows])


@pytest.fixture
def published(shared: Path) -> dict[str, list[float]]:
    listed = json.loads((shared / "known/performanceanalytics/expected_bacon.json").read_text())
    found: dict[str, list[float]] = {}
    for one in listed:
        found.setdefault(one["rd"], []).append(float(one["expected"]))
    return found


def test_ratios_of_one_series_are_those_of_the_book(bacon: tuple[Floats, Floats], published: dict[str, list[float]]) -> None:
    ours, _ = bacon

    assert ratios.adjusted_sharpe(ours, MONTHS) == pytest.approx(published["AdjustedSharpeRatio"][0], abs=5e-8)
    assert ratios.omega(ours) == pytest.approx(published["BernardoLedoitRatio"][0], abs=0.005)
    assert target.d_ratio(ours) == pytest.approx(published["DRatio"][0], abs=0.0005)
    assert ratios.pain_index(ours) == pytest.approx(published["PainIndex"][0], abs=0.005)
    assert ratios.martin_ratio(ours, MONTHS) == pytest.approx(published["MartinRatio"][0], abs=0.006)
    assert ratios.mean_absolute_deviation(ours) == pytest.approx(published["MeanAbsoluteDeviation"][0], abs=0.0001)
    assert ratios.skewness(ours) / ratios.kurtosis(ours) == pytest.approx(published["SkewnessKurtosisRatio"][0], abs=0.0005)
    assert [ratios.sample_kurtosis(ours), ratios.sample_excess_kurtosis(ours)] == pytest.approx(published["kurtosis"], abs=0.005)


def test_ratios_against_a_target_are_those_of_the_book(bacon: tuple[Floats, Floats], published: dict[str, list[float]]) -> None:
    ours, _ = bacon

    assert [ratios.downside_deviation(ours, ACCEPTABLE), target.downside_potential(ours, ACCEPTABLE)] == pytest.approx(
        published["DownsideDeviation"], abs=0.00005
    )
    assert target.downside_frequency(ours, ACCEPTABLE) == pytest.approx(published["DownsideFrequency"][0], abs=0.0005)
    assert target.upside_frequency(ours, ACCEPTABLE) == pytest.approx(published["UpsideFrequency"][0], abs=0.0005)
    assert target.kappa(ours, ACCEPTABLE, 2) == pytest.approx(published["Kappa"][0], abs=0.0005)
    assert target.omega_sharpe(ours, ACCEPTABLE) == pytest.approx(published["OmegaSharpeRatio"][0], abs=0.005)
    risk, variance, potential = published["UpsideRisk"]
    assert target.upside_risk(ours, ACCEPTABLE) == pytest.approx(risk, abs=0.000005)
    assert 100 * target.upside_risk(ours, ACCEPTABLE) ** 2 == pytest.approx(variance, abs=0.000005)  # printed in percent
    assert target.upside_potential(ours, ACCEPTABLE) == pytest.approx(potential, abs=0.000005)
    volatility, variability = published["VolatilitySkewness"]
    assert target.volatility_skewness(ours, ACCEPTABLE) == pytest.approx(volatility, abs=0.005)
    assert target.variability_skewness(ours, ACCEPTABLE) == pytest.approx(variability, abs=0.005)


def test_ratios_against_a_benchmark_are_those_of_the_book(bacon: tuple[Floats, Floats], published: dict[str, list[float]]) -> None:
    ours, theirs = bacon

    assert benchmark.jensen_alpha(ours, theirs, MONTHS) == pytest.approx(published["CAPM.jensenAlpha"][0], abs=0.0005)
    assert benchmark.jensen_alpha(ours, theirs, MONTHS) == pytest.approx(published["Selectivity"][0], abs=0.0001)
    assert benchmark.appraisal_ratio(ours, theirs, MONTHS) == pytest.approx(published["AppraisalRatio"][0], abs=0.0005)
    assert benchmark.fama_beta(ours, theirs) == pytest.approx(published["FamaBeta"][0], abs=0.005)
    assert benchmark.net_selectivity(ours, theirs, MONTHS) == pytest.approx(published["NetSelectivity"][0], abs=0.001)  # cut, not rounded
    assert benchmark.m_squared(ours, theirs, MONTHS) == pytest.approx(published["MSquared"][0], abs=0.000005)
    assert benchmark.specific_risk(ours, theirs, MONTHS) == pytest.approx(published["SpecificRisk"][0], abs=0.00005)
    assert benchmark.treynor_ratio(ours, theirs, MONTHS, is_modified=True) == pytest.approx(published["TreynorRatio"][0], abs=0.00005)
    # Printed a tenth of what they are: the modified Treynor ratio above divides by 0.130.
    assert benchmark.systematic_risk(ours, theirs, MONTHS) == pytest.approx(10 * published["SystematicRisk"][0], abs=0.005)
    assert benchmark.total_risk(ours, theirs, MONTHS) == pytest.approx(10 * published["TotalRisk"][0], abs=0.0005)
    assert target.omega_excess(ours, theirs, MONTHS, ACCEPTABLE) == pytest.approx(published["OmegaExcessReturn"][0], abs=0.00005)


def test_what_differs_from_the_book_is_what_the_page_says(bacon: tuple[Floats, Floats], published: dict[str, list[float]]) -> None:
    ours, theirs = bacon

    assert ratios.pain_ratio(ours, MONTHS) == pytest.approx(2.59, abs=0.005) != published["PainRatio"][0]
    assert target.prospect_ratio(ours, 0.05) == pytest.approx(-0.99, abs=0.005) != published["ProspectRatio"][0]
    mixed = ratios.annual_return(ours, MONTHS) + target.kappa(ours, ACCEPTABLE, 2) * np.sqrt(MONTHS) * (
        ratios.downside_deviation(theirs, ACCEPTABLE) - ratios.downside_deviation(ours, ACCEPTABLE)
    )
    assert mixed == pytest.approx(published["M2Sortino"][0], abs=0.00005)
    assert target.m_squared_sortino(ours, theirs, MONTHS, ACCEPTABLE) == pytest.approx(0.1031, abs=0.00005)


def test_months_are_counted_and_the_residual_return_is_the_book_s(
    shared: Path, bacon: tuple[Floats, Floats], published: dict[str, list[float]]
) -> None:
    ours, theirs = bacon
    with (shared / "known/performanceanalytics/portfolio_bacon.csv").open() as lines:
        days = np.array([row[0] for row in list(csv.reader(lines))[1:]], "datetime64[ns]").astype(np.int64)

    residual = (
        ratios.annual_return(ours, MONTHS)
        - benchmark.alpha(ours, theirs)
        - benchmark.beta(ours, theirs) * ratios.annual_return(theirs, MONTHS)
    )

    assert annualisation(days).periods_per_year == published["Frequency"][0]
    assert residual == pytest.approx(published["CAPM.epsilon"][0], abs=0.0005)


def test_burke_differs_by_the_compounding_of_a_fall(bacon: tuple[Floats, Floats], published: dict[str, list[float]]) -> None:
    ours, _ = bacon
    is_down = ours < 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_down, [False]])))
    added = np.array([ours[a:b].sum() for a, b in zip(edges[::2], edges[1::2], strict=True)])

    theirs = ratios.annual_return(ours, MONTHS) / np.sqrt((added**2).sum())

    assert [theirs, theirs * np.sqrt(24)] == pytest.approx(published["BurkeRatio"], abs=0.005)
    assert ratios.burke_ratio(ours, MONTHS) == pytest.approx(0.756, abs=0.0005)
    assert (ratios.falling_runs(ours) >= added - 1e-15).all()


@pytest.mark.parametrize("name", ["AAPL", "JNJ", "XOM"])
def test_daily_figures_are_empyrical_s(shared: Path, name: str) -> None:
    expected = json.loads((shared / "known/empyrical/reference_skfolio_sp500.json").read_text())["stats"][name]
    returns = _returns(shared / "equities/skfolio/sp500_dataset.csv.gz", name)
    index = _returns(shared / "equities/skfolio/sp500_index.csv.gz", "SP500")
    year = 252.0

    figures = {
        "annual_return": ratios.annual_return(returns, year),
        "annual_volatility": ratios.volatility(returns, year),
        "cum_returns_final": ratios.total_return(returns),
        "max_drawdown": -ratios.deepest(returns),
        "sharpe_ratio": ratios.sharpe(returns, year),
        "sortino_ratio": ratios.sortino(returns, year),
        "calmar_ratio": ratios.calmar(returns, year),
        "omega_ratio": ratios.omega(returns),
        "tail_ratio": ratios.tail_ratio(returns),
        "stability": ratios.stability(returns),
        "downside_risk": ratios.downside_deviation(returns) * np.sqrt(year),
        "var_5pct": ratios.value_at_risk(returns),
        "cvar_5pct": ratios.conditional_value_at_risk(returns),
        "alpha": (1 + benchmark.alpha(returns, index)) ** year - 1,
        "beta": benchmark.beta(returns, index),
    }

    assert figures == pytest.approx(expected, rel=1e-9)


def _returns(path: Path, column: str) -> Floats:
    with gzip.open(path, "rt") as lines:
        prices = np.array([float(row[column]) for row in csv.DictReader(lines)])
    return prices[1:] / prices[:-1] - 1.0
