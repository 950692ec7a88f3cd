"""Filling and ending orders, compiled: the only place where cash and positions change by trading.

1. `execute` decides how much of an order fills at a price: reduce-only, participation, all-or-none, cash or margin.
2. `book` moves cash, position and totals and writes the fill.
3. `end` ends an order; a fill starts the children of a bracket and takes from the other orders of its group.
"""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.books import (
    AT_LIQUIDATION,
    BELOW_MINIMUM,
    CANCELLED,
    EXCHANGE,
    EXPIRED,
    FILLED,
    FOK,
    LIMIT,
    MARGIN_CALL,
    NO_CASH,
    NO_REASON,
    NO_SHORT,
    NOT_REDUCING,
    OCO,
    PARENT_ENDED,
    REFUSED,
    STOP_LIMIT,
    TAKE_PROFIT,
    TRAILING_STOP,
    WAITING,
    WORKING,
)  # fmt: skip
from tradewinds.simulation.kernel_costs import affordable, commission, on_tick, rate_of, roll_turnover, slipped
from tradewinds.simulation.kernel_memory import Memory


@compiled
def last_price(memory: Memory, row: int, instrument: int) -> float:
    """The close of the last bar up to `row` that traded, NaN where none has; each bar is looked at once."""
    position, close = at.positions(memory)[instrument], at.closes(memory)
    looked = row
    while looked >= position["last_row"]:
        if not np.isnan(close[looked, instrument]):
            position["last"] = close[looked, instrument]
            break
        looked -= 1
    position["last_row"] = max(position["last_row"], row + 1)
    return float(position["last"])


@compiled
def execute(memory: Memory, row: int, slot: int, reference: float, touch: int, is_maker: int, is_inside: int) -> None:
    """Fill what may be filled of the order at this price (before slippage)."""
    order = at.orders(memory)[slot]
    instrument, side = order["instrument"], order["side"]
    terms, position = at.terms(memory)[instrument], at.positions(memory)[instrument]
    remaining = order["quantity"] - order["filled"]
    lots = remaining
    if order["is_reduce_only"]:
        lots = min(lots, -side * position["quantity"])
        if lots <= 0:
            end(memory, slot, CANCELLED, NOT_REDUCING)
            return
    if terms["participation"] < np.inf and order["reason"] != MARGIN_CALL:
        lots = min(lots, _share_left(memory, row, instrument))
        if lots <= 0:
            return
    if order["tif"] == FOK and lots < remaining:
        end(memory, slot, EXPIRED, NO_REASON)
        return
    last_price(memory, row - 1, instrument)
    price = reference
    if not is_maker:
        price = slipped(memory, row, instrument, side, lots, reference)
    price = on_tick(price, terms["tick"], side)
    kind = order["kind"]
    if kind in (LIMIT, TAKE_PROFIT, STOP_LIMIT):
        price = min(price, order["limit"]) if side > 0 else max(price, order["limit"])
    if order["reason"] == MARGIN_CALL:
        touch = AT_LIQUIDATION
    paid = commission(memory, row, instrument, lots, price, is_maker)
    allowed = lots if touch == AT_LIQUIDATION else affordable(memory, row, instrument, side, lots, price, paid, is_maker)
    if allowed < lots:
        if _is_refused(memory, slot, allowed, price):
            return
        paid = commission(memory, row, instrument, allowed, price, is_maker)
    slippage = side * allowed * terms["unit"] * (price - reference)
    book(memory, row, instrument, side * allowed, price, paid, slippage)
    fill = at.fills(memory)[at.state(memory)["fills"] - 1 if at.rules(memory)["is_keeping_log"] else 0]
    fill["order"], fill["book"], fill["touch"], fill["is_maker"] = order["id"], order["book"], touch, is_maker
    order["filled"] += allowed
    position["used"] += allowed
    if order["is_target"]:
        position["open_orders"] -= side * allowed
    elif at.dirty(memory)[instrument] == 0:
        at.dirty(memory)[instrument] = 1
        at.state(memory)["dirty"] += 1
    if at.state(memory)["linked"]:
        _tell_linked(memory, row, slot, allowed, price, is_inside)
    if order["filled"] == order["quantity"]:
        end(memory, slot, FILLED, order["reason"])
    elif allowed < lots:
        end(memory, slot, CANCELLED, NO_CASH)
    elif order["is_reduce_only"] and position["quantity"] == 0 and not _has_open_parent(memory, slot):
        end(memory, slot, CANCELLED, NOT_REDUCING)


