"""Pictures of an account over time: equity, drawdowns, returns by month and year, rolling figures, their distribution."""

from __future__ import annotations

import numpy as np

from tradewinds.performance.returns import (
    calendar_returns,
    drawdown_series,
    rolling_beta,
    rolling_sharpe,
    rolling_volatility,
)
from tradewinds.report.chart import Figure
from tradewinds.report.chart_line import Series, time_figure
from tradewinds.report.chart_mark import Grid, bar_figure, heat_figure, histogram
from tradewinds.report.measured import Measured
from tradewinds.report.number import ABSENT, moment, percent, span

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WINDOW_MAX = 126  # samples of a rolling figure: half a year of sessions
WINDOW_MIN = 20
DRAWDOWNS = 5


def equity_figure(given: Measured) -> Figure:
    """The account at each close, beside holding; the deepest drawdowns are shaded."""
    series = [Series("Strategy", given.equity)]
    if given.held_name is not None:
        series.append(Series(given.held_name, given.held, "s5"))
    falls = given.summary.drawdowns[:DRAWDOWNS]
    return time_figure(
        "equity",
        "Equity",
        given.record.end_ns[given.rows],
        series,
        bands=[(one.start_ns, one.end_ns, "fall") for one in falls],
        height=300,
        unit=f"{given.currency}, at each close",
        note="Shaded: the deepest falls from a peak, until they were regained." if falls else "",
    )


def underwater_figure(given: Measured) -> Figure:
    """How far below its last peak the account stood."""
    part = given.result.equity[given.result.first_row : given.result.last_row]
    depth = drawdown_series(part)[given.rows - given.result.first_row]
    series = [Series("Drawdown", depth, "down", is_area=True)]
    if given.held_name is not None:
        series.append(Series(given.held_name, drawdown_series(given.held), "s5"))
    return time_figure(
        "underwater", "Drawdown", given.record.end_ns[given.rows], series, is_percent=True, includes=(0.0,), height=170,
        unit="below the highest equity so far",
    )  # fmt: skip


def months_figure(given: Measured) -> Figure:
    """Returns by month, a row for each year and its total behind."""
    table = calendar_returns(given.samples.values, given.samples.at_ns)
    values = np.column_stack([table.months, table.totals]) if len(table.years) else np.empty((0, 13))
    grid = Grid(tuple(str(year) for year in table.years), (*MONTHS, "Year"), values)
    return heat_figure("months", "Monthly returns", grid, is_percent=True, is_last_apart=True, unit="percent, months of UTC")


def years_figure(given: Measured) -> Figure:
    """Returns by year; the first and last year may be cut."""
    table = calendar_returns(given.samples.values, given.samples.at_ns)
    return bar_figure(
        "years",
        "Yearly returns",
        [str(year) for year in table.years],
        table.totals,
        is_percent=True,
        unit="the first and the last may be cut",
    )


def distribution_figure(given: Measured) -> Figure:
    """How the returns of single sessions fell."""
    usable = given.returns[np.isfinite(given.returns)]
    lines = [(float(usable.mean()), "mean"), (float(np.quantile(usable, 0.05)), "worst 5%")] if len(usable) >= WINDOW_MIN else []
    return histogram("distribution", "Returns of sessions", given.returns, lines=lines, is_percent=True, unit="number of sessions")


def rolling_figures(given: Measured) -> list[Figure]:
    """Sharpe ratio, volatility and beta over a moving window; empty while there are too few sessions."""
    window = min(WINDOW_MAX, len(given.returns) // 4)
    if window < WINDOW_MIN:
        return []
    times, year = given.samples.at_ns[1:], given.summary.annualisation.periods_per_year
    unit = f"over {window} sessions"
    figures = [
        time_figure(
            "rolling-sharpe", "Rolling Sharpe ratio", times, [Series("Sharpe", rolling_sharpe(given.returns, window, year), "s3")],
            includes=(0.0,), height=170, unit=unit,
        ),
        time_figure(
            "rolling-volatility", "Rolling volatility", times,
            [Series("Volatility", rolling_volatility(given.returns, window, year), "s2")],
            is_percent=True, includes=(0.0,), height=170, unit=f"a year, {unit}",
        ),
    ]  # fmt: skip
    if np.isfinite(given.held_returns).all():
        beta = rolling_beta(given.returns, given.held_returns, window)
        figures.append(
            time_figure(
                "rolling-beta", "Rolling beta", times, [Series("Beta", beta, "s4")], includes=(0.0,), height=170,
                unit=f"to {given.held_name}, {unit}",
            )
        )  # fmt: skip
    return figures


def drawdown_rows(given: Measured) -> list[tuple[str, ...]]:
    """The worst drawdowns: depth, from, lowest, regained, how long."""
    return [
        (
            percent(one.depth),
            moment(one.start_ns),
            moment(one.trough_ns),
            ABSENT if one.recovery_ns is None else moment(one.recovery_ns),
            span(one.duration_ns),
        )
        for one in given.summary.drawdowns[:DRAWDOWNS]
    ]
