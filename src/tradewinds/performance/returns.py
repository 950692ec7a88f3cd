"""Equity into returns: sampling, annualisation, drawdowns, tables by month and year, rolling figures.

1. An account is sampled at the end of each session (`sample_rows`); the first sample is its capital at the close of the first row.
2. Returns are simple, between neighbouring samples; a sample at or below zero is ruin: every return from there on is NaN.
3. `annualisation` counts the sessions of a year in the data; whoever annualises says with what.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.performance.track_record import Floats, Ints, TrackRecord

DAYS_PER_YEAR = 365.25
_DAILY_GAP = 2.5
_NAMED_GAPS = ((9.0, 52.0), (45.0, 12.0), (120.0, 4.0))  # middle gap in days up to this -> samples a year
_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class Annualisation:
    """How many returns make a year, and where that number comes from."""

    periods_per_year: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """An account sampled: values (samples,), at_ns (samples,), rows (samples,) in the time axis of the bars."""

    values: Floats
    at_ns: Ints
    rows: Ints


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall from a peak. depth: a negative fraction of the peak. recovery None: not regained by the last sample.

    start, trough, recovery: positions in the samples; `_ns` their times. end_ns: of the recovery, else of the last sample.
    """

    depth: float
    start: int
    trough: int
    recovery: int | None
    start_ns: int
    trough_ns: int
    recovery_ns: int | None
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """From the peak to the recovery, or to the last sample."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, eq=False)
class CalendarReturns:
    """months: (years, 12), NaN where nothing was sampled; totals: (years,). Months are of UTC, by the instant just before a sample."""

    years: tuple[int, ...]
    months: Floats
    totals: Floats


# Sampling


def sample_rows(session: Ints, first_row: int, last_row: int) -> Ints:
    """`first_row`, then the last row of each session that ends after it, within [first_row, last_row)."""
    part = session[first_row:last_row]
    ends = np.flatnonzero(np.append(part[1:] != part[:-1], True)) + first_row
    return np.concatenate([[first_row], ends[ends > first_row]]).astype(np.int64)


def samples_of(record: TrackRecord) -> Samples:
    """The account at the end of each session; the first sample is its capital."""
    rows = sample_rows(record.session, record.first_row, record.last_row)
    values = record.equity[rows].astype(np.float64)
    values[0] = record.capital
    return Samples(values, record.end_ns[rows], rows)


def returns_of(samples: Floats) -> Floats:
    """(samples - 1,) simple returns; NaN from the first sample that is not above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = samples[1:] / samples[:-1] - 1.0
    ruined = np.flatnonzero(samples <= 0)
    if len(ruined):
        returns[max(int(ruined[0]) - 1, 0) :] = np.nan
    return np.asarray(returns, np.float64)


