"""The step: what happens in one bar, compiled. Everything that trades in simulation loops it.

1. Events before the open (`kernel_events`): funding, dividends, splits, delistings; financing, borrow and interest of the days passed.
2. Orders that may fill now (`kernel_match`): at the open, inside the bar, at the close.
3. Mark: the equity at the close; a margin call where it is too small.
4. Decide (targets only): the difference between wanted and held becomes orders for later bars.

`run` skips what cannot matter: with one instrument, no order, no event and an unchanged target, a bar is a mark and nothing else.
"""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.books import ANY_TIME, ASKED, CANCELLED, GTC, MARGIN_CALL, MARKET
from tradewinds.simulation.kernel_costs import rate_of
from tradewinds.simulation.kernel_events import accrue, happen
from tradewinds.simulation.kernel_fill import end, last_price
from tradewinds.simulation.kernel_mark import correct, mark, record
from tradewinds.simulation.kernel_match import match, take_off
from tradewinds.simulation.kernel_memory import Memory
from tradewinds.simulation.kernel_order import close_out, fill_now, has_room, place
from tradewinds.trading.sizing import UNITS, target_lots

VERSION = "2"
BLOCK = 16  # targets are compared so many at a time
FULL, FAILED = -1, -2  # answers of `run`: a log has to grow before it goes on; the account or a target failed (STATE.failed_row)


@compiled
def run(memory: Memory, first: int, last: int, is_deciding: int) -> int:
    """Simulate the bars [first, last), and follow the targets where `is_deciding`; returns `last`, FULL or FAILED."""
    state, rules = at.state(memory), at.rules(memory)
    is_plain = (
        at.word(memory, at.WIDTH) == 1 and at.word(memory, at.CURRENCIES) == 1 and rules["is_accruing"] == 0 and rules["maintenance"] == 0.0
    )
    if state["first_row"] < 0:
        _begin(memory, first)
    row = first
    while row < last:
        if is_plain and state["active"] == 0 and (state["dirty"] == 0 or is_deciding == 0):
            row = _quiet(memory, row, last, is_deciding)
            state["row"] = row
            if row == last:
                break
        if not has_room(memory):
            return FULL
        step(memory, row)
        if is_deciding and (is_plain == 0 or _has_news(memory, row)) and decide(memory, row):
            mark(memory, row)
        record(memory, row)
        if state["failed_row"] >= 0:
            return FAILED
        row += 1
        state["row"] = row
    return last


@compiled
def _has_news(memory: Memory, row: int) -> bool:
    """Of one instrument: whether its target differs from the one followed last, or has to be looked at again."""
    state = at.state(memory)
    wanted = at.targets(memory)[row, 0]
    if at.rules(memory)["target_unit"] != UNITS or state["decided_row"] < 0 or state["dirty"] != 0:
        return True
    return bool(wanted != at.targets(memory)[state["decided_row"], 0] and not np.isnan(wanted))


@compiled
def _begin(memory: Memory, first: int) -> None:
    state = at.state(memory)
    state["first_row"] = first
    while state["event"] < at.word(memory, at.EVENTS) and at.events(memory)[state["event"]]["row"] < first:
        state["event"] += 1
    while state["sample"] < at.word(memory, at.SAMPLES) and at.sample_rows(memory)[state["sample"]] < first:
        state["sample"] += 1


@compiled
def _quiet(memory: Memory, row: int, last: int, is_deciding: int) -> int:
    """Mark one instrument over bars in which nothing can happen; returns the first row that is not one of them.

    A stretch is first found, then marked: each of the two loops does so little that the processor takes several bars at a time.
    """
    state, position = at.state(memory), at.positions(memory)[0]
    if state["event"] < at.word(memory, at.EVENTS):
        last = min(last, at.events(memory)[state["event"]]["row"])
    if state["sample"] < at.word(memory, at.SAMPLES):
        last = min(last, at.sample_rows(memory)[state["sample"]])
    followed = np.nan
    if is_deciding and state["decided_row"] >= 0 and at.rules(memory)["target_unit"] == UNITS:
        followed = at.targets(memory)[state["decided_row"], 0]
    elif position["quantity"] == 0:
        followed = 0.0
    end = last
    if is_deciding:
        end = _unchanged(memory, row, last, followed)
        at.fetch_open(memory, end + 1, 0)  # past the last bar it does nothing
    if end > row:
        held = position["quantity"] * at.terms(memory)[0]["unit"]
        if at.word(memory, at.EQUITY_ROWS) > 0:
            end = _mark_curve(memory, row, end, held)
        elif held != 0.0:
            end = _mark_extremes(memory, row, end, held)
    if end > row and position["quantity"] != 0:
        position["last_row"] = end
        state["gross"] = abs(held * position["last"])
        state["margin"] = state["gross"] * at.terms(memory)[0]["initial_margin"]
    return int(end)


