"""Every code block of docs/strategies.md runs, and each strategy in it trades."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.strategy import Strategy

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
MINUTE_NS = 60_000_000_000


def panel(bars: int, minutes: int = 1, level: float = 100.0) -> Panel:
    close = level + np.round(np.cumsum(np.random.default_rng(11).normal(0, 1, (bars, 1)), axis=0), 2)
    times = np.arange(bars, dtype=np.int64) * MINUTE_NS * minutes
    ends = times + MINUTE_NS * minutes
    opened = np.vstack([close[:1], close[:-1]])
    prices = {"open": opened, "high": np.maximum(opened, close) + 0.1, "low": np.minimum(opened, close) - 0.1, "close": close}
    return Panel(("ABC.XNAS",), times, ends, ends[:, None], prices | {"volume": np.full((bars, 1), 1000.0)})


def test_every_block_of_the_page_runs_in_order_and_each_strategy_trades() -> None:
    bars = panel(300)
    market = market_of_panel(bars, [Instrument("ABC.XNAS", "equity", "USD", "XNYS", lot=Decimal(1))])
    rates = panel(300)
    cheap = Panel(rates.instruments, rates.times, rates.event_ns, rates.known_ns, {"close": np.full((300, 1), 0.03)})
    others = {"5m": panel(60, 5), "rates": cheap}
    names: dict[str, Any] = {"panel": bars, "market": market, "print": lambda *said: None}

    for block in BLOCKS:
        exec(compile(block, "docs/strategies.md", "exec"), names)
    strategies = {name: one for name, one in names.items() if isinstance(one, Strategy)}

    assert len(BLOCKS) == 8
    assert set(strategies) == {"sma_cross", "SmaCross", "Breakout", "Dip", "slow_trend"}
    for name, strategy in strategies.items():
        result = backtest(strategy, market, bars, setup=Setup(account=Account(10_000.0)), others=others)
        assert len(result.fills) > 1, name
