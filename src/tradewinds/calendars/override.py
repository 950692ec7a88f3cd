"""Dated corrections to a calendar: holidays announced after our data was compiled, a day of mourning, a storm.

A file is YAML or JSON, in the exchange's own local time, newest knowledge last:

    calendar: XSHG
    as_known: 2026-12-22
    reason: notice of the exchange for 2027
    truth_until: 2027-12-31
    removed: [2027-01-01, 2027-02-08]
    added:
      2027-03-06: {open: "09:30", close: "11:30"}
      2027-03-13:
    early_closes: {2027-02-05: "11:30"}

Several corrections in one file are a list, or YAML documents divided by `---`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from tradewinds.core.errors import Rejected

_FIELDS = {"calendar", "as_known", "reason", "truth_until", "removed", "added", "early_closes"}
_HOURS = ("open", "close", "break_start", "break_end")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Local opening hours of one session; the break's two ends stand there together or not at all."""

    open: time
    close: time
    break_start: time | None = None
    break_end: time | None = None

    def __post_init__(self) -> None:
        if (self.break_start is None) != (self.break_end is None):
            raise Rejected(f"session hours: break {self.break_start} to {self.break_end}, expected both ends or none")
        edges = [edge for edge in (self.open, self.break_start, self.break_end, self.close) if edge is not None]
        if edges != sorted(set(edges)):
            raise Rejected(f"session hours: {' '.join(e.strftime('%H:%M') for e in edges)}, expected rising times of one day")


@dataclass(frozen=True, slots=True)
class Override:
    """What was learnt on `as_known` about `calendar`; a later one wins over an earlier one.

    `added`: sessions with their local hours, None for the calendar's usual ones. `truth_until`: the new last day on which
    the calendar can be relied on; between the old bound and this one every weekday is a session unless removed.
    """

    calendar: str
    as_known: date
    reason: str = ""
    truth_until: date | None = None
    removed: tuple[date, ...] = ()
    added: tuple[tuple[date, Hours | None], ...] = ()
    early_closes: tuple[tuple[date, time], ...] = ()

    def __post_init__(self) -> None:
        both = sorted({day for day, _ in self.added} & set(self.removed))
        if both:
            raise Rejected(f"override of {self.calendar}: {both[0]} is added and removed, expected one of them")
        gone = sorted({day for day, _ in self.early_closes} & set(self.removed))
        if gone:
            raise Rejected(f"override of {self.calendar}: {gone[0]} is removed and closes early, expected one of them")


def parse_overrides(text: str, *, what: str = "override file") -> tuple[Override, ...]:
    """The corrections of a YAML or JSON text in the order of their `as_known`; raises Rejected naming `what` and the field."""
    return tuple(sorted((_override(entry, what) for entry in _entries(text, what)), key=lambda found: (found.as_known, found.calendar)))


def _entries(text: str, what: str) -> list[Any]:
    try:
        documents: list[Any] = [json.loads(text)]
    except ValueError:
        import yaml

        try:
            documents = list(yaml.safe_load_all(text))
        except (yaml.YAMLError, ValueError) as error:
            raise Rejected(f"{what}: neither JSON nor YAML ({str(error).splitlines()[0]})") from None
    flat: list[Any] = []
    for document in documents:
        flat.extend(document if isinstance(document, list) else [] if document is None else [document])
    return flat


def _override(entry: object, what: str) -> Override:
    if not isinstance(entry, Mapping):
        raise Rejected(f"{what}: {entry!r}, expected fields such as calendar and as_known")
    unknown = sorted(str(key) for key in entry if key not in _FIELDS)
    if unknown:
        raise Rejected(f"{what}: unknown field {unknown[0]!r}, expected one of {', '.join(sorted(_FIELDS))}")
    for name in ("calendar", "as_known"):
        if entry.get(name) is None:
            raise Rejected(f"{what}: no {name}, expected it in every correction")
    until = entry.get("truth_until")
    return Override(
        calendar=str(entry["calendar"]),
        as_known=_day(entry["as_known"], f"{what}: as_known"),
        reason=str(entry.get("reason") or ""),
        truth_until=None if until is None else _day(until, f"{what}: truth_until"),
        removed=tuple(sorted(_day(day, f"{what}: removed") for day in _sequence(entry.get("removed"), f"{what}: removed"))),
        added=tuple(
            sorted(
                ((_day(day, f"{what}: added"), _hours(value, f"{what}: added {day}")) for day, value in _added(entry, what)),
                key=lambda pair: pair[0],
            )
        ),
        early_closes=tuple(
            sorted(
                (_day(day, f"{what}: early_closes"), _clock(value, f"{what}: early_closes {day}"))
                for day, value in _mapping(entry.get("early_closes"), f"{what}: early_closes").items()
            )
        ),
    )


def _added(entry: Mapping[str, object], what: str) -> list[tuple[object, object]]:
    value = entry.get("added")
    if isinstance(value, list):
        return [(day, None) for day in value]
    return list(_mapping(value, f"{what}: added").items())


def _sequence(value: object, what: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Rejected(f"{what}: {value!r}, expected a list of dates")
    return value


def _mapping(value: object, what: str) -> Mapping[object, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Rejected(f"{what}: {value!r}, expected dates with their hours")
    return value


def _day(value: object, what: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise Rejected(f"{what}: {value!r}, expected a date such as 2027-01-04") from None


def _clock(value: object, what: str) -> time:
    # YAML 1.1 reads an unquoted 11:30 as the base-60 integer 690.
    minutes = value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1440 else None
    match = _CLOCK.fullmatch(str(value)) if minutes is None else None
    if minutes is None and match is None:
        raise Rejected(f"{what}: {value!r}, expected a local time such as 11:30")
    return time(minutes // 60, minutes % 60) if minutes is not None else time(int(match[1]), int(match[2])) if match else time(0)


def _hours(value: object, what: str) -> Hours | None:
    if value is None:
        return None
    fields = _mapping(value, what)
    unknown = sorted(str(key) for key in fields if key not in _HOURS)
    if unknown or "open" not in fields or "close" not in fields:
        raise Rejected(
            f"{what}: {sorted(map(str, fields))}, expected open and close, and break_start with break_end where there is a break"
        )
    given = {name: _clock(fields[name], f"{what} {name}") for name in _HOURS if fields.get(name) is not None}
    return Hours(**given)
