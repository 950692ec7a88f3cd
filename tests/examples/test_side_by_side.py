from __future__ import annotations

import ast
import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.strategy import Strategy
from tradewinds.wiring.strategy_file import load_strategy

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "side_by_side"
BACKTRADER = ROOT / ".peers" / "backtrader" / "bin" / "python"  # made by `make equality`
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


def test_backtraders_file_ends_at_the_same_cent(bars: Make, traded: Make, tmp_path: Path) -> None:
    if not BACKTRADER.exists():
        pytest.skip("backtrader is not installed, run make equality")
    # given
    panel = bars(np.round(100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.015, 1500))), 2))
    days = (datetime.date(2010, 1, 1) + datetime.timedelta(row) for row in range(1500))
    columns = (panel.field(name)[:, 0].tolist() for name in ("open", "high", "low", "close", "volume"))
    file = tmp_path / "bars.csv"
    file.write_text(
        "Date,Open,High,Low,Close,Volume\n" + "".join(f"{','.join(map(str, row))}\n" for row in zip(days, *columns, strict=True))
    )

    # when
    command = [str(BACKTRADER), str(FOLDER / "backtrader_sma_cross.py"), str(file)]
    theirs = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    setup = Setup(Account(100_000), costs=(BasisPoints(10),))
    ours = backtest(load_strategy(FOLDER / "tradewinds_sma_cross.py"), traded(panel), panel, None, setup)

    # then
    assert len(ours.fills) > 20
    assert f"{ours.final_equity:.2f}" == theirs.strip()
