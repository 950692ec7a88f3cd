"""From a compiled data file (and overrides) to arrays: one row per session, times as int64 UTC nanoseconds.

1. Weekdays of the file's range without its `closed` days; hours by run, then the odd ones.
2. Overrides in the order of `as_known`: extend the range, remove, add, close early. Local times become UTC through the
   zone data of the machine, which nothing else needs.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.override import Hours, Override
from tradewinds.core.errors import Invariant, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, from_datetime

ALWAYS_OPEN = "24/7"
NAMES = ("XNYS", "XNAS", "XSHG", "FX", ALWAYS_OPEN)
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_ALWAYS_UNTIL = date(2100, 12, 31)

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Sessions in rising order. `edges`: (sessions, 4) open, break start, break end, close; without a break its ends are equal."""

    name: str
    zone: str
    truth_from: date
    truth_until: date
    projected_after: date | None
    hours_from: date | None
    days: Ints
    edges: Ints


def table(name: str, overrides: Sequence[Override] = ()) -> Table:
    """The sessions of a calendar we carry; raises Rejected for a name we do not."""
    if name not in NAMES:
        raise Rejected(f"calendar: {name!r}, expected one of {', '.join(NAMES)}")
    if name == ALWAYS_OPEN:
        if overrides:
            raise Rejected(f"override of calendar {ALWAYS_OPEN}: it is always open, expected none")
        return _always_open()
    raw = pkgutil.get_data(__package__, f"data/{name.lower()}.json")
    if raw is None:
        raise Invariant(f"calendar {name}: its data file is not in the package")
    facts = json.loads(raw)
    found = _compiled(facts)
    for override in sorted(overrides, key=lambda one: one.as_known):
        found = _overridden(found, override, facts["standard"])
    return found


def _always_open() -> Table:
    days = np.arange(_ALWAYS_UNTIL.toordinal() - EPOCH_ORDINAL + 1, dtype=np.int64)
    edges = np.repeat(days[:, None] * NS_PER_DAY, 4, axis=1)
    edges[:, 1:] += NS_PER_DAY
    return Table(ALWAYS_OPEN, "UTC", date(1970, 1, 1), _ALWAYS_UNTIL, None, None, days, edges)


def _compiled(facts: dict[str, Any]) -> Table:
    first, until = date.fromisoformat(facts["first"]), date.fromisoformat(facts["truth_until"])
    every = np.arange(number(first), number(until) + 1, dtype=np.int64)
    closed = [number(date(int(year), int(text[:2]), int(text[2:]))) for year, line in facts["closed"].items() for text in line.split()]
    days = every[_is_weekday(every) & ~np.isin(every, np.array(closed, dtype=np.int64))]
    runs = [number(date.fromisoformat(run[0])) for run in facts["hours"]]
    minutes = np.array([_four(run[1:]) for run in facts["hours"]], dtype=np.int64)
    minutes = minutes[np.searchsorted(np.array(runs, dtype=np.int64), days, side="right") - 1]
    for text, *odd in facts["odd_hours"]:
        minutes[np.searchsorted(days, number(date.fromisoformat(text)))] = _four(odd)
    return Table(
        facts["calendar"], facts["zone"], first, until, _date(facts["projected_after"]), _date(facts["hours_from"]),
        days, days[:, None] * NS_PER_DAY + minutes * NS_PER_MINUTE,
    )  # fmt: skip


def number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - EPOCH_ORDINAL


def day_of(days_since_epoch: int) -> date:
    """The date that many days after 1970-01-01."""
    return date.fromordinal(EPOCH_ORDINAL + days_since_epoch)


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _is_weekday(days: Ints) -> NDArray[np.bool_]:
    return (days + 3) % 7 < 5  # 1970-01-01 was a Thursday


def _four(hours: Sequence[int]) -> list[int]:
    """open, close[, break start, break end] as open, break start, break end, close; no break is an empty one at the close."""
    opening, closing, *pause = hours
    return [opening, *(pause or (closing, closing)), closing]


def _overridden(found: Table, override: Override, standard: dict[str, Any]) -> Table:
    if override.calendar != found.name:
        raise Rejected(f"override of {override.calendar} given to calendar {found.name}")
    sessions = dict(zip(found.days.tolist(), found.edges.tolist(), strict=True))
    until = found.truth_until
    if override.truth_until is not None:
        for step in range(1, (override.truth_until - until).days + 1):
            day = until + timedelta(days=step)
            if day.weekday() < 5:
                sessions[number(day)] = _usual(day, found, standard)
        until = max(until, override.truth_until)
    for day in override.removed:
        if number(day) not in sessions:
            raise Rejected(f"override of {found.name}: removes {day}, which is no session up to {until}")
        del sessions[number(day)]
    for day, hours in override.added:
        _within(found, day, until)
        sessions[number(day)] = _usual(day, found, standard) if hours is None else _edges(day, hours, found.zone)
    for day, closing in override.early_closes:
        if number(day) not in sessions:
            raise Rejected(f"override of {found.name}: closes {day} early, which is no session up to {until}")
        sessions[number(day)] = _shortened(sessions[number(day)], _utc(day, closing, found.zone), day, found.name)
    days = sorted(sessions)
    return Table(
        found.name, found.zone, found.truth_from, until, found.projected_after, found.hours_from,
        np.array(days, dtype=np.int64), np.array([sessions[day] for day in days], dtype=np.int64).reshape(-1, 4),
    )  # fmt: skip


def _within(found: Table, day: date, until: date) -> None:
    if not found.truth_from <= day <= until:
        raise Rejected(f"override of {found.name}: adds {day}, expected a day from {found.truth_from} to {until} (truth_until)")


def _usual(day: date, found: Table, standard: dict[str, Any]) -> list[int]:
    edges = {name: _utc(day, time.fromisoformat(value), found.zone) for name, value in standard.items() if name != "opens_day_before"}
    opening = edges["open"]
    if standard.get("opens_day_before"):
        opening = _utc(day - timedelta(days=1), time.fromisoformat(standard["open"]), found.zone)
    closing = edges["close"]
    return [opening, edges.get("break_start", closing), edges.get("break_end", closing), closing]


def _edges(day: date, hours: Hours, zone: str) -> list[int]:
    closing = _utc(day, hours.close, zone)
    pause = [closing if edge is None else _utc(day, edge, zone) for edge in (hours.break_start, hours.break_end)]
    return [_utc(day, hours.open, zone), *pause, closing]


def _shortened(edges: list[int], closing: int, day: date, name: str) -> list[int]:
    opening, pause, resume, usual = edges
    if not opening < closing <= usual:
        raise Rejected(f"override of {name}: {day} closes early after its close or before its open, expected a time between")
    # A close inside or at the edge of the lunch break ends the session where the break began.
    return [opening, pause, resume, closing] if closing > resume else [opening, *[min(pause, closing)] * 3]


def _utc(day: date, clock: time, zone: str) -> int:
    try:
        return from_datetime(datetime.combine(day, clock, ZoneInfo(zone)))
    except ZoneInfoNotFoundError:
        raise Rejected(f"override with local times of {zone}: this machine has no zone data, expected the package tzdata") from None
