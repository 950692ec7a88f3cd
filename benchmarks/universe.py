"""8,000 instruments x 20 years of days, the top tenth by twelve-month momentum bought in equal weights once a month.

The whole `backtest()` is timed: the strategy, the sizing of 800 positions at each of 240 decisions, the marks of every day. Making the
data is not timed, but its memory counts: the peak is that of a process of its own.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np

from benchmarks import market_data as market
from benchmarks.backtest import _seconds
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.strategy import Int, vector

DAYS, INSTRUMENTS, MONTH, ROUNDS = 5_040, 8_000, 21, 5
SECONDS_MOST, PEAK_GIB_MOST = 5.0, 4.0


@vector(parameters={"months": Int(12, 1, 24), "tenths": Int(1, 1, 9)}, lookback=lambda p: p.months * MONTH + 1, targets="weights")
def momentum(panel: Any, params: Any) -> Any:
    """Equal weights of the instruments with the highest return over the months before, once a month; between decisions nothing is done."""
    close = panel.close
    targets = np.full(close.shape, np.nan)
    for row in range(params.months * MONTH, len(close), MONTH):
        past = close[row] / close[row - params.months * MONTH]
        known = np.flatnonzero(~np.isnan(past))
        count = max(1, len(known) * params.tenths // 10)
        chosen = known[np.argpartition(past[known], len(known) - count)[len(known) - count :]]
        targets[row] = 0.0
        targets[row, chosen] = 0.98 / count
    return targets


def measured(days: int, instruments: int, rounds: int) -> dict[str, float]:
    """Seconds of the median round and the peak of this process in GiB."""
    panel, made = _bars(days, instruments)
    setup = Setup(Account(1_000_000_000.0), (BasisPoints(5),))
    fills = len(backtest(momentum, made, panel, {}, setup).fills)
    seconds = statistics.median(_seconds(lambda: backtest(momentum, made, panel, {}, setup)) for _ in range(rounds))
    return {"seconds": seconds, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "fills": fills}


def run(quick: bool = False) -> dict[str, object]:
    """Figures and reaches. quick: a tenth of the instruments."""
    instruments, rounds = (INSTRUMENTS // 10, 2) if quick else (INSTRUMENTS, ROUNDS)
    command = [sys.executable, "-m", "benchmarks.universe", str(DAYS), str(instruments), str(rounds)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
    return {
        "figures": {name: round(value, 3) for name, value in told.items()}
        | {"bar_instruments_per_s": round(DAYS * instruments / told["seconds"])},
        "peers": {},
        "reach": {
            "universe_seconds": market.reach(told["seconds"], SECONDS_MOST),
            "universe_peak_gib": market.reach(told["peak_gib"], PEAK_GIB_MOST),
        },
        "machine": {"days": DAYS, "instruments": instruments, "rounds": rounds},
    }


def _bars(days: int, instruments: int) -> tuple[Panel, Any]:
    """Random walks; a tenth of the instruments stop trading half-way."""
    rng = np.random.default_rng(7)
    close = np.empty((days, instruments))
    price = np.full(instruments, 50.0)
    for row in range(days):
        price = price * np.exp(rng.normal(2e-4, 0.02, instruments))
        close[row] = price
    close[days // 2 :, ::10] = np.nan
    opened = np.vstack([close[:1], close[:-1]])
    opened[days // 2, ::10] = np.nan
    times = np.arange(days, dtype=np.int64) * NS_PER_DAY
    ends = times + NS_PER_DAY
    names = tuple(f"I{at:04}.SIM" for at in range(instruments))
    fields = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    fields["volume"] = np.broadcast_to(np.float64(1e6), close.shape)
    panel = Panel(names, times, ends, np.broadcast_to(ends[:, None], close.shape), fields)
    return panel, market_of_panel(panel, [Instrument(name, "equity", "USD", "XNYS", lot=Decimal(1)) for name in names])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(*(int(one) for one in sys.argv[1:4]))))
    else:
        print(json.dumps(run()))
