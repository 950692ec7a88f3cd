"""What BI tools read: a star schema made of lake and ledger, and a warehouse that bars are loaded into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.tables import tables


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Build the star schema anew and put it in the place of the old one."""
    if context.marts is None:
        return JobResult(state="nothing", detail={"why": "no marts are configured"})
    rows = context.marts(context.clock.now_ns())
    return JobResult(state="done", rows_published=sum(rows.values()), detail={"rows": dict(rows)})


def warehouse(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Load what is new of every published bars table."""
    if context.warehouse is None:
        return JobResult(state="nothing", detail={"why": "storage.warehouse is not set"})
    loaded = {
        table.name: context.warehouse(table) for table in tables(context) if table.vendor is None and table.dataset.name.startswith("bars-")
    }
    total = sum(loaded.values())
    return JobResult(state="done" if total else "nothing", rows_published=total, detail={"rows": loaded})
