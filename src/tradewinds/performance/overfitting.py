"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

1. The periods are cut into an even number of blocks; of each trial and block only count, sum and sum of squares of the returns are kept,
   so memory is trials x blocks, however long the history.
2. Every way to choose half of the blocks is one split: the best trial by Sharpe ratio in the chosen half is looked up in the other half.
3. Its rank there among all trials, 0 worst to 1 best, makes a logit; the probability is the share of splits with a rank of a half or less.

Source: Bailey, Borwein, Lopez de Prado, Zhu, The Probability of Backtest Overfitting, Journal of Computational Finance (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.track_record import Floats

BLOCKS_MAX = 20  # 184,756 splits
STILL_SQUARES = 1e-13
"""Of the mean square: sums of squares lose what is smaller than their own rounding, so that a variance up to this is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """probability: that the trial chosen in one half does not beat the median trial in the other. ranks, inside, outside: (splits,).

    inside, outside: Sharpe ratios per period of the chosen trial where it was chosen and elsewhere. slope: of outside on inside, NaN where
    inside never differs; below 0 the choice hurts. loss: share of splits in which the chosen trial loses outside.
    dropped: trials left out because their statistics are not finite (ruined).
    """

    probability: float
    loss: float
    slope: float
    trials: int
    dropped: int
    blocks: int
    ranks: Floats
    inside: Floats
    outside: Floats

    @property
    def logits(self) -> Floats:
        """(splits,) log(rank / (1 - rank)); at most 0 is overfit."""
        return np.asarray(np.log(self.ranks / (1.0 - self.ranks)), np.float64)


def block_statistics(returns: Floats, blocks: int) -> Floats:
    """(trials, blocks, 3): count, sum, sum of squares of returns (periods, trials) in each of `blocks` neighbouring stretches.

    The first blocks are one period longer where the periods do not divide.
    """
    if len(returns) < 2 * blocks:
        raise Rejected(f"overfitting: {len(returns)} periods in {blocks} blocks, expected at least 2 periods a block")
    edges = np.concatenate([[0], np.cumsum([len(part) for part in np.array_split(np.arange(len(returns)), blocks)])])
    parts = [returns[a:b] for a, b in pairwise(edges)]
    figures = [np.stack([np.full(part.shape[1], float(len(part))), part.sum(axis=0), (part**2).sum(axis=0)], axis=1) for part in parts]
    return np.stack(figures, axis=1)


def overfitting(sets: Floats) -> Overfitting:
    """CSCV over the statistics of blocks (trials, blocks, 3): count, sum, sum of squares of each trial's returns in each block.

    A trial that did not move in a half has the Sharpe ratio 0 there. Equal ratios share the mean of their ranks; of several best the first
    is chosen. Raises Rejected for an odd number of blocks, or one outside [2, BLOCKS_MAX]; DataFault below two usable trials.
    """
    if sets.ndim != 3 or sets.shape[2] != 3:
        raise Rejected(f"overfitting: statistics of shape {sets.shape}, expected (trials, blocks, 3)")
    blocks = sets.shape[1]
    if blocks % 2 or not 2 <= blocks <= BLOCKS_MAX:
        raise Rejected(f"overfitting: {blocks} blocks, expected an even number from 2 to {BLOCKS_MAX}")
    is_finite = np.isfinite(sets).all(axis=(1, 2))
    kept = np.ascontiguousarray(sets[is_finite], dtype=np.float64)
    if len(kept) < 2:
        raise DataFault(f"overfitting: {len(kept)} of {len(sets)} trials have finite statistics, expected at least 2")
    chosen = np.array(list(combinations(range(blocks), blocks // 2)), np.int64)
    ranks, inside, outside = (np.empty(len(chosen)) for _ in range(3))
    _cross_validate(np.ascontiguousarray(kept.transpose(1, 2, 0)), chosen, ranks, inside, outside)
    off = inside - inside.mean()
    spread = float(off @ off)
    return Overfitting(
        probability=float((ranks <= 0.5).mean()),
        loss=float((outside < 0).mean()),
        slope=float(off @ outside) / spread if spread > 0 else float("nan"),
        trials=len(kept),
        dropped=len(sets) - len(kept),
        blocks=blocks,
        ranks=ranks,
        inside=inside,
        outside=outside,
    )


@compiled
def _cross_validate(sets: Floats, chosen: NDArray[np.int64], ranks: Floats, inside: Floats, outside: Floats) -> None:
    """sets: (blocks, 3, trials)."""
    blocks, _, trials = sets.shape
    total = np.zeros((3, trials))
    for block in range(blocks):
        total += sets[block]
    half, other = np.empty((3, trials)), np.empty(trials)
    for split in range(len(chosen)):
        half[:] = 0.0
        for block in chosen[split]:
            half += sets[block]
        best, highest = 0, -np.inf
        for trial in range(trials):
            ratio = _sharpe(half[0, trial], half[1, trial], half[2, trial])
            if ratio > highest:
                best, highest = trial, ratio
            other[trial] = _sharpe(total[0, trial] - half[0, trial], total[1, trial] - half[1, trial], total[2, trial] - half[2, trial])
        below = equal = 0
        for trial in range(trials):
            below += other[trial] < other[best]
            equal += other[trial] == other[best]
        ranks[split] = (below + (equal + 1) / 2) / (trials + 1)
        inside[split] = highest
        outside[split] = other[best]


@inlined
def _sharpe(count: float, total: float, squares: float) -> float:
    mean = total / count
    variance = (squares - count * mean * mean) / (count - 1.0)
    return mean / np.sqrt(variance) if variance > STILL_SQUARES * squares / count else 0.0
