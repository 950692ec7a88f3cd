"""Many vendors' bars into one history, with the source and the reason of every cell.

1. `cells`: every vendor's latest row side by side, as known at the as-of time.
2. `off_calendar`: bars where there is no session, and sessions without a bar at any vendor.
3. `decide`: one decision per cell.
4. `published`: the rows of the vendors that were found right.

Nothing is repaired: every published value is some vendor's value, and its row says whose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tradewinds.core.observation import Finding
from tradewinds.history.reconcile_calendar import off_calendar, without_bar
from tradewinds.history.reconcile_cells import Ints, cells
from tradewinds.history.reconcile_decision import HELD, decide
from tradewinds.history.reconcile_limits import Limits
from tradewinds.history.reconcile_published import finding, published
from tradewinds.history.reconcile_versions import versions


@dataclass(frozen=True, slots=True)
class Reconciled:
    """rows: one per instrument and start, with vendor, status and reason, and the split factor decided on.

    `vendor` names whose row it is; `alpha;volume=bravo` where the volume comes from another vendor.
    known_ns: when the newest row behind the values was known.
    holds: the findings whose rows are held until somebody releases them, or later data decides.
    versions: the rows in all states in which they were published, known_ns being when; None unless asked for.
    """

    rows: pl.DataFrame
    findings: list[Finding]
    holds: list[Finding]
    versions: pl.DataFrame | None = None


def reconcile(
    rows_by_vendor: Mapping[str, pl.DataFrame],
    *,
    dataset: str = "bars-1d",
    as_of_ns: int | None = None,
    expected: Ints | None = None,
    limits: Limits | None = None,
    with_versions: bool = False,
) -> Reconciled:
    """Reconcile vendors' bars as known at `as_of_ns` (all of them where it is None).

    rows_by_vendor: columns instrument, start_ns, event_ns, known_ns, open, high, low, close, volume; optionally split_factor and
    currency; further columns are carried along from the row that is published.
    expected: sorted start_ns of every bar that the calendar knows; None where nobody knows.
    For one night pass the sessions of the last weeks (`limits.window` and a few more) and take the last.
    """
    limits = limits or Limits()
    block, strays = off_calendar(cells(rows_by_vendor, as_of_ns), rows_by_vendor, as_of_ns, expected, dataset)
    decided = decide(block, limits, None if as_of_ns is None else np.full(block.size, as_of_ns))
    found = [finding(block, dataset, fault) for fault in decided.faults]
    holds = [f for f, fault in zip(found, decided.faults, strict=True) if decided.status[fault[1]] == HELD]
    rows = published(block, decided)
    states = versions(rows_by_vendor, rows, block, decided, limits) if with_versions else None
    return Reconciled(rows, [*found, *strays, *without_bar(block, expected, dataset)], holds, states)
