"""Which orders fill in a bar, and where, compiled. The table of `docs/kernel.md` is this file in words.

1. At the open: market orders; limits and stops that the open has passed fill at it.
2. Inside the bar: stops, then limits (optimistic: limits first), then the stops of brackets that began inside the bar.
3. At the close: orders for the close.
4. After the bar: trailing stops move, times in force end.

In each, orders that reduce a position come first, then by id.
"""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.books import (
    ANY_TIME,
    AT_CLOSE,
    AT_LIMIT,
    AT_OPEN,
    AT_STOP,
    DAY,
    EXPIRED,
    GTC,
    LIMIT,
    MARKET,
    NO_REASON,
    ON_CLOSE,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TRAILING_STOP,
    WAITING,
    WORKING,
)  # fmt: skip
from tradewinds.simulation.kernel_fill import end, execute, trail
from tradewinds.simulation.kernel_memory import Memory


@compiled
def match(memory: Memory, row: int) -> None:
    """Everything that orders do in the bar `row`."""
    state, rules = at.state(memory), at.rules(memory)
    if state["active"] == 1 and _is_only_market(memory, row):
        return
    for k in range(state["active"]):
        order = at.orders(memory)[at.active(memory)[k]]
        if order["status"] == WAITING and order["parent"] == 0 and order["working_row"] <= row:
            order["status"] = WORKING
    started = state["started"]
    _rank(memory, row)
    for rank in (0, 1):
        _open_phase(memory, row, rank)
    if state["started"] != started:
        _open_phase(memory, row, 3)
    if state["ended"] == state["active"]:
        take_off(memory)
        return
    _rank(memory, row)
    started = state["started"]
    if rules["is_optimistic"]:
        _limit_phase(memory, row)
        _stop_phase(memory, row)
    else:
        _stop_phase(memory, row)
        _limit_phase(memory, row)
        if state["started"] != started:
            _started_phase(memory, row)
    _rank(memory, row)
    for rank in (0, 1):
        _close_phase(memory, row, rank)
    _after(memory, row)
    take_off(memory)


@compiled
def _is_only_market(memory: Memory, row: int) -> bool:
    """The commonest bar: one market order for the open, which fills whole; the phases would do the same."""
    slot = at.active(memory)[0]
    order = at.orders(memory)[slot]
    price = at.opens(memory)[row, order["instrument"]]
    is_simple = order["kind"] == MARKET and order["tif"] == GTC and order["when"] == ANY_TIME and order["status"] == WORKING
    if not is_simple or order["working_row"] > row or np.isnan(price) or at.rules(memory)["is_same_close"]:
        return False
    execute(memory, row, slot, price, AT_OPEN, 0, 0)
    order["rank"] = 2
    take_off(memory)
    return True


@compiled
def _rank(memory: Memory, row: int) -> None:
    """0 for orders that reduce what is held now, 1 for others, 2 for those that have no turn: not yet, ended, or no bar."""
    for k in range(at.state(memory)["active"]):
        order = at.orders(memory)[at.active(memory)[k]]
        order["rank"] = 2
        if order["status"] == WORKING and order["working_row"] <= row and not np.isnan(at.opens(memory)[row, order["instrument"]]):
            order["rank"] = 0 if order["side"] * at.positions(memory)[order["instrument"]]["quantity"] < 0 else 1


@compiled
def _open_phase(memory: Memory, row: int, rank: int) -> None:
    is_same_close = at.rules(memory)["is_same_close"]
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        order = at.orders(memory)[slot]
        if order["rank"] != rank or order["status"] != WORKING or order["when"] == ON_CLOSE:
            continue
        price = at.opens(memory)[row, order["instrument"]]
        if np.isnan(price):
            continue
        side, kind = order["side"], order["kind"]
        if kind == STOP_LIMIT and order["is_triggered"] == 0 and side * (price - order["stop"]) >= 0.0:
            order["is_triggered"] = 1
        if kind == MARKET:
            is_touched = is_same_close == 0 or order["when"] != ANY_TIME
        elif kind in (STOP, TRAILING_STOP):
            is_touched = side * (price - order["stop"]) >= 0.0
        else:
            is_touched = side * (price - order["limit"]) <= 0.0 and (kind != STOP_LIMIT or order["is_triggered"] == 1)
        if is_touched:
            order["rank"] = 2
            execute(memory, row, slot, price, AT_OPEN, 0, 0)


@compiled
def _stop_phase(memory: Memory, row: int) -> None:
    for rank in (0, 1):
        for k in range(at.state(memory)["active"]):
            slot = at.active(memory)[k]
            if at.orders(memory)[slot]["rank"] == rank:
                _try_stop(memory, row, slot)


