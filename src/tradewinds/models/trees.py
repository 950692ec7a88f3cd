"""Gradient boosted trees. LightGBM grows them; they are kept as its own text and answered by `models.forest`, without LightGBM.

Deterministic: the same rows, parameters and version of LightGBM give the same text; of the number of threads depends only the line that
names it.
Source: Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree (2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.forest import Forest, forest_of, foretell
from tradewinds.models.learner import MODEL, Files, FittedModel, Learner, head_file, rows_to_ask
from tradewinds.models.sample import Floats, Sample

KIND = "lightgbm"
TREES = "trees.txt"
ROUNDS = 200
ROUNDS_MAX = 20_000
OBJECTIVES = ("regression", "regression_l1", "huber", "quantile")
"""Those whose raw score is the answer."""
WORDS = (
    "alpha", "bagging_fraction", "bagging_freq", "extra_trees", "feature_fraction", "feature_fraction_bynode", "lambda_l1", "lambda_l2",
    "learning_rate", "max_bin", "max_depth", "min_data_in_leaf", "min_gain_to_split", "min_sum_hessian_in_leaf", "num_leaves",
    "num_threads", "objective", "path_smooth", "seed",
)  # fmt: skip
DEFAULTS: Mapping[str, Any] = {"objective": "regression", "seed": 7, "num_threads": 1, "learning_rate": 0.05, "num_leaves": 31}
FIXED: Mapping[str, Any] = {"deterministic": True, "force_row_wise": True, "verbosity": -1}


@dataclass(frozen=True, slots=True)
class Trees:
    """rounds: trees grown. parameters: LightGBM's, of `WORDS`, over `DEFAULTS`."""

    rounds: int = ROUNDS
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.rounds) is not int or not 1 <= self.rounds <= ROUNDS_MAX:
            raise Rejected(f"learner lightgbm: rounds {self.rounds!r}, expected 1 to {ROUNDS_MAX}")
        if unknown := sorted(set(self.parameters) - set(WORDS)):
            raise Rejected(f"learner lightgbm: {unknown[0]!r}, expected rounds or one of {', '.join(WORDS)}")
        if (objective := self.parameters.get("objective", OBJECTIVES[0])) not in OBJECTIVES:
            raise Rejected(f"learner lightgbm: objective {objective!r}, expected one of {', '.join(OBJECTIVES)}")

    @property
    def kind(self) -> str:
        return KIND

    def fit(self, sample: Sample) -> FittedModel:
        """Raises DataFault where the rows have no weight, Rejected for parameters that LightGBM refuses."""
        if not len(sample) or float(sample.weight.sum()) <= 0:
            raise DataFault(f"lightgbm: {len(sample)} rows of weight {float(sample.weight.sum()):g}, expected some")
        import lightgbm

        # its own names may not hold commas and brackets, as those of features do
        names = [f"f{place}" for place in range(len(sample.names))]
        parameters = {**DEFAULTS, **self.parameters, **FIXED}
        rows = lightgbm.Dataset(sample.features, sample.label, weight=sample.weight, feature_name=names, params=parameters)
        try:
            text = lightgbm.train(parameters, rows, num_boost_round=self.rounds).model_to_string(num_iteration=-1)
        except lightgbm.basic.LightGBMError as error:
            raise Rejected(f"learner lightgbm: {error}, expected parameters that it can grow trees with") from None
        return _fitted(sample.names, text.encode())


@dataclass(frozen=True, slots=True, eq=False)
class FittedTrees:
    """text: as LightGBM writes it."""

    names: tuple[str, ...]
    text: bytes
    forest: Forest

    def predict(self, features: Floats) -> Floats:
        """See `FittedModel.predict`; what is not known goes the way the trees learned for it."""
        rows, is_asked = rows_to_ask(self.names, features)
        return np.where(is_asked, foretell(self.forest, rows), np.nan)

    def files(self) -> Files:
        return {MODEL: head_file(KIND, self.names, {}), TREES: self.text}

    def importance(self) -> Floats:
        """Shares of the gain of splits on each feature."""
        gain = np.bincount(self.forest.feature, weights=self.forest.gain, minlength=len(self.names)).astype(np.float64)
        total = float(gain.sum())
        return gain / total if total > 0 else gain


def learner(words: Mapping[str, Any]) -> Learner:
    """From YAML: rounds, and LightGBM's own words."""
    more = dict(words)
    return Trees(more.pop("rounds", ROUNDS), more)


def load(head: Mapping[str, Any], files: Files) -> FittedModel:
    """The model of `trees.txt`, every index checked before anything follows it."""
    if TREES not in files:
        raise Unreadable(f"model lightgbm: files {', '.join(sorted(files))}, expected {TREES} among them")
    return _fitted(tuple(head["features"]), files[TREES])


def _fitted(names: tuple[str, ...], text: bytes) -> FittedTrees:
    return FittedTrees(names, text, forest_of(text, len(names)))
