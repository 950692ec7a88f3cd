"""`tradewinds backtest` as a person calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

CROSS = """import numpy as np
from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"fast": Int(2, 1, 50), "slow": Int(4, 2, 50)}, lookback=lambda p: p.slow, targets="weights")
def cross(panel, params):
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 0.9, 0.0)
"""


@pytest.fixture
def files(workspace: Path) -> Path:
    closes = [20, 21, 22, 21, 20, 19, 18, 19, 20, 22, 24, 26, 25, 24, 22, 20, 19, 21, 23, 25]
    rows = [f"2024-01-{day:02},{close},{close + 1},{close - 1},{close},5000" for day, close in enumerate(closes, 2)]
    (workspace / "goog.csv").write_text("Date,Open,High,Low,Close,Volume\n" + "\n".join(rows) + "\n")
    (workspace / "cross.py").write_text(CROSS)
    return workspace


def test_it_prints_a_summary_and_writes_a_page(files: Path, command: Command) -> None:
    done = command("backtest", "cross.py", "--data", "goog.csv", "--capital", 1000, "--cost", "bps=10", "--out", "pages")
    assert done.code == 0
    assert "cross: GOOG.FILE, bars of 1d, 2024-01-05T00:00:00Z to 2024-01-22T00:00:00Z" in done.out
    assert "parameters: fast=2, slow=4" in done.out
    for word in ("return", "Sharpe", "deepest drawdown", "trades", "commission paid", "fingerprint"):
        assert word in done.out
    assert "note: lot of GOOG.FILE is not known: 1 assumed" in done.err
    (page,) = (files / "pages").glob("cross-*.html")
    assert str(page.relative_to(files)) in done.out
    content = page.read_text()
    assert content.lstrip().lower().startswith("<!doctype html>")
    assert "<script src" not in content


def test_json_is_one_object_that_says_it_all(files: Path, command: Command) -> None:
    found = command("backtest", "cross.py", "--data", "goog.csv", "--capital", 1000, "--cost", "bps=10", "--no-tear-sheet", "--json").json
    assert (found["strategy"], found["interval"], found["currency"]) == ("cross", "1d", "USD")
    assert found["parameters"] == {"fast": 2, "slow": 4}
    assert found["equity"] == pytest.approx(found["figures"]["final"])
    assert found["return"] == pytest.approx(found["equity"] / 1000 - 1)
    assert found["costs"]["commission"] > 0
    assert found["trades"]["count"] >= 1
    assert len(found["fingerprint"]["whole"]) == 64
    assert found["tear_sheet"] is None
    assert found["run"] is None


def test_the_same_run_leaves_the_same_fingerprint_and_page(files: Path, command: Command) -> None:
    call = ("backtest", "cross.py", "--data", "goog.csv", "--json")
    first, second = command(*call).json, command(*call).json
    assert first == second
    assert Path(first["tear_sheet"]).parent == files.parent / "home" / "backtests"
    other = command(*call, "--param", "fast=3").json
    assert other["fingerprint"]["whole"] != first["fingerprint"]["whole"]
    assert other["fingerprint"]["source"] == first["fingerprint"]["source"]


def test_a_yaml_file_stands_for_the_options(files: Path, command: Command) -> None:
    (files / "run.yaml").write_text("strategy: cross.py\nparameters: {fast: 3}\naccount: {capital: 1000}\ncosts: [{bps: 10}]\n")
    of_file = command("backtest", "run.yaml", "--data", "goog.csv", "--no-tear-sheet", "--json").json
    options = ("--param", "fast=3", "--capital", 1000, "--cost", "bps=10", "--no-tear-sheet", "--json")
    of_options = command("backtest", "cross.py", "--data", "goog.csv", *options).json
    assert of_file["fingerprint"]["whole"] == of_options["fingerprint"]["whole"]


def test_a_portfolio_tells_what_each_book_earned(files: Path, command: Command) -> None:
    (files / "both.yaml").write_text(
        "name: both\nstrategies:\n- {strategy: cross.py, name: quick, allocation: 0.5}\n"
        "- {strategy: cross.py, name: slow, allocation: 0.5, parameters: {fast: 3, slow: 8}}\n"
    )
    found = command("backtest", "both.yaml", "--data", "goog.csv", "--no-tear-sheet", "--json").json
    assert set(found["books"]) == {"quick", "slow"}
    assert sum(book["profit"] for book in found["books"].values()) == pytest.approx(found["equity"] - 100_000)
    shown = command("backtest", "both.yaml", "--data", "goog.csv")
    assert shown.code == 0
    assert "quick" in shown.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("absent.py", "--data", "goog.csv"), 2, "absent.py: No such file or directory"),
        (("cross.py", "--data", "goog.csv", "--param", "fast=500"), 2, "parameter fast: 500, expected a whole number from 1 to 50"),
        (("cross.py", "--data", "goog.csv", "--param", "fast"), 2, "--param 'fast', expected KEY=VALUE"),
        (("cross.py", "--data", "goog.csv", "--cost", "fee=1"), 2, "cost: key 'fee'"),
        (("cross.py", "--data", "goog.csv", "--lot", "none"), 2, "--lot=none, expected a positive number"),
        (("cross.py", "--data", "goog.csv", "--rate", "EUR=-1"), 2, "--rate EUR=-1, expected a positive number"),
        (("cross.py", "--data", "goog.csv", "--as-of", "then"), 2, "--as-of: 'then'"),
        (
            ("cross.py", "--data", "goog.csv", "--from", "2024-01-03"),
            65,
            "warm-up before 2024-01-03T00:00:00Z: 2 of 4 bars of 1d are missing",
        ),
        (("cross.py",), 2, "no instruments, expected --instruments"),
        (("cross.py", "--instruments", "BTCUSDT.BINANCE"), 65, "bars-1d of BTCUSDT.BINANCE: none, expected some"),
        (("cross.py", "--instruments", "BTCUSDT"), 2, "instrument id: 'BTCUSDT', expected SYMBOL.VENUE"),
        (("raising.py", "--data", "goog.csv"), 2, "raised ZeroDivisionError"),
        (("wide.py", "--data", "goog.csv"), 2, "strategy wide: targets of shape"),
    ],
)
def test_what_is_wrong_is_said_on_standard_error(files: Path, command: Command, arguments: tuple[str, ...], code: int, told: str) -> None:
    head = "from tradewinds.trading.strategy import vector\n\n@vector()\n"
    (files / "raising.py").write_text(f"{head}def raising(panel, params):\n    return 1 / 0\n")
    (files / "wide.py").write_text(f"{head}def wide(panel, params):\n    return panel.close[:, [0, 0]]\n")
    ended = command("backtest", *arguments, "--no-tear-sheet")
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_help_shows_examples(command: Command) -> None:
    ended = command("backtest", "--help")
    assert ended.code == 0
    assert "tradewinds backtest sma_cross.py --data GOOG.csv" in ended.out
