"""How good a factor is: does it rank what comes after it?

1. `forward_returns` of a session begin after it: the factor is known at its close, the position is taken `delay` sessions later.
2. The information coefficient of a session is the correlation of factor and forward return over the instruments, by ranks or by values.
3. Quantiles split each session's instruments into equal buckets by the factor; their mean forward returns should rise.
4. Decay is the coefficient over longer horizons, turnover the share of a bucket that is new, autocorrelation that of ranks over time.

Forward returns of `horizon` sessions overlap; `coefficient_summary` takes their correlation out of the t value (Newey & West, 1987).
Sources: Grinold & Kahn, Active Portfolio Management, ch. 6; the definitions of turnover and quantiles are those of alphalens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import evaluate_rows, transform

Floats = NDArray[np.float64]
Kind = Literal["spearman", "pearson"]

HORIZONS = (1, 5, 10, 21, 63)
QUANTILES_MAX = 100


@dataclass(frozen=True, slots=True)
class CoefficientSummary:
    """Of a coefficient's sessions: mean, sample deviation, their ratio, t value of the mean, share above zero, and how many there are."""

    mean: float
    deviation: float
    ratio: float
    t_value: float
    positive: float
    sessions: int


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All of it for one factor. Arrays by session have `times` rows; horizons are sessions.

    coefficients, pearson: horizon -> (times,); summaries: horizon -> of `coefficients`. bucket_returns: horizon -> (times, quantiles).
    turnover: (times, quantiles) against the session before; autocorrelation: (times,) of ranks with the session before.
    coverage: (times,) share of instruments with a close that have a value. by_group: code -> summary at the first horizon.
    """

    horizons: tuple[int, ...]
    delay: int
    quantiles: int
    coefficients: Mapping[int, Floats]
    pearson: Mapping[int, Floats]
    summaries: Mapping[int, CoefficientSummary]
    bucket_returns: Mapping[int, Floats]
    turnover: Floats
    autocorrelation: Floats
    coverage: Floats
    by_group: Mapping[int, CoefficientSummary]

    def long_short(self, horizon: int) -> Floats:
        """(times,) mean forward return of the highest bucket less that of the lowest."""
        spread: Floats = self.bucket_returns[horizon][:, -1] - self.bucket_returns[horizon][:, 0]
        return spread


def forward_returns(close: Floats, horizon: int, *, delay: int = 1) -> Floats:
    """(times, instruments): growth from the close `delay` sessions after t to the close `horizon` sessions after that, as a fraction.

    NaN at the end, where the future is not known yet, and where either close is missing or not positive. delay 0: bought at the very close
    that the factor was computed of, which nobody can do; it is how alphalens counts.
    """
    if horizon < 1 or delay < 0:
        raise Rejected(f"forward returns: horizon {horizon}, delay {delay}, expected at least 1 and at least 0")
    given = np.asarray(close, dtype=np.float64)
    usable = np.where((given > 0.0) & np.isfinite(given), given, np.nan)
    out = np.full(given.shape, np.nan)
    if len(given) > horizon + delay:
        out[: -(horizon + delay)] = usable[horizon + delay :] / usable[delay : len(given) - horizon] - 1.0
    return out


def information_coefficient(values: Floats, forward: Floats, *, kind: Kind = "spearman", mask: Floats | None = None) -> Floats:
    """(times,) correlation of each session's values with its forward returns over the instruments that have both.

    NaN below three instruments, or where nothing differs. mask: (times, instruments), True for those that count.
    """
    first, second = _both(values, forward, mask)
    if kind == "spearman":
        first, second = transform.rank(first), transform.rank(second)
    elif kind != "pearson":
        raise Rejected(f"information coefficient: kind {kind!r}, expected spearman or pearson")
    out = np.empty(len(first))
    evaluate_rows.row_correlation(first, second, out)
    return out


def coefficient_summary(coefficients: Floats, *, overlap: int = 0) -> CoefficientSummary:
    """The summary of sessions that are known. overlap: how many sessions before it each shares returns with (horizon - 1)."""
    known = coefficients[~np.isnan(coefficients)]
    count = len(known)
    if count < 2:
        mean = float(known[0]) if count else math.nan
        return CoefficientSummary(mean, math.nan, math.nan, math.nan, math.nan if not count else float(known[0] > 0), count)
    mean, deviation = float(known.mean()), float(known.std(ddof=1))
    error = _error_of_mean(known, overlap)
    return CoefficientSummary(
        mean,
        deviation,
        mean / deviation if deviation > 0.0 else math.nan,
        mean / error if error > 0.0 else math.nan,
        float((known > 0.0).mean()),
        count,
    )


def buckets(values: Floats, quantiles: int = 5, *, groups: Floats | None = None, mask: Floats | None = None) -> Floats:
    """(times, instruments): the bucket of each cell, 0 lowest to quantiles - 1; cells with equal values share one.

    groups: each group is split by itself. NaN where there is no value.
    """
    if not 2 <= quantiles <= QUANTILES_MAX:
        raise Rejected(f"quantiles: {quantiles}, expected 2 to {QUANTILES_MAX}")
    places = transform.rank(values, groups=groups, mask=mask)
    found: Floats = np.minimum(np.floor(places * quantiles), quantiles - 1.0)
    return found


def quantile_returns(placed: Floats, forward: Floats, quantiles: int = 5) -> Floats:
    """(times, quantiles): the mean forward return of each bucket of `buckets`, each instrument counting the same."""
    out = np.empty((len(placed), quantiles))
    evaluate_rows.bucket_means(_alike(placed, forward), np.ascontiguousarray(forward), out)
    return out


def quantile_turnover(placed: Floats, quantiles: int = 5, *, rows: int = 1) -> Floats:
    """(times, quantiles): the share of each bucket that was not in it `rows` sessions before."""
    if rows < 1:
        raise Rejected(f"turnover: over {rows} sessions, expected at least 1")
    out = np.full((len(placed), quantiles), np.nan)
    if len(placed) > rows:
        evaluate_rows.bucket_turnover(np.ascontiguousarray(placed), rows, out)
    return out


def rank_autocorrelation(values: Floats, *, rows: int = 1) -> Floats:
    """(times,) Spearman's correlation of each session's values with those of `rows` sessions before."""
    if rows < 1:
        raise Rejected(f"autocorrelation: over {rows} sessions, expected at least 1")
    before = np.full(np.shape(values), np.nan)
    before[rows:] = values[:-rows]
    return information_coefficient(values, before)


def evaluate(
    values: Floats,
    close: Floats,
    *,
    horizons: Sequence[int] = HORIZONS,
    quantiles: int = 5,
    delay: int = 1,
    groups: Floats | None = None,
    mask: Floats | None = None,
) -> Evaluation:
    """Everything about one factor. values, close: (times, instruments). groups: codes such as sectors, NaN where missing.

    mask: True for members of the universe. Raises Rejected for horizons that do not rise or arrays of different shapes.
    """
    spans = tuple(horizons)
    if not spans or list(spans) != sorted(set(spans)):
        raise Rejected(f"evaluation: horizons {list(spans)}, expected some, rising")
    given = np.ascontiguousarray(values, dtype=np.float64)
    shown = np.where(_alike(mask, given) == 1, given, np.nan) if mask is not None else given
    forward = {one: forward_returns(_alike(close, given), one, delay=delay) for one in spans}
    placed = buckets(shown, quantiles)
    coefficients = {one: information_coefficient(shown, forward[one]) for one in spans}
    return Evaluation(
        spans,
        delay,
        quantiles,
        coefficients,
        {one: information_coefficient(shown, forward[one], kind="pearson") for one in spans},
        {one: coefficient_summary(coefficients[one], overlap=one - 1) for one in spans},
        {one: quantile_returns(placed, forward[one], quantiles) for one in spans},
        quantile_turnover(placed, quantiles),
        rank_autocorrelation(shown),
        _coverage(shown, close, mask),
        _by_group(shown, forward[spans[0]], groups, spans[0] - 1),
    )


def _by_group(values: Floats, forward: Floats, groups: Floats | None, overlap: int) -> dict[int, CoefficientSummary]:
    if groups is None:
        return {}
    codes = _alike(groups, values)
    found = {}
    for code in np.unique(codes[~np.isnan(codes)]).tolist():
        found[int(code)] = coefficient_summary(
            information_coefficient(np.where(codes == code, values, np.nan), forward), overlap=overlap
        )  # fmt: skip
    return found


def _coverage(values: Floats, close: Floats, mask: Floats | None) -> Floats:
    there = np.isfinite(close) if mask is None else np.isfinite(close) & (np.asarray(mask) == 1)
    count = there.sum(axis=1)
    has = (there & ~np.isnan(values)).sum(axis=1)
    return np.where(count > 0, has / np.maximum(count, 1), np.nan)


def _both(values: Floats, forward: Floats, mask: Floats | None) -> tuple[Floats, Floats]:
    """Both with NaN wherever one of them is, so that ranks are taken over the same instruments."""
    first, second = np.asarray(values, dtype=np.float64), _alike(forward, np.asarray(values))
    known = np.isfinite(first) & np.isfinite(second)
    if mask is not None:
        known &= _alike(mask, first) == 1
    return np.where(known, first, np.nan), np.where(known, second, np.nan)


def _alike(one: Floats, other: Floats) -> Floats:
    given = np.asarray(one)
    if given.shape != other.shape or given.ndim != 2:
        raise Rejected(f"evaluation: arrays of shapes {other.shape} and {given.shape}, expected equal ones (times, instruments)")
    return given


def _error_of_mean(known: Floats, overlap: int) -> float:
    """Of a series whose terms share returns with `overlap` terms before them: Newey and West's, with n - 1 in place of n.

    Source: Newey & West, A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix,
    Econometrica 55 (1987).
    """
    away = known - known.mean()
    count = len(known)
    variance = float(away @ away)
    for lag in range(1, min(overlap, count - 1) + 1):
        variance += 2.0 * (1.0 - lag / (overlap + 1.0)) * float(away[lag:] @ away[:-lag])
    return math.sqrt(max(variance, 0.0) / (count - 1) / count)
