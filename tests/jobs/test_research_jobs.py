"""A night of research over a lake of bars: what each step publishes, and what it says when something is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs import research_features, research_risk
from tradewinds.jobs.book import book_of
from tradewinds.jobs.lineage import lineage_of
from tradewinds.jobs.research_book import bars_panel, publish
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_tables import features_table, out_of_sample_table, predictions_table, signals_table
from tradewinds.jobs.tables import table_named, tables
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.research_files import risk_model

NAMES = tuple(f"S{number:02d}.XNAS" for number in range(12))

MakeHouse = Callable[..., House]
MakeBars = Callable[..., pl.DataFrame]


def test_features_of_all_sessions_are_published_once(house: House) -> None:
    first = run_job("research.features", "2024-01-03", house=house)
    again = run_job("research.features", "2024-01-03", house=house)

    assert first["state"] == "done"
    assert first["rows_published"] == 12 * 252 + 1  # a row an instrument and session, and how the step ended
    assert again["state"] == "nothing"
    assert again["rows_published"] == 0


def test_one_more_session_gives_the_values_of_a_computation_over_everything(
    house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    run_job("research.features", "2024-01-03", house=house)
    later = make_house(book_yaml, now="2024-01-06T06:00:00Z")
    context = later.context("test", "")
    publish(context, Table(bars("1d")), research_bars(date(2024, 1, 5)))

    done = run_job("research.features", "2024-01-05", house=later)

    book = book_of(context, {})
    stored = research_features.stored_features(context, book)
    whole = research_features.features_of(book).compute(bars_panel(context, book, "2024-01-05"))
    assert done["rows_published"] == 2 * 12 + 1
    np.testing.assert_allclose(stored.values, whole.values, rtol=1e-9, atol=1e-9)
    assert (stored.known_ns[-1] == whole.known_ns[-1]).all()


def test_an_instrument_without_a_bar_is_named_and_the_night_goes_on(
    house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    later = make_house(book_yaml, now="2024-01-05T06:00:00Z")
    context = later.context("test", "")
    publish(context, Table(bars("1d")), research_bars(date(2024, 1, 4), names=NAMES[:-1]))

    done = run_job("research.features", "2024-01-04", house=later)

    state, gaps, detail = ends_of(context, book_of(context, {}), "2024-01-04", ["features"])["features"]
    assert done["state"] == "done"
    assert state == "partial"
    assert "S11.XNAS: no bar in session 2024-01-04; its last was 2024-01-03" in gaps
    assert detail == {"session": "2024-01-04", "features": 3, "instruments": 12}


def test_a_night_without_bars_ends_as_failed_with_its_reason(make_house: MakeHouse, book_yaml: str) -> None:
    empty = make_house(book_yaml, now="2024-01-05T06:00:00Z")

    done = run_job("research.features", "2024-01-04", house=empty)

    assert done["state"] == "partial"
    assert done["failed"]["features"].startswith("Missing: research us: history/bars-1d holds no bar")


def _corrected(bars_made: pl.DataFrame, name: str, day: date, close: float, known_ns: int) -> pl.DataFrame:
    """The bar of an instrument's session as its vendor tells it later."""
    start_ns = calendar("XNYS").open_ns(day)
    bar = bars_made.filter((pl.col("instrument") == name) & (pl.col("start_ns") == start_ns))
    return bar.with_columns(close=pl.lit(close), high=pl.lit(close * 1.01), known_ns=pl.lit(known_ns))


