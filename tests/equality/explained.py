"""Where another engine differs, why, and a check that it differs by that and by nothing else. The table stands in docs/equality.md."""

from __future__ import annotations

from collections.abc import Callable

from .fills import Outcome, Trade
from .scenarios import Scenario

Expected = Callable[[Scenario, Outcome], tuple[list[Trade], float]]
"""From the scenario and our outcome: the trades and the fees that the other engine must have."""


def fee(scenario: Scenario, quantity: float, price: float) -> float:
    """What one fill costs by the scenario."""
    fees = scenario.fees
    return max(abs(quantity) * price * fees.get("bps", 0.0) / 10_000.0 + fees.get("per_trade", 0.0), fees.get("minimum", 0.0))


def charged_by_part(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """backtrader charges the closing and the opening part of a reversal apart; we charge the fill."""
    held, total = 0.0, 0.0
    for trade in ours.trades:
        closing = min(abs(trade.quantity), abs(held)) if held * trade.quantity < 0 else 0.0
        total += sum(fee(scenario, part, trade.price) for part in (closing, abs(trade.quantity) - closing) if part)
        held += trade.quantity
    return list(ours.trades), total


def charged_by_lot(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """backtesting.py charges every earlier purchase that a sale closes (first in, first out) apart; we charge the fill."""
    lots: list[float] = []
    total = 0.0
    for trade in ours.trades:
        left = trade.quantity
        while lots and left * lots[0] < 0:
            part = min(abs(left), abs(lots[0]))
            total += fee(scenario, part, trade.price)
            left += part if left < 0 else -part
            lots[0] += part if lots[0] < 0 else -part
            if not lots[0]:
                lots.pop(0)
        if left:
            total += fee(scenario, left, trade.price)
            lots.append(left)
    return list(ours.trades), total


def filled_at_order_price(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """nautilus_trader fills a resting limit or stop at its own price also where the bar opens beyond it; we fill at that open."""
    opened = scenario.prices["open"]
    waiting: list[float] = []
    trades, instructions = [], list(scenario.instructions)
    for trade in ours.trades:
        while instructions and instructions[0].row < trade.row:
            one = instructions.pop(0)
            prices = [price for price in (one.limit, one.stop, one.stop_loss, one.take_profit) if price is not None]
            if prices and not (one.is_if_flat and waiting):
                waiting = prices
        jumped = [
            price
            for price in waiting
            if _is_beyond(price, trade, opened[trade.row - 1 : trade.row + 1, trade.instrument].tolist(), scenario)
        ]
        is_at_open = trade.price == opened[trade.row, trade.instrument]
        trades.append(trade._replace(price=jumped[0]) if is_at_open and jumped else trade)
    return trades, sum(fee(scenario, one.quantity, one.price) for one in trades)


def _is_beyond(price: float, trade: Trade, opens: list[float], scenario: Scenario) -> bool:
    """Whether the bar of the trade opened beyond an order at `price` that the close before had not reached."""
    before = scenario.prices["close"][trade.row - 1, trade.instrument]
    return bool(min(before, opens[1]) < price < max(before, opens[1]))


def trailed_by_closes(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """backtrader moves a trailing stop with closes alone; we move it with every high, from the bar after the one that made it."""
    prices = {name: values[:, 0].tolist() for name, values in scenario.prices.items()}
    trades = []
    for entry, trail, flat in zip(*[iter(scenario.instructions)] * 3, strict=True):
        trades.append(Trade(entry.row + 1, 0, prices["open"][entry.row + 1], entry.quantity))
        assert trail.trail is not None
        stop = prices["close"][trail.row] - trail.trail
        for row in range(trail.row + 1, flat.row + 1):
            if prices["low"][row] <= stop:
                trades.append(Trade(row, 0, round(min(stop, prices["open"][row]), 8), -entry.quantity))
                break
            stop = max(stop, prices["close"][row] - trail.trail)
        else:
            trades.append(Trade(flat.row + 1, 0, prices["open"][flat.row + 1], -entry.quantity))
    return trades, sum(fee(scenario, one.quantity, one.price) for one in trades)


EXPLAINED: dict[tuple[str, str], Expected] = {
    ("backtrader", "fees_per_trade"): charged_by_part,
    ("backtrader", "fees_minimum"): charged_by_part,
    ("backtesting", "fees_per_trade"): charged_by_lot,
    ("backtesting", "fees_minimum"): charged_by_lot,
    ("backtrader", "trailing_stops"): trailed_by_closes,
    ("nautilus_trader", "limit_entries"): filled_at_order_price,
    ("nautilus_trader", "stop_entries"): filled_at_order_price,
    ("nautilus_trader", "day_orders"): filled_at_order_price,
    ("nautilus_trader", "gaps"): filled_at_order_price,
    ("nautilus_trader", "brackets"): filled_at_order_price,
}
