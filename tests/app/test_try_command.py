"""`tradewinds try`: a symbol of the user's own, from the venue's data to paper orders, against the local Binance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.instant import parse
from tradewinds.wire.log_reader import LogFilter, last_rows
from tradewinds.wiring import sandbox
from tradewinds.wiring.clock import RunningClock

SPEED = 24.0
WITHIN_S = 240


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Local venues by a clock that is 24 times as fast as ours, so that a minute bar closes every 2.5 s."""
    clock = RunningClock(parse("2025-01-03T06:30:00Z"), SPEED, time.monotonic_ns())
    told = {
        "seed": 3,
        "now_ns": clock.at_ns,
        "speed": clock.speed,
        "since_ns": clock.since_ns,
        "checks_time": False,
        "symbols": ["BTCUSDT"],
    }
    running = sandbox.start(told, in_process=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
    yield kept | running.environment | {"TRADEWINDS_HOME": str(tmp_path / "home"), "TRADEWINDS_CLOCK": clock.setting}
    running.stop()


def tried(environment: dict[str, str], folder: Path, *words: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "tradewinds", "try", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


def test_a_symbol_is_fetched_backtested_and_traded_on_paper(environment: dict[str, str], tmp_path: Path) -> None:
    told = tried(environment, tmp_path, "btcusdt", "--days", "1", "--seconds", "15", "--json")

    home = tmp_path / "home" / "try" / "BTCUSDT-BINANCE"
    assert told["instrument"] == "BTCUSDT.BINANCE"
    assert Path(told["backtest"]["tear_sheet"]).read_text().startswith("<!")
    assert told["backtest"]["tear_sheet"].startswith(str(home))
    assert told["orders"] >= told["fills"] >= 0
    decided = [row for row in last_rows(home, LogFilter(process="trade"), 1_000) if row["event"] == "decision"]
    assert {row["strategy"] for row in decided} == {"crossing"}  # on bars of the venue's stream, as they closed
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["try"]  # nothing else of the user's is touched


def test_it_goes_on_where_it_was_and_keeps_what_the_user_changed(environment: dict[str, str], tmp_path: Path) -> None:
    first = tried(environment, tmp_path, "BTCUSDT", "--days", "1", "--no-paper", "--json")
    strategy = tmp_path / "home" / "try" / "BTCUSDT-BINANCE" / "firm" / "strategies" / "crossing.py"
    strategy.write_text(strategy.read_text().replace("Int(20, 2, 200)", "Int(10, 2, 200)"))
    again = tried(environment, tmp_path, "BTCUSDT", "--days", "1", "--no-paper", "--json")

    assert again["backtest"]["fingerprint"] != first["backtest"]["fingerprint"]
    assert "Int(10, 2, 200)" in strategy.read_text()


@pytest.mark.parametrize(("symbol", "told"), [("../etc", "expected a symbol of Binance"), ("BTCXYZ", "ends in no currency that is known")])
def test_what_is_no_symbol_is_refused(symbol: str, told: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")} | {
        "TRADEWINDS_HOME": str(tmp_path)
    }

    assert told in tried(environment, tmp_path, symbol, code=2)


def test_a_symbol_that_the_venue_does_not_list_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    tried(environment, tmp_path, "NOSUCHUSDT", "--no-paper", code=65)
