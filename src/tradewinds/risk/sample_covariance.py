"""Covariance of returns themselves, without factors: the plain one, and shrunk after Ledoit and Wolf.

For a few dozen instruments; the factor model is for thousands. The share of shrinkage is the one that minimises expected squared error.
Sources: Ledoit, Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004 (constant variance); Improved estimation
of the covariance matrix of stock returns with an application to portfolio selection, 2003 (single factor); Honey, I shrunk the sample
covariance matrix, 2004 (constant correlation).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.risk.factor_returns import Floats

Target = Literal["constant_variance", "single_factor", "constant_correlation"]


def sample_covariance(returns: Floats) -> Floats:
    """(N, N) per session of returns (T, N), about the mean, T - 1 in the denominator."""
    return np.asarray(np.cov(_checked(returns), rowvar=False, ddof=1), np.float64).reshape(returns.shape[1], returns.shape[1])


def ledoit_wolf(returns: Floats, target: Target = "constant_variance", ddof: int = 0) -> tuple[Floats, float]:
    """((N, N) per session, share of the target in it) of returns (T, N). ddof: the sample's part has T - ddof in the denominator.

    The papers have ddof 0; PyPortfolioOpt has 1 with constant correlation.
    """
    centred = _checked(returns) - returns.mean(axis=0)
    sessions, width = centred.shape
    products = centred.T @ centred / sessions
    sample = products * sessions / (sessions - ddof)
    squares = centred**2
    noise = squares.T @ squares / sessions - 2.0 * products * sample + sample**2  # (N, N) variance of each entry, times sessions
    if target == "constant_variance":
        aim = np.eye(width) * np.trace(sample) / width
        covaried = 0.0
    elif target == "single_factor":
        aim, covaried = _single_factor(centred, sample, noise)
    else:
        aim, covaried = _constant_correlation(centred, products, sample, noise)
    distance = float(((sample - aim) ** 2).sum())
    share = 1.0 if distance == 0.0 else min(max((float(noise.sum()) - covaried) / distance / sessions, 0.0), 1.0)
    return np.asarray(share * aim + (1.0 - share) * sample, np.float64), share


def _single_factor(centred: Floats, sample: Floats, noise: Floats) -> tuple[Floats, float]:
    """The market model of the equally weighted return, and how its entries err together with the sample's."""
    sessions = len(centred)
    market = centred.mean(axis=1)
    with_market = centred.T @ market / sessions
    variance = float(market @ market) / sessions
    aim = np.outer(with_market, with_market) / variance
    np.fill_diagonal(aim, np.diag(sample))
    squares = centred**2
    first = squares.T @ (centred * market[:, None]) / sessions - with_market[:, None] * sample
    second = (centred * market[:, None]).T @ (centred * market[:, None]) / sessions - variance * sample
    off = ~np.eye(len(sample), dtype=np.bool_)
    one = float((first * with_market[:, None].T)[off].sum()) / variance
    two = float((second * np.outer(with_market, with_market))[off].sum()) / variance**2
    return aim, float(np.trace(noise)) + 2.0 * one - two


def _constant_correlation(centred: Floats, products: Floats, sample: Floats, noise: Floats) -> tuple[Floats, float]:
    """Every correlation at the average, and how its entries err together with the sample's."""
    sessions, width = centred.shape
    deviation = np.sqrt(np.diag(sample))
    outer = np.outer(deviation, deviation)
    average = (float((sample / outer).sum()) - width) / (width * (width - 1))
    aim = average * outer
    np.fill_diagonal(aim, np.diag(sample))
    variance = np.diag(sample)[:, None]
    cubes = (centred**3).T @ centred / sessions - np.diag(products)[:, None] * sample - products * variance + variance * sample
    off = ~np.eye(width, dtype=np.bool_)
    together = float(((deviation[None, :] / deviation[:, None]) * cubes)[off].sum())
    return aim, float(np.trace(noise)) + average * together


def _checked(returns: Floats) -> Floats:
    if returns.ndim != 2 or len(returns) < 2 or not np.isfinite(returns).all():
        raise DataFault(f"sample covariance: returns of shape {returns.shape}, expected two sessions or more, all of them numbers")
    return returns
