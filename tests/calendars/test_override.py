"""Dated corrections: what they change, and from when on they are known."""

from __future__ import annotations

from datetime import date, time

import pytest

from tradewinds.calendars.override import Hours, Override, parse_overrides
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text

NOTICE = """
calendar: XSHG
as_known: 2026-12-22
reason: notice of the exchange for 2027
truth_until: 2027-12-31
removed: [2027-01-01, 2027-02-05]
added:
  2027-03-06: {open: "09:30", close: "11:30"}
early_closes: {2027-02-04: 11:30}
"""


def test_a_notice_of_next_years_holidays_carries_shanghai_through_2027() -> None:
    xshg = calendar("XSHG", parse_overrides(NOTICE))

    assert xshg.truth_until == date(2027, 12, 31)
    assert xshg.next_session(date(2026, 12, 31)) == date(2027, 1, 4)
    assert not xshg.is_session(date(2027, 2, 5))
    assert text(xshg.open_ns(date(2027, 1, 4))) == "2027-01-04T01:30:00Z"
    assert len(xshg.minutes(date(2027, 1, 4))) == 240
    assert xshg.days_covered_after(date(2026, 12, 22)) == 374


def test_an_early_close_at_the_lunch_break_ends_the_session_there() -> None:
    xshg = calendar("XSHG", parse_overrides(NOTICE))

    assert text(xshg.close_ns(date(2027, 2, 4))) == "2027-02-04T03:30:00Z"
    assert xshg.break_ns(date(2027, 2, 4)) is None
    assert len(xshg.minutes(date(2027, 2, 4))) == 120
    assert xshg.is_early_close(date(2027, 2, 4))


def test_a_saturday_can_be_added_with_hours_of_its_own() -> None:
    xshg = calendar("XSHG", parse_overrides(NOTICE))

    assert xshg.is_session(date(2027, 3, 6))
    assert len(xshg.minutes(date(2027, 3, 6))) == 120


def test_an_override_is_not_known_before_its_day() -> None:
    overrides = parse_overrides(NOTICE)

    assert calendar("XSHG", overrides, as_of=date(2026, 12, 21)).truth_until == date(2026, 12, 31)
    assert calendar("XSHG", overrides, as_of=date(2026, 12, 22)).truth_until == date(2027, 12, 31)


def test_a_later_override_wins() -> None:
    first = Override("XNYS", date(2026, 11, 1), removed=(date(2026, 12, 9),))
    second = Override("XNYS", date(2026, 11, 5), added=((date(2026, 12, 9), None),))

    assert not calendar("XNYS", [first]).is_session(date(2026, 12, 9))
    assert calendar("XNYS", [second, first]).is_session(date(2026, 12, 9))


def test_an_extension_of_new_york_keeps_summer_time() -> None:
    xnys = calendar("XNYS", [Override("XNYS", date(2035, 6, 1), truth_until=date(2036, 12, 31), removed=(date(2036, 1, 1),))])

    assert text(xnys.open_ns(date(2036, 1, 2))) == "2036-01-02T14:30:00Z"
    assert text(xnys.open_ns(date(2036, 7, 1))) == "2036-07-01T13:30:00Z"


def test_an_fx_holiday_can_be_removed_and_a_day_added_back() -> None:
    christmas = date(2026, 12, 25)
    closed = Override("FX", date(2026, 11, 1), removed=(christmas,))
    back = Override("FX", date(2026, 11, 2), added=((christmas, None),))

    assert not calendar("FX", [closed]).is_session(christmas)
    assert calendar("FX", [closed, back]).open_ns(christmas) == calendar("FX").open_ns(christmas)


def test_overrides_of_other_calendars_are_passed_over() -> None:
    assert calendar("XNYS", parse_overrides(NOTICE)) is calendar("XNYS")


def test_json_and_a_list_and_several_documents_say_the_same() -> None:
    one = parse_overrides('[{"calendar": "XNYS", "as_known": "2026-11-01", "removed": ["2026-12-09"]}]')
    two = parse_overrides("calendar: XNYS\nas_known: 2026-11-01\nremoved: [2026-12-09]\n---\ncalendar: FX\nas_known: 2026-11-02\n")

    assert one == (Override("XNYS", date(2026, 11, 1), removed=(date(2026, 12, 9),)),)
    assert two == (*one, Override("FX", date(2026, 11, 2)))
    assert parse_overrides("") == ()


def test_an_unquoted_time_is_read_though_yaml_takes_it_for_a_number() -> None:
    (found,) = parse_overrides("calendar: XNYS\nas_known: 2026-11-01\nadded: {2026-12-05: {open: 10:30, close: 13:00}}")

    assert found.added == ((date(2026, 12, 5), Hours(time(10, 30), time(13, 0))),)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("calendar: XNYS", "no as_known"),
        ("calendar: XNYS\nas_known: soon", "as_known: 'soon', expected a date"),
        ("calendar: XNYS\nas_known: 2026-11-01\nholidays: []", "unknown field 'holidays'"),
        ("calendar: XNYS\nas_known: 2026-11-01\nearly_closes: {2026-12-24: 25:00}", "expected a local time"),
        ("calendar: XNYS\nas_known: 2026-11-01\nremoved: 2026-12-24", "expected a list of dates"),
        ("calendar: XNYS\nas_known: 2026-11-01\nadded: {2026-12-05: {open: '10:00'}}", "expected open and close"),
        ("calendar: XNYS\nas_known: 2026-11-01\nadded: {2026-12-05: {open: '10:00', close: '09:00'}}", "expected rising times"),
        ("calendar: XNYS\nas_known: 2026-11-01\nadded: [2026-12-05]\nremoved: [2026-12-05]", "added and removed"),
        ("- just text", "expected fields such as calendar"),
        ("a: [", "neither JSON nor YAML"),
    ],
)
def test_a_bad_override_is_refused_and_named(given: str, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        parse_overrides(given, what="xnys.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (Override("XNYS", date(2026, 11, 1), removed=(date(2026, 12, 25),)), "removes 2026-12-25, which is no session"),
        (Override("XNYS", date(2026, 11, 1), added=((date(2036, 1, 2), None),)), "adds 2036-01-02, expected a day from"),
        (Override("XNYS", date(2026, 11, 1), early_closes=((date(2026, 12, 24), time(17, 0)),)), "closes early after its close"),
        (Override("XNYS", date(2026, 11, 1), early_closes=((date(2026, 12, 25), time(13, 0)),)), "which is no session"),
        (Override("24/7", date(2026, 11, 1), removed=(date(2026, 12, 25),)), "always open"),
    ],
)
def test_an_override_that_does_not_fit_its_calendar_is_refused(override: Override, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        calendar(override.calendar, [override])


def test_an_override_does_not_hide_the_new_bound() -> None:
    with pytest.raises(DataFault, match="to 2027-12-31"):
        calendar("XSHG", parse_overrides(NOTICE)).is_session(date(2028, 1, 3))
