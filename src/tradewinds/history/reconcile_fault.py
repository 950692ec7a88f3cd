"""What could have gone wrong with one vendor's row, if another vendor's row is taken as right.

A fault explains a row when it turns the right row into the wrong one with nothing left over:

    stale         the vendor repeats its own row of the bar before, to the last digit
    swapped       the row is that of another instrument
    shift         the row belongs to the bar after or before
    split         all four prices are off by the factor of a later split: the vendor's are already adjusted
    unit          all four prices are off by one factor (cents for dollars, another currency)
    spike         one price is off; high or low follow it, everything else agrees
    volume_scale  prices agree, the volume is off by a large factor
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.history.reconcile_agreement import Agreement
from tradewinds.history.reconcile_cells import Bools, Cells, Floats
from tradewinds.history.reconcile_limits import Limits

ORDER = ("stale", "swapped", "shift", "split", "unit", "spike", "volume_scale")
UNIT_FACTOR_MIN = 1.05
VOLUME_FACTOR_MIN = 4.0

Row = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Rows:
    """Quick access to single rows in logarithms (open, high, low, close, volume), and to exact repeats.

    shares: (cells,) logarithm of the cumulative split factor.
    """

    block: Cells
    found: Agreement
    shares: Floats
    limits: Limits
    repeats: Bools
    peers: dict[int, list[int]]

    def row(self, vendor: int, cell: int) -> Row:
        o, h, low, c = self.found.price[:, vendor, cell].tolist()
        return o, h, low, c, float(self.found.volume[vendor, cell])

    def apart(self, one: int, other: int, cell: int) -> float:
        """The largest difference of the logarithms of two vendors' prices."""
        return float(self.found.apart[one, other, cell])

    def range(self, cell: int) -> float:
        """Logarithm of high over low, the smallest that a usable vendor states."""
        who = self.found.usable[:, cell]
        return float((self.found.price[1, who, cell] - self.found.price[2, who, cell]).min())

    def beside(self, cell: int, step: int) -> int | None:
        """The neighbouring cell of the same instrument."""
        other = cell + step
        if 0 <= other < self.block.size and self.block.instrument[other] == self.block.instrument[cell]:
            return other
        return None

    def is_same(self, one: Row, other: Row) -> bool:
        return self.is_same_price(one, other) and self.is_same_volume(one[4], other[4])

    def is_same_price(self, one: Row, other: Row) -> bool:
        near = math.log1p(self.limits.price_tolerance)
        return all(abs(a - b) <= near for a, b in zip(one[:4], other[:4], strict=True))

    def is_same_volume(self, one: float, other: float) -> bool:
        return math.isnan(one) or math.isnan(other) or one == other or abs(one - other) <= math.log1p(self.limits.volume_tolerance)


def rows(block: Cells, found: Agreement, shares: Floats, limits: Limits) -> Rows:
    """Prepare quick access."""
    disputed = np.flatnonzero(found.disputed).tolist()
    same_time: dict[tuple[int, int], list[int]] = {(int(block.replay[cell]), int(block.start[cell])): [] for cell in disputed}
    for cell in np.flatnonzero(np.isin(block.start, block.start[disputed])).tolist():
        place = (int(block.replay[cell]), int(block.start[cell]))
        if place in same_time:
            same_time[place].append(cell)
    peers = {cell: [c for c in same_time[int(block.replay[cell]), int(block.start[cell])] if c != cell] for cell in disputed}
    return Rows(block, found, shares, limits, repeats(block), peers)


def repeats(block: Cells) -> Bools:
    """Where a traded bar equals the vendor's bar before in all five numbers: (vendors, cells)."""
    found = np.zeros(block.present.shape, dtype=bool)
    equal = (block.price[:, :, 1:] == block.price[:, :, :-1]).all(axis=0) & (block.volume[:, 1:] == block.volume[:, :-1])
    found[:, 1:] = equal & block.is_neighbour(-1)[1:] & (block.volume[:, 1:] > 0)
    return found


