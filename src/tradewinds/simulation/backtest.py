"""`backtest`: one strategy over one market, from declaration to result.

1. Parameters are checked and the lookback is known; the first decision falls on the first bar that has that many before it.
2. A vector strategy is asked once for all targets; an event strategy bar by bar (`simulation.event`).
3. The kernel follows; the result carries its fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.history.panel import Panel
from tradewinds.simulation import kernel
from tradewinds.simulation.market import Market
from tradewinds.simulation.result import Fingerprint, Result, orders_hash, parameters_text, setup_hash
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.strategy import Params, Strategy


def backtest(
    strategy: Strategy,
    market: Market,
    panel: Panel,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    start_ns: int | None = None,
) -> Result:
    """Run it. panel: what the strategy sees, on the market's times and instruments. start_ns: no decision before this instant.

    Raises Rejected where the strategy answers nonsense, naming strategy, bar and value; DataFault where warm-up bars are missing.
    """
    params = strategy.params(parameters)
    chosen = setup or Setup()
    first = first_decision(strategy, params, market, start_ns)
    targets = checked_targets(strategy, strategy.code(panel, params), market)
    simulator = Simulator(market, chosen, targets=strategy.targets)
    simulator.run(targets, first)
    fingerprint = Fingerprint(
        market.vintage, strategy.source, parameters_text(params.as_dict()), setup_hash(chosen), kernel.VERSION,
        orders_hash(simulator.orders, simulator.fills),
    )  # fmt: skip
    return Result(
        strategy.name, params.as_dict(), market, chosen, first, market.shape[0], simulator.equity, simulator.fills, simulator.orders,
        simulator.postings, simulator.books.positions["quantity"].copy(), fingerprint, panel.is_point_in_time,
    )  # fmt: skip


def first_decision(strategy: Strategy, params: Params, market: Market, start_ns: int | None) -> int:
    """The row of the first decision: the first bar that ends after `start_ns` and has the lookback behind it."""
    bars = strategy.lookback_bars(params)
    times = market.shape[0]
    if start_ns is None:
        first = bars - 1
    else:
        first = int(np.searchsorted(market.end_ns, start_ns, "right"))
        if first < bars - 1:
            raise Rejected(
                f"strategy {strategy.name}: a start at {text(start_ns)} has {first + 1} bars, expected the {bars} of its lookback; "
                f"the market begins {text(int(market.start_ns[0]))}, {bars - 1 - first} bars too late"
            )
    if first >= times:
        raise Rejected(f"strategy {strategy.name}: {times} bars, expected at least {bars} for its lookback")
    return first


def checked_targets(strategy: Strategy, answer: object, market: Market) -> NDArray[np.float64]:
    """The answer of a vector strategy as float64 (times, instruments); raises Rejected naming strategy, bar and value."""
    targets = np.ascontiguousarray(answer, dtype=np.float64)
    if targets.shape != market.shape:
        raise Rejected(f"strategy {strategy.name}: targets of shape {targets.shape}, expected {market.shape} (times, instruments)")
    infinite = np.isinf(targets)
    if infinite.any():
        row, column = (int(at) for at in np.argwhere(infinite)[0])
        raise Rejected(
            f"strategy {strategy.name}: target {targets[row, column]} of {market.ids[column]} at {text(int(market.end_ns[row]))}, "
            "expected a finite number, or NaN to leave the position"
        )
    return targets
