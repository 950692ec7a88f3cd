"""When public institutions publish: the difference between the day a figure is about and the instant anybody could know it.

    CFTC   Commitments of Traders: the third federal business day after the report's Tuesday, 15:30 New York. When the
           government was closed, a backlog came out on dates of its own (BACKLOG).
    ECB    reference rates: agreed 14:15, published by 16:00, both Frankfurt time.
    SEC    a filing dated D without an acceptance time: 22:00 New York of D, when the system closes.

Sources: cftc.gov "About the COT Reports" (sixth business day from 1990, third from 1992) and its release schedules;
ecb.europa.eu reference rates; sec.gov filing hours. Where a date of a backlog is not known, a bound stands here that is later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from tradewinds.core.instant import from_datetime

NEW_YORK = "America/New_York"
FRANKFURT = "Europe/Berlin"
COT_CLOCK = time(15, 30)
ECB_AGREED_CLOCK, ECB_CLOCK = time(14, 15), time(16, 0)
SEC_CLOCK = time(22, 0)

# Report date -> publication date, where it was not the rule's.
BACKLOG: Mapping[date, date] = MappingProxyType(
    {
        # 2013: offices were closed 1 to 16 October; the dates of the backlog are not known, all had come out by this one.
        **{date(2013, 10, day): date(2013, 11, 15) for day in (1, 8, 15, 22, 29)},
        date(2013, 11, 5): date(2013, 11, 15),
        # 2018-12-22 to 2019-01-25: from 1 February one report every Tuesday and Friday.
        date(2018, 12, 24): date(2019, 2, 1),
        date(2018, 12, 31): date(2019, 2, 5),
        date(2019, 1, 8): date(2019, 2, 8),
        date(2019, 1, 15): date(2019, 2, 12),
        date(2019, 1, 22): date(2019, 2, 15),
        date(2019, 1, 29): date(2019, 2, 19),
        date(2019, 2, 5): date(2019, 2, 22),
        date(2019, 2, 12): date(2019, 2, 26),
        date(2019, 2, 19): date(2019, 3, 1),
        date(2019, 2, 26): date(2019, 3, 5),
        # 2023: reporting firms could not deliver for weeks; the first is known, the rest were promised for the middle of March.
        date(2023, 1, 31): date(2023, 2, 24),
        **{day: date(2023, 3, 24) for day in (date(2023, 2, 7), date(2023, 2, 14), date(2023, 2, 21), date(2023, 2, 28))},
        **{day: date(2023, 3, 24) for day in (date(2023, 3, 7), date(2023, 3, 14))},
        # 2025-10-01 to 2025-11-12: the schedule that was announced on 2025-11-18.
        date(2025, 9, 30): date(2025, 11, 19),
        date(2025, 10, 7): date(2025, 11, 21),
        date(2025, 10, 14): date(2025, 11, 25),
        date(2025, 10, 21): date(2025, 12, 2),
        date(2025, 10, 28): date(2025, 12, 5),
        date(2025, 11, 4): date(2025, 12, 9),
        date(2025, 11, 10): date(2025, 12, 12),
        date(2025, 11, 18): date(2025, 12, 16),
        date(2025, 11, 25): date(2025, 12, 19),
        date(2025, 12, 2): date(2025, 12, 23),
        date(2025, 12, 9): date(2025, 12, 30),
        date(2025, 12, 16): date(2026, 1, 6),
        date(2025, 12, 23): date(2026, 1, 9),
        date(2025, 12, 30): date(2026, 1, 13),
        date(2026, 1, 6): date(2026, 1, 16),
        date(2026, 1, 13): date(2026, 1, 20),
    }
)

# Days on which federal offices were closed by order of the President.
CLOSED_BY_ORDER = frozenset(
    {
        date(2004, 6, 11),
        date(2007, 1, 2),
        date(2007, 12, 24),
        date(2012, 12, 24),
        date(2014, 12, 26),
        date(2018, 12, 5),
        date(2018, 12, 24),
        date(2019, 12, 24),
        date(2020, 12, 24),
        date(2024, 12, 24),
        date(2025, 1, 9),
        date(2025, 12, 24),
        date(2025, 12, 26),
    }
)
_SIXTH_DAY_FROM, _THIRD_DAY_FROM = date(1990, 1, 1), date(1993, 1, 1)  # the latter began within 1992
_MONDAY, _THURSDAY = 0, 3


def local_ns(day: date, clock: time, zone: str) -> int:
    """The UTC instant at which clocks in `zone` show that time of that day."""
    return from_datetime(datetime.combine(day, clock, ZoneInfo(zone)))


def local_midnight_ns(day: date, zone: str) -> int:
    """The UTC instant at which the day begins in `zone`."""
    return local_ns(day, time(0), zone)


def cot_publication_date(report_date: date, announced: Mapping[date, date] = MappingProxyType({})) -> date:
    """The day on which the CFTC published its report about `report_date`; `announced` goes before what is known here."""
    stated = announced.get(report_date) or BACKLOG.get(report_date)
    if stated is not None:
        return stated
    if report_date < _SIXTH_DAY_FROM:
        return business_day_after(report_date + timedelta(days=12), 1)
    return business_day_after(report_date, 3 if report_date >= _THIRD_DAY_FROM else 6)


def cot_publication_ns(report_date: date, announced: Mapping[date, date] = MappingProxyType({})) -> int:
    """The instant at which the CFTC published its report about `report_date`."""
    return local_ns(cot_publication_date(report_date, announced), COT_CLOCK, NEW_YORK)


def business_day_after(day: date, count: int) -> date:
    """The count-th day after `day` on which federal offices are open."""
    while count:
        day += timedelta(days=1)
        if is_federal_business_day(day):
            count -= 1
    return day


def is_federal_business_day(day: date) -> bool:
    """Whether federal offices are open: no weekend, no holiday as observed, no closure by order. Shutdowns are not counted."""
    return day.weekday() < 5 and day not in CLOSED_BY_ORDER and day not in federal_holidays(day.year)


@lru_cache(maxsize=256)
def federal_holidays(year: int) -> frozenset[date]:
    """The days of `year` on which federal holidays are observed (5 U.S.C. 6103): Friday for Saturday, Monday for Sunday."""
    fixed = [date(year, 1, 1), date(year + 1, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= 2021:
        fixed.append(date(year, 6, 19))
    floating = [
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _nth(year, 6, _MONDAY, 1) - timedelta(days=7),  # the last Monday of May
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 10, _MONDAY, 2),
        _nth(year, 11, _THURSDAY, 4),
    ]
    observed = [day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0)) for day in fixed]
    return frozenset(day for day in (*observed, *floating) if day.year == year)


def _nth(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))
