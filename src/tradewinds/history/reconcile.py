"""Many vendors' rows into one history, with the source and the reason of every cell.

1. `cells`: every vendor's latest row side by side, as known at the as-of time.
2. Rows that no market can have made (`impossible`), rows that contradict themselves and rows in another currency are set aside.
3. `splits`: whose split factor the price confirms.
4. `agreement`: where all usable vendors agree, that is the history.
5. `read`: disputes are decided by weighing explanations, or held.
6. Bars that nobody else confirms are judged against their own past (`solo`).

Nothing is repaired: every published value is some vendor's value, and its row says whose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tradewinds.core.observation import Finding
from tradewinds.history.reconcile_agreement import Agreement, agreement, chosen, episodes
from tradewinds.history.reconcile_arrival import Arrival, arrival
from tradewinds.history.reconcile_cells import Bools, Cells, Ints, cells
from tradewinds.history.reconcile_evidence import series
from tradewinds.history.reconcile_fault import rows as quick_rows
from tradewinds.history.reconcile_limits import ANY_VENDOR, Limits
from tradewinds.history.reconcile_reading import Fault, Reading, read
from tradewinds.history.reconcile_split import splits

STATUS = ("ok", "resolved", "provisional", "held")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """rows: one per instrument and start, with vendor, status and reason, and the split factor decided on.

    `vendor` names whose row it is; `alpha;volume=bravo` where one cell comes from another vendor.
    holds: the findings whose rows are held until somebody releases them, or later data decides.
    """

    rows: pl.DataFrame
    findings: list[Finding]
    holds: list[Finding]


def reconcile(
    rows_by_vendor: Mapping[str, pl.DataFrame],
    *,
    dataset: str = "bars-1d",
    as_of_ns: int | None = None,
    limits: Limits | None = None,
) -> Reconciled:
    """Reconcile vendors' bars as known at `as_of_ns` (all of them where it is None).

    rows_by_vendor: columns instrument, start_ns, event_ns, known_ns, open, high, low, close, volume; optionally split_factor and
    currency; further columns are carried along from the row that is published.
    """
    limits = limits or Limits()
    block = cells(rows_by_vendor, as_of_ns)
    decided = decide(block, limits, as_of_ns)
    return Reconciled(
        rows=published(block, decided),
        findings=(found := [_finding(block, dataset, fault) for fault in decided.faults]),
        holds=[f for f, fault in zip(found, decided.faults, strict=True) if decided.status[fault[1]] == STATUS.index("held")],
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """Per cell: the vendor of the prices and of the volume (-1: none), a status (index into STATUS) and a reason."""

    price_from: Ints
    volume_from: Ints
    status: Ints
    reason: list[str]
    split: np.ndarray
    known: Ints
    faults: list[Fault]


def decide(block: Cells, limits: Limits, as_of_ns: int | None = None, targets: Bools | None = None) -> Decided:
    """Decide every cell; with `targets`, disputes that touch no target cell are left undecided (replays ask for few cells)."""
    impossible = block.impossible_price
    foreign = _foreign(block)
    usable = block.present & ~impossible & ~block.ambiguous & ~foreign
    arrived = arrival(block, limits, as_of_ns)
    found: list[Fault] = list(arrived.faults)
    found += _row_faults(block, impossible, foreign)
    factor = splits(block, usable, limits)
    found += [(vendor, cell, "split_factor", "split", detail) for vendor, cell, detail in factor.wrong]
    seen = agreement(block, usable, limits)
    side = usable.copy()
    choice = chosen(block, seen, side, limits)
    shares = _cumulative(block, np.log(factor.factor))
    course = series(block, seen.price, seen.volume, choice, ~seen.disputed, shares)
    data = quick_rows(block, seen, limits)
    readings: list[Reading] = []
    for episode in episodes(block, seen.disputed):
        if targets is None or targets[episode].any():
            readings += read(data, course, episode, limits)
    held = factor.undecided.copy()
    settled = np.zeros(block.size, dtype=bool)
    for reading in readings:
        others = [v for v in range(len(block.vendors)) if v not in reading.right]
        side[np.ix_(others, reading.cells)] = False
        held[reading.cells] |= not reading.decided
        settled[reading.cells] = True
        found += reading.faults
    choice = chosen(block, seen, side, limits)
    volume_choice = _volume_choice(block, seen, side, choice, limits)
    return _finished(block, arrived, found, side, choice, volume_choice, held, settled, factor.factor)


def _volume_choice(block: Cells, seen: Agreement, side: Bools, choice: Ints, limits: Limits) -> Ints:
    """The vendor of the volume: that of the prices unless its volume is unusable."""
    blank = block.impossible_volume[np.where(choice >= 0, choice, 0), np.arange(block.size)]
    if not blank.any():
        return choice
    other = chosen(block, seen, side & ~block.impossible_volume, limits)
    return np.where(blank & (other >= 0), other, choice)


def _finished(
    block: Cells,
    arrived: Arrival,
    found: list[Fault],
    side: Bools,
    choice: Ints,
    volume_choice: Ints,
    held: Bools,
    settled: Bools,
    split: np.ndarray,
) -> Decided:
    """Status and reason of every cell, from what was found about it."""
    n = block.size
    status = np.zeros(n, dtype=np.int64)
    reason = [""] * n
    told: dict[int, list[str]] = {}
    for vendor, cell, field, kind, _ in found:
        told.setdefault(cell, []).append(f"{vendor} {kind}" + (f" {field}" if field else ""))
        if kind not in ("duplicate", "late", "revised"):
            status[cell] = max(status[cell], 1)
    status[settled] = np.maximum(status[settled], 1)
    status[arrived.waiting] = 2
    nobody = choice < 0
    held = held | nobody
    status[held] = 3
    for cell, texts in told.items():
        reason[cell] = "; ".join(sorted(set(texts)))
    for cell in np.flatnonzero(arrived.waiting).tolist():
        reason[cell] = "; ".join(filter(None, [reason[cell], "waiting for " + ", ".join(arrived.awaited[cell])]))
    fallback = np.where(block.present, block.first, np.iinfo(np.int64).max).argmin(axis=0)
    price_from = np.where(nobody, fallback, choice)
    volume_from = np.where(nobody, fallback, volume_choice)
    used = side | (np.arange(len(block.vendors))[:, None] == price_from[None, :])
    known = np.where(used, block.known, np.iinfo(np.int64).min).max(axis=0)
    return Decided(
        price_from, volume_from, status, reason, split, known, sorted(set(found), key=lambda f: (f[1], f[0], f[3], f[2] or "", f[4]))
    )


def published(block: Cells, decided: Decided) -> pl.DataFrame:
    """The published rows: the chosen vendor's row, with the volume of another where that was decided."""
    at = np.arange(block.size)
    rows = block.rows[block.row[decided.price_from, at]]
    vendors = np.array(block.vendors, dtype=object)
    mixed = decided.price_from != decided.volume_from
    names = vendors[decided.price_from]
    if mixed.any():
        names = np.where(mixed, names + ";volume=" + vendors[decided.volume_from], names)
    return rows.with_columns(
        pl.Series("volume", block.volume[decided.volume_from, at]),
        pl.Series("known_ns", decided.known),
        pl.Series("split_factor", decided.split),
        pl.Series("vendor", names.tolist(), dtype=pl.String),
        pl.Series("status", [STATUS[k] for k in decided.status.tolist()], dtype=pl.String),
        pl.Series("reason", decided.reason, dtype=pl.String),
    )


