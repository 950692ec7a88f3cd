"""A schedule that follows an exchange calendar: one run for each session, some minutes after its close.

Half-days close earlier and run earlier; holidays have no run; daylight saving moves with the exchange; an FX session ends on
Friday at 17:00 New York. A run is about a partition: the session's date. Beyond the last day a calendar knows there are no runs,
and the log says so; a calendar that was extended takes the schedule up again by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.exceptions import InvalidPartitionKeyError
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime, instance

from tradewinds.calendars.sessions import Calendar, calendar
from tradewinds.core.errors import DataFault, Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_MINUTE, from_datetime, to_datetime

# A run is due at most this long after the date of its session: markets west of Greenwich close on the next UTC day.
_DUE_DAYS_MAX = 2
_log = logging.getLogger(__name__)


class SessionTimetable(Timetable):
    """Every session of the exchange calendar `calendar_name`, `delay_minutes` after its close. Partition key: the session's date."""

    partitioned = True
    periodic = True

    def __init__(self, calendar_name: str, delay_minutes: int) -> None:
        self.calendar_name = calendar_name
        self.delay_minutes = delay_minutes
        self.description = f"{delay_minutes} minutes after each close of {calendar_name}"

    @property
    def summary(self) -> str:
        """What the pages show as the schedule."""
        return f"{self.calendar_name} close + {self.delay_minutes} min"

    def serialize(self) -> dict[str, Any]:
        """How Airflow keeps this timetable."""
        return {"calendar": self.calendar_name, "delay_minutes": self.delay_minutes}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SessionTimetable:
        """The timetable that `serialize` described."""
        return cls(data["calendar"], data["delay_minutes"])

    def validate(self) -> None:
        """Refuses an unknown calendar and a negative delay."""
        calendar(self.calendar_name)
        if self.delay_minutes < 0:
            raise Rejected(f"schedule after {self.calendar_name}: delay {self.delay_minutes} minutes, expected 0 or more")

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Of a run started by hand: the hours of the last session that was due by then."""
        try:
            day = last_due_session(self.calendar_name, self.delay_minutes, run_after)
            market = calendar(self.calendar_name)
            return DataInterval(_moment(market.open_ns(day)), _moment(market.close_ns(day)))
        except TradewindsError as error:
            _log.warning("schedule %s: %s", self.summary, error)
            return DataInterval.exact(run_after)

    def next_dagrun_info_v2(self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction) -> DagRunInfo | None:
        """The next run; None when the calendar knows no further session."""
        last = None if last_dagrun_info is None else last_dagrun_info.run_after
        try:
            day = next_session(
                self.calendar_name,
                self.delay_minutes,
                last=last,
                earliest=restriction.earliest,
                now=datetime.now(UTC),
                catchup=restriction.catchup,
            )
            info = self._info(day)
        except TradewindsError as error:
            _log.warning("schedule %s: no further runs: %s", self.summary, error)
            return None
        return None if restriction.latest is not None and info.run_after > restriction.latest else info

    def next_dagrun_info(self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        """The older form of the same question; an interval ends with its session's close."""
        last = last_automated_data_interval
        last_run = None if last is None else DagRunInfo(last.end.add(minutes=self.delay_minutes), last)
        return self.next_dagrun_info_v2(last_dagrun_info=last_run, restriction=restriction)

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        """One run for each session in the window, for Airflow's backfills."""
        market = calendar(self.calendar_name)
        first = max(earliest.date(), market.truth_from)
        last = min(latest.date(), market.truth_until)
        return [self._info(day) for day in market.sessions(first, last)]

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return _midnight(date.fromisoformat(partition_key))
        except ValueError:
            raise InvalidPartitionKeyError(f"partition {partition_key!r}, expected a session's date such as 2024-01-31") from None

    def _info(self, day: date) -> DagRunInfo:
        due = _moment(_due_ns(calendar(self.calendar_name), self.delay_minutes, day))
        return DagRunInfo(run_after=due, data_interval=None, partition_date=_midnight(day), partition_key=day.isoformat())


class TradewindsPlugin(AirflowPlugin):
    """Makes the timetable known to every component, so that each can read a DAG that another wrote, and puts the user's calendar
    overrides in force there. Overrides are read when a component starts.
    """

    name = "tradewinds"
    timetables = [SessionTimetable]  # noqa: RUF012  # airflow declares it as an attribute of the instance

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called by Airflow once for each process."""
        from tradewinds.wiring.calendars import stand_calendars
        from tradewinds.wiring.settings import load_sound_config

        try:
            stand_calendars(load_sound_config()[0])
        except TradewindsError as error:
            _log.warning("calendar overrides are not in force: %s", error)


def last_due_session(calendar_name: str, delay_minutes: int, moment: datetime) -> date:
    """The last session whose close plus the delay is not after the moment."""
    return calendar(calendar_name).last_closed_session(from_datetime(moment) - delay_minutes * NS_PER_MINUTE)


def next_session(
    calendar_name: str, delay_minutes: int, *, last: datetime | None, earliest: datetime | None, now: datetime, catchup: bool
) -> date:
    """The session of the next run.

    last: when the last run was due; earliest: the DAG's start. Catching up, every session after the last run (or from the
    start) gets its run. Otherwise those missed are passed over but for the newest, and a DAG without a start begins with the
    next session that falls due.
    """
    if last is not None:
        floor = last + timedelta(microseconds=1)
    elif earliest is not None:
        floor = earliest
    else:
        floor = now
    first = _first_due_at(calendar_name, delay_minutes, floor)
    if catchup:
        return first
    try:
        newest = last_due_session(calendar_name, delay_minutes, now)
    except DataFault:
        return first
    has_begun = last is not None or earliest is not None
    return max(first, newest) if has_begun else first


def _first_due_at(calendar_name: str, delay_minutes: int, moment: datetime) -> date:
    """The first session that falls due at the moment or after it."""
    market = calendar(calendar_name)
    wanted = from_datetime(moment)
    day = market.next_session(max(moment.astimezone(UTC).date() - timedelta(days=_DUE_DAYS_MAX + delay_minutes // 1440), market.truth_from))
    while _due_ns(market, delay_minutes, day) < wanted:
        day = market.next_session(day)
    return day


def _due_ns(market: Calendar, delay_minutes: int, day: date) -> int:
    return market.close_ns(day) + delay_minutes * NS_PER_MINUTE


def _moment(instant_ns: int) -> DateTime:
    return instance(to_datetime(instant_ns))


def _midnight(day: date) -> DateTime:
    return instance(datetime(day.year, day.month, day.day, tzinfo=UTC))
