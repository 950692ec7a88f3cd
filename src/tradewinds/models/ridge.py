"""Ridge regression in closed form; its file is JSON.

1. Features are standardised by weighted mean and deviation of the training rows; what is not known counts as the mean; a column that
   never moves has the coefficient 0.
2. b = (X'WX + penalty I)^-1 X'Wy with weights that sum to the number of rows; where there are more features than rows the same b comes
   from the rows x rows system, b = X' V (V XX' V + penalty I)^-1 V y with V the roots of the weights.

Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), 3.4.1 and 18.3.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.learner import MODEL, Files, FittedModel, Learner, head_file, rows_to_ask
from tradewinds.models.sample import Floats, Sample
from tradewinds.models.standard import STILL, moments, standardised

KIND = "ridge"
ROWS_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True)
class Ridge:
    """penalty: on the squares of the coefficients of standardised features, beside a sum of squared errors over the rows."""

    penalty: float = 1.0

    def __post_init__(self) -> None:
        if type(self.penalty) not in (int, float) or not 0 < self.penalty < math.inf:
            raise Rejected(f"learner ridge: penalty {self.penalty!r}, expected a number above 0")

    @property
    def kind(self) -> str:
        return KIND

    def fit(self, sample: Sample) -> FittedModel:
        """Raises DataFault where the rows have no weight or no feature moves."""
        weight = float(sample.weight.sum())
        if not len(sample) or weight <= 0:
            raise DataFault(f"ridge: {len(sample)} rows of weight {weight:g}, expected some")
        weights = sample.weight * (len(sample) / weight)
        intercept = float(weights @ sample.label) / len(sample)
        y = sample.label - intercept
        if sample.features.shape[1] <= len(sample):
            centre, scale, coefficients = self._by_features(sample.features, y, weights)
        else:
            centre, scale, coefficients = self._by_rows(sample.features, y, weights)
        if not bool((scale > 0).any()):
            raise DataFault(f"ridge: none of {len(scale)} features moves over {len(sample)} rows, expected one that does")
        return FittedRidge(sample.names, centre, scale, coefficients, intercept)

    def _by_features(self, features: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """(centre, scale, coefficients) by the features x features system, a few rows at a time."""
        centre, mass, largest = _centre(features, weights)
        gram, right = np.zeros((features.shape[1],) * 2), np.zeros(features.shape[1])
        roots = np.sqrt(weights)
        for first in range(0, len(features), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            off = features[some] - centre
            off[np.isnan(off)] = 0.0
            off *= roots[some, None]
            gram += off.T @ off
            right += off.T @ (y[some] * roots[some])
        scale = np.sqrt(np.diag(gram) / np.where(mass > 0, mass, 1.0))
        scale = np.where(scale > STILL * largest, scale, 0.0)
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        gram *= inverse[:, None] * inverse
        gram[np.diag_indices_from(gram)] += self.penalty
        return centre, scale, np.asarray(np.linalg.solve(gram, right * inverse), np.float64)

    def _by_rows(self, features: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """(centre, scale, coefficients) by the rows x rows system."""
        centre, scale = moments(features, weights)
        roots = np.sqrt(weights)
        x = standardised(features, centre, scale) * roots[:, None]
        kernel = x @ x.T
        kernel[np.diag_indices_from(kernel)] += self.penalty
        return centre, scale, np.asarray(x.T @ np.linalg.solve(kernel, y * roots), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class FittedRidge:
    """centre, scale, coefficients: (K,); scale is 0 for a column that never moved."""

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    coefficients: Floats
    intercept: float

    def predict(self, features: Floats) -> Floats:
        """See `FittedModel.predict`; what is not known counts as the training mean. Summed row by row, so that company changes no bit."""
        rows, is_asked = rows_to_ask(self.names, features)
        out = np.full(len(rows), np.nan)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            said = (standardised(rows[some], self.centre, self.scale) * self.coefficients).sum(axis=1) + self.intercept
            out[some] = np.where(is_asked[some], said, np.nan)
        return out

    def files(self) -> Files:
        figures = {name: getattr(self, name).tolist() for name in ("centre", "scale", "coefficients")}
        return {MODEL: head_file(KIND, self.names, {**figures, "intercept": self.intercept})}

    def importance(self) -> Floats:
        """Shares of the absolute coefficients."""
        size = np.abs(self.coefficients)
        total = float(size.sum())
        return size / total if total > 0 else size


def learner(words: Mapping[str, Any]) -> Learner:
    """From YAML: penalty."""
    if unknown := sorted(set(words) - {"penalty"}):
        raise Rejected(f"learner ridge: {unknown[0]!r}, expected penalty")
    return Ridge(**words)


def load(head: Mapping[str, Any], files: Files) -> FittedModel:
    """The model of `model.json`."""
    names = tuple(head["features"])
    figures = [np.asarray(head.get(name), np.float64) for name in ("centre", "scale", "coefficients")]
    intercept = head.get("intercept")
    if any(one.shape != (len(names),) or not np.isfinite(one).all() for one in figures) or not isinstance(intercept, int | float):
        raise Unreadable(
            f"model ridge: figures of shapes {[one.shape for one in figures]}, expected {len(names)} finite numbers each and an intercept"
        )
    return FittedRidge(names, figures[0], figures[1], figures[2], float(intercept))


def _centre(features: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """(K,) weighed means over the rows where a column is known, their weight, and the largest size of each."""
    total, mass, largest = (np.zeros(features.shape[1]) for _ in range(3))
    for first in range(0, len(features), ROWS_AT_ONCE):
        some = features[first : first + ROWS_AT_ONCE]
        weight = weights[first : first + ROWS_AT_ONCE]
        is_missing = np.isnan(some)
        if is_missing.any():
            filled = np.where(is_missing, 0.0, some)
            mass += weight @ ~is_missing
        else:
            filled = some
            mass += weight.sum()
        total += weight @ filled
        np.maximum(largest, np.maximum(filled.max(axis=0), -filled.min(axis=0)), out=largest)
    return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0), mass, largest
