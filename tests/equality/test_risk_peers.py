"""The risk model's regressions against toraniko and statsmodels, in one run over the same panels: simulated, and 432 real stocks.

Needs the environment `.peers/toraniko`, which `make equality` makes, and skips without it. What agrees, and to how many digits, stands in
docs/risk-model.md. The real panel has neither sectors nor capitals: quintiles of volatility in the year before stand in for sectors and
the inverse variance for capital. That is fair here, because only the arithmetic is compared.
"""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tradewinds.risk.cascade import z_scores
from tradewinds.risk.cross_section import Design, cross_sectional
from tradewinds.risk.moments import no_cross_moments
from tradewinds.risk.rolling import rolling_betas

from .peers import python_of

Given = dict[str, np.ndarray]
STYLES = ("style0", "style1", "style2")
WINDOW = 60


def simulated() -> Given:
    generator = np.random.default_rng(17)
    sessions, width = 250, 300
    sectors = np.repeat(np.eye(11)[generator.integers(0, 11, width)][None], sessions, axis=0)
    styles = generator.normal(size=(sessions, width, 3))
    capitals = np.repeat(generator.lognormal(10.0, 1.5, (1, width)), sessions, axis=0)
    returns = 0.01 * generator.normal(size=(sessions, 1)) + np.einsum("tnk,tk->tn", sectors, 0.006 * generator.normal(size=(sessions, 11)))
    returns = returns + np.einsum("tnk,tk->tn", styles, 0.004 * generator.normal(size=(sessions, 3)))
    return {
        "returns": returns + 0.02 * generator.normal(size=(sessions, width)),
        "sectors": sectors,
        "styles": styles,
        "capitals": capitals,
    }


def real(shared: Path) -> Given:
    """250 sessions of 2009 after a year to measure by: momentum of the year but its last month, reversal of a month, volatility."""
    with gzip.open(shared / "equities/cvxportfolio/returns_sp500_2007_2011.csv.gz", "rt") as lines:
        rows = list(csv.reader(lines))[1:]
    whole = np.array([[float(cell) for cell in row[1:]] for row in rows])[252 : 252 + 252 + 250]
    summed = np.concatenate([np.zeros((1, whole.shape[1])), np.cumsum(np.log1p(whole), axis=0)])
    t = np.arange(252, 502)
    deviation = np.stack([whole[s - 252 : s].std(axis=0) for s in t])
    styles = np.stack([summed[t - 21] - summed[t - 252], -(summed[t] - summed[t - 21]), deviation], axis=2)
    quintile = (np.argsort(np.argsort(deviation[0])) * 5) // whole.shape[1]
    sectors = np.repeat(np.eye(5)[quintile][None], 250, axis=0)
    return {"returns": whole[t], "sectors": sectors, "styles": z_scores(styles), "capitals": 1.0 / deviation**2}


@pytest.fixture(params=["simulated", "real"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Given, Given]:
    """What was given, and what the peers answered."""
    python = python_of("toraniko")
    if python is None:
        pytest.skip("toraniko and statsmodels are not there to compare with: `make equality` installs them into .peers")
    given = simulated() if request.param == "simulated" else real(request.getfixturevalue("shared"))
    given["chosen"], given["window"] = np.arange(10), np.array(WINDOW)
    given["factor_returns"] = np.column_stack([given["returns"].mean(axis=1), given["returns"][:, -3:]])
    np.savez(tmp_path / "panel.npz", **given)
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    runner = Path(__file__).parent / "runners" / "run_toraniko.py"
    subprocess.run([str(python), "-W", "ignore", str(runner), str(tmp_path)], check=True, env=environment, timeout=280)
    return given, dict(np.load(tmp_path / "answers.npz"))


@pytest.mark.shared
def test_regressions_are_those_of_statsmodels_and_toraniko(case: tuple[Given, Given]) -> None:
    given, theirs = case
    sessions, width = given["returns"].shape
    sectors = tuple(f"sector{k}" for k in range(given["sectors"].shape[2]))
    names, times = [f"S{n:04d}.XNYS" for n in range(width)], np.arange(sessions, dtype=np.int64)
    weights = np.sqrt(given["capitals"])

    # statsmodels: market, sectors and styles at once, sectors to sum to nothing by capital.
    both = np.concatenate([given["sectors"], given["styles"]], axis=2)
    ours = cross_sectional(
        given["returns"], both, weights, factors=(*sectors, *STYLES), instruments=names, times=times, design=Design("market", sectors),
        capitals=given["capitals"],
    )  # fmt: skip
    told = np.isfinite(theirs["t_stats"])
    assert ours.values == pytest.approx(theirs["values"], abs=1e-12)
    assert ours.specific == pytest.approx(theirs["residuals"], abs=1e-12)
    assert ours.r_squared == pytest.approx(theirs["r_squared"], abs=1e-11)
    assert ours.t_stats[told] == pytest.approx(theirs["t_stats"][told], rel=1e-8, abs=1e-9)

    # toraniko: sectors first, each alike in the constraint; styles on what they leave.
    first = cross_sectional(
        given["returns"],
        given["sectors"],
        weights,
        factors=sectors,
        instruments=names,
        times=times,
        design=Design("market", sectors, "equal"),
    )
    second = cross_sectional(first.specific, given["styles"], weights, factors=STYLES, instruments=names, times=times)
    assert np.column_stack([first.values, second.values]) == pytest.approx(theirs["toraniko_returns"], abs=1e-12)
    assert second.specific == pytest.approx(theirs["toraniko_residuals"], abs=1e-12)

    # statsmodels: slopes over rolling windows, and Newey-West with five lags.
    slopes, _ = rolling_betas(given["returns"][:, given["chosen"]], given["factor_returns"], WINDOW, WINDOW)
    assert slopes[WINDOW:] == pytest.approx(theirs["rolling"][WINDOW - 1 :], rel=1e-9, abs=1e-9)
    moments = no_cross_moments(given["factor_returns"].shape[1], 1e15, 5)
    for row in given["factor_returns"]:
        moments = moments.followed_by(row)
    lags = sum((1 - lag / 6) * (moments.sums[lag] + moments.sums[lag].T) for lag in range(1, 6))
    assert moments.sums[0] + lags == pytest.approx(theirs["hac"], rel=1e-9)
