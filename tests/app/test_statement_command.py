"""`tradewinds statement` over a day that the real service traded on paper."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

TREND = """
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    targets = panel.close * 0
    targets[1:][panel.close[1:] > panel.close[:-1]] = 1
    return targets
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\ncosts: [{bps: 10}]\n"


@pytest.fixture
def traded(workspace: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Twelve minutes of 31 December 2024 on paper; the clock stands at 3 January 2025."""
    (workspace / "tradewinds.yaml").write_text("accounts:\n  main: {broker: paper, currency: USDT}\n")
    (workspace / "strategies").mkdir()
    (workspace / "bars").mkdir()
    (workspace / "strategies" / "trend.py").write_text(TREND)
    (workspace / "strategies" / "trend.yaml").write_text(YAML)
    rows = ["time,open,high,low,close,volume"]
    for minute, close in enumerate([100, 101, 102, 103, 102, 101, 100, 101, 102, 103, 104, 103]):
        rows.append(f"2024-12-31T00:{minute:02d}:00Z,{close},{close + 1},{close - 1},{close},1000")
    (workspace / "bars" / "BTCUSDT.csv").write_text("\n".join(rows) + "\n")
    done = command("trade", "--data", "bars")
    assert done.code == 0, done.err
    return command


def test_the_last_whole_month_adds_up_in_every_form(traded: Any, workspace: Path) -> None:
    told = traded("statement", "main", "--json").json
    written = traded("statement", "main", "--csv", "-", "--html", workspace / "month.html")
    shown = traded("statement", "main")

    assert (told["account"], told["cash_before"], told["held_before"]) == ("main", {}, [])
    before, after = Decimal(0), Decimal(told["cash_after"]["USDT"])
    moved = sum(Decimal(one["quantity"]) for one in told["moved"] if one["kind"] == "cash")
    assert before + moved + Decimal(told["traded"]["USDT"]) - Decimal(told["commissions"]["USDT"]) == after
    lines = list(csv.DictReader(io.StringIO(written.out)))
    assert sum(line["line"] == "fill" for line in lines) == len(told["fills"]) >= 2
    assert {line["commission_currency"] for line in lines if line["line"] == "fill"} == {"USDT"}
    assert "Statement of main, 2024-12" in (workspace / "month.html").read_text()
    assert (shown.code, "Cash of main, 2024-12" in shown.out) == (0, True)


def test_a_month_in_which_nothing_was_booked_ends_with_one_and_nonsense_is_refused(traded: Any) -> None:
    assert traded("statement", "main", "--month", "2025-01").code == 1
    for month in ("2025-13", "2025-1", "January", "2025-01-01"):
        refused = traded("statement", "main", "--month", month)
        assert (refused.code, f"--month '{month}', expected a month such as 2026-10" in refused.err) == (2, True)
    assert traded("statement", "nobody").code == 2


def test_an_account_that_never_traded_says_so(workspace: Path, command: Any) -> None:
    (workspace / "tradewinds.yaml").write_text("accounts:\n  main: {broker: paper, currency: USDT}\n")

    done = command("statement", "main")

    assert done.code != 0
    assert "main" in done.err
