"""`tradewinds parity` as a person runs it, after a session on paper over files of bars."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONFIG = "accounts:\n  main: {broker: paper, currency: USDT}\n"
TREND = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m")
def trend(panel, params):
    rising = panel.close[1:] > panel.close[:-1]
    targets = panel.close * 0
    targets[1:][rising] = params.size
    return targets
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\ncosts: [{bps: 10}]\n"


class Firm:
    """A workspace with one strategy that has traded twelve minutes on paper."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "bars").mkdir()
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML)
        rows = ["time,open,high,low,close,volume"]
        for minute, close in enumerate([100, 101, 102, 103, 102, 101, 100, 101, 102, 103, 104, 103]):
            rows.append(f"2026-01-01T00:{minute:02d}:00Z,{close},{close + 1},{close - 1},{close},1000")
        (self.folder / "bars" / "BTCUSDT.csv").write_text("\n".join(rows) + "\n")
        self.tell("trade", "strategies/trend.yaml", "--data", "bars")

    def tell(self, *words: str, code: int | None = 0) -> Any:
        """What a command prints, its JSON read where it is any."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *words], cwd=self.folder, env={**kept, "TRADEWINDS_HOME": str(self.home)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert code in (None, done.returncode), f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    return Firm(tmp_path_factory.mktemp("parity"))


def test_what_was_traded_on_paper_is_what_its_strategies_do_again(firm: Firm) -> None:
    found = firm.tell("parity", "main", "--json")

    assert found["is_equal"] is True
    assert (found["decisions"], found["decisions_equal"], found["decisions_percent"]) == (11, 11, 100.0)
    assert found["orders"] == found["orders_equal"] == 4
    assert found["backtest"] == [{"strategy": "trend", "decisions": 11, "decisions_equal": 11, "is_equal": True, "differences": []}]


def test_one_day_and_a_copy_of_the_journal_can_be_asked_for(firm: Firm, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    shutil.copy(firm.home / "trade" / "main.sqlite", copy)

    other_day = firm.tell("parity", "main", "--day", "2026-01-02", "--json")
    that_day = firm.tell("parity", "main", "--journal", str(copy), "--day", "2026-01-01", "--json")

    assert other_day["decisions"] == 0
    assert that_day["decisions"] == 11
    assert that_day["is_equal"] is True


def test_a_strategy_that_was_changed_since_is_told_and_the_answer_is_no(firm: Firm) -> None:
    place = firm.folder / "strategies" / "trend.yaml"
    place.write_text(YAML + "parameters: {size: 2}\n")

    said = firm.tell("parity", "main", code=1)
    found = firm.tell("parity", "main", "--json", code=1)
    place.write_text(YAML)

    assert found["by_reason"]["code or parameters changed"] > 0
    assert found["decisions_equal"] < found["decisions"]
    assert "code or parameters changed" in said
    assert "BTCUSDT.LOCAL" in said


def test_what_is_not_there_is_said(firm: Firm) -> None:
    assert "expected one of: main" in firm.tell("parity", "nobody", code=2)
    assert "no journal" in firm.tell("parity", "main", "--journal", "nowhere.sqlite", code=65)
    assert "expected a date" in firm.tell("parity", "main", "--day", "yesterday", code=2)


def test_the_evening_replays_the_day(firm: Firm) -> None:
    found = firm.tell("trade", "evening", "main", "--day", "2026-01-01", "--json", code=None)

    assert found["parity"]["is_equal"] is True
    assert found["parity"]["decisions"] == 11
