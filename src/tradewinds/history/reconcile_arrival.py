"""What came late, what did not come, and for whom a session still waits.

A vendor covers an instrument from its first row to its last. Inside that span a cell without its row is a gap. After its last row a
vendor is waited for through a few cells; then its coverage is taken as ended. Before its first row there is no gap.
A vendor whose usual delay is longer than the lateness limit keeps another timetable: its rows count as late only when they are
late by the limit against that usual delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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
    vendors, n = block.present.shape
    due = np.broadcast_to(block.event + limits.lateness_ns, (vendors, n)).copy()
    for v in range(vendors):
        delays = (block.first[v] - block.event)[block.present[v]]
        habit = int(np.median(delays)) if len(delays) else 0
        if habit > limits.lateness_ns:
            due[v] += habit
    found: list[tuple[str, int, str | None, str, str]] = []
    late = block.present & (block.first > due)
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
    inside, after = _spans(block, limits)
    for v, t in zip(*np.nonzero(inside & ~block.present), strict=True):
        found.append((block.vendors[v], int(t), None, "gap", "no row, while other vendors have one"))
    waiting = after.any(axis=0)
    awaited = {t: [block.vendors[v] for v in np.flatnonzero(after[:, t])] for t in np.flatnonzero(waiting).tolist()}
    if as_of is not None:
        for v, t in zip(*np.nonzero(after & (due < as_of)), strict=True):
            found.append(
                (block.vendors[v], int(t), None, "late", f"has not come within {limits.lateness_ns / NS_PER_HOUR:g} h of the close")
            )
    return Arrival(found, awaited, due)


def _spans(block: Cells, limits: Limits) -> tuple[Bools, Bools]:
    """(cells within each vendor's coverage, cells after it for which the vendor is still awaited)."""
    vendors, n = block.present.shape
    inside, after = np.zeros((vendors, n), dtype=bool), np.zeros((vendors, n), dtype=bool)
    edges = [*np.flatnonzero(~block.is_neighbour(-1)).tolist(), n]
    for low, high in pairwise(edges):
        for v in range(vendors):
            at = np.flatnonzero(block.present[v, low:high])
            if len(at):
                first, last = low + int(at[0]), low + int(at[-1])
                inside[v, first : last + 1] = True
                if high - 1 - last <= limits.absence:
                    after[v, last + 1 : high] = True
    return inside, after
