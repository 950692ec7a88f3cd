"""Whether a risk model forecast well: deviation of returns divided by the volatility that was forecast for them; 1 is perfect.

Above 1 risk was underestimated. With normal returns and perfect forecasts of T sessions it lies within 1 +- sqrt(2 / T) 95 times of 100.
Source: Menchero, Orr, Wang, The Barra US Equity Model (USE4), 2011, appendix on bias statistics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault
from tradewinds.risk.factor_returns import Floats


@dataclass(frozen=True, slots=True)
class Bias:
    """statistic: deviation of the standardised returns. low, high: where a perfect model's lies 95 times of 100. observations: counted."""

    name: str
    statistic: float
    low: float
    high: float
    observations: int


def bias(returns: Floats, forecasts: Floats, name: str = "portfolio") -> Bias:
    """returns: (T,) of each session. forecasts: (T,) volatility of that session, known before it; unknown or zero ones are left out."""
    return _bias(name, _standardised(returns, forecasts), None)


def bias_by_volatility(returns: Floats, forecasts: Floats, buckets: int = 5) -> tuple[Bias, ...]:
    """One for each bucket of forecast volatility, lowest first; buckets are made anew each session. returns, forecasts: (T, N)."""
    standardised = _standardised(returns, forecasts)
    bucket = _buckets(np.where(np.isfinite(standardised), forecasts, np.nan), buckets)
    return tuple(
        _bias(f"volatility {b + 1} of {buckets}", np.where(bucket == b, standardised, np.nan), len(returns)) for b in range(buckets)
    )


def bias_of_each(returns: Floats, forecasts: Floats) -> Floats:
    """(N,) statistic of each column of returns (T, N); NaN below two observations."""
    standardised = _standardised(returns, forecasts)
    counts = np.isfinite(standardised).sum(axis=0)
    mean = np.nansum(standardised, axis=0) / np.maximum(counts, 1)
    squares = np.nansum((standardised - mean) ** 2, axis=0)
    return np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)


def _standardised(returns: Floats, forecasts: Floats) -> Floats:
    if returns.shape != forecasts.shape:
        raise DataFault(f"bias: returns {returns.shape}, forecasts {forecasts.shape}, expected the same shape")
    found = np.full(returns.shape, np.nan)
    np.divide(returns, forecasts, out=found, where=np.nan_to_num(forecasts) > 0.0)
    return np.where(np.isfinite(found), found, np.nan)


def _bias(name: str, standardised: Floats, sessions: int | None) -> Bias:
    known = standardised[np.isfinite(standardised)]
    statistic = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    spread = math.sqrt(2.0 / (sessions or len(known))) if len(known) > 1 else math.nan
    return Bias(name, statistic, 1.0 - spread, 1.0 + spread, len(known))


def _buckets(forecasts: Floats, buckets: int) -> NDArray[np.int64]:
    """(T, N): rank of the forecast among its session's, as a bucket; -1 where not known."""
    found = np.full(forecasts.shape, -1, np.int64)
    for t in range(len(forecasts)):
        known = np.flatnonzero(np.isfinite(forecasts[t]))
        order = known[np.argsort(forecasts[t, known], kind="stable")]
        for b, members in enumerate(np.array_split(order, buckets)):
            found[t, members] = b
    return found
