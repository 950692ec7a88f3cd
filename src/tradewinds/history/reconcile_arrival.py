"""What came late, what did not come, and for whom a session still waits.

A vendor covers an instrument from its first row to its last. Inside that span a cell without its row is a gap. After its last row a
vendor is waited for through a few cells; then its coverage is taken as ended. Before its first row there is no gap.
A vendor whose usual delay is longer than the lateness limit keeps another timetable: its rows count as late only when they are
late by the limit against that usual delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.core.instant import NS_PER_HOUR
from tradewinds.history.reconcile_cells import Bools, Cells, Ints
from tradewinds.history.reconcile_limits import Limits


@dataclass(frozen=True, slots=True)
class Arrival:
    """awaited: cell -> vendors that have not come yet; due: (vendors, cells) until when a row is in time."""

    faults: list[tuple[str, int, str | None, str, str]]
    awaited: dict[int, list[str]]
    due: Ints


def arrival(block: Cells, limits: Limits, as_of: Ints | None) -> Arrival:
    """Late rows, gaps and awaited vendors, as known at `as_of` (cells,)."""
    present = block.present
    vendors, n = present.shape
    due = np.broadcast_to(block.event + limits.lateness_ns, (vendors, n)).copy()
    for v in range(vendors):
        delays = (block.first[v] - block.event)[present[v]]
        habit = int(np.median(delays)) if len(delays) else 0
        if habit > limits.lateness_ns:
            due[v] += habit
    found: list[tuple[str, int, str | None, str, str]] = []
    late = present & (block.first > due)
    for v, t in zip(*np.nonzero(late), strict=True):
        hours = (block.first[v, t] - block.event[t]) / NS_PER_HOUR
        found.append(
            (
                block.vendors[v],
                int(t),
                None,
                "late",
                f"came {hours:.1f} h after the close, expected within {limits.lateness_ns / NS_PER_HOUR:g} h",
            )
        )
    inside, after = coverage(block, limits.absence)
    for v, t in zip(*np.nonzero(inside & ~present), strict=True):
        found.append((block.vendors[v], int(t), None, "gap", "no row, while other vendors have one"))
    awaited = {t: [block.vendors[v] for v in np.flatnonzero(after[:, t])] for t in np.flatnonzero(after.any(axis=0)).tolist()}
    if as_of is not None:
        for v, t in zip(*np.nonzero(after & (due < as_of)), strict=True):
            found.append(
                (block.vendors[v], int(t), None, "late", f"has not come within {limits.lateness_ns / NS_PER_HOUR:g} h of the close")
            )
    return Arrival(found, awaited, due)


def coverage(block: Cells, absence: int) -> tuple[Bools, Bools]:
    """(cells within each vendor's coverage, cells after it for which the vendor is still awaited), both (vendors, cells)."""
    at = np.arange(block.size)
    begins = np.maximum.accumulate(np.where(block.is_neighbour(-1), 0, at))
    ends = np.minimum.accumulate(np.where(block.is_neighbour(1), block.size, at)[::-1])[::-1]
    there = block.present
    before = np.maximum.accumulate(np.where(there, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, at, block.size)[:, ::-1], axis=1)[:, ::-1]
    has_begun, goes_on = before >= begins, after <= ends
    awaited: Bools = has_begun & ~goes_on & (ends - before <= absence)
    inside: Bools = has_begun & goes_on
    return inside, awaited
