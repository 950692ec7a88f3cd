"""Panels: what a cell holds in which view, and that no reading sees what became known later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.history.asof import corrections, first_known, latest_known
from tradewinds.history.panel import UNKNOWN_NS, panel_of_frame, panel_of_pack
from tradewinds.stores.memory import memory_lake
from tradewinds.stores.pack import PackStore

NAN = float("nan")
SCHEMA = {
    "instrument": pl.String,
    "start_ns": pl.Int64,
    "event_ns": pl.Int64,
    "known_ns": pl.Int64,
    "close": pl.Float64,
    "volume": pl.Float64,
}


def versions(*rows: tuple[str, int, int, float]) -> pl.DataFrame:
    """(instrument, start, known, close); a bar is 10 long and its volume ten times its close."""
    return pl.DataFrame([(i, s, s + 10, k, c, 10 * c) for i, s, k, c in rows], schema=SCHEMA, orient="row")


HISTORY = versions(
    ("A.X", 0, 11, 1.0), ("A.X", 10, 21, 2.0), ("A.X", 20, 31, 4.0), ("A.X", 10, 99, 2.5), ("B.X", 0, 12, 7.0), ("B.X", 20, 45, 8.0)
)


@dataclass(frozen=True)
class Later:
    rows: np.ndarray[Any, Any]
    known_ns: np.ndarray[Any, Any]


class Pack:
    """The packed form of a frame: first versions by instrument, and where later ones go."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._first, self._later, self._latest = first_known(frame), corrections(frame), latest_known(frame, 10**9)

    def read(self, instrument: str, column: str, *, view: str = "first") -> np.ndarray[Any, Any]:
        rows = self._latest if view == "latest" and column != "known_ns" else self._first
        return rows.filter(pl.col("instrument") == instrument)[column].to_numpy()

    def corrections(self, instrument: str) -> Later:
        later = self._later.filter(pl.col("instrument") == instrument)
        return Later(np.searchsorted(self.read(instrument, "start_ns"), later["start_ns"].to_numpy()), later["known_ns"].to_numpy())


def same(left: Any, right: list[list[float]]) -> bool:
    return bool(np.array_equal(left, np.array(right), equal_nan=True))


def test_a_panel_holds_first_values_by_time_and_instrument() -> None:
    panel = panel_of_frame(HISTORY)

    assert panel.instruments == ("A.X", "B.X")
    assert panel.times.tolist() == [0, 10, 20]
    assert panel.event_ns.tolist() == [10, 20, 30]
    assert same(panel.field("close"), [[1, 7], [2, NAN], [4, 8]])
    assert panel.known_ns.tolist() == [[11, 12], [21, UNKNOWN_NS], [31, 45]]
    assert sorted(panel.fields) == ["close", "volume"]
    assert panel.is_point_in_time


def test_the_latest_view_must_be_named_and_marks_itself() -> None:
    panel = panel_of_frame(HISTORY, view="latest")

    assert same(panel.field("close"), [[1, 7], [2.5, NAN], [4, 8]])
    assert not panel.is_point_in_time
    assert not panel.select(["A.X"]).is_point_in_time
    with pytest.raises(Rejected, match="holds latest values"):
        panel.as_of(50)
    with pytest.raises(Rejected, match="view 'newest', expected first or latest"):
        panel_of_frame(HISTORY, view="newest")  # type: ignore[arg-type]  # the refusal is what is tested


def test_as_of_hides_what_became_known_later_and_cuts_the_empty_end() -> None:
    panel = panel_of_frame(HISTORY)

    assert same(panel.as_of(31).field("close"), [[1, 7], [2, NAN], [4, NAN]])
    assert same(panel.as_of(30).field("close"), [[1, 7], [2, NAN]])
    assert panel.as_of(30).times.tolist() == [0, 10]
    assert panel.as_of(10).shape == (0, 2)
    assert panel.as_of(30).as_of(45).known_ns.max() == UNKNOWN_NS  # what is cut does not come back


@pytest.mark.parametrize("view", ["first", "latest"])
def test_the_pack_on_disk_and_the_frame_give_the_same_panel(tmp_path: Path, view: Literal["first", "latest"]) -> None:
    times = {"start_ns": pl.col("start_ns") * 1000, "event_ns": pl.col("event_ns") * 1000, "known_ns": pl.col("known_ns") * 1000}
    frame = HISTORY.with_columns(**times)  # the lake keeps microseconds
    lake, table = memory_lake(), Table(bars("1m"))
    for part in (first_known(frame), corrections(frame)):
        lake.publish(table, "1970-01", part.with_columns(pl.col("known_ns").alias("captured_ns"), pl.lit("ab" * 32).alias("source")))
    store = PackStore(tmp_path)
    store.build(lake, table, as_of_ns=10**9)

    of_pack = panel_of_pack(store.open(table), ["A.X", "B.X"], ["close", "volume"], view=view)

    assert of_pack.to_polars().equals(panel_of_frame(frame, ["close", "volume"], view=view).to_polars())
    assert of_pack.is_point_in_time is (view == "first")
    with pytest.raises(Missing, match=r"'C\.X', expected one of its 2 instruments"):
        panel_of_pack(store.open(table), ["C.X"], ["close"])
    with pytest.raises(Rejected, match="'vwap'"):
        panel_of_pack(store.open(table), ["A.X"], ["vwap"])


