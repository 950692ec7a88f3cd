"""What people are told on a phone, as short text: how the house is, what trades, profit, positions, orders, what waits, open alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tradewinds.wiring.alerting import opened
from tradewinds.wiring.alerting_summary import position_words, profit_words

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

LINES_MAX = 30


def status(house: House) -> str:
    """Processes, accounts, the last runs that went wrong, holds, alerts."""
    from tradewinds.wiring.desk import overview, trade

    lines = [f"{one.name}: {one.state}" + (f", {one.detail}" if one.detail else "") for one in overview.processes(house)]
    for one in trade.status(house)["accounts"] if house.config.accounts else ():
        words = [f"{one['account']} ({one['mode']}): {one['state']}", f"broker {one['link']}", f"{one['open_orders']} open orders"]
        words += [f"{one['waiting']} wait for a person"] if one["waiting"] else []
        words += [f"{one['unknown_orders']} in doubt"] if one["unknown_orders"] else []
        lines.append(", ".join([*words, *(["HALTED"] if one["halted"] else [])]))
    wrong = [one for one in overview.last_runs(house) if one.state in ("failed", "partial")]
    lines += [f"{one.job} {one.partition}: {one.state}" for one in wrong[:5]]
    lines.append(f"held values: {overview.held_count(house)}, open alerts: {len(opened(house.ledger.outbox))}")
    return _joined(lines, "nothing runs")


def profit(house: House) -> str:
    """Profit by account."""
    return _joined([f"{account}: {words}" for account, words in sorted(profit_words(house).items())], "no account")


def positions(house: House) -> str:
    """What is held."""
    return _joined(position_words(house), "no position")


def orders(house: House) -> str:
    """What works."""
    from tradewinds.wiring.desk import trade

    rows = trade.orders(house, is_open=True, limit=LINES_MAX).rows
    return _joined(
        [
            f"{row['client_order_id']} {row['account']}: {row['side']} {row['quantity']:f} {row['instrument']}, {row['state']}"
            for row in rows
        ],
        "no order works",
    )


def approvals(house: House) -> str:
    """Orders that wait for a person."""
    from tradewinds.wiring.desk import trade

    rows = trade.approvals(house) if house.config.accounts else []
    return _joined([f"{row['account']}: {row['text']} ({row['why']})\n/approve {row['id']}" for row in rows], "nothing waits")


def alerts(house: House) -> str:
    """What nobody has in hand."""
    rows = opened(house.ledger.outbox, LINES_MAX)
    told = [f"{one.alert.severity} {one.alert.source} {one.alert.subject}: {one.alert.text[:200]}\n/ack {one.id}" for one in rows]
    return _joined(told, "no open alert")


READS: Mapping[str, Callable[[House], str]] = {
    "status": status, "pnl": profit, "positions": positions, "orders": orders, "approvals": approvals, "alerts": alerts
}  # fmt: skip


def _joined(lines: list[str], otherwise: str) -> str:
    shown = lines[:LINES_MAX] + ([f"... and {len(lines) - LINES_MAX} more"] if len(lines) > LINES_MAX else [])
    return "\n".join(shown) or otherwise
