"""The covariance of factor returns: exponentially weighted, corrected for autocorrelation, shrunk, always positive semidefinite.

1. Volatilities by a short half-life, correlations by a long one, each with its own Newey-West lags (`moments`).
2. The correlations become those of a possible matrix: eigenvalues below EIGENVALUE_MIN are lifted to it, the diagonal is made 1 again.
3. They are shrunk towards none: (1 - d) R + d I. d is given, or what the sessions can bear (Schaefer, Strimmer, A shrinkage approach to
   large-scale covariance matrix estimation, 2005): d = sum of (1 - r^2)^2 / n over the sum of r^2, off the diagonal, n sessions in effect.
4. Covariance = volatility x correlation x volatility.
5. If asked: `eigen_adjusted`, since optimised portfolios seek the eigenvectors whose risk is underestimated.

Source of 1: Menchero, Orr, Wang, The Barra US Equity Model (USE4), 2011, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.moments import CrossMoments, Moments, no_cross_moments, no_moments

EIGENVALUE_MIN = 1e-10  # of a correlation matrix
SCALE_OF_BIAS = 1.4  # USE4: simulated bias is understated because real returns have fat tails and change


@dataclass(frozen=True, slots=True)
class CovarianceSettings:
    """Half-lives in sessions. shrinkage: a fraction, None for what the data can bear. observations_min: with fewer a factor is unknown."""

    half_life_volatility: float = 84.0
    half_life_correlation: float = 504.0
    lags_volatility: int = 5
    lags_correlation: int = 2
    shrinkage: float | None = None
    observations_min: int = 20

    def __post_init__(self) -> None:
        if self.shrinkage is not None and not 0.0 <= self.shrinkage <= 1.0:
            raise Rejected(f"factor covariance: shrinkage {self.shrinkage}, expected a fraction in [0, 1]")
        if self.observations_min < 1:
            raise Rejected(f"factor covariance: at least {self.observations_min} observations, expected 1 or more")


USUAL = CovarianceSettings()


@dataclass(frozen=True, slots=True, eq=False)
class FactorMoments:
    """What the covariance of K factors needs of their past; one more session is one step."""

    settings: CovarianceSettings
    volatility: Moments
    correlation: CrossMoments

    def followed_by(self, values: Floats) -> FactorMoments:
        """With one more session: values (K,), NaN where a factor had no return."""
        return FactorMoments(self.settings, self.volatility.followed_by(values), self.correlation.followed_by(values))

    def covariance(self) -> Floats:
        """(K, K) per session, positive semidefinite; NaN rows and columns of factors with too few observations."""
        deviation = np.sqrt(self.volatility.variances())
        is_known = (self.volatility.counts >= self.settings.observations_min) & np.isfinite(deviation)
        found = np.full((len(deviation), len(deviation)), np.nan)
        if is_known.any():
            chosen = np.ix_(is_known, is_known)
            correlation = possible(correlation_of(self.correlation.covariance()[chosen]))
            weights = self.correlation.weights[0][chosen]
            decay = 0.5 ** (1.0 / self.correlation.half_life)
            sessions = np.maximum(np.minimum(weights * (1.0 + decay), self.volatility.counts[is_known][:, None]), 1.0)
            shrunk = shrunk_to_none(correlation, sessions, self.settings.shrinkage)
            found[chosen] = shrunk * np.outer(deviation[is_known], deviation[is_known])
        return found


def no_factor_moments(count: int, settings: CovarianceSettings = USUAL) -> FactorMoments:
    """Of factors of which nothing is known yet."""
    return FactorMoments(
        settings,
        no_moments(count, settings.half_life_volatility, settings.lags_volatility),
        no_cross_moments(count, settings.half_life_correlation, settings.lags_correlation),
    )


def factor_covariance(values: Floats, settings: CovarianceSettings = USUAL) -> Floats:
    """(K, K) per session after the last of values (T, K); see `FactorMoments.covariance`."""
    if values.ndim != 2:
        raise DataFault(f"factor covariance: values of shape {values.shape}, expected (sessions, factors)")
    if np.isinf(values).any():
        raise DataFault(f"factor covariance: {int(np.isinf(values).sum())} infinite values, expected numbers or NaN")
    moments = no_factor_moments(values.shape[1], settings)
    for row in values:
        moments = moments.followed_by(row)
    return moments.covariance()


def correlation_of(covariance: Floats) -> Floats:
    """The correlations of a symmetric matrix, within [-1, 1]; 0 where a variance is 0 or nothing is known."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
    found = np.clip(np.nan_to_num(covariance * np.outer(scale, scale)), -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return np.asarray((found + found.T) / 2.0, np.float64)


def possible(correlation: Floats) -> Floats:
    """The matrix itself where it is positive definite; else with small and negative eigenvalues lifted and a diagonal of 1."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= EIGENVALUE_MIN:
        return correlation
    lifted = (vectors * np.maximum(values, EIGENVALUE_MIN)) @ vectors.T
    scale = 1.0 / np.sqrt(np.diag(lifted))
    found = lifted * np.outer(scale, scale)
    np.fill_diagonal(found, 1.0)
    return np.asarray((found + found.T) / 2.0, np.float64)


def shrunk_to_none(correlation: Floats, sessions: Floats, shrinkage: float | None = None) -> Floats:
    """Correlations (K, K) nearer to none. sessions: (K, K), equally weighted ones that would say as much."""
    off = ~np.eye(len(correlation), dtype=np.bool_)
    if shrinkage is None:
        signal = float((correlation[off] ** 2).sum())
        noise = float(((1.0 - correlation[off] ** 2) ** 2 / sessions[off]).sum())
        shrinkage = 1.0 if signal <= noise else noise / signal
    return np.where(off, (1.0 - shrinkage) * correlation, correlation)


def eigen_adjusted(
    covariance: Floats, sessions: int, generator: np.random.Generator, simulations: int = 200, scale: float = SCALE_OF_BIAS
) -> Floats:
    """The covariance (K, K) with each eigenvector's variance corrected for the bias of estimating it from `sessions` sessions.

    The bias is simulated: returns drawn from the covariance, estimated anew, compared with the truth along the estimated eigenvectors.
    Source: Menchero, Wang, Orr, Improving risk forecasts for optimized portfolios, Financial Analysts Journal 68(3), 2012.
    """
    count = len(covariance)
    if sessions <= count or simulations < 1:
        raise Rejected(f"eigenvalue adjustment: {sessions} sessions, {simulations} simulations, expected more than {count} and at least 1")
    values, vectors = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(values, 0.0))
    ratios = np.zeros(count)
    for _ in range(simulations):
        drawn = generator.standard_normal((sessions, count)) * root
        estimated, directions = np.linalg.eigh(drawn.T @ drawn / sessions)
        true = ((directions**2).T * root**2).sum(axis=1)
        ratios += np.divide(true, estimated, out=np.ones(count), where=estimated > 0.0)
    correction = scale * (np.sqrt(ratios / simulations) - 1.0) + 1.0
    found = (vectors * (np.maximum(values, 0.0) * correction**2)) @ vectors.T
    return np.asarray((found + found.T) / 2.0, np.float64)
