"""A hundred instruments x 100,000 bars that share one cash account, a moving-average cross on each, against a bare loop and vectorbt.

`kernel` is the simulation with given targets, `whole` has the signals in it. The bare loop has the targets too: one cash balance, fills at
the next open with fees, the equity at each bar; nothing is checked, nothing is logged.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks import market_data as market
from benchmarks import peers
from benchmarks.backtest import FEE, _seconds, sma_cross
from benchmarks.peers import prices
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.simulation.simulator import Simulator

Floats = NDArray[np.float64]

BARS, INSTRUMENTS, ROUNDS, CASH = 100_000, 100, 5, 1_000_000_000.0
PER_SECOND_LEAST = 40e6
SETUP = Setup(Account(CASH), (BasisPoints(1),))


@numba.njit(nogil=True)
def bare_loop(opened: Floats, close: Floats, targets: Floats, equity: Floats) -> float:
    """The final cash; writes the equity at each close."""
    cash, held = CASH, np.zeros(close.shape[1])
    for row in range(len(close)):
        worth = 0.0
        for at in range(close.shape[1]):
            wanted = targets[row - 1, at] if row else 0.0
            if wanted != held[at]:
                change = wanted - held[at]
                cash -= change * opened[row, at] + abs(change) * opened[row, at] * FEE
                held[at] = wanted
            worth += held[at] * close[row, at]
        equity[row] = cash + worth
    return cash


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a tenth of the bars."""
    bars = BARS // 10 if quick else BARS
    walks: dict[str, Floats] = prices.walks(bars, INSTRUMENTS, 1)
    times = prices.starts_ns(bars)
    ends = times + 60_000_000_000
    names = tuple(f"I{at:03}.SIM" for at in range(INSTRUMENTS))
    panel = Panel(
        names, times, ends, np.broadcast_to(ends[:, None], (bars, INSTRUMENTS)), {name: np.asarray(walks[name]) for name in walks}
    )
    made = market_of_panel(panel, [Instrument(name, "spot", "USD", "24/7", lot=Decimal(1)) for name in names])
    targets: Any = np.ascontiguousarray(sma_cross.code(panel, sma_cross.params()), dtype=np.float64)
    targets[: sma_cross.lookback_bars(sma_cross.params()) - 1] = 0.0

    def kernel() -> None:
        Simulator(made, SETUP).run(targets)

    actions: dict[str, Callable[[], object]] = {
        "bare": lambda: bare_loop(made.open, made.close, targets, np.empty(bars)),
        "kernel": kernel,
        "whole": lambda: backtest(sma_cross, made, panel, {}, SETUP),
    }
    for work in actions.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in (*actions, "vectorbt")}
    peer_bars = bars if peers.is_full() else bars // 10
    with peers.started("vectorbt", "vectorbt_portfolio", "--bars", peer_bars, "--instruments", INSTRUMENTS) as vectorbt:
        for _ in range(ROUNDS):
            for name, work in actions.items():
                taken[name].append(_seconds(work))
            if vectorbt is not None:
                taken["vectorbt"].append(vectorbt.round() * bars / peer_bars)
    rates = {name: bars * INSTRUMENTS / statistics.median(values) for name, values in taken.items() if values}
    return {
        "figures": {f"{name}_bar_instruments_per_s": round(rates[name]) for name in ("kernel", "whole")},
        "floor": {"bare_loop_bar_instruments_per_s": round(rates["bare"])},
        "peers": {"vectorbt_bar_instruments_per_s": round(rates["vectorbt"])} if "vectorbt" in rates else {},
        "reach": {"portfolio_bar_instruments_per_s": market.reach(rates["kernel"], PER_SECOND_LEAST, at_least=True)},
        "machine": {"bars": bars, "instruments": INSTRUMENTS, "rounds": ROUNDS},
    }


if __name__ == "__main__":
    print(json.dumps(run()))
