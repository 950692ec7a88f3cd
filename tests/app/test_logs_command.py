"""`tradewinds logs`: one order among many, a run, a process that crashed, and what comes as it comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tradewinds.wire.log import Log


@pytest.fixture
def home(workspace: Path) -> Path:
    """A home whose trading process and one job have said something."""
    home = workspace.parent / "home"
    trade = Log(home, "trade", run="2026-01-05T10:00:00Z 77")
    for order, event in (("tw-1", "order approved"), ("tw-2", "order approved"), ("tw-1", "fill")):
        trade.write(event, account="main", instrument="BTCUSDT.BINANCE", order=order, text="buy 1", time_ns=1_767_607_200_000_000_000)
    Log(home, "job", run="128").write(
        "job failed", level="error", job="universe", text="\x1b[31mno answer", time_ns=1_767_607_300_000_000_000
    )
    return home


def test_one_order_is_followed_through(command: Any, home: Path) -> None:
    ended = command("logs", "--order", "tw-1")

    assert ended.out.splitlines() == [
        "2026-01-05T10:00:00Z  trade    order approved  main BTCUSDT.BINANCE tw-1  buy 1",
        "2026-01-05T10:00:00Z  trade    fill  main BTCUSDT.BINANCE tw-1  buy 1",
    ]


def test_lines_are_narrowed_down_and_steer_no_terminal(command: Any, home: Path) -> None:
    assert len(command("logs", "--symbol", "BTCUSDT", "--json").json["lines"]) == 3
    assert [row["event"] for row in command("logs", "job", "--run", "128", "--json").json["lines"]] == ["job failed"]
    failed = command("logs", "--level", "warning")
    assert failed.out == "2026-01-05T10:01:40Z  job      error: job failed  universe  \\x1b[31mno answer\n"
    none = command("logs", "--process", "guard")
    assert (none.code, none.out) == (1, "")


def test_what_a_process_printed_is_shown_raw(command: Any, home: Path) -> None:
    (home / "up").mkdir()
    (home / "up" / "trade.log").write_text("one\ntwo\nTraceback\n")

    assert command("logs", "--raw", "trade", "--lines", "2").out == "two\nTraceback\n"
    assert command("logs", "--raw", "guard").code == 1
    assert command("logs", "--raw", "../etc/passwd").code == 2
    assert command("logs", "--raw").code == 2


def test_what_comes_is_told_as_it_comes(home: Path, workspace: Path) -> None:
    command = [sys.executable, "-m", "tradewinds", "logs", "-f", "--order", "tw-1", "--lines", "1", "--json"]
    process = subprocess.Popen(command, cwd=workspace, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        last = json.loads(process.stdout.readline())
        trade = Log(home, "trade", run="another life")
        trade.write("order filled", order="tw-2")
        trade.write("order filled", order="tw-1")
        came = json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()

    assert last["event"] == "fill"
    assert (came["event"], came["order"], came["run"]) == ("order filled", "tw-1", "another life")
