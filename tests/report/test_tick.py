from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.core.instant import parse
from tradewinds.report.tick import number_ticks, rounded_range, step_of, time_ticks


@pytest.mark.parametrize(("width", "step"), [(10, 2), (12, 2.5), (100, 20), (0.03, 0.01), (26, 10), (0, 1)])
def test_a_step_is_round(width: float, step: float) -> None:
    assert step_of(width, 5) == pytest.approx(step)


def test_marks_are_round_numbers_within_the_axis() -> None:
    assert number_ticks(-3.2, 10.4, 5) == [0, 5, 10]
    assert number_ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_range_is_widened_to_round_numbers() -> None:
    assert rounded_range(3.0, 97.0) == (0.0, 100.0)
    assert rounded_range(5.0, 5.0) == pytest.approx((4.94, 5.06))


@given(low=st.floats(-1e9, 1e9), width=st.floats(1e-3, 1e9), marks=st.integers(2, 10))
def test_there_are_at_most_as_many_marks_as_asked_and_one_more(low: float, width: float, marks: int) -> None:
    ticks = number_ticks(low, low + width, marks)

    assert len(ticks) <= marks + 1
    assert all(later > earlier for earlier, later in pairwise(ticks))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        ("2020-02-10", "2024-11-01", ["2021", "2022", "2023", "2024"]),
        ("2024-01-15", "2024-06-20", ["2024-02", "2024-03", "2024-04", "2024-05", "2024-06"]),
        ("2024-03-01T09:30:00Z", "2024-03-01T16:00:00Z", ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        ("2024-02-29T18:00:00Z", "2024-03-01T06:00:00Z", ["18:00", "20:00", "22:00", "03-01", "02:00", "04:00", "06:00"]),
        ("2023-12-30", "2024-01-04", ["12-30", "12-31", "2024-01-01", "01-02", "01-03", "01-04"]),
        ("2024-03-01T09:30:00Z", "2024-03-01T09:30:20Z", ["09:30:00", "09:30:05", "09:30:10", "09:30:15", "09:30:20"]),
    ],
)
def test_marks_of_time_are_round_in_utc_and_say_what_changes(low: str, high: str, labels: list[str]) -> None:
    assert [label for _, label in time_ticks(parse(low), parse(high), 8)] == labels


def test_marks_of_time_lie_within_even_over_centuries() -> None:
    low, high = parse("1700-01-01"), parse("2200-01-01")

    ticks = time_ticks(low, high, 8)

    assert [label for _, label in ticks] == ["1700", "1750", "1800", "1850", "1900", "1950", "2000", "2050", "2100", "2150", "2200"]
    assert all(low <= at <= high for at, _ in ticks)


def test_an_instant_alone_has_one_mark() -> None:
    at = parse("2024-03-01")

    assert time_ticks(at, at) == [(at, "00:00:00")]
