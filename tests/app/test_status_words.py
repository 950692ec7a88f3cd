"""Five things that go wrong, planted one by one: `status` and `doctor` say in words what is wrong, and the command that comes next."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app import up_keeper
from tradewinds.app.status import airflow, services
from tradewinds.app.up_service import Service, own, write_services
from tradewinds.live.guard_process import Heartbeat
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, chained
from tradewinds.wiring.accounts import journal_path

WITHIN_S = 60.0
Usage = namedtuple("Usage", "total used free")


def _checks(ended: Any) -> dict[str, dict[str, str]]:
    return {check["what"]: check for check in ended.json["checks"]}


def _until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("not in time")


@pytest.fixture
def taken() -> Any:
    """A port at which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


# The console's port is taken


def test_a_port_that_is_taken_is_refused_before_anything_starts(command: Any, workspace: Path, taken: int) -> None:
    console, airflow = command("up", "--port", taken), command("up", "--airflow-port", taken)

    assert (console.code, airflow.code) == (2, 2)
    assert f"up --port {taken}: a program listens there already, expected a free port; without --port one is found" in console.err
    assert f"up --airflow-port {taken}: a program listens there already" in airflow.err
    assert not (workspace.parent / "home" / "airflow").exists()


def test_a_console_whose_port_was_taken_meanwhile_says_so_in_status(command: Any, workspace: Path, taken: int) -> None:
    home = workspace.parent / "home"
    console = own("console", "console", "--port", str(taken))
    keeper = up_keeper.launch(home, [console], is_detached=True)
    try:
        (told,) = _until(lambda: [one for one in services(home) if "crashed" in one.detail])
    finally:
        up_keeper.stop(home)
        keeper.wait(WITHIN_S)

    assert (told.what, told.state, told.advice) == ("console", "wrong", "tradewinds logs --raw console")
    assert f"console at 127.0.0.1:{taken}: Address already in use, expected an address of this machine that is free" in told.detail


def test_a_second_keeper_of_a_home_is_refused_and_named(command: Any, workspace: Path) -> None:
    home = workspace.parent / "home"
    beat = Heartbeat(up_keeper.keeper_path(home))
    beat.beat({})

    ended = command("up")

    assert ended.code == 2
    assert f"is kept running by process {os.getpid()} already, expected nobody; `tradewinds down` ends it" in ended.err
    beat.rest()


# The disk is nearly full


@pytest.mark.parametrize(("free_mb", "state", "code"), [(5_000, "well", 0), (1_000, "warning", 0), (100, "wrong", 1)])
def test_a_disk_that_fills_is_a_warning_and_then_wrong_with_what_grows(
    command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, state: str, code: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10**12, 0, free_mb * 2**20))

    doctor, status = command("doctor", "--json"), command("status", "--json")

    told = _checks(doctor)["disk"]
    assert (doctor.code, told["state"]) == (code, state)
    assert str(workspace.parent / "home" / "raw") in told["advice"]
    assert ("disk" in _checks(status)) == (state != "well")
    if state == "wrong":
        assert told["detail"].startswith("0.1 GiB free at ")
        assert "nearly full; when it is, the journal takes nothing and no order is sent" in told["detail"]
        assert told["advice"].startswith("make room now; what grows: ")


# A vendor's key is missing


