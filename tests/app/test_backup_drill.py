"""The drill: a service trades, a backup is taken meanwhile, the service is killed, and a new home stands where the backup left off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Elsewhere
from tradewinds.trading.journal import Chained
from tradewinds.trading.journal import read as entries_of

WITHIN_S = 60
CONFIG = """
accounts:
  main: {broker: paper, currency: USDT, instruments: [ETHUSDT.LOCAL]}
"""
TREND = """
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    return panel.close * 0
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [ETHUSDT.LOCAL]\naccount: {name: main, capital: 10000}\n"

BARS = "time,open,high,low,close,volume\n" + "".join(f"2026-01-01T00:0{minute}:00Z,100,101,99,100,1000\n" for minute in range(4))


class Firm:
    """A workspace with one paper account that a person trades by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "firm"
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML)
        (self.folder / "tradewinds.yaml").write_text(CONFIG)
        self.running: list[subprocess.Popen[str]] = []
        self.home = folder / "home"

    def environment(self, home: Path | None) -> dict[str, str]:
        outside = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
        return {**outside, "TRADEWINDS_HOME": str(home or self.home)}

    def tell(self, *words: str, code: int = 0, home: Path | None = None) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *words], cwd=self.folder, env=self.environment(home), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr

    def start(self, home: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewinds", "trade"], cwd=self.folder, env=self.environment(home), text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.running.append(process)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.rstrip().endswith(("trading", "halted")):
                return process
        raise AssertionError("".join(said))


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    made = Firm(tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def kept(home: Path) -> list[Chained]:
    journal = read_sqlite_journal(home / "trade" / "main.sqlite")
    try:
        return list(journal.read())
    finally:
        journal.close()


def books(entries: list[Chained]) -> Books:
    """The account's state by replay of its journal."""
    made = Books("main", "fifo", currency="USDT")
    for _, entry in entries_of(entries):
        if isinstance(entry.input, Elsewhere):
            made.learn(entry.input)
        made.apply(entry.time_ns, entry.records)
    return made


def test_nothing_of_the_journal_up_to_the_backups_head_is_lost_by_a_kill_and_a_restore(firm: Firm, tmp_path: Path) -> None:
    (firm.folder / "ETHUSDT.csv").write_text(BARS)
    firm.tell("trade", "--data", "ETHUSDT.csv")  # so that the paper broker has a price
    process = firm.start()
    placed = firm.tell("trade", "order", "main", "ETHUSDT.LOCAL", "buy", "2", "--limit", "50", "--json")
    before = len(kept(firm.home))

    orders = threading.Thread(
        target=lambda: [firm.tell("trade", "order", "main", "ETHUSDT.LOCAL", "buy", "1", "--limit", f"{price}") for price in (40, 41)]
    )
    orders.start()
    made = firm.tell("backup", str(tmp_path / "backup"), "--json")
    orders.join()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    new = tmp_path / "new"
    refused = firm.tell("restore", str(tmp_path / "backup"), code=2)
    done = firm.tell("restore", str(tmp_path / "backup"), "--home", str(new), "--json")

    written, restored = kept(firm.home), kept(new)
    (journal,) = made["journals"]
    assert "it holds something" in refused
    assert done["before"] is None
    assert before <= journal["sequence"] == len(restored) <= len(written)
    assert restored == written[: len(restored)]
    assert restored[-1].hash.hex() == journal["hash"]
    assert books(restored) == books(written[: len(restored)])

    again = firm.start(new)
    told = firm.tell("trade", "status", "--json", home=new)["accounts"][0]
    assert told["halted"]
    assert state_of(firm, new, placed["id"]) == "cancelled"  # a halt cancels what is open
    assert kept(new)[: len(restored)] == restored
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=WITHIN_S)
    assert firm.tell("restore", str(tmp_path / "backup"), "--check", "--json")["is_whole"] is True


def test_a_home_whose_service_trades_is_not_restored_over(firm: Firm, tmp_path: Path) -> None:
    firm.start()
    firm.tell("backup", str(tmp_path / "backup"))

    said = firm.tell("restore", str(tmp_path / "backup"), "--replace", code=2)

    assert "the trading service, process" in said
    assert firm.tell("trade", "status", "--json")["running"] is True


def test_a_new_machine_takes_its_configuration_from_the_backup(firm: Firm, tmp_path: Path) -> None:
    process = firm.start()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WITHIN_S)
    folder = firm.tell("backup", "--to", str(tmp_path / "backups"), "--json")["backup"]

    said = firm.tell("restore", folder, "--workspace", str(tmp_path / "elsewhere"), "--home", str(tmp_path / "new"), "--no-halt")

    assert (tmp_path / "elsewhere" / "tradewinds.yaml").read_text() == CONFIG
    assert "next: tradewinds doctor" in said
    assert not (tmp_path / "new" / "halt" / "epoch").exists() or (tmp_path / "new" / "halt" / "epoch").read_bytes() == bytes(16)
    assert "neither or both" in firm.tell("backup", code=2)


def state_of(firm: Firm, home: Path, order: str) -> str:
    """How an order stands once its broker has answered."""
    state = "unknown to the service"
    for _ in range(20):
        found = {one["id"]: one["state"] for one in firm.tell("trade", "orders", "--all", "--json", home=home)["orders"]}
        state = found.get(order, state)
        if state == "cancelled":
            return str(state)
    return str(state)
