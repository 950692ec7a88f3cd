"""One strategy over a million minute bars of one instrument, against a bare compiled loop and against vectorbt and backtesting.py.

Ours is the whole `backtest()` of `examples/strategies/sma_cross.py`: signals, every rule of the kernel, logs of orders and fills, the
equity curve, the fingerprint. The bare loop knows the strategy: two running sums, fills at the next open with fees, the equity curve.
Neither is timed compiling.
Memory: what a process of its own needs above its imports and its compiled code, bars included.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks import market_data as market
from benchmarks import peers
from benchmarks.peers import prices
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.wiring.strategy_file import load_strategy

Floats = NDArray[np.float64]

BARS, ROUNDS = 1_000_000, 5
FAST, SLOW, CASH, FEE = 20, 50, 10_000_000.0, 1e-4
SETUP = Setup(Account(CASH), (BasisPoints(1),))
TO_BARE_MOST, TO_VECTORBT_LEAST, PEAK_MB_MOST, APART_MOST = 3.0, 10.0, 120.0, 100.0


sma_cross = load_strategy(str(Path(__file__).resolve().parents[1] / "examples" / "strategies" / "sma_cross.py"))


@numba.njit(nogil=True)
def bare_loop(opened: Floats, close: Floats, fast: int, slow: int, equity: Floats) -> int:
    """Fills; writes the equity at each close."""
    fast_sum, slow_sum, held, wanted, cash, fills = 0.0, 0.0, 0.0, 0.0, CASH, 0
    for row in range(len(close)):
        if wanted != held:
            change = wanted - held
            cash -= change * opened[row] + abs(change) * opened[row] * FEE
            held, fills = wanted, fills + 1
        price = close[row]
        fast_sum += price
        slow_sum += price
        if row >= fast:
            fast_sum -= close[row - fast]
        if row >= slow:
            slow_sum -= close[row - slow]
        if row >= slow - 1:
            wanted = 1.0 if fast_sum / fast > slow_sum / slow else 0.0
        equity[row] = cash + held * price
    return fills


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a tenth of the bars."""
    bars = BARS // 10 if quick else BARS
    walk = prices.walk(bars, 1)
    panel, made = market_of(walk)
    close, opened, equity = made.close[:, 0].copy(), made.open[:, 0].copy(), np.empty(bars)
    bare_loop(opened, close, FAST, SLOW, equity)
    result = backtest(sma_cross, made, panel, {}, SETUP)
    if abs(float(result.equity[-1] - equity[-1])) > APART_MOST:
        raise RuntimeError(f"backtest benchmark: equity {result.equity[-1]:.2f}, the bare loop has {equity[-1]:.2f}")
    del result
    taken: dict[str, list[float]] = {"bare": [], "ours": [], "vectorbt": []}
    with peers.started("vectorbt", "vectorbt_single", "--bars", bars) as vectorbt:
        for _ in range(ROUNDS):
            taken["bare"].append(_seconds(lambda: bare_loop(opened, close, FAST, SLOW, np.empty(bars))))
            taken["ours"].append(_seconds(lambda: backtest(sma_cross, made, panel, {}, SETUP)))
            if vectorbt is not None:
                taken["vectorbt"].append(vectorbt.round())
    medians = {name: statistics.median(values) * 1e3 for name, values in taken.items() if values}
    peak_mb = _peak_mb(bars)
    reach = {
        "backtest_to_bare_loop": market.reach(medians["ours"] / medians["bare"], TO_BARE_MOST),
        "backtest_peak_mb_above_imports": market.reach(peak_mb, PEAK_MB_MOST),
    }
    if "vectorbt" in medians:
        reach["backtest_times_vectorbt"] = market.reach(medians["vectorbt"] / medians["ours"], TO_VECTORBT_LEAST, at_least=True)
    return {
        "figures": {
            "ours_ms": round(medians["ours"], 2),
            "ours_bars_per_s": round(bars / medians["ours"] * 1e3),
            "peak_mb": round(peak_mb, 1),
        },
        "floor": {"bare_loop_ms": round(medians["bare"], 2)},
        "peers": {f"{name}_ms": round(value, 1) for name, value in medians.items() if name == "vectorbt"} | _slow_peers(bars, quick=quick),
        "reach": reach,
        "machine": {"bars": bars, "rounds": ROUNDS},
    }


def market_of(walk: dict[str, Floats]) -> tuple[Panel, Market]:
    """A panel and a market of one instrument."""
    times = prices.starts_ns(len(walk["close"]))
    ends = times + 60_000_000_000
    fields = {name: np.ascontiguousarray(walk[name])[:, None] for name in ("open", "high", "low", "close", "volume")}
    panel = Panel(("BTCUSDT.BINANCE",), times, ends, ends[:, None].copy(), fields)
    return panel, market_of_panel(panel, [Instrument("BTCUSDT.BINANCE", "spot", "USD", "24/7", lot=Decimal(1))])


def peak() -> None:
    """Print the peak memory of this process before and after one backtest, in MB: what `_peak_mb` reads."""
    bars = int(sys.argv[2])
    panel, made = market_of(prices.walk(1_000, 1))
    backtest(sma_cross, made, panel, {}, SETUP)  # code is loaded once, like an import
    before = _high_water_mb()
    panel, made = market_of(prices.walk(bars, 1))
    backtest(sma_cross, made, panel, {}, SETUP)
    print(json.dumps({"before": before, "after": _high_water_mb()}))


def _high_water_mb() -> float:
    """Of this process since its exec (what getrusage tells begins with the memory of the parent)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _peak_mb(bars: int) -> float:
    done = subprocess.run([sys.executable, "-m", "benchmarks.backtest", "peak", str(bars)], stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return float(told["after"] - told["before"])


def _slow_peers(bars: int, *, quick: bool) -> dict[str, float]:
    """backtesting.py takes seconds for what takes us milliseconds: once, at its full size only where FULL=1."""
    told = peers.run_peer("backtesting", "backtesting_single", "--bars", bars if peers.is_full() else bars // 10)
    if told is None or quick:
        return {}
    return {"backtesting_ns_per_bar": round(statistics.median(told["seconds"]) / told["bars"] * 1e9)}


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        peak()
    else:
        print(json.dumps(run()))