@compiled
def _share_left(memory: Memory, row: int, instrument: int) -> int:
    terms, position = at.terms(memory)[instrument], at.positions(memory)[instrument]
    if position["used_row"] != row:
        position["used_row"] = row
        position["used"] = 0
    volume = at.volumes(memory)[row, instrument]
    if not volume > 0.0:
        return 0
    return int(np.int64(volume * terms["participation"] / terms["lot"] + 1e-9) - position["used"])


@compiled
def _is_refused(memory: Memory, slot: int, allowed: int, price: float) -> bool:
    """Whether an order that the account cannot carry whole ends here; a target's goes on with the lots that are allowed."""
    order = at.orders(memory)[slot]
    instrument = order["instrument"]
    terms, position = at.terms(memory)[instrument], at.positions(memory)[instrument]
    if order["is_target"]:
        position["refused"] = position["target"]
    if order["is_target"] == 0 or at.rules(memory)["is_rejecting"] or allowed <= 0:
        end(memory, slot, REFUSED, NO_SHORT if at.rules(memory)["is_cash_account"] and order["side"] < 0 else NO_CASH)
        return True
    if allowed * terms["unit"] * price < terms["minimum_notional"]:
        end(memory, slot, REFUSED, BELOW_MINIMUM)
        return True
    return False


@compiled
def book(memory: Memory, row: int, instrument: int, signed: int, price: float, paid: float, slippage: float) -> None:
    """Move the position by `signed` lots at the price, and the cash; write the fill (whose order the caller names)."""
    state, terms, position = at.state(memory), at.terms(memory)[instrument], at.positions(memory)[instrument]
    cash, currency, unit = at.cash(memory), terms["currency"], terms["unit"]
    rate = rate_of(memory, row, currency)
    amount = signed * unit * price
    before = position["quantity"]
    after = before + signed
    realised = _cost_moved(position["cost"], before, signed, amount)
    position["cost"] += amount + realised
    position["realised"] += realised
    position["quantity"] = after
    if after == 0:
        position["cost"] = 0.0
    if at.rules(memory)["is_cash_account"] and currency != 0 and cash[currency] < amount + paid:
        exchange(memory, row, currency, rate, amount + paid - max(cash[currency], 0.0))
    cash[currency] -= amount + paid
    marked = position["last"] if not np.isnan(position["last"]) else price
    state["equity"] += (signed * unit * (marked - price) - paid) * rate
    state["margin"] += (abs(after) - abs(before)) * unit * marked * rate * terms["initial_margin"]
    state["commission"] += paid * rate
    state["slippage"] += slippage * rate
    state["turnover"] += abs(amount) * rate
    if before == 0:
        _hold(memory, instrument)
    elif after == 0:
        release(memory, instrument)
    if before != 0 and before * after <= 0:
        state["trips"] += 1
    if terms["schedule"] >= 0:
        at.turnover(memory)[terms["schedule"], roll_turnover(memory, row, terms["schedule"])] += abs(amount) * rate
    fill = at.fills(memory)[state["fills"] if at.rules(memory)["is_keeping_log"] else 0]
    fill["order"], fill["row"], fill["quantity"], fill["price"], fill["amount"] = 0, row, signed, price, amount
    fill["commission"], fill["slippage"], fill["realised"], fill["instrument"] = paid, slippage, realised, instrument
    fill["book"], fill["touch"], fill["is_maker"] = 0, 0, 0
    state["fills"] += 1


@compiled
def _cost_moved(cost: float, before: int, signed: int, amount: float) -> float:
    """Profit of the lots that close, by average cost."""
    if before * signed >= 0:
        return 0.0
    closing = min(abs(signed), abs(before))
    return float(-amount * (closing / abs(signed)) - cost * (closing / abs(before)))


@compiled
def exchange(memory: Memory, row: int, currency: int, rate: float, missing: float) -> None:
    """Buy what is missing of a currency with account currency at the bar's rate: a cash account owes in no currency."""
    cash = at.cash(memory)
    cash[0] -= missing * rate
    cash[currency] += missing
    post(memory, row, -1, EXCHANGE, 0, -missing * rate, 0)
    post(memory, row, -1, EXCHANGE, currency, missing, 0)


@compiled
def post(memory: Memory, row: int, instrument: int, kind: int, currency: int, amount: float, quantity: int) -> None:
    """Write a posting; the caller moves the cash."""
    state = at.state(memory)
    posting = at.postings(memory)[state["postings"] if at.rules(memory)["is_keeping_log"] else 0]
    posting["row"], posting["instrument"], posting["book"], posting["kind"] = row, instrument, 0, kind
    posting["currency"], posting["amount"], posting["quantity"] = currency, amount, quantity
    state["postings"] += 1


