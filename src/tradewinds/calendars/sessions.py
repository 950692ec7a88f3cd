"""A calendar: which days are sessions, where each begins and ends, which minutes a market trades.

Sessions are dates; instants are int UTC nanoseconds; sessions and minutes are half-open [open, close). A calendar says how
far it can be trusted (`truth_from`, `truth_until`) and raises DataFault for any day beyond: it never extrapolates.

    XNYS XNAS   New York, with half-days
    XSHG        Shanghai, with the lunch break
    FX          Sunday 17:00 to Friday 17:00 New York; a session begins at 17:00 and is named by the date on which it ends
    24/7        UTC days, always open
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.compiled import ALWAYS_OPEN, NAMES, Ints, Table, day_of, number, table
from tradewinds.calendars.override import Override
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, text
from tradewinds.core.market import Interval

__all__ = ["ALWAYS_OPEN", "NAMES", "Calendar", "calendar", "stand"]

_standing: tuple[Override, ...] = ()


def stand(overrides: Iterable[Override]) -> None:
    """Let every calendar of this process be corrected by these overrides from now on; `wiring` calls it with the user's files."""
    global _standing
    _standing = tuple(overrides)


def calendar(name: str, overrides: Iterable[Override] = (), *, as_of: date | None = None) -> Calendar:
    """The calendar of that name with those overrides that were known on `as_of` (all where it is None).

    Overrides of other calendars are passed over, so that one loaded list serves all; those that `stand` stand before them.
    Raises Rejected for an unknown name.
    """
    mine = tuple(one for one in (*_standing, *overrides) if one.calendar == name and (as_of is None or one.as_known <= as_of))
    return _calendar(name, mine)