@compiled
def _unchanged(memory: Memory, row: int, last: int, followed: float) -> int:
    """The first of the rows [row, last) whose target is a number other than that followed; `last` where none is."""
    wanted = at.only_targets(memory)[row:last]
    k, length = 0, len(wanted)
    while k + BLOCK <= length:
        change = 0
        for each in wanted[k : k + BLOCK]:
            change += (each != followed) & (each == each)
        if change:
            break
        k += BLOCK
    while k < length and not (wanted[k] != followed and wanted[k] == wanted[k]):
        k += 1
    return int(row + k)


@compiled
def _mark_curve(memory: Memory, row: int, last: int, held: float) -> int:
    """Write the equity of the rows [row, last) and note the last price; stops before a row that it cannot mark, below zero."""
    state, position, there = at.state(memory), at.positions(memory)[0], at.cash(memory)[0]
    close, equity = at.only_closes(memory)[row:last], at.equity(memory)[row:last]
    good = 0
    for k in range(len(equity)):  # an index that starts at 0 is known not to count from the end
        worth = there + held * close[k] if held != 0.0 else there
        equity[k] = worth
        good += worth >= 0.0
    if good == len(equity):
        if held != 0.0:
            position["last"] = close[len(close) - 1]
        state["equity"] = equity[len(equity) - 1]
        return int(last)
    price = position["last"] if held != 0.0 else 0.0
    for k in range(len(equity)):
        if not np.isnan(close[k]):
            price = close[k]
        worth = there + held * price
        if not worth >= 0.0:
            last = row + k
            break
        equity[k] = state["equity"] = worth
    if held != 0.0:
        position["last"] = price
    return int(last)


@compiled
def _mark_extremes(memory: Memory, row: int, last: int, held: float) -> int:
    """Note the drawdown and the last price over the rows [row, last) where no curve is kept; stops before a row below zero."""
    state, position, there = at.state(memory), at.positions(memory)[0], at.cash(memory)[0]
    price, now, peak, trough = position["last"], state["equity"], state["peak"], state["trough"]
    for seen in at.only_closes(memory)[row:last]:
        if seen == seen:
            price = seen
        worth = there + held * price
        if not worth >= 0.0:
            break
        now = worth
        if now > peak:
            state["drawdown"] = max(state["drawdown"], 1.0 - trough / peak)
            peak, trough = now, now
        trough = min(trough, now)
        row += 1
    position["last"] = price
    state["equity"], state["peak"], state["trough"] = now, peak, trough
    return int(row)


@compiled
def step(memory: Memory, row: int) -> None:
    """Simulate bar `row`: events, fills and the mark at its close."""
    state, rules = at.state(memory), at.rules(memory)
    if state["event"] < at.word(memory, at.EVENTS) and at.events(memory)[state["event"]]["row"] <= row:
        happen(memory, row)
    if rules["is_accruing"] and row > 0:
        accrue(memory, row)
    if state["active"] > 0:
        match(memory, row)
    mark(memory, row)
    if state["equity"] < rules["maintenance"] * state["gross"] and state["equity"] >= 0.0:
        state["called_row"] = row
        close_out(memory, row, MARGIN_CALL)


@compiled
def decide(memory: Memory, row: int) -> bool:
    """Orders for the difference between the targets of the row and what is held and ordered; whether any of them filled at once."""
    state, width = at.state(memory), at.word(memory, at.WIDTH)
    if state["called_row"] == row:
        return False
    chosen = _changed(memory, row) if at.rules(memory)["target_unit"] == UNITS and state["decided_row"] >= 0 else _all(memory, row)
    state["decided_row"] = row
    if chosen == 0:
        return False
    assert chosen <= width
    fills = state["fills"]
    for is_reducing in (True, False):
        for k in range(chosen):
            instrument, lots = at.chosen(memory)[k], at.lots(memory)[k]
            if (lots * at.positions(memory)[instrument]["quantity"] < 0) == is_reducing and lots != 0:
                at.lots(memory)[k] = 0
                follow(memory, row, instrument, lots)
    take_off(memory)
    return bool(state["fills"] != fills)


