"""From vendors' rows side by side to one decision per cell.

1. Rows that no market can have made (`impossible`), rows that contradict themselves and rows in another currency are set aside.
2. `splits`: whose split factor the price confirms.
3. `agreement`: where all usable vendors agree, that is the history.
4. `read`: disputes are decided by weighing explanations, or held.
5. `alone`: bars that nobody else confirms are judged against their own past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.history.reconcile_agreement import Agreement, agreement, chosen, episodes
from tradewinds.history.reconcile_alone import alone
from tradewinds.history.reconcile_arrival import Arrival, arrival
from tradewinds.history.reconcile_cells import Bools, Cells, Floats, Ints
from tradewinds.history.reconcile_evidence import series
from tradewinds.history.reconcile_fault import repeats
from tradewinds.history.reconcile_fault import rows as quick_rows
from tradewinds.history.reconcile_limits import Limits
from tradewinds.history.reconcile_reading import Fault, Reading, read
from tradewinds.history.reconcile_split import splits

STATUS = ("ok", "resolved", "provisional", "held")
OK, RESOLVED, PROVISIONAL, HELD = range(4)
HARMLESS = ("duplicate", "late", "revised")  # they leave nothing to decide


@dataclass(frozen=True, slots=True)
class Decided:
    """Per cell: the vendor of the prices and of the volume, a status (index into STATUS), a reason, the split factor.

    known: when the newest row behind the values was received.
    """

    price_from: Ints
    volume_from: Ints
    status: Ints
    reason: list[str]
    split: Floats
    known: Ints
    faults: list[Fault]


def decide(block: Cells, limits: Limits, as_of: Ints | None = None, targets: Bools | None = None) -> Decided:
    """Decide every cell. as_of: (cells,) until when rows were looked at, None where all are there.

    With `targets`, disputes that touch no target cell are left undecided: replays ask for few cells.
    """
    impossible, foreign = block.impossible_price, _foreign(block)
    usable = block.present & ~impossible & ~block.ambiguous & ~foreign
    arrived = arrival(block, limits, as_of)
    factor = splits(block, usable, limits)
    seen = agreement(block, usable, limits)
    side = usable.copy()
    shares = _cumulative(block, np.log(factor.factor))
    course = series(block, seen.price, seen.volume, chosen(block, seen, side, limits), ~seen.disputed, shares)
    data = quick_rows(block, seen, shares, limits)
    readings: list[Reading] = []
    for episode in episodes(block, seen):
        if targets is None or targets[episode].any():
            readings += read(data, course, episode, limits)
    held, settled = factor.undecided.copy(), np.zeros(block.size, dtype=bool)
    found = [*arrived.faults, *_row_faults(block, impossible, foreign)]
    found += [(vendor, cell, "split_factor", "split", detail) for vendor, cell, detail in factor.wrong]
    for reading in readings:
        for vendor in set(range(len(block.vendors))) - set(reading.right):
            side[vendor, reading.cells] = False
        held[reading.cells] |= not reading.decided
        settled[reading.cells] = True
        found += reading.faults
    for fault in alone(block, course, usable, limits):
        held[fault[1]] = True
        found.append(fault)
    choice = chosen(block, seen, side, limits)
    return _finished(block, arrived, found, side, choice, _volume_choice(block, seen, side, choice, limits), held, settled, factor.factor)


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
    split: Floats,
) -> Decided:
    """Status and reason of every cell, from what was found about it."""
    status = np.where(settled, RESOLVED, OK)
    told: dict[int, set[str]] = {}
    for vendor, cell, field, kind, _ in found:
        told.setdefault(cell, set()).add(f"{vendor} {kind}" + (f" {field}" if field else ""))
        if kind not in HARMLESS:
            status[cell] = max(int(status[cell]), RESOLVED)
    for cell, vendors in arrived.awaited.items():
        status[cell] = PROVISIONAL
        told.setdefault(cell, set()).add("waiting for " + ", ".join(vendors))
    nobody = choice < 0
    status[held | nobody] = HELD
    reason = [""] * block.size
    for cell, texts in told.items():
        reason[cell] = "; ".join(sorted(texts))
    fallback = np.where(block.present, block.first, np.iinfo(np.int64).max).argmin(axis=0)
    price_from = np.where(nobody, fallback, choice)
    used = side | (np.arange(len(block.vendors))[:, None] == price_from[None, :])
    known = np.where(used, block.known, np.iinfo(np.int64).min).max(axis=0)
    faults = sorted(set(found), key=lambda f: (f[1], f[0], f[3], f[2] or "", f[4]))
    return Decided(price_from, np.where(nobody, fallback, volume_choice), status, reason, split, known, faults)


def _row_faults(block: Cells, impossible: Bools, foreign: Bools) -> list[Fault]:
    found: list[Fault] = []
    names = ("open", "high", "low", "close")
    again = repeats(block)
    for v, t in zip(*np.nonzero(impossible), strict=True):
        if again[v, t]:
            found.append((block.vendors[v], int(t), None, "stale", "repeats the bar before to the last digit, an impossible one"))
            continue
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
    stated = block.currency >= 0
    codes = block.currency[stated]
    if len(codes) == 0 or codes.min() == codes.max():
        return np.zeros(block.currency.shape, dtype=bool)
    count = np.zeros((len(block.instruments), int(codes.max()) + 1), dtype=np.int64)
    np.add.at(count, (np.broadcast_to(block.instrument, block.currency.shape)[stated], codes), 1)
    foreign: Bools = stated & (block.currency != count.argmax(axis=1)[block.instrument])
    return foreign


def _cumulative(block: Cells, steps: Floats) -> Floats:
    """Running sum of steps within each instrument."""
    total = np.cumsum(steps)
    starts = np.flatnonzero(~block.is_neighbour(-1))
    which = np.searchsorted(starts, np.arange(block.size), side="right") - 1
    return total - (total - steps)[starts][which]
