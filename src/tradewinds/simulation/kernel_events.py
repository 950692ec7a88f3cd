"""What happens to positions, cash and open orders besides trading, compiled: events before the open, and what days cost.

1. `happen`: the events of a bar, in the order in which the market sorted them.
2. `accrue`: financing, borrow and interest for the days since the bar before, on what was held and owed at its close.
"""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.books import (
    AT_DELISTING,
    BELOW_MINIMUM,
    BORROW,
    CANCELLED,
    CASH_IN_LIEU,
    DELISTED,
    DELISTING,
    DIVIDEND,
    FINANCING,
    FUNDING,
    INTEREST,
    SPLIT,
)  # fmt: skip
from tradewinds.simulation.kernel_costs import NS_PER_DAY, on_tick, rate_of
from tradewinds.simulation.kernel_fill import book, end, exchange, last_price, post, release
from tradewinds.simulation.kernel_match import take_off
from tradewinds.simulation.kernel_memory import Memory

DAYS_PER_YEAR = 365.0
SPLIT_HAIR = 1e-6  # of a lot: ratios such as 1:3 come as rounded floats


@compiled
def happen(memory: Memory, row: int) -> None:
    """Everything that happens before the open of `row`."""
    state = at.state(memory)
    while state["event"] < at.word(memory, at.EVENTS):
        event = at.events(memory)[state["event"]]
        if event["row"] > row:
            break
        state["event"] += 1
        instrument, kind, value = event["instrument"], event["kind"], event["value"]
        last_price(memory, row - 1, instrument)
        if kind == SPLIT:
            _split(memory, row, instrument, value)
        elif kind == DIVIDEND:
            units = at.positions(memory)[instrument]["quantity"] * at.terms(memory)[instrument]["lot"]
            _pay(memory, row, instrument, DIVIDEND, units * value)
        elif kind == FUNDING:
            price = event["price"] if not np.isnan(event["price"]) else at.positions(memory)[instrument]["last"]
            notional = at.positions(memory)[instrument]["quantity"] * at.terms(memory)[instrument]["unit"] * price
            _pay(memory, row, instrument, FUNDING, -notional * value)
        elif kind == DELISTING:
            _delist(memory, row, instrument, value)
    take_off(memory)


@compiled
def _pay(memory: Memory, row: int, instrument: int, kind: int, amount: float) -> None:
    if amount == 0.0 or np.isnan(amount):
        return
    currency, cash = at.terms(memory)[instrument]["currency"], at.cash(memory)
    rate = rate_of(memory, row, currency)
    cash[currency] += amount
    at.state(memory)["equity"] += amount * rate
    post(memory, row, instrument, kind, currency, amount, 0)
    if at.rules(memory)["is_cash_account"] and currency != 0 and cash[currency] < 0.0:
        exchange(memory, row, currency, rate, -cash[currency])


@compiled
def _split(memory: Memory, row: int, instrument: int, ratio: float) -> None:
    """New lots toward zero, and the fraction in cash at the last close over the ratio, which realises its part of the cost."""
    position, terms = at.positions(memory)[instrument], at.terms(memory)[instrument]
    before = position["quantity"]
    position["last"] /= ratio
    if before != 0:
        exact = before * ratio
        after = _whole(exact)
        in_lieu = (exact - after) * terms["unit"] * position["last"] if abs(exact - after) > SPLIT_HAIR else 0.0
        if in_lieu != 0.0:
            cost = position["cost"] * (exact - after) / exact
            position["cost"] -= cost
            position["realised"] += in_lieu - cost
        position["quantity"] = after
        post(memory, row, instrument, SPLIT, terms["currency"], 0.0, after - before)
        if in_lieu != 0.0:
            at.cash(memory)[terms["currency"]] += in_lieu
            post(memory, row, instrument, CASH_IN_LIEU, terms["currency"], in_lieu, 0)
        if after == 0:
            position["cost"] = 0.0
            release(memory, instrument)
    _split_orders(memory, instrument, ratio)
    if at.dirty(memory)[instrument] == 0:
        at.dirty(memory)[instrument] = 1
        at.state(memory)["dirty"] += 1


@compiled
def _split_orders(memory: Memory, instrument: int, ratio: float) -> None:
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        order = at.orders(memory)[slot]
        if order["instrument"] != instrument:
            continue
        side, tick = order["side"], at.terms(memory)[instrument]["tick"]
        remaining = order["quantity"] - order["filled"]
        scaled = _whole(remaining * ratio)
        if order["is_target"]:
            at.positions(memory)[instrument]["open_orders"] += side * (scaled - remaining)
        order["filled"] = _whole(order["filled"] * ratio)
        order["quantity"] = order["filled"] + scaled
        order["limit"] = on_tick(order["limit"] / ratio, tick, -side)
        order["stop"] = on_tick(order["stop"] / ratio, tick, side)
        if order["is_trail_fraction"] == 0:
            order["trail"] /= ratio
        if scaled == 0:
            end(memory, slot, CANCELLED, BELOW_MINIMUM)


@compiled
def _whole(exact: float) -> int:
    return int(np.int64(exact + SPLIT_HAIR) if exact >= 0.0 else np.int64(exact - SPLIT_HAIR))


@compiled
def _delist(memory: Memory, row: int, instrument: int, value: float) -> None:
    """Paid out at the value, or the last close; open orders end; it has no price until it trades again."""
    position = at.positions(memory)[instrument]
    price = position["last"] if np.isnan(value) else value
    if position["quantity"] != 0 and not np.isnan(price):
        book(memory, row, instrument, -position["quantity"], price, 0.0, 0.0)
        count = at.state(memory)["fills"] - 1
        at.fills(memory)[count if at.rules(memory)["is_keeping_log"] else 0]["touch"] = AT_DELISTING
    position["last"] = np.nan
    for k in range(at.state(memory)["active"]):
        slot = at.active(memory)[k]
        if at.orders(memory)[slot]["instrument"] == instrument:
            end(memory, slot, CANCELLED, DELISTED)


@compiled
def accrue(memory: Memory, row: int) -> None:
    """Financing and borrow of positions, interest of balances: yearly rates over 365 for each UTC day since the bar before."""
    state = at.state(memory)
    days = at.start_ns(memory)[row] // NS_PER_DAY - at.start_ns(memory)[row - 1] // NS_PER_DAY
    if days <= 0:
        return
    years = days / DAYS_PER_YEAR
    rules = at.rules(memory)
    for currency in range(at.word(memory, at.CURRENCIES)):
        balance = at.cash(memory)[currency]
        amount = balance * years * (rules["interest"] if balance > 0.0 else rules["debit"])
        if amount != 0.0:
            at.cash(memory)[currency] += amount
            state["equity"] += amount * rate_of(memory, row, currency)
            post(memory, row, -1, INTEREST, currency, amount, 0)
    for k in range(state["held"]):
        instrument = at.held(memory)[k]
        position, terms = at.positions(memory)[instrument], at.terms(memory)[instrument]
        value = position["quantity"] * terms["unit"] * last_price(memory, row - 1, instrument)
        if value > 0.0:
            _pay(memory, row, instrument, FINANCING, -value * terms["long_rate"] * years)
        else:
            _pay(memory, row, instrument, FINANCING, -value * terms["short_rate"] * years)
            _pay(memory, row, instrument, BORROW, value * terms["borrow"] * years)
