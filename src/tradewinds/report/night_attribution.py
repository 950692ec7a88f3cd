"""Attribution: where the profit came from, two cuts of one total."""

from __future__ import annotations

import numpy as np

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_mark import row_figure
from tradewinds.report.night_data import Absent, Attribution, Night
from tradewinds.report.night_health import Part, absent
from tradewinds.report.number import count, money

BARS = 15
EXACT = 1e-9
"""Of the sum of sizes: what is left over below this is rounding of floats."""


def attribution_part(night: Night) -> Part:
    """By cause and by instrument."""
    given = night.attribution
    if isinstance(given, Absent):
        return absent("attribution", "Attribution", given.why)
    figures = [cause_figure(given, night.currency), instrument_figure(given, night.currency)]
    return page.section("attribution", "Attribution", page.pair(*figures), page.notes([_sum(given, night.currency)])), figures


def cause_figure(given: Attribution, currency: str) -> Figure:
    """Factors, the largest first, then specific, costs and the rest, then the total."""
    order = np.argsort(-np.abs(np.nan_to_num(given.by_factor)), kind="stable").tolist()
    rows = [(given.factors[k], float(given.by_factor[k])) for k in order[:BARS]]
    if len(order) > BARS:
        rows.append((f"{len(order) - BARS} other factors", float(given.by_factor[order[BARS:]].sum())))
    rows += [("Specific to instruments", given.specific), ("Costs", given.costs)]
    rows += [("Other", given.other)] if given.other else []
    return _bars("attribution-causes", "By cause", [*rows, ("Together", given.total)], f"{currency}, {given.period}")


def instrument_figure(given: Attribution, currency: str) -> Figure:
    """The instruments that gained and lost most, and the rest together."""
    if given.by_instrument is None:
        return _bars("attribution-instruments", "By instrument", [], currency)
    order = np.argsort(-np.abs(np.nan_to_num(given.by_instrument)), kind="stable").tolist()
    rows = [(given.instruments[k], float(given.by_instrument[k])) for k in order[:BARS]]
    if len(order) > BARS:
        rows.append((f"{count(len(order) - BARS)} others", float(given.by_instrument[order[BARS:]].sum())))
    return _bars("attribution-instruments", "By instrument", [*rows, ("Together", given.total)], f"{currency}, net of costs")


def _bars(name: str, title: str, rows: list[tuple[str, float]], unit: str) -> Figure:
    shown = [(label, value) for label, value in rows if np.isfinite(value)]
    values = np.array([value for _, value in shown], np.float64)
    return row_figure(name, title, [label for label, _ in shown], values, [money(value, is_signed=True) for _, value in shown], unit=unit)


def _sum(given: Attribution, currency: str) -> str:
    size = float(np.abs(given.by_factor).sum()) + abs(given.specific) + abs(given.costs) + abs(given.other) + abs(given.total)
    if abs(given.left_over) <= EXACT * size:
        return "The causes sum exactly to the total."
    return f"The causes leave {money(given.left_over, currency, is_signed=True)} of the total unexplained."
