"""How returns compare with those of a benchmark over the same periods. NaN (None in `Comparison`) where nothing defines a figure.

Regression: r - rf = alpha + beta (b - rf) + epsilon, least squares. Sources: Bacon (2008) ch. 4; Jensen (1968); Fama (1972).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.performance import ratios
from tradewinds.performance.track_record import Floats


@dataclass(frozen=True, slots=True)
class Comparison:
    """alpha: a year, compounded from the regression's intercept; tracking_error, active_return: a year. See `capture`."""

    total_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float
    alpha: float | None
    beta: float | None
    correlation: float | None
    active_return: float | None
    tracking_error: float | None
    information_ratio: float | None
    up_capture: float | None
    down_capture: float | None


def compare(returns: Floats, benchmark: Floats, periods_per_year: float, risk_free: float = 0.0) -> Comparison:
    """Every figure against the benchmark's returns (n,); risk_free a year. Figures of a ruined account are None."""
    _check(returns, benchmark)
    rate = risk_free / periods_per_year
    path = np.cumprod(np.concatenate([[1.0], 1.0 + benchmark]))
    known = bool(np.isfinite(returns).all())
    excess, theirs = returns - rate, benchmark - rate
    active = returns - benchmark

    def figure(value: float) -> float | None:
        return float(value) if known and math.isfinite(value) else None

    error = ratios.volatility(active, periods_per_year) if known else math.nan
    ahead = ratios.annual_return(returns, periods_per_year) - ratios.annual_return(benchmark, periods_per_year) if known else math.nan
    sharpe = ratios.sharpe(theirs, periods_per_year)
    annual = ratios.annual_return(benchmark, periods_per_year)
    spread = ratios.volatility(benchmark, periods_per_year)
    return Comparison(
        total_return=float(path[-1] - 1.0),
        annual_return=annual if math.isfinite(annual) else None,
        volatility=spread if math.isfinite(spread) else None,
        sharpe=sharpe if math.isfinite(sharpe) else None,
        max_drawdown=float((path / np.maximum.accumulate(path) - 1.0).min()),
        alpha=figure(math.expm1(periods_per_year * math.log1p(alpha(excess, theirs)))) if known and alpha(excess, theirs) > -1 else None,
        beta=figure(beta(excess, theirs)),
        correlation=figure(correlation(returns, benchmark)),
        active_return=figure(ahead),
        tracking_error=figure(error),
        information_ratio=figure(ahead / error) if error > 0 else None,
        up_capture=figure(capture(returns, benchmark, is_up=True)),
        down_capture=figure(capture(returns, benchmark, is_up=False)),
    )


def beta(excess: Floats, benchmark: Floats) -> float:
    """Slope of the regression; NaN where the benchmark does not move."""
    _check(excess, benchmark)
    if not ratios.deviation(benchmark, 0) > 0:
        return math.nan
    off = benchmark - benchmark.mean()
    return float(off @ (excess - excess.mean())) / float(off @ off)


def alpha(excess: Floats, benchmark: Floats) -> float:
    """Intercept of the regression, per period."""
    return ratios.mean(excess) - beta(excess, benchmark) * ratios.mean(benchmark)


def correlation(returns: Floats, benchmark: Floats) -> float:
    """Pearson's; NaN where one of them does not move."""
    _check(returns, benchmark)
    ours, theirs = ratios.deviation(returns, 0), ratios.deviation(benchmark, 0)
    if not (ours > 0 and theirs > 0):
        return math.nan
    return float(np.mean((returns - returns.mean()) * (benchmark - benchmark.mean()))) / ours / theirs


def jensen_alpha(returns: Floats, benchmark: Floats, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Annual return - rf - beta (annual return of the benchmark - rf). Source: Jensen (1968); Bacon ch. 4."""
    ours, theirs = (ratios.annual_return(one, periods_per_year) for one in (returns, benchmark))
    rate = risk_free / periods_per_year
    return ours - risk_free - beta(returns - rate, benchmark - rate) * (theirs - risk_free)


def specific_risk(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Population deviation of epsilon x sqrt(periods a year). Bacon ch. 4."""
    epsilon = returns - alpha(returns, benchmark) - beta(returns, benchmark) * benchmark
    return ratios.deviation(epsilon, 0) * math.sqrt(periods_per_year)


def systematic_risk(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """|beta| x population deviation of the benchmark x sqrt(periods a year). Bacon ch. 4."""
    return abs(beta(returns, benchmark)) * ratios.deviation(benchmark, 0) * math.sqrt(periods_per_year)


def total_risk(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """sqrt(systematic^2 + specific^2). Bacon ch. 4."""
    return math.hypot(systematic_risk(returns, benchmark, periods_per_year), specific_risk(returns, benchmark, periods_per_year))


def appraisal_ratio(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Jensen's alpha / specific risk. Bacon ch. 4."""
    risk = specific_risk(returns, benchmark, periods_per_year)
    return jensen_alpha(returns, benchmark, periods_per_year) / risk if risk > 0 else math.nan


def treynor_ratio(returns: Floats, benchmark: Floats, periods_per_year: float, *, is_modified: bool = False) -> float:
    """Annual return / beta; modified: / systematic risk. Source: Treynor (1965); Bacon ch. 4."""
    slope = systematic_risk(returns, benchmark, periods_per_year) if is_modified else beta(returns, benchmark)
    return ratios.annual_return(returns, periods_per_year) / slope if slope != 0 else math.nan


def fama_beta(returns: Floats, benchmark: Floats) -> float:
    """Deviation / deviation of the benchmark: the beta of a fund that were fully correlated. Source: Fama (1972); Bacon ch. 4."""
    theirs = ratios.deviation(benchmark)
    return ratios.deviation(returns) / theirs if theirs > 0 else math.nan


def net_selectivity(returns: Floats, benchmark: Floats, periods_per_year: float) -> float:
    """Jensen's alpha - what its lack of diversification must earn, (Fama's beta - beta) x annual return of the benchmark. Bacon ch. 4."""
    gap = fama_beta(returns, benchmark) - beta(returns, benchmark)
    return jensen_alpha(returns, benchmark, periods_per_year) - gap * ratios.annual_return(benchmark, periods_per_year)


def m_squared(returns: Floats, benchmark: Floats, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Annual return at the benchmark's risk: rf + (annual return - rf) x its deviation / ours. Source: Modigliani (1997); Bacon ch. 4."""
    ours = ratios.deviation(returns, 0)
    if not ours > 0:
        return math.nan
    return (ratios.annual_return(returns, periods_per_year) - risk_free) * ratios.deviation(benchmark, 0) / ours + risk_free


def capture(returns: Floats, benchmark: Floats, *, is_up: bool) -> float:
    """Geometric mean return in the periods in which the benchmark rose (fell) / the benchmark's own. Source: Morningstar; Bacon ch. 4."""
    chosen = benchmark > 0 if is_up else benchmark < 0
    if not chosen.any() or (returns[chosen] <= -1).any() or (benchmark[chosen] <= -1).any():
        return math.nan
    return math.expm1(float(np.log1p(returns[chosen]).mean())) / math.expm1(float(np.log1p(benchmark[chosen]).mean()))


def _check(returns: Floats, benchmark: Floats) -> None:
    if len(returns) != len(benchmark):
        raise DataFault(f"comparison: {len(returns)} returns with {len(benchmark)} of the benchmark, expected as many")