def _row_faults(block: Cells, impossible: Bools, foreign: Bools) -> list[Fault]:
    found: list[Fault] = []
    names = ("open", "high", "low", "close")
    for v, t in zip(*np.nonzero(impossible), strict=True):
        values = ", ".join(f"{name} {block.price[k, v, t]:.6g}" for k, name in enumerate(names))
        found.append((block.vendors[v], int(t), None, "impossible", f"{values}: expected 0 < low <= open, close <= high"))
    for v, t in zip(*np.nonzero(block.impossible_volume), strict=True):
        found.append((block.vendors[v], int(t), "volume", "impossible", f"volume {block.volume[v, t]:.6g}, expected 0 to 2^63"))
    for v, t in zip(*np.nonzero(foreign), strict=True):
        found.append((block.vendors[v], int(t), "currency", "unit", "in another currency than the other vendors or the bars before"))
    for v, t in zip(*np.nonzero(block.ambiguous), strict=True):
        found.append((block.vendors[v], int(t), None, "conflict", "two different rows were received at the same time"))
    for v, t in zip(*np.nonzero(block.duplicate), strict=True):
        found.append((block.vendors[v], int(t), None, "duplicate", "the same row was received more than once"))
    for v, t in zip(*np.nonzero(block.revised), strict=True):
        found.append((block.vendors[v], int(t), None, "revised", "a later row with other values replaced the first"))
    return found


def _foreign(block: Cells) -> Bools:
    """Rows in another currency than most rows of the instrument."""
    foreign = np.zeros(block.currency.shape, dtype=bool)
    stated = block.currency[block.currency >= 0]
    if len(stated) == 0 or stated.min() == stated.max():
        return foreign
    for k in range(len(block.instruments)):
        mine = block.instrument == k
        codes = block.currency[:, mine]
        seen = codes[codes >= 0]
        if len(seen):
            usual = np.bincount(seen).argmax()
            foreign[:, mine] = (codes >= 0) & (codes != usual)
    return foreign


def _cumulative(block: Cells, steps: np.ndarray) -> np.ndarray:
    """Running sum of steps within each instrument."""
    total = np.cumsum(steps)
    starts = np.flatnonzero(~block.is_neighbour(-1))
    which = np.searchsorted(starts, np.arange(block.size), side="right") - 1
    return total - (total - steps)[starts][which]


def _finding(block: Cells, dataset: str, fault: Fault) -> Finding:
    vendor, cell, field, kind, detail = fault
    severity = "error" if vendor == ANY_VENDOR or kind == "conflict" else "info" if kind in ("duplicate", "revised") else "warning"
    return Finding(
        vendor=vendor,
        instrument=block.instruments[int(block.instrument[cell])],
        dataset=dataset,
        start_ns=int(block.start[cell]),
        end_ns=int(block.event[cell]),
        kind=kind,
        field=field,
        detail=detail,
        severity=severity,
    )
