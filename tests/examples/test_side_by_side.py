from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.simulation.backtest import backtest
from tradewinds.trading.strategy import Strategy
from tradewinds.wiring.strategy_file import load_strategy

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "side_by_side"
Make = Callable[..., Any]


def test_bar_by_bar_and_as_arrays_the_orders_are_the_same_to_the_byte(example: Callable[[str], Strategy], bars: Make, traded: Make) -> None:
    panel = bars(100 * np.exp(np.cumsum(np.random.default_rng(9).normal(0, 0.01, 5000))), wick=0.1)
    market = traded(panel)

    by_bar = backtest(load_strategy(FOLDER / "tradewinds_sma_cross.py"), market, panel)
    as_arrays = backtest(example("sma_cross"), market, panel)

    assert len(by_bar.fills) > 50
    assert by_bar.fingerprint.orders == as_arrays.fingerprint.orders
    assert by_bar.equity.tobytes() == as_arrays.equity.tobytes()


@pytest.mark.parametrize("name", ["backtrader", "freqtrade", "lean"])
def test_the_others_files_are_python_with_their_periods_and_without_ours(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}_sma_cross.py").read_text(encoding="utf-8"))

    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {20, 50} <= numbers
    assert not any((module or "").startswith("tradewinds") for module in imported)
