"""What a portfolio may lose: value at risk, expected shortfall, concentration.

Losses are positive fractions of equity, over a number of sessions, with a confidence such as 0.99. Parametric: a normal of mean 0 and the
model's deviation, which grows with the square root of sessions. Historical: past returns of today's weights, equally likely: those of the
instruments themselves (`history_of`), or of their factors where an instrument has a short past (`stress.replayed_returns`).
Sources: Jorion, Value at Risk; Favre, Galeano (2002) for Cornish-Fisher; Rockafellar, Uryasev (2002), proposition 8, for the tail's mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.normal import quantile
from tradewinds.performance.ratios import gaussian_value_at_risk, value_at_risk
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.risk_model import RiskModel

RETURNS_MIN = 20


@dataclass(frozen=True, slots=True)
class TailRisk:
    """Losses over `periods` sessions at a confidence; historical ones None where there are too few past returns."""

    confidence: float
    periods: float
    parametric: float
    shortfall: float
    historical: float | None
    historical_shortfall: float | None
    cornish_fisher: float | None


@dataclass(frozen=True, slots=True)
class Concentration:
    """gross: sum of |weight|. hhi: sum of squared shares of gross, 1 / N to 1. effective: 1 / hhi. top: share of the largest few."""

    gross: float
    net: float
    hhi: float
    effective: float
    top: float


def tail_risk(model: RiskModel, weights: Floats, past: Floats, confidence: float = 0.99, periods: float = 1.0) -> TailRisk:
    """Every measure at once. past: (T,) returns of single sessions of these weights (`history_of`)."""
    is_enough = len(past) >= RETURNS_MIN
    scale = math.sqrt(periods)
    return TailRisk(
        confidence,
        periods,
        parametric_value_at_risk(model, weights, confidence, periods),
        parametric_shortfall(model, weights, confidence, periods),
        historical_value_at_risk(past, confidence) * scale if is_enough else None,
        historical_shortfall(past, confidence) * scale if is_enough else None,
        cornish_fisher_value_at_risk(past, confidence) * scale if is_enough else None,
    )


def parametric_value_at_risk(model: RiskModel, weights: Floats, confidence: float = 0.99, periods: float = 1.0) -> float:
    """The loss that is exceeded with probability 1 - confidence: quantile x deviation."""
    return quantile(_checked(confidence)) * model.volatility(weights, periods)


def parametric_shortfall(model: RiskModel, weights: Floats, confidence: float = 0.99, periods: float = 1.0) -> float:
    """The mean loss beyond the value at risk: density at the quantile / (1 - confidence) x deviation."""
    density = math.exp(-0.5 * quantile(_checked(confidence)) ** 2) / math.sqrt(2.0 * math.pi)
    return density / (1.0 - confidence) * model.volatility(weights, periods)


def component_value_at_risk(model: RiskModel, weights: Floats, confidence: float = 0.99, periods: float = 1.0) -> Floats:
    """(N,) each instrument's part of the parametric value at risk; they sum to it."""
    return np.asarray(model.component(weights, periods) * quantile(_checked(confidence)), np.float64)


def history_of(returns: Floats, weights: Floats) -> Floats:
    """(T,) returns of today's weights on past returns (T, N). A session in which anything held was not traded is left out."""
    if returns.ndim != 2 or weights.shape != (returns.shape[1],):
        raise DataFault(f"history of a portfolio: returns {returns.shape}, weights {weights.shape}, expected one weight an instrument")
    held = np.flatnonzero(weights)
    chosen = returns[:, held]
    return np.asarray(chosen[np.isfinite(chosen).all(axis=1)] @ weights[held], np.float64)


def historical_value_at_risk(past: Floats, confidence: float = 0.99) -> float:
    """The loss at that quantile of past returns (T,), linear between neighbours."""
    return 0.0 - value_at_risk(_known(past), 1.0 - _checked(confidence))


def historical_shortfall(past: Floats, confidence: float = 0.99) -> float:
    """Mean of the worst (1 - confidence) of past returns, the one on the edge counted in part, so that it grows with confidence evenly."""
    worst = np.sort(_known(past))
    share = (1.0 - _checked(confidence)) * len(worst)
    whole = int(share)
    edge = (share - whole) * worst[min(whole, len(worst) - 1)]
    return 0.0 - (float(worst[:whole].sum()) + float(edge)) / share


def cornish_fisher_value_at_risk(past: Floats, confidence: float = 0.99) -> float:
    """Of a normal bent to the skewness and kurtosis of past returns."""
    known = _known(past)
    if known.min() == known.max():
        return 0.0 - float(known[0])
    return 0.0 - gaussian_value_at_risk(known, 1.0 - _checked(confidence), is_modified=True)


def concentration(weights: Floats, top: int = 10) -> Concentration:
    """Of weights (N,). Source: Herfindahl-Hirschman index."""
    size = np.abs(weights)
    gross = float(size.sum())
    if gross == 0.0:
        return Concentration(0.0, 0.0, 0.0, 0.0, 0.0)
    shares = size / gross
    hhi = float((shares * shares).sum())
    return Concentration(gross, float(weights.sum()), hhi, 1.0 / hhi, float(np.sort(shares)[-top:].sum()))


def _checked(confidence: float) -> float:
    if not 0.5 <= confidence < 1.0:
        raise Rejected(f"value at risk: confidence {confidence}, expected one from 0.5 to below 1")
    return confidence


def _known(past: Floats) -> Floats:
    if past.ndim != 1 or not len(past) or not np.isfinite(past).all():
        raise DataFault(f"value at risk: past returns of shape {past.shape}, expected a number for each of some sessions")
    return past
