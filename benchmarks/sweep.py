"""A sweep of 1,000 (fast, slow) pairs over 100,000 bars, against a bare compiled loop on two threads and against vectorbt.

Ours is the unmodified example strategy, the search, the engine's threads, records of trials with their figures, and the tally of the best;
what it then takes to say how much of the best is luck, which no peer does, stands apart (verdict_ms).
The bare loop knows the strategy: two running sums, fills at the next open with fees, the final equity, and nothing else.
Memory: what a process of its own needs for 1,000 and for 4,000 configurations.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import market_data as market
from benchmarks import peers
from benchmarks.memory import _own_peak_mb
from benchmarks.peers import prices
from tradewinds.compiled import compiled
from tradewinds.core.instrument import Instrument
from tradewinds.engines.local import LocalEngine
from tradewinds.history.panel import Panel
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.simulation.search import Grid, Proposal, Space, space_of
from tradewinds.simulation.sweep import Trial, run_one, trials
from tradewinds.simulation.sweep_run import Plan, Validation, plan_of, swept
from tradewinds.simulation.sweep_verdict import Tally, luck_of
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.strategy_file import load_strategy

ROOT = Path(__file__).resolve().parents[1]
BARS, ROUNDS, THREADS = 100_000, 5, 2
CASH, FEE = 10_000_000.0, 1e-4
FAST, SLOW = range(5, 55, 2), range(60, 260, 5)  # the peers' 1,000 pairs
TO_BARE_LEAST, TO_VECTORBT_LEAST, GROWTH_MOST = 0.2, 30.0, 1.1
EQUITY_APART_MOST = 100.0  # of the sum of a thousand accounts of ten millions: fills at exact ties of two averages


sma_cross = load_strategy(str(Path(__file__).resolve().parents[1] / "examples" / "strategies" / "sma_cross.py"))


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a tenth of the configurations and two rounds. vectorbt takes its full 1,000 where FULL=1."""
    rounds, few = (2, 10) if quick else (ROUNDS, 1)
    made, panel = bars(BARS)
    work, plan, space = sweep_of(made, panel, FAST, SLOW[::few])
    pairs = [(space.at(index)["fast"], space.at(index)["slow"]) for index in range(space.size)]
    close, opened = made.close[:, 0].copy(), made.open[:, 0].copy()
    peer_pairs = 1_000 if peers.is_full() else 100
    taken: dict[str, list[float]] = {"bare": [], "ours": [], "cpu": [], "verdict": [], "vectorbt": []}
    asked = ("--bars", BARS, "--configurations", peer_pairs)
    with LocalEngine(work, THREADS) as engine, peers.started("vectorbt", "vectorbt_sweep", *asked) as vectorbt:
        _check(work, plan, space, bare_sweep(close, opened, pairs))
        for _ in range(rounds):
            taken["bare"].append(_seconds(lambda: bare_sweep(close, opened, pairs)))
            begin = time.process_time()
            wall = time.perf_counter()
            tally = _tallied(space, engine)
            taken["ours"].append(time.perf_counter() - wall)
            taken["cpu"].append(time.process_time() - begin)
            wall = time.perf_counter()
            _verdict(tally, plan, engine)
            taken["verdict"].append(time.perf_counter() - wall)
            if vectorbt is not None:
                taken["vectorbt"].append(vectorbt.round())
    rate, limit = (len(pairs) / statistics.median(taken[name]) for name in ("ours", "bare"))
    small, large = (_peak_mb(number) for number in (1, 4))
    reach = {
        "to_bare_loop": market.reach(rate / limit, TO_BARE_LEAST, at_least=True),
        "memory_of_four_times_the_configurations": market.reach(large / small, GROWTH_MOST),
    }
    peer = peer_pairs / statistics.median(taken["vectorbt"]) if taken["vectorbt"] else None
    if peer is not None:
        reach["to_vectorbt"] = market.reach(rate / peer, TO_VECTORBT_LEAST, at_least=True)
    return {
        "figures": {
            "configurations_per_s": round(rate, 1),
            "cpu_us_per_configuration": round(statistics.median(taken["cpu"]) / len(pairs) * 1e6, 1),
            "verdict_ms": round(statistics.median(taken["verdict"]) * 1e3, 1),
            "peak_mb_of_1000": round(small, 1),
            "peak_mb_of_4000": round(large, 1),
        },
        "peers": {
            "bare_loop_configurations_per_s": round(limit, 1),
            **({} if peer is None else {"vectorbt_configurations_per_s": round(peer, 1)}),
        },
        "reach": reach,
        "machine": market.machine(),
        "how": {"bars": BARS, "configurations": len(pairs), "peer_configurations": peer_pairs, "rounds": rounds, "threads": THREADS},
    }


