"""What a vector strategy sees: read-only bars, others as a staircase of what had ended and was known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.trading.panel import Anchor, StrategyPanel, as_of_rows

NAN = float("nan")


def panel(closes: list[list[float]], *, length: int = 10, known: list[list[int]] | None = None, instruments: tuple[str, ...] = ()) -> Panel:
    """Bars that start at 0, 10, 20, ... and are known at their end unless `known` says otherwise."""
    close = np.array(closes, dtype=np.float64)
    times = np.arange(len(close), dtype=np.int64) * length
    ends = times + length
    moments = np.repeat(ends[:, None], close.shape[1], axis=1) if known is None else np.array(known, dtype=np.int64)
    names = instruments or tuple(f"I{at}.XNAS" for at in range(close.shape[1]))
    return Panel(names, times, ends, moments, {"close": close, "volume": np.full(close.shape, 100.0)})


def test_another_interval_is_read_once_its_bar_has_ended_and_is_known() -> None:
    bars = panel([[1.0]] * 6)  # end at 10, 20, 30, 40, 50, 60
    slow = panel([[100.0], [200.0]], length=30, known=[[30], [65]])  # end at 30 and 60, the second is known late

    seen = StrategyPanel(bars, {"slow": slow}).other("slow", "close")

    np.testing.assert_array_equal(seen[:, 0], [NAN, NAN, 100.0, 100.0, 100.0, 100.0])


def test_a_late_old_fact_never_replaces_a_newer_one() -> None:
    bars = panel([[1.0]] * 5)
    facts = panel([[1.0], [2.0], [3.0]], known=[[10], [45], [30]])  # the second becomes known after the third

    seen = StrategyPanel(bars, {"facts": facts}).other("facts", "close")

    assert seen[:, 0].tolist() == [1.0, 1.0, 3.0, 3.0, 3.0]


def test_a_cell_that_holds_nothing_is_passed_over() -> None:
    bars = panel([[1.0]] * 3)
    facts = panel([[5.0, 7.0], [NAN, 8.0]], known=[[10, 10], [UNKNOWN_NS, 20]])

    seen = StrategyPanel(bars, {"facts": facts}).other("facts", "close")

    assert seen.tolist() == [[5.0, 7.0], [5.0, 8.0], [5.0, 8.0]]


@settings(max_examples=200, deadline=None)
@given(
    known=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8),
    at=st.lists(st.integers(-5, 90), min_size=1, max_size=12).map(sorted),
)
def test_the_staircase_equals_looking_at_each_instant(known: list[tuple[int, int]], at: list[int]) -> None:
    facts = panel([[float(row), float(row)] for row in range(len(known))], known=[list(one) for one in known])

    rows = as_of_rows(facts, np.array(at, dtype=np.int64))

    for when, found in zip(at, rows.tolist(), strict=True):
        for column in range(2):
            there = [row for row in range(len(known)) if (row + 1) * 10 <= when and known[row][column] <= when]
            assert found[column] == max(there, default=-1)


def test_nothing_that_a_strategy_sees_can_be_written() -> None:
    bars = panel([[1.0], [2.0]])
    anchor = Anchor(np.array([[1.0], [2.0]]), np.array([[1.0], [0.5]]))
    seen = StrategyPanel(bars, {"slow": panel([[3.0]])}, anchor=anchor)

    for values in (seen.close, seen.raw("close"), seen.volume, seen.other("slow", "close"), seen.times, seen.event_ns, seen.decisions):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 9
    for values in (seen.close, seen.raw("close"), seen.other("slow", "close"), seen.times):
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            values.setflags(write=True)


def test_reading_a_driving_field_copies_nothing() -> None:
    bars = panel([[1.0], [2.0]])

    seen = StrategyPanel(bars)

    assert np.shares_memory(seen.close, bars.close)
    assert np.shares_memory(seen.raw("close"), bars.close)


def test_prices_are_anchored_at_the_first_row_and_raw_ones_are_as_traded() -> None:
    # given a split of two for one before the third bar
    bars = panel([[100.0], [102.0], [51.0]])
    anchor = Anchor(np.array([[1.0], [1.0], [2.0]]), np.array([[1.0], [1.0], [0.5]]))

    seen = StrategyPanel(bars, anchor=anchor)

    assert seen.close[:, 0].tolist() == [100.0, 102.0, 102.0]
    assert seen.volume[:, 0].tolist() == [100.0, 100.0, 50.0]
    assert seen.raw("close")[:, 0].tolist() == [100.0, 102.0, 51.0]


def test_a_window_is_anchored_at_its_own_first_row_and_keeps_its_decisions() -> None:
    bars = panel([[100.0], [50.0], [51.0], [25.0]])
    anchor = Anchor(np.array([[1.0], [2.0], [2.0], [4.0]]), np.ones((4, 1)))
    seen = StrategyPanel(bars, decision_rows=np.array([0, 2, 3]), anchor=anchor)

    window = seen.window(1, 4)

    assert window.close[:, 0].tolist() == [50.0, 51.0, 50.0]
    assert window.times.tolist() == [10, 20, 30]
    assert window.decisions.tolist() == [1, 2]


def test_decisions_are_all_rows_unless_some_are_named() -> None:
    assert StrategyPanel(panel([[1.0], [2.0]])).decisions.tolist() == [0, 1]


def test_an_undeclared_other_and_an_unknown_field_are_refused_by_name() -> None:
    seen = StrategyPanel(panel([[1.0]]), {"slow": panel([[3.0]])})

    with pytest.raises(Rejected, match=r"'rates', expected one of the declared \['slow'\]"):
        seen.other("rates", "close")
    with pytest.raises(Rejected, match="field 'vwap', expected one of close, volume"):
        seen.field("vwap")
    with pytest.raises(Rejected, match="rows 0 to 5, expected rising ones within 1"):
        seen.window(0, 5)


def test_latest_values_mark_what_is_seen_as_not_point_in_time() -> None:
    bars = panel([[1.0]])
    latest = Panel(bars.instruments, bars.times, bars.event_ns, bars.known_ns, bars.fields, "latest")

    assert StrategyPanel(bars).is_point_in_time
    assert not StrategyPanel(bars, {"slow": latest}).is_point_in_time
