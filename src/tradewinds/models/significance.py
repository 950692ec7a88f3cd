"""How likely is it that chance alone does as well? Student's t for few numbers, and the band of many noises."""

from __future__ import annotations

import math

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.models.sample import Floats

STEPS_MAX = 300
CLOSE = 1e-15
TINY = 1e-300


def above_zero(values: Floats) -> tuple[float, float]:
    """t statistic of the mean of independent values, and the probability of one as high where the true mean is 0. NaN below 3 values."""
    count = len(values)
    if count < 3:
        return math.nan, math.nan
    spread = float(values.std(ddof=1))
    if not spread > 0:
        return math.nan, math.nan
    t = float(values.mean()) / spread * math.sqrt(count)
    return t, student_above(t, count - 1)


def student_above(t: float, freedom: float) -> float:
    """Probability that a Student t variable exceeds `t`: I(f / (f + t^2); f/2, 1/2) / 2 for t >= 0. Abramowitz & Stegun 26.7.1."""
    if not freedom > 0:
        raise Rejected(f"Student t: {freedom} degrees of freedom, expected above 0")
    tail = 0.5 * _beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
    return tail if t >= 0 else 1.0 - tail


def noise_passes_max(trials: int, level: float = 0.05, deviations: float = 2.5758) -> int:
    """How many of so many noises may pass a test of this level within its 99 % binomial band: 68 of 1,000 at 5 %."""
    return math.ceil(trials * level + deviations * math.sqrt(trials * level * (1.0 - level)))


def jointly(probability: float, trials: int) -> float:
    """Probability that the best of so many independent trials is as good by chance. Sidak (1967)."""
    return probability if math.isnan(probability) else -math.expm1(max(1, trials) * math.log1p(-min(probability, 1.0 - 1e-16)))


def _beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function by its continued fraction. Press et al., Numerical Recipes (2007), 6.4."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * _fraction(a, b, x) / a if x < (a + 1.0) / (a + b + 2.0) else 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, STEPS_MAX):
        for term in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < CLOSE:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY


def ranks(values: Floats) -> Floats:
    """Ranks along the last axis, 0 lowest; equal values share the mean of theirs; NaN stays NaN."""
    rows = np.atleast_2d(values)
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    places = np.broadcast_to(np.arange(rows.shape[1], dtype=np.float64), rows.shape)
    is_new = np.ones(rows.shape, np.bool_)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(is_new, places, 0.0), axis=1)
    is_last = np.ones(rows.shape, np.bool_)
    is_last[:, :-1] = is_new[:, 1:]
    last = np.minimum.accumulate(np.where(is_last, places, np.inf)[:, ::-1], axis=1)[:, ::-1]
    out = np.empty(rows.shape)
    np.put_along_axis(out, order, (first + last) / 2.0, axis=1)
    out[np.isnan(rows)] = np.nan
    return out.reshape(values.shape)
