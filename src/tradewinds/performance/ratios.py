"""Figures of a series of returns (n,): simple, per period, without NaN. NaN where nothing defines the answer; nothing divides by zero.

Deviations are sample deviations (n - 1) unless a docstring says otherwise. Whatever annualises takes the periods of a year.
Sources: Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. (2008), chapters named; empyrical's definitions agree
where a test says so.
"""

from __future__ import annotations

import math

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.performance.normal import quantile
from tradewinds.performance.track_record import Floats

STILL = 1e-14
"""Returns that deviate by less than this are all alike: what is left is rounding, and a ratio over it would be noise."""


def mean(returns: Floats) -> float:
    """Arithmetic mean, NaN of none."""
    return float(np.mean(returns)) if len(returns) else math.nan


def deviation(returns: Floats, ddof: int = 1) -> float:
    """Standard deviation per period; 0 where all are alike, NaN below `ddof` + 1 returns."""
    if len(returns) <= ddof:
        return math.nan
    spread = float(np.std(returns, ddof=ddof))
    return spread if spread > STILL * math.sqrt(1.0 + mean(returns) ** 2) else 0.0


def total_return(returns: Floats) -> float:
    """Compounded return of all periods."""
    return float(np.prod(1.0 + returns) - 1.0)


def annual_return(returns: Floats, periods_per_year: float) -> float:
    """Geometric: (1 + total) ^ (periods a year / n) - 1. NaN after a total loss. Bacon ch. 2."""
    if not len(returns) or (returns <= -1.0).any():
        return math.nan
    return float(math.expm1(math.fsum(np.log1p(returns)) * periods_per_year / len(returns)))


def volatility(returns: Floats, periods_per_year: float) -> float:
    """deviation x sqrt(periods a year). Bacon ch. 4."""
    return deviation(returns) * math.sqrt(periods_per_year)


def compound_volatility(returns: Floats, periods_per_year: float) -> float:
    """Deviation of the compounded yearly return when periods are independent: sqrt((s2 + g2) ^ p - g2 ^ p), g = 1 + geometric mean.

    Source: Tobin (1965), as backtesting.py annualises; larger than `volatility` where returns are large.
    """
    if len(returns) < 2 or (returns <= -1.0).any():
        return math.nan
    growth = (1.0 + math.expm1(math.fsum(np.log1p(returns)) / len(returns))) ** 2
    return math.sqrt((float(np.var(returns, ddof=1)) + growth) ** periods_per_year - growth**periods_per_year)


def sharpe(excess: Floats, periods_per_year: float) -> float:
    """mean / deviation x sqrt(periods a year), of returns above the risk-free rate. Source: Sharpe (1994)."""
    return _over(mean(excess), deviation(excess)) * math.sqrt(periods_per_year)


def downside_deviation(returns: Floats, target: float = 0.0) -> float:
    """sqrt(mean(min(r - target, 0)^2)) over all n periods, per period. Bacon ch. 4; Sortino & van der Meer (1991)."""
    return math.sqrt(mean(np.minimum(returns - target, 0.0) ** 2)) if len(returns) else math.nan


def sortino(excess: Floats, periods_per_year: float, target: float = 0.0) -> float:
    """(mean - target) / downside deviation x sqrt(periods a year). Source: Sortino & Price (1994)."""
    return _over(mean(excess) - target, downside_deviation(excess, target)) * math.sqrt(periods_per_year)


def omega(returns: Floats, target: float = 0.0) -> float:
    """Sum of what is above the target / sum of what is below. Source: Keating & Shadwick (2002)."""
    off = returns - target
    return _over(float(off[off > 0].sum()), -float(off[off < 0].sum()))


def value_at_risk(returns: Floats, probability: float = 0.05) -> float:
    """Historical: the quantile of that probability, linear between observations (type 7); negative for a loss."""
    _check(probability)
    return float(np.quantile(returns, probability)) if len(returns) else math.nan


def conditional_value_at_risk(returns: Floats, probability: float = 0.05) -> float:
    """Historical: mean of the worst floor((n - 1) x probability) + 1 returns. Source: Rockafellar & Uryasev (2000), as empyrical counts."""
    _check(probability)
    if not len(returns):
        return math.nan
    worst = int((len(returns) - 1) * probability) + 1
    return float(np.mean(np.partition(returns, worst - 1)[:worst]))


def gaussian_value_at_risk(returns: Floats, probability: float = 0.05, *, is_modified: bool = False) -> float:
    """mean + z x population deviation; modified: z for skewness and kurtosis after Cornish & Fisher. Source: Favre & Galeano (2002)."""
    _check(probability)
    z = quantile(probability)
    if is_modified:
        s, k = skewness(returns), kurtosis(returns) - 3.0
        z = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return mean(returns) + z * deviation(returns, 0)


def skewness(returns: Floats) -> float:
    """Third moment / population deviation^3; NaN where all are alike. Bacon ch. 4."""
    return _moment(returns, 3)


