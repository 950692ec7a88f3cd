"""Decisions fall where the words say, in exchange time."""

from __future__ import annotations

import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import parse, text
from tradewinds.trading.rhythm import decision_rows, rhythm


def decided(words: str, market: str, first: str, end: str, interval: str = "30m") -> list[str]:
    """The ends of the bars after which a decision falls, without seconds."""
    start_ns, end_ns = calendar(market).bar_edges(parse(first), parse(end), interval)
    return [text(int(end_ns[row]))[:16] for row in decision_rows(words, start_ns, end_ns, calendar(market))]


def test_every_bar_means_every_row() -> None:
    assert len(decided("every bar", "XNYS", "2024-11-29", "2024-11-30")) == 7


def test_close_minus_a_quarter_of_an_hour_is_earlier_on_a_half_day() -> None:
    # Thanksgiving is on the 28th; the Friday after it closes at 13:00 New York, 18:00 UTC. Bars of half an hour end before 15 minutes to.
    assert decided("close - 15m", "XNYS", "2024-11-27", "2024-12-03") == ["2024-11-27T20:30", "2024-11-29T17:30", "2024-12-02T20:30"]


def test_open_plus_four_hours_does_not_come_on_a_session_of_three_and_a_half() -> None:
    assert decided("open + 4h", "XNYS", "2024-11-27", "2024-12-03") == ["2024-11-27T18:30", "2024-12-02T18:30"]


def test_the_open_of_new_york_moves_with_summer_time() -> None:
    # Clocks go forward on Sunday 2024-03-10: 09:30 in New York is 14:30 UTC before, 13:30 UTC after.
    assert decided("open + 30m", "XNYS", "2024-03-08", "2024-03-12") == ["2024-03-08T15:00", "2024-03-11T14:00"]


def test_month_end_is_the_last_session_of_the_month() -> None:
    # 2024-03-29 is Good Friday, 2024-06-28 a Friday, 2024-08-30 a Friday.
    ends = decided("month end", "XNYS", "2024-03-01", "2024-09-10", "1d")
    assert ends == [f"{day}T20:00" for day in ("2024-03-28", "2024-04-30", "2024-05-31", "2024-06-28", "2024-07-31", "2024-08-30")]


def test_month_end_on_a_half_day_is_its_early_close() -> None:
    assert decided("month end", "XNYS", "2024-11-20", "2024-12-05") == ["2024-11-29T18:00"]


def test_month_start_falls_on_the_close_of_its_first_session_or_where_the_words_say() -> None:
    assert decided("month start", "XNYS", "2024-11-25", "2024-12-05") == ["2024-12-02T21:00"]
    assert decided("month start open + 1h", "XNYS", "2024-11-25", "2024-12-05") == ["2024-12-02T15:30"]


def test_the_first_session_of_the_data_is_no_month_start_when_it_stands_within_the_month() -> None:
    assert decided("month start", "XNYS", "2024-11-15", "2024-11-27", "1d") == []


def test_quarter_and_year_end() -> None:
    assert decided("quarter end", "XNYS", "2024-01-02", "2024-12-31T23:00", "1d") == [
        "2024-03-28T20:00",
        "2024-06-28T20:00",
        "2024-09-30T20:00",
        "2024-12-31T21:00",
    ]
    assert decided("year end", "XNYS", "2023-06-01", "2024-06-01", "1d") == ["2023-12-29T21:00"]


def test_a_weekday_that_is_no_session_decides_nothing_that_week() -> None:
    # Monday 2024-09-02 is Labor Day.
    assert decided("monday close", "XNYS", "2024-08-26", "2024-09-11", "1d") == ["2024-08-26T20:00", "2024-09-09T20:00"]


def test_week_end_is_thursday_when_friday_is_a_holiday() -> None:
    assert decided("week end", "XNYS", "2024-03-18", "2024-04-01", "1d") == ["2024-03-22T20:00", "2024-03-28T20:00"]


def test_a_week_that_is_not_over_has_no_end_yet() -> None:
    assert decided("week end", "XNYS", "2024-11-18", "2024-11-28", "1d") == ["2024-11-22T21:00"]


def test_always_open_markets_decide_on_the_grid_of_the_day() -> None:
    assert decided("every 8h", "24/7", "2024-05-01", "2024-05-02") == ["2024-05-01T08:00", "2024-05-01T16:00", "2024-05-02T00:00"]
    assert decided("month end", "24/7", "2024-04-29", "2024-05-02", "1d") == ["2024-05-01T00:00"]


def test_the_week_of_currencies_ends_on_friday_at_five_in_new_york() -> None:
    assert decided("week end", "FX", "2024-03-04", "2024-03-19", "1h") == ["2024-03-08T22:00", "2024-03-15T21:00"]


def test_an_instant_in_the_lunch_of_shanghai_takes_the_last_bar_before_it() -> None:
    # 09:30 to 11:30 and 13:00 to 15:00 local; local is UTC + 8.
    assert decided("open + 3h", "XSHG", "2024-11-25", "2024-11-26") == ["2024-11-25T03:30"]
    assert decided("every 1h", "XSHG", "2024-11-25", "2024-11-26") == [
        "2024-11-25T02:30",
        "2024-11-25T03:30",
        "2024-11-25T06:00",
        "2024-11-25T07:00",
    ]


def test_an_instant_before_the_first_bar_of_the_session_decides_nothing() -> None:
    # Bars of two hours: none has ended half an hour after the open, and yesterday's last bar does not count.
    assert decided("open + 30m", "XNYS", "2024-11-25", "2024-11-28", "2h") == []


def test_a_session_without_bars_decides_nothing() -> None:
    start_ns, end_ns = calendar("XNYS").bar_edges(parse("2024-11-25"), parse("2024-11-28"), "1d")
    rows = decision_rows("close", start_ns[[0, 2]], end_ns[[0, 2]], calendar("XNYS"))
    assert rows.tolist() == [0, 1]


def test_no_bars_no_decisions() -> None:
    nothing = parse("2024-01-01") * calendar("XNYS").expected_starts(1, 1, "1d")
    assert decision_rows("month end", nothing, nothing, calendar("XNYS")).tolist() == []


@pytest.mark.parametrize("words", ["opne + 30m", "every", "every bar or two", "every 4x", "month", "fortnight end", "", "close - 15"])
def test_words_that_do_not_exist_are_refused_with_those_that_do(words: str) -> None:
    with pytest.raises(Rejected, match="expected one of: every bar; every 30m, 4h"):
        rhythm(words)


@pytest.mark.parametrize("words", ["open", "open - 30m", "close + 30m"])
def test_an_instant_outside_the_session_is_refused(words: str) -> None:
    with pytest.raises(Rejected, match="no bar of the session ends there"):
        rhythm(words)


def test_words_may_be_written_in_any_case_and_spacing() -> None:
    assert rhythm("  Month   END ") == rhythm("month end")
    assert rhythm("open+1h30m").offset_ns == 90 * 60 * 10**9


def test_bars_beyond_what_the_calendar_knows_are_refused() -> None:
    start_ns, end_ns = calendar("24/7").bar_edges(parse("2024-01-01"), parse("2024-01-05"), "1d")
    with pytest.raises(DataFault, match="calendar XNYS"):
        decision_rows("month end", start_ns - 100 * 366 * 86_400 * 10**9, end_ns - 100 * 366 * 86_400 * 10**9, calendar("XNYS"))
