"""Bars against the calendar: bars where there is no session, and sessions for which nobody has a bar.

An instrument that most vendors have on several days without a session follows another calendar; then this one says nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tradewinds.core.instant import text
from tradewinds.core.observation import Finding
from tradewinds.history.reconcile_arrival import coverage
from tradewinds.history.reconcile_cells import Bools, Cells, Ints, cells
from tradewinds.history.reconcile_limits import ANY_VENDOR

OUTVOTED_MAX = 3  # days


def off_calendar(
    block: Cells, rows_by_vendor: Mapping[str, pl.DataFrame], as_of_ns: int | None, expected: Ints | None, dataset: str
) -> tuple[Cells, list[Finding]]:
    """Set aside bars on no session that at most half of the vendors have; a majority outvotes the calendar.

    A single vendor is believed: there is nobody else to say that the market was closed.
    """
    if expected is None or len(expected) == 0 or block.size == 0:
        return block, []
    stray = _is_stray(block, expected)
    if not stray.any():
        return block, []
    found = []
    for v, t in zip(*np.nonzero(block.present & stray), strict=True):
        found.append(
            Finding(
                vendor=block.vendors[v],
                instrument=block.instruments[int(block.instrument[t])],
                dataset=dataset,
                start_ns=int(block.start[t]),
                end_ns=int(block.event[t]),
                kind="shift",
                detail="a bar where the calendar has no session, and most vendors have none",
            )
        )
    drop = pl.DataFrame(
        {"instrument": [block.instruments[k] for k in block.instrument[stray].tolist()], "start_ns": block.start[stray]},
        schema={"instrument": pl.String, "start_ns": pl.Int64},
    )
    kept = {vendor: frame.join(drop, on=["instrument", "start_ns"], how="anti") for vendor, frame in rows_by_vendor.items()}
    return cells(kept, as_of_ns), found


def _is_stray(block: Cells, expected: Ints) -> Bools:
    inside, _ = coverage(block, 0)
    covering, there = inside.sum(axis=0), block.present.sum(axis=0)
    off = _is_off(block, expected)
    stray: Bools = off & (covering > 1) & (2 * there <= covering) & ~_is_contradicted(block, expected)
    return stray


def _is_off(block: Cells, expected: Ints) -> Bools:
    off: Bools = (block.start >= expected[0]) & (block.start <= expected[-1]) & ~np.isin(block.start, expected)
    return off


def _is_contradicted(block: Cells, expected: Ints) -> Bools:
    """Cells of instruments that most vendors often have where the calendar has no session: it is not their calendar."""
    inside, _ = coverage(block, 0)
    outvoted = _is_off(block, expected) & (2 * block.present.sum(axis=0) > inside.sum(axis=0))
    often: Bools = np.bincount(block.instrument[outvoted], minlength=len(block.instruments)) >= OUTVOTED_MAX
    contradicted: Bools = often[block.instrument]
    return contradicted


def without_bar(block: Cells, expected: Ints | None, dataset: str) -> list[Finding]:
    """Runs of sessions between an instrument's first and last bar for which no vendor has one: one finding per run."""
    if expected is None or len(expected) == 0 or block.size == 0:
        return []
    found = []
    starts = np.flatnonzero(~block.is_neighbour(-1))
    contradicted = _is_contradicted(block, expected)
    for low, high in zip(starts.tolist(), [*starts[1:].tolist(), block.size], strict=True):
        if contradicted[low]:
            continue
        mine = block.start[low:high]
        inside = expected[np.searchsorted(expected, mine[0]) : np.searchsorted(expected, mine[-1], side="right")]
        at = np.flatnonzero(~np.isin(inside, mine))
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(at) else []:
            first, last = int(inside[run[0]]), int(inside[run[-1]])
            found.append(
                Finding(
                    vendor=ANY_VENDOR,
                    instrument=block.instruments[int(block.instrument[low])],
                    dataset=dataset,
                    start_ns=first,
                    kind="gap",
                    detail=f"no vendor has a bar for {len(run)} sessions, the last beginning {text(last)}: suspended, or lost everywhere",
                )
            )
    return found
