"""Every state of the history that was published on the way: what one would have known when.

A session is published when every vendor that covers it has come, or when the lateness limit has passed, whichever is first; and
again whenever its decision changes, because a late row, a revision or a later session came.

1. A cell about which nothing was ever odd has one version: what the last vendor's row completed.
2. Every other cell is replayed: the engine decides it from the rows known at the time of its first publication and at each later
   arrival of a row of its own.
3. Where that does not lead to the final state, later sessions did: it is replayed at the first publication of each of the next.
4. A state equal to the one before in values, vendor and status is no version.

Replays of many cells run as one block.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tradewinds.core.market import PRICES
from tradewinds.history.reconcile_agreement import agreement
from tradewinds.history.reconcile_arrival import arrival, coverage
from tradewinds.history.reconcile_cells import Bools, Cells, Ints, cells
from tradewinds.history.reconcile_decision import OK, Decided, decide
from tradewinds.history.reconcile_limits import Limits
from tradewinds.history.reconcile_published import published

HINDSIGHT = 8  # later sessions whose publication may change a decision: the longest run of faults and one more
STATE = (*PRICES, "volume", "split_factor", "vendor", "status")
PAST_MARGIN = 8  # cells before the window, so that a run that began there is seen whole


def versions(
    rows_by_vendor: Mapping[str, pl.DataFrame], final: pl.DataFrame, block: Cells, decided: Decided, limits: Limits
) -> pl.DataFrame:
    """The rows of `final` (one per cell, in the order of `block`) in all their versions; known_ns is when each was published."""
    published_ns = first_published(block, limits)
    quiet = is_quiet(block, decided, limits)
    placed = final.with_columns(pl.Series("known_ns", published_ns), pl.int_range(pl.len(), dtype=pl.Int64).alias("cell"))
    found = [placed.filter(pl.Series(quiet))]
    targets = np.flatnonzero(~quiet)
    swapped = _swapped(block, decided)
    for plan_of in (_own_arrivals, _next_session, _later_sessions):
        plan = plan_of(rows_by_vendor, block, published_ns, targets)
        if plan.is_empty():
            continue
        found.append(_replayed(rows_by_vendor, block, plan, swapped, limits).select(placed.columns))
        targets = _unsettled(pl.concat(found[1:]), placed)
    ordered = pl.concat(found).sort("cell", "known_ns", maintain_order=True)
    state = pl.struct("cell", *STATE)
    return ordered.filter((state != state.shift()).fill_null(True)).drop("cell")


def _unsettled(replayed: pl.DataFrame, final: pl.DataFrame) -> Ints:
    """Cells whose last replayed state is not the final one."""
    last = replayed.sort("cell", "known_ns", maintain_order=True).unique("cell", keep="last")
    both = last.join(final, on="cell", suffix="_final")
    same = pl.all_horizontal(*[pl.col(name).eq_missing(pl.col(f"{name}_final")) for name in STATE])
    cells_left: Ints = both.filter(~same)["cell"].sort().to_numpy()
    return cells_left


def first_published(block: Cells, limits: Limits) -> Ints:
    """When each cell was first published: all covering vendors there, or the limit passed, and at least one row there."""
    due = arrival(block, limits, None).due
    covering, _ = coverage(block, limits.absence)
    last_of = np.where(block.present, block.first, np.where(covering, np.iinfo(np.int64).max, np.iinfo(np.int64).min)).max(axis=0)
    limit = np.where(covering, due, np.iinfo(np.int64).min).max(axis=0)
    earliest = np.where(block.present, block.first, np.iinfo(np.int64).max).min(axis=0)
    at: Ints = np.maximum(np.minimum(last_of, limit), earliest)
    return at


def is_quiet(block: Cells, decided: Decided, limits: Limits) -> Bools:
    """Cells that have one version: in time, unrevised, undisputed, decided `ok`."""
    usable = block.present & ~block.impossible_price & ~block.ambiguous
    quiet: Bools = (decided.status == OK) & ~agreement(block, usable, limits).disputed & ~block.revised.any(axis=0)
    for fault in decided.faults:
        if fault[3] != "duplicate":
            quiet[fault[1]] = False
    return quiet


def _replayed(
    rows_by_vendor: Mapping[str, pl.DataFrame], block: Cells, plan: pl.DataFrame, swapped: pl.DataFrame, limits: Limits
) -> pl.DataFrame:
    """The published row of every (cell, as_of) of the plan, with the cell, and the as-of time as known_ns."""
    cell_of = _named(block, np.arange(block.size))
    windows = _windows(block, plan, swapped, limits)
    frames = {}
    for vendor, frame in rows_by_vendor.items():
        joined = windows.join(frame.join(cell_of, on=["instrument", "start_ns"]), on="cell")
        frames[vendor] = joined.filter(pl.col("known_ns") <= pl.col("as_of")).drop("cell", "as_of")
    replay = cells(frames)
    wanted = (
        plan.with_row_index("replay")
        .select(pl.col("replay").cast(pl.Int64), "cell", "as_of")
        .join(cell_of, on="cell", maintain_order="left")
    )
    place = _named(replay, np.arange(replay.size)).rename({"cell": "at"}).with_columns(pl.Series("replay", replay.replay))
    found = wanted.join(place, on=["replay", "instrument", "start_ns"], maintain_order="left")
    at = found["at"].to_numpy()
    is_target = np.zeros(replay.size, dtype=np.bool_)
    is_target[at] = True
    decided = decide(replay, limits, plan["as_of"].to_numpy()[replay.replay], is_target)
    return published(replay, decided)[at].with_columns(found["as_of"].alias("known_ns"), found["cell"])


def _named(block: Cells, at: Ints) -> pl.DataFrame:
    """(instrument, start_ns, cell) of cells."""
    names = pl.Series("instrument", block.instruments, dtype=pl.String)[block.instrument[at]]
    return pl.DataFrame({"instrument": names, "start_ns": block.start[at], "cell": at}, schema_overrides={"cell": pl.Int64})


def _own_arrivals(rows_by_vendor: Mapping[str, pl.DataFrame], block: Cells, published_ns: Ints, targets: Ints) -> pl.DataFrame:
    """(cell, as_of): the first publication and every later arrival of a row of the cell."""
    mine = _named(block, targets).with_columns(pl.Series("first", published_ns[targets]))
    arrivals = [
        frame.join(mine, on=["instrument", "start_ns"]).select("cell", "first", pl.col("known_ns").alias("as_of"))
        for frame in rows_by_vendor.values()
    ]
    later = pl.concat(arrivals).filter(pl.col("as_of") > pl.col("first")).select("cell", "as_of")
    return pl.concat([mine.select("cell", pl.col("first").alias("as_of")), later]).unique().sort("cell", "as_of")


def _next_session(_: Mapping[str, pl.DataFrame], block: Cells, published_ns: Ints, targets: Ints) -> pl.DataFrame:
    return _after(block, published_ns, targets, range(1, 2))


def _later_sessions(_: Mapping[str, pl.DataFrame], block: Cells, published_ns: Ints, targets: Ints) -> pl.DataFrame:
    return _after(block, published_ns, targets, range(2, HINDSIGHT + 1))


def _after(block: Cells, published_ns: Ints, targets: Ints, steps: range) -> pl.DataFrame:
    """(cell, as_of): the first publications of the sessions that many steps on."""
    cell, as_of = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for k in steps:
        mine = targets[targets + k < block.size]
        mine = mine[block.instrument[mine + k] == block.instrument[mine]]
        cell.append(mine)
        as_of.append(np.maximum(published_ns[mine + k], published_ns[mine]))
    return pl.DataFrame({"cell": np.concatenate(cell), "as_of": np.concatenate(as_of)}).unique().sort("cell", "as_of")


def _swapped(block: Cells, final: Decided) -> pl.DataFrame:
    """(cell, other): cells whose rows were found in each other's place."""
    at = sorted({cell for _, cell, _, kind, _ in final.faults if kind == "swapped"})
    frame = pl.DataFrame({"cell": at, "start": block.start[at]}, schema={"cell": pl.Int64, "start": pl.Int64})
    return frame.join(frame.rename({"cell": "other"}), on="start").filter(pl.col("cell") != pl.col("other")).select("cell", "other")


def _windows(block: Cells, plan: pl.DataFrame, swapped: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """(replay, cell, as_of): the cells that each replay looks at, around its own and around those swapped with it."""
    numbered = plan.with_row_index("replay").with_columns(pl.col("replay").cast(pl.Int64))
    others = numbered.join(swapped, on="cell").select("replay", pl.col("other").alias("cell"), "as_of")
    centres = pl.concat([numbered.select("replay", "cell", "as_of"), others])
    target = centres["cell"].to_numpy()
    near = target[:, None] + np.arange(-limits.window - PAST_MARGIN, HINDSIGHT + 1)[None, :]
    inside = (near >= 0) & (near < block.size)
    near = np.clip(near, 0, block.size - 1)
    inside &= block.instrument[near] == block.instrument[target][:, None]
    which = np.broadcast_to(np.arange(len(target))[:, None], near.shape)[inside]
    rows = centres[which].select("replay", "as_of")
    return rows.with_columns(pl.Series("cell", near[inside])).unique()
