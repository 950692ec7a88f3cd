"""Bars that are judged against their own past, because nobody contradicts them. What is odd is held, never altered.

Where one vendor alone has the bar:

    stale         a traded bar repeats the one before to the last digit
    unit          the price jumps at least fivefold over night, as if cents were dollars
    spike         a close far outside of the usual that the next open takes back, or, at the end of the data, may yet take back
    split         the price jumps by a simple ratio over night and stays, and no split is stated
    volume_scale  the volume is off by a factor of thirty or more

Where all vendors agree they are believed, crashes and all, but for what no market does: bars with a range that all repeat, and fivefold
jumps that are soon taken back.
"""

from __future__ import annotations

import math

import numpy as np

from tradewinds.history.reconcile_cells import Bools, Cells, Floats, Ints
from tradewinds.history.reconcile_evidence import Series, Usual, usual
from tradewinds.history.reconcile_fault import repeats
from tradewinds.history.reconcile_limits import ANY_VENDOR, Limits
from tradewinds.history.reconcile_reading import Fault

UNIT_JUMP = math.log(5.0)
UNIT_RUN_MAX = 20
VOLUME_JUMP = math.log(30.0)
SPIKE_LEAST = 0.06
SPIKE_SCALES = 8.0
RATIOS = (2.0, 3.0, 4.0, 1.5, 5.0, 7.0, 10.0, 20.0)
RATIO_TOLERANCE = 0.03


def alone(block: Cells, course: Series, usable: Bools, limits: Limits) -> list[Fault]:
    """Faults of the cells that nobody contradicts."""
    count = usable.sum(axis=0)
    single, shared = count == 1, count > 1
    who = usable.argmax(axis=0)
    again = repeats(block)
    moving = block.price[1] > block.price[2]
    by_all = shared & np.isfinite(course.close) & ((again & moving) | ~usable).all(axis=0)
    found: list[Fault] = [
        (block.vendors[v], int(t), None, "stale", "repeats the bar before to the last digit")
        for v, t in zip(*np.nonzero(again & usable & (single | by_all)), strict=True)
    ]
    jump, within, back = _moves(block, course)
    for low, high, is_undone in _unit_runs(block, jump):
        detail = f"prices jump {math.exp(jump[low]):.4g} times over night"
        for t in range(low, high):
            if single[t] or (shared[t] and is_undone):
                found.append((block.vendors[who[t]] if single[t] else ANY_VENDOR, t, None, "unit", detail))
    if not single.any():
        return found
    strange = np.abs(np.nan_to_num(jump)) >= UNIT_JUMP
    wild = single & ~strange & ((np.abs(within) > SPIKE_LEAST) | (np.abs(jump) > SPIKE_LEAST))
    for t in np.flatnonzero(wild).tolist():
        normal = usual(course, t, limits)
        vendor = block.vendors[who[t]]
        if _is_spike(float(within[t]), float(back[t]), normal):
            found.append((vendor, t, "close", "spike", f"close {within[t]:+.1%} from its open, next open {back[t]:+.1%} from the close"))
        elif _is_unadjusted(float(jump[t]), normal) and float(np.nan_to_num(block.split[who[t], t], nan=1.0)) == 1.0:
            found.append(
                (
                    vendor,
                    t,
                    "split_factor",
                    "split",
                    f"the price moved by a factor {math.exp(-jump[t]):.4g} over night and no split is stated",
                )
            )
    found += _volumes(block, course, single, who, limits)
    return found


def _moves(block: Cells, course: Series) -> tuple[Floats, Floats, Floats]:
    """(open over the last close, close over open, next open over close), as logarithms after splits; NaN at the edges."""
    jump, back = np.full(block.size, np.nan), np.full(block.size, np.nan)
    step = course.open[1:] - course.close[:-1]
    same = block.is_neighbour(-1)[1:]
    jump[1:][same] = step[same]
    back[:-1][same] = step[same]
    return jump, course.close - course.open, back


def _unit_runs(block: Cells, jump: Floats) -> list[tuple[int, int, bool]]:
    """(first, end, whether undone): cells from a huge jump to the one that takes it back; the jump alone where none does."""
    runs = []
    huge = np.flatnonzero(np.abs(np.nan_to_num(jump)) >= UNIT_JUMP).tolist()
    while huge:
        low = huge.pop(0)
        near = (k for k in huge if k - low <= UNIT_RUN_MAX and block.instrument[k] == block.instrument[low])
        end = next((k for k in near if abs(jump[k] + jump[low]) < 0.5 * abs(jump[low])), None)
        runs.append((low, low + 1 if end is None else end, end is not None))
        huge = [k for k in huge if end is None or k > end]
    return runs


def _is_spike(within: float, back: float, normal: Usual) -> bool:
    """A close far from its open that the next open takes back at least by half; undone is unknown where no bar follows."""
    if math.isnan(within) or abs(within) < max(SPIKE_LEAST, SPIKE_SCALES * normal.within):
        return False
    return math.isnan(back) or (back * within < 0 and abs(back) >= max(0.5 * abs(within), 5 * normal.overnight))


def _is_unadjusted(jump: float, normal: Usual) -> bool:
    """Whether an overnight move is far outside of the usual and near a ratio at which shares are split."""
    if math.isnan(jump) or abs(jump) < max(math.log(1.4), 12 * normal.overnight):
        return False
    return any(abs(abs(jump) - math.log(r)) <= RATIO_TOLERANCE for r in RATIOS)


def _volumes(block: Cells, course: Series, single: Bools, who: Ints, limits: Limits) -> list[Fault]:
    """Volumes far from those of the bars around them."""
    volume = np.where(np.isfinite(course.volume), course.volume, np.nan)
    near = np.full(block.size, np.nan)
    near[1:] = np.abs(volume[1:] - volume[:-1])
    edge = np.zeros(block.size, dtype=bool)
    jumps = np.nan_to_num(near) > VOLUME_JUMP / 2
    for k in range(min(6, block.size)):  # a run of a few bars: only its first cell jumps
        edge[k:] |= jumps[: block.size - k]
    found: list[Fault] = []
    for t in np.flatnonzero(edge & single & np.isfinite(volume)).tolist():
        normal = usual(course, t, limits)
        apart = float(volume[t]) - normal.volume
        if abs(apart) > max(VOLUME_JUMP, 4 * normal.volume_spread):
            usual_volume = math.exp(normal.volume + float(course.shares[t]))
            found.append(
                (block.vendors[who[t]], t, "volume", "volume_scale", f"volume {block.volume[who[t], t]:.6g}, usual {usual_volume:.6g}")
            )
    return found
