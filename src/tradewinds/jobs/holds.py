"""Values that wait for a person: opened by reconciliation, closed by a release or by later data that decides them."""

from __future__ import annotations

import polars as pl

from tradewinds.core.observation import Finding
from tradewinds.core.record import Hold
from tradewinds.jobs.context import Context

BY_DATA = "later data"  # who released a hold that no person had to decide


def with_releases(context: Context, dataset: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Held rows that somebody released with `accept` are resolved; with `reject` they stay held, and say by whom."""
    closed = context.records.holds(dataset=dataset, is_open=False)
    decisions = {(hold.instrument, hold.start_ns): hold for hold in closed if hold.released_by != BY_DATA}
    held = rows.filter(pl.col("status") == "held")
    if held.is_empty() or not decisions:
        return rows
    changes = []
    for instrument, start_ns, reason in held.select("instrument", "start_ns", "reason").iter_rows():
        hold = decisions.get((instrument, start_ns))
        if hold is not None:
            status = "resolved" if hold.decision == "accept" else "held"
            changes.append((instrument, start_ns, status, f"{reason}; {hold.decision}ed by {hold.released_by}"))
    schema = {"instrument": pl.String, "start_ns": pl.Int64, "status": pl.String, "reason": pl.String}
    return rows.update(pl.DataFrame(changes, schema=schema, orient="row"), on=["instrument", "start_ns"])


def close_decided(context: Context, dataset: str, rows: pl.DataFrame) -> int:
    """Close the holds of rows that later data has decided; returns how many."""
    decided = set(rows.filter(pl.col("status") != "held").select("instrument", "start_ns").iter_rows())
    waiting = [hold for hold in context.records.holds(dataset=dataset, is_open=True) if (hold.instrument, hold.start_ns) in decided]
    now_ns = context.clock.now_ns()
    return sum(
        context.records.release(
            hold.instrument,
            hold.dataset,
            hold.start_ns,
            decision="accept",
            released_by=BY_DATA,
            released_ns=now_ns,
            note="later data agrees",
        )
        for hold in waiting
    )


def hold(finding: Finding, now_ns: int) -> Hold:
    """The hold that a finding asks for."""
    return Hold(finding.instrument, finding.dataset, finding.start_ns, f"{finding.kind}: {finding.detail}"[:500], now_ns)
