"""What the account is worth at a close, and what is kept of it, compiled."""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.kernel_costs import rate_of
from tradewinds.simulation.kernel_memory import Memory


@compiled
def mark(memory: Memory, row: int) -> None:
    """Equity, gross value and margin at the close; an instrument without a bar counts at its last one."""
    state, close = at.state(memory), at.closes(memory)
    equity, gross, margin = 0.0, 0.0, 0.0
    for currency in range(at.word(memory, at.CURRENCIES)):
        equity += at.cash(memory)[currency] * rate_of(memory, row, currency)
    for k in range(state["held"]):
        instrument = at.held(memory)[k]
        position, terms = at.positions(memory)[instrument], at.terms(memory)[instrument]
        price = close[row, instrument]
        if not np.isnan(price):
            position["last"] = price
        position["last_row"] = row + 1
        value = position["quantity"] * terms["unit"] * position["last"] * rate_of(memory, row, terms["currency"])
        equity += value
        gross += abs(value)
        margin += abs(value) * terms["initial_margin"]
    state["equity"], state["gross"], state["margin"] = equity, gross, margin


@compiled
def record(memory: Memory, row: int) -> None:
    """Keep the equity of the bar: the curve or, without one, the drawdown; the samples; note an account below zero."""
    state = at.state(memory)
    equity = state["equity"]
    if at.word(memory, at.EQUITY_ROWS) > 0:
        at.equity(memory)[row] = equity
    else:
        if equity > state["peak"]:
            state["drawdown"] = max(state["drawdown"], 1.0 - state["trough"] / state["peak"])
            state["peak"], state["trough"] = equity, equity
        state["trough"] = min(state["trough"], equity)
    if state["sample"] < at.word(memory, at.SAMPLES) and at.sample_rows(memory)[state["sample"]] == row:
        at.samples(memory)[state["sample"]] = equity
        state["sample"] += 1
    if not equity >= 0.0:
        state["failed_row"], state["failed_instrument"] = row, -1


@compiled
def correct(memory: Memory, row: int) -> None:
    """Keep the equity of a bar whose close has just filled an order."""
    if at.word(memory, at.EQUITY_ROWS) > 0:
        at.equity(memory)[row] = at.state(memory)["equity"]
