"""Several runs on one page: their growth over each other, and their figures side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.performance.returns import drawdown_series, samples_of
from tradewinds.performance.summary import Summary, of
from tradewinds.performance.track_record import TrackRecord
from tradewinds.report import declared, page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_line import STYLES, Series, time_figure
from tradewinds.report.chart_mark import Grid, heat_figure
from tradewinds.report.number import ABSENT, count, decimal, moment, money, percent
from tradewinds.report.sheet import TearSheet
from tradewinds.simulation.result import Result
from tradewinds.simulation.track import track_record

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("From", lambda one: moment(one.start_ns)),
    ("To", lambda one: moment(one.end_ns)),
    ("Capital", lambda one: money(one.capital, one.currency)),
    ("Final equity", lambda one: money(one.final, one.currency)),
    ("Total return", lambda one: percent(one.total_return, is_signed=True)),
    ("A year (CAGR)", lambda one: _percent(one.cagr)),
    ("Volatility", lambda one: _percent(one.volatility)),
    ("Sharpe ratio", lambda one: _decimal(one.sharpe)),
    ("Sortino ratio", lambda one: _decimal(one.sortino)),
    ("Max drawdown", lambda one: percent(one.max_drawdown)),
    ("Calmar ratio", lambda one: _decimal(one.calmar)),
    ("Round trips", lambda one: count(one.trades.count)),
    ("Strike rate", lambda one: _percent(one.trades.strike_rate)),
    ("Profit factor", lambda one: _decimal(one.trades.profit_factor)),
    ("Turnover a year", lambda one: _decimal(one.exposure.turnover)),
    ("Time in the market", lambda one: percent(one.exposure.time, 1)),
)


def compare(results: Mapping[str, Result], *, title: str = "Comparison") -> TearSheet:
    """Runs by name, over the sessions of all of them; raises Rejected for none, or more than there are line styles."""
    if not 1 <= len(results) <= len(STYLES):
        raise Rejected(f"comparison: {len(results)} runs, expected 1 to {len(STYLES)}")
    records = {name: track_record(result) for name, result in results.items()}
    times, values = _aligned(records)
    growth = [Series(name, values[:, at] / _first(values[:, at]), STYLES[at]) for at, name in enumerate(records)]
    falls = [Series(one.name, _depth(one.values), one.style) for one in growth]
    figures = [
        time_figure("growth", "Growth of 1", times, growth, height=320, unit="at session ends"),
        time_figure("falls", "Drawdown", times, falls, is_percent=True, includes=(0.0,), height=180),
        _correlations(tuple(records), values),
    ]
    summaries = [of(record) for record in records.values()]
    table = page.table(("", *records), [(label, *(show(one) for one in summaries)) for label, show in _ROWS])
    marks = [(name, declared.period(result), result.fingerprint.whole) for name, result in results.items()]
    content = (
        page.section("growth-section", "Growth", figures[0].html, figures[1].html)
        + page.section("figures", "Figures", table)
        + page.section("together", "How alike they moved", figures[2].html)
        + page.section("sources", "Where the numbers come from", page.table(("Run", "Over", "Fingerprint"), marks, texts=3))
    )
    return TearSheet(title, page.document(title, declared.names(tuple(records)), content, ""), tuple(figures))


def _aligned(records: Mapping[str, TrackRecord]) -> tuple[Ints, Floats]:
    """(times,) session ends of all, and (times, runs) equity at the last session end so far; NaN before a run began and after it ended."""
    samples = [samples_of(record) for record in records.values()]
    times = np.unique(np.concatenate([one.at_ns for one in samples]))
    values = np.full((len(times), len(samples)), np.nan)
    for at, one in enumerate(samples):
        place = np.searchsorted(one.at_ns, times, "right") - 1
        inside = (place >= 0) & (times <= one.at_ns[-1])
        values[inside, at] = one.values[place[inside]]
    return times, values


def _correlations(names: tuple[str, ...], values: Floats) -> Figure:
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = values[1:] / values[:-1] - 1.0
    both = np.full((len(names), len(names)), np.nan)
    for a in range(len(names)):
        for b in range(len(names)):
            known = np.isfinite(returns[:, a]) & np.isfinite(returns[:, b])
            ours, theirs = returns[known, a], returns[known, b]
            if known.sum() > 2 and ours.std() > 0 and theirs.std() > 0:
                both[a, b] = np.mean((ours - ours.mean()) * (theirs - theirs.mean())) / (ours.std() * theirs.std())
    return heat_figure("alike", "Correlation of returns", Grid(names, names, both, reach=1.0), decimals=2, note="Between session ends.")


def _first(values: Floats) -> float:
    return float(values[np.flatnonzero(np.isfinite(values))[0]])


def _depth(values: Floats) -> Floats:
    depth = np.full(len(values), np.nan)
    known = np.isfinite(values)
    depth[known] = drawdown_series(values[known])
    return depth


def _percent(value: float | None) -> str:
    return ABSENT if value is None else percent(value)


def _decimal(value: float | None) -> str:
    return ABSENT if value is None else decimal(value)
