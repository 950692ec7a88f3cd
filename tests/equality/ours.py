"""Our engine over a scenario: the simulator, order by order, as an event strategy or a broker would drive it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import NO_CASH, REFUSED
from tradewinds.simulation.kernel import VERSION
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Cost, Fills, PerTrade, Setup
from tradewinds.simulation.simulator import Simulator

from .scenarios import VOLUME, Instruction, Scenario


def run(scenario: Scenario, fill: str) -> dict[str, Any]:
    """What the runners of the other engines print: fills, fees, equity."""
    market = market_of(scenario)
    sizes_itself = bool(scenario.weights) and fill != "next_close"  # targets are followed at the open or the same close
    simulator = Simulator(market, setup_of(scenario, fill), targets="weights" if sizes_itself else "units")
    if sizes_itself:
        targets = np.full(market.shape, np.nan)
        for row, weights in scenario.weights.items():
            targets[row] = weights
        simulator.run(targets)
    else:
        by_row: dict[int, list[Instruction]] = {}
        for one in scenario.instructions:
            by_row.setdefault(one.row, []).append(one)
        for row in sorted(by_row):
            simulator.advance(row + 1)
            for one in by_row[row]:
                _follow(simulator, one, "close" if fill == "next_close" else one.when)
        simulator.advance(market.shape[0])
    return _answer(scenario, simulator)


def market_of(scenario: Scenario) -> Market:
    """The scenario's bars as a market; an instrument is called by its column."""
    times, width = scenario.ticks["close"].shape
    ends = scenario.start_ns + scenario.bar_ns
    fields = {**scenario.prices, "volume": np.full((times, width), VOLUME)}
    ids = tuple(f"S{number:03d}.TEST" for number in range(width))
    panel = Panel(ids, scenario.start_ns.copy(), ends, np.repeat(ends[:, None], width, axis=1), fields)
    instruments = [Instrument(one, "spot", "USD", "24/7", lot=Decimal(str(scenario.lot))) for one in ids]
    return market_of_panel(panel, instruments)


def setup_of(scenario: Scenario, fill: str) -> Setup:
    """Account, fees and the fill rule."""
    costs: list[Cost] = []
    if "bps" in scenario.fees:
        costs.append(BasisPoints(scenario.fees["bps"], minimum=scenario.fees.get("minimum", 0.0)))
    if "per_trade" in scenario.fees:
        costs.append(PerTrade(scenario.fees["per_trade"]))
    account = Account(
        scenario.cash,
        kind="cash" if scenario.is_rejecting else "margin",
        leverage=1.0 if scenario.is_rejecting else 100.0,
        short_cash="reject" if scenario.is_rejecting else "trim",
    )
    return Setup(account, tuple(costs), Fills(at="same_close" if fill == "same_close" else "next_open"))


def _follow(simulator: Simulator, one: Instruction, when: str) -> None:
    at = one.instrument
    if one.act in ("flatten", "cancel"):
        for number in simulator.open_orders(at):
            simulator.cancel(number)
        held = simulator.quantity(at)
        if one.act == "flatten" and held:
            simulator.submit(at, -1 if held > 0 else 1, abs(held), when=when)
        return
    if one.is_if_flat and (simulator.quantity(at) or simulator.open_orders(at)):
        return
    prices = {name: value for name in ("limit", "stop", "trail") if (value := getattr(one, name)) is not None}
    if one.kind == "trailing_stop" and not simulator.quantity(at):
        return
    entry = simulator.submit(at, one.side, one.quantity, one.kind, tif=one.tif, when=when, **prices)
    if one.stop_loss is not None:
        simulator.submit(at, -one.side, one.quantity, "stop", stop=one.stop_loss, parent=entry, group=entry, is_reduce_only=True)
    if one.take_profit is not None:
        simulator.submit(at, -one.side, one.quantity, "limit", limit=one.take_profit, parent=entry, group=entry, is_reduce_only=True)


def _answer(scenario: Scenario, simulator: Simulator) -> dict[str, Any]:
    fills, orders = simulator.fills, simulator.orders
    return {
        "engine": "tradewinds",
        "version": VERSION,
        "fills": [[int(f["row"]), int(f["instrument"]), float(f["quantity"]) * scenario.lot, float(f["price"])] for f in fills],
        "fees": float(fills["commission"].sum()),
        "equity": simulator.equity_now,
        "refused": int(((orders["status"] == REFUSED) & (orders["reason"] == NO_CASH)).sum()),
    }
