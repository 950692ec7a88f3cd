"""The demo's trading step by itself: real venues, real processes, a kill in the middle of an order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tradewinds.app.demo_trade import ALONE, TradingDemo
from tradewinds.core.instant import parse

pytestmark = pytest.mark.timeout(240)


def test_a_killed_trading_process_loses_and_repeats_nothing_and_its_journals_are_the_venues_books(tmp_path: Path) -> None:
    workspace, home = tmp_path / "workspace", tmp_path / "home"
    workspace.mkdir()

    with TradingDemo(workspace, home, ALONE, at_ns=parse("2025-01-09T06:30:00Z"), seed=7) as trading:
        report = trading.run()

    assert report["is_good"], json.dumps(report, indent=1)
    assert [report[name] for name in ("lost", "duplicated", "unexplained", "stuck", "breaks", "processes_left")] == [0] * 6
    assert report["parity_percent"] == 100.0
    assert report["killed"]["at_kill"] in ("intent", "sent")
    assert report["killed"]["is_at_venue"]
    assert report["killed"]["afterwards"] == "filled"
    assert [one["broker"] for one in report["accounts"]] == ["binance", "oanda", "ibkr"]
    for account in report["accounts"]:
        assert account["fills"] >= 2  # one before the kill and one after it
        assert json.loads(Path(account["evening"]).read_text(encoding="utf-8"))
