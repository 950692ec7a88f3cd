"""Figures of returns (n,) against a target: the minimum acceptable return per period. NaN where nothing defines one.

Partial moments are means over all n periods. `ratios.py` has the common ones: downside deviation, Sortino, Omega.
Source: Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. (2008), ch. 4.
"""

from __future__ import annotations

import math

import numpy as np

from tradewinds.performance import ratios
from tradewinds.performance.ratios import downside_deviation, mean
from tradewinds.performance.track_record import Floats

LOSS_AVERSION = 2.25
"""A loss weighs as much as a gain this many times larger. Source: Tversky & Kahneman (1992)."""


def downside_frequency(returns: Floats, target: float = 0.0) -> float:
    """Share of periods below the target."""
    return mean(np.asarray(returns < target, np.float64))


def upside_frequency(returns: Floats, target: float = 0.0) -> float:
    """Share of periods above the target."""
    return mean(np.asarray(returns > target, np.float64))


def downside_potential(returns: Floats, target: float = 0.0) -> float:
    """First lower partial moment: mean(max(target - r, 0))."""
    return lower_partial_moment(returns, target, 1)


def upside_potential(returns: Floats, target: float = 0.0) -> float:
    """First upper partial moment: mean(max(r - target, 0))."""
    return mean(np.maximum(returns - target, 0.0))


def upside_risk(returns: Floats, target: float = 0.0) -> float:
    """sqrt(mean(max(r - target, 0)^2))."""
    return math.sqrt(mean(np.maximum(returns - target, 0.0) ** 2)) if len(returns) else math.nan


def lower_partial_moment(returns: Floats, target: float, power: float) -> float:
    """mean(max(target - r, 0)^power). Source: Bawa (1975)."""
    return mean(np.maximum(target - returns, 0.0) ** power)


def kappa(returns: Floats, target: float, power: float) -> float:
    """(mean - target) / lower partial moment^(1 / power); Sortino's per-period ratio at power 2. Source: Kaplan & Knowles (2004)."""
    return _over(mean(returns) - target, lower_partial_moment(returns, target, power) ** (1.0 / power))


def omega_sharpe(returns: Floats, target: float = 0.0) -> float:
    """(mean - target) / downside potential; Omega less 1."""
    return _over(mean(returns) - target, downside_potential(returns, target))


def upside_potential_ratio(returns: Floats, target: float = 0.0) -> float:
    """Upside potential / downside deviation. Source: Sortino, van der Meer, Plantinga (1999)."""
    return _over(upside_potential(returns, target), downside_deviation(returns, target))


def d_ratio(returns: Floats) -> float:
    """(losing periods x their sum) / (winning periods x their sum): 0 is best. Source: Dowd (2000)."""
    down, up = returns[returns < 0], returns[returns > 0]
    return _over(-len(down) * float(down.sum()), len(up) * float(up.sum()))


def prospect_ratio(returns: Floats, target: float = 0.0) -> float:
    """(mean of gains and 2.25 x losses - target) / downside deviation. Source: Watanabe (2006)."""
    felt = mean(np.where(returns < 0, LOSS_AVERSION * returns, returns))
    return _over(felt - target, downside_deviation(returns, target))


def variability_skewness(returns: Floats, target: float = 0.0) -> float:
    """Upside risk / downside deviation."""
    return _over(upside_risk(returns, target), downside_deviation(returns, target))


def volatility_skewness(returns: Floats, target: float = 0.0) -> float:
    """The square of `variability_skewness`."""
    return variability_skewness(returns, target) ** 2


def m_squared_sortino(returns: Floats, benchmark: Floats, periods_per_year: float, target: float = 0.0) -> float:
    """Annual return at the benchmark's downside risk: r + (r - target) / d x (benchmark's d - d), all of a year."""
    ours = downside_deviation(returns, target) * math.sqrt(periods_per_year)
    theirs = downside_deviation(benchmark, target) * math.sqrt(periods_per_year)
    annual = ratios.annual_return(returns, periods_per_year)
    return annual + _over(annual - target * periods_per_year, ours) * (theirs - ours)


def omega_excess(returns: Floats, benchmark: Floats, periods_per_year: float, target: float = 0.0) -> float:
    """Annual return - 3 x downside deviation x the benchmark's x periods a year. Source: Sortino, Miller, Messina (1997)."""
    both = downside_deviation(returns, target) * downside_deviation(benchmark, target)
    return ratios.annual_return(returns, periods_per_year) - 3.0 * both * periods_per_year


def _over(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan
