"""The step: what happens in one bar, compiled. Everything that trades in simulation loops it.

1. Events before the open (splits, dividends, delistings, funding).
2. Orders that may fill now: at the open, inside the bar, at the close.
3. Mark: the equity at the close.
4. Decide (targets only): the difference between wanted and held becomes orders for later bars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.simulation.books import AT_OPEN, FILLED, GTC, MARKET, WORKING, Bars, Books
from tradewinds.trading.sizing import target_lots

VERSION = "1"


@compiled
def step(bars: Bars, books: Books, row: int) -> None:
    """Simulate bar `row`: fills, postings and the mark at its close."""
    state, rules = books.state[0], bars.rules[0]
    kept = 0
    for slot in range(state["active"]):
        at = books.active[slot]
        order = books.orders[at]
        price = bars.open[row, order["instrument"]]
        if order["working_row"] > row or np.isnan(price):
            books.active[kept] = at
            kept += 1
            continue
        _fill(bars, books, row, at, price, order["quantity"])
    state["active"] = kept
    for i in range(len(books.positions)):
        if not np.isnan(bars.close[row, i]):
            books.positions[i]["last"] = bars.close[row, i]
    _mark(bars, books, row)
    state["row"] = row + 1
    assert rules["latency"] >= 0


@compiled
def _fill(bars: Bars, books: Books, row: int, at: int, price: float, quantity: int) -> None:
    state, order = books.state[0], books.orders[at]
    i = order["instrument"]
    terms, position = bars.terms[i], books.positions[i]
    signed = quantity * order["side"]
    amount = signed * terms["lot"] * terms["multiplier"] * price
    commission = abs(amount) * terms["taker"]
    books.cash[terms["currency"]] -= amount + commission
    position["quantity"] += signed
    position["open_orders"] -= signed
    fill = books.fills[state["fills"]]
    fill["order"], fill["row"], fill["quantity"], fill["price"] = order["id"], row, signed, price
    fill["amount"], fill["commission"], fill["instrument"], fill["touch"] = amount, commission, i, AT_OPEN
    state["fills"] += 1
    order["filled"] = quantity
    order["status"] = FILLED


@compiled
def _mark(bars: Bars, books: Books, row: int) -> None:
    rate_row = row if len(bars.rates) > 1 else 0
    equity = 0.0
    for c in range(len(books.cash)):
        equity += books.cash[c] * bars.rates[rate_row, c]
    for i in range(len(books.positions)):
        held = books.positions[i]["quantity"]
        if held != 0:
            terms = bars.terms[i]
            value = held * terms["lot"] * terms["multiplier"] * books.positions[i]["last"]
            equity += value * bars.rates[rate_row, terms["currency"]]
    books.state[0]["equity"] = equity
    if len(books.equity):
        books.equity[row] = equity


@compiled
def decide(bars: Bars, books: Books, row: int, targets: NDArray[np.float64]) -> None:
    """Orders for the difference between the targets (instruments,) and what is held and ordered; NaN leaves an instrument alone."""
    state, rules = books.state[0], bars.rules[0]
    for i in range(len(targets)):
        position, terms = books.positions[i], bars.terms[i]
        if np.isnan(targets[i]) or np.isnan(position["last"]):
            continue
        rate = bars.rates[row if len(bars.rates) > 1 else 0, terms["currency"]]
        wanted = target_lots(targets[i], rules["target_unit"], state["equity"], position["last"], terms["multiplier"], rate, terms["lot"])
        lots = wanted - position["quantity"] - position["open_orders"]
        if lots == 0:
            continue
        order = books.orders[state["orders"]]
        order["id"] = state["orders"] + 1
        order["decided_row"], order["working_row"], order["expires_row"] = row, row + 1 + rules["latency"], -1
        order["quantity"], order["filled"], order["instrument"], order["side"] = abs(lots), 0, i, 1 if lots > 0 else -1
        order["kind"], order["tif"], order["status"], order["is_target"] = MARKET, GTC, WORKING, 1
        order["limit"], order["stop"] = np.nan, np.nan
        position["open_orders"] += lots
        books.active[state["active"]] = state["orders"]
        state["active"] += 1
        state["orders"] += 1


@compiled
def run(bars: Bars, books: Books, targets: NDArray[np.float64], first: int, last: int) -> int:
    """Steps and decisions over [first, last); returns `last`, or the row at which a log has to grow before going on."""
    state = books.state[0]
    width = len(books.positions)
    for row in range(first, last):
        room = state["active"] + width
        if state["orders"] + width > len(books.orders) or state["fills"] + room > len(books.fills) or room > len(books.active):
            return row
        step(bars, books, row)
        decide(bars, books, row, targets[row])
    return last
