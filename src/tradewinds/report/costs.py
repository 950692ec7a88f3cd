"""Where the profit came from, and what trading cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tradewinds.performance.capacity import capacity
from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_mark import row_figure
from tradewinds.report.measured import Measured
from tradewinds.report.number import ABSENT, count, money, percent

SHOWN = 15
CELLS_MAX = 20_000_000
"""Capacity reads the volume of every bar while rows times instruments stay below this."""


def attribution_section(given: Measured) -> tuple[str, list[Figure]]:
    """Profit by kind, side and instrument, and how much of what was traded went to costs."""
    split, currency = given.summary.attribution, given.currency
    kinds = _figure("profit-by-kind", "Profit by what made it", split.by_kind, currency, note=_unexplained(given))
    sides = _figure("profit-by-side", "Profit by side", split.by_side, currency)
    each = _largest(split.by_instrument)
    instruments = _figure("profit-by-instrument", "Profit by instrument", each, currency)
    text = page.section("costs", "Costs and attribution", page.pair(kinds, sides), instruments.html, page.facts(cost_rows(given)))
    return text, [kinds, sides, instruments]


def cost_rows(given: Measured) -> list[tuple[str, str]]:
    """Costs in money and as a share of what was traded."""
    held, split = given.summary.exposure, given.summary.attribution
    paid = -(split.by_kind.get("commission", 0.0) + split.by_kind.get("slippage", 0.0)) + 0.0
    rows = [
        ("Bought and sold", money(held.traded, given.currency)),
        ("Commission and slippage", money(paid, given.currency)),
    ]
    if held.traded > 0:
        rows.append(("Of what was traded", f"{paid / held.traded * 10_000:.2f} basis points"))
    if held.turnover is not None:
        rows.append(("Turnover", f"{held.turnover:.2f} times the equity a year"))
    rows.append(("Time in the market", percent(held.time, 1)))
    if held.gross_average is not None and held.gross_highest is not None:
        rows.append(("Gross exposure", f"{percent(held.gross_average, 1)} on average, {percent(held.gross_highest, 1)} at most"))
    if held.net_average is not None:
        rows.append(("Net exposure", f"{percent(held.net_average, 1)} on average"))
    return rows


def capacity_section(given: Measured) -> str:
    """How much money the strategy would carry."""
    volume = given.result.market.volume
    if volume.size > CELLS_MAX:
        return page.section("capacity", "Capacity", page.notes([f"Not measured: {count(volume.size)} cells of volume."]))
    found = capacity(given.record, volume)
    rows = [
        (
            f"Capital at which {percent(found.tolerance, 0)} of fills exceed {percent(found.participation, 0)} of a session's volume",
            _amount(found.at_participation, given.currency),
        ),
        ("Cost of impact at today's capital", ABSENT if found.impact_cost is None else money(found.impact_cost, given.currency)),
        ("Capital at which profit less impact is highest", _amount(found.most_profit_at, given.currency)),
        ("Capital at which impact eats the profit", _amount(found.break_even, given.currency)),
        ("Fills in sessions without volume, left out", count(found.unmeasured)),
    ]
    words = "Impact by the square-root law (Almgren and others, 2005): an order of magnitude, no promise."
    return page.section("capacity", "Capacity", page.facts(rows), page.notes([words]))


def _amount(value: float | None, currency: str) -> str:
    return ABSENT if value is None else "none: there is no profit" if value == 0 else money(value, currency)


def _figure(name: str, title: str, parts: Mapping[str, float], currency: str, note: str = "") -> Figure:
    shown = [(label, value) for label, value in parts.items() if value != 0.0]
    texts = [money(value, is_signed=True) for _, value in shown]
    values = np.array([value for _, value in shown])
    reason = note or ("" if shown else "Nothing was gained or lost.")
    return row_figure(name, title, [label for label, _ in shown], values, texts, unit=currency, note=reason)


def _largest(parts: Mapping[str, float]) -> dict[str, float]:
    """The largest gains and losses, the others as one."""
    order = sorted(parts, key=lambda name: (-abs(parts[name]), name))
    kept = {name: parts[name] for name in sorted(order[:SHOWN], key=lambda name: (-parts[name], name))}
    if len(order) > SHOWN:
        kept[f"{len(order) - SHOWN} others"] = sum(parts[name] for name in order[SHOWN:])
    return kept


def _unexplained(given: Measured) -> str:
    left = given.summary.attribution.unexplained
    if abs(left) <= 0.01 + 1e-9 * abs(given.summary.final):
        return "Adds up to the change of equity, to the cent."
    return f"{money(left, given.currency, is_signed=True)} of the change of equity is not explained by these; please report this."
