"""Event strategies in plain Python: bars a second, beside the bare Python loop and beside nautilus_trader and backtrader.

Our strategies and the bare loops run interleaved with the peers, which are servers in their own environments (`make equality` makes
them); a peer that is not installed is left out and its reach is not judged.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import market_data as market
from benchmarks.peers import prices
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, event
from tradewinds.trading.view import View

ROOT = Path(__file__).resolve().parents[1]
FAST, SLOW = 20, 50
SETUP = Setup(account=Account(10_000_000.0), costs=(BasisPoints(1),))
PEERS = {"nautilus_trader": ("nautilus_event.py", 10.0), "backtrader": ("backtrader_event.py", 25.0)}  # script, least times slower
INSTRUMENT = Instrument("S000USD.BINANCE", "spot", "USD", "24/7", lot=Decimal(1))


class Mean:
    """A moving average over whole cents, kept up in plain Python."""

    __slots__ = ("at", "length", "seen", "total", "values")

    def __init__(self, length: int) -> None:
        self.length, self.at, self.seen, self.total = length, 0, 0, 0.0
        self.values = [0.0] * length

    def update(self, value: float) -> float:
        at, values = self.at, self.values
        self.total += value - values[at]
        values[at] = value
        self.at = at + 1 if at + 1 < self.length else 0
        return self.total / self.length


@event()
class Idle:
    def __init__(self, params: Params) -> None: ...

    def on_bar(self, view: View) -> None: ...


@event(lookback=SLOW)
class CrossTargets:
    """Answers the position that it wants at every bar."""

    def __init__(self, params: Params) -> None:
        self.fast, self.slow = Mean(FAST), Mean(SLOW)

    def warm_up(self, view: View) -> None:
        self.fast.update(view.close)
        self.slow.update(view.close)

    def on_bar(self, view: View) -> float:
        return 1.0 if self.fast.update(view.close) > self.slow.update(view.close) else 0.0


@event(lookback=SLOW)
class CrossOrders:
    """Reads its position and buys or sells, as event strategies elsewhere do."""

    def __init__(self, params: Params) -> None:
        self.fast, self.slow = Mean(FAST), Mean(SLOW)

    def warm_up(self, view: View) -> None:
        self.fast.update(view.close)
        self.slow.update(view.close)

    def on_bar(self, view: View) -> None:
        is_above = self.fast.update(view.close) > self.slow.update(view.close)
        held = view.quantity()
        if is_above and not held:
            view.buy(1)
        elif not is_above and held:
            view.sell(held)


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: few bars; FULL=1 has nothing to add, since peers are compared by bars a second."""
    bars, rounds, peer_bars = (50_000, 3, 5_000) if quick else (1_000_000, 5, 100_000)
    panel, there = _market(bars)
    work: dict[str, Callable[[], Any]] = {
        "bare_loop": lambda: _bare(panel),
        "bare_cross": lambda: _bare_cross(panel),
        "idle": lambda: backtest(_any(Idle), there, panel, setup=SETUP),
        "cross_targets": lambda: backtest(_any(CrossTargets), there, panel, setup=SETUP),
        "cross_orders": lambda: backtest(_any(CrossOrders), there, panel, setup=SETUP),
    }
    one, two = work["cross_targets"](), work["cross_orders"]()
    assert [len(one.fills), one.final_equity] == [len(two.fills), two.final_equity]
    servers = {name: _Server(name, script, peer_bars) for name, (script, _) in PEERS.items() if _python(name).exists()}
    taken: dict[str, list[float]] = {name: [] for name in (*work, *servers)}
    for _ in range(rounds):
        for name, once in work.items():
            begin = time.perf_counter()
            once()
            taken[name].append((time.perf_counter() - begin) / bars)
        for name, server in servers.items():
            taken[name].append(server.round() / peer_bars)
    for server in servers.values():
        server.end()
    speed = {name: 1e-6 / statistics.median(seconds) for name, seconds in taken.items()}
    own = {f"{name}_mbars_s": round(speed[name], 3) for name in work}
    reach = {
        "idle_mbars_s": _least(speed["idle"], 1.0),
        "cross_orders_mbars_s": _least(speed["cross_orders"], 0.5),
        "cross_targets_mbars_s": _least(speed["cross_targets"], 0.5),
    } | {f"cross_orders_to_{name}": _least(speed["cross_orders"] / speed[name], PEERS[name][1]) for name in servers}
    return {
        "figures": own | _reading(panel, 200 if quick else 2000),
        "peers": {f"{name}_mbars_s": round(speed[name], 5) for name in servers},
        "reach": reach,
        "machine": market.machine() | {"bars": bars, "peer_bars": peer_bars, "rounds": rounds, "fills": len(one.fills)},
    }


