"""`tradewinds halt` against real processes on the loopback; benchmarks/halt.py does a hundred rounds of the first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import halt


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[halt.Stage]:
    opened = halt.open_stage(tmp_path)
    yield opened
    opened.stop()


def test_a_stopped_trade_process_is_halted_and_sends_nothing_when_it_is_continued(stage: halt.Stage) -> None:
    after = halt.one_round(stage, continue_after_s=None)
    meanwhile = halt.one_round(stage, continue_after_s=0.15)

    for one in (after, meanwhile):
        assert (one["code"], one["is_clear"], one["open"], one["sent_after_end"]) == (0, True, 0, 0)
    assert after["sent_after"] == 0
    assert after["killed"]


def test_the_guard_clears_what_a_killed_trade_process_left(tmp_path: Path) -> None:
    stage = halt.open_stage(tmp_path, stale_s=0.5)
    try:
        trade = stage.start("trade", str(stage.home), str(stage.port))
        halt.until(lambda: len(stage.ask("/open")) >= 5)
        trade.kill()

        halt.until(lambda: stage.ask("/open") == [])
    finally:
        stage.stop()


def test_a_hanging_guard_is_replaced_by_one_that_is_started_for_the_halt(stage: halt.Stage) -> None:
    guard = stage.processes[-1]
    guard.send_signal(19)  # SIGSTOP

    done = subprocess.run(
        [sys.executable, "-m", "tradewinds.app.halt", "--home", str(stage.home)], capture_output=True, text=True, check=False,
        env=os.environ | {"TRADEWINDS_CONFIG": str(_empty_config(stage.home))},
    )  # fmt: skip

    assert guard.wait(10) == -9
    assert done.returncode == 99, done.stderr
    assert "no account is configured" in done.stderr
    assert "epoch 1" in done.stderr


def _empty_config(home: Path) -> Path:
    path = home / "tradewinds.yaml"
    path.write_text(f"home: {home}\n")
    return path
