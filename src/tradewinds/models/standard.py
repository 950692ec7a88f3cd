"""Standardising of features by what the training rows said of them."""

from __future__ import annotations

import numpy as np

from tradewinds.models.sample import Floats

STILL = 1e-12
"""A column whose deviation is at most this share of its largest size does not move."""


def moments(features: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted mean and deviation (K,) of each column over the rows where it is known; a deviation of 0 where it does not move."""
    is_known = ~np.isnan(features)
    mass = weights @ is_known
    filled = np.where(is_known, features, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.nan_to_num(weights @ filled / mass)
        off = np.where(is_known, features - centre, 0.0)
        scale = np.sqrt(np.nan_to_num(weights @ (off * off) / mass))
    largest = np.abs(filled).max(axis=0, initial=0.0)
    return centre, np.where(scale > STILL * largest, scale, 0.0)


def standardised(features: Floats, centre: Floats, scale: Floats) -> Floats:
    """Rows in deviations from the mean; 0 where not known and in columns that never moved."""
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    x = (features - centre) * inverse
    x[np.isnan(x)] = 0.0
    return x