def test_a_key_whose_file_cannot_be_read_is_told_like_one_that_is_missing(
    command: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = "{calendar: XNYS, instruments: [AAPL.XNAS], vendors: [tiingo], since: 2024-01-02}"
    (workspace / "tradewinds.yaml").write_text(f"equities: {{XNYS: {market}}}\n")
    missing = _checks(command("doctor", "--json"))["vendor tiingo"]
    monkeypatch.setenv("TRADEWINDS_VENDORS__TIINGO__SECRET_FILE", str(workspace / "absent"))

    ended = command("doctor", "--json")

    unreadable = _checks(ended)["vendor tiingo"]
    assert (missing["state"], missing["detail"]) == ("wrong", "wants a key and has none")
    assert missing["advice"] == "set TRADEWINDS_VENDORS__TIINGO__SECRET or TRADEWINDS_VENDORS__TIINGO__SECRET_FILE"
    assert (ended.code, unreadable["state"]) == (1, "wrong")
    assert str(workspace / "absent") in unreadable["detail"]
    assert "TRADEWINDS_VENDORS__TIINGO__SECRET_FILE" in unreadable["advice"]


# The journal is locked


def _journal(workspace: Path) -> Path:
    (workspace / "tradewinds.yaml").write_text("accounts: {main: {broker: paper, currency: USDT}}\n")
    place = journal_path(workspace.parent / "home", "main")
    with closing(open_sqlite_journal(place)) as journal:
        journal.append(chained([Entry(1, Ticked(), ())], 0, GENESIS))
    return place


def test_a_journal_that_another_program_has_locked_is_wrong_and_a_free_one_is_left_as_it_was(command: Any, workspace: Path) -> None:
    place = _journal(workspace)
    before = place.read_bytes()
    with closing(sqlite3.connect(place, isolation_level=None)) as tool:
        tool.execute("BEGIN EXCLUSIVE")
        locked = command("doctor", "--json")
        tool.execute("ROLLBACK")

    free = command("doctor", "--json")

    told = _checks(locked)["journal main"]
    assert (locked.code, told["state"]) == (1, "wrong")
    assert told["detail"] == f"{place}: another program holds it (database is locked); orders of this account could not be sent"
    assert told["advice"].startswith("end the program that holds it")
    assert free.code == 0
    assert "journal main" not in _checks(free)
    assert place.read_bytes() == before


def test_a_journal_that_another_trading_process_holds_names_it(command: Any, workspace: Path) -> None:
    with closing(open_sqlite_journal(_journal(workspace), holder="a stray service")):
        told = _checks(command("doctor", "--json"))["journal main"]

    assert f'"pid": {os.getpid()}, "holder": "a stray service"' in told["detail"]
    assert "no trading service of this home runs" in told["detail"]


def test_a_trading_service_that_cannot_have_its_journal_says_why_in_status(command: Any, workspace: Path) -> None:
    (workspace / "strategies").mkdir()
    (workspace / "strategies" / "idle.py").write_text(
        "from tradewinds.trading.strategy import vector\n\n\n@vector(lookback=2, targets='units', interval='1m', rhythm='every bar')\n"
        "def idle(panel, params):\n    return panel.close * 0\n"
    )
    (workspace / "strategies" / "idle.yaml").write_text(
        "strategy: idle.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\n"
    )
    home = workspace.parent / "home"
    with closing(open_sqlite_journal(_journal(workspace), holder="a stray service")):
        keeper = up_keeper.launch(home, ["trade"], is_detached=True)
        try:
            (told,) = _until(lambda: [one for one in services(home) if "crashed" in one.detail])
        finally:
            up_keeper.stop(home)
            keeper.wait(WITHIN_S)

    assert "held by" in told.detail
    assert "a stray service" in told.detail
    assert told.advice == "tradewinds logs --raw trade"


# Airflow is down


def test_airflow_that_died_beside_a_keeper_is_told_with_what_starts_it_again(command: Any, workspace: Path) -> None:
    home = workspace.parent / "home"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as launcher:
        (home / "airflow").mkdir(parents=True)
        (home / "airflow" / "airflow.json").write_text(json.dumps({"launcher": launcher.pid, "port": 1}))
        launcher.send_signal(signal.SIGKILL)
    alone = command("status", "--json")
    write_services(home, [Service("console", ("true",))])
    beat = Heartbeat(up_keeper.keeper_path(home))
    beat.beat({})

    beside, doctor = command("status", "--json"), command("doctor", "--json")

    beat.rest()
    assert _checks(alone)["airflow"]["advice"] == "`tradewinds up` starts it"
    assert (beside.code, doctor.code) == (1, 1)
    for ended in (beside, doctor):
        told = _checks(ended)["airflow"]
        assert (told["state"], told["detail"], told["advice"]) == ("wrong", "does not run", "tradewinds down, then tradewinds up")


def test_what_airflows_own_processes_printed_is_shown_by_the_command_that_status_names(command: Any, workspace: Path) -> None:
    logs = workspace.parent / "home" / "airflow" / "logs"
    logs.mkdir(parents=True)
    (logs / "dag-processor.log").write_text("one\ntwo\n")

    shown, absent = command("logs", "--raw", "dag_processor"), command("logs", "--raw", "scheduler")

    assert (shown.code, shown.out) == (0, "one\ntwo\n")
    assert absent.code == 1


def test_an_airflow_of_another_container_is_named_and_not_said_to_be_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = airflow(tmp_path)
    monkeypatch.setenv("TRADEWINDS_AIRFLOW_PAGE", "https://desk.example/airflow/")
    there = airflow(tmp_path)

    assert (here.state, here.detail) == ("wrong", "does not run")
    assert (there.state, there.detail) == ("warning", "runs elsewhere and is not asked from here")
    assert there.advice == "its own page: https://desk.example/airflow/"
