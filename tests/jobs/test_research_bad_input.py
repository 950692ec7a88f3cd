"""Nights over input that is wrong or absent: each step ends, what it could not do stands in its row and on the page, the night goes on."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Transient
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_book import publish
from tradewinds.jobs.research_night import ends_of, gathered
from tradewinds.jobs.research_report import night_of
from tradewinds.jobs.research_risk import stored_model
from tradewinds.jobs.research_tables import out_of_sample_table, signals_table
from tradewinds.report.night_data import Absent
from tradewinds.wiring.house import House, run_job

MakeHouse = Callable[..., House]
MakeBars = Callable[..., pl.DataFrame]

STEPS = ("features", "risk_model", "predict", "signals", "report")
SESSION = date(2024, 1, 3)
MORNING = "2024-01-04T06:00:00Z"


@dataclass(frozen=True)
class Night:
    """How each step ended, and the text of the page."""

    ends: dict[str, tuple[str, list[str], dict[str, Any]]]
    page: str

    def state(self, step: str) -> str:
        return self.ends[step][0]

    def told(self, step: str, words: str) -> bool:
        """Whether a gap of the step holds the words, in the row and on the page."""
        lines = [line for line in self.ends[step][1] if words in line]
        return bool(lines) and all(html.escape(line, quote=False) in self.page or html.escape(line) in self.page for line in lines)


def _night(house: House, partition: str = "2024-01-03") -> Night:
    for step in STEPS:
        run_job(f"research.{step}", partition, house=house)
    context = house.context("test", "")
    ends = ends_of(context, book_of(context, {}), partition, STEPS)
    return Night(ends, Path(ends["report"][2]["page"]).read_text(encoding="utf-8"))


def _house(make_house: MakeHouse, text: str, rows: pl.DataFrame, now: str = MORNING) -> House:
    made = make_house(text, now=now)
    publish(made.context("test", ""), Table(bars("1d")), rows)
    return made


def _open(day: date) -> int:
    return calendar("XNYS").open_ns(day)


def test_instruments_without_a_sector_are_named_and_stay_in_the_model(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str, tmp_path: Path
) -> None:
    lines = [f"S{number:02d}.XNAS,{'tech' if number % 2 else 'energy'}" for number in range(12) if number not in (3, 7)]
    (tmp_path / "sectors.csv").write_text("\n".join(["instrument,sector", *lines]) + "\n")

    night = _night(_house(make_house, book_yaml + "    risk: {sectors: sectors.csv}\n", research_bars(SESSION)))

    assert night.state("signals") in ("done", "partial")
    assert night.told("risk_model", "S03.XNAS: no sector")
    assert night.told("risk_model", "S07.XNAS: no sector")
    assert night.ends["risk_model"][2]["instruments"] == 12


def test_a_sectors_file_that_is_not_there_ends_the_risk_model_and_not_the_night(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    night = _night(_house(make_house, book_yaml + "    risk: {sectors: sectors.csv}\n", research_bars(SESSION)))

    assert night.state("features") == "done"
    assert night.state("risk_model") == "failed"
    assert night.told("risk_model", "sectors.csv, expected a readable file (No such file or directory)")


def test_an_instrument_with_20_sessions_of_history_has_the_features_that_need_no_more(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    young_from = _open(calendar("XNYS").sessions(date(2023, 11, 1), SESSION)[-20])
    rows = research_bars(SESSION).filter((pl.col("instrument") != "S05.XNAS") | (pl.col("start_ns") >= young_from))

    night = _night(_house(make_house, book_yaml, rows))

    assert night.state("features") == "partial"
    assert night.told("features", "momentum: ")
    assert any("S05.XNAS" in line for line in night.ends["features"][1])
    assert not any("reversal" in line for line in night.ends["features"][1])
    assert night.told("risk_model", "S05.XNAS: 19 specific returns")
    assert night.state("signals") in ("done", "partial")


def test_a_constant_feature_is_named_and_the_signal_goes_without_it(make_house: MakeHouse, research_bars: MakeBars, book_yaml: str) -> None:
    text = book_yaml.replace("    signals: {", '      flat: "zscore(close - close)"\n    signals: {flat: 1.0, ')

    night = _night(_house(make_house, text, research_bars(SESSION)))

    assert night.told("features", "flat: ")
    assert night.told("signals", "flat: no score in session 2024-01-03; the signal goes without it")
    assert set(night.ends["signals"][2]["sources"]) == {"reversal", "momentum"}


def test_an_instrument_that_is_delisted_in_the_middle_of_a_month_is_sold_and_named(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    gone_on = date(2023, 12, 15)
    rows = research_bars(SESSION).filter((pl.col("instrument") != "S02.XNAS") | (pl.col("start_ns") <= _open(gone_on)))
    house = _house(make_house, book_yaml, rows)

    night = _night(house)

    weights = house.lake.read(signals_table("us"), as_of_ns=house.clock.now_ns())
    assert night.told("features", "S02.XNAS: no bar in session 2024-01-03; its last was 2023-12-15")
    assert night.told("risk_model", "S02.XNAS: not in the risk model")
    assert weights.filter(pl.col("instrument") == "S02.XNAS")["weight"].to_list() == [0.0]
    assert weights["weight"].to_numpy().sum() > 0.0


def test_an_instrument_without_volume_is_estimated_without_weight_and_named(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    silent = pl.when(pl.col("instrument") == "S04.XNAS").then(0.0).otherwise("volume").alias("volume")

    night = _night(_house(make_house, book_yaml, research_bars(SESSION).with_columns(silent)))

    (line,) = [line for line in night.ends["risk_model"][1] if "have no weight" in line]
    assert line.startswith("S04.XNAS: ")
    assert night.told("risk_model", line)
    assert night.state("signals") in ("done", "partial")


def test_infinite_values_of_a_fact_read_as_not_known(make_house: MakeHouse, research_bars: MakeBars, book_yaml: str) -> None:
    text = book_yaml.replace(
        "    signals:", '      worth: "zscore(worth)"\n    facts: {worth: {dataset: bars-1h, column: quote_volume}}\n    signals:'
    )
    rows = research_bars(SESSION)
    endless = pl.when(pl.col("instrument") == "S01.XNAS").then(float("inf")).otherwise(pl.col("close")).alias("quote_volume")
    house = make_house(text, now=MORNING)
    context = house.context("test", "")
    publish(context, Table(bars("1d")), rows)
    publish(context, Table(bars("1h")), rows.with_columns(endless, event_ns=pl.col("start_ns") + 3_600_000_000_000))

    night = _night(house)

    (line,) = [line for line in night.ends["features"][1] if line.startswith("worth: ")]
    assert "S01.XNAS" in line
    assert "S00.XNAS" not in line
    assert night.told("features", "worth: ")


def test_a_model_whose_file_was_changed_answers_nothing_and_the_signal_goes_without_it(
    trained: House, make_house: MakeHouse, tmp_path: Path, book_yaml: str
) -> None:
    (file,) = (tmp_path / "home" / "models" / "files").glob("*/model.json")
    file.write_text(file.read_text() + " ")
    house = make_house(book_yaml.replace("signals: {", "signals: {trend: 1.0, "), now=MORNING)

    night = _night(house)

    assert night.told("predict", "model trend: model files in ")
    assert night.told("signals", "trend: no score in session 2024-01-03; the signal goes without it")
    assert night.ends["predict"][2]["models"] == {}
    assert night.state("signals") == "partial"


def test_with_mlflow_away_the_champion_that_was_resolved_here_answers(
    trained: House, make_house: MakeHouse, book_yaml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = trained.models.resolve("models:/trend@champion").sha256
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    night = _night(make_house(book_yaml, now=MORNING))

    assert night.ends["predict"][2]["models"] == {"trend": sha256}
    assert night.told("predict", "model trend: the registry is away; version 1, pinned on this machine, answers")


def test_with_mlflow_away_and_nothing_remembered_the_model_is_a_gap(
    house: House, make_house: MakeHouse, book_yaml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "trend.yaml").write_text("research: us")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    night = _night(make_house(book_yaml, now=MORNING))

    assert night.state("predict") == "partial"
    assert night.told("predict", "model trend: ")
    assert night.ends["predict"][2]["models"] == {}
    assert night.state("signals") in ("done", "partial")


def test_without_any_score_the_signals_end_as_failed_and_the_page_says_why(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    text = book_yaml.replace("signals: {reversal: 1.0, momentum: 0.5}", "signals: {}")

    night = _night(_house(make_house, text, research_bars(SESSION)))

    assert night.state("signals") == "failed"
    assert night.told("signals", "Missing: research us: no score in session 2024-01-03, expected one of a model")
    assert night.state("report") == "done"


def test_a_session_without_bars_is_named_by_every_step_that_answers_for_the_one_before(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    night = _night(_house(make_house, book_yaml, research_bars(SESSION), now="2024-01-05T06:00:00Z"), "2024-01-04")

    assert night.told("features", "the last bars known at the decision are of session 2024-01-03, expected of 2024-01-04")
    assert night.told("signals", "scores are of session 2024-01-03, expected of 2024-01-04")
    assert night.ends["signals"][2]["session"] == "2024-01-03"


def test_many_that_lack_the_same_are_one_line_and_few_are_named_each() -> None:
    lines = [f"S{number}: no sector" for number in range(7)] + ["A: no bar", "B: no bar"]

    assert gathered(lines) == ["S0, S1, S2 and 4 more: no sector", "A: no bar", "B: no bar"]


def test_a_constant_style_is_left_out_of_the_risk_model_and_named(make_house: MakeHouse, research_bars: MakeBars, book_yaml: str) -> None:
    text = book_yaml + '    risk: {styles: {flat: "close - close", volatility: "zscore(volatility(20))"}}\n'
    house = _house(make_house, text, research_bars(SESSION))

    night = _night(house)

    context = house.context("test", "")
    assert stored_model(context, book_of(context, {}), "2024-01-03").factors == ("market", "volatility")
    assert night.told("risk_model", "flat: ")
    assert night.state("signals") in ("done", "partial")


def test_without_any_volume_the_risk_model_fails_with_its_reason_and_the_night_goes_on(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    night = _night(_house(make_house, book_yaml, research_bars(SESSION).with_columns(volume=pl.lit(0.0))))

    assert (night.state("features"), night.state("risk_model"), night.state("signals")) == ("done", "failed", "failed")
    assert night.told("risk_model", "no instrument is in the risk model, expected some with all exposures")
    assert night.told("signals", "no risk model by 2024-01-03")
    assert night.state("report") == "done"


def test_a_session_alone_is_too_little_for_a_risk_model(make_house: MakeHouse, research_bars: MakeBars, book_yaml: str) -> None:
    rows = research_bars(SESSION).filter(pl.col("start_ns") == _open(SESSION))

    night = _night(_house(make_house, book_yaml, rows))

    assert night.state("risk_model") == "failed"
    assert night.told("risk_model", "1 session, expected at least 2 for a return")
    assert night.state("report") == "done"


@pytest.mark.parametrize("field", ["close", "volume"])
def test_an_infinite_bar_reads_as_not_known(make_house: MakeHouse, research_bars: MakeBars, book_yaml: str, field: str) -> None:
    is_wrong = (pl.col("instrument") == "S06.XNAS") & (pl.col("start_ns") == _open(date(2024, 1, 2)))
    rows = research_bars(SESSION).with_columns(pl.when(is_wrong).then(float("inf")).otherwise(field).alias(field))

    night = _night(_house(make_house, book_yaml, rows))

    assert night.state("signals") in ("done", "partial")
    assert field == "volume" or "S06.XNAS" in "\n".join(line for step in ("features", "risk_model") for line in night.ends[step][1])
    assert "nan" not in night.page.lower().replace("nano", "")
    assert ">inf" not in night.page.lower()


def test_with_mlflow_away_training_ends_with_a_typed_error_and_keeps_what_folds_foretold(
    trained: House, make_house: MakeHouse, book_yaml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = make_house(book_yaml, now=MORNING)

    with pytest.raises(Transient, match=r"127\.0\.0\.1:9"):
        run_job("train.run", "2024-01-03", house=away)

    assert away.lake.read(out_of_sample_table("us"), as_of_ns=away.clock.now_ns()).height > 0


def test_with_mlflow_away_the_page_says_so_of_the_model(
    trained: House, make_house: MakeHouse, book_yaml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    house = make_house(book_yaml, now=MORNING)
    night = _night(house)
    context = house.context("test", "")

    (told,) = night_of(context, book_of(context, {}), "2024-01-03").models  # type: ignore[misc]  # a tuple where it is not absent

    assert night.state("report") == "done"
    assert isinstance(told.champion, Absent)
    assert html.escape(told.champion.why, quote=False)[:60] in night.page or html.escape(told.champion.why)[:60] in night.page
