"""Runs to draw: small markets simulated by the kernel from given targets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.instrument import Instrument
from tradewinds.simulation.market import Market
from tradewinds.simulation.result import Fingerprint, Result, orders_hash
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.simulation.simulator import Simulator

DAY = 86_400_000_000_000
START = 1_640_995_200_000_000_000  # 2022-01-01

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """run(closes (times,) or (times, instruments), targets, ...) -> Result; opens are the closes before, units are targets."""

    def make(
        closes: Any,
        targets: Any,
        *,
        step_ns: int = DAY,
        setup: Setup | None = None,
        ids: tuple[str, ...] = (),
        strategy: str = "sma_cross",
        **fields: Any,
    ) -> Result:
        close = np.asarray(closes, np.float64)
        close = np.ascontiguousarray(close[:, None] if close.ndim == 1 else close)
        wanted = np.asarray(targets, np.float64)
        wanted = np.ascontiguousarray(wanted[:, None] if wanted.ndim == 1 else wanted)
        opens = np.vstack([close[:1], close[:-1]])
        names = ids or tuple(f"C{k}.BINANCE" for k in range(close.shape[1]))
        times = START + np.arange(len(close)) * step_ns
        market = Market(
            tuple(Instrument(one, "spot", "USD", "24/7", lot=Decimal("0.001")) for one in names),
            times, times + step_ns, times // DAY,
            opens, np.fmax(opens, close), np.fmin(opens, close), close, np.full(close.shape, 1e6), vintage="v1",
        )  # fmt: skip
        chosen = setup or Setup(Account(100_000), costs=(BasisPoints(10),))
        simulator = Simulator(market, chosen, targets="units")
        simulator.run(wanted, 0)
        mark = Fingerprint("v1", "ab" * 32, "{}", "cd" * 32, "1", orders_hash(simulator.orders, simulator.fills))
        given: dict[str, Any] = {
            "strategy": strategy, "parameters": {"fast": 20, "slow": 50}, "market": market, "setup": chosen, "first_row": 0,
            "last_row": len(close), "equity": simulator.equity, "fills": simulator.fills, "orders": simulator.orders,
            "postings": simulator.postings, "quantity": simulator.books.positions["quantity"].copy(), "fingerprint": mark,
        }  # fmt: skip
        return Result(**given | fields)

    return make


@pytest.fixture
def wavy(run: Run) -> Result:
    """Two years of two coins, seeded, that are bought and sold every 20 days."""
    generator = np.random.default_rng(7)
    closes = 100 * np.exp(np.cumsum(generator.normal(5e-4, 0.02, (730, 2)), axis=0))
    targets = np.where((np.arange(730)[:, None] // 20 + np.arange(2)) % 2 == 0, 300.0, 0.0)
    return run(closes, targets, ids=("BTCUSDT.BINANCE", "ETHUSDT.BINANCE"))
