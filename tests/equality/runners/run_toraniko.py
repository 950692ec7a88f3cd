"""toraniko and statsmodels over one panel: factor returns of each session, exposures over rolling windows, autocorrelation-consistent sums.

Arguments: a folder with panel.npz. Writes answers.npz beside it.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import statsmodels.api as sm
from statsmodels.regression.rolling import RollingOLS
from statsmodels.stats.sandwich_covariance import S_hac_simple
from toraniko.model import estimate_factor_returns


def main(folder: Path) -> None:
    given = dict(np.load(folder / "panel.npz"))
    found = toraniko(given) | cross_sections(given) | rolling(given)
    found["hac"] = S_hac_simple(given["factor_returns"], nlags=5)
    np.savez(folder / "answers.npz", **found)


def toraniko(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Its own two stages: market and sectors first, styles on what they leave."""
    sessions, width = given["returns"].shape
    days = [date(2007, 1, 1) + timedelta(days=t) for t in range(sessions)]
    keys = {"date": np.repeat(days, width).tolist(), "symbol": [f"S{n:04d}" for n in range(width)] * sessions}

    def frame(names: list[str], values: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame(keys).hstack(pl.DataFrame(values.reshape(sessions * width, -1), schema=names))

    sectors, styles = given["sectors"].shape[2], given["styles"].shape[2]
    returns, residuals = estimate_factor_returns(
        frame(["asset_returns"], given["returns"]),
        frame(["market_cap"], given["capitals"]),
        frame([f"sector{k:02d}" for k in range(sectors)], given["sectors"]),
        frame([f"style{k}" for k in range(styles)], given["styles"]),
        winsor_factor=None,
        residualize_styles=True,
    )
    returns, residuals = returns.sort("date"), residuals.sort("date")
    names = [f"S{n:04d}" for n in range(width)]
    return {"toraniko_returns": returns.drop("date").to_numpy(), "toraniko_residuals": residuals.select(names).to_numpy()}


def cross_sections(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weighted least squares of every session, the constraint put in by hand: the last sector in terms of the others."""
    values, t_stats, r_squared, residuals = [], [], [], []
    for t in range(len(given["returns"])):
        sectors, styles, capitals = given["sectors"][t], given["styles"][t], given["capitals"][t]
        share = capitals @ sectors
        reduced = sectors[:, :-1] - np.outer(sectors[:, -1], share[:-1] / share[-1])
        fit = sm.WLS(given["returns"][t], np.column_stack([np.ones(len(capitals)), reduced, styles]), weights=np.sqrt(capitals)).fit()
        last = -(share[:-1] / share[-1]) @ fit.params[1 : len(share)]
        values.append(np.insert(fit.params, len(share), last))
        t_stats.append(np.insert(fit.tvalues, len(share), np.nan))
        r_squared.append(fit.rsquared)
        residuals.append(fit.resid)
    return {"values": np.array(values), "t_stats": np.array(t_stats), "r_squared": np.array(r_squared), "residuals": np.array(residuals)}


def rolling(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Slopes over a rolling window of some instruments on the factors."""
    design = sm.add_constant(given["factor_returns"])
    fits = [RollingOLS(given["returns"][:, n], design, window=int(given["window"])).fit() for n in given["chosen"]]
    return {"rolling": np.stack([np.asarray(fit.params)[:, 1:] for fit in fits], axis=1)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
