"""Trading hours for the gate: when a session of an instrument's calendar is under way, and when the account's own day begins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time, timedelta

from tradewinds.calendars.day import day_around
from tradewinds.calendars.sessions import ALWAYS_OPEN, NAMES, Calendar, calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import to_datetime
from tradewinds.core.instrument import Instrument
from tradewinds.jobs.config import AccountConfig
from tradewinds.risk.hours import Hours

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAYS = timedelta(days=3)  # a session may begin on the evening before its date, and in another year by UTC


class CalendarHours:
    """Answers `risk.rules.IsOpen`: sessions are read a year at a time, when somebody asks, and kept."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._calendars = {one.id: calendar(one.calendar) for one in instruments if one.calendar in (*NAMES, ALWAYS_OPEN)}
        self._years: dict[tuple[str, int], Hours] = {}

    def __call__(self, instrument: str, at_ns: int) -> bool | None:
        """Whether a session is under way then; None where no calendar is known, or the calendar does not reach so far."""
        found = self._calendars.get(instrument)
        if found is None:
            return None
        day = to_datetime(at_ns).date()
        if not found.truth_from + _DAYS <= day <= found.truth_until - _DAYS:
            return None
        hours = self._years.get((found.name, day.year))
        if hours is None:
            hours = self._years[found.name, day.year] = _of_year(found, day.year)
        return hours.is_open(found.name, at_ns)


def day_of(account: str, config: AccountConfig) -> tuple[str, time]:
    """Zone and time at which the account's trading day begins. Raises Rejected for a zone or a time that is none."""
    starts = time_of_day(config.day_starts)
    if starts is None:
        raise Rejected(f"account {account}: day_starts {config.day_starts!r}, expected a time such as 17:00")
    try:
        day_around(0, config.day_zone, starts)
    except Rejected as error:
        raise Rejected(f"account {account}: day_zone: {error}") from None
    return config.day_zone, starts


def time_of_day(given: object) -> time | None:
    """Of words such as 17:00, which YAML reads as the number 1020; None for what is no time."""
    found = _CLOCK.fullmatch(f"{given // 60:02d}:{given % 60:02d}" if isinstance(given, int) else str(given))
    return None if found is None else time(int(found[1]), int(found[2]))


def _of_year(found: Calendar, year: int) -> Hours:
    first, last = max(found.truth_from, date(year, 1, 1) - _DAYS), min(found.truth_until, date(year, 12, 31) + _DAYS)
    rows = []
    for day in found.sessions(first, last):
        pause = found.break_ns(day)
        rows.append((found.open_ns(day), *(pause or ()), found.close_ns(day)))
    return Hours({found.name: rows})
