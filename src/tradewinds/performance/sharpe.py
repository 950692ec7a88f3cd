"""Is a Sharpe ratio more than luck? Probabilistic and deflated Sharpe ratios, and how long a record must be.

Ratios here are per period, never annualised: SR = mean / deviation of n returns. g3 and g4 are skewness and kurtosis (3 of a normal).
Sources: Bailey & Lopez de Prado, The Sharpe Ratio Efficient Frontier (2012) [SREF]; The Deflated Sharpe Ratio (2014) [DSR]; Lo (2002).
"""

from __future__ import annotations

import math

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.performance import ratios
from tradewinds.performance.normal import probability, quantile
from tradewinds.performance.track_record import Floats

EULER = 0.5772156649015329


def sharpe_error(sharpe: float, periods: int, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Standard error of an estimated Sharpe ratio: sqrt((1 - g3 SR + (g4 - 1)/4 SR^2) / (n - 1)). NaN below 2 periods. SREF (8)."""
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(variance / (periods - 1)) if periods > 1 and variance > 0 else math.nan


def sharpe_probability(sharpe: float, periods: int, skewness: float = 0.0, kurtosis: float = 3.0, *, above: float = 0.0) -> float:
    """PSR: the probability that the true Sharpe ratio is above `above`, given the estimate. SREF (11)."""
    error = sharpe_error(sharpe, periods, skewness, kurtosis)
    return probability((sharpe - above) / error) if error > 0 else math.nan


def probabilistic_sharpe(excess: Floats, above: float = 0.0) -> float:
    """`sharpe_probability` of returns (n,); NaN below 3 returns or where all are alike."""
    if len(excess) < 3:
        return math.nan
    return sharpe_probability(ratios.sharpe(excess, 1.0), len(excess), ratios.skewness(excess), ratios.kurtosis(excess), above=above)


def minimum_track_record(
    sharpe: float, skewness: float = 0.0, kurtosis: float = 3.0, *, above: float = 0.0, confidence: float = 0.95
) -> float:
    """Periods after which PSR reaches the confidence: 1 + (1 - g3 SR + (g4 - 1)/4 SR^2) (z / (SR - above))^2. SREF (13).

    NaN unless the ratio is above `above`.
    """
    _check("minimum track record: confidence", confidence)
    if not sharpe > above:
        return math.nan
    return 1.0 + (1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2) * (quantile(confidence) / (sharpe - above)) ** 2


def expected_maximum(trials: float, deviation: float, mean: float = 0.0) -> float:
    """Expected highest Sharpe ratio of independent trials without skill: mean + deviation ((1 - G) z(1 - 1/N) + G z(1 - 1/(N e))).

    deviation: of the trials' Sharpe ratios. G: Euler's constant. A single trial has its mean. DSR (1).
    """
    if not trials >= 1:
        raise Rejected(f"expected maximum: {trials} trials, expected at least 1")
    if trials == 1:
        return mean
    highest = (1.0 - EULER) * quantile(1.0 - 1.0 / trials) + EULER * quantile(1.0 - 1.0 / (trials * math.e))
    return mean + deviation * highest


def deflated_sharpe(sharpe: float, periods: int, trials: float, deviation: float, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """DSR: the probability that the best of `trials` has a true Sharpe ratio above 0, its luck in being the best taken off.

    sharpe, skewness, kurtosis: of the best trial. trials: independent ones (`effective_trials`). deviation: of all Sharpe ratios. DSR (2).
    """
    return sharpe_probability(sharpe, periods, skewness, kurtosis, above=expected_maximum(trials, deviation))


def effective_trials(trials: int, average_correlation: float) -> float:
    """How many independent trials correlated ones amount to: r + (1 - r) N, r at least 0. DSR, appendix 3."""
    return trials if trials < 2 else (r := min(max(average_correlation, 0.0), 1.0)) + (1.0 - r) * trials


def average_correlation(returns: Floats) -> float:
    """Mean correlation of all pairs of columns of (periods, trials); columns that never move are left out. NaN below 2 columns.

    By var(sum of standardised columns) = N + N (N - 1) r, so it costs one pass and no matrix of pairs.
    """
    spread = returns.std(axis=0)
    moving = spread > ratios.STILL
    count = int(moving.sum())
    if count < 2:
        return math.nan
    total = np.zeros(len(returns))
    for column in np.flatnonzero(moving):
        total += (returns[:, column] - returns[:, column].mean()) / spread[column]
    return float((np.var(total) / count - 1.0) / (count - 1))


def _check(what: str, value: float) -> None:
    if not 0 < value < 1:
        raise Rejected(f"{what} {value}, expected one between 0 and 1")
