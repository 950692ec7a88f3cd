"""What a sweep keeps of a configuration: figures and sufficient statistics from its equity at session ends, compiled.

The conventions are those of `performance.returns`: the account is sampled at the first row and at each session's last row, returns are
simple, a year has as many of them as the data says, and a sample at or below zero is ruin: figures of returns are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.performance.overfitting import STILL_SQUARES
from tradewinds.performance.ratios import STILL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RETURN_FIGURES = 10
"""total_return, yearly_return, volatility, sharpe, sortino, drawdown, calmar, sharpe_session, skewness, kurtosis: `sweep.Figures`."""


@compiled
def measure(
    samples: Floats,
    rows: Ints,
    first: int,
    capital: float,
    year: float,
    members: NDArray[np.bool_],
    returns: Floats,
    figures: Floats,
    sets: Floats,
) -> None:
    """`session_returns`, `return_figures` and `set_statistics` in one call: each gives the interpreter's lock away and waits for it."""
    session_returns(samples, rows, first, capital, returns)
    return_figures(returns, year, figures)
    set_statistics(returns, members, sets)


@compiled
def session_returns(samples: Floats, rows: Ints, first: int, capital: float, returns: Floats) -> bool:
    """Fill returns (sessions,) from equity samples (sessions + 1,) at rows; before row `first` the account stands at `capital`.

    False where the account was ruined; returns from there on are NaN.
    """
    before = capital
    for s in range(len(returns)):
        now = capital if rows[s + 1] < first else samples[s + 1]
        if not (before > 0.0 and now > 0.0):
            returns[s:] = np.nan
            return False
        returns[s] = now / before - 1.0
        before = now
    return True


@compiled
def return_figures(returns: Floats, year: float, figures: Floats) -> None:
    """Fill figures (RETURN_FIGURES,) from returns (sessions,). year: returns in a year. Standard deviations have one degree less."""
    figures[:] = np.nan
    count = len(returns)
    mean, level, peak, fall = 0.0, 1.0, 1.0, 0.0
    for s in range(count):
        mean += returns[s]
        level *= 1.0 + returns[s]
        peak = max(peak, level)
        fall = max(fall, 1.0 - level / peak)
    if count < 2 or np.isnan(mean):
        return
    mean /= count
    second, third, fourth, down = 0.0, 0.0, 0.0, 0.0
    for s in range(count):
        off = returns[s] - mean
        second += off * off
        third += off * off * off
        fourth += off * off * off * off
        if returns[s] < 0.0:
            down += returns[s] * returns[s]
    deviation = np.sqrt(second / (count - 1))
    figures[0] = level - 1.0
    figures[1] = level ** (year / count) - 1.0
    figures[2] = deviation * np.sqrt(year)
    if down > 0.0:
        figures[4] = mean / np.sqrt(down / count) * np.sqrt(year)
    figures[5] = fall
    if fall > 0.0:
        figures[6] = figures[1] / fall
    if deviation > STILL * np.sqrt(1.0 + mean * mean):
        figures[7] = mean / deviation
        figures[3] = figures[7] * np.sqrt(year)
        variance = second / count
        figures[8] = third / count / variance**1.5
        figures[9] = fourth / count / (variance * variance)


@compiled
def set_statistics(returns: Floats, members: NDArray[np.bool_], sets: Floats) -> None:
    """Fill sets (sets, 3): count, sum and sum of squares of the returns (sessions,) that belong to each, by members (sets, sessions)."""
    for k in range(len(members)):
        count, total, squares = 0.0, 0.0, 0.0
        for s in range(len(returns)):
            if members[k, s]:
                count += 1.0
                total += returns[s]
                squares += returns[s] * returns[s]
        sets[k, 0], sets[k, 1], sets[k, 2] = count, total, squares


def sharpe_of_sets(sets: Floats) -> Floats:
    """(...,) Sharpe ratio per session, not annualised, of sets (..., 3); NaN below 2 returns and where nothing moved."""
    count, total, squares = sets[..., 0], sets[..., 1], sets[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        variance = (squares - count * mean * mean) / (count - 1.0)
        deviation = np.sqrt(np.maximum(variance, 0.0))
        is_flat = variance <= STILL_SQUARES * squares / np.maximum(count, 1.0)
        return np.asarray(np.where((count >= 2) & ~is_flat, mean / deviation, np.nan))


def mean_of_sets(sets: Floats) -> Floats:
    """(...,) mean return per session of sets (..., 3); NaN without any."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sets[..., 1] / sets[..., 0])
