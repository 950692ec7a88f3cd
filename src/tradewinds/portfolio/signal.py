"""From scores of models to signals and expected returns: pure arithmetic over a cross-section (N,) or its history (T, N).

NaN means no view, and stays no view: nothing here invents a score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected

Floats = NDArray[np.float64]

ZSCORE_MAX = 3.0
"""A score further out says no more than one there."""


def ranks(scores: Floats) -> Floats:
    """(N,) from -1 (lowest) to 1 (highest), evenly spaced, equal scores sharing their mean; 0 where only one is known."""
    known = np.flatnonzero(np.isfinite(scores))
    out = np.full(len(scores), np.nan)
    if not len(known):
        return out
    values, place, counts = np.unique(scores[known], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle = last - (counts + 1) / 2  # from 0 on
    out[known] = 2 * middle[place] / (len(known) - 1) - 1 if len(known) > 1 else np.zeros(len(values))
    return out


def zscores(scores: Floats, most: float = ZSCORE_MAX) -> Floats:
    """(N,) distance from the mean in deviations of the known ones, cut at plus and minus `most`; 0 where they do not differ."""
    known = np.isfinite(scores)
    out = np.full(len(scores), np.nan)
    if not known.any():
        return out
    values = scores[known] / max(float(np.abs(scores[known]).max()), np.finfo(np.float64).tiny)
    spread = float(values.std())
    out[known] = np.clip((values - values.mean()) / spread, -most, most) if spread > 1e-12 else 0.0
    return out


def decayed(history: Floats, half_life: float) -> Floats:
    """(N,) average of the history (T, N), oldest first, in which a score weighs half as much every `half_life` sessions.

    Sessions without a score do not weigh; an instrument without a score in the newest session has no view, however good its past.
    """
    if not half_life > 0:
        raise Rejected(f"decay: half_life {half_life}, expected sessions above 0")
    if not len(history):
        raise Rejected("decay: a history of 0 sessions, expected at least 1")
    weights = 0.5 ** (np.arange(len(history))[::-1] / half_life)
    known = np.isfinite(history)
    total = weights @ known
    mean = (weights @ np.where(known, history, 0.0)) / np.where(total > 0, total, 1.0)
    return np.asarray(np.where(known[-1], mean, np.nan))


def combined(scores: Floats, weights: Floats) -> Floats:
    """(N,) of the scores (M, N) of several models by their weights (M,), of which the sizes count.

    Where a model has no view the others carry its weight; without any view there is none.
    """
    if scores.ndim != 2 or weights.shape != scores.shape[:1]:
        raise Rejected(f"combination of signals: shapes {scores.shape} and {weights.shape}, expected (M, N) and (M,)")
    if not (np.isfinite(weights).all() and np.abs(weights).sum() > 0):
        raise Rejected("combination of signals: weights without a finite size, expected at least one that is not 0")
    known = np.isfinite(scores) & (weights != 0)[:, None]
    total = np.abs(weights) @ known
    mean = (weights @ np.where(known, scores, 0.0)) / np.where(total > 0, total, 1.0)
    return np.asarray(np.where(total > 0, mean, np.nan))


def expected_returns(scores: Floats, volatility: Floats, information_coefficient: float) -> Floats:
    """(N,) per session: information coefficient x volatility (N,) per session x score (N,), NaN where either is not known.

    scores: near mean 0 and deviation 1 (`zscores`); information_coefficient: correlation of scores with what came, out of sample.
    Source: Grinold, Alpha is Volatility Times IC Times Score, Journal of Portfolio Management (1994).
    """
    if not -1 <= information_coefficient <= 1:
        raise Rejected(f"expected returns: information coefficient {information_coefficient}, expected from -1 to 1")
    with np.errstate(invalid="ignore", over="ignore"):
        found = information_coefficient * volatility * scores
    return np.asarray(np.where(np.isfinite(found), found, np.nan))
