"""SIGKILL in the middle of a night: nothing lost, nothing half-visible, and the re-run completes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.plan_runner import run_plan
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.catalog import plans
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.stores.ledger_runs import RunFilter

CONFIG = """
crypto:
  binance:
    shard_symbols: 1
    bars: [{interval: 15m, instruments: [BTCUSDT, ETHUSDT], since: 2024-12-01}]
"""
NOW = "2025-01-03T06:30:00Z"
QUARTERS = Table(bars("15m"))
DAYS = 33


def _files(home: Path, kind: str) -> int:
    return sum(1 for path in (home / kind).rglob("*") if path.is_file()) if (home / kind).is_dir() else 0


def _run_until(home: Path, environment: dict[str, str], kind: str, count: int) -> int:
    """Run the plan in a process of its own and kill it when so many files of a kind stand there; returns its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewinds", "job", "run", "crypto_backfill"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pause = threading.Event()
    while process.poll() is None and _files(home, kind) < count:
        pause.wait(0.002)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def test_a_killed_backfill_leaves_whole_partitions_and_its_re_run_completes_them(venues: Any, make_house: Any, tmp_path: Path) -> None:
    house = make_house(CONFIG, venues.environment)
    home = tmp_path / "home"
    environment = {
        **os.environ,
        **venues.environment,
        "TRADEWINDS_CONFIG": str(tmp_path / "tradewinds.yaml"),
        "TRADEWINDS_HOME": str(home),
        "TRADEWINDS_CLOCK": NOW,
    }
    seen = []
    for kind, count in (("raw", 3), ("raw", 40), ("lake", 2), ("raw", 100), ("lake", 5)):
        code = _run_until(home, environment, kind, count)
        per_day = house.lake.read(QUARTERS, as_of_ns=FAR_FUTURE_NS).height / (24 * 4)
        seen.append((code, per_day))

    drawn = {plan.name: plan for plan in plans(house.config)}
    run_plan(drawn["crypto_backfill"], "2025-01-03", {}, house=house, progress=lambda message: None)

    rows = house.lake.read(QUARTERS, as_of_ns=FAR_FUTURE_NS)
    states = {run.state for run in house.ledger.runs(RunFilter(job="crypto_backfill.ingest"))}
    assert -signal.SIGKILL in {code for code, _ in seen}
    assert all(days == int(days) for _, days in seen)
    assert rows.height == 2 * DAYS * 24 * 4
    assert house.lake.versions(QUARTERS).height == rows.height
    assert "running" not in states


def test_a_full_disk_is_told_and_leaves_the_old_version(venues: Any, make_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewinds.stores.lake_files import LocalFiles

    house = make_house(CONFIG, venues.environment)
    drawn = {plan.name: plan for plan in plans(house.config)}
    original = LocalFiles.write

    def full(self: LocalFiles, path: str, content: Any) -> None:
        if path.endswith(".parquet"):
            raise OSError(28, "No space left on device", path)
        original(self, path, content)

    monkeypatch.setattr(LocalFiles, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        run_plan(drawn["crypto_backfill"], "2025-01-03", {}, house=house, progress=lambda message: None)
    assert house.lake.read(QUARTERS, as_of_ns=FAR_FUTURE_NS).is_empty()
    monkeypatch.undo()

    result = run_plan(drawn["crypto_backfill"], "2025-01-03", {}, house=house, progress=lambda message: None)

    assert result["rows_published"] == 2 * DAYS * 24 * 4
