"""Pictures of what was held and how much was traded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.performance.exposure import holdings
from tradewinds.report.chart import Figure, empty
from tradewinds.report.chart_line import Series, time_figure
from tradewinds.report.chart_mark import bar_figure
from tradewinds.report.measured import Measured

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS_MAX = 2_000_000
DAYS_MAX = 45  # a longer run is grouped by months, then by years
MONTHS_MAX = 36


def exposure_figure(given: Measured) -> Figure:
    """Long, short and net value as fractions of equity."""
    room = max(2, CELLS_MAX // max(1, len(given.record.instruments)))
    rows = given.rows[np.unique(np.linspace(0, len(given.rows) - 1, min(len(given.rows), room)).astype(np.int64))]
    value = holdings(given.record, rows).value
    equity = given.result.equity[rows]
    equity = np.where(equity > 0, equity, np.nan)
    long, short = np.maximum(value, 0).sum(axis=1) / equity, np.minimum(value, 0).sum(axis=1) / equity
    series = [Series("Long", long, "s1", is_area=True)]
    if short.any():
        series += [Series("Short", short, "s2", is_area=True), Series("Net", long + short, "s5")]
    return time_figure(
        "exposure", "Exposure", given.record.end_ns[rows], series, is_percent=True, includes=(0.0,), height=170, unit="of equity, at closes"
    )


def turnover_figure(given: Measured) -> Figure:
    """What was bought and sold, as a multiple of equity, by day, month or year."""
    title = "Turnover"
    rows, amounts = traded(given)
    if not len(rows):
        return empty("turnover", title, "Nothing was traded.")
    ends = given.record.end_ns
    unit, name = _calendar(int(ends[given.record.first_row]), int(ends[given.record.last_row - 1]))
    first, last = _periods(ends[[given.record.first_row, given.record.last_row - 1]], unit).tolist()
    equity = np.where(given.result.equity[rows] > 0, given.result.equity[rows], np.nan)
    totals = np.bincount(_periods(ends[rows], unit) - first, np.nan_to_num(amounts / equity), last - first + 1).astype(np.float64)
    labels = np.arange(first, last + 1).astype(f"datetime64[{unit}]").astype(str).tolist()
    return bar_figure("turnover", title, labels, totals, style="s1", unit=f"bought and sold, times the equity, by {name}")


def traded(given: Measured) -> tuple[Ints, Floats]:
    """(fills,) rows, and absolute amounts in account currency."""
    record, log = given.record, given.record.fills
    rates = record.rates[log.row if len(record.rates) > 1 else np.zeros(len(log.row), np.int64), log.instrument]
    return log.row, np.abs(log.quantity * log.price) * record.multiplier[log.instrument] * rates


def _calendar(start_ns: int, end_ns: int) -> tuple[str, str]:
    days = (end_ns - start_ns) / NS_PER_DAY
    if days <= DAYS_MAX:
        return "D", "day"
    return ("M", "month") if days <= MONTHS_MAX * 30.5 else ("Y", "year")


def _periods(ends: Ints, unit: str) -> Ints:
    """Numbers of days, months or years (UTC) in which bars end."""
    return (ends - 1).astype("datetime64[ns]").astype(f"datetime64[{unit}]").astype(np.int64)
