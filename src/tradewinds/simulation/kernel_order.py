"""Placing and cancelling orders, compiled: what `submit`, targets and margin calls have in common."""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.books import (
    ANY_TIME,
    ASKED,
    AT_CLOSE,
    BELOW_MINIMUM,
    CANCELLED,
    GTC,
    MARKET,
    NO_PRICE,
    NO_REASON,
    NOT_TRADABLE,
    PARENT_ENDED,
    REFUSED,
    TRAILING_STOP,
    WAITING,
    WORKING,
)  # fmt: skip
from tradewinds.simulation.kernel_costs import on_tick
from tradewinds.simulation.kernel_fill import end, execute, last_price, trail
from tradewinds.simulation.kernel_mark import correct, mark
from tradewinds.simulation.kernel_match import take_off
from tradewinds.simulation.kernel_memory import Memory

_AT_ONCE, _WITH_PARENT, _NEVER = range(3)


@compiled
def has_room(memory: Memory) -> bool:
    """Whether the logs hold whatever one bar, the decisions at its close and all events to come can write."""
    state, width = at.state(memory), at.word(memory, at.WIDTH)
    writes = state["active"] + 2 * width + 8
    if state["fresh"] - state["free"] + writes > at.word(memory, at.ORDER_ROOM):
        return False
    if at.rules(memory)["is_keeping_log"] == 0:
        return True
    coming = at.word(memory, at.EVENTS) - state["event"]
    moved = 2 * (writes + width + coming + at.word(memory, at.CURRENCIES))
    return bool(
        state["fills"] + writes + coming <= at.word(memory, at.FILL_ROOM) and state["postings"] + moved <= at.word(memory, at.POSTING_ROOM)
    )


@compiled
def place(memory: Memory, row: int, instrument: int, side: int, lots: int, kind: int, tif: int, when: int) -> int:
    """Put a new order decided at the close of `row` on the active list; returns its slot. The caller sets what is special about it."""
    state, rules = at.state(memory), at.rules(memory)
    if state["free"] > 0:
        state["free"] -= 1
        slot = at.free(memory)[state["free"]]
    else:
        slot = state["fresh"]
        state["fresh"] += 1
    state["orders"] += 1
    order = at.orders(memory)[slot]
    is_now = rules["is_same_close"] and kind == MARKET and when == ANY_TIME
    order["id"], order["parent"], order["group"], order["tag"], order["inside_row"] = state["orders"], 0, 0, 0, -1
    order["decided_row"], order["expires_row"] = row, -1
    order["working_row"] = row + rules["latency"] + (0 if is_now else 1)
    order["quantity"], order["filled"], order["limit"], order["stop"], order["trail"] = lots, 0, np.nan, np.nan, np.nan
    order["instrument"], order["book"], order["side"], order["kind"], order["tif"], order["when"] = instrument, 0, side, kind, tif, when
    order["status"] = WAITING if rules["latency"] > 0 else WORKING
    order["reason"], order["is_trail_fraction"], order["is_reduce_only"] = NO_REASON, 0, 0
    order["is_target"], order["is_triggered"], order["rank"] = 0, 0, 2
    at.active(memory)[state["active"]] = slot
    state["active"] += 1
    return int(slot)


@compiled
def fill_now(memory: Memory, row: int, slot: int) -> None:
    """Under the same-close rule a market order fills at the close at which it was decided, if its instrument traded there."""
    order = at.orders(memory)[slot]
    if row < 0 or order["working_row"] > row or order["kind"] != MARKET or order["when"] != ANY_TIME or order["status"] != WORKING:
        return
    price = at.closes(memory)[row, order["instrument"]]
    if at.rules(memory)["is_same_close"] and not np.isnan(price):
        execute(memory, row, slot, price, AT_CLOSE, 0, 0)


