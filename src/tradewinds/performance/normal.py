"""The normal distribution: probability and quantile, to the last digits of a float."""

from __future__ import annotations

from statistics import NormalDist

_STANDARD = NormalDist()


def probability(z: float) -> float:
    """That a standard normal falls below z."""
    return _STANDARD.cdf(z)


def quantile(p: float) -> float:
    """Where a standard normal falls below with probability p, in (0, 1)."""
    return _STANDARD.inv_cdf(p)
