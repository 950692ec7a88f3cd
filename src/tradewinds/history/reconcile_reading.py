"""Deciding an episode of disputed cells: which vendors are right, and what went wrong with the others.

1. Vendors that agree with each other throughout the episode form a side. Each side is a candidate: "these are right".
2. A candidate's odds are: how plausible its values are as a piece of the time series; what each other side's fault costs (a fault
   that explains every cell is cheap, an unexplained cell dear); a little for every further vendor on the side.
3. The best candidate is published if it beats the next by the margin. Otherwise the cells are held, with a finding of vendor `*`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tradewinds.history.reconcile_cells import Ints
from tradewinds.history.reconcile_evidence import Series, Usual, anchor, move_odds, path_odds, repeat_odds, usual
from tradewinds.history.reconcile_fault import ORDER, Rows, faults, swapped_with
from tradewinds.history.reconcile_limits import ANY_VENDOR, Limits

FAULT = -4.0  # log-odds of a fault of a known kind
UNEXPLAINED = -5.0  # of each cell that it does not explain
SPREAD_LEAST = 1e-3

Fault = tuple[str, int, str | None, str, str]  # vendor, cell, field, kind, detail


@dataclass(frozen=True, slots=True)
class Reading:
    """The decision about one episode. right: vendor indices; decided: whether it may be published as resolved."""

    cells: Ints
    right: tuple[int, ...]
    decided: bool
    faults: list[Fault]
    margin: float


def read(data: Rows, course: Series, episode: Ints, limits: Limits) -> list[Reading]:
    """Decide an episode as a whole where some vendor is there throughout, else cell by cell."""
    whole = np.flatnonzero(data.found.usable[:, episode].all(axis=1)).tolist()
    if len(whole) < 2 and len(episode) > 1:
        return [r for cell in episode for r in read(data, course, np.array([cell]), limits)]
    sides = _sides(data, whole, episode)
    normal = usual(course, int(episode[0]), limits)
    odds, blamed = [], []
    for k, side in enumerate(sides):
        others = [s for j, s in enumerate(sides) if j != k]
        total, found = _odds(data, course, side, others, episode, normal)
        odds.append(total + limits.corroboration * (len(side) - 1))
        blamed.append(found)
    ranked = sorted(range(len(sides)), key=lambda k: (-odds[k], sides[k]))
    best = ranked[0]
    margin = odds[best] - odds[ranked[1]] if len(ranked) > 1 else math.inf
    if margin >= _margin_asked(course, episode, blamed[best], limits):
        return [Reading(episode, tuple(sides[best]), True, blamed[best], margin)]
    if len(episode) > 1 and all(kind in ("spike", "conflict") for _, _, _, kind, _ in blamed[best]):
        return [r for cell in episode for r in read(data, course, np.array([cell]), limits)]  # one after another by chance
    preferred = _preferred(data, sides, episode)
    found = _undecided(data, blamed[best], episode, sides, is_settled=preferred is not None)
    return [Reading(episode, tuple(preferred or sides[best]), preferred is not None, found, margin)]


def _margin_asked(course: Series, episode: Ints, found: list[Fault], limits: Limits) -> float:
    """How far the best reading must lead. What nothing explains waits for the first settled session after it."""
    if all(kind not in ("shift", "conflict") for _, _, _, kind, _ in found):
        return limits.margin
    goes_on = math.isnan(anchor(course, course.close, int(episode[-1]), 1))
    return math.inf if goes_on else max(limits.margin, limits.margin_unexplained)


def _sides(data: Rows, vendors: list[int], episode: Ints) -> list[list[int]]:
    """Groups of vendors that agree in every cell of the episode, through each other where need be.

    The first of a group speaks for it: the one that saw the most volume, so that names decide nothing.
    """
    first = int(episode[0])

    def rank(v: int) -> tuple[float, int, float]:
        return -float(np.nan_to_num(data.block.volume[v, first])), int(data.block.first[v, first]), -float(data.block.price[3, v, first])

    sides: list[list[int]] = []
    for v in vendors:
        joined = [s for s in sides if any(bool(data.found.agrees[v, w, episode].all()) for w in s)]
        sides = [s for s in sides if s not in joined]
        sides.append(sorted([v, *(w for s in joined for w in s)], key=rank))
    return sorted(sides)


def _odds(data: Rows, course: Series, side: list[int], others: list[list[int]], episode: Ints, normal: Usual) -> tuple[float, list[Fault]]:
    right = side[0]
    total = path_odds(course, _path(data, course, right, range(int(episode[0]), int(episode[-1]) + 1)), normal)
    # A run that was shifted ends in a repeat, which a quiet day may hide one bar further on.
    last = int(episode[-1])
    tail = [near for step in (1, 2) if (near := data.beside(last, step)) is not None]
    for cell in [*episode.tolist(), *tail]:
        total += repeat_odds(data.row(right, cell)[4]) if data.repeats[right, cell] else 0.0
    found: list[Fault] = []
    for other in others:
        cost, kinds = _blame(data, other, right, episode)
        total += cost + _swap_odds(data, course, other[0], right, episode)
        found += kinds
    return total, found


def _path(data: Rows, course: Series, vendor: int, cells: Iterable[int]) -> list[tuple[int, float, float, float, float]]:
    path = []
    for cell in cells:
        if data.found.usable[vendor, cell]:
            o, _, _, c, v = data.row(vendor, cell)
            shares = float(course.shares[cell])
            path.append((cell, o + shares, c + shares, v - shares, data.range(cell)))
    return path


def _blame(data: Rows, side: list[int], right: int, episode: Ints) -> tuple[float, list[Fault]]:
    """What is wrong with every vendor of a side if `right` is right, and what that costs."""
    wrong = side[0]
    cells = [cell for cell in episode.tolist() if not data.found.agrees[wrong, right, cell]]
    explained = {cell: faults(data, wrong, right, cell) for cell in cells}
    count = Counter(kind for kinds in explained.values() for kind in kinds)
    main = max(ORDER, key=lambda kind: (count[kind], -ORDER.index(kind))) if count else None
    cost, found = FAULT, []
    for cell in cells:
        kinds = explained[cell]
        kind = main if main in kinds else next((k for k in ORDER if k in kinds), "conflict")
        if kind == "conflict":
            cost += UNEXPLAINED
        elif kind != main:
            cost += FAULT
        if kind == "conflict":
            field, detail = _difference(data, wrong, right, cell)
        else:
            detail = kinds[kind]
            field = detail.split(" ", 1)[0] if kind in ("spike", "volume_scale") else None
        if kind == "spike" and data.apart(wrong, right, cell) < math.log1p(data.limits.spike_least):
            kind = "conflict"
        found += [(data.block.vendors[v], cell, field, kind, detail) for v in side]
    return max(cost, -40.0), found


def _difference(data: Rows, wrong: int, right: int, cell: int) -> tuple[str | None, str]:
    """(the field that differs, None where several do; what stands there)."""
    names = ("open", "high", "low", "close", "volume")
    bad, good = data.row(wrong, cell), data.row(right, cell)
    near = math.log1p(data.limits.price_tolerance)
    differ = [name for name, b, g in zip(names[:4], bad[:4], good[:4], strict=True) if abs(b - g) > near]
    differ += [] if data.is_same_volume(bad[4], good[4]) else ["volume"]
    told = ", ".join(f"{name} {math.exp(bad[names.index(name)]):.6g}" for name in differ)
    others = ", ".join(f"{math.exp(good[names.index(name)]):.6g}" for name in differ)
    return differ[0] if len(differ) == 1 else None, f"{told}, the others {others}"


def _swap_odds(data: Rows, course: Series, wrong: int, right: int, episode: Ints) -> float:
    """Where two instruments' rows are swapped: how plausible the other one is, and their ratio, if `right` is right.

    In a crash the swapped row of a calm share can look the calmer of two; but then the calm share would have crashed.
    Two share classes of one company have nearly the same price, but their ratio hardly moves.
    """
    pairs = [(cell, other) for cell in episode.tolist() if (other := swapped_with(data, wrong, right, cell)) is not None]
    if not pairs:
        return 0.0
    partner = [other for _, other in pairs]
    total = path_odds(course, _path(data, course, right, partner), usual(course, partner[0], data.limits))
    cell, other = pairs[0]
    mine, theirs = _ratio_past(data, course, cell, other)
    if len(mine) < 2:
        return total
    ratio = mine - theirs
    scale = max(1.4826 * float(np.median(np.abs(np.diff(ratio)))), SPREAD_LEAST)
    now = data.row(right, cell)[3] + float(course.shares[cell]) - data.row(right, other)[3] - float(course.shares[other])
    return total + move_odds(now - float(ratio[-1]), scale)


def _ratio_past(data: Rows, course: Series, cell: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Closes of two instruments on their common settled sessions of the 30 cells before."""

    def past(at: int) -> dict[int, float]:
        low = max(0, at - 30)
        same = course.instrument[low:at] == course.instrument[at]
        starts, closes = data.block.start[low:at][same], course.close[low:at][same]
        return {int(s): float(c) for s, c in zip(starts, closes, strict=True) if math.isfinite(c)}

    mine, theirs = past(cell), past(other)
    shared = sorted(set(mine) & set(theirs))
    return np.array([mine[s] for s in shared]), np.array([theirs[s] for s in shared])


