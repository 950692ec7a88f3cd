"""Cutting rows into training and test so that they share nothing: walk-forward, and combinatorial purged cross-validation.

1. Rows are grouped by their decision; a part is a stretch of decisions.
2. Walk-forward trains on what came before the test and, of that, only on labels that had ended `embargo` decisions before it.
3. Combinatorial: a group of parts is tested, the others are trained on, less every row whose label's span meets one of the test's, and less
   `embargo` decisions after each test stretch, for features that look back into it.

Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapters 7 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.sample import Bools, Ints, Sample

Window = Literal["expanding", "rolling"]
FOLDS_MAX = 200
SPLITS_MAX = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to train on and rows to test on, in order. purged: rows left out because they share something with the test."""

    number: int
    train: Ints
    test: Ints
    purged: int


@dataclass(frozen=True, slots=True)
class WalkForward:
    """How a history is walked, in decisions: train on `train` of them, test on the next `test`, go on by `test`.

    The last test may be shorter. window: "rolling" trains on the last `train` decisions, "expanding" on everything before.
    embargo: decisions between the last label that is trained on and the test. folds_max: the latest so many.
    """

    train: int = 504
    test: int = 63
    window: Window = "rolling"
    embargo: int = 0
    folds_max: int = FOLDS_MAX

    def __post_init__(self) -> None:
        for name, low in (("train", 1), ("test", 1), ("embargo", 0), ("folds_max", 1)):
            if type(value := getattr(self, name)) is not int or value < low:
                raise Rejected(f"walk-forward: {name} {value!r}, expected a whole number of decisions of at least {low}")
        if self.window not in ("expanding", "rolling"):
            raise Rejected(f"walk-forward: window {self.window!r}, expected expanding or rolling")


def walk_forward(sample: Sample, how: WalkForward | None = None) -> tuple[Split, ...]:
    """Splits in the order of their tests. Raises DataFault where nothing is left to test on, or a fold has nothing left to train on."""
    plan = how or WalkForward()
    decisions = np.unique(sample.times)
    firsts = range(plan.train, len(decisions), plan.test)[-plan.folds_max :]
    if not firsts:
        raise DataFault(f"walk-forward: {len(decisions)} decisions, expected more than the {plan.train} to train on")
    return tuple(_fold(sample, plan, decisions, number, first) for number, first in enumerate(firsts))


def _fold(sample: Sample, plan: WalkForward, decisions: Ints, number: int, first: int) -> Split:
    begins, last = int(decisions[first]), min(first + plan.test, len(decisions))
    a, b = np.searchsorted(sample.times, [begins, int(decisions[last - 1]) + 1])
    oldest = 0 if plan.window == "expanding" else int(np.searchsorted(sample.times, decisions[first - plan.train]))
    before = np.arange(oldest, a, dtype=np.int64)
    until_ns = int(decisions[max(0, first - plan.embargo)])
    train = before[sample.label_end_ns[before] <= until_ns]
    if not len(train):
        raise DataFault(f"walk-forward: fold {number} has 0 of {len(before)} rows left to train on, expected some; train on more decisions")
    return Split(number, train, np.arange(a, b, dtype=np.int64), len(before) - len(train))


def combinatorial(sample: Sample, groups: int = 6, *, tested: int = 2, embargo: int = 0) -> Iterator[Split]:
    """Every choice of `tested` of `groups` parts as test. embargo: decisions left out after each tested stretch.

    Raises as `walk_forward`.
    """
    if not 1 <= tested < groups or comb(groups, tested) > SPLITS_MAX or embargo < 0:
        raise Rejected(f"combinatorial: {tested} of {groups} groups, embargo {embargo}, expected fewer groups, {SPLITS_MAX} splits at most")
    decisions, rows = _parts(sample, groups, "combinatorial")
    for number, chosen in enumerate(combinations(range(groups), tested)):
        is_test = np.zeros(len(sample), np.bool_)
        is_kept = np.ones(len(sample), np.bool_)
        for part in chosen:
            stretch = slice(rows[part], rows[part + 1])
            is_test[stretch] = True
            is_kept &= _is_apart(sample, stretch)
            is_kept &= ~_is_embargoed(sample, decisions, stretch, embargo)
        train = np.flatnonzero(is_kept & ~is_test)
        if not len(train):
            raise DataFault(f"combinatorial: split {number} has no row left to train on, expected some; use fewer groups tested at once")
        yield Split(number, train, np.flatnonzero(is_test), int((~is_test).sum()) - len(train))


def _parts(sample: Sample, parts: int, what: str) -> tuple[Ints, Ints]:
    """Distinct decisions, and the first row of each part with the number of rows after the last."""
    decisions = np.unique(sample.times)
    if len(decisions) < parts:
        raise DataFault(f"{what}: {len(decisions)} decisions in {parts} parts, expected at least one a part")
    firsts = [block[0] for block in np.array_split(decisions, parts)]
    return decisions, np.append(np.searchsorted(sample.times, firsts), len(sample)).astype(np.int64)


def _is_apart(sample: Sample, stretch: slice) -> Bools:
    """Rows whose time from decision to the label's end does not meet that of the tested stretch."""
    first, last = int(sample.times[stretch.start]), int(sample.label_end_ns[stretch].max())
    return (sample.label_end_ns <= first) | (sample.times >= last)


def _is_embargoed(sample: Sample, decisions: Ints, stretch: slice, embargo: int) -> Bools:
    last = int(sample.label_end_ns[stretch].max())
    begins = int(np.searchsorted(decisions, last))
    ends = begins + embargo
    until = int(decisions[ends]) if ends < len(decisions) else int(decisions[-1]) + 1
    return (sample.times >= last) & (sample.times < until)
