"""Whose split factor is right: the price itself says it.

Across an ex-session the price falls by the factor. Where vendors state different factors, each factor is judged by what is left of the
move from the last close to the open once it is taken out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.history.reconcile_cells import Bools, Cells, Floats
from tradewinds.history.reconcile_evidence import LEAST_MOVE, move_odds
from tradewinds.history.reconcile_limits import ANY_VENDOR, Limits

SAME_FACTOR = 1e-3
FORGOTTEN = 1.0  # log-odds by which a forgotten split is likelier than an invented one
BIG_FACTOR = 1.25
MOVE_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class Splits:
    """factor: (cells,) as decided. wrong: (vendor index or None for `*`, cell, detail). undecided: (cells,)."""

    factor: Floats
    wrong: list[tuple[str, int, str]]
    undecided: Bools


def splits(block: Cells, usable: Bools, limits: Limits) -> Splits:
    """Decide the split factor of every cell; 1 where nobody states one."""
    stated = np.where(block.present, block.split, np.nan)
    bad = np.isfinite(stated) & (stated <= 0)
    said = np.isfinite(stated) & ~bad
    n = block.size
    factor = np.ones(n)
    undecided = np.zeros(n, dtype=bool)
    wrong = [
        (block.vendors[v], int(t), f"split factor {stated[v, t]}, expected a positive number")
        for v, t in zip(*np.nonzero(bad), strict=True)
    ]
    acts = np.flatnonzero((said & (np.abs(stated - 1) > SAME_FACTOR)).any(axis=0))
    if len(acts) == 0:
        return Splits(factor, wrong, undecided)
    jump, scale = _jumps(block, usable)
    for t in acts.tolist():
        sides: dict[float, list[int]] = {}
        for v in np.flatnonzero(said[:, t]).tolist():
            value = float(stated[v, t])
            key = next((f for f in sides if abs(f / value - 1) <= SAME_FACTOR), value)
            sides.setdefault(key, []).append(v)
        odds = {
            f: move_odds(jump[t] + math.log(f), scale[t]) + limits.corroboration * (len(who) - 1) + (FORGOTTEN if f != 1.0 else 0.0)
            for f, who in sides.items()
        }
        ranked = sorted(sides, key=lambda f: (-odds[f], f))
        best = ranked[0]
        factor[t] = best
        if len(ranked) == 1:
            if _is_contradicted(jump[t], best, scale[t]):
                wrong.append((ANY_VENDOR, t, f"split factor {best:g}, but the price moved by a factor {math.exp(-jump[t]):.4g}"))
                undecided[t] = True
            continue
        if odds[best] - odds[ranked[1]] < limits.margin:
            told = ", ".join(f"{block.vendors[v]} {f:g}" for f in sorted(sides) for v in sides[f])
            wrong.append((ANY_VENDOR, t, f"split factors differ ({told}) and the price does not tell which is right"))
            undecided[t] = True
            continue
        for f in ranked[1:]:
            detail = f"split factor {f:g}, but the price moved by a factor {math.exp(-jump[t]):.4g}: expected {best:g}"
            wrong.extend((block.vendors[v], t, detail) for v in sides[f])
    return Splits(factor, wrong, undecided)


def _jumps(block: Cells, usable: Bools) -> tuple[Floats, Floats]:
    """(log of open over the last close, usual size of it), each vendor's own, the median of vendors."""
    with np.errstate(divide="ignore", invalid="ignore"):
        o, c = np.log(np.where(usable, block.price[0], np.nan)), np.log(np.where(usable, block.price[3], np.nan))
    jump = np.full(block.size, np.nan)
    own = o[:, 1:] - c[:, :-1]
    some = np.isfinite(own).any(axis=0) & block.is_neighbour(-1)[1:]
    jump[1:][some] = np.nanmedian(own[:, some], axis=0)
    scale = np.full(block.size, MOVE_FLOOR)
    for t in np.flatnonzero((np.abs(np.nan_to_num(block.split, nan=1.0) - 1) > SAME_FACTOR).any(axis=0)).tolist():
        near = jump[max(0, t - 40) : t]
        near = near[np.isfinite(near)]
        if len(near) >= 8:
            scale[t] = max(1.4826 * float(np.median(np.abs(near))), LEAST_MOVE)
    return jump, scale


def _is_contradicted(jump: float, factor: float, scale: float) -> bool:
    """Whether the price went on as if there were no split, though the factor is large."""
    if math.isnan(jump) or max(factor, 1 / factor) < BIG_FACTOR:
        return False
    return move_odds(jump, scale) - move_odds(jump + math.log(factor), scale) > 3.0
