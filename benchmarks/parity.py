"""A trading day on paper, recorded and replayed: three strategies over minutes of a seeded market, decision by decision, order by order.

The account loop, its journal on SQLite and the paper broker run as they do in the service; the session is cut by a restart at noon.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.paper_session import DAY_MS, MS_NS, STARTED_NS, Session, minutes, seeded
from tradewinds.factors.incremental import Ema
from tradewinds.factors.indicator import ema, sma
from tradewinds.simulation.rules import Account, BasisPoints, HalfSpread, Setup
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.parity import percent, replay
from tradewinds.trading.parity_backtest import compare, decisions_of, panel_of_entries
from tradewinds.trading.strategy import Int, Strategy, event, vector
from tradewinds.trading.view import View

WARM_UP = 300  # the longest window


@vector(parameters={"fast": Int(5, 2, 50), "slow": Int(20, 3, 100)}, lookback=lambda p: p.slow, interval="1m")
def crossing(panel: Any, params: Any) -> Any:
    """A moving-average cross, in units."""
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 3.0, 0.0)


@vector(lookback=20, interval="1m", targets="weights")
def reverting(panel: Any, params: Any) -> Any:
    """Against the distance from a recursive average, in weights of the equity."""
    return np.clip((1.0 - panel.close / ema(panel.close, 20)) * 100.0, -0.3, 0.3)


@event(parameters={"length": Int(14, 2, 50)}, lookback=lambda p: 4 * p.length, interval="1m")
class Remembering:
    """An event strategy whose state is journalled."""

    def __init__(self, params: Any) -> None:
        self.average = Ema(params.length)

    def warm_up(self, view: View) -> None:
        self.average.update(view.close)

    def on_bar(self, view: View) -> None:
        if not (view.close > self.average.update(view.close)) and view.quantity() == 0 and not view.open_orders():
            view.bracket("buy", 2.0, stop=view.close * 0.995, take_profit=view.close * 1.005)


def run(quick: bool = False) -> dict[str, object]:
    """Shares of decisions and orders that a replay gives again, and of decisions that the vectorised backtest gives, in percent."""
    count = 40 if quick else 1440
    market, instruments = seeded(["BTCUSDT", "ETHUSDT", "SOLUSDT"])
    rows = minutes(market, instruments, STARTED_NS // MS_NS - DAY_MS - WARM_UP * 60_000, count + WARM_UP)
    # A decorator makes a class a Strategy, which type checkers do not see.
    chosen: list[tuple[Any, Any]] = [(crossing, instruments[:1]), (reverting, instruments), (Remembering, instruments[1:2])]
    strategies = tuple(Hosted(_strategy(one).name, _strategy(one), some, "USDT") for one, some in chosen)
    with tempfile.TemporaryDirectory(prefix="bench-parity-") as folder:
        session = Session(
            Path(folder), strategies, Setup(Account(1_000_000.0, "USDT", leverage=5.0), (BasisPoints(1), HalfSpread(bps=0.5)))
        )
        begin, noon = time.perf_counter(), WARM_UP + count // 2
        session.trade(rows[WARM_UP:noon], warm_up=rows[:WARM_UP])
        session.trade(rows[noon:], warm_up=rows[noon - WARM_UP : noon])
        traded = time.perf_counter()
        found = replay(session.entries, session.engine, account=session.account)
        replayed = time.perf_counter()
        entries = list(session.entries())
    vectorised = []
    for one in strategies[:2]:
        bars, late = panel_of_entries(entries, "1m", [each.id for each in one.instruments])
        vectorised.append(compare(one, decisions_of(entries, one.name), bars, late))
    agreed = percent(sum(one.decisions_equal for one in vectorised), sum(one.decisions for one in vectorised))
    said = found.as_json()
    percents = {name: float(said[name]) for name in ("decisions_percent", "orders_percent")} | {"backtest_decisions_percent": agreed}
    return {
        "figures": {
            **percents,
            "bars": count, "decisions": found.decisions, "orders": found.orders, "steps": found.steps, "steps_equal": found.steps_equal,
            "traded_ms_a_bar": round(1000 * (traded - begin) / count, 2), "replay_s": round(replayed - traded, 2),
        },
        "peers": {},
        "reach": {name: {"value": value, "limit": 100.0, "met": value == 100.0} for name, value in percents.items()},
    }  # fmt: skip


def _strategy(one: Any) -> Strategy:
    assert isinstance(one, Strategy)
    return one
