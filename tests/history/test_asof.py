"""Versions of facts, compared with a reference that reads them one by one."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.history.asof import apply_corrections, corrections, first_known, latest_known, restated

SCHEMA = {
    "instrument": pl.String,
    "start_ns": pl.Int64,
    "known_ns": pl.Int64,
    "captured_ns": pl.Int64,
    "source": pl.String,
    "close": pl.Float64,
}


def versions(*rows: tuple[str, int, int, float]) -> pl.DataFrame:
    return pl.DataFrame([(i, s, k, k, "aa", c) for i, s, k, c in rows], schema=SCHEMA, orient="row")


BARS = versions(("A.X", 10, 20, 1.0), ("A.X", 10, 90, 1.5), ("A.X", 20, 30, 2.0), ("B.X", 10, 25, 7.0), ("A.X", 10, 50, 1.2))


def test_the_latest_version_is_the_one_known_last_by_the_instant() -> None:
    assert latest_known(BARS, 19)["close"].to_list() == []
    assert latest_known(BARS, 20)["close"].to_list() == [1.0]
    assert latest_known(BARS, 49)["close"].to_list() == [1.0, 2.0, 7.0]
    assert latest_known(BARS, 50)["close"].to_list() == [1.2, 2.0, 7.0]
    assert latest_known(BARS, 90)["close"].to_list() == [1.5, 2.0, 7.0]


def test_the_first_version_stays_whatever_is_corrected_later() -> None:
    assert first_known(BARS)["close"].to_list() == [1.0, 2.0, 7.0]


def test_corrections_are_the_later_versions_in_the_order_they_became_known() -> None:
    later = corrections(BARS)

    assert later["known_ns"].to_list() == [50, 90]
    assert later["close"].to_list() == [1.2, 1.5]
    assert restated(BARS).to_dicts() == [
        {"instrument": "A.X", "start_ns": 10, "versions": 3, "first_known_ns": 20, "last_known_ns": 90},
    ]


def test_rows_that_differ_in_a_key_are_different_facts() -> None:
    prints = versions(("A.X", 10, 20, 1.0), ("A.X", 10, 21, 2.0)).with_columns(pl.Series("id", [1, 2]))

    assert latest_known(prints, 99, ("instrument", "id", "start_ns"))["close"].to_list() == [1.0, 2.0]
    assert latest_known(prints, 99)["close"].to_list() == [2.0]


def test_a_null_key_is_a_key_like_any_other() -> None:
    rows = versions(("A.X", 10, 20, 1.0), ("A.X", 10, 21, 2.0)).with_columns(pl.Series("segment", [None, None], dtype=pl.String))

    assert latest_known(rows, 99, ("instrument", "segment", "start_ns"))["close"].to_list() == [2.0]


def test_versions_known_at_one_instant_are_ordered_by_capture_and_not_by_row() -> None:
    rows = versions(("A.X", 10, 20, 1.0), ("A.X", 10, 20, 2.0)).with_columns(pl.Series("captured_ns", [31, 30]))

    assert latest_known(rows, 99)["close"].to_list() == [1.0]
    assert latest_known(rows.reverse(), 99)["close"].to_list() == [1.0]


def test_a_frame_without_known_times_is_refused() -> None:
    with pytest.raises(Rejected, match="known_ns"):
        latest_known(BARS.drop("known_ns"), 99)
    with pytest.raises(Rejected, match="null in 1 rows"):
        first_known(BARS.with_columns(pl.Series("known_ns", [None, 1, 2, 3, 4])))


ROW = st.tuples(
    st.sampled_from(["A.X", "B.X"]), st.integers(0, 3), st.integers(0, 12), st.integers(0, 3), st.sampled_from("abc"), st.integers(0, 99)
)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(ROW, max_size=30), as_of=st.integers(-1, 13))
def test_the_vectorised_reads_equal_a_reading_one_by_one(rows: list[tuple[Any, ...]], as_of: int) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    by_fact: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for row in rows:
        by_fact.setdefault(row[:2], []).append(row)
    known = {fact: [row for row in found if row[2] <= as_of] for fact, found in by_fact.items()}
    latest = [max(found, key=lambda row: row[2:5])[:5] for _, found in sorted(known.items()) if found]
    first = [min(found, key=lambda row: row[2:5])[:5] for _, found in sorted(by_fact.items())]

    assert [row[:5] for row in latest_known(frame, as_of).rows()] == latest
    assert [row[:5] for row in first_known(frame).rows()] == first
    assert len(corrections(frame)) == len(rows) - len(by_fact)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, max_size=30), as_of=st.integers(-1, 13))
def test_first_versions_and_their_corrections_give_every_state_in_between(rows: list[tuple[Any, ...]], as_of: int) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").unique(subset=list(SCHEMA)[:5], keep="first", maintain_order=True)

    assert apply_corrections(first_known(frame), corrections(frame), as_of).equals(latest_known(frame, as_of))