@compiled
def submit(
    memory: Memory, instrument: int, side: int, lots: int, kind: int, tif: int, when: int, limit: float, stop: float, distance: float,
    is_fraction: int, is_reduce_only: int, parent: int, group: int, tag: int, book: int,
) -> int:  # fmt: skip
    """Place an order decided at the last simulated close; returns its id, or 0 where a log has to grow first."""
    state = at.state(memory)
    row = state["row"] - 1
    if not has_room(memory):
        return 0
    start = _start_by(memory, parent)
    if start == _AT_ONCE:
        parent = 0
    slot = place(memory, row, instrument, side, lots, kind, tif, when)
    order, terms = at.orders(memory)[slot], at.terms(memory)[instrument]
    order["limit"], order["stop"], order["trail"] = on_tick(limit, terms["tick"], -side), on_tick(stop, terms["tick"], side), distance
    order["is_trail_fraction"], order["is_reduce_only"] = is_fraction, is_reduce_only
    order["parent"], order["group"], order["tag"], order["book"] = parent, group, tag, book
    if parent != 0:
        order["status"] = WAITING
    if parent != 0 or group != 0:
        state["linked"] += 1
    price = last_price(memory, row, instrument)
    if kind == TRAILING_STOP and parent == 0 and np.isnan(stop) and not np.isnan(price):
        trail(memory, slot, price)
    about = limit if not np.isnan(limit) else (stop if not np.isnan(stop) else price)
    if start == _NEVER:
        end(memory, slot, CANCELLED, PARENT_ENDED)
    elif terms["is_tradable"] == 0:
        end(memory, slot, REFUSED, NOT_TRADABLE)
    elif row >= 0 and np.isnan(price):
        end(memory, slot, REFUSED, NO_PRICE)
    elif is_reduce_only == 0 and lots * terms["unit"] * about < terms["minimum_notional"]:
        end(memory, slot, REFUSED, BELOW_MINIMUM)
    else:
        fills = state["fills"]
        fill_now(memory, row, slot)
        if state["fills"] != fills:
            mark(memory, row)
            correct(memory, row)
    identity = order["id"]
    take_off(memory)
    return int(identity)


@compiled
def _start_by(memory: Memory, parent: int) -> int:
    """When an order starts whose parent may have ended already, as under the same-close rule: then it is an order like any other."""
    state = at.state(memory)
    if parent == 0:
        return _AT_ONCE
    is_kept = at.rules(memory)["is_keeping_log"] != 0
    for slot in range(parent - 1 if is_kept else 0, min(parent, state["fresh"]) if is_kept else state["fresh"]):
        order = at.orders(memory)[slot]
        if order["id"] == parent and order["status"] not in (WAITING, WORKING):
            return _AT_ONCE if order["filled"] > 0 else _NEVER
    return _WITH_PARENT


@compiled
def cancel(memory: Memory, identity: int) -> int:
    """1 where an open order of this id was cancelled, else 0."""
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        if at.orders(memory)[slot]["id"] == identity:
            end(memory, slot, CANCELLED, ASKED)
            take_off(memory)
            return 1
    return 0


@compiled
def last_close(memory: Memory, instrument: int) -> float:
    """The close of the last simulated bar in which an instrument traded."""
    return last_price(memory, at.state(memory)["row"] - 1, instrument)


@compiled
def close_out(memory: Memory, row: int, reason: int) -> None:
    """A margin call: every open order ends, every position is closed at the next open; targets are not tried again until they change."""
    state = at.state(memory)
    for k in range(state["active"]):
        end(memory, at.active(memory)[k], CANCELLED, reason)
    take_off(memory)
    for k in range(state["held"]):
        instrument = at.held(memory)[k]
        position = at.positions(memory)[instrument]
        quantity = position["quantity"]
        slot = place(memory, row, instrument, -1 if quantity > 0 else 1, abs(quantity), MARKET, GTC, ANY_TIME)
        order = at.orders(memory)[slot]
        order["working_row"], order["status"], order["reason"] = row + 1, WORKING, reason
        position["refused"] = position["target"]
