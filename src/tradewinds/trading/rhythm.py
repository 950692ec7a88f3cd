"""When a strategy decides: words in exchange time, and the rows of a market's bars at which they fall.

    every bar                       after each bar
    every 30m, every 4h, every 1d   as often as a bar of that length ends; shorter than a day the grid begins anew at each open
    open + 30m, close - 15m, close  in each session, so that half-days and summer time are right
    monday close, friday open + 1h  on that weekday, where it is a session
    month end, week start open + 1h the last or first session of a week, month, quarter or year; at its close unless the words say when

1. The words become a `Rhythm`.
2. The calendar gives the sessions that are meant and, in each, the instant.
3. A decision falls on the last bar that ends at or before the instant; none where that bar ended before the session opened, and none
   where the session is over sooner (`open + 4h` on a half-day).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.sessions import Calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND, from_date
from tradewinds.core.market import Interval

Ints = NDArray[np.int64]
Edge = Literal["open", "close"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PERIODS = ("week", "month", "quarter", "year")
WORDS = (
    "every bar; every 30m, 4h, 1d or 1w; open + 30m; close - 15m; close; a weekday or week, month, quarter or year start or end, "
    "alone or before one of those (monday close, month end, month start open + 1h)"
)
_UNITS = {"h": NS_PER_HOUR, "m": NS_PER_MINUTE, "s": NS_PER_SECOND}
_PERIOD_DAYS_MAX = 400  # sessions are looked up so far around the bars, that first and last of a year are seen
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_TEXT = re.compile(
    rf"(?:(?P<day>{'|'.join(WEEKDAYS)})|(?P<period>{'|'.join(PERIODS)})\s+(?P<end>start|end))?"
    r"\s*(?:(?P<edge>open|close)\s*(?:(?P<sign>[+-])\s*(?P<length>(?:\d+[hms])+))?)?"
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Build it with `rhythm`. None of interval, weekday and period: every session (or every bar, where `edge` is None too).

    interval: "4h" decides as often as a bar of that length ends. offset_ns: from the edge, never out of the session.
    """

    text: str
    interval: str | None = None
    weekday: int | None = None
    period: Literal["week", "month", "quarter", "year"] | None = None
    is_last: bool = False
    edge: Edge | None = None
    offset_ns: int = 0

    @property
    def is_every_bar(self) -> bool:
        return self.edge is None and self.interval is None


def rhythm(text: str) -> Rhythm:
    """Read the words, in any case; raises Rejected naming the words that there are."""
    words = " ".join(text.lower().split())
    if words == "every bar":
        return Rhythm(words)
    if words.startswith("every "):
        return Rhythm(words, interval=_length(words.removeprefix("every "), text))
    match = _TEXT.fullmatch(words)
    if match is None or not words:
        raise _refused(text)
    day, period, end, edge, sign, length = match.group("day", "period", "end", "edge", "sign", "length")
    offset = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([hms])", length or ""))
    if (edge == "open" and (sign == "-" or offset == 0)) or (edge == "close" and sign == "+"):
        raise Rejected(f"rhythm {text!r}: no bar of the session ends there, expected open + a length, close, or close - a length")
    return Rhythm(
        words,
        weekday=WEEKDAYS.index(day) if day else None,
        period=period,  # type: ignore[arg-type]  # one of PERIODS by the pattern
        is_last=end == "end",
        edge=edge or "close",  # type: ignore[arg-type]  # open or close by the pattern
        offset_ns=-offset if sign == "-" else offset,
    )


def decision_rows(when: Rhythm | str, start_ns: Ints, end_ns: Ints, calendar: Calendar) -> Ints:
    """The rows, rising and once each, of the bars (times,) after which a decision falls.

    start_ns, end_ns: of each bar, rising. Raises DataFault where the bars reach beyond what the calendar knows.
    """
    chosen = rhythm(when) if isinstance(when, str) else when
    if chosen.is_every_bar or len(end_ns) == 0:
        return np.arange(len(end_ns))
    opens, instants = _instants(chosen, int(start_ns[0]), int(end_ns[-1]), calendar)
    row = np.searchsorted(end_ns, instants, side="right") - 1
    is_there = (row >= 0) & (instants <= end_ns[-1])
    is_there[is_there] = end_ns[row[is_there]] > opens[is_there]
    return np.unique(row[is_there])


def _instants(chosen: Rhythm, first_ns: int, last_ns: int, calendar: Calendar) -> tuple[Ints, Ints]:
    """(open of the session, instant) of every decision around the bars."""
    begin, end = _around(first_ns, last_ns, calendar)
    if chosen.interval is not None:
        return calendar.bar_edges(begin, end, chosen.interval)
    opens, closes = calendar.bar_edges(begin, end, "1d")
    chosen_ones = _sessions(chosen, calendar.session_days(opens))
    opens, closes = opens[chosen_ones], closes[chosen_ones]
    instants = (closes if chosen.edge == "close" else opens) + chosen.offset_ns
    inside = (instants > opens) & (instants <= closes)
    return opens[inside], instants[inside]


def _around(first_ns: int, last_ns: int, calendar: Calendar) -> tuple[int, int]:
    """A span wide enough to see the whole first and last period, as far as the calendar knows; the bars themselves are never cut off."""
    known = from_date(calendar.truth_from) + NS_PER_DAY, from_date(calendar.truth_until)
    begin = min(first_ns, max(known[0], first_ns - _PERIOD_DAYS_MAX * NS_PER_DAY))
    return begin, max(last_ns, min(known[1], last_ns + _PERIOD_DAYS_MAX * NS_PER_DAY))


def _sessions(chosen: Rhythm, days: Ints) -> NDArray[np.bool_]:
    """Which of the sessions (days since 1970-01-01, rising) are meant."""
    if chosen.weekday is not None:
        is_meant: NDArray[np.bool_] = (days + _EPOCH_WEEKDAY) % 7 == chosen.weekday
        return is_meant
    if chosen.period is None:
        return np.ones(len(days), np.bool_)
    number = _period(days, chosen.period)
    differs = number[1:] != number[:-1]
    # The first and last of the span may be cut off: only a change that is seen proves a start or an end.
    edges: NDArray[np.bool_] = np.r_[differs, False] if chosen.is_last else np.r_[False, differs]
    return edges


def _period(days: Ints, period: str) -> Ints:
    if period == "week":
        return (days + _EPOCH_WEEKDAY) // 7
    months: Ints = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // {"month": 1, "quarter": 3, "year": 12}[period]


def _length(words: str, text: str) -> str:
    try:
        return Interval(words.replace(" ", "")).name
    except Rejected:
        raise _refused(text) from None


def _refused(text: str) -> Rejected:
    return Rejected(f"rhythm {text!r}, expected one of: {WORDS}")
