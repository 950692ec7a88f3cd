"""The strategies of a portfolio beside each other: what each made, and what it traded."""

from __future__ import annotations

import numpy as np

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_line import STYLES, Series, time_figure
from tradewinds.report.measured import Measured
from tradewinds.report.number import count, money


def books_section(given: Measured) -> tuple[str, list[Figure]]:
    """Profit of each strategy over time, and a table; nothing where one strategy ran by itself."""
    result = given.result
    if len(result.books) < 2:
        return "", []
    from tradewinds.simulation.portfolio import book_profit

    profit = book_profit(result)
    series = [Series(name, profit[given.rows, at], STYLES[at % len(STYLES)]) for at, name in enumerate(result.books[: len(STYLES)])]
    note = "" if len(result.books) <= len(STYLES) else f"The first {len(STYLES)} of {len(result.books)} are drawn."
    figure = time_figure(
        "books",
        "Profit by strategy",
        given.record.end_ns[given.rows],
        series,
        includes=(0.0,),
        unit=f"{given.currency}, after costs",
        note=note,
    )
    rows = []
    for at, name in enumerate(result.books):
        fills = result.fills["book"] == at
        trips = given.trips[np.isin(given.trips["instrument"], _columns(given, at)) & (given.trips["is_open"] == 0)]
        rows.append((name, money(float(profit[result.last_row - 1, at]), is_signed=True), count(int(fills.sum())), count(len(trips))))
    table = page.table(("Strategy", f"Profit, {given.currency}", "Fills", "Round trips"), rows)
    return page.section("books", "Strategies", figure.html, table), [figure]


def _columns(given: Measured, book: int) -> list[int]:
    return [column for column, owner in enumerate(given.result.column_books) if owner == book]
