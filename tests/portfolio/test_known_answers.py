"""Optimal weights that other libraries published, from the same covariances: PyPortfolioOpt 1.6.0 and Riskfolio-Lib."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.portfolio.construct import construct
from tradewinds.portfolio.problem import FactorRisk, Limits, Method, Problem
from tradewinds.portfolio.solution import Rung, Solution

Floats = NDArray[np.float64]

pytestmark = pytest.mark.shared
RISKFOLIO_SESSIONS = 200  # the tables were made from the last 200 returns


def _solved(names: list[str], covariance: Floats, method: Method, limits: Limits, expected: Floats, risk_free: float = 0.0) -> Solution:
    risk = FactorRisk.of_covariance(covariance)
    return construct(Problem(tuple(names), tuple(names), risk, limits, method, expected_return=expected, risk_free=risk_free))


@pytest.mark.parametrize(
    ("table", "method", "least", "tolerance"),
    [
        ("w_min_vol_long_only", Method.MINIMUM_VARIANCE, 0.0, 1e-5),
        ("w_min_vol_long_short", Method.MINIMUM_VARIANCE, -1.0, 1e-5),
        ("w_max_sharpe_rf2pct", Method.MAXIMUM_SHARPE, 0.0, 1e-5),
        ("w_hrp", Method.HIERARCHICAL_RISK_PARITY, 0.0, 1e-9),
    ],
)
def test_weights_are_those_of_pyportfolioopt(shared: Path, table: str, method: Method, least: float, tolerance: float) -> None:
    known = json.loads((shared / "known/pypfopt/reference_pub_2012_2017.json").read_text())
    names = known["tickers"]
    covariance, expected = np.array(known["sample_cov"]), np.array([known["mean_historical_return"][name] for name in names])
    limits = Limits(np.full(len(names), least), np.ones(len(names)), gross_max=1.0 if least == 0 else 4.0)

    found = _solved(names, covariance, method, limits, expected, risk_free=0.02)

    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([known[table][name] for name in names], abs=tolerance)


@pytest.mark.parametrize(
    ("table", "method"),
    [("MinRisk", Method.MINIMUM_VARIANCE), ("Sharpe", Method.MAXIMUM_SHARPE), ("RP", Method.RISK_PARITY)],
)
def test_weights_are_those_of_riskfolio(shared: Path, table: str, method: Method) -> None:
    rows = list(csv.DictReader((shared / f"known/riskfolio/Classic_{table}.csv").read_text().splitlines()))
    names = [row[""] for row in rows]
    prices = list(csv.DictReader(gzip.decompress((shared / "known/riskfolio/stock_prices.csv.gz").read_bytes()).decode().splitlines()))
    closes = np.array([[float(day[name]) for name in names] for day in prices])
    returns = (closes[1:] / closes[:-1] - 1)[-RISKFOLIO_SESSIONS:]

    found = _solved(names, np.cov(returns.T), method, Limits.long_only(len(names)), returns.mean(axis=0))

    assert found.rung is Rung.AS_ASKED
    assert found.weights == pytest.approx([float(row["MV"]) for row in rows], abs=1e-5)
