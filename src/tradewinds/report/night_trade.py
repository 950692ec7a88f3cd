"""What trades tomorrow, from where to where and why, and how each target came about."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tradewinds.report import page
from tradewinds.report.night_data import Absent, Night, PlannedTrade, TradeNight
from tradewinds.report.night_health import Part, absent
from tradewinds.report.number import ABSENT, count, money, percent

SHOWN = 30  # trades that stand open; the others can be unfolded
TRADES = 1000


def trades_part(night: Night) -> Part:
    """Each strategy's plan."""
    plans = night.trades
    if isinstance(plans, Absent):
        return absent("trades", "What trades tomorrow", plans.why)
    if not plans:
        return absent("trades", "What trades tomorrow", "no strategy asks for anything")
    return page.section("trades", "What trades tomorrow", *(_plan(one, night.currency) for one in plans)), []


def _plan(plan: TradeNight, currency: str) -> str:
    largest = sorted(plan.trades, key=lambda one: (-abs(one.weight_to - one.weight_from), one.instrument))
    more = [f"And {count(len(largest) - TRADES)} smaller ones that the page leaves out."] if len(largest) > TRADES else []
    left = [f"{count(plan.left)} trades were left out as too small."] if plan.left else []
    return page.facts(_facts(plan, currency)) + trade_table(largest[:TRADES], currency) + page.notes([*more, *left, *plan.notes])


def _facts(plan: TradeNight, currency: str) -> list[tuple[str, str]]:
    rows = [
        ("Strategy", plan.strategy),
        ("Built", f"rung {plan.rung} of {plan.rungs}, {plan.why}"),
        ("Method", plan.method or ABSENT),
        ("Turnover", percent(plan.turnover, 1)),
        ("Cost", ABSENT if plan.cost is None else money(plan.cost, currency)),
        ("Cash afterwards", ABSENT if plan.cash is None else percent(plan.cash, 1)),
    ]
    rows += [("Limits that do not hold", "; ".join(plan.broken))] if plan.broken else []
    return rows + ([("Limits that bind", "; ".join(plan.binding))] if plan.binding else [])


def _folded(trades: Sequence[PlannedTrade], currency: str) -> str:
    if not trades:
        return ""
    return f"<details><summary>{count(len(trades))} smaller trades</summary>{trade_table(trades, currency)}</details>"


def trade_table(trades: Sequence[PlannedTrade], currency: str) -> str:
    """One line a trade, its reason below the instrument, so that it fits a phone."""
    if not trades:
        return page.table((), (), empty="Nothing is to be traded.")
    heads = "".join(f'<th scope="col" class="n">{escape(text)}</th>' for text in ("From", "To", f"Value, {currency}", f"Cost, {currency}"))
    return (
        f'<div class="card wide"><table><thead><tr><th scope="col" class="text">Instrument</th>{heads}</tr></thead>'
        f"<tbody>{''.join(_row(one) for one in trades)}</tbody></table></div>"
    )


def _row(one: PlannedTrade) -> str:
    side = "buy" if one.weight_to > one.weight_from else "sell"
    numbers = (
        percent(one.weight_from),
        percent(one.weight_to),
        ABSENT if one.value is None else money(one.value, is_signed=True),
        ABSENT if one.cost is None else money(one.cost),
    )
    cells = "".join(f'<td class="n">{escape(text)}</td>' for text in numbers)
    words = f"{side}: {one.reason}" if one.reason else side
    name = f'{escape(one.instrument)}<p class="note" style="margin:0">{escape(words)}</p>'
    return f'<tr><td class="text" style="min-width:150px">{name}</td>{cells}</tr>'
