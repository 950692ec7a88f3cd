"""`tradewinds new`: what it makes runs at once, and nothing of the user's is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BARS = ["date,open,high,low,close,volume"]
BARS += [f"2024-{month:02d}-{day:02d},{100 + day},{101 + day},{99 + day},{100 + day},1000" for month in (1, 2) for day in range(1, 29)]


def test_a_new_strategy_is_backtested_and_does_not_look_ahead(command: Any, workspace: Path) -> None:
    made = command("new", "strategy", "slow_trend", "--json")
    (workspace / "btc.csv").write_text("\n".join(BARS) + "\n")
    assert command("data", "import", "btc.csv", "--instrument", "BTCUSDT.BINANCE").code == 0

    tested = command("backtest", "strategies/slow_trend.yaml", "--from", "2024-02-01", "--no-tear-sheet", "--json")
    checked = command("check", "strategies/slow_trend.py", "--data", "btc.csv")

    assert made.json["made"] == ["strategies/slow_trend.py", "strategies/slow_trend.yaml"]
    assert made.json["next"] == "tradewinds backtest strategies/slow_trend.yaml"
    assert tested.code == 0, tested.err
    assert checked.code == 0, checked.out + checked.err
    assert "my_strategy" not in (workspace / "strategies" / "slow_trend.py").read_text()


def test_a_new_vendor_brings_its_example_into_the_history(command: Any, workspace: Path) -> None:
    made = command("new", "vendor", "mood_index", "--json")
    (workspace / "tradewinds.yaml").write_text("\n".join(made.json["lines"]) + "\n")

    ran = command("job", "run", "mood_index", "--json")
    rows = command("data", "show", "mood-index", "--json").json

    assert made.json["made"] == ["vendors/mood_index.py", "drops/mood_index/EXAMPLE.csv"]
    assert ran.code == 0, ran.err
    assert [row["value"] for row in rows["rows"]] == [1.5, 1.75, -0.25]
    assert rows["rows"][0]["instrument"] == "EXAMPLE.MOOD_INDEX"
    assert rows["rows"][0]["known"] == "2024-01-03T06:00:00Z"
    assert command("job", "run", "mood_index").code == 99  # the same again changes nothing


def test_a_new_model_draws_its_plan(command: Any, workspace: Path) -> None:
    book = "{calendar: XNYS, since: 2023-01-03, instruments: [AAPL.XNAS], features: {rsi: rsi(14)}}"
    (workspace / "tradewinds.yaml").write_text(f"research: {{us: {book}}}\n")

    made = command("new", "model", "weekly")
    listed = command("job", "list")

    assert made.code == 0, made.err
    assert "next: tradewinds job run train_weekly" in made.out
    assert "train_weekly" in listed.out


def test_what_stands_there_is_kept_and_a_name_that_is_none_is_refused(command: Any, workspace: Path) -> None:
    command("new", "strategy", "mine")
    (workspace / "strategies" / "mine.py").write_text("# mine\n")

    again, bad, bookless = command("new", "strategy", "mine"), command("new", "vendor", "../x"), command("new", "model", "m1")

    assert (again.code, bad.code, bookless.code) == (2, 2, 2)
    assert "stands there already" in again.err
    assert (workspace / "strategies" / "mine.py").read_text() == "# mine\n"
    assert "'../x', expected small letters" in bad.err
    assert "there is none yet" in bookless.err
