"""`tradewinds check` as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tradewinds.app.cli import run

CLEAN = """
import numpy as np
from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"length": Int(20, 2, 60)}, lookback=lambda p: p.length)
def above(panel, params):
    return np.where(panel.close > sma(panel.close, params.length), 1.0, 0.0)
"""
LEAKY = CLEAN.replace("panel.close > sma", "np.roll(panel.close, -1, axis=0) > sma")
BY_HASH = CLEAN.replace("> sma(panel.close, params.length)", "> sma(panel.close, 2 + hash('length') % 17)")


def _file(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


def test_a_clean_strategy_ends_with_0_and_says_what_was_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["check", _file(tmp_path, CLEAN), "--one-process"])

    assert code == 0
    assert capsys.readouterr().out.startswith("above: nothing found (480 bars, ")


def test_a_leak_ends_with_1_and_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["check", _file(tmp_path, LEAKY), "--json", "--one-process"])

    told = json.loads(capsys.readouterr().out)
    found = told["strategies"][0]["findings"][0]
    assert code == 1
    assert told["is_clean"] is False
    assert found["kind"] == "future"
    assert {found["before"], found["after"]} == {0.0, 1.0}


def test_a_file_of_bars_is_checked_without_a_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = tmp_path / "bars.csv"
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 7) for day in range(1, 29)]
    rows = [f"{day},{100 + at % 7},{103 + at % 7},{99 + at % 5},{100 + at % 5},1000" for at, day in enumerate(days)]
    bars.write_text("\n".join(["date,open,high,low,close,volume", *rows]))

    code = run(["check", _file(tmp_path, LEAKY), "--data", str(bars), "--param", "length=5", "--one-process"])

    assert code == 1
    assert "above: future: The decision changes with bars that came after it." in capsys.readouterr().out


def test_the_fill_at_the_same_close_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["check", _file(tmp_path, CLEAN), "--fill", "same_close", "--one-process"])

    assert code == 1
    assert "above: same bar: " in capsys.readouterr().out


def test_a_wrong_parameter_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["check", _file(tmp_path, CLEAN), "--param", "length=1000"])

    assert code == 2
    assert "parameter length: 1000, expected a whole number from 2 to 60" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "code", "said"), [(CLEAN, 0, "nothing found"), (BY_HASH, 1, "not repeatable")])
def test_processes_with_other_hash_seeds_must_decide_the_same(tmp_path: Path, text: str, code: int, said: str) -> None:
    command = [sys.executable, "-m", "tradewinds", "check", _file(tmp_path, text)]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == code, result.stderr
    assert said in result.stdout