@compiled
def _started_phase(memory: Memory, row: int) -> None:
    """Stops of brackets whose entries filled inside this bar: touched when the bar's range reaches them, before or after."""
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        if at.orders(memory)[slot]["rank"] == 3:
            _try_stop(memory, row, slot)


@compiled
def _try_stop(memory: Memory, row: int, slot: int) -> None:
    order = at.orders(memory)[slot]
    kind, side, instrument = order["kind"], order["side"], order["instrument"]
    is_stop = kind in (STOP, TRAILING_STOP) or (kind == STOP_LIMIT and order["is_triggered"] == 0)
    if order["status"] != WORKING or order["when"] != ANY_TIME or not is_stop:
        return
    reached = at.highs(memory)[row, instrument] if side > 0 else at.lows(memory)[row, instrument]
    if not side * (reached - order["stop"]) >= 0.0:
        return
    if kind == STOP_LIMIT:
        order["is_triggered"] = 1
        if side * (order["stop"] - order["limit"]) > 0.0:  # the price has to come back to the limit: not in this bar
            order["inside_row"] = row
            return
    order["rank"] = 2
    execute(memory, row, slot, order["stop"], AT_STOP, 0, 1)


@compiled
def _limit_phase(memory: Memory, row: int) -> None:
    for rank in (0, 1):
        for k in range(at.state(memory)["active"]):
            slot = at.active(memory)[k]
            order = at.orders(memory)[slot]
            kind, side, instrument = order["kind"], order["side"], order["instrument"]
            is_limit = kind in (LIMIT, TAKE_PROFIT) or (kind == STOP_LIMIT and order["is_triggered"] == 1)
            if order["rank"] != rank or order["status"] != WORKING or not is_limit or order["inside_row"] == row:
                continue
            if order["when"] != ANY_TIME or order["tif"] > DAY:
                continue
            reached = at.lows(memory)[row, instrument] if side > 0 else at.highs(memory)[row, instrument]
            if side * (reached - order["limit"]) <= 0.0:
                order["rank"] = 2
                execute(memory, row, slot, order["limit"], AT_LIMIT, 1, 1)


@compiled
def _close_phase(memory: Memory, row: int, rank: int) -> None:
    is_same_close = at.rules(memory)["is_same_close"]
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        order = at.orders(memory)[slot]
        if order["rank"] != rank or order["status"] != WORKING:
            continue
        is_market = order["kind"] == MARKET
        if order["when"] != ON_CLOSE and not (is_same_close and is_market and order["when"] == ANY_TIME):
            continue
        price = at.closes(memory)[row, order["instrument"]]
        if is_market or order["side"] * (price - order["limit"]) <= 0.0:
            order["rank"] = 2
            execute(memory, row, slot, price, AT_CLOSE, 0, 0)


@compiled
def _after(memory: Memory, row: int) -> None:
    """Trailing stops follow the bar; orders for one bar or one session end with it."""
    state = at.state(memory)
    is_last_of_session = row + 1 < at.word(memory, at.TIMES) and at.session(memory)[row + 1] != at.session(memory)[row]
    for k in range(state["active"]):
        slot = at.active(memory)[k]
        order = at.orders(memory)[slot]
        if order["status"] != WORKING or order["working_row"] > row:
            continue
        instrument = order["instrument"]
        has_traded = not np.isnan(at.opens(memory)[row, instrument])
        if has_traded and order["kind"] == TRAILING_STOP:
            best = at.highs(memory)[row, instrument] if order["side"] < 0 else at.lows(memory)[row, instrument]
            trail(memory, slot, at.closes(memory)[row, instrument] if order["inside_row"] == row else best)
        is_for_one_bar = order["tif"] > DAY or order["when"] != ANY_TIME
        if (has_traded and is_for_one_bar) or (is_last_of_session and order["tif"] != GTC):
            order["expires_row"] = row
            end(memory, slot, EXPIRED, NO_REASON)


@compiled
def take_off(memory: Memory) -> None:
    """Take ended orders off the active list, and let their slots be used again where no log is kept."""
    state, active = at.state(memory), at.active(memory)
    if state["ended"] == 0:
        return
    is_keeping_log = at.rules(memory)["is_keeping_log"]
    kept = 0
    for k in range(state["active"]):
        slot = active[k]
        status = at.orders(memory)[slot]["status"]
        if status in (WAITING, WORKING):
            active[kept] = slot
            kept += 1
        elif is_keeping_log == 0:
            at.free(memory)[state["free"]] = slot
            state["free"] += 1
    state["active"] = kept
    state["ended"] = 0
