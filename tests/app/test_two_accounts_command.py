"""One strategy over two paper accounts as a person runs it: traded over files of bars, shown, replayed, backtested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONFIG = "accounts:\n  main: {broker: paper, currency: USDT}\n  side: {broker: paper, currency: USDT}\n"
BOTH = """
import numpy as np
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="weights", interval="1m")
def both(panel, params):
    rising = np.vstack([np.zeros((1, 2), bool), panel.close[1:] > panel.close[:-1]])
    return np.where(rising, 0.5, 0.0)
"""
YAML = """
strategy: both.py
mode: paper
accounts:
  - {name: main, capital: 10000, currency: USDT, instruments: [BTCUSDT.LOCAL]}
  - {name: side, capital: 5000, currency: USDT, instruments: [ETHUSDT.LOCAL]}
costs: [{bps: 10}]
"""


class Firm:
    """A workspace whose one strategy has traded twelve minutes on two accounts."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "bars").mkdir()
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        (self.folder / "strategies" / "both.py").write_text(BOTH)
        (self.folder / "strategies" / "both.yaml").write_text(YAML)
        for name, base in (("BTCUSDT", 100), ("ETHUSDT", 50)):
            rows = ["time,open,high,low,close,volume"]
            for minute, close in enumerate(base + one for one in (0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 4, 3)):
                rows.append(f"2026-01-01T00:{minute:02d}:00Z,{close},{close + 1},{close - 1},{close},1000")
            (self.folder / "bars" / f"{name}.csv").write_text("\n".join(rows) + "\n")
        self.tell("trade", "strategies/both.yaml", "--data", "bars")

    def tell(self, *words: str, code: int = 0) -> Any:
        """What a command prints, its JSON read where it is any."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *words], cwd=self.folder, env={**kept, "TRADEWINDS_HOME": str(self.home)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert code == done.returncode, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    return Firm(tmp_path_factory.mktemp("two"))


def test_it_sizes_by_what_it_has_on_each_account(firm: Firm) -> None:
    found = firm.tell("trade", "orders", "--all", "--json")["orders"]

    first = {one["account"]: (one["side"], one["quantity"], one["strategy"]) for one in reversed(found)}
    assert first["main"] == ("buy", "49.50495049", "both")  # half of 10000 at 101
    assert first["side"] == ("buy", "49.01960784", "both")  # half of 5000 at 51
    assert {one["account"] for one in found if one["instrument"] == "ETHUSDT.LOCAL"} == {"side"}


def test_its_status_shows_the_whole_of_it(firm: Firm) -> None:
    main, side = firm.tell("trade", "status", "--json")["accounts"]

    (row,) = main["strategies"]
    assert set(row["targets"]) == {"BTCUSDT.LOCAL", "ETHUSDT.LOCAL"}
    (away,) = row["elsewhere"]
    assert (away["account"], away["capital"], away["on_the_way"]) == ("side", "5000", 0)
    assert away["positions"] == {one["instrument"]: one["quantity"] for one in side["positions"]}
    assert side["strategies"] == []
    assert side["guests"] == [{"strategy": "both", "decides_on": "main"}]
    assert "On other accounts" in firm.tell("trade", "status")


def test_both_accounts_are_replayed_to_the_bit_and_the_decisions_are_the_backtests(firm: Firm) -> None:
    home, other = firm.tell("parity", "main", "--json"), firm.tell("parity", "side", "--json")

    assert (home["is_equal"], other["is_equal"]) == (True, True)
    assert (home["decisions_equal"], other["decisions"]) == (11, 0)
    assert home["backtest"] == [{"strategy": "both", "decisions": 11, "decisions_equal": 11, "is_equal": True, "differences": []}]
    assert other["orders"] == other["orders_equal"] == 7
    assert home["orders"] == home["orders_equal"] == 9 + 7  # those that were handed over are the home's decisions too


def test_what_is_to_be_traded_is_said_for_each_account(firm: Firm) -> None:
    (row,) = firm.tell("trade", "--check", "--json")["strategies"]

    assert (row["account"], row["capital"]) == ("main", "10000")
    assert row["elsewhere"] == [{"account": "side", "capital": "5000", "currency": "USDT", "instruments": ["ETHUSDT.LOCAL"]}]
    assert "account side at paper (test): both (5000 USDT)" in firm.tell("trade", "--check")


def test_a_backtest_of_it_has_one_account_with_all_of_its_capital(firm: Firm) -> None:
    found = firm.tell("backtest", "strategies/both.yaml", "--data", "bars", "--json")
    assert "15000" in json.dumps(found)

    (firm.folder / "other.yaml").write_text(
        YAML.replace("both.py", "strategies/both.py").replace("capital: 5000, currency: USDT", "capital: 5000, currency: EUR")
    )
    told = firm.tell("backtest", "other.yaml", "--data", "bars", code=2)
    assert "accounts in EUR, USDT, expected --capital" in told
