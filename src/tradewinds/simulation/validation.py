"""Cutting history so that a choice is judged on what it was not chosen by: walk-forward, and purged, embargoed cross-validation.

Everything is exact on rows. A decision at row t looks at rows t - lookback + 1 .. t and is held for `horizon` rows after it.

Walk-forward: the sessions are cut into equal parts; each fold is chosen on the parts before it (all of them: anchored; the last few:
rolling) and run on the next, with an account of its own; the out-of-sample stretches are stitched together.

Purged cross-validation: the sessions are cut into groups, and each combination of `tested` groups is one split (one group at a time is
k-fold). Of the other rows a split keeps for training only those that share nothing with its test rows:

    t + horizon >= a          and t < a     held into the test group [a, b)
    t - lookback + 1 <= b - 1 + horizon     looks at rows on which test decisions were still held
    and `embargo` further rows after those, for what returns remember

With several groups tested at once every group is tested in several splits, so that whole paths of out-of-sample returns can be put
together. Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapters 7 and 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.simulation.sweep_statistics import mean_of_sets, sharpe_of_sets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FOLDS_MAX = 100
SPLITS_MAX = 1_000
BLOCKS = 12  # of the symmetric cross-validation behind the probability of overfitting: 924 splits, each costs a pass over all trials
SESSIONS_PER_BLOCK = 2


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows of one step of a walk-forward: chosen on [train_first, train_last), run on [test_first, test_last)."""

    train_first: int
    train_last: int
    test_first: int
    test_last: int


@dataclass(frozen=True, slots=True, eq=False)
class Purged:
    """A purged cross-validation over rows [first, last). groups: rows [a, b) of each; splits: the groups that each tests.

    members: (groups + splits, sessions), the sessions of each group and those that each split trains on.
    """

    first: int
    last: int
    groups: tuple[tuple[int, int], ...]
    splits: tuple[tuple[int, ...], ...]
    members: Bools

    @property
    def paths(self) -> int:
        """How many whole paths the splits make up."""
        return len(self.splits) * len(self.splits[0]) // len(self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfSample:
    """What came of the choices. chosen: (splits,) trial each split chose; inside, outside: (splits,) its Sharpe ratios per session where
    it was chosen and where it was not; paths: (paths,) Sharpe ratios of whole out-of-sample paths.
    """

    chosen: Ints
    inside: Floats
    outside: Floats
    paths: Floats


def walk_forward(
    starts: Ints, ends: Ints, folds: int, *, is_anchored: bool = True, train_parts: int = 3, purge: int = 0
) -> tuple[Fold, ...]:
    """Folds over sessions. starts, ends: (sessions,) first and last row of each. The history is cut into `train_parts` + `folds` parts.

    purge: rows left out between training and test. Raises DataFault where a part would hold no session.
    """
    _check_folds(folds)
    if train_parts < 1 or purge < 0:
        raise Rejected(f"walk-forward: {train_parts} parts to train on and {purge} rows purged, expected at least 1 and at least 0")
    parts = _parts(starts, ends, train_parts + folds, "walk-forward")
    made = []
    for fold in range(folds):
        first = parts[0 if is_anchored else fold][0]
        test_first, test_last = parts[train_parts + fold]
        if test_first - purge <= first:
            raise DataFault(f"walk-forward: {purge} rows purged of the {test_first - first} before row {test_first}, expected fewer")
        made.append(Fold(first, test_first - purge, test_first, test_last))
    return tuple(made)


def purged(starts: Ints, ends: Ints, folds: int, *, tested: int = 1, lookback: int = 1, horizon: int = 0, embargo: int = 0) -> Purged:
    """A purged cross-validation over sessions. starts, ends: (sessions,) first and last row of each.

    Raises Rejected for impossible numbers, DataFault where a split has nothing left to train on.
    """
    _check_folds(folds)
    if not 1 <= tested < folds or comb(folds, tested) > SPLITS_MAX:
        raise Rejected(
            f"purged cross-validation: {tested} of {folds} folds tested at once, expected fewer folds, {SPLITS_MAX} splits at most"
        )
    groups = tuple(_parts(starts, ends, folds, "purged cross-validation"))
    splits = tuple(combinations(range(folds), tested))
    first, last = groups[0][0], groups[-1][1]
    members = np.zeros((folds + len(splits), len(starts)), np.bool_)
    for number, (a, b) in enumerate(groups):
        members[number] = (starts >= a) & (ends < b)
    for number, split in enumerate(splits):
        rows = train_rows(first, last, [groups[one] for one in split], lookback=lookback, horizon=horizon, embargo=embargo)
        members[folds + number] = [bool(rows[a - first : b + 1 - first].all()) for a, b in zip(starts, ends, strict=True)]
        if not members[folds + number].any():
            raise DataFault(
                f"purged cross-validation: testing folds {split} leaves no session to train on after purging {lookback} rows of lookback, "
                f"{horizon} of holding and {embargo} of embargo; expected fewer folds or a longer history"
            )
    return Purged(first, last, groups, splits, members)