@compiled
def _changed(memory: Memory, row: int) -> int:
    """Instruments whose target in units differs from that followed last, or has to be looked at again; how many want an order."""
    bits, dirty, before = at.target_bits(memory), at.dirty(memory), at.state(memory)["decided_row"]
    change = np.int64(0)
    for instrument in range(at.word(memory, at.WIDTH)):
        change |= (bits[row, instrument] ^ bits[before, instrument]) | dirty[instrument]
    if change == 0:
        return 0
    count = 0
    for instrument in range(at.word(memory, at.WIDTH)):
        if bits[row, instrument] != bits[before, instrument] or dirty[instrument] != 0:
            count = _consider(memory, row, instrument, count)
    return count


@compiled
def _all(memory: Memory, row: int) -> int:
    """Every instrument with a target; how many want an order."""
    target = at.targets(memory)
    there = 0
    for instrument in range(at.word(memory, at.WIDTH)):
        there |= not np.isnan(target[row, instrument])
    if there == 0:
        return 0
    count = 0
    for instrument in range(at.word(memory, at.WIDTH)):
        position = at.positions(memory)[instrument]
        if target[row, instrument] != 0.0 or position["quantity"] != 0 or position["open_orders"] != 0:
            count = _consider(memory, row, instrument, count)
    return count


@compiled
def _consider(memory: Memory, row: int, instrument: int, count: int) -> int:
    value = at.targets(memory)[row, instrument]
    if at.dirty(memory)[instrument] != 0:
        at.dirty(memory)[instrument] = 0
        at.state(memory)["dirty"] -= 1
    if np.isnan(value):
        return count
    if np.isinf(value):
        at.state(memory)["failed_row"], at.state(memory)["failed_instrument"] = row, instrument
        return count
    lots = wanted_lots(memory, row, instrument, value, at.rules(memory)["target_unit"])
    if np.isnan(at.positions(memory)[instrument]["last"]):
        at.dirty(memory)[instrument] = 1
        at.state(memory)["dirty"] += 1
    if lots == 0:
        return count
    at.chosen(memory)[count], at.lots(memory)[count] = instrument, lots
    return count + 1


@compiled
def wanted_lots(memory: Memory, row: int, instrument: int, value: float, unit: int) -> int:
    """Signed lots to order for a target, sized at the close of `row`; none without a price, below the minimum, or refused before.

    Orders of earlier targets count as done, unless the new one goes the other way: then they are cancelled.
    """
    position, terms = at.positions(memory)[instrument], at.terms(memory)[instrument]
    price = last_price(memory, row, instrument)
    if np.isnan(price) or terms["is_tradable"] == 0 or value == position["refused"]:
        return 0
    position["target"], position["refused"] = value, np.nan
    rate = rate_of(memory, row, terms["currency"])
    wanted = target_lots(value, unit, at.state(memory)["equity"], price, terms["multiplier"], rate, terms["lot"])
    lots = wanted - position["quantity"] - position["open_orders"]
    if lots * position["open_orders"] < 0:
        for k in range(at.state(memory)["active"]):
            slot = at.active(memory)[k]
            order = at.orders(memory)[slot]
            if order["instrument"] == instrument and order["is_target"]:
                end(memory, slot, CANCELLED, ASKED)
        if at.dirty(memory)[instrument] != 0:
            at.dirty(memory)[instrument] = 0
            at.state(memory)["dirty"] -= 1
        lots = wanted - position["quantity"]
    return int(lots if abs(lots) * terms["unit"] * price >= terms["minimum_notional"] else 0)


@compiled
def follow(memory: Memory, row: int, instrument: int, lots: int) -> None:
    """Place the market order of a target."""
    at.fetch_open(memory, row + 1, instrument)
    slot = place(memory, row, instrument, 1 if lots > 0 else -1, abs(lots), MARKET, GTC, ANY_TIME)
    at.orders(memory)[slot]["is_target"] = 1
    at.positions(memory)[instrument]["open_orders"] += lots
    fill_now(memory, row, slot)


@compiled
def set_target(memory: Memory, instrument: int, value: float, unit: int) -> int:
    """Follow one target, decided at the last simulated close; 1, or 0 where a log has to grow first."""
    row = at.state(memory)["row"] - 1
    if not has_room(memory):
        return 0
    fills = at.state(memory)["fills"]
    lots = wanted_lots(memory, row, instrument, value, unit)
    if at.dirty(memory)[instrument] == 0:  # what `run` followed last does not hold any more: it looks again
        at.dirty(memory)[instrument] = 1
        at.state(memory)["dirty"] += 1
    if lots != 0:
        follow(memory, row, instrument, lots)
    take_off(memory)
    if at.state(memory)["fills"] != fills:
        mark(memory, row)
        correct(memory, row)
    return 1
