"""The keeper of the trading service: it starts what crashed again, waits longer each time, and undoes no halt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app import up_keeper
from tradewinds.app.status import services
from tradewinds.app.up_keeper import Kept
from tradewinds.app.up_trading import wanted
from tradewinds.live.guard_process import Beat, is_alive, read_beat, service_path
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

WITHIN_S = 60.0
CONFIG = """
accounts:
  main: {broker: paper, currency: USDT}
  real: {broker: binance}
"""
TREND = """
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    return panel.close * 0
"""
YAML = "strategy: trend.py\nmode: {mode}\ninstruments: [BTCUSDT.LOCAL]\naccount: {{name: {account}, capital: 10000}}\n"


class Process:
    """A process that ends when it is told to."""

    def __init__(self) -> None:
        self.pid = 1
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "firm"
    (folder / "strategies").mkdir(parents=True)
    (folder / "tradewinds.yaml").write_text(CONFIG)
    (folder / "strategies" / "trend.py").write_text(TREND)
    for name in [name for name in os.environ if name.startswith("TRADEWINDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRADEWINDS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    yield folder
    up_keeper.stop(tmp_path / "home")


def strategy(firm: Path, mode: str, account: str = "main") -> House:
    (firm / "strategies" / "trend.yaml").write_text(YAML.format(mode=mode, account=account))
    return House(load_config())


def until(what: Any) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not in time")


def trading(home: Path) -> Beat | None:
    """The service once its account trades; its heartbeat is written after each kill by another one."""
    beat = read_beat(service_path(home))
    return beat if beat is not None and is_alive(beat) and beat.detail.get("accounts", {}).get("main") == "trading" else None


def test_each_crash_is_waited_for_longer_and_a_sound_life_begins_anew() -> None:
    made: list[Process] = []

    def start() -> Any:
        made.append(Process())
        return made[-1]

    kept = Kept("trade", start)
    assert kept.look(0.0) == "trade: started, process 1"
    waits = []
    now = 0.0
    for _ in range(7):
        made[-1].code = 1
        waits.append(float(kept.look(now).split()[-2]))
        assert kept.look(now + waits[-1] - 0.1) == ""
        now += waits[-1]
        assert "started" in kept.look(now)
    assert waits == [1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 60.0]

    made[-1].code = -signal.SIGKILL
    assert kept.look(now + 120.0) == "trade: ended with -9, started again in 1 s"


def test_what_ends_cleanly_stays_ended() -> None:
    process = Process()
    kept = Kept("guard", lambda: process)  # type: ignore[arg-type,return-value]  # what it asks of a process
    kept.look(0.0)
    process.code = 99

    assert kept.look(1.0) == "guard: ended with 99"
    assert kept.look(1_000.0) == ""
    assert kept.told() == {"state": "ended", "pid": None, "starts": 1, "started": None}


def test_nothing_is_started_before_a_strategy_says_a_trading_mode(firm: Path) -> None:
    backtested, traded = wanted(strategy(firm, "backtest")), wanted(strategy(firm, "paper"))

    assert backtested.services == ()
    assert backtested.lines[-1].startswith("no trading: no strategy of the workspace says mode")
    assert traded.services == ("trade",)  # a paper account stands at no venue, so there is nothing to guard
    assert traded.lines[0] == "trading: account main (paper): trend"


def test_the_guard_runs_beside_accounts_that_it_has_keys_for(firm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = wanted(strategy(firm, "paper", "real"))
    monkeypatch.setenv("TRADEWINDS_GUARD__REAL__KEY", "k")
    monkeypatch.setenv("TRADEWINDS_GUARD__REAL__SECRET", "s")
    having = wanted(strategy(firm, "paper", "real"))

    assert without.services == ("trade",)
    assert without.lines[-1].startswith("no guard: ")
    assert having.services == ("trade", "guard")
    assert having.lines[-1] == "guard: watches over real"


def test_a_killed_service_is_started_again_and_a_halt_stays(firm: Path, tmp_path: Path) -> None:
    (firm / "tradewinds.yaml").write_text(CONFIG.replace("  real: {broker: binance}\n", ""))
    strategy(firm, "paper")
    home = tmp_path / "home"
    keeper = up_keeper.launch(home, ["trade"], is_detached=True)
    first = until(lambda: trading(home))
    subprocess.run([sys.executable, "-m", "tradewinds", "halt", "--json"], capture_output=True, check=False)
    with suppress(ProcessLookupError):  # one that does not acknowledge in time is killed by the halt
        os.kill(first.pid, signal.SIGKILL)

    beat = until(lambda: (found := trading(home)) and found.pid != first.pid and found)
    told = json.loads(
        subprocess.run([sys.executable, "-m", "tradewinds", "trade", "status", "--json"], capture_output=True, text=True, check=True).stdout
    )

    assert beat.pid != first.pid
    assert told["accounts"][0]["halted"]
    assert up_keeper.stop(home)
    keeper.wait(WITHIN_S)
    assert read_beat(service_path(home)) is None
    assert up_keeper.found(home) is None


def test_what_a_keeper_that_died_has_left_is_told_and_ended(firm: Path, tmp_path: Path) -> None:
    strategy(firm, "paper")
    home = tmp_path / "home"
    keeper = up_keeper.launch(home, ["trade"], is_detached=True)
    left = until(lambda: trading(home))
    until(lambda: up_keeper.found(home) is not None)

    keeper.kill()
    keeper.wait(WITHIN_S)

    assert is_alive(left)
    (told,) = services(home)
    assert (told.what, told.state, told.detail) == ("keeper", "wrong", "died")
    assert "`tradewinds down` ends what it left" in told.advice
    assert up_keeper.stop(home)
    assert not is_alive(left)
    assert list(services(home)) == []
    assert not up_keeper.stop(home)