@compiled
def _hold(memory: Memory, instrument: int) -> None:
    """Append to the list of held instruments."""
    state = at.state(memory)
    at.positions(memory)[instrument]["slot"] = state["held"]
    at.held(memory)[state["held"]] = instrument
    state["held"] += 1


@compiled
def release(memory: Memory, instrument: int) -> None:
    """Take off the list of held instruments: the last one moves into the gap."""
    state, held, positions = at.state(memory), at.held(memory), at.positions(memory)
    state["held"] -= 1
    moved, gap = held[state["held"]], positions[instrument]["slot"]
    held[gap] = moved
    positions[moved]["slot"] = gap
    positions[instrument]["slot"] = -1


@compiled
def end(memory: Memory, slot: int, status: int, reason: int) -> None:
    """End an open order; it leaves the active list when the bar is over. Children that wait for it end with it."""
    state, order = at.state(memory), at.orders(memory)[slot]
    if order["status"] != WAITING and order["status"] != WORKING:
        return
    instrument = order["instrument"]
    order["status"], order["reason"] = status, reason
    state["ended"] += 1
    if order["is_target"]:
        at.positions(memory)[instrument]["open_orders"] -= order["side"] * (order["quantity"] - order["filled"])
        if status != FILLED and at.dirty(memory)[instrument] == 0:
            at.dirty(memory)[instrument] = 1
            state["dirty"] += 1
    if state["linked"] == 0:
        return
    if order["filled"] == 0:
        _cancel_children(memory, order["id"])
    if order["group"] != 0 and (status == FILLED or (order["filled"] > 0 and reason == NOT_REDUCING)):
        for k in range(state["active"]):
            other = at.orders(memory)[at.active(memory)[k]]
            is_open = other["status"] in (WORKING, WAITING)
            if is_open and other["group"] == order["group"] and other["id"] != order["id"]:
                other["status"], other["reason"] = CANCELLED, OCO
                state["ended"] += 1
                if other["filled"] == 0:
                    _cancel_children(memory, other["id"])


@compiled
def _cancel_children(memory: Memory, parent: int) -> None:
    for k in range(at.state(memory)["active"]):
        other = at.orders(memory)[at.active(memory)[k]]
        if other["parent"] == parent and other["status"] == WAITING:
            other["status"], other["reason"] = CANCELLED, PARENT_ENDED
            at.state(memory)["ended"] += 1


@compiled
def _tell_linked(memory: Memory, row: int, slot: int, lots: int, price: float, is_inside: int) -> None:
    """A fill starts the children of its order and takes its lots from the other orders of its group."""
    state, order = at.state(memory), at.orders(memory)[slot]
    for k in range(state["active"]):
        other_slot = at.active(memory)[k]
        other = at.orders(memory)[other_slot]
        if other["parent"] == order["id"] and other["status"] == WAITING:
            other["status"], other["working_row"], other["rank"] = WORKING, row, 3
            state["started"] += 1
            if other["kind"] == TRAILING_STOP and np.isnan(other["stop"]):
                trail(memory, other_slot, price)
            if is_inside:
                other["inside_row"] = row
                if not np.isnan(other["stop"]) and other["side"] * (price - other["stop"]) > 0.0:
                    other["stop"] = price  # it stood on the wrong side of the price at which the position began
        is_mate = order["group"] != 0 and other["group"] == order["group"] and other["id"] != order["id"]
        if is_mate and other["status"] in (WORKING, WAITING):
            other["quantity"] -= min(lots, other["quantity"] - other["filled"])
            if other["quantity"] == other["filled"]:
                end(memory, other_slot, CANCELLED, OCO)


@compiled
def _has_open_parent(memory: Memory, slot: int) -> bool:
    parent = at.orders(memory)[slot]["parent"]
    if parent != 0:
        for k in range(at.state(memory)["active"]):
            other = at.orders(memory)[at.active(memory)[k]]
            if other["id"] == parent and other["status"] in (WORKING, WAITING):
                return True
    return False


@compiled
def trail(memory: Memory, slot: int, price: float) -> None:
    """Move a trailing stop up to its distance from the price, never back; the level stands on a tick that the price reaches later."""
    order = at.orders(memory)[slot]
    side = order["side"]
    distance = price * order["trail"] if order["is_trail_fraction"] else order["trail"]
    level = on_tick(price + side * distance, at.terms(memory)[order["instrument"]]["tick"], side)
    stop = order["stop"]
    if np.isnan(stop) or side * (level - stop) < 0.0:
        order["stop"] = level