def _market(bars: int) -> tuple[Panel, Market]:
    fields = prices.walks(bars, 1)
    starts = prices.starts_ns(bars)
    ends = starts + prices.MINUTE_NS
    panel = Panel((INSTRUMENT.id,), starts, ends, ends[:, None], fields)
    return panel, market_of_panel(panel, [INSTRUMENT])


def _bare(panel: Panel) -> None:
    def on_bar(close: float) -> None: ...

    for close in panel.close[:, 0].tolist():
        on_bar(close)


def _bare_cross(panel: Panel) -> int:
    fast, slow, held, orders = Mean(FAST), Mean(SLOW), False, 0
    for row, close in enumerate(panel.close[:, 0].tolist()):
        is_above = fast.update(close) > slow.update(close)
        if row >= SLOW - 1 and is_above != held:
            held = is_above
            orders += 1
    return orders


def _reading(panel: Panel, times: int) -> dict[str, float]:
    """What reading as of costs over plain arrays: nanoseconds a call, and a staircase of hours over minutes."""
    seen: list[float] = []

    @event(lookback=SLOW)
    class Reads:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            if view.row == SLOW + 10:
                seen.append(_each_ns(lambda: view.history("close", 20), times))

    rows = panel.last(min(panel.shape[0], SLOW + 50))
    backtest(_any(Reads), market_of_panel(rows, [INSTRUMENT]), rows, setup=SETUP)
    plain, strategy_panel = panel.close[:, 0], StrategyPanel(panel)
    at = SLOW + 10
    hours = panel.shape[0] // 60
    slow = Panel(
        panel.instruments, panel.times[: hours * 60 : 60], panel.event_ns[59 : hours * 60 : 60], panel.event_ns[59 : hours * 60 : 60, None],
        {"close": panel.close[59 : hours * 60 : 60].copy()},
    )  # fmt: skip
    return {
        "history_of_view_ns": round(seen[0], 1),
        "slice_of_array_ns": round(_each_ns(lambda: plain[at - 20 : at], times), 1),
        "field_of_strategy_panel_ns": round(_each_ns(lambda: strategy_panel.close, times), 1),
        "field_of_panel_ns": round(_each_ns(lambda: panel.close, times), 1),
        "staircase_ns_a_row": round(_each_ns(lambda: StrategyPanel(panel, {"1h": slow}).other("1h", "close"), 3) / panel.shape[0], 2),
        "repeat_ns_a_row": round(_each_ns(lambda: np.repeat(slow.close, 60, axis=0), 3) / panel.shape[0], 2),
    }


def _each_ns(work: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(times):
            work()
        found.append((time.perf_counter() - begin) / times * 1e9)
    return statistics.median(found)


def _least(value: float, limit: float) -> dict[str, float | bool]:
    return {"value": round(value, 3), "limit": limit, "met": value >= limit}


def _any(strategy: Any) -> Any:
    """Type checkers do not see that a decorator makes a class a Strategy."""
    return strategy


def _python(name: str) -> Path:
    return ROOT / ".peers" / name / "bin" / "python"


class _Server:
    """A peer's process that does a round for each line."""

    def __init__(self, name: str, script: str, bars: int) -> None:
        self._process = subprocess.Popen(
            [_python(name), ROOT / "benchmarks" / "peers" / script, "--bars", str(bars), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def round(self) -> float:
        self._say("round")
        return float(self._answer()["seconds"])

    def end(self) -> None:
        self._say("end")
        self._answer()
        self._process.wait(timeout=60)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise RuntimeError(f"the peer {self._process.args!r} ended without an answer, expected one line of JSON")


if __name__ == "__main__":
    print(json.dumps(run()))
