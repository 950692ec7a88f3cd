"""The demo itself, whole, as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradewinds.app.demo_report import show

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]


def test_the_demo_runs_the_whole_chain_and_leaves_nothing_running(tmp_path: Path) -> None:
    environment = {**os.environ, "TRADEWINDS_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "tradewinds", "demo", "--json"], capture_output=True, text=True, env=environment, check=False, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert [run["state"] for run in report["airflow"]["runs"]] == ["success"] * 12
    assert [run["dag"] for run in report["airflow"]["runs"]].count("report_us") == 3
    assert {step: one["state"] for step, one in report["night"]["steps"].items() if one["state"] == "failed"} == {}
    assert report["night"]["session"] == "2013-02-28"
    assert "AAPL.XNAS" in Path(report["night"]["page"]).read_text(encoding="utf-8")
    show(report)  # what people see of it, whatever it holds
    assert report["planted"]["found"] == report["planted"]["planted"] == 12
    assert report["as_of"]["before"]["close"] != report["as_of"]["after"]["close"]
    assert report["as_of"]["before"]["status"] in ("provisional", "held")
    assert report["as_of"]["after"]["status"] in ("ok", "resolved")
    digest = report["lineage"]["sha256"]
    assert (tmp_path / "demo" / "home" / "raw" / digest[:2] / digest).is_file()
    assert report["rows"]["minutes"] > 100_000
    assert report["processes_left"] == 0
    assert report["backtest"]["trades"] > 50
    assert report["backtest"]["commission"] > 0
    assert Path(report["backtest"]["tear_sheet"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert report["trading"]["is_good"], json.dumps(report["trading"], indent=1)
    assert [one["broker"] for one in report["trading"]["accounts"]] == ["binance", "oanda", "ibkr"]
    assert any("MSFT" in one["instrument"] and one["session"] == "2007-05-01" for one in report["disagreements"])


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")

    done = subprocess.run(
        [sys.executable, "-m", "tradewinds", "demo", "--home", str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 2
    assert "expected an empty folder" in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"