@lru_cache(maxsize=64)
def _calendar(name: str, overrides: tuple[Override, ...]) -> Calendar:
    found = table(name, overrides)
    found.days.setflags(write=False)
    found.edges.setflags(write=False)
    return Calendar(found)


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Sessions of one market. Build it with `calendar`."""

    _table: Table

    # What it is and how far it goes

    @property
    def name(self) -> str:
        return self._table.name

    @property
    def zone(self) -> str:
        """The market's time zone (IANA name)."""
        return self._table.zone

    @property
    def truth_from(self) -> date:
        """The first day of which the calendar speaks."""
        return self._table.truth_from

    @property
    def truth_until(self) -> date:
        """The last day of which the calendar speaks."""
        return self._table.truth_until

    @property
    def projected_after(self) -> date | None:
        """The last day the exchange itself had announced; later ones follow from its rules. None: all were announced."""
        return self._table.projected_after

    @property
    def hours_from(self) -> date | None:
        """Before this day the dates are true but the hours are today's. None: the hours are true throughout."""
        return self._table.hours_from

    def is_projected(self, day: date) -> bool:
        """Whether the day is later than what the exchange had announced when the calendar was compiled."""
        self._check_day(day)
        return self.projected_after is not None and day > self.projected_after

    def days_covered_after(self, day: date) -> int:
        """How many days after `day` the calendar still speaks of; 0 when its bound is reached or passed."""
        return max(0, (self.truth_until - day).days)

    # Days

    def is_session(self, day: date) -> bool:
        self._check_day(day)
        at = int(np.searchsorted(self._table.days, number(day)))
        return at < len(self._table.days) and int(self._table.days[at]) == number(day)

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """The sessions from `first` to `last`, both included; empty when `last` is before `first`."""
        if last < first:
            return ()
        self._check_day(first)
        self._check_day(last)
        low, high = np.searchsorted(self._table.days, [number(first), number(last) + 1])
        return tuple(day_of(day) for day in self._table.days[low:high].tolist())

    def next_session(self, day: date) -> date:
        """The first session after `day`, which need not be one."""
        self._check_day(day)
        at = int(np.searchsorted(self._table.days, number(day), side="right"))
        if at == len(self._table.days):
            raise self._beyond(f"next session after {day}")
        return day_of(int(self._table.days[at]))

    def previous_session(self, day: date) -> date:
        """The last session before `day`, which need not be one."""
        self._check_day(day)
        at = int(np.searchsorted(self._table.days, number(day)))
        if at == 0:
            raise self._beyond(f"previous session before {day}")
        return day_of(int(self._table.days[at - 1]))

    # Edges of a session

    def open_ns(self, day: date) -> int:
        """Where the session begins; raises Rejected when the day is none."""
        return int(self._edges(day)[0])

    def close_ns(self, day: date) -> int:
        """Where the session ends; raises Rejected when the day is none."""
        return int(self._edges(day)[3])

    def break_ns(self, day: date) -> tuple[int, int] | None:
        """The lunch break [start, end) of the session, None where it has none."""
        edges = self._edges(day)
        return None if edges[1] == edges[2] else (int(edges[1]), int(edges[2]))

    def is_early_close(self, day: date) -> bool:
        """Whether the session trades for less time than most sessions of the calendar do."""
        edges = self._edges(day)
        usual = np.median(self._traded_ns(self._table.edges[-1000:]))
        return bool(self._traded_ns(edges[None, :])[0] < usual)

    # Instants

    def is_open(self, instant_ns: int) -> bool:
        """Whether the market trades at the instant; not in a lunch break."""
        at = self._index(instant_ns)
        if at is None:
            return False
        edges = self._table.edges[at]
        return not edges[1] <= instant_ns < edges[2]

    def session_of(self, instant_ns: int) -> date | None:
        """The session that contains the instant, its lunch break included; None while the market is closed."""
        at = self._index(instant_ns)
        return None if at is None else day_of(int(self._table.days[at]))

    def last_closed_session(self, instant_ns: int) -> date:
        """The last session that had ended by the instant."""
        self._check_instant(instant_ns)
        at = int(np.searchsorted(self._table.edges[:, 3], instant_ns, side="right"))
        if at == 0:
            raise self._beyond(f"last session closed by {text(instant_ns)}")
        return day_of(int(self._table.days[at - 1]))

    # Bars

    def minutes(self, day: date) -> Ints:
        """The start of every traded minute of the session."""
        self._edges(day)
        at = int(np.searchsorted(self._table.days, number(day)))
        return self._grid(at, at + 1, NS_PER_MINUTE)[0]

    def expected_starts(self, start_ns: int, end_ns: int, interval: str | Interval) -> Ints:
        """Where every bar of the interval begins that begins in [start_ns, end_ns): what a gap check compares with."""
        return self.bar_edges(start_ns, end_ns, interval)[0]

    def bar_edges(self, start_ns: int, end_ns: int, interval: str | Interval) -> tuple[Ints, Ints]:
        """(starts, ends) of every bar of the interval that begins in [start_ns, end_ns).

        Shorter than a day: the grid begins anew at each open and after each break, and the last bar of a stretch ends with
        it. A day: one bar per session, open to close. Longer (`3d`, `1w`, `1mo`): the sessions of that many days since
        1970-01-01, of weeks from Monday, of months from January; one that ends beyond the bound of truth is left out.
        """
        length = Interval(interval) if isinstance(interval, str) else interval
        if end_ns <= start_ns:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._check_instant(start_ns)
        self._check_instant(end_ns)
        if length.is_daily_or_longer:
            starts, ends = self._long_bars(length)
        else:
            assert length.ns is not None
            low = int(np.searchsorted(self._table.edges[:, 3], start_ns, side="right"))
            high = int(np.searchsorted(self._table.edges[:, 0], end_ns))
            starts, ends = self._grid(low, max(low, high), length.ns)
        low, high = np.searchsorted(starts, [start_ns, end_ns])
        return starts[low:high], ends[low:high]

    def session_days(self, instants_ns: Ints) -> NDArray[np.int64]:
        """For each instant the session that contains it as days since 1970-01-01, or -1 while the market is closed."""
        if len(instants_ns) == 0:
            return np.empty(0, np.int64)
        self._check_instant(int(instants_ns.min()))
        self._check_instant(int(instants_ns.max()))
        at = np.searchsorted(self._table.edges[:, 0], instants_ns, side="right") - 1
        inside = (at >= 0) & (instants_ns < self._table.edges[at, 3])
        return np.where(inside, self._table.days[at], -1)

    # Inside

    def _long_bars(self, length: Interval) -> tuple[Ints, Ints]:
        days, edges = self._table.days, self._table.edges
        if length.ns == NS_PER_DAY:
            return edges[:, 0], edges[:, 3]
        group, last_day = _group(days, length), _group(np.array([number(self.truth_until) + 1]), length)[0]
        heads = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        tails = np.r_[heads[1:] - 1, len(days) - 1]
        whole = group[heads] < last_day
        return edges[heads[whole], 0], edges[tails[whole], 3]

    def _grid(self, low: int, high: int, step: int) -> tuple[Ints, Ints]:
        stretches = self._table.edges[low:high].reshape(-1, 2)  # open to break, break to close; the second is empty without one
        begin, end = stretches[:, 0], stretches[:, 1]
        counts = -(-(end - begin) // step)
        offset = np.cumsum(counts) - counts
        starts = np.repeat(begin, counts) + step * (np.arange(int(counts.sum())) - np.repeat(offset, counts))
        return starts, np.minimum(starts + step, np.repeat(end, counts))

    @staticmethod
    def _traded_ns(edges: Ints) -> Ints:
        traded: Ints = edges[:, 3] - edges[:, 0] - (edges[:, 2] - edges[:, 1])
        return traded

    def _index(self, instant_ns: int) -> int | None:
        self._check_instant(instant_ns)
        at = int(np.searchsorted(self._table.edges[:, 0], instant_ns, side="right")) - 1
        return at if at >= 0 and instant_ns < self._table.edges[at, 3] else None

    def _edges(self, day: date) -> Ints:
        if not self.is_session(day):
            raise Rejected(f"calendar {self.name}: {day} is no session, expected one")
        row: Ints = self._table.edges[int(np.searchsorted(self._table.days, number(day)))]
        return row

    def _check_day(self, day: date) -> None:
        if not self.truth_from <= day <= self.truth_until:
            raise self._beyond(day.isoformat())

    def _check_instant(self, instant_ns: int) -> None:
        # An FX session opens on the evening before its date, so the last evening belongs to an unknown one.
        edges, days = self._table.edges, self._table.days
        begin = number(self.truth_from) * NS_PER_DAY + min(0, int(edges[0, 0]) - int(days[0]) * NS_PER_DAY)
        end = (number(self.truth_until) + 1) * NS_PER_DAY + min(0, int(edges[-1, 0]) - int(days[-1]) * NS_PER_DAY)
        if not begin <= instant_ns <= end:
            raise self._beyond(text(instant_ns))

    def _beyond(self, asked: str) -> DataFault:
        return DataFault(
            f"calendar {self.name}: asked about {asked}, known from {self.truth_from} to {self.truth_until}; "
            "give an override file with a later truth_until once the exchange has announced its holidays"
        )


def _group(days: Ints, length: Interval) -> Ints:
    """The number of the bar that each day falls into, for intervals of whole days, weeks and months."""
    if length.ns is None:
        months: Ints = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return months // int(length.name.removesuffix("mo"))
    if length.ns % NS_PER_DAY:
        raise Rejected(f"bars of {length.name}: longer than a day and not whole days, expected such as 1d, 3d or 1w")
    if length.name.endswith("w"):
        return (days + 3) // (length.ns // NS_PER_DAY)  # 1970-01-01 was a Thursday, and weeks begin on Monday
    return days // (length.ns // NS_PER_DAY)
