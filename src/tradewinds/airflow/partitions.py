"""Which partition a run is about, and the Airflow schedule that a plan's schedule becomes.

A partition is text: `2024-01-31` for daily and session plans, `2024-01-31T05` for hourly ones, `2024-01-31T05:30` for finer ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, CronPartitionTimetable, PartitionedAssetTimetable, PartitionedAtRuntime

from tradewinds.jobs.plan import AfterClose, AfterTables, Cron, Schedule

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol

DAILY, HOURLY, FINER = "%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M"
ASSET_PREFIX = "tradewinds://lake/"


def asset(table: str) -> Asset:
    """The Airflow asset that stands for a table of the lake."""
    return Asset(name=f"tradewinds/{table}", uri=f"{ASSET_PREFIX}{table}", group="tradewinds")


def key_format(expression: str) -> str:
    """How fine the partitions of a cron expression are."""
    words = expression.split()
    if len(words) < 2 or not words[0].isdigit():
        return FINER
    return DAILY if words[1].isdigit() else HOURLY


def timetable(schedule: Schedule, *, is_replay: bool) -> Any:
    """What goes into `DAG(schedule=…)`. In a replay nothing follows the machine's clock: runs are triggered with a partition."""
    from tradewinds.airflow.timetables import SessionTimetable

    if isinstance(schedule, AfterTables):
        assets = [asset(table) for table in schedule.tables]
        return PartitionedAssetTimetable(assets=assets[0] if len(assets) == 1 else _all(assets))
    if is_replay:
        return PartitionedAtRuntime()
    if isinstance(schedule, AfterClose):
        return SessionTimetable(schedule.calendar, schedule.delay_minutes)
    if isinstance(schedule, Cron):
        return CronPartitionTimetable(schedule.expression, timezone="UTC", key_format=key_format(schedule.expression))
    return PartitionedAtRuntime()


def partition_of(schedule: Schedule, run: DagRunProtocol) -> str:
    """The run's partition: `conf["partition"]`, else its partition key, else what its time says."""
    asked = (run.conf or {}).get("partition") or getattr(run, "partition_key", None)
    return str(asked) if asked else _from_time(schedule, run.run_after)


def _from_time(schedule: Schedule, moment: datetime) -> str:
    """Of a run without a key, started by hand: the last session closed by then, or the day or hour."""
    if isinstance(schedule, AfterClose):
        from tradewinds.airflow.timetables import last_due_session

        return last_due_session(schedule.calendar, schedule.delay_minutes, moment).isoformat()
    style = key_format(schedule.expression) if isinstance(schedule, Cron) else DAILY
    return moment.astimezone(UTC).strftime(style)


def _all(assets: list[Asset]) -> Any:
    from airflow.sdk import AssetAll

    return AssetAll(*assets)
