"""A model in the hands of a strategy: `params.model.scores(panel)`.

A parameter that names a model is text, `models:/trend@champion`. Whoever starts a run resolves it and puts a `BoundModel` in its place:
text still, `models:/trend/7#<sha256>`, wherever text is kept (results, journals, fingerprints), and the loaded model for the strategy. So a
strategy reads no file, and what decided is known to the byte.

`features.json` beside a model says by which expressions its features are computed (`factors.expression`).

Scores are to the bit those of the features it was trained on, and the same in a backtest and live, where the panel reaches back `lookback`
and `warm_up` bars: recursive indicators begin afresh at instants that only time decides, as in `factors.features`. On a shorter panel they
begin at its first bar, and differ by what the factor declares as its error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tradewinds.core.errors import Unreadable
from tradewinds.factors.expression import parse
from tradewinds.factors.features import SEGMENT_STEPS, edges_of, months_of
from tradewinds.factors.steps import MONTH
from tradewinds.factors.term import MEMBERS, Term, evaluate, first_row
from tradewinds.models.learner import Files, FittedModel, files_hash, load_model
from tradewinds.models.name import Fields, ModelName
from tradewinds.models.sample import Floats

FEATURES = "features.json"


class BoundModel(ModelName):
    """See the module. Two are equal where their text is, hash included."""

    __slots__ = ("expressions", "files", "fitted", "sha256")
    fitted: FittedModel
    files: Files
    sha256: str
    expressions: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Features in the order of `predict`."""
        return self.fitted.names

    @property
    def lookback(self) -> int:
        return 1 + max(int(term.lookback) for term in self._terms())

    @property
    def warm_up(self) -> int:
        """Bars before the lookback from which no score depends on where the panel begins, not to the bit; 0 without recursive features."""
        furthest = -first_row(self._terms(), 0, lambda row: row - SEGMENT_STEPS + 1)
        return max(0, furthest + 1 - self.lookback)

    def predict(self, features: Floats) -> Floats:
        return self.fitted.predict(features)

    def scores(self, panel: Fields) -> Floats:
        terms = self._terms()
        names = {name for term in terms for name in term.fields} - {MEMBERS, MONTH}
        fields = {name: panel.field(name) for name in sorted(names | {"close"})}
        trades = np.isfinite(fields["close"])
        if not trades.all():
            fields[MEMBERS] = trades.astype(np.float64)
        if any(MONTH in term.fields for term in terms):
            fields[MONTH] = np.repeat(months_of(panel.times)[:, None], trades.shape[1], axis=1)
        is_recursive = any(term.error > 0.0 for term in terms)
        values = evaluate(terms, fields, edges=edges_of(panel.times).tolist() if is_recursive else ())
        rows = np.stack([np.where(trades, one, np.nan).ravel() for one in values], axis=1)
        return self.fitted.predict(rows).reshape(trades.shape)

    def __reduce__(self) -> Any:
        return bound, (str(self), dict(self.files))

    def _terms(self) -> list[Term]:
        return [parse(self.expressions.get(name, name)).steps for name in self.names]


def bound(name: str, files: Files) -> BoundModel:
    """The model in these files under its pinned name; a name that ends in `#<sha256>` must be theirs. Raises as `load_model`."""
    plain, _, said = name.partition("#")
    sha256 = said or files_hash(files)
    made = BoundModel(f"{plain}#{sha256}")
    made.fitted, made.files, made.sha256 = load_model(files, sha256=sha256), files, sha256
    made.expressions = _expressions(files)
    return made


def with_features(files: Files, expressions: Mapping[str, str]) -> Files:
    """A model's files with the expressions of its features, by name."""
    return {**files, FEATURES: (json.dumps(dict(expressions), sort_keys=True) + "\n").encode()}


def _expressions(files: Files) -> Mapping[str, str]:
    try:
        told = json.loads(files.get(FEATURES, b"{}"))
    except ValueError as error:
        raise Unreadable(f"model: {FEATURES}: {error}, expected JSON") from None
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise Unreadable(f"model: {FEATURES}: {str(told)[:80]}, expected an expression for each feature's name")
    return told
