"""Instants: integers, and text that says the zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, from_date, from_datetime, parse, text, to_date, to_datetime


@pytest.mark.parametrize(
    ("given", "instant_ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-02", NS_PER_DAY),
        ("2024-01-31T16:00", 1_706_716_800_000_000_000),
        ("2024-01-31 16:00:00", 1_706_716_800_000_000_000),
        ("2024-01-31T11:00:00-05:00", 1_706_716_800_000_000_000),
        ("2024-02-01T00:00:00+0800", 1_706_716_800_000_000_000),
        ("2016-10-17T15:16:40.000000000Z", 1_476_717_400_000_000_000),
        ("2024-01-31T16:00:00.123456789Z", 1_706_716_800_123_456_789),
        ("2024-01-31T16:00:00.5Z", 1_706_716_800_500_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        (" 2024-01-31 ", 1_706_659_200_000_000_000),
    ],
)
def test_iso_text_is_read_to_the_nanosecond(given: str, instant_ns: int) -> None:
    assert parse(given) == instant_ns


@pytest.mark.parametrize(
    "given",
    [
        "",
        "yesterday",
        "2024-1-31",
        "2024-02-30",
        "2024-01-31T25:00",
        "2024-01-31T16",
        "20240131",
        "1706716800",
        "2024-01-31T16:00:00.1234567890Z",
    ],
)
def test_text_that_is_no_instant_is_refused_with_its_value(given: str) -> None:
    with pytest.raises(Rejected, match="instant: "):
        parse(given)


def test_a_fraction_of_a_minute_is_refused_rather_than_read_as_one_of_a_second() -> None:
    with pytest.raises(Rejected, match=r"2024-01-31T16:00\.5"):
        parse("2024-01-31T16:00.5Z")


def test_digits_of_other_scripts_are_no_dates() -> None:
    with pytest.raises(Rejected):
        parse("\u0662\u0660\u0662\u0664-\u0660\u0661-\u0663\u0661")


@pytest.mark.parametrize(
    ("instant_ns", "shown"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_500_000, "1970-01-01T00:00:00.001500Z"),
        (500_000_000, "1970-01-01T00:00:00.500Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
    ],
)
def test_text_has_as_many_decimals_as_are_needed(instant_ns: int, shown: str) -> None:
    assert text(instant_ns) == shown


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Rejected, match="no time zone"):
        from_datetime(datetime(2024, 1, 31, 16))  # noqa: DTZ001 - the naive time is what is tested


def test_datetimes_of_any_zone_name_the_same_instant() -> None:
    new_york = timezone(timedelta(hours=-5))

    assert from_datetime(datetime(2024, 1, 31, 11, tzinfo=new_york)) == from_datetime(datetime(2024, 1, 31, 16, tzinfo=UTC))
    assert to_datetime(1_999) == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_a_day_contains_its_first_nanosecond_and_not_its_last_plus_one() -> None:
    start = from_date(date(2024, 2, 29))

    assert to_date(start) == date(2024, 2, 29)
    assert to_date(start - 1) == date(2024, 2, 28)
    assert to_date(start + NS_PER_DAY - 1) == date(2024, 2, 29)
    assert to_date(start + NS_PER_DAY) == date(2024, 3, 1)


INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=200)
@given(INT64)
def test_every_int64_instant_survives_its_text(instant_ns: int) -> None:
    assert parse(text(instant_ns)) == instant_ns


@settings(max_examples=100)
@given(INT64)
def test_datetimes_round_down_to_a_microsecond(instant_ns: int) -> None:
    back = from_datetime(to_datetime(instant_ns))

    assert 0 <= instant_ns - back < 1_000
    assert from_date(to_date(instant_ns)) <= instant_ns < from_date(to_date(instant_ns)) + NS_PER_DAY
