"""When the CFTC publishes, as its own schedules say."""

from __future__ import annotations

from datetime import date, time

import pytest

from tradewinds.calendars.publication import (
    FRANKFURT,
    business_day_after,
    cot_publication_date,
    cot_publication_ns,
    federal_holidays,
    is_federal_business_day,
    local_ns,
)
from tradewinds.core import instant


@pytest.mark.parametrize(
    ("report", "published"),
    [
        (date(2024, 1, 2), date(2024, 1, 5)),  # an ordinary week
        (date(2024, 7, 2), date(2024, 7, 8)),  # Independence Day on Thursday
        (date(2020, 6, 30), date(2020, 7, 6)),  # Independence Day on Saturday, observed on Friday
        (date(2021, 12, 28), date(2022, 1, 3)),  # New Year on Saturday, observed on the last day of the year
        (date(2023, 7, 3), date(2023, 7, 7)),  # the report was about Monday, because Tuesday was a holiday
        (date(2025, 1, 7), date(2025, 1, 13)),  # offices closed by order on Thursday
        (date(2024, 6, 18), date(2024, 6, 24)),  # Juneteenth
    ],
)
def test_a_report_is_published_on_the_third_federal_business_day(report: date, published: date) -> None:
    assert cot_publication_date(report) == published


@pytest.mark.parametrize(
    ("report", "originally", "published"),
    [
        (date(2025, 9, 30), date(2025, 10, 3), date(2025, 11, 19)),
        (date(2025, 11, 10), date(2025, 11, 14), date(2025, 12, 12)),
        (date(2025, 11, 25), date(2025, 12, 1), date(2025, 12, 19)),
        (date(2025, 12, 30), date(2026, 1, 5), date(2026, 1, 13)),
        (date(2026, 1, 20), date(2026, 1, 23), date(2026, 1, 23)),
    ],
)
def test_the_backlog_of_2025_came_out_as_announced(report: date, originally: date, published: date) -> None:
    assert business_day_after(report, 3) == originally
    assert cot_publication_date(report) == published


def test_the_backlog_of_2019_ended_on_the_eighth_of_march() -> None:
    assert cot_publication_date(date(2018, 12, 24)) == date(2019, 2, 1)
    assert cot_publication_date(date(2019, 2, 26)) == date(2019, 3, 5)
    assert cot_publication_date(date(2019, 3, 5)) == date(2019, 3, 8)


def test_half_past_three_in_new_york_follows_the_clocks() -> None:
    assert instant.text(cot_publication_ns(date(2024, 1, 2))) == "2024-01-05T20:30:00Z"
    assert instant.text(cot_publication_ns(date(2024, 7, 9))) == "2024-07-12T19:30:00Z"


def test_an_announcement_goes_before_the_rule_and_the_backlog() -> None:
    announced = {date(2026, 11, 24): date(2026, 12, 15), date(2025, 9, 30): date(2025, 11, 18)}

    assert cot_publication_date(date(2026, 11, 24), announced) == date(2026, 12, 15)
    assert cot_publication_date(date(2025, 9, 30), announced) == date(2025, 11, 18)


def test_the_reports_of_the_eighties_took_weeks() -> None:
    assert cot_publication_date(date(1986, 1, 15)) == date(1986, 1, 28)
    assert cot_publication_date(date(1991, 1, 15)) == date(1991, 1, 24)


def test_federal_holidays_are_observed_on_weekdays() -> None:
    assert date(2021, 12, 31) in federal_holidays(2021)
    assert date(2022, 1, 1) not in federal_holidays(2022)
    assert date(2024, 5, 27) in federal_holidays(2024)
    assert len(federal_holidays(2024)) == 11
    assert not is_federal_business_day(date(2025, 1, 9))
    assert is_federal_business_day(date(2025, 1, 10))


def test_frankfurt_is_an_hour_or_two_ahead() -> None:
    assert instant.text(local_ns(date(2024, 1, 5), time(16), FRANKFURT)) == "2024-01-05T15:00:00Z"
    assert instant.text(local_ns(date(2024, 7, 5), time(16), FRANKFURT)) == "2024-07-05T14:00:00Z"
