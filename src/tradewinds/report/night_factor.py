"""Factor returns: last night, and how they added up over a month."""

from __future__ import annotations

import math

import numpy as np

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_line import STYLES, Series, time_figure
from tradewinds.report.chart_mark import row_figure
from tradewinds.report.night_data import Absent, FactorNight, Floats, Night
from tradewinds.report.night_health import Part, absent
from tradewinds.report.number import percent

MONTH = 21  # sessions
WEEK = 5
LINES = 5  # factors in the picture; the table has all
BARS = 20


def factor_part(night: Night) -> Part:
    """Bars of last night, lines of a month, a table of all."""
    given = night.factor_returns
    if isinstance(given, Absent):
        return absent("factors", "Factor returns", given.why)
    if not len(given.times_ns):
        return absent("factors", "Factor returns", "no session has been measured yet")
    figures = [last_figure(given), month_figure(given)]
    return page.section("factors", "Factor returns", page.pair(*figures), _table(given, night.periods_a_year)), figures


def last_figure(given: FactorNight) -> Figure:
    """Last night's return of each factor, the largest first."""
    values = given.values[-1]
    rows = [k for k in np.argsort(-np.abs(np.nan_to_num(values)), kind="stable").tolist() if np.isfinite(values[k])]
    unit = "last night" if len(rows) <= BARS else f"last night, the {BARS} largest"
    if given.r_squared is not None and np.isfinite(given.r_squared[-1]):
        unit += f"; they explain {percent(float(given.r_squared[-1]), 0)} of returns"
    rows = rows[:BARS]
    texts = [percent(float(values[k]), is_signed=True) for k in rows]
    return row_figure("factors-last", "Factor returns", [given.factors[k] for k in rows], values[rows], texts, unit=unit)


def month_figure(given: FactorNight) -> Figure:
    """Cumulative returns of the factors that moved most over the month, from nothing at the close before it where that is known."""
    part, times = given.values[-MONTH:], given.times_ns[-MONTH - 1 :]
    sums = _compounded(part)
    moved = [k for k in np.argsort(-np.abs(np.nan_to_num(sums[-1])), kind="stable").tolist() if np.isfinite(part[:, k]).any()][:LINES]
    if len(times) > len(part):
        sums = np.concatenate([np.zeros((1, sums.shape[1])), sums])
    series = [Series(given.factors[k], sums[:, k], STYLES[place if place < 4 else 5]) for place, k in enumerate(moved)]
    unit = f"cumulative, {len(part)} sessions"
    return time_figure("factors-month", "One month", times, series, is_percent=True, includes=(0.0,), unit=unit)


def _compounded(values: Floats) -> Floats:
    """(T, K) growth so far; sessions without a return count as none."""
    return np.asarray(np.cumprod(1.0 + np.nan_to_num(values), axis=0) - 1.0)


def _table(given: FactorNight, periods_a_year: float) -> str:
    year = math.sqrt(periods_a_year)
    rows = []
    for k, name in enumerate(given.factors):
        values = given.values[:, k]
        month, week = (_compounded(values[-span:, None])[-1, 0] if np.isfinite(values[-span:]).any() else np.nan for span in (MONTH, WEEK))
        finite = values[np.isfinite(values)]
        spread = float(finite.std(ddof=1)) * year if len(finite) > 1 else math.nan
        rows.append((name, *(percent(float(one), is_signed=True) for one in (values[-1], week, month)), percent(spread, 1)))
    heads = ("Factor", "Night", "Week", "Month", "Volatility")
    return page.table(heads, rows) + page.notes(
        [f"A week is {WEEK} sessions, a month {MONTH}; volatility is a year's, of all sessions given."]
    )
