"""Compiling ahead: what `make setup` calls once, so that the first backtest need not."""

from __future__ import annotations

import numpy as np

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.instrument import Instrument
from tradewinds.factors import indicator
from tradewinds.performance import summary
from tradewinds.simulation import desk, result
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator


def compile_all() -> None:
    """Compile what a process calls in its first backtest, or load it from the cache: a tiny simulation, its result, common indicators."""
    prices = np.full((4, 1), 100.0)
    times = np.arange(4, dtype=np.int64) * NS_PER_DAY
    one = Instrument("AAPL.XNAS", "equity", "USD", "XNYS")
    market = Market((one,), times, times + NS_PER_DAY, times // NS_PER_DAY, prices, prices, prices, prices, prices)
    simulator = Simulator(market, Setup())
    simulator.run(np.ones((4, 1)), 0, 1)
    simulator.target(0, 2.0)
    desk.follow(simulator, np.full(1, 3.0), "units")
    simulator.cancel(simulator.submit(0, 1, 1.0, "limit", limit=90.0))
    simulator.advance(4)
    result.orders_hash(simulator.orders, simulator.fills)
    summary.compile_all()
    for shape in ((8,), (8, 1), (8, 2)):
        values = np.arange(100.0, 100.0 + np.prod(shape)).reshape(shape)
        values.setflags(write=False)  # as a panel's are
        for indicate in (indicator.sma, indicator.ema, indicator.rsi, indicator.highest, indicator.lowest, indicator.stddev):
            indicate(values, 2)
        indicator.atr(values, values, values, 2)