def annualisation(at_ns: Ints, periods_per_year: float | None = None) -> Annualisation:
    """How many of these samples make a year: as given, else counted over a year or more, else by the days on which they fall.

    Under a year: 365 when one falls on a Saturday, 313 on a Sunday, 252 for other daily ones, 52 weekly, 12 monthly, 4 quarterly, 1.
    """
    if periods_per_year is not None:
        if not 0 < periods_per_year < np.inf:
            raise Rejected(f"annualising: {periods_per_year} periods a year, expected a positive number")
        return Annualisation(float(periods_per_year), "given")
    if len(at_ns) < 2:
        return Annualisation(252.0, "assumed: fewer than two samples")
    gaps = np.diff(at_ns) / NS_PER_DAY
    years = float(at_ns[-1] - at_ns[0]) / NS_PER_DAY / DAYS_PER_YEAR
    if years >= 1.0:
        return Annualisation(float(max(round(len(gaps) / years), 1)), f"counted over {years:.1f} years")
    middle = float(np.sort(gaps)[len(gaps) // 2])
    if middle <= _DAILY_GAP:
        weekdays = set((((at_ns - 1) // NS_PER_DAY + 3) % 7).tolist())  # 1970-01-01 was a Thursday
        for weekday, factor in ((_SATURDAY, 365.0), (_SUNDAY, 313.0)):
            if weekday in weekdays:
                return Annualisation(factor, "by weekdays in the data, less than a year")
        return Annualisation(252.0, "by weekdays in the data, less than a year")
    factor = next((named for gap, named in _NAMED_GAPS if middle <= gap), 1.0)
    return Annualisation(factor, "by the gaps in the data, less than a year")


# Drawdowns


def drawdown_series(samples: Floats) -> Floats:
    """(samples,) fraction below the highest sample so far, at most 0."""
    return np.asarray(samples / np.maximum.accumulate(samples) - 1.0, np.float64)


def drawdowns(samples: Floats, at_ns: Ints, count: int | None = None) -> tuple[Drawdown, ...]:
    """Every drawdown, deepest first (at equal depth the earlier one), at most `count`."""
    if len(samples) != len(at_ns):
        raise DataFault(f"drawdowns: {len(samples)} samples at {len(at_ns)} times, expected as many")
    spans = _spans(np.ascontiguousarray(samples, dtype=np.float64))
    depth = drawdown_series(samples)
    order = sorted(range(len(spans)), key=lambda index: (depth[spans[index, 1]], index))
    made = []
    for start, trough, recovery in spans[order[:count]].tolist():
        back = recovery if recovery >= 0 else None
        end_ns = int(at_ns[-1 if back is None else back])
        recovery_ns = None if back is None else end_ns
        made.append(Drawdown(float(depth[trough]), start, trough, back, int(at_ns[start]), int(at_ns[trough]), recovery_ns, end_ns))
    return tuple(made)


@compiled
def _spans(samples: Floats) -> Ints:
    """(drawdowns, 3): peak, trough, recovery or -1."""
    count = len(samples)
    spans = np.empty((count // 2 + 1, 3), np.int64)
    used = 0
    peak = 0
    trough = -1
    for at in range(1, count):
        if samples[at] >= samples[peak]:
            if trough >= 0:
                spans[used] = (peak, trough, at)
                used += 1
                trough = -1
            peak = at
        elif trough < 0 or samples[at] < samples[trough]:
            trough = at
    if trough >= 0:
        spans[used] = (peak, trough, -1)
        used += 1
    return spans[:used].copy()


# Tables


def calendar_returns(samples: Floats, at_ns: Ints) -> CalendarReturns:
    """Returns by month and year; a period's return runs from the last sample before it to its last sample."""
    if len(samples) < 2:
        return CalendarReturns((), np.empty((0, 12)), np.empty(0))
    months = (at_ns - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    years = months // 12
    first = int(years[1])
    named = tuple(range(first + 1970, int(years[-1]) + 1971))
    table, totals = np.full((len(named), 12), np.nan), np.full(len(named), np.nan)
    for month, value in _period_returns(samples, months):
        table[month // 12 - first, month % 12] = value
    for year, value in _period_returns(samples, years):
        totals[year - first] = value
    return CalendarReturns(named, table, totals)


def _period_returns(samples: Floats, periods: Ints) -> list[tuple[int, float]]:
    last = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
    last = last[last > 0]
    base = np.concatenate([[0], last[:-1]])
    values = np.where(samples[base] > 0, samples[last] / np.where(samples[base] > 0, samples[base], 1.0) - 1.0, np.nan)
    return list(zip(periods[last].tolist(), values.tolist(), strict=True))


# Rolling


def rolling_volatility(returns: Floats, window: int, periods_per_year: float) -> Floats:
    """(returns,) annualised volatility of the last `window` returns, NaN before."""
    return _rolled(returns, window, _windows(returns, window).std(axis=1, ddof=1) * np.sqrt(periods_per_year))


def rolling_sharpe(returns: Floats, window: int, periods_per_year: float) -> Floats:
    """(returns,) annualised Sharpe ratio of the last `window` returns, without a risk-free rate; NaN before and where nothing moved."""
    parts = _windows(returns, window)
    spread = parts.std(axis=1, ddof=1)
    spread[spread <= 1e-15] = np.nan
    return _rolled(returns, window, parts.mean(axis=1) / spread * np.sqrt(periods_per_year))


def rolling_return(returns: Floats, window: int) -> Floats:
    """(returns,) compounded return of the last `window` returns, NaN before."""
    return _rolled(returns, window, np.prod(1.0 + _windows(returns, window), axis=1) - 1.0)


def rolling_beta(returns: Floats, benchmark: Floats, window: int) -> Floats:
    """(returns,) beta of the last `window` returns to the benchmark's, NaN before and where the benchmark did not move."""
    ours, theirs = _windows(returns, window), _windows(benchmark, window)
    theirs = theirs - theirs.mean(axis=1, keepdims=True)
    spread = (theirs**2).sum(axis=1)
    spread[spread <= 0] = np.nan
    return _rolled(returns, window, (ours * theirs).sum(axis=1) / spread)


def _windows(values: Floats, window: int) -> NDArray[np.float64]:
    if window < 2:
        raise Rejected(f"rolling figure: a window of {window} returns, expected at least 2")
    if len(values) < window:
        return np.empty((0, window))
    return np.lib.stride_tricks.sliding_window_view(values, window)


def _rolled(returns: Floats, window: int, values: Floats) -> Floats:
    rolled = np.full(len(returns), np.nan)
    rolled[window - 1 :] = values
    return rolled
