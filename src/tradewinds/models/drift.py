"""Whether what a model is asked about today still looks like what it learned from.

Population stability index over the deciles of the training rows, with what is not known as a bin of its own:
sum over bins of (now - then) ln(now / then); below 0.1 steady, from 0.25 far.
Kolmogorov-Smirnov: the largest distance between the distribution functions, and the probability of one as large by chance.

Of the training rows the hundredths are kept (`reference.json` beside the model), so that the distance is known to a hundredth.
Sources: Siddiqi, Credit Risk Scorecards (2006), p. 136; Press et al., Numerical Recipes (2007), 14.3.3.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.models.learner import Files, load_model
from tradewinds.models.sample import Floats, Sample

REFERENCE = "reference.json"
PREDICTION = "prediction"
HUNDREDTHS = 101
BINS = 10
STEADY_MAX, MOVED_MAX = 0.1, 0.25
SHARE_MIN = 1e-4
"""An empty bin counts as this share."""
ROWS_MIN = 50
TERMS = 101

State = Literal["steady", "moved", "far", "not known"]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """names: of features, the prediction last. quantiles: (K, 101), NaN where nothing was known. unknown: (K,) shares. rows: counted."""

    names: tuple[str, ...]
    quantiles: Floats
    unknown: Floats
    rows: int


@dataclass(frozen=True, slots=True)
class Drift:
    """Of one feature, or of the prediction. ks: distance, p: its chance; unknown: share now. Not known below `ROWS_MIN` rows."""

    name: str
    state: State
    psi: float
    ks: float
    p: float
    unknown: float

    def as_json(self) -> dict[str, Any]:
        """NaN as None."""
        told = {"name": self.name, "state": self.state, "psi": self.psi, "ks": self.ks, "p": self.p, "unknown": self.unknown}
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in told.items()}


def with_reference(files: Files, sample: Sample) -> Files:
    """A model's files with what the rows it learned from looked like, and its predictions of them."""
    said = load_model(files).predict(sample.features)
    found = reference_of((*sample.names, PREDICTION), np.column_stack([sample.features, said]))
    known = [None if math.isnan(row[0]) else row for row in found.quantiles.tolist()]
    told = {"names": list(found.names), "quantiles": known, "unknown": found.unknown.tolist(), "rows": found.rows}
    return {**files, REFERENCE: (json.dumps(told, separators=(",", ":")) + "\n").encode()}


def reference_of(names: Sequence[str], rows: Floats) -> Reference:
    """What rows (R, K) look like."""
    if rows.ndim != 2 or rows.shape[1] != len(names) or not len(rows):
        raise Rejected(f"drift: rows of shape {rows.shape}, expected some of {len(names)} columns")
    quantiles = np.full((len(names), HUNDREDTHS), np.nan)
    for place in range(len(names)):
        known = rows[np.isfinite(rows[:, place]), place]
        if len(known):
            quantiles[place] = np.quantile(known, np.linspace(0.0, 1.0, HUNDREDTHS))
    return Reference(tuple(names), quantiles, np.asarray((~np.isfinite(rows)).mean(axis=0), np.float64), len(rows))


def reference_in(files: Files) -> Reference | None:
    """The reference beside a model, None where there is none; raises Unreadable for a broken one."""
    if REFERENCE not in files:
        return None
    try:
        told = json.loads(files[REFERENCE])
        quantiles = np.array([[math.nan] * HUNDREDTHS if row is None else row for row in told["quantiles"]], np.float64)
        unknown = np.array(told["unknown"], np.float64)
        found = Reference(tuple(told["names"]), quantiles, unknown, int(told["rows"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"drift: {REFERENCE}: {type(error).__name__} {error}, expected quantiles of each feature") from None
    if quantiles.shape != (len(found.names), HUNDREDTHS) or unknown.shape != (len(found.names),):
        raise Unreadable(f"drift: {REFERENCE}: quantiles {quantiles.shape}, expected ({len(found.names)}, {HUNDREDTHS})")
    return found


def drift(reference: Reference, rows: Floats) -> tuple[Drift, ...]:
    """Of each column of rows (R, K), which are named as the reference's are."""
    if rows.ndim != 2 or rows.shape[1] != len(reference.names):
        raise Rejected(f"drift: rows of shape {rows.shape}, expected {len(reference.names)} columns")
    return tuple(_of(reference, place, rows[:, place]) for place in range(len(reference.names)))


def _of(reference: Reference, place: int, values: Floats) -> Drift:
    name, unknown_then = reference.names[place], float(reference.unknown[place])
    known = np.sort(values[np.isfinite(values)])
    unknown = 1.0 - len(known) / len(values) if len(values) else math.nan
    if len(values) < ROWS_MIN:
        return Drift(name, "not known", math.nan, math.nan, math.nan, unknown)
    quantiles = reference.quantiles[place]
    psi = _psi(quantiles, unknown_then, known, unknown)
    ks, p = _kolmogorov(quantiles, known, reference.rows * (1.0 - unknown_then))
    return Drift(name, "steady" if psi < STEADY_MAX else "moved" if psi < MOVED_MAX else "far", psi, ks, p, unknown)


def _psi(quantiles: Floats, unknown_then: float, known: Floats, unknown: float) -> float:
    edges = np.unique(quantiles[:: (HUNDREDTHS - 1) // BINS][1:-1]) if not math.isnan(quantiles[0]) else np.empty(0)
    # shares of the training rows from all hundredths, so that values that many rows share keep their weight
    then = np.bincount(np.searchsorted(edges, quantiles, "left"), minlength=len(edges) + 1) if len(edges) else np.ones(1)
    now = np.bincount(np.searchsorted(edges, known, "left"), minlength=len(edges) + 1).astype(np.float64)
    shares_then = np.append(then / then.sum() * (1.0 - unknown_then), unknown_then)
    shares_now = np.append(now / max(len(known), 1) * (1.0 - unknown), unknown)
    a, b = np.maximum(shares_now, SHARE_MIN), np.maximum(shares_then, SHARE_MIN)
    return float(((a - b) * np.log(a / b)).sum())


def _kolmogorov(quantiles: Floats, known: Floats, rows_then: float) -> tuple[float, float]:
    if not len(known) or math.isnan(quantiles[0]) or rows_then < 1:
        return math.nan, math.nan
    then = np.searchsorted(quantiles, quantiles, "right") / HUNDREDTHS
    now = np.searchsorted(known, quantiles, "right") / len(known)
    distance = float(np.abs(then - now).max())
    size = math.sqrt(rows_then * len(known) / (rows_then + len(known)))
    return distance, _chance((size + 0.12 + 0.11 / size) * distance)


def _chance(x: float) -> float:
    """Q(x) = 2 sum over j of (-1)^(j-1) exp(-2 j^2 x^2)."""
    if x < 0.2:
        return 1.0
    total = 2.0 * math.fsum((1.0 if j % 2 else -1.0) * math.exp(-2.0 * j * j * x * x) for j in range(1, TERMS))
    return min(max(total, 0.0), 1.0)
