"""Exponentially weighted products of a session's values with those of the sessions before, kept so that one more session is one step.

A session weighs 2^(-age / half_life). Products of which one value is not known are left out, of the sum and of its weight.
The variance corrected for autocorrelation is the long-run one, per session:

    V = G_0 + sum over lags l of (1 - l / (L + 1)) (G_l + G_l'),  G_l = weighted mean of f_t f_(t-l)'

The mean is taken as zero: that of a session's return is small against its deviation, and estimating it adds more error than it removes.
Source: Newey, West, A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix, 1987.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.risk.factor_returns import Floats, Ints
from tradewinds.risk.moments_compiled import stepped

SHARE_MIN = 0.25
"""Autocorrelation never takes more than three quarters of a variance: with few sessions its estimate may take all."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Of N series, each alone. sums, weights: (L + 1, N), by lag. recent: (L, N), latest first. counts: (N,), values known so far."""

    half_life: float
    sums: Floats
    weights: Floats
    recent: Floats
    counts: Ints

    def followed_by(self, values: Floats) -> Moments:
        """With one more session: values (N,), NaN where not known."""
        decay = 0.5 ** (1.0 / self.half_life)
        sums, weights, recent = stepped(self.sums, self.weights, self.recent, np.ascontiguousarray(values), decay)
        return Moments(self.half_life, sums, weights, recent, self.counts + (values == values))

    def variances(self) -> Floats:
        """(N,), corrected for autocorrelation; NaN where nothing is known."""
        means = _mean(self.sums, self.weights)
        lags = len(self.recent)
        bartlett = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
        corrected = means[0] + 2.0 * (bartlett @ np.nan_to_num(means[1:]))
        return np.asarray(np.maximum(corrected, SHARE_MIN * means[0]), np.float64)

    def observations(self) -> Floats:
        """(N,): how many equally weighted sessions say as much: squared sum over sum of squares of the weights, in the limit."""
        decay = 0.5 ** (1.0 / self.half_life)
        return np.asarray(np.minimum(self.counts, self.weights[0] * (1.0 + decay)), np.float64)

    def placed(self, places: Ints, width: int) -> Moments:
        """The same series among `width` others: series i moves to places[i]; nothing is known yet of the rest."""
        moved = [np.zeros((len(self.sums), width)), np.zeros((len(self.sums), width)), np.full((len(self.recent), width), np.nan)]
        for new, old in zip(moved, (self.sums, self.weights, self.recent), strict=True):
            new[:, places] = old
        counts = np.zeros(width, np.int64)
        counts[places] = self.counts
        return Moments(self.half_life, moved[0], moved[1], moved[2], counts)


@dataclass(frozen=True, slots=True, eq=False)
class CrossMoments:
    """Of K series together. sums, weights: (L + 1, K, K), [l, i, j] of series i with series j l sessions before. recent: (L, K)."""

    half_life: float
    sums: Floats
    weights: Floats
    recent: Floats

    def followed_by(self, values: Floats) -> CrossMoments:
        """With one more session: values (K,), NaN where not known."""
        decay = 0.5 ** (1.0 / self.half_life)
        before = np.concatenate([values[None], self.recent])
        product = values[None, :, None] * before[:, None, :]
        is_known = product == product
        return CrossMoments(
            self.half_life,
            self.sums * decay + np.where(is_known, product, 0.0),
            self.weights * decay + is_known,
            before[: len(self.recent)],
        )

    def covariance(self) -> Floats:
        """(K, K), corrected for autocorrelation, symmetric, not yet positive semidefinite; NaN where two series never met."""
        means = _mean(self.sums, self.weights)
        lags = len(self.recent)
        bartlett = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
        ahead = np.tensordot(bartlett, np.nan_to_num(means[1:]), axes=1) if lags else np.zeros_like(means[0])
        corrected = means[0] + ahead + ahead.T
        diagonal = np.diag_indices(len(corrected))
        corrected[diagonal] = np.maximum(corrected[diagonal], SHARE_MIN * means[0][diagonal])
        return np.asarray(corrected, np.float64)


def no_moments(width: int, half_life: float, lags: int) -> Moments:
    """Of series of which nothing is known yet."""
    _check(half_life, lags)
    shape = (lags + 1, width)
    return Moments(half_life, np.zeros(shape), np.zeros(shape), np.full((lags, width), np.nan), np.zeros(width, np.int64))


def no_cross_moments(width: int, half_life: float, lags: int) -> CrossMoments:
    """Of series of which nothing is known yet."""
    _check(half_life, lags)
    shape = (lags + 1, width, width)
    return CrossMoments(half_life, np.zeros(shape), np.zeros(shape), np.full((lags, width), np.nan))


def half_life_of_span(span: float) -> float:
    """The half-life in sessions of what pandas calls a span: weight 1 - 2 / (span + 1) from one session to the next."""
    if not span > 1.0:
        raise Rejected(f"exponential weights: a span of {span}, expected more than 1")
    return float(np.log(0.5) / np.log(1.0 - 2.0 / (span + 1.0)))


def _check(half_life: float, lags: int) -> None:
    if not half_life > 0.0 or lags < 0:
        raise Rejected(f"exponential weights: half-life {half_life}, {lags} lags, expected a positive one and none or more")


def _mean(sums: Floats, weights: Floats) -> Floats:
    means = np.full(sums.shape, np.nan)
    np.divide(sums, weights, out=means, where=weights > 0.0)
    return means
