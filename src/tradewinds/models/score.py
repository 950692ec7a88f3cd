"""How good a model was on rows that it had not seen.

1. At each decision the prediction's ranks over the instruments are correlated with the labels' (information coefficient), and the labels
   of the highest fifth less those of the lowest are a portfolio's return. With too few instruments for that, the sign of the prediction
   times the label is.
2. What is said about chance uses only decisions whose labels do not overlap: the first, then the first that starts when that one has ended,
   and so on. Their figures are as good as independent, so that Student's t holds.

Source: Grinold & Kahn, Active Portfolio Management (2000), chapter 6.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.sample import Bools, Floats, Ints
from tradewinds.models.significance import above_zero, ranks

INSTRUMENTS_MIN = 5
QUANTILES = 5
YEAR_SESSIONS = 252.0


@dataclass(frozen=True, slots=True)
class Score:
    """Figures out of sample, NaN where they cannot be had.

    rows, decisions, independent: counted; the last are the decisions whose labels do not overlap. ic: mean rank correlation, ic_t and p of
    it (of the portfolio where there is no ic): a small p is unlikely by chance. r_squared: 1 - squared errors over squared labels.
    hit_rate: of signs, where neither is 0. period_return: of the portfolio over a label's span. sharpe: of it, a year.
    """

    rows: int
    decisions: int
    independent: int
    ic: float
    ic_t: float
    p: float
    r_squared: float
    hit_rate: float
    period_return: float
    sharpe: float

    def as_json(self) -> dict[str, Any]:
        """NaN as None."""
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Figures of each decision (D,), NaN where they cannot be had; is_independent: whether its label begins after the last such ended."""

    times: Ints
    ic: Floats
    portfolio: Floats
    is_independent: Bools

    @property
    def skill(self) -> Floats:
        """What is tested: the independent decisions' coefficients, or portfolio returns where there are none of those; known ones."""
        found = self.ic[self.is_independent]
        found = found if np.isfinite(found).any() else self.portfolio[self.is_independent]
        return found[np.isfinite(found)]


def score(
    times: Ints, instruments: Ints, prediction: Floats, label: Floats, starts_ns: Ints, ends_ns: Ints, *, year: float = YEAR_SESSIONS
) -> Score:
    """The score of predictions (R,) against labels (R,) of rows in the order of their decisions. year: decisions in a year.

    Rows whose prediction is not known are left out. Raises DataFault where none is left.
    """
    is_known = np.isfinite(prediction)
    if not bool(is_known.any()):
        raise DataFault(f"score: none of {len(prediction)} predictions is known, expected some")
    times, instruments, starts_ns, ends_ns = (one[is_known] for one in (times, instruments, starts_ns, ends_ns))
    prediction, label = prediction[is_known], label[is_known]
    found = by_decision(times, instruments, prediction, label, starts_ns, ends_ns)
    t, p = above_zero(found.skill)
    alone = found.portfolio[found.is_independent]
    alone = alone[np.isfinite(alone)]
    squares = float((label * label).sum())
    is_sided = (prediction != 0) & (label != 0)
    spread = float(alone.std(ddof=1)) if len(alone) > 2 else math.nan
    periods = len(alone) / len(found.times) * year
    return Score(
        rows=len(label),
        decisions=len(found.times),
        independent=int(found.is_independent.sum()),
        ic=_mean(found.ic),
        ic_t=t,
        p=p,
        r_squared=1.0 - float(((label - prediction) ** 2).sum()) / squares if squares > 0 else math.nan,
        hit_rate=float((np.sign(prediction) == np.sign(label))[is_sided].mean()) if is_sided.any() else math.nan,
        period_return=_mean(found.portfolio),
        sharpe=float(alone.mean()) / spread * math.sqrt(periods) if spread > 0 else math.nan,
    )


def by_decision(times: Ints, instruments: Ints, prediction: Floats, label: Floats, starts_ns: Ints, ends_ns: Ints) -> Decisions:
    """Figures decision by decision. Raises Rejected for rows out of order."""
    if len(times) and bool((np.diff(times) < 0).any()):
        raise Rejected("score: decisions out of order, expected rows sorted by time")
    decisions, first, place = np.unique(times, return_index=True, return_inverse=True)
    shape = (len(decisions), int(instruments.max(initial=0)) + 1)
    said, came = np.full(shape, np.nan), np.full(shape, np.nan)
    said[place, instruments], came[place, instruments] = prediction, label
    last = np.maximum.reduceat(ends_ns, first) if len(decisions) else ends_ns
    begin = np.minimum.reduceat(starts_ns, first) if len(decisions) else starts_ns
    return Decisions(decisions, information_coefficients(said, came), _portfolio(said, came), _independent(begin, last))


def information_coefficients(prediction: Floats, label: Floats) -> Floats:
    """(T,) rank correlation over instruments of (T, N); NaN with fewer than `INSTRUMENTS_MIN` known, or where either never differs."""
    is_known = np.isfinite(prediction) & np.isfinite(label)
    x, y = (ranks(np.where(is_known, one, np.nan)) for one in (prediction, label))
    count = is_known.sum(axis=1)
    x, y = (np.where(is_known, one - ((count - 1) / 2.0)[:, None], 0.0) for one in (x, y))
    spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    is_told = (count >= INSTRUMENTS_MIN) & (spread > 0)
    return np.where(is_told, (x * y).sum(axis=1) / np.where(is_told, spread, 1.0), np.nan)


def _portfolio(prediction: Floats, label: Floats) -> Floats:
    """Of the highest fifth less the lowest, or of all instruments by the prediction's sign in equal shares."""
    is_known = np.isfinite(prediction) & np.isfinite(label)
    count = is_known.sum(axis=1)
    gain = np.where(is_known, label, 0.0)
    place = ranks(np.where(is_known, prediction, np.nan)) / np.maximum(count - 1, 1)[:, None]
    high, low = place >= 1.0 - 1.0 / QUANTILES, place <= 1.0 / QUANTILES
    with np.errstate(invalid="ignore", divide="ignore"):
        wide = (gain * high).sum(axis=1) / high.sum(axis=1) - (gain * low).sum(axis=1) / low.sum(axis=1)
        narrow = (gain * np.where(is_known, np.sign(prediction), 0.0)).sum(axis=1) / count
    return np.asarray(np.where(count >= 2 * QUANTILES, wide, narrow), np.float64)


def _independent(starts_ns: Ints, ends_ns: Ints) -> Bools:
    chosen = np.zeros(len(starts_ns), np.bool_)
    until = None
    for place, (start, end) in enumerate(zip(starts_ns.tolist(), ends_ns.tolist(), strict=True)):
        if until is None or start >= until:
            chosen[place], until = True, end
    return chosen


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