def test_an_instrument_without_rows_is_a_column_of_nothing() -> None:
    panel = panel_of_frame(HISTORY, ["close"], instruments=["C.X", "A.X"])

    assert panel.instruments == ("C.X", "A.X")
    assert same(panel.field("close"), [[NAN, 1], [NAN, 2], [NAN, 4]])
    assert panel_of_frame(HISTORY.clear(), ["close"], instruments=["C.X"]).shape == (0, 1)


def test_returns_are_missing_where_either_end_is() -> None:
    panel = panel_of_frame(HISTORY)

    assert same(panel.returns(), [[NAN, NAN], [1.0, NAN], [1.0, NAN]])
    assert same(panel.returns(periods=2), [[NAN, NAN], [NAN, NAN], [3.0, 8 / 7 - 1]])
    assert panel.returns(is_log=True)[1, 0] == pytest.approx(np.log(2))
    assert same(panel_of_frame(versions(("A.X", 0, 11, 0.0), ("A.X", 10, 21, 5.0))).returns(), [[NAN], [NAN]])


def test_a_missing_bar_is_carried_forward_only_when_asked_and_only_so_far() -> None:
    gaps = versions(("A.X", 0, 1, 1.0), ("B.X", 10, 1, 5.0), ("B.X", 20, 1, 6.0), ("B.X", 30, 1, 7.0))
    panel = panel_of_frame(gaps)

    assert same(panel.field("close"), [[1, NAN], [NAN, 5], [NAN, 6], [NAN, 7]])
    assert same(panel.filled("close", limit=2), [[1, NAN], [1, 5], [1, 6], [NAN, 7]])
    with pytest.raises(Rejected, match="limit of at least 1"):
        panel.filled("close", limit=0)


def test_windows_are_half_open_and_selections_keep_their_order() -> None:
    panel = panel_of_frame(HISTORY)

    assert panel.window(0, 20).times.tolist() == [0, 10]
    assert panel.window(20, 20).shape == (0, 2)
    assert panel.last(2).times.tolist() == [10, 20]
    assert panel.last(9).times.tolist() == [0, 10, 20]
    assert same(panel.select(["B.X", "A.X"]).field("close"), [[7, 1], [NAN, 2], [8, 4]])


def test_aligning_takes_equal_times_and_leaves_the_others_empty() -> None:
    panel = panel_of_frame(HISTORY).align(np.array([-5, 10, 15, 20, 30]))

    assert same(panel.field("close"), [[NAN, NAN], [2, NAN], [NAN, NAN], [4, 8], [NAN, NAN]])
    assert panel.known_ns[0].tolist() == [UNKNOWN_NS, UNKNOWN_NS]
    assert panel_of_frame(HISTORY.clear(), ["close"], instruments=["A.X"]).align(np.array([1])).shape == (1, 1)


def test_nobody_can_write_into_a_panel() -> None:
    panel = panel_of_frame(HISTORY)

    with pytest.raises(ValueError, match="read-only"):
        panel.field("close")[0, 0] = 9.0
    with pytest.raises(TypeError):
        panel.fields["close"] = panel.field("volume")  # type: ignore[index]  # the refusal is what is tested


def test_wrong_questions_are_refused_by_name() -> None:
    panel = panel_of_frame(HISTORY)

    with pytest.raises(Rejected, match="'vwap', expected one of close, volume"):
        panel.field("vwap")
    with pytest.raises(Rejected, match=r"\['Z.X'\] are absent"):
        panel.select(["Z.X"])
    with pytest.raises(Rejected, match="event_ns"):
        panel_of_frame(HISTORY.drop("event_ns"))
    with pytest.raises(Rejected, match="at least 1"):
        panel.returns(periods=0)


def test_a_panel_goes_back_to_a_long_frame() -> None:
    assert panel_of_frame(HISTORY).to_polars().equals(first_known(HISTORY))


ROWS = st.lists(
    st.tuples(st.sampled_from(["A.X", "B.X", "C.X"]), st.integers(0, 4).map(lambda n: n * 10), st.integers(0, 60), st.floats(1, 9)),
    max_size=25,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, as_of=st.integers(-1, 61))
def test_as_of_never_sees_a_cell_known_later_and_loses_none_known_before(rows: list[tuple[str, int, int, float]], as_of: int) -> None:
    frame = versions(*rows)

    seen = panel_of_frame(frame, instruments=["A.X", "B.X", "C.X"]).as_of(as_of).to_polars()

    assert seen.equals(first_known(frame).filter(pl.col("known_ns") <= as_of))


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_the_latest_view_is_the_last_version_of_every_cell(rows: list[tuple[str, int, int, float]]) -> None:
    frame = versions(*rows)
    names = ["A.X", "B.X", "C.X"]

    of_frame = panel_of_frame(frame, ["close"], view="latest", instruments=names).to_polars()
    of_pack = panel_of_pack(Pack(frame), names, ["close"], view="latest").to_polars()

    assert of_frame.equals(latest_known(frame, 10**9).drop("volume"))
    assert of_pack.equals(of_frame)
