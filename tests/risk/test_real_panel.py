"""The model on real prices: 432 stocks, 2007 to 2011, beside the French factors of the same months."""

from __future__ import annotations

import bz2
import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from tradewinds.core.instant import parse
from tradewinds.risk.bias import bias
from tradewinds.risk.cascade import z_scores
from tradewinds.risk.covariance import correlation_of
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.factor_returns import FactorReturns, Floats
from tradewinds.risk.night import no_risk_state
from tradewinds.risk.rolling import rolling_betas

pytestmark = pytest.mark.shared
STYLES = ("momentum", "short_term_reversal", "volatility")
YEAR = 252


@pytest.fixture(scope="module")
def panel(shared: Path) -> tuple[list[str], list[str], Floats]:
    """Dates, tickers, daily returns (1259, 432)."""
    with gzip.open(shared / "equities/cvxportfolio/returns_sp500_2007_2011.csv.gz", "rt") as lines:
        header, *rows = list(csv.reader(lines))
    return [row[0] for row in rows], header[1:], np.array([[float(cell) for cell in row[1:]] for row in rows])


@pytest.fixture(scope="module")
def exposures(panel: tuple[list[str], list[str], Floats]) -> Floats:
    """(1259, 432, 3) known before each session, NaN in the first year."""
    returns = panel[2]
    summed = np.concatenate([np.zeros((1, returns.shape[1])), np.cumsum(np.log1p(returns), axis=0)])
    squares = np.concatenate([np.zeros((1, returns.shape[1])), np.cumsum(returns**2, axis=0)])
    found = np.full((*returns.shape, 3), np.nan)
    for t in range(YEAR, len(returns)):
        found[t, :, 0] = summed[t - 21] - summed[t - YEAR]
        found[t, :, 1] = summed[t - 21] - summed[t]
        found[t, :, 2] = np.sqrt((squares[t] - squares[t - 126]) / 126)
    return z_scores(found)


@pytest.fixture(scope="module")
def fitted(panel: tuple[list[str], list[str], Floats], exposures: Floats) -> FactorReturns:
    dates, tickers, returns = panel
    return cross_sectional(
        returns[YEAR:], exposures[YEAR:], factors=STYLES, instruments=[f"{ticker}.XNYS" for ticker in tickers],
        times=np.array([parse(day) for day in dates[YEAR:]]), design=Design("market"),
    )  # fmt: skip


def _french(shared: Path) -> dict[str, list[float]]:
    """Monthly factors by month, as `2008-01`."""
    with bz2.open(shared / "factors/linearmodels_french.csv.bz2", "rt") as lines:
        return {row["dates"][:7]: [float(row[name]) for name in ("MktRF", "SMB", "HML", "Mom")] for row in csv.DictReader(lines)}


def _monthly(dates: list[str], returns: Floats) -> tuple[list[str], Floats]:
    months = sorted({day[:7] for day in dates})
    return months, np.array([np.prod(1 + returns[[day[:7] == month for day in dates]], axis=0) - 1 for month in months])


def test_the_market_and_momentum_move_with_the_french_factors(
    shared: Path, panel: tuple[list[str], list[str], Floats], fitted: FactorReturns
) -> None:
    months, ours = _monthly(panel[0][YEAR:], fitted.values)
    french = np.array([_french(shared)[month] for month in months])

    assert len(months) == 48
    assert np.corrcoef(ours[:, 0], french[:, 0])[0, 1] > 0.97  # 432 survivors of equal weight, not all stocks by capital
    assert np.corrcoef(ours[:, 1], french[:, 3])[0, 1] > 0.85
    assert fitted.gaps == ()


def test_exposures_to_the_french_factors_are_least_squares(shared: Path, panel: tuple[list[str], list[str], Floats]) -> None:
    months, ours = _monthly(panel[0], panel[2])
    french = np.array([_french(shared)[month] for month in months])

    slopes, used = rolling_betas(ours, french, 60, 60)

    design = np.column_stack([np.ones(60), french])
    assert (used[-1] == 60).all()
    assert pytest.approx(np.linalg.lstsq(design, ours)[0][1:], abs=1e-10) == slopes[-1].T
    assert np.isnan(slopes[:60]).all()
    assert slopes[-1, :, 0].mean() == pytest.approx(1.0, abs=0.15)


def test_risk_of_real_portfolios_is_forecast_within_a_fifth(
    fitted: FactorReturns, exposures: Floats, panel: tuple[list[str], list[str], Floats]
) -> None:
    """From 2008 through the crisis: each day's forecast is made of the days before."""
    generator = np.random.default_rng(1)
    weights = [np.full(432, 1 / 432), *(generator.dirichlet(np.full(432, 0.2)) for _ in range(10))]
    weights += [one - np.full(432, 1 / 432) for one in weights[1:]]
    returns = panel[2][YEAR:]
    forecasts, realised, state = [], [], no_risk_state(fitted.factors, fitted.instruments)
    for t in range(len(returns)):
        if t >= 126:
            model = state.model(exposures[YEAR + t], known_ns=0, kind="cross_sectional", periods_a_year=252.0)
            forecasts.append([model.volatility(one, 1) for one in weights])
            realised.append([returns[t] @ one for one in weights])
        state = state.followed_by(fitted.session(t))

    found = [bias(np.array(realised)[:, k], np.array(forecasts)[:, k]).statistic for k in range(len(weights))]
    assert len(forecasts) == 881
    assert max(found[:11]) < 1.2  # long only: 1.12 to 1.18, since the crisis came faster than a half-life of 84 sessions follows
    assert min(found[:11]) > 0.9
    assert all(0.8 < one < 1.1 for one in found[11:])  # against the market
    assert np.linalg.eigvalsh(correlation_of(state.common.covariance()))[0] > 0.0