def _preferred(data: Rows, sides: list[list[int]], episode: Ints) -> list[int] | None:
    """The side of the most preferred vendor, where preference may decide: every difference is minor."""
    limits, names = data.limits, data.block.vendors
    if limits.minor is None:
        return None
    near = math.log1p(limits.minor)
    for one, other in combinations([side[0] for side in sides], 2):
        for cell in episode.tolist():
            is_near = data.apart(one, other, cell) <= near and data.is_same_volume(data.row(one, cell)[4], data.row(other, cell)[4])
            if not is_near:
                return None
    ranked = sorted((limits.preference.index(names[v]), k) for k, side in enumerate(sides) for v in side if names[v] in limits.preference)
    return sides[ranked[0][1]] if ranked else None


def _undecided(data: Rows, likely: list[Fault], episode: Ints, sides: list[list[int]], *, is_settled: bool) -> list[Fault]:
    """One finding of vendor `*` per cell, of the kind that would be named were the likelier reading right."""
    names = " against ".join(sorted(",".join(sorted(data.block.vendors[v] for v in side)) for side in sides))
    found = []
    for cell in episode.tolist():
        mine = [f for f in likely if f[1] == cell]
        kind = min((f[3] for f in mine), key=(*ORDER, "conflict").index, default="conflict")
        fields = {f[2] for f in mine if f[3] == kind}
        field = fields.pop() if len(fields) == 1 else None
        detail = min((f[4] for f in mine if f[3] == kind), default="they differ")
        end = "a minor difference, settled by preference" if is_settled else "the data does not tell who is right"
        found.append((ANY_VENDOR, cell, field, kind, f"{names}: {detail}; {end}"))
    return found
