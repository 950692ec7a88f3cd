"""`tradewinds alerts run|list|ack|test` as a person and a keeper call them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.cli import run as run_command
from tradewinds.live.guard_process import is_alive, read_beat
from tradewinds.people.alert import Alert
from tradewinds.sandbox.telegram import TelegramServer
from tradewinds.wiring.house import House, open_house

LOST = Alert("critical", "dead-man", "trade", "no heartbeat", "tradewinds status", "beat 1")
NEWS = Alert("info", "crossing", "AAPL.XNAS", "close above 200", "", "crossing 1")

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Any) -> Path:
    """A workspace with one route, whose address stands in a file."""
    for name in list(os.environ):
        if name.startswith("TRADEWINDS_"):
            monkeypatch.delenv(name)
    place = tmp_path / "firm" / "tradewinds.yaml"
    place.parent.mkdir()
    place.write_text(f"home: {tmp_path / 'home'}\nalerts: {{routes: {{phone: {{}}}}}}\n")
    secret = tmp_path / "phone.url"
    secret.write_text(receiver.address + "\n")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(place))
    monkeypatch.setenv("TRADEWINDS_ALERTS__ROUTES__PHONE__URL_FILE", str(secret))
    monkeypatch.setenv("COLUMNS", "200")
    return place


@pytest.fixture
def command(firm: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(["alerts", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def house(firm: Path) -> House:
    return open_house()


def test_open_alerts_are_listed_taken_in_hand_and_gone(command: Command, house: House) -> None:
    house.alerts.raise_(LOST, NEWS)

    code, out, _ = command("list", "--json")
    listed = json.loads(out)["alerts"]
    taken = command("ack", LOST.id[:5], "--by", "ada", "--note", "restarting it")
    after = command("list")
    every = json.loads(command("list", "--all", "--json")[1])["alerts"]

    assert code == 0
    assert [(one["id"], one["severity"], one["next"], one["routes"]) for one in listed] == [(LOST.id, "critical", "tradewinds status", {})]
    assert taken[:2] == (0, f"{LOST.id} dead-man trade: in the hands of ada\n")
    assert after[0] == 1
    assert {one["source"]: one["acknowledged_by"] for one in every} == {"dead-man": "ada", "crossing": None}


def test_an_id_that_there_is_not_is_said(command: Command) -> None:
    code, _, err = command("ack", "abc")

    assert code == 65
    assert "alert 'abc': there is none, expected an id of `tradewinds alerts list`" in err


def test_a_route_is_tried_and_what_came_of_it_is_said(command: Command, receiver: Any) -> None:
    good = command("test", "phone")
    receiver.answers = [403]
    bad = command("test", "phone", "--json")
    unknown = command("test", "nobody")

    assert good[:2] == (0, "phone: told\n")
    assert receiver.titles == ["INFO test: phone"]
    assert (bad[0], json.loads(bad[1])) == (1, {"route": "phone", "outcome": "refused", "error": "answered 403"})
    assert (unknown[0], "no such route, expected one of phone" in unknown[2]) == (2, True)


def test_once_sends_what_is_due_and_ends(command: Command, house: House, receiver: Any) -> None:
    house.alerts.raise_(LOST)

    code, _, err = command("run", "--once")

    assert (code, err) == (0, "")
    assert receiver.titles == ["CRITICAL dead-man: trade"]
    assert house.ledger.outbox.deliveries(LOST.id)[0].state == "sent"


def test_an_address_in_the_file_of_configuration_is_refused_without_showing_it(command: Command, firm: Path) -> None:
    firm.write_text(firm.read_text().replace("phone: {}", "phone: {url: json://canary}"))

    code, _, err = command("list")

    assert code == 2
    assert "alerts.routes.phone.url: unknown key; a secret comes from TRADEWINDS_ALERTS__ROUTES__PHONE__URL or its _FILE" in err
    assert "canary" not in err


def test_the_process_brings_alerts_while_it_runs_alone_and_ends_when_told(
    firm: Path, house: House, receiver: Any, tmp_path: Path, command: Command
) -> None:
    beat = tmp_path / "home" / "up" / "alerts.json"
    with subprocess.Popen([sys.executable, "-m", "tradewinds", "alerts", "run"], stderr=subprocess.PIPE, text=True) as process:
        try:
            _until(beat.exists)
            second = command("run")
            house.alerts.raise_(LOST)
            _until(lambda: bool(receiver.titles))
            found = read_beat(beat)
        finally:
            process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

    assert found is not None
    assert (found.pid, found.detail) == (process.pid, {"routes": ["phone"]})
    assert not is_alive(found)
    assert not beat.exists()
    assert receiver.titles == ["CRITICAL dead-man: trade"]
    assert process.returncode == 0
    assert "1 of 1 routes have an address: phone" in err
    assert "canary" not in err
    assert second[0] == 2
    assert "another process brings the alerts" in second[2]


def test_a_process_that_is_killed_while_it_sends_leaves_a_doubt_and_no_alert_is_lost(
    firm: Path, house: House, make_receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, slow = tmp_path / "clock", make_receiver()
    clock.write_text("2026-11-20T12:00:00Z")
    firm.write_text(f"home: {tmp_path / 'home'}\nclock: '@{clock}'\nalerts: {{routes: {{phone: {{}}}}}}\n")
    monkeypatch.setenv("TRADEWINDS_ALERTS__ROUTES__PHONE__URL", slow.address)
    slow.answers = ["hold"]
    house.alerts.raise_(LOST)

    with subprocess.Popen([sys.executable, "-m", "tradewinds", "alerts", "run"], stderr=subprocess.DEVNULL) as process:
        try:
            _until(lambda: bool(slow.accepted))
        finally:
            process.kill()
    clock.write_text("2026-11-20T12:00:59Z")
    early = subprocess.run([sys.executable, "-m", "tradewinds", "alerts", "run", "--once"], check=False, capture_output=True, text=True)
    before = len(slow.accepted)
    clock.write_text("2026-11-20T12:01:01Z")
    late = subprocess.run([sys.executable, "-m", "tradewinds", "alerts", "run", "--once"], check=False, capture_output=True, text=True)

    assert (early.returncode, late.returncode, before) == (0, 0, 1)
    assert ["perhaps told before" in text for text in slow.texts] == [False, True]
    assert all(f"Alert {LOST.id}, " in text for text in slow.texts)


def test_the_process_answers_on_telegram_too(firm: Path, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telegram = TelegramServer("7:canary").start()
    firm.write_text(f"home: {tmp_path / 'home'}\nalerts: {{telegram: {{users: {{11: ada}}, api: {telegram.url!r}}}}}\n")
    monkeypatch.setenv("TRADEWINDS_ALERTS__TELEGRAM__TOKEN", "7:canary")
    house.ledger.people.add("ada", "viewer", None, house.clock.now_ns())

    with subprocess.Popen([sys.executable, "-m", "tradewinds", "alerts", "run"], stderr=subprocess.PIPE, text=True) as process:
        try:
            telegram.say(11, "/positions")
            telegram.wait(1, 60.0)
        finally:
            process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    telegram.stop()

    assert telegram.answers(11) == ["no position"]
    assert process.returncode == 0
    assert "telegram: answers 1 users" in err
    assert "canary" not in err


def _until(is_so: Callable[[], bool]) -> None:
    """Wait for another process, a minute at most."""
    for _ in range(1200):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("a minute passed")