def kurtosis(returns: Floats) -> float:
    """Fourth moment / population deviation^4, not excess: 3 of a normal. Bacon ch. 4."""
    return _moment(returns, 4)


def sample_kurtosis(returns: Floats) -> float:
    """Unbiased, not excess: n(n+1)/((n-1)(n-2)(n-3)) sum(((r - mean)/deviation)^4); NaN below 4 returns. Bacon ch. 4."""
    count, spread = len(returns), deviation(returns)
    if count < 4 or not spread > 0:
        return math.nan
    scale = count * (count + 1) / ((count - 1) * (count - 2) * (count - 3))
    return scale * float((((returns - mean(returns)) / spread) ** 4).sum())


def sample_excess_kurtosis(returns: Floats) -> float:
    """`sample_kurtosis` - 3 (n-1)^2 / ((n-2)(n-3)). Bacon ch. 4."""
    count = len(returns)
    return sample_kurtosis(returns) - 3 * (count - 1) ** 2 / ((count - 2) * (count - 3)) if count > 3 else math.nan


def mean_absolute_deviation(returns: Floats) -> float:
    """mean(|r - mean|). Bacon ch. 4."""
    return mean(np.abs(returns - mean(returns))) if len(returns) else math.nan


def tail_ratio(returns: Floats) -> float:
    """|95th percentile| / |5th percentile|. Source: empyrical."""
    if not len(returns):
        return math.nan
    high, low = np.quantile(returns, [0.95, 0.05])
    return _over(abs(float(high)), abs(float(low)))


def stability(returns: Floats) -> float:
    """R^2 of a straight line through the cumulative log returns; NaN below 3 returns or after a total loss. Source: empyrical."""
    if len(returns) < 3 or (returns <= -1.0).any():
        return math.nan
    path = np.cumsum(np.log1p(returns))
    time = np.arange(len(path)) - (len(path) - 1) / 2
    off = path - path.mean()
    return _over(float(time @ off) ** 2, float(time @ time) * float(off @ off))


def adjusted_sharpe(returns: Floats, periods_per_year: float) -> float:
    """SR x (1 + S/6 SR - (K - 3)/24 SR^2), SR = annual return / volatility. Source: Pezier & White (2006); Bacon ch. 4."""
    ratio = _over(annual_return(returns, periods_per_year), volatility(returns, periods_per_year))
    return ratio * (1 + skewness(returns) / 6 * ratio - (kurtosis(returns) - 3) / 24 * ratio**2)


def pain_index(returns: Floats) -> float:
    """Mean depth below the highest value so far, positive. Source: Becker; Bacon ch. 4."""
    return -mean(_depths(returns))


def ulcer_index(returns: Floats) -> float:
    """Root mean square depth below the highest value so far. Source: Martin & McCann (1987); Bacon ch. 4."""
    return math.sqrt(mean(_depths(returns) ** 2))


def pain_ratio(returns: Floats, periods_per_year: float) -> float:
    """Annual return / pain index. Bacon ch. 4."""
    return _over(annual_return(returns, periods_per_year), pain_index(returns))


def martin_ratio(returns: Floats, periods_per_year: float) -> float:
    """Annual return / ulcer index. Bacon ch. 4."""
    return _over(annual_return(returns, periods_per_year), ulcer_index(returns))


def calmar(returns: Floats, periods_per_year: float) -> float:
    """Annual return / deepest drawdown. Source: Young (1991)."""
    return _over(annual_return(returns, periods_per_year), deepest(returns))


def deepest(returns: Floats) -> float:
    """Depth of the deepest drawdown, positive."""
    return -float(_depths(returns).min()) if len(returns) else math.nan


def burke_ratio(returns: Floats, periods_per_year: float, *, is_modified: bool = False) -> float:
    """Annual return / sqrt(sum of squared drawdowns), each fall a drawdown of its own; modified: times sqrt(n).

    A fall is a run of losing periods. Source: Burke (1994); Bacon ch. 4.
    """
    falls = falling_runs(returns)
    ratio = _over(annual_return(returns, periods_per_year), math.sqrt(float((falls**2).sum())))
    return ratio * math.sqrt(len(returns)) if is_modified else ratio


def falling_runs(returns: Floats) -> Floats:
    """Compounded return of each run of losing periods. A gain, however small, ends a run."""
    is_down = returns < 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_down, [False]])))
    return np.array([np.prod(1.0 + returns[a:b]) - 1.0 for a, b in zip(edges[::2], edges[1::2], strict=True)], np.float64)


def _depths(returns: Floats) -> Floats:
    """Depth below the highest value so far, the start included, at each period's end."""
    path = np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    return np.asarray((path / np.maximum.accumulate(path) - 1.0)[1:], np.float64)


def _moment(returns: Floats, power: int) -> float:
    spread = deviation(returns, 0)
    return float(np.mean((returns - mean(returns)) ** power)) / spread**power if spread > 0 else math.nan


def _over(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan


def _check(probability: float) -> None:
    if not 0 < probability < 1:
        raise Rejected(f"value at risk: probability {probability}, expected one between 0 and 1")
