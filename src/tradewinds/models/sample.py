"""Rows to learn from: what was known at a decision, and what came after it.

A row is one instrument at one decision. Its label is earned over the span (start, end]: from the price of `starts_ns` to that of
`label_end_ns`. Nothing of it is known at the decision, or the row is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text

if TYPE_CHECKING:
    from tradewinds.models.label import Label

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """R rows of K features, in the order of their decisions.

    times: (R,) decisions. instruments: (R,) positions in `universe`. features: (R, K), NaN where not known. label: (R,) finite.
    starts_ns, label_end_ns: (R,) span of each label. weight: (R,) at least 0. names: (K,).
    Raises Rejected for shapes that do not fit, rows out of order, infinite values, and labels that are known at their decision.
    """

    names: tuple[str, ...]
    universe: tuple[str, ...]
    times: Ints
    instruments: Ints
    features: Floats
    label: Floats
    starts_ns: Ints
    label_end_ns: Ints
    weight: Floats

    def __post_init__(self) -> None:
        rows = len(self.times)
        if self.features.shape != (rows, len(self.names)):
            raise Rejected(f"sample: features of shape {self.features.shape}, expected ({rows}, {len(self.names)})")
        for name in ("instruments", "label", "starts_ns", "label_end_ns", "weight"):
            if getattr(self, name).shape != (rows,):
                raise Rejected(f"sample: {name} of shape {getattr(self, name).shape}, expected ({rows},)")
        if rows and bool((np.diff(self.times) < 0).any()):
            raise Rejected("sample: decisions out of order, expected rows sorted by time")
        check_spans(self.times, self.starts_ns, self.label_end_ns)
        _check_values(self)

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: Ints | Bools) -> Sample:
        """Some of the rows, which keep their order."""
        return replace(
            self, times=self.times[rows], instruments=self.instruments[rows], features=self.features[rows], label=self.label[rows],
            starts_ns=self.starts_ns[rows], label_end_ns=self.label_end_ns[rows], weight=self.weight[rows],
        )  # fmt: skip

    def only(self, names: Sequence[str]) -> Sample:
        """Some of the features, in this order; raises Rejected for one that is not there."""
        places = {name: place for place, name in enumerate(self.names)}
        missing = [name for name in names if name not in places]
        if missing:
            raise Rejected(f"sample: feature {missing[0]!r}, expected one of {', '.join(self.names[:20])}")
        return replace(self, names=tuple(names), features=np.ascontiguousarray(self.features[:, [places[name] for name in names]]))


def sample_of(
    names: Sequence[str],
    universe: Sequence[str],
    decision_ns: Ints,
    features: Floats,
    label: Label,
    *,
    known_ns: Ints | None = None,
    is_member: Bools | None = None,
) -> Sample:
    """The rows of a panel that have a label and at least one known feature.

    decision_ns: (T,). features: (T, N, K). label: of (T, N). known_ns: (T, N), when the last input of a cell was known; a cell used
    before that is refused. is_member: (T, N), whether the instrument belonged to the universe as known then; others are left out.
    Weights are 1; see `models.uniqueness`. Raises DataFault where no row is left.
    """
    times, instruments = label.values.shape
    if features.shape != (times, instruments, len(names)) or len(decision_ns) != times or len(universe) != instruments:
        raise Rejected(
            f"sample: features {features.shape}, labels {label.values.shape}, {len(decision_ns)} decisions, {len(universe)} instruments, "
            f"expected ({len(decision_ns)}, {len(universe)}, {len(names)})"
        )
    is_row = np.isfinite(label.values) & ~np.isnan(features).all(axis=2)
    if is_member is not None:
        is_row &= is_member
    if known_ns is not None:
        _check_known(is_row, decision_ns, known_ns, universe)
    row, column = np.nonzero(is_row)
    if not len(row):
        raise DataFault(f"sample: 0 of {is_row.size} cells have a label and a feature, expected at least one")
    return Sample(
        tuple(names), tuple(universe), np.ascontiguousarray(decision_ns[row]), column.astype(np.int64),
        np.ascontiguousarray(features[row, column], np.float64), label.values[row, column],
        label.starts_ns[row], label.ends_ns[row, column], np.ones(len(row)),
    )  # fmt: skip


def check_spans(times: Ints, starts_ns: Ints, ends_ns: Ints) -> None:
    """Raise Rejected unless every label starts no earlier than its decision and ends after it starts."""
    is_wrong = (starts_ns < times) | (ends_ns <= starts_ns)
    if bool(is_wrong.any()):
        first = int(np.argmax(is_wrong))
        raise Rejected(
            f"label of the decision at {text(int(times[first]))}: spans {text(int(starts_ns[first]))} to {text(int(ends_ns[first]))}, "
            f"expected a span after the decision ({int(is_wrong.sum())} of {len(times)} rows)"
        )


def _check_known(is_row: Bools, decision_ns: Ints, known_ns: Ints, universe: Sequence[str]) -> None:
    is_early = is_row & (known_ns > decision_ns[:, None])
    if bool(is_early.any()):
        row, column = (int(place[0]) for place in np.nonzero(is_early))
        raise Rejected(
            f"features of {universe[column]} for the decision at {text(int(decision_ns[row]))}: "
            f"known at {text(int(known_ns[row, column]))}, expected by the decision ({int(is_early.sum())} of {int(is_row.sum())} cells)"
        )


def _check_values(sample: Sample) -> None:
    is_infinite = np.isinf(sample.features).any(axis=0)
    if bool(is_infinite.any()):
        raise Rejected(
            f"sample: infinite values of {sample.names[int(np.argmax(is_infinite))]}, expected finite ones, or NaN where not known"
        )
    if not bool(np.isfinite(sample.label).all()):
        raise Rejected("sample: a label that is no number, expected rows with labels only")
    if bool((~np.isfinite(sample.weight) | (sample.weight < 0)).any()):
        raise Rejected("sample: a weight below 0 or not finite, expected weights of at least 0")
