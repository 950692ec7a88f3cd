"""Sessions, their edges and their bounds, by days that anyone can look up."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.calendars.sessions import NAMES, calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, parse, text, to_date


def test_new_york_opens_at_half_past_nine_local_in_winter_and_in_summer() -> None:
    xnys = calendar("XNYS")

    assert text(xnys.open_ns(date(2024, 1, 3))) == "2024-01-03T14:30:00Z"
    assert text(xnys.close_ns(date(2024, 1, 3))) == "2024-01-03T21:00:00Z"
    assert text(xnys.open_ns(date(2024, 3, 11))) == "2024-03-11T13:30:00Z"  # the Monday after clocks went forward
    assert text(xnys.close_ns(date(2024, 11, 1))) == "2024-11-01T20:00:00Z"
    assert text(xnys.close_ns(date(2024, 11, 4))) == "2024-11-04T21:00:00Z"


def test_the_day_after_thanksgiving_ends_three_hours_early() -> None:
    xnys = calendar("XNYS")

    assert text(xnys.close_ns(date(2024, 11, 29))) == "2024-11-29T18:00:00Z"
    assert xnys.is_early_close(date(2024, 11, 29))
    assert not xnys.is_early_close(date(2024, 11, 27))
    assert len(xnys.minutes(date(2024, 11, 29))) == 210
    assert len(xnys.minutes(date(2024, 11, 27))) == 390


def test_new_york_was_closed_from_the_eleventh_to_the_fourteenth_of_september_2001() -> None:
    xnys = calendar("XNYS")

    found = xnys.sessions(date(2001, 9, 10), date(2001, 9, 17))

    assert found == (date(2001, 9, 10), date(2001, 9, 17))
    assert xnys.next_session(date(2001, 9, 10)) == date(2001, 9, 17)
    assert xnys.previous_session(date(2001, 9, 17)) == date(2001, 9, 10)
    assert xnys.next_session(date(2001, 9, 12)) == date(2001, 9, 17)


def test_nasdaq_keeps_new_york_hours() -> None:
    first, last = date(2024, 1, 1), date(2024, 12, 31)

    assert calendar("XNAS").sessions(first, last) == calendar("XNYS").sessions(first, last)
    assert len(calendar("XNAS").sessions(first, last)) == 252


def test_shanghai_rests_at_noon() -> None:
    xshg = calendar("XSHG")
    day = date(2024, 3, 1)

    start, end = xshg.break_ns(day) or (0, 0)

    assert (text(start), text(end)) == ("2024-03-01T03:30:00Z", "2024-03-01T05:00:00Z")
    assert xshg.is_open(start - 1)
    assert not xshg.is_open(start)
    assert not xshg.is_open(end - 1)
    assert xshg.is_open(end)
    assert xshg.session_of(start) == day  # the break belongs to the session
    minutes = xshg.minutes(day)
    assert len(minutes) == 240
    assert text(int(minutes[119])) == "2024-03-01T03:29:00Z"
    assert text(int(minutes[120])) == "2024-03-01T05:00:00Z"
    assert calendar("XNYS").break_ns(day) is None


def test_a_make_up_working_saturday_is_no_session_in_shanghai() -> None:
    xshg = calendar("XSHG")

    assert not xshg.is_session(date(2024, 2, 4))  # a Sunday on which offices worked for the Spring Festival
    assert not xshg.is_session(date(2024, 2, 18))
    assert xshg.next_session(date(2024, 2, 8)) == date(2024, 2, 19)


def test_a_session_contains_its_open_and_not_its_close() -> None:
    xnys = calendar("XNYS")
    day = date(2024, 1, 3)

    assert xnys.is_open(xnys.open_ns(day))
    assert not xnys.is_open(xnys.open_ns(day) - 1)
    assert xnys.is_open(xnys.close_ns(day) - 1)
    assert not xnys.is_open(xnys.close_ns(day))
    assert xnys.session_of(xnys.close_ns(day)) is None
    assert xnys.last_closed_session(xnys.close_ns(day)) == day
    assert xnys.last_closed_session(xnys.close_ns(day) - 1) == date(2024, 1, 2)


def test_the_fx_week_begins_on_sunday_at_five_in_new_york_through_both_clock_changes() -> None:
    fx = calendar("FX")

    assert text(fx.open_ns(date(2024, 1, 8))) == "2024-01-07T22:00:00Z"
    assert text(fx.open_ns(date(2024, 3, 11))) == "2024-03-10T21:00:00Z"  # clocks went forward that Sunday morning
    assert text(fx.close_ns(date(2024, 3, 8))) == "2024-03-08T22:00:00Z"
    assert text(fx.open_ns(date(2024, 11, 4))) == "2024-11-03T22:00:00Z"
    assert text(fx.close_ns(date(2024, 11, 1))) == "2024-11-01T21:00:00Z"


def test_an_fx_session_is_named_by_the_date_on_which_it_ends() -> None:
    fx = calendar("FX")

    assert fx.session_of(parse("2024-01-07T22:00:00Z")) == date(2024, 1, 8)  # Sunday evening is Monday's session
    assert fx.session_of(parse("2024-01-08T21:59:59Z")) == date(2024, 1, 8)
    assert fx.session_of(parse("2024-01-08T22:00:00Z")) == date(2024, 1, 9)
    assert fx.session_of(parse("2024-01-12T22:00:00Z")) is None
    assert fx.session_of(parse("2024-01-07T21:59:59Z")) is None
    assert fx.close_ns(date(2024, 1, 8)) == fx.open_ns(date(2024, 1, 9))


def test_crypto_never_closes() -> None:
    always = calendar("24/7")

    assert always.is_session(date(2024, 2, 29))
    assert always.is_open(parse("2024-12-25T03:17:00Z"))
    assert always.close_ns(date(2024, 12, 31)) == always.open_ns(date(2025, 1, 1))
    assert len(always.minutes(date(2024, 3, 10))) == 1440
    assert len(always.sessions(date(2024, 1, 1), date(2024, 12, 31))) == 366


@pytest.mark.parametrize(
    ("name", "interval", "starts"),
    [
        ("XNYS", "1h", ["14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:30"]),
        ("XSHG", "1h", ["01:30", "02:30", "05:00", "06:00"]),
        ("XSHG", "4h", ["01:30", "05:00"]),
        ("24/7", "8h", ["00:00", "08:00", "16:00"]),
    ],
)
def test_bars_within_a_day_begin_anew_at_each_open_and_after_each_break(name: str, interval: str, starts: list[str]) -> None:
    found = calendar(name).expected_starts(parse("2024-01-03"), parse("2024-01-04"), interval)

    assert [text(int(start))[11:16] for start in found] == starts


def test_the_last_hour_of_a_new_york_day_is_half_an_hour_long() -> None:
    starts, ends = calendar("XNYS").bar_edges(parse("2024-01-03"), parse("2024-01-04"), "1h")

    assert int(ends[0] - starts[0]) == NS_PER_HOUR
    assert int(ends[-1] - starts[-1]) == NS_PER_HOUR // 2
    assert text(int(ends[-1])) == "2024-01-03T21:00:00Z"


def test_four_hour_fx_bars_are_counted_from_five_in_new_york() -> None:
    found = calendar("FX").expected_starts(parse("2024-01-07"), parse("2024-01-08T12:00:00Z"), "4h")

    assert [text(int(start)) for start in found] == [
        "2024-01-07T22:00:00Z",
        "2024-01-08T02:00:00Z",
        "2024-01-08T06:00:00Z",
        "2024-01-08T10:00:00Z",
    ]


def test_expected_bars_are_those_that_begin_in_the_half_open_window() -> None:
    always = calendar("24/7")
    noon = parse("2024-01-03T12:00:00Z")

    assert always.expected_starts(noon, noon + 2 * NS_PER_MINUTE, "1m").tolist() == [noon, noon + NS_PER_MINUTE]
    assert always.expected_starts(noon + 1, noon + 2 * NS_PER_MINUTE, "1m").tolist() == [noon + NS_PER_MINUTE]
    assert always.expected_starts(noon, noon, "1m").tolist() == []
    assert calendar("XNYS").expected_starts(parse("2024-01-06"), parse("2024-01-08"), "1m").tolist() == []  # a weekend


def test_weeks_begin_on_monday_and_months_with_their_first_session() -> None:
    xnys = calendar("XNYS")

    weeks, week_ends = xnys.bar_edges(parse("2024-01-01"), parse("2024-01-22"), "1w")
    months, month_ends = xnys.bar_edges(parse("2024-01-01"), parse("2024-03-15"), "1mo")

    assert [to_date(int(start)) for start in weeks] == [date(2024, 1, 2), date(2024, 1, 8), date(2024, 1, 16)]
    assert [to_date(int(end)) for end in week_ends] == [date(2024, 1, 5), date(2024, 1, 12), date(2024, 1, 19)]
    assert [to_date(int(start)) for start in months] == [date(2024, 1, 2), date(2024, 2, 1), date(2024, 3, 1)]
    assert [to_date(int(end)) for end in month_ends] == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 28)]


def test_a_week_that_ends_beyond_the_bound_of_truth_is_left_out() -> None:
    xshg = calendar("XSHG")  # speaks up to Thursday 2026-12-31

    weeks = xshg.expected_starts(parse("2026-12-14"), parse("2027-01-01"), "1w")
    months = xshg.expected_starts(parse("2026-12-01"), parse("2027-01-01"), "1mo")

    assert [to_date(int(start)) for start in weeks] == [date(2026, 12, 14), date(2026, 12, 21)]
    assert len(months) == 1


def test_twenty_four_hours_are_a_day_and_thirty_six_are_refused() -> None:
    always = calendar("24/7")

    assert len(always.expected_starts(parse("2024-01-01"), parse("2024-01-03"), "24h")) == 2
    with pytest.raises(Rejected, match="36h"):
        always.expected_starts(parse("2024-01-01"), parse("2024-01-03"), "36h")


def test_shanghai_refuses_to_speak_of_2027_and_says_what_to_do() -> None:
    xshg = calendar("XSHG")

    with pytest.raises(DataFault, match=r"XSHG: asked about 2027-01-04, known from 1990-12-03 to 2026-12-31; give an override file"):
        xshg.is_session(date(2027, 1, 4))
    with pytest.raises(DataFault, match="next session after 2026-12-31"):
        xshg.next_session(date(2026, 12, 31))
    with pytest.raises(DataFault, match="2027-01-01T00:00:01Z"):
        xshg.is_open(parse("2027-01-01T00:00:01Z"))
    with pytest.raises(DataFault, match="2027-03-01"):
        xshg.expected_starts(parse("2026-12-01"), parse("2027-03-01"), "1d")
    with pytest.raises(DataFault, match="previous session before 1990-12-03"):
        xshg.previous_session(date(1990, 12, 3))


def test_the_days_that_are_still_covered_are_counted_for_the_doctor() -> None:
    xshg = calendar("XSHG")

    assert xshg.days_covered_after(date(2026, 12, 2)) == 29
    assert xshg.days_covered_after(date(2026, 12, 31)) == 0
    assert xshg.days_covered_after(date(2027, 6, 1)) == 0


def test_new_york_days_beyond_the_announced_ones_are_marked_as_projected() -> None:
    xnys = calendar("XNYS")

    assert xnys.truth_until == date(2035, 12, 31)
    assert xnys.projected_after == date(2027, 12, 31)
    assert xnys.is_projected(date(2028, 1, 3))
    assert not xnys.is_projected(date(2027, 12, 31))
    assert calendar("XSHG").projected_after is None


def test_the_evening_after_the_last_fx_session_belongs_to_nobody_known() -> None:
    fx = calendar("FX")  # speaks up to Monday 2035-12-31

    assert fx.session_of(parse("2035-12-31T21:59:59Z")) == date(2035, 12, 31)
    with pytest.raises(DataFault, match="FX"):
        fx.session_of(parse("2035-12-31T22:00:01Z"))


def test_a_day_that_is_no_session_has_no_edges() -> None:
    with pytest.raises(Rejected, match="XNYS: 2024-07-04 is no session"):
        calendar("XNYS").open_ns(date(2024, 7, 4))


def test_an_unknown_calendar_is_refused_with_the_known_names() -> None:
    with pytest.raises(Rejected, match="'XLON', expected one of XNYS, XNAS, XSHG, FX, 24/7"):
        calendar("XLON")


def test_many_instants_are_mapped_to_their_sessions_at_once() -> None:
    xnys = calendar("XNYS")
    instants = np.array([parse("2024-01-03T14:29:59Z"), parse("2024-01-03T14:30:00Z"), parse("2024-01-03T21:00:00Z")])

    assert xnys.session_days(instants).tolist() == [-1, (date(2024, 1, 3) - date(1970, 1, 1)).days, -1]


def test_nobody_can_change_a_calendar_that_others_share() -> None:
    minutes = calendar("XNYS").expected_starts(parse("2024-01-01"), parse("2024-02-01"), "1d")

    with pytest.raises(ValueError, match="read-only"):
        minutes[0] = 0


def test_reading_a_calendar_imports_neither_pandas_nor_the_calendar_library() -> None:
    program = (
        "import sys; from tradewinds.calendars.sessions import calendar; calendar('XNYS');"
        "print([m for m in ('pandas', 'exchange_calendars', 'polars', 'yaml') if m in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(NAMES), offset=st.integers(0, 10_900), width=st.integers(0, 40))
def test_every_minute_of_every_session_is_open_and_maps_back_to_it(name: str, offset: int, width: int) -> None:
    found = calendar(name)
    first = date.fromordinal(date(1996, 1, 1).toordinal() + offset)
    sessions = found.sessions(first, date.fromordinal(first.toordinal() + width))

    for day in sessions[:2]:
        minutes = found.minutes(day)
        assert found.is_open(int(minutes[0]))
        assert found.is_open(int(minutes[-1]))
        assert set(found.session_days(minutes).tolist()) == {(day - date(1970, 1, 1)).days}
        assert bool((np.diff(minutes) > 0).all())
        assert found.session_of(found.open_ns(day)) == day
    assert all(before < after for before, after in pairwise(sessions))
    for before, after in pairwise(sessions):
        assert found.next_session(before) == after
        assert found.previous_session(after) == before
        assert found.close_ns(before) <= found.open_ns(after)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), start=st.integers(0, 9_000), interval=st.sampled_from(["1m", "7m", "1h", "4h", "1d", "1w", "1mo"]))
def test_neighbouring_windows_share_no_bar_and_lose_none(name: str, start: int, interval: str) -> None:
    found = calendar(name)
    begin = parse("1996-01-01") + start * NS_PER_DAY
    middle, end = begin + 3 * NS_PER_DAY + 5 * NS_PER_HOUR, begin + 9 * NS_PER_DAY

    whole = found.expected_starts(begin, end, interval)
    halves = np.concatenate([found.expected_starts(begin, middle, interval), found.expected_starts(middle, end, interval)])

    assert whole.tolist() == halves.tolist()
    starts, ends = found.bar_edges(begin, end, interval)
    assert bool((ends > starts).all())
    assert bool((ends[:-1] <= starts[1:]).all())
