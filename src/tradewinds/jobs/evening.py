"""The evening of an account as a job: its day beside the broker's statement. A break fails the run, so that somebody is told.

The partition is the date on which it runs, shortly after midnight UTC; the day it reconciles is the one before, or `params["day"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tradewinds.core.errors import DataFault, Invariant, Rejected
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult

NAMED_MAX = 5


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Reconcile the day of `params["account"]`; raises DataFault naming the breaks, after they were written and signed."""
    account = params.get("account")
    if not account:
        raise Rejected("evening: no account, expected params account=<a name of tradewinds.yaml's accounts>")
    if context.evening is None:
        raise Invariant(f"evening of {account}: nothing that reconciles, expected the house to bring it")
    day = _day(params.get("day")) or _day(partition[:10])
    assert day is not None
    if params.get("day") is None:
        day -= timedelta(days=1)
    found = context.evening(str(account), day)
    if found.breaks:
        named = "; ".join(f"{one.kind} {one.subject}: ours {one.ours!r}, theirs {one.theirs!r}" for one in found.breaks[:NAMED_MAX])
        raise DataFault(f"evening of {account} {day}: {len(found.breaks)} breaks, expected none; {named}; see {found.file.name}")
    if found.parity is not None and not found.parity.get("is_equal", True):
        raise DataFault(f"evening of {account} {day}: what was decided differs from its replay, expected none; see {found.file.name}")
    detail = {"day": day.isoformat(), "file": str(found.file), "orders": found.orders}
    return JobResult(state="done" if found.orders or found.fills else "nothing", rows_in=found.fills, detail=detail)


def _day(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise Rejected(f"evening: day {text!r}, expected a date such as 2026-11-20") from None
