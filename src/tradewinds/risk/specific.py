"""Specific variance: exponentially weighted with Newey-West, blended with a structural one for short histories, shrunk in buckets.

1. Time series: `moments` of each instrument's specific returns.
2. Structural: ln(deviation) of the instruments with a full history, regressed on exposures; what an instrument with such exposures has.
3. Blend: deviation = g x time series + (1 - g) x structural, g from 0 at observations_min to 1 at observations_full. An instrument of 20
   days thus has the risk of its kind, neither none nor what 20 days happened to show.
4. Shrinkage: within buckets of volatility (equal numbers of instruments), towards the mean of the bucket, the further off the more:
   v = q |s - m| / (spread of the bucket + q |s - m|). What looks very low or very high is partly error.

Source: Menchero, Orr, Wang, The Barra US Equity Model (USE4), 2011, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.moments import Moments, no_moments


@dataclass(frozen=True, slots=True)
class SpecificSettings:
    """half_life in sessions. shrinkage: the q above, 0 for none. ridge: steadies the structural regression, relative to its diagonal."""

    half_life: float = 84.0
    lags: int = 5
    observations_min: int = 20
    observations_full: int = 120
    buckets: int = 10
    shrinkage: float = 0.1
    ridge: float = 1e-6

    def __post_init__(self) -> None:
        if not 0 < self.observations_min <= self.observations_full or self.buckets < 1 or self.shrinkage < 0.0:
            raise Rejected(
                f"specific risk: {self}, expected 0 < observations_min <= observations_full, a bucket, and no negative shrinkage"
            )


USUAL = SpecificSettings()


def no_specific_moments(width: int, settings: SpecificSettings = USUAL) -> Moments:
    """Of instruments of which nothing is known yet."""
    return no_moments(width, settings.half_life, settings.lags)


def specific_variance(moments: Moments, exposures: Floats, settings: SpecificSettings = USUAL) -> Floats:
    """(N,) per session; NaN where exposures are not known, or where nobody has a history to compare with.

    exposures: (N, K), of the session after the last in the moments; a column of ones tells nothing and may be left out.
    """
    deviation = np.sqrt(moments.variances())
    is_placed = np.asarray(np.isfinite(exposures.sum(axis=1)), np.bool_)  # a sum of numbers is one, but for some beyond 1e308
    span = max(settings.observations_full - settings.observations_min, 1)
    share = np.clip((moments.counts - settings.observations_min) / span, 0.0, 1.0)
    share = np.where(moments.counts >= settings.observations_full, 1.0, share)
    blended = deviation
    if (is_placed & (share < 1.0)).any():
        expected = structural(deviation, share, exposures, is_placed, settings)
        blended = np.where(share > 0.0, share * np.nan_to_num(deviation), 0.0) + np.where(share < 1.0, (1.0 - share) * expected, 0.0)
    return shrunk_in_buckets(np.where(is_placed, blended, np.nan), settings) ** 2


def structural(deviation: Floats, share: Floats, exposures: Floats, is_placed: NDArray[np.bool_], settings: SpecificSettings) -> Floats:
    """(N,) deviations that instruments of such exposures have; the median where too few instruments have a history."""
    is_known = is_placed & (share > 0.0) & np.isfinite(deviation) & (np.nan_to_num(deviation) > 0.0)
    if not is_known.any():
        return np.full(len(deviation), np.nan)
    median = float(np.median(deviation[is_known]))
    if is_known.sum() <= 2 * exposures.shape[1]:
        return np.full(len(deviation), median)
    varying = exposures[:, np.ptp(exposures[is_known], axis=0) > 0.0]
    design = np.column_stack([np.ones(len(exposures)), np.where(is_placed[:, None], varying, 0.0)])
    weighted = design[is_known] * share[is_known, None]
    gram = weighted.T @ design[is_known]
    gram[np.diag_indices(len(gram))] += settings.ridge * np.maximum(np.diag(gram), np.diag(gram).mean() * settings.ridge)
    coefficients = np.linalg.solve(gram, weighted.T @ np.log(deviation[is_known]))
    low, high = np.log(deviation[is_known].min()), np.log(deviation[is_known].max())
    fitted = np.exp(np.clip(design @ coefficients, low, high))
    scale = float((share * np.where(is_known, deviation, 0.0)).sum() / (share * np.where(is_known, fitted, 0.0)).sum())
    return np.asarray(fitted * scale, np.float64)


def shrunk_in_buckets(deviation: Floats, settings: SpecificSettings = USUAL) -> Floats:
    """(N,) deviations nearer to the mean of their bucket of volatility; equal ones are in one bucket."""
    known = np.flatnonzero(np.isfinite(deviation))
    if not len(known):
        return deviation
    values = deviation[known]
    ordered = np.sort(values)
    edges = ordered[np.arange(1, settings.buckets) * len(ordered) // settings.buckets]
    bucket = np.searchsorted(edges, values, side="right")
    counts = np.maximum(np.bincount(bucket, minlength=settings.buckets), 1)
    apart = values - (np.bincount(bucket, values, settings.buckets) / counts)[bucket]
    spread = np.sqrt(np.bincount(bucket, apart * apart, settings.buckets) / counts)[bucket]
    pull = settings.shrinkage * np.abs(apart)
    share = np.divide(pull, spread + pull, out=np.zeros_like(pull), where=spread + pull > 0.0)
    found = deviation.copy()
    found[known] = values - share * apart
    return found
