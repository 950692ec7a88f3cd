"""The join of facts and decisions: nothing is seen before it was known, and nothing newer that was known is missed."""

from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.calendars.publication import cot_publication_ns
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import from_date, from_datetime
from tradewinds.history.panel import UNKNOWN_NS
from tradewinds.history.point_in_time import columns_known, join_known

DAY = 86_400_000_000_000
Row = dict[str, Any]


def facts_of(*rows: tuple[str, int, int, int, float | None]) -> pl.DataFrame:
    """(instrument, start, event, known, value)."""
    names = ("instrument", "start_ns", "event_ns", "known_ns", "value")
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema_overrides={"value": pl.Float64})


def decisions_of(*rows: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame({"instrument": [name for name, _ in rows], "decided_ns": [at for _, at in rows]})


def test_a_fact_is_seen_from_its_known_time_on() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 20, 30, 35, 2.0))

    found = join_known(decisions_of(("A", 24), ("A", 25), ("A", 34), ("A", 35), ("B", 99)), facts)

    assert found["value"].to_list() == [None, 1.0, 1.0, 2.0, None]
    assert found["fact_start_ns"].to_list() == [None, 10, 10, 20, None]
    assert found["fact_known_ns"].to_list() == [None, 25, 25, 35, None]


def test_the_newest_period_counts_and_not_the_last_publication() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 20, 30, 35, 2.0), ("A", 10, 20, 50, 1.5))

    found = join_known(decisions_of(("A", 30), ("A", 40), ("A", 60)), facts)
    plain = decisions_of(("A", 60)).join_asof(facts.sort("known_ns"), left_on="decided_ns", right_on="known_ns", by="instrument")

    assert found["value"].to_list() == [1.0, 2.0, 2.0]
    assert plain["value"].to_list() == [1.5]


def test_a_restated_value_is_never_used_before_its_restatement() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 10, 20, 40, 9.0))

    found = join_known(decisions_of(*(("A", at) for at in range(20, 50))), facts)

    assert found["value"].to_list() == [None] * 5 + [1.0] * 15 + [9.0] * 10


def test_a_fact_older_than_the_greatest_age_is_no_answer() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0))

    found = join_known(decisions_of(("A", 25), ("A", 50), ("A", 51)), facts, age_max_ns=30)

    assert found["value"].to_list() == [1.0, 1.0, None]


def test_a_null_of_the_newest_fact_stays_null() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 20, 30, 35, None))

    assert join_known(decisions_of(("A", 36), ("A", 26)), facts)["value"].to_list() == [None, 1.0]


ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 6), st.integers(0, 12)), min_size=0, max_size=40, unique=True
)  # fmt: skip
ASKED = st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(-2, 16)), min_size=0, max_size=40)


@settings(max_examples=200, deadline=None)
@given(ROWS, ASKED, st.one_of(st.none(), st.integers(0, 8)))
def test_the_join_is_the_rule_read_aloud(rows: list[tuple[str, int, int]], asked: list[tuple[str, int]], age: int | None) -> None:
    facts = pl.DataFrame(
        [
            {"instrument": n, "start_ns": s, "event_ns": s + 1, "known_ns": s + 1 + late, "value": float(k)}
            for k, (n, s, late) in enumerate(rows)
        ],
        schema={"instrument": pl.String, "start_ns": pl.Int64, "event_ns": pl.Int64, "known_ns": pl.Int64, "value": pl.Float64},
    )
    decisions = pl.DataFrame(asked, schema={"instrument": pl.String, "decided_ns": pl.Int64}, orient="row")

    found = join_known(decisions, facts, age_max_ns=age)

    expected: list[float | None] = []
    for name, now in asked:
        seen = [row for row in facts.iter_rows(named=True) if row["instrument"] == name and row["known_ns"] <= now]
        best = max(seen, key=lambda row: (row["start_ns"], row["known_ns"]), default=None)
        is_fresh = best is not None and (age is None or now - best["event_ns"] <= age)
        expected.append(best["value"] if best is not None and is_fresh else None)
    assert found["value"].to_list() == expected
    assert found.select("instrument", "decided_ns").equals(decisions)


def test_the_order_of_rows_decides_nothing() -> None:
    chance = np.random.default_rng(3)
    count = 3000
    start = chance.integers(0, 300, count)
    facts = pl.DataFrame(
        {
            "instrument": chance.choice(list("ABCDE"), count),
            "start_ns": start,
            "event_ns": start + 1,
            "known_ns": start + chance.integers(1, 60, count),
            "value": chance.normal(size=count),
        }
    ).unique(["instrument", "start_ns", "known_ns"], keep="first")
    decisions = pl.DataFrame({"instrument": chance.choice(list("ABCDEF"), count), "decided_ns": chance.integers(0, 400, count)})
    sorted_ones = facts.sort("instrument", "known_ns", "start_ns")

    first = join_known(decisions, facts)
    second = join_known(decisions.reverse(), sorted_ones).reverse()

    assert first.equals(second)


def test_versions_that_became_known_at_once_are_told_apart_by_their_capture_or_refused() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 10, 20, 25, 2.0))

    captured = facts.with_columns(pl.Series("captured_ns", [90, 80]))

    assert join_known(decisions_of(("A", 30)), captured)["value"].to_list() == [1.0]
    assert join_known(decisions_of(("A", 30)), captured.reverse())["value"].to_list() == [1.0]
    with pytest.raises(DataFault, match="two facts of row"):
        join_known(decisions_of(("A", 30)), facts)