def train_rows(first: int, last: int, tests: Sequence[tuple[int, int]], *, lookback: int, horizon: int, embargo: int) -> Bools:
    """(last - first,) which of the rows [first, last) may be trained on when rows [a, b) of each of `tests` are tested."""
    if lookback < 1 or horizon < 0 or embargo < 0:
        raise Rejected(f"purging: lookback {lookback}, holding {horizon}, embargo {embargo} rows, expected at least 1, 0 and 0")
    kept = np.ones(last - first, np.bool_)
    for a, b in tests:
        low, high = a - horizon, b + horizon + (lookback - 1) + embargo
        kept[max(low - first, 0) : max(high - first, 0)] = False
    return kept


def judged(sets: Floats, plan: Purged, *, by: str = "sharpe") -> OutOfSample:
    """What each split chose and what came of it. sets: (trials, groups + splits, 3), NaN rows for trials that failed.

    by: "sharpe" or "return". Raises DataFault where no trial can be judged in some split.
    """
    if by not in ("sharpe", "return"):
        raise Rejected(f"purged cross-validation: objective {by!r}, expected sharpe or return: others are no sums over sessions")
    score = sharpe_of_sets if by == "sharpe" else mean_of_sets
    count = len(plan.groups)
    trained = score(sets[:, count:])
    if not np.isfinite(trained).any(axis=0).all():
        raise DataFault("purged cross-validation: a split in which no configuration ever traded, expected one that did")
    chosen = np.argmax(np.where(np.isfinite(trained), trained, -np.inf), axis=0)
    columns = np.arange(len(plan.splits))
    inside = sharpe_of_sets(sets[chosen, count + columns])
    tested = np.stack([sets[trial, list(split)].sum(axis=0) for trial, split in zip(chosen, plan.splits, strict=True)])
    return OutOfSample(chosen.astype(np.int64), inside, sharpe_of_sets(tested), sharpe_of_sets(_paths(sets, plan, chosen)))


def blocks(sessions: int) -> Bools:
    """(blocks, sessions) neighbouring stretches for the probability of overfitting: an even number, at most BLOCKS, none where too short.

    The first blocks are one session longer where the sessions do not divide.
    """
    count = min(BLOCKS, sessions // SESSIONS_PER_BLOCK // 2 * 2)
    members = np.zeros((count, sessions), np.bool_)
    for number, part in enumerate(np.array_split(np.arange(sessions), count) if count else ()):
        members[number, part] = True
    return members


def _paths(sets: Floats, plan: Purged, chosen: Ints) -> Floats:
    """(paths, 3): statistics of each path; path j takes of every group the j-th split that tests it."""
    found = np.zeros((plan.paths, 3))
    for group in range(len(plan.groups)):
        testing = [number for number, split in enumerate(plan.splits) if group in split]
        for path, number in enumerate(testing):
            found[path] += sets[chosen[number], group]
    return found


def _parts(starts: Ints, ends: Ints, count: int, what: str) -> list[tuple[int, int]]:
    """Rows [a, b) of `count` neighbouring parts of as many sessions; the first ones are one longer where they do not divide."""
    if len(starts) < count:
        raise DataFault(f"{what}: {len(starts)} sessions for {count} parts, expected at least one a part")
    return [(int(starts[part[0]]), int(ends[part[-1]]) + 1) for part in np.array_split(np.arange(len(starts)), count)]


def _check_folds(folds: int) -> None:
    if not 2 <= folds <= FOLDS_MAX:
        raise Rejected(f"validation: {folds} folds, expected from 2 to {FOLDS_MAX}")