def bars(count: int) -> tuple[Market, Panel]:
    """The peers' minute bars of one instrument."""
    starts = prices.starts_ns(count)
    ends = starts + prices.MINUTE_NS
    panel = Panel(("X.BENCH",), starts, ends, ends[:, None], prices.walks(count, 1))
    return market_of_panel(panel, [Instrument("X.BENCH", "spot", "USD", "24/7")]), panel


def sweep_of(made: Market, panel: Panel, fast: Sequence[int], slow: Sequence[int]) -> tuple[SweepWork, Plan, Space]:
    """A grid of the example strategy over the whole market."""
    plan = plan_of(made, 0, made.shape[0], Validation())
    setup = Setup(account=Account(CASH), costs=(BasisPoints(1e4 * FEE),))
    return SweepWork(sma_cross, made, panel, setup, plan.spans), plan, space_of(sma_cross, {"fast": fast, "slow": slow})


@compiled
def bare(close: NDArray[np.float64], opened: NDArray[np.float64], fast: int, slow: int) -> float:
    """Final equity of the cross, one unit, next open, fees."""
    fast_sum = slow_sum = 0.0
    held = wanted = 0.0
    cash = CASH
    for t in range(len(close)):
        if wanted != held:
            cash -= (wanted - held) * opened[t] + abs(wanted - held) * opened[t] * FEE
            held = wanted
        fast_sum += close[t]
        slow_sum += close[t]
        if t >= fast:
            fast_sum -= close[t - fast]
        if t >= slow:
            slow_sum -= close[t - slow]
        if t >= slow - 1:
            wanted = 1.0 if fast_sum * slow > slow_sum * fast else 0.0
    return float(cash + held * close[-1])


def bare_sweep(close: NDArray[np.float64], opened: NDArray[np.float64], pairs: list[tuple[Any, Any]]) -> list[float]:
    """The bare loop over all pairs on two threads, in blocks of 50."""

    def block(part: list[tuple[Any, Any]]) -> list[float]:
        return [bare(close, opened, fast, slow) for fast, slow in part]

    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.map(block, [pairs[at : at + 50] for at in range(0, len(pairs), 50)])
        return [value for part in parts for value in part]


def memory(times: int) -> float:
    """Peak of this process in MB after a sweep of a thousand pairs times so many; what indicators keep is full with the first."""

    made, panel = bars(BARS)
    work, plan, space = sweep_of(made, panel, range(5, 5 + 10 * times), range(60, 160))
    with LocalEngine(work, THREADS) as engine:
        swept(plan, lambda: Grid(space), engine)
    return float(_own_peak_mb())


def _check(work: SweepWork, plan: Plan, space: Space, expected: list[float]) -> None:
    """Ours come to the same money as the bare loop's."""
    found: list[float] = []

    def seen(trial: Trial) -> None:
        assert trial.figures is not None, trial.failure
        found.append(trial.figures.equity)

    with LocalEngine(work, THREADS) as engine:
        swept(plan, lambda: Grid(space), engine, on_trial=seen)
    assert abs(sum(found) - sum(expected)) < EQUITY_APART_MOST, (sum(found), sum(expected))


def _tallied(space: Space, engine: LocalEngine) -> Tally:
    tally = Tally("sharpe")
    for trial in trials(Grid(space), engine):
        tally.add(trial)
    return tally


def _verdict(tally: Tally, plan: Plan, engine: LocalEngine) -> None:
    best = tally.best
    assert best is not None
    again = run_one(engine, Proposal(best.number, best.parameters), fold=0)
    assert again.returns is not None
    luck_of(tally, best, again.returns, blocks=plan.blocks, year=plan.year, seed=0)


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def _peak_mb(times: int) -> float:
    command = [sys.executable, "-m", "benchmarks.sweep", "memory", str(times)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        print(memory(int(sys.argv[2])))
    else:
        print(json.dumps(run("quick" in sys.argv)))