def test_more_than_one_key_may_tell_facts_apart() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 10, 20, 25, 2.0)).with_columns(pl.Series("report", ["futures", "combined"]))
    decisions = decisions_of(("A", 30), ("A", 30)).with_columns(pl.Series("report", ["combined", "futures"]))

    found = join_known(decisions, facts, ["value"], keys=("instrument", "report"))

    assert found["value"].to_list() == [2.0, 1.0]


def test_text_and_dates_can_be_joined_too() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0)).with_columns(pl.lit("tech").alias("sector"), pl.lit(date(2024, 1, 2)).alias("day"))

    found = join_known(decisions_of(("A", 30), ("A", 20)), facts, ["sector", "day"])

    assert found["sector"].to_list() == ["tech", None]
    assert found["day"].to_list() == [date(2024, 1, 2), None]


def test_columns_for_a_panel_say_when_each_cell_was_known() -> None:
    facts = facts_of(("A", 10, 20, 25, 1.0), ("A", 20, 30, 35, 2.0), ("B", 10, 20, 22, 5.0), ("X", 1, 2, 3, 8.0))

    values, known = columns_known(facts, ["value"], ["B", "A", "C"], np.array([24, 40]))["value"]

    assert values[:, :2].tolist()[1] == [5.0, 2.0]
    assert values[0, 0] == 5.0
    assert np.isnan(values[0, 1])
    assert np.isnan(values[:, 2]).all()
    assert known.tolist() == [[22, UNKNOWN_NS, UNKNOWN_NS], [22, 35, UNKNOWN_NS]]


def test_no_facts_and_no_decisions_are_answered() -> None:
    nothing = facts_of(("A", 1, 2, 3, 4.0)).clear()

    assert join_known(decisions_of(("A", 9)), nothing)["value"].to_list() == [None]
    assert len(join_known(decisions_of(("A", 9)).clear(), facts_of(("A", 1, 2, 3, 4.0)))) == 0
    values, known = columns_known(nothing, ["value"], ["A"], np.array([5]))["value"]
    assert np.isnan(values).all()
    assert known.tolist() == [[UNKNOWN_NS]]


def test_wrong_columns_and_times_are_refused_by_name() -> None:
    facts, asked = facts_of(("A", 1, 2, 3, 4.0)), decisions_of(("A", 9))

    with pytest.raises(Rejected, match=r"columns \['size'\] are absent"):
        join_known(asked, facts, ["size"])
    with pytest.raises(Rejected, match=r"columns \['value'\] stand in the decisions already"):
        join_known(asked.with_columns(pl.lit(1.0).alias("value")), facts)
    with pytest.raises(Rejected, match=r"nulls in \['known_ns'\] of the facts"):
        join_known(asked, facts.with_columns(pl.lit(None, pl.Int64).alias("known_ns")))
    with pytest.raises(Rejected, match="greatest age -1 ns"):
        join_known(asked, facts, age_max_ns=-1)
    with pytest.raises(Rejected, match="in order"):
        columns_known(facts, ["value"], ["A"], np.array([5, 4]))
    with pytest.raises(Rejected, match="expected each once"):
        columns_known(facts, ["value"], ["A", "A"], np.array([5]))


def cot_facts(folder: Path) -> pl.DataFrame:
    """The report of 2024 as facts: about its Tuesday, known from its publication."""
    with gzip.open(folder / "cftc" / "deacot2024_annual.txt.gz", "rt", encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    rows = []
    for line in lines:
        day = date.fromisoformat(line["As of Date in Form YYYY-MM-DD"])
        net = float(line["Noncommercial Positions-Long (All)"]) - float(line["Noncommercial Positions-Short (All)"])
        code = line["CFTC Contract Market Code"].strip()
        start = from_date(day)
        rows.append((f"{code}.CFTC", start, start + DAY, cot_publication_ns(day), net))
    return facts_of(*rows)


def test_a_cot_row_cannot_be_used_before_its_publication(shared: Path) -> None:
    facts = cot_facts(shared)
    hours = [from_date(date(2024, 1, 2)) + hour * DAY // 24 for hour in range(24 * 45)]
    names = facts["instrument"].unique().sort().to_list()

    values, known = columns_known(facts, ["value"], names, np.array(hours))["value"]

    decided = np.array(hours)[:, None]
    has = ~np.isnan(values)
    assert has.sum() > 200_000
    assert (known[has] <= np.broadcast_to(decided, known.shape)[has]).all()
    assert (known[~has] == UNKNOWN_NS).all()


def test_the_report_of_a_tuesday_is_first_seen_on_friday_afternoon_in_new_york(shared: Path) -> None:
    facts = cot_facts(shared)
    tuesday = from_date(date(2024, 1, 9))
    friday = from_datetime(datetime(2024, 1, 12, 15, 30, tzinfo=ZoneInfo("America/New_York")))
    name = facts["instrument"][0]

    found = join_known(decisions_of((name, friday - 1), (name, friday), (name, friday + 3 * DAY)), facts)

    assert found["fact_start_ns"].to_list() == [tuesday - 7 * DAY, tuesday, tuesday]
    by_event = decisions_of((name, friday - 1)).join_asof(
        facts.sort("event_ns"), left_on="decided_ns", right_on="event_ns", by="instrument"
    )
    assert by_event["start_ns"].to_list() == [tuesday]  # what an as-of join by event time would have leaked
