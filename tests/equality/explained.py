"""Where another engine differs, why, and a check that it differs by that and by nothing else. The table stands in docs/equality.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .fills import Outcome, Trade
from .scenarios import Instruction, Scenario

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
    """nautilus_trader fills a resting limit or stop at its own price also where the bar opens beyond it; we fill at that open.

    It walks a bar from open to high to low to close. Where the close is the low and an order was touched on the way down, that side of its
    market stays at the order's price: an order of the same side decided at that close fills there, and not at the close.
    """
    opened, closed = scenario.prices["open"], scenario.prices["close"]
    instructions, waiting, trades = list(scenario.instructions), list[_Waiting](), list[Trade]()
    stayed: dict[
        tuple[int, bool], float
    ] = {}  # row, whether bought -> the price of the order that was touched on the way down to the close
    for trade in ours.trades:
        while instructions and instructions[0].row < trade.row:
            waiting = _then_waiting(instructions.pop(0), waiting)
        before, now = closed[trade.row - 1, 0], opened[trade.row, 0]
        price, left = trade.price, trade.quantity
        for order in waiting:
            is_jumped = price == now and _is_between(order.price, before, now)
            if order.side * trade.quantity > 0 and (price == order.price or is_jumped):
                low = scenario.prices["low"][trade.row, 0]
                if not is_jumped and order.price < now and low == closed[trade.row, 0]:
                    stayed[trade.row, order.side > 0] = order.price
                # Exit and next entry at one price stand there as one trade: only the order's part is filled elsewhere.
                part = order.side * order.quantity
                trades.append(trade._replace(price=order.price, quantity=part))
                left, waiting = trade.quantity - part, []
                break
        if left:
            trades.append(trade._replace(quantity=left))
    trades = [
        one._replace(price=stayed.get((one.row, one.quantity > 0), one.price)) if one.price == closed[one.row, 0] else one for one in trades
    ]
    return trades, sum(fee(scenario, one.quantity, one.price) for one in trades)


class _Waiting(NamedTuple):
    """An order that waits for its price."""

    side: int
    price: float
    quantity: float


def _then_waiting(one: Instruction, waiting: list[_Waiting]) -> list[_Waiting]:
    """What waits after an instruction, given what waited before; an order that has filled waits no more."""
    if one.act == "flatten":
        return []
    if one.is_if_flat:
        exits = [_Waiting(-one.side, price, one.quantity) for price in (one.stop_loss, one.take_profit) if price is not None]
        return waiting or exits
    price = one.limit if one.limit is not None else one.stop
    return waiting if price is None else [_Waiting(one.side, price, one.quantity)]


def _is_between(price: float, before: float, now: float) -> bool:
    return min(before, now) < price < max(before, now)


def trailed_by_closes(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """backtrader moves a trailing stop with closes alone; we move it with every high."""
    return _trailed(scenario, "close", "next_open", is_at_open=True)


def trailed_at_stop(scenario: Scenario, ours: Outcome) -> tuple[list[Trade], float]:
    """nautilus_trader fills a trailing stop at its own price also where the bar opens below it; we fill at that open."""
    return _trailed(scenario, "high", "same_close", is_at_open=False)


def _trailed(scenario: Scenario, follows: str, fill: str, *, is_at_open: bool) -> tuple[list[Trade], float]:
    """The trades of the trailing stops from their definition: a stop that follows a price upward and is touched by the low."""
    prices = {name: values[:, 0].tolist() for name, values in scenario.prices.items()}
    later, market = (1, "open") if fill == "next_open" else (0, "close")
    trades = []
    for entry, trail, flat in zip(*[iter(scenario.instructions)] * 3, strict=True):
        trades.append(Trade(entry.row + later, 0, prices[market][entry.row + later], entry.quantity))
        assert trail.trail is not None
        stop = prices["close"][trail.row] - trail.trail
        for row in range(trail.row + 1, flat.row + 1):
            if prices["low"][row] <= stop:
                price = min(stop, prices["open"][row]) if is_at_open else stop
                trades.append(Trade(row, 0, round(price, 8), -entry.quantity))
                break
            stop = max(stop, round(prices[follows][row] - trail.trail, 8))
        else:
            trades.append(Trade(flat.row + later, 0, prices[market][flat.row + later], -entry.quantity))
    return trades, sum(fee(scenario, one.quantity, one.price) for one in trades)


EXPLAINED: dict[tuple[str, str], Expected] = {
    ("backtrader", "fees_per_trade"): charged_by_part,
    ("backtrader", "fees_minimum"): charged_by_part,
    ("backtesting", "fees_per_trade"): charged_by_lot,
    ("backtesting", "fees_minimum"): charged_by_lot,
    ("backtrader", "trailing_stops"): trailed_by_closes,
    ("nautilus_trader", "trailing_stops"): trailed_at_stop,
    ("nautilus_trader", "limit_entries"): filled_at_order_price,
    ("nautilus_trader", "stop_entries"): filled_at_order_price,
    ("nautilus_trader", "day_orders"): filled_at_order_price,
    ("nautilus_trader", "gaps"): filled_at_order_price,
    ("nautilus_trader", "brackets"): filled_at_order_price,
}