def test_a_restated_bar_is_seen_from_the_next_session_on_and_changes_no_session_before(
    house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    run_job("research.features", "2024-01-03", house=house)
    table, name, day = Table(bars("1d")), NAMES[0], date(2024, 1, 2)
    before = house.lake.read(features_table("us", house.config.research["us"].features), as_of_ns=house.clock.now_ns())
    corrected_ns = calendar("XNYS").close_ns(date(2024, 1, 3)) + 8 * 3_600_000_000_000  # its decision was six hours after the close
    later = make_house(book_yaml, now="2024-01-05T06:00:00Z")
    context = later.context("test", "")
    publish(context, table, _corrected(research_bars(date(2024, 1, 3)), name, day, 500.0, corrected_ns))

    again = run_job("research.features", "2024-01-03", house=later)
    publish(context, table, research_bars(date(2024, 1, 4)).filter(pl.col("start_ns") > before["start_ns"].max()))
    next_one = run_job("research.features", "2024-01-04", house=later)

    after = later.lake.read(features_table("us", later.config.research["us"].features), as_of_ns=later.clock.now_ns())
    known = pl.col("start_ns") <= before["start_ns"].max()
    assert again["rows_published"] == 0
    assert next_one["rows_restated"] == 0
    assert after.filter(known).drop("captured_ns").equals(before.drop("captured_ns"))
    shown = after.filter(~known)
    assert shown.height == 12
    whole = pl.concat(
        [research_bars(date(2024, 1, 4)).filter((pl.col("instrument") == name) & (pl.col("start_ns") != calendar("XNYS").open_ns(day)))]
    )
    closes = np.append(whole["close"].to_numpy()[:-2], [500.0, *whole["close"].to_numpy()[-2:]])
    expected = np.std((closes[1:] / closes[:-1] - 1.0)[-20:], ddof=1)
    assert shown.filter(pl.col("instrument") == name)["volatility"].item() == pytest.approx(expected, rel=1e-9)


def test_of_too_many_corrections_the_oldest_sessions_read_first_prints(
    house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job("research.features", "2024-01-03", house=house)
    table = features_table("us", house.config.research["us"].features)
    plain = house.lake.read(table, as_of_ns=house.clock.now_ns()).drop("captured_ns", "source")
    corrected = make_house(book_yaml, now="2024-01-04T06:00:00Z", home="corrected")
    context = corrected.context("test", "")
    rows = research_bars(date(2024, 1, 3))
    publish(context, Table(bars("1d")), rows)
    for wrong, told in ((date(2023, 11, 1), date(2023, 11, 8)), (date(2023, 12, 1), date(2023, 12, 8))):
        publish(context, Table(bars("1d")), _corrected(rows, NAMES[0], wrong, 500.0, calendar("XNYS").close_ns(told)))
    monkeypatch.setattr(research_features, "STRETCHES_MAX", 1)

    run_job("research.features", "2024-01-03", house=corrected)

    found = corrected.lake.read(table, as_of_ns=corrected.clock.now_ns()).drop("captured_ns", "source")
    before = pl.col("start_ns") < calendar("XNYS").open_ns(date(2023, 12, 8))
    assert found.filter(before).drop("known_ns").equals(plain.filter(before).drop("known_ns"))
    assert not found.filter(~before)["volatility"].equals(plain.filter(~before)["volatility"])


def test_a_bar_that_came_after_the_decision_is_named_and_is_seen_by_the_next_session(
    house: House, make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    later = make_house(book_yaml, now="2024-01-06T06:00:00Z")
    context = later.context("test", "")
    late_ns = calendar("XNYS").close_ns(date(2024, 1, 4)) + 7 * 3_600_000_000_000
    rows = research_bars(date(2024, 1, 5)).filter(pl.col("start_ns") >= calendar("XNYS").open_ns(date(2024, 1, 4)))
    is_late = (pl.col("instrument") == NAMES[0]) & (pl.col("start_ns") == calendar("XNYS").open_ns(date(2024, 1, 4)))
    publish(context, Table(bars("1d")), rows.with_columns(known_ns=pl.when(is_late).then(late_ns).otherwise("known_ns")))

    run_job("research.features", "2024-01-04", house=later)
    run_job("research.features", "2024-01-05", house=later)

    book = book_of(context, {})
    gaps = ends_of(context, book, "2024-01-04", ["features"])["features"][1]
    stored = research_features.stored_features(context, book)
    assert "S00.XNAS: no bar in session 2024-01-04; it became known at 2024-01-05T04:00:00Z, after the decision" in gaps
    assert np.isnan(stored.values[-2, 0]).all()
    assert np.isfinite(stored.values[-1, 0]).all()


def test_another_expression_is_another_table() -> None:
    assert features_table("us", {"a": "rsi(14)"}).name != features_table("us", {"a": "rsi(15)"}).name


def test_the_risk_model_of_a_night_is_read_back_as_it_was_made(house: House) -> None:
    done = run_job("research.risk_model", "2024-01-03", house=house)
    assert not [why for why in done["failed"].values() if "Error" in why or "Fault" in why or "Rejected" in why or "Missing" in why]
    again = run_job("research.risk_model", "2024-01-03", house=house)

    context = house.context("test", "")
    model = research_risk.stored_model(context, book_of(context, {}), "2024-01-03")
    assert done["rows_published"] > 0
    assert again["state"] == "nothing"
    assert again["rows_published"] == 0
    assert model.factors == ("market", "size", "reversal", "volatility")
    assert done["detail"]["files"] == again["detail"]["files"] == "us/2024-01-03/1"
    assert risk_model(house.published, "us").factor_covariance.tolist() == model.factor_covariance.tolist()
    assert len(model.instruments) == 12
    assert model.volatility(np.full(12, 1 / 12)) == pytest.approx(0.015 * (252 / 12) ** 0.5, rel=0.35)


def test_a_cascade_explains_by_sectors_first_and_is_read_back(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str, tmp_path: Path
) -> None:
    lines = [f"{name},{'tech' if number % 2 else 'energy'}" for number, name in enumerate(NAMES)]
    (tmp_path / "sectors.csv").write_text("\n".join(["instrument,sector", *lines, "OTHER.XNAS,gold"]) + "\n")
    risk = "    risk: {kind: cascade, sessions: 100, sectors: sectors.csv, styles: {reversal: reversal(5)}}\n"
    made = make_house(book_yaml + risk, now="2024-01-04T06:00:00Z")
    context = made.context("test", "")
    publish(context, Table(bars("1d")), research_bars(date(2024, 1, 3)))

    done = run_job("research.risk_model", "2024-01-03", house=made)

    model = research_risk.stored_model(context, book_of(context, {}), "2024-01-03")
    assert done["failed"] == {}
    assert (model.kind, model.factors) == ("cascaded", ("energy", "tech", "reversal"))
    assert (model.exposures[::2, 1] == 0.0).all()
    assert (model.exposures[1::2, 1] > 0.2).all()  # each moves with the sector that it is a sixth of
    # variance of the mean by sectors, and again 5/6 of it by specifics, which so few members share with their sector
    assert model.volatility(np.full(12, 1 / 12)) == pytest.approx(0.015 * (252 * (1 + 5 / 6) / 12) ** 0.5, rel=0.2)


def test_a_cascade_without_sectors_is_refused_in_the_rows_of_the_night(
    make_house: MakeHouse, research_bars: MakeBars, book_yaml: str
) -> None:
    made = make_house(book_yaml + "    risk: {kind: cascade}\n", now="2024-01-04T06:00:00Z")
    publish(made.context("test", ""), Table(bars("1d")), research_bars(date(2024, 1, 3)))

    done = run_job("research.risk_model", "2024-01-03", house=made)

    assert "risk of kind cascade without sectors" in done["failed"]["risk_model"]


def test_signals_are_target_weights_within_the_limits_and_made_once(house: House) -> None:
    for step in ("features", "risk_model"):
        run_job(f"research.{step}", "2024-01-03", house=house)

    done = run_job("research.signals", "2024-01-03", house=house)
    again = run_job("research.signals", "2024-01-03", house=house)

    rows = house.lake.read(signals_table("us"), as_of_ns=house.clock.now_ns())
    assert done["rows_published"] == 12 + 1
    assert again["rows_published"] == 0
    weights = rows["weight"].to_numpy()
    assert weights.min() >= 0.0
    assert weights.max() <= 0.2 + 1e-9
    assert 0.0 < weights.sum() <= 1.0 + 1e-9
    assert rows["score"].to_numpy().mean() == pytest.approx(0.0, abs=1e-9)


def test_signals_without_a_risk_model_say_so_and_the_night_goes_on(house: House) -> None:
    run_job("research.features", "2024-01-03", house=house)

    done = run_job("research.signals", "2024-01-03", house=house)

    assert done["rows_published"] == 1
    assert "no risk model by 2024-01-03" in done["failed"]["signals"]


def test_folds_of_a_model_are_foretold_without_having_been_seen(
    house: House, make_house: MakeHouse, tmp_path: Path, book_yaml: str
) -> None:
    run_job("research.features", "2024-01-03", house=house)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "trend.yaml").write_text("{research: us, train_sessions: 80, test_sessions: 40, label: {horizon: 5}}")
    with_model = make_house(book_yaml, now="2024-01-04T06:00:00Z")

    shards = run_job("train.plan", "2024-01-03", house=with_model)["detail"]["shards"]
    done = [run_job("train.fold", "2024-01-03", shard["params"], house=with_model) for shard in shards]

    rows = with_model.lake.read(out_of_sample_table("us"), as_of_ns=with_model.clock.now_ns())
    assert len(shards) >= 2
    assert all(one["state"] == "done" for one in done)
    assert rows.height == sum(one["rows_published"] for one in done)
    assert (rows["label_start_ns"] > rows["start_ns"]).all()


def test_a_trained_model_answers_and_its_answers_become_weights(trained: House) -> None:
    predicted = run_job("research.predict", "2024-01-03", house=trained)
    decided = run_job("research.signals", "2024-01-03", house=trained)

    answers = trained.lake.read(predictions_table("us"), as_of_ns=trained.clock.now_ns())
    assert answers.height == 12
    assert answers["sha256"].unique().to_list() == [trained.models.resolve("models:/trend@champion").sha256]
    assert predicted["rows_published"] == 13
    assert decided["rows_published"] == 13


def test_a_model_that_nobody_promoted_is_a_gap_and_the_others_answer(
    trained: House, make_house: MakeHouse, tmp_path: Path, book_yaml: str
) -> None:
    (tmp_path / "models" / "other.yaml").write_text("research: us")
    made = make_house(book_yaml, now="2024-01-04T06:00:00Z")

    done = run_job("research.predict", "2024-01-03", house=made)

    assert done["state"] == "done"
    assert done["detail"]["gaps"][0].startswith("model other: ")
    assert list(done["detail"]["models"]) == ["trend"]


def test_the_page_of_a_night_holds_every_part(trained: House) -> None:
    for step in ("predict", "signals"):
        run_job(f"research.{step}", "2024-01-03", house=trained)

    done = run_job("research.report", "2024-01-03", house=trained)

    text = Path(done["detail"]["page"]).read_text(encoding="utf-8")
    assert done["detail"]["absent"] == ["attribution"]  # of the first night there is nothing to attribute
    assert "S00.XNAS" in text
    assert "trend" in text


def test_a_page_is_made_of_a_night_that_could_do_nothing_but_features(house: House) -> None:
    run_job("research.features", "2024-01-03", house=house)

    done = run_job("research.report", "2024-01-03", house=house)

    assert set(done["detail"]["absent"]) == {"factor_returns", "risk", "attribution", "models", "signals", "trades"}
    assert "signals: it has not run" in Path(done["detail"]["page"]).read_text(encoding="utf-8")


def test_tables_of_research_are_known_by_name_and_a_feature_leads_to_the_bars_it_was_made_of(trained: House) -> None:
    run_job("research.predict", "2024-01-03", house=trained)
    context = trained.context("test", "")
    held = {name for name in trained.lake.tables() if name != "history/bars-1d"}

    known = {table.name for table in tables(context)}

    features = features_table("us", trained.config.research["us"].features).dataset.name
    at = {"instrument": "S03.XNAS", "start_ns": calendar("XNYS").open_ns(date(2024, 1, 3))}
    step = lineage_of(context, "predictions-us", {**at, "model": "trend"}, trained.clock.now_ns())
    assert held <= known
    assert table_named(context, features).dataset.columns[0].name == "reversal"
    assert [parent.title.split(" ")[0] for parent in step.parents] == [f"{features}"]
    bar, before = step.parents[0].parents
    assert bar.title.startswith("bars-1d")
    assert "2024-01-03" in bar.title
    assert before.title == "bars-1d of the 60 sessions before, from 2023-10-06T13:30:00Z"
    assert before.facts["instruments"] == "all of the book"
