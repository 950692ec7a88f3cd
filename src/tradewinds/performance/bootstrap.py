"""Confidence by resampling: the stationary bootstrap, its block length, and whether any of many strategies beats a benchmark.

1. A resample is pieces of the history, each begun at a random period and of random (geometric) length, joined to the history's length and
   wrapped around its end. So what depends on the days before still does. Source: Politis & Romano (1994).
2. The mean length follows from the autocovariances. Source: Politis & White (2004), corrected by Patton, Politis & White (2009).
3. Superior predictive ability: Hansen (2005); its upper bound is White's reality check (2000), studentised.

Chance comes from the generator passed in: the same seed gives the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance import ratios
from tradewinds.performance.track_record import Floats, Ints

Statistic = Literal["mean", "sharpe", "annual_return", "max_drawdown"]
STATISTICS: tuple[Statistic, ...] = ("mean", "sharpe", "annual_return", "max_drawdown")


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it lies with `confidence`, by the percentiles of its resamples. error: their standard deviation."""

    statistic: Statistic
    estimate: float
    low: float
    high: float
    error: float
    confidence: float
    samples: int
    block: float


@dataclass(frozen=True, slots=True)
class SuperiorAbility:
    """Probability of a best result like this one when no strategy beats the benchmark. lower <= consistent <= upper; use consistent.

    best: the column whose advantage is most significant. statistic: sqrt(n) x its mean advantage / its deviation, at least 0.
    """

    lower: float
    consistent: float
    upper: float
    best: int
    statistic: float
    samples: int
    block: float


def interval(
    returns: Floats,
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    periods_per_year: float,
    samples: int = 1000,
    confidence: float = 0.95,
    block: float | None = None,
) -> Interval:
    """Confidence of a figure of returns (n,). block: mean length of a piece in periods, None: `block_length`.

    Sharpe is annualised and NaN in a resample that does not move; such resamples are left out. Raises DataFault below 10 returns.
    """
    if statistic not in STATISTICS:
        raise Rejected(f"bootstrap: statistic {statistic!r}, expected one of {', '.join(STATISTICS)}")
    if not 0 < confidence < 1 or samples < 2:
        raise Rejected(f"bootstrap: confidence {confidence} of {samples} samples, expected one between 0 and 1 of at least 2")
    figure = _FIGURES[statistic]
    size = block_length(returns) if block is None else block
    drawn = np.empty(samples)
    for sample in range(samples):
        drawn[sample] = figure(returns[stationary_indices(len(returns), size, generator)], periods_per_year)
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        raise DataFault(f"bootstrap: no resample of {len(returns)} returns has a {statistic}, expected returns that move")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        statistic, figure(returns, periods_per_year), float(low), float(high), float(known.std(ddof=1)), confidence, len(known), size
    )


def stationary_indices(periods: int, block: float, generator: np.random.Generator) -> Ints:
    """(periods,) positions of one resample; mean length of a piece `block`, at least 1."""
    if periods < 1 or not block >= 1:
        raise Rejected(f"bootstrap: pieces of {block} of {periods} periods, expected at least 1 of at least 1")
    return np.asarray(_walk(generator.integers(0, periods, periods), generator.random(periods), 1.0 / block), np.int64)


def block_length(returns: Floats) -> float:
    """Mean length of a piece that estimates the variance of the mean best; at least 1, at most min(3 sqrt(n), n / 3).

    The bandwidth is twice the last lag before max(5, sqrt(log10 n)) insignificant ones in a row. Raises DataFault below 10 returns.
    """
    count = len(returns)
    if count < 10 or not np.isfinite(returns).all():
        raise DataFault(f"bootstrap: {count} returns, expected at least 10, all of them finite")
    off = returns - returns.mean()
    quiet = max(5, int(math.sqrt(math.log10(count))))
    lags = min(math.ceil(math.sqrt(count)) + quiet, count - 1)
    covariance = np.array([off[lag:] @ off[: count - lag] for lag in range(lags + 1)]) / count
    if not covariance[0] > ratios.STILL**2:
        return 1.0
    is_small = np.abs(covariance / covariance[0]) < 2.0 * math.sqrt(math.log10(count) / count)
    last = next((lag for lag in range(lags - quiet + 1) if is_small[lag + 1 : lag + quiet + 1].all()), lags)
    width = min(2 * max(last, 1), lags)
    lag = np.arange(1, width + 1)
    window = np.where(lag <= width / 2, 1.0, 2.0 * (1.0 - lag / width))
    slope = 2.0 * float((window * lag * covariance[1 : width + 1]).sum())
    spectrum = float(covariance[0] + 2.0 * (window * covariance[1 : width + 1]).sum())
    if not spectrum > 0:
        return 1.0
    length = (slope**2 / spectrum**2 * count) ** (1.0 / 3.0)
    return float(min(max(length, 1.0), math.ceil(min(3.0 * math.sqrt(count), count / 3.0))))


def superior_ability(
    advantage: Floats, generator: np.random.Generator, *, samples: int = 1000, block: float | None = None
) -> SuperiorAbility:
    """Test whether the best of many strategies beats the benchmark. advantage: (periods, strategies), return less the benchmark's.

    The deviations are those of the resampled means. A strategy that never differs from the benchmark is left out of the maximum.
    """
    if advantage.ndim != 2 or not np.isfinite(advantage).all() or len(advantage) < 10:
        raise DataFault(f"superior ability: advantages of shape {advantage.shape}, expected (periods, strategies), 10 periods, all finite")
    count = len(advantage)
    mean = advantage.mean(axis=0)
    size = block_length(advantage[:, int(np.argmax(mean))]) if block is None else block
    resampled = np.empty((samples, advantage.shape[1]))
    weights = np.empty(count)
    for sample in range(samples):
        weights[:] = np.bincount(stationary_indices(count, size, generator), minlength=count)
        resampled[sample] = (weights[:, None] * advantage).sum(axis=0) / count
    spread = resampled.std(axis=0) * math.sqrt(count)
    moves = spread > ratios.STILL
    if not moves.any():
        raise DataFault("superior ability: no strategy ever differs from the benchmark, expected one that does")
    scale = math.sqrt(count) / np.where(moves, spread, np.inf)
    score = mean * scale
    best = int(np.argmax(np.where(moves, score, -np.inf)))
    statistic = max(float(score[best]), 0.0)
    poor = score <= -math.sqrt(2.0 * math.log(math.log(count)))

    def chance(centre: Floats) -> float:
        highest = np.maximum(((resampled - centre) * scale).max(axis=1), 0.0)
        return float((highest > statistic).mean())

    return SuperiorAbility(
        lower=chance(np.maximum(mean, 0.0)),
        consistent=chance(np.where(poor, 0.0, mean)),
        upper=chance(mean),
        best=best,
        statistic=statistic,
        samples=samples,
        block=size,
    )


@compiled
def _walk(starts: Ints, chances: Floats, jump: float) -> Ints:
    found = np.empty(len(starts), np.int64)
    at = 0
    for step in range(len(starts)):
        at = starts[step] if step == 0 or chances[step] < jump else (at + 1) % len(starts)
        found[step] = at
    return found


_FIGURES: dict[Statistic, Callable[[Floats, float], float]] = {
    "mean": lambda returns, periods_per_year: ratios.mean(returns),
    "sharpe": ratios.sharpe,
    "annual_return": ratios.annual_return,
    "max_drawdown": lambda returns, periods_per_year: -ratios.deepest(returns),
}
