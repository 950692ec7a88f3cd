"""`tradewinds research|screen|alerts|model`: nights, candidates, alerts and champions from the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.research_book import publish
from tradewinds.wiring.house import open_house

NAMES = tuple(f"C{number:02d}.BINANCE" for number in range(12))
FIRST_DAY, DAYS = "2024-09-01T00:00:00Z", 124  # until the day before the clock of these tests, 3 January 2025 in the morning
LAST = "2025-01-02"
CONFIG = f"""
research:
  coins:
    calendar: 24/7
    since: 2024-09-01
    instruments: [{", ".join(NAMES)}]
    features: {{growth: "zscore(returns(close, 20))", rsi: "rsi(14)"}}
    signals: {{growth: 1.0}}
    screeners:
      risers: {{where: ["growth > 0"], rank: growth, top: 2}}
alerts: {{}}
"""


@pytest.fixture
def firm(command: Any, workspace: Path) -> Any:
    """The command in a workspace with a book of twelve coins that each go their own way, the first down, the last up."""
    (workspace / "tradewinds.yaml").write_text(CONFIG)
    draw = np.random.default_rng(3)
    trends = np.linspace(-0.004, 0.004, len(NAMES))
    closes = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, (DAYS, len(NAMES))) + trends, axis=0))
    starts = parse(FIRST_DAY) + np.arange(DAYS) * NS_PER_DAY
    frames = [
        pl.DataFrame({"start_ns": starts, "close": closes[:, at]}).with_columns(
            pl.lit(name).alias("instrument"),
            (pl.col("start_ns") + NS_PER_DAY).alias("event_ns"),
            (pl.col("start_ns") + NS_PER_DAY + 1_000_000).alias("known_ns"),
            *(pl.col("close").alias(one) for one in ("open", "high", "low")),
            pl.lit(1e3).alias("volume"),
            *(pl.lit(None, pl.Float64).alias(one) for one in ("quote_volume", "taker_base", "taker_quote")),
            pl.lit(None, pl.Int64).alias("trades"),
        )
        for at, name in enumerate(NAMES)
    ]
    publish(open_house().context("test", ""), Table(bars("1d")), pl.concat(frames))
    return command


def test_a_night_runs_without_airflow_and_says_how_each_step_ended(firm: Any) -> None:
    before = firm("research", "show", "coins", "--json")
    first = firm("research", "run", "coins", "--json")
    again = firm("research", "run", "coins", "--session", LAST, "--json")
    shown = firm("research", "show", "coins", "--json")

    assert (before.code, before.json["steps"]) == (1, {})
    assert first.code == 0, first.err
    assert [one["step"] for one in first.json["steps"]] == ["features", "screen risers", "risk_model", "predict", "signals", "report"]
    assert first.json["session"] == LAST
    assert Path(first.json["page"]).is_file()
    assert "[1/6] features 2025-01-02" in first.err
    assert (again.code, {one["state"] for one in again.json["steps"]}) == (99, {"nothing"})
    assert set(shown.json["steps"]) == {"features", "risk_model", "predict", "signals", "report"}
    assert shown.json["page"] == first.json["page"]
    assert firm("research", "show", "coins").out.startswith("coins 2025-01-02\n")


def test_factors_are_listed_with_formula_and_source(firm: Any) -> None:
    told = {one["name"]: one for one in firm("research", "factors", "--json").json["factors"]}

    assert told["momentum"]["call"] == "momentum(rows=252, skipped=21)"
    assert told["momentum"]["formula"] == "P(t - skipped) / P(t - rows) - 1"
    assert told["momentum"]["source"].startswith("Jegadeesh & Titman")
    assert (
        firm("research", "factors", "rsi").out.startswith("and 1 functions of TA-Lib: rsi")
        or "rsi" in firm("research", "factors", "rsi").out
    )
    assert firm("research", "factors", "nonesuch").code == 1


def test_a_factor_has_a_sheet_by_name_or_by_expression(firm: Any) -> None:
    by_name = firm("research", "sheet", "coins", "growth", "--json").json
    by_text = firm("research", "sheet", "coins", "-growth", "--json")

    assert by_name["expression"] == "zscore(returns(close, 20))"
    assert by_name["horizons"][0]["coefficient"] > 0.05  # what rose goes on rising
    assert "Factor growth" in Path(by_name["page"]).read_text()
    assert by_text.code == 2  # an option, as the console reads it; an expression begins otherwise
    turned = firm("research", "sheet", "coins", "0 - growth", "--json").json
    assert turned["horizons"][0]["coefficient"] == pytest.approx(-by_name["horizons"][0]["coefficient"], abs=1e-9)


def test_candidates_are_found_listed_and_answered(firm: Any) -> None:
    found = firm("screen", "run", "--partition", LAST, "--json")
    again = firm("screen", "run", "coins", "risers", "--partition", LAST)
    first, second = found.json["candidates"]

    assert (found.code, again.code) == (0, 99)
    assert first["score"] > second["score"] > 0
    assert [one["id"] for one in firm("screen", "list", "--json").json["candidates"]] == [first["id"], second["id"]]
    approved = firm("screen", "approve", first["id"][:6], "--by", "ada", "--note", "strong", "--json")
    assert (approved.code, approved.json["candidates"][0]["state"]) == (0, "approved")
    assert firm("screen", "approve", first["id"], "--by", "ada").code == 0
    refused = firm("screen", "deny", first["id"], second["id"], "--by", "bob", "--json")
    assert refused.code == 2
    assert [one["instrument"] for one in refused.json["candidates"]] == [second["instrument"]]
    assert "approved by ada" in refused.json["refused"][0]
    shown = firm("screen", "show", first["id"], "--json").json
    assert [(one["state"], one["by"], one["face"]) for one in shown["history"]] == [("approved", "ada", "console")]
    assert "ada" in firm("screen", "show", first["id"]).out
    assert firm("screen", "list").code == 1  # nothing waits any more
    assert len(firm("screen", "list", "--state", "all", "--json").json["candidates"]) == 2


def test_alerts_are_tried_and_listed(firm: Any, workspace: Path) -> None:
    table = [
        "instrument,condition,interval,when,note",
        "C11.BINANCE,close > 100,1d,once,up",
        "C00.BINANCE,close > 100,1d,,",
        "C00,close > 1,,,",
    ]
    (workspace / "alerts.csv").write_text("\n".join(table))

    tried = firm("alerts", "test", "--partition", LAST, "--json")
    ran = firm("job", "run", "alerts", "--partition", LAST, "--json")
    listed = firm("alerts", "list", "--crossings", "--json")

    assert tried.code == 65
    assert [(one["instrument"], one["holds"]) for one in tried.json["lines"]] == [("C11.BINANCE", True), ("C00.BINANCE", False)]
    assert list(tried.json["wrong"]) == ["alerts.csv line 4"]
    assert (ran.code, ran.json["rows_published"]) == (65, 1)
    assert [(one["instrument"], one["note"], one["event"]) for one in listed.json["alerts"]] == [
        ("C11.BINANCE", "up", "2025-01-03T00:00:00Z")
    ]
    assert "C11.BINANCE" in firm("alerts", "list", "--crossings").out
    assert firm("alerts", "list", "--instrument", "C00.BINANCE").code == 1


def test_without_a_table_or_a_book_the_commands_say_what_is_expected(command: Any, workspace: Path) -> None:
    assert "expected a table with the columns" in command("alerts", "test").err
    assert "expected a book of research" in command("research", "run").err
    assert command("screen", "run").code == 99
    assert command("screen", "show", "abc").code == 65
    assert command("alerts", "list").code == 1


def test_a_model_is_shown_and_put_in_charge(firm: Any, workspace: Path) -> None:
    (workspace / "models").mkdir()
    (workspace / "models" / "trend.yaml").write_text("{research: coins, train_sessions: 40, test_sessions: 30, label: {horizon: 2}}")
    assert firm("model", "show", "trend").code == 65
    assert firm("job", "run", "research.features", "--partition", LAST).code == 0
    trained = firm("job", "run", "train_trend", "--partition", LAST, "--json")
    assert trained.code == 0, trained.err

    listed = firm("model", "list", "--json").json["models"]
    promoted = firm("model", "promote", "trend", "challenger", "--by", "ada", "--json")
    again = firm("model", "promote", "trend", "1", "--by", "ada")
    shown = firm("model", "show", "trend", "--json").json
    card = firm("model", "card", "trend")

    assert [(one["name"], one["newest"], one["champion"], one["challenger"]) for one in listed] == [("trend", "1", None, "1")]
    assert (promoted.code, promoted.json["version"], promoted.json["by"]) == (0, "1", "ada")
    assert again.code == 99
    assert [(one["version"], one["aliases"]) for one in shown["versions"]] == [("1", ["champion"])]
    assert card.out.startswith("# trend\n")
    assert firm("model", "card", "trend", "@champion", "--json").json["sha256"] == shown["versions"][0]["sha256"]