def faults(data: Rows, wrong: int, right: int, cell: int) -> dict[str, str]:
    """Kind -> detail of every fault that explains the row of vendor `wrong` in the cell, if vendor `right` is right there."""
    bad, good = data.row(wrong, cell), data.row(right, cell)
    found: dict[str, str] = {}
    if data.repeats[wrong, cell]:
        found["stale"] = "repeats the bar before to the last digit"
    source = row_of(data, wrong, right, cell)
    if source is not None:
        found["swapped"] = f"holds the row of {data.block.instruments[int(data.block.instrument[source])]}"
    for step, word in ((1, "after"), (-1, "before")):
        other = data.beside(cell, step)
        if other is None or not data.found.usable[right, other]:
            continue
        is_own_repeat = step == 1 and bool(data.repeats[wrong, other])
        if is_own_repeat or data.is_same(bad, data.row(right, other)):
            found.setdefault("shift", f"holds the row of the bar {word}")
    found.update(_scale_faults(data, bad, good, cell))
    return found


def row_of(data: Rows, wrong: int, right: int, cell: int) -> int | None:
    """The cell of another instrument at the same time whose row stands here."""
    bad = data.row(wrong, cell)
    for other in data.peers.get(cell, ()):
        if data.found.usable[right, other] and data.is_same(bad, data.row(right, other)):
            return other
    return None


def swapped_with(data: Rows, wrong: int, right: int, cell: int) -> int | None:
    """The same, where this instrument's row also stands there: the two have changed places."""
    other = row_of(data, wrong, right, cell)
    if other is None or not data.found.usable[wrong, other]:
        return None
    return other if data.is_same(data.row(wrong, other), data.row(right, cell)) else None


def _scale_faults(data: Rows, bad: Row, good: Row, cell: int) -> dict[str, str]:
    near = math.log1p(data.limits.price_tolerance)
    apart = [b - g for b, g in zip(bad[:4], good[:4], strict=True)]
    same_price, same_volume = data.is_same_price(bad, good), data.is_same_volume(bad[4], good[4])
    if same_price:
        volume = bad[4] - good[4]
        if not same_volume and abs(volume) >= math.log(VOLUME_FACTOR_MIN):
            return {"volume_scale": f"volume {math.exp(bad[4]):.6g}, expected near {math.exp(good[4]):.6g}"}
        return {}
    middle = sum(apart) / 4
    if max(apart) - min(apart) <= 2 * near and abs(middle) >= math.log(UNIT_FACTOR_MIN):
        is_inverse = data.is_same_volume(bad[4] + middle, good[4])
        is_cents = same_volume and abs(abs(middle) - math.log(100)) <= 2 * near
        if (same_volume or is_inverse) and not is_cents and is_later_split(data, cell, -middle):
            return {"split": f"all prices are {math.exp(middle):.6g} times those of the others, as if adjusted for a later split"}
        if same_volume or is_inverse:
            return {"unit": f"all prices are {math.exp(middle):.6g} times those of the others"}
        return {}
    if same_volume:
        field = spiked_field(data, bad, good)
        if field is not None:
            at = ("open", "high", "low", "close").index(field)
            return {"spike": f"{field} {math.exp(bad[at]):.6g}, expected near {math.exp(good[at]):.6g}"}
    return {}


def is_later_split(data: Rows, cell: int, factor: float) -> bool:
    """Whether the splits after the cell, up to some session, multiply to the factor (logarithms)."""
    end = int(np.searchsorted(data.block.instrument, data.block.instrument[cell], side="right"))
    later = data.shares[cell + 1 : end] - data.shares[cell]
    return bool((np.abs(later - factor) <= 2 * math.log1p(data.limits.price_tolerance)).any())


def spiked_field(data: Rows, bad: Row, good: Row) -> str | None:
    """The one price that differs, when high and low are what they must be with that price in an otherwise right bar."""
    near = math.log1p(data.limits.price_tolerance)

    def is_near(one: float, other: float) -> bool:
        return abs(one - other) <= near

    same_open, same_close = is_near(bad[0], good[0]), is_near(bad[3], good[3])
    for field, at, others_same in (("close", 3, same_open and not same_close), ("open", 0, same_close and not same_open)):
        if others_same and is_near(bad[1], max(good[1], bad[at])) and is_near(bad[2], min(good[2], bad[at])):
            return field
    if same_open and same_close:
        same_high, same_low = is_near(bad[1], good[1]), is_near(bad[2], good[2])
        if same_low and bad[1] > good[1] and not same_high:
            return "high"
        if same_high and bad[2] < good[2] and not same_low:
            return "low"
    return None
