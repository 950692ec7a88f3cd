"""Compile exchange calendars to the small data files that the package carries.

    python tools/compile_calendars.py [--check]

The exchange sessions are what the library exchange_calendars (Apache-2.0) computes; only the result stands in our files,
so that nothing in the package imports pandas. The FX calendar is our own rule over the New York time zone. Run it again
after an upgrade of the library; the output depends on nothing but the versions of the library and of the zone data.

1. Every session becomes (day, open, close, break start, break end), the times in minutes after midnight UTC of that day.
2. Days: all weekdays from `first` to `truth_until` except `closed`.
3. Hours: runs `[first day, minutes...]` that hold until the next run; single days that differ stand in `odd_hours`.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

DATA = Path(__file__).resolve().parents[1] / "src" / "tradewinds" / "calendars" / "data"
NEW_YORK = "America/New_York"

# Before 1985-09-30 New York traded at other hours than the library says, hence `hours_from`.
# `projected_after`: the last year whose holidays the exchange itself had announced when this was compiled.
# (first, truth_until, projected_after, hours_from)
EXCHANGES = {
    "XNYS": (date(1962, 1, 2), date(2035, 12, 31), "2027-12-31", "1985-09-30"),
    "XNAS": (date(1971, 2, 8), date(2035, 12, 31), "2027-12-31", "1985-09-30"),
    "XSHG": (date(1990, 12, 3), date(2026, 12, 31), None, None),
}
FX_FIRST, FX_UNTIL = date(1990, 1, 1), date(2035, 12, 31)

Session = tuple[date, tuple[int, ...]]


def main() -> int:
    parser = argparse.ArgumentParser(description="compile exchange calendars to the package's data files")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    check = parser.parse_args().check
    changed = 0
    for name, text in compiled().items():
        path = DATA / f"{name.lower()}.json"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        changed += 1
        print(f"{path.name} {'differs' if check else 'written'}")  # noqa: T201 - this tool's output
        if not check:
            path.write_text(text, encoding="utf-8")
    return 1 if check and changed else 0


def compiled() -> dict[str, str]:
    """The text of every data file by calendar name."""
    import exchange_calendars

    origin = f"exchange_calendars {exchange_calendars.__version__} (Apache-2.0)"
    files = {}
    header: dict[str, object]
    for name, (first, until, projected_after, hours_from) in EXCHANGES.items():
        library = exchange_calendars.get_calendar(name, start=first.isoformat(), end=until.isoformat())
        header = {
            "about": f"Compiled by tools/compile_calendars.py from the sessions that {origin} computes. Do not edit: use an override file.",
            "calendar": name,
            "zone": str(library.tz),
            "first": first.isoformat(),
            "truth_until": until.isoformat(),
            "projected_after": projected_after,
            "hours_from": hours_from,
            "standard": _standard(library),
        }
        files[name] = _text(header, _library_sessions(library), first, until)
    header = {
        "about": "Compiled by tools/compile_calendars.py: Sunday 17:00 to Friday 17:00 New York. Do not edit: use an override file.",
        "calendar": "FX",
        "zone": NEW_YORK,
        "first": FX_FIRST.isoformat(),
        "truth_until": FX_UNTIL.isoformat(),
        "projected_after": None,
        "hours_from": None,
        "standard": {"open": "17:00", "close": "17:00", "opens_day_before": True},
    }
    files["FX"] = _text(header, _fx_sessions(), FX_FIRST, FX_UNTIL)
    return files


def _standard(library: object) -> dict[str, str]:
    names = (("open", "open_times"), ("close", "close_times"), ("break_start", "break_start_times"), ("break_end", "break_end_times"))
    found = {name: getattr(library, attribute) for name, attribute in names}
    return {name: times[-1][1].strftime("%H:%M") for name, times in found.items() if times}


def _library_sessions(library: object) -> list[Session]:
    columns = ["open", "close"] + (["break_start", "break_end"] if _standard(library).get("break_start") else [])
    sessions = []
    for row in library.schedule.itertuples():  # type: ignore[attr-defined]  # the library ships no types
        day = row.Index.date()
        moments = [getattr(row, column) for column in columns]
        sessions.append((day, tuple(_minutes(day, moment.to_pydatetime()) for moment in moments if moment == moment)))
    return sessions


def _fx_sessions() -> list[Session]:
    zone = ZoneInfo(NEW_YORK)
    five = time(17, 0)
    sessions = []
    for offset in range((FX_UNTIL - FX_FIRST).days + 1):
        day = FX_FIRST + timedelta(days=offset)
        if day.weekday() < 5:
            edges = (datetime.combine(day - timedelta(days=1), five, zone), datetime.combine(day, five, zone))
            sessions.append((day, tuple(_minutes(day, edge) for edge in edges)))
    return sessions


def _minutes(day: date, moment: datetime) -> int:
    seconds = (moment.astimezone(UTC) - datetime.combine(day, time(0), UTC)).total_seconds()
    assert seconds % 60 == 0
    return int(seconds) // 60


def _text(header: dict[str, object], sessions: list[Session], first: date, until: date) -> str:
    days = {day for day, _ in sessions}
    every = [first + timedelta(days=n) for n in range((until - first).days + 1)]
    closed = [day for day in every if day.weekday() < 5 and day not in days]
    runs: list[list[object]] = []
    odd: list[list[object]] = []
    current: tuple[int, ...] | None = None
    for index, (day, hours) in enumerate(sessions):
        if day.weekday() >= 5:
            raise SystemExit(f"{header['calendar']}: session {day} on a weekend, expected weekdays only")
        following = sessions[index + 1][1] if index + 1 < len(sessions) else None
        if hours == current:
            continue
        if current is not None and following in (current, None):
            odd.append([day.isoformat(), *hours])
        else:
            runs.append([day.isoformat(), *hours])
            current = hours
    years = {str(day.year): " ".join(d.strftime("%m%d") for d in closed if d.year == day.year) for day in closed}
    body = header | {"closed": years, "hours": runs, "odd_hours": odd}
    lines = [f" {json.dumps(key)}: {_value(value)}" for key, value in body.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"  {json.dumps(row, separators=(',', ':'))}" for row in value) + "\n ]"
    if isinstance(value, dict) and len(value) > 4:
        return "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in value.items()) + "\n }"
    return json.dumps(value)


if __name__ == "__main__":
    sys.exit(main())
