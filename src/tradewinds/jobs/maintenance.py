"""The housekeeping of the night: compact, pack, retain, and look how far the calendars reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, to_date
from tradewinds.core.observation import Finding, Table
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.tables import tables

DAYS_AHEAD_MIN = 30


@runtime_checkable
class Retains(Protocol):
    """A lake that can forget superseded files."""

    def retain(self, table: Table, *, keep_ns: int, now_ns: int) -> int: ...


def compact(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Merge the files of each partition into one. Contents do not change."""
    written = {}
    for table in tables(context):
        for name in context.lake.partitions(table):
            size = context.lake.compact(table, name)
            if size:
                written[f"{table.name} {name}"] = size
    return JobResult(state="done" if written else "nothing", detail={"bytes_written": written})


def retain(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Remove files that no version within the retention names."""
    lake = context.lake
    if not isinstance(lake, Retains):
        return JobResult(state="nothing")
    days = int(params.get("days", context.config.retention_days))
    if days < 1:
        raise Rejected(f"retain: {days} days, expected at least 1")
    # File times are the machine's, so is the horizon; a replayed clock would misjudge them.
    removed = {table.name: lake.retain(table, keep_ns=days * NS_PER_DAY, now_ns=context.clock.now_ns()) for table in tables(context)}
    removed = {name: size for name, size in removed.items() if size}
    return JobResult(state="done" if removed else "nothing", detail={"bytes_removed": removed})


def pack(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Repackage the published bars for research and backtests: a new vintage of what changed."""
    if context.pack is None:
        return JobResult(state="nothing", detail={"why": "no pack is configured"})
    made = {}
    for table in tables(context):
        if table.vendor is None and table.dataset.name.startswith("bars-"):
            made[table.name] = context.pack(table, context.clock.now_ns())
    return JobResult(state="done" if made else "nothing", detail={"vintages": made})


def calendar_coverage(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """A finding for every calendar in use that covers fewer than 30 days ahead."""
    today = to_date(context.clock.now_ns())
    used = {market.calendar for market in context.config.equities.values()} | ({"FX"} if context.config.fx else set())
    covered = {name: calendar(name).days_covered_after(today) for name in sorted(used)}
    short = {name: days for name, days in covered.items() if days < DAYS_AHEAD_MIN}
    findings = [
        Finding("*", f"{name}.CALENDAR", "calendar", context.clock.now_ns() // NS_PER_DAY * NS_PER_DAY, "coverage", why(name, days))
        for name, days in short.items()
    ]
    return JobResult(state="done", findings=context.records.record(findings), detail={"days_covered": covered})


def why(name: str, days: int) -> str:
    """What to tell about a calendar that ends soon."""
    return f"calendar {name} covers {days} days ahead, expected at least {DAYS_AHEAD_MIN}; update, or add an override (docs/calendars.md)"
