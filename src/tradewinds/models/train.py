"""Training as plain functions: arrays in, files out; so that any worker can do a part.

splits = walk_forward(sample, how)
part = train_folds(sample, {"kind": "ridge"}, splits[3:5])      # anywhere; part.to_bytes() travels
whole = joined([part, ...])                                     # what was foretold of rows that were not trained on
files = train({"kind": "ridge"}, latest(sample, how))           # the model that is used from now on
whole.score(), whole.fold_scores()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.arrays import of_bytes, to_bytes
from tradewinds.models.learner import Files, learner_of
from tradewinds.models.sample import Floats, Ints, Sample
from tradewinds.models.score import YEAR_SESSIONS, Decisions, Score, by_decision, score
from tradewinds.models.split import Split, WalkForward

_ARRAYS = ("fold", "times", "instruments", "prediction", "label", "starts_ns", "label_end_ns")
_INTS = ("fold", "times", "instruments", "starts_ns", "label_end_ns")


@dataclass(frozen=True, slots=True, eq=False)
class OutOfSample:
    """What was foretold of rows that were not trained on, and what came. All (R,), in the order of decisions; fold: the split's number."""

    universe: tuple[str, ...]
    fold: Ints
    times: Ints
    instruments: Ints
    prediction: Floats
    label: Floats
    starts_ns: Ints
    label_end_ns: Ints

    def score(self, *, year: float = YEAR_SESSIONS) -> Score:
        """Of all rows together; see `models.score`."""
        return score(self.times, self.instruments, self.prediction, self.label, self.starts_ns, self.label_end_ns, year=year)

    def fold_scores(self, *, year: float = YEAR_SESSIONS) -> dict[int, Score]:
        """Of each fold alone."""
        return {int(number): self._only(number).score(year=year) for number in np.unique(self.fold)}

    def decisions(self) -> Decisions:
        """Figures of each decision."""
        return by_decision(self.times, self.instruments, self.prediction, self.label, self.starts_ns, self.label_end_ns)

    def to_bytes(self) -> bytes:
        """As an archive of plain arrays, which `out_of_sample_of` reads."""
        return to_bytes({"universe": np.array(self.universe, np.str_), **{name: getattr(self, name) for name in _ARRAYS}})

    def _only(self, number: int) -> OutOfSample:
        chosen = self.fold == number
        return OutOfSample(self.universe, *(getattr(self, name)[chosen] for name in _ARRAYS))


def train(spec: Mapping[str, Any], sample: Sample) -> Files:
    """The files of a model of this kind, learned from all rows of the sample; raises as its learner does."""
    return learner_of(spec).fit(sample).files()


def train_folds(sample: Sample, spec: Mapping[str, Any], splits: Sequence[Split]) -> OutOfSample:
    """Learn from each split's training rows and foretell its test rows."""
    learner = learner_of(spec)
    parts = []
    for split in splits:
        test = sample.take(split.test)
        said = learner.fit(sample.take(split.train)).predict(test.features)
        parts.append(
            OutOfSample(
                sample.universe, np.full(len(test), split.number, np.int64), test.times, test.instruments, said, test.label, test.starts_ns,
                test.label_end_ns,
            )
        )  # fmt: skip
    return joined(parts)


def joined(parts: Sequence[OutOfSample]) -> OutOfSample:
    """Parts of one walk, in any order, as one. Raises Rejected for parts of different universes, a fold twice, or none."""
    if not parts or len({part.universe for part in parts}) > 1:
        raise Rejected(f"out of sample: {len(parts)} parts over {len({part.universe for part in parts})} universes, expected one universe")
    folds = [int(number) for part in parts for number in np.unique(part.fold)]
    if len(set(folds)) < len(folds):
        raise Rejected(f"out of sample: folds {sorted(folds)}, expected each once")
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    order = np.lexsort((whole["instruments"], whole["times"]))
    return OutOfSample(parts[0].universe, *(whole[name][order] for name in _ARRAYS))


def out_of_sample_of(content: bytes) -> OutOfSample:
    """What `to_bytes` wrote; raises Unreadable for anything else."""
    arrays = of_bytes(content, "out of sample")
    missing = [name for name in ("universe", *_ARRAYS) if name not in arrays]
    if missing:
        raise Unreadable(f"out of sample: no {missing[0]}, expected {', '.join(_ARRAYS)}")
    found: dict[str, Any] = {name: np.asarray(arrays[name], np.int64 if name in _INTS else np.float64) for name in _ARRAYS}
    universe = tuple(str(name) for name in arrays["universe"])
    if len({len(values) for values in found.values()}) != 1:
        raise Unreadable("out of sample: arrays of different lengths, expected one a row each")
    return OutOfSample(universe, *(found[name] for name in _ARRAYS))


def latest(sample: Sample, how: WalkForward) -> Sample:
    """The rows that the next fold would train on: the last `train` decisions, or all of an expanding walk."""
    decisions = np.unique(sample.times)
    if not len(decisions):
        raise DataFault("training: no rows, expected some")
    first = 0 if how.window == "expanding" else max(0, len(decisions) - how.train)
    return sample.take(sample.times >= decisions[first])
