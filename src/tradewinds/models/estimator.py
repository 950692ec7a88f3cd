"""Any regressor of scikit-learn's that is listed here, kept by skops: a zip of arrays and plain JSON that names the types to build.

1. The estimator sees standardised features, what is not known as the mean. Where it draws, it draws from the seed; it runs in one thread.
2. What skops writes names objects by their place in memory; places are numbered and the zip's dates fixed, so that the same fit gives
   the same bytes.
3. Reading builds types of scikit-learn's that skops knows as harmless, and those of `TRUSTED`. Any other type is refused by name before
   anything is built.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.models.learner import MODEL, Files, FittedModel, Learner, head_file, rows_to_ask
from tradewinds.models.sample import Floats, Sample
from tradewinds.models.standard import moments, standardised

KIND = "sklearn"
ESTIMATOR = "estimator.skops"
SCHEMA = "schema.json"
SEED = 7
LONG_AGO = (1980, 1, 1, 0, 0, 0)
ALLOWED = (
    "sklearn.cross_decomposition.PLSRegression", "sklearn.ensemble.AdaBoostRegressor", "sklearn.ensemble.BaggingRegressor",
    "sklearn.ensemble.ExtraTreesRegressor", "sklearn.ensemble.GradientBoostingRegressor", "sklearn.ensemble.HistGradientBoostingRegressor",
    "sklearn.ensemble.RandomForestRegressor", "sklearn.linear_model.ARDRegression", "sklearn.linear_model.BayesianRidge",
    "sklearn.linear_model.ElasticNet", "sklearn.linear_model.HuberRegressor", "sklearn.linear_model.Lasso",
    "sklearn.linear_model.LinearRegression", "sklearn.linear_model.Ridge", "sklearn.neighbors.KNeighborsRegressor",
    "sklearn.neural_network.MLPRegressor", "sklearn.svm.LinearSVR", "sklearn.svm.SVR", "sklearn.tree.DecisionTreeRegressor",
)  # fmt: skip
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True, slots=True)
class Estimator:
    """name: dotted, one of `ALLOWED`. parameters: its own."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in ALLOWED:
            raise Rejected(f"learner sklearn: estimator {self.name!r}, expected one of {', '.join(ALLOWED)}")
        if not all(value is None or isinstance(value, str | int | float | list) for value in self.parameters.values()):
            raise Rejected(f"learner {self.name}: parameters {dict(self.parameters)!r}, expected plain values")

    @property
    def kind(self) -> str:
        return KIND

    def fit(self, sample: Sample) -> FittedModel:
        """Raises DataFault where the rows have no weight, Rejected for what the estimator refuses, or weights that it cannot heed."""
        if not len(sample) or float(sample.weight.sum()) <= 0:
            raise DataFault(f"{self.name}: {len(sample)} rows of weight {float(sample.weight.sum()):g}, expected some")
        estimator = self._estimator()
        centre, scale = moments(sample.features, sample.weight)
        x = standardised(sample.features, centre, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an iteration stopped early is seen in the scores
            try:
                if bool((sample.weight == sample.weight[0]).all()):
                    estimator.fit(x, sample.label)
                elif import_module("sklearn.utils.validation").has_fit_parameter(estimator, "sample_weight"):
                    estimator.fit(x, sample.label, sample_weight=sample.weight)
                else:
                    raise Rejected(
                        f"learner {self.name}: rows of different weights, expected an estimator that heeds them, or equal weights"
                    )
            except (ValueError, TypeError) as error:
                raise Rejected(f"learner {self.name}: {str(error).splitlines()[0]}, expected parameters and rows that it accepts") from None
        return FittedEstimator(sample.names, self.name, centre, scale, estimator, _canonical(_skops().dumps(estimator)))

    def _estimator(self) -> Any:
        made = _class(self.name)
        try:
            estimator = made(**self.parameters)
        except TypeError as error:
            raise Rejected(f"learner {self.name}: {error}, expected its own parameters") from None
        known = estimator.get_params()
        settled = {"random_state": SEED, "n_jobs": 1}
        estimator.set_params(**{name: value for name, value in settled.items() if name in known and name not in self.parameters})
        return estimator


@dataclass(frozen=True, slots=True, eq=False)
class FittedEstimator:
    """name: of the estimator. centre, scale: (K,). content: as skops writes it."""

    names: tuple[str, ...]
    name: str
    centre: Floats
    scale: Floats
    estimator: Any
    content: bytes

    def predict(self, features: Floats) -> Floats:
        """See `FittedModel.predict`; linear estimators may round the last digit otherwise in other company."""
        rows, is_asked = rows_to_ask(self.names, features)
        out = np.full(len(rows), np.nan)
        if bool(is_asked.any()):
            out[is_asked] = self.estimator.predict(standardised(rows[is_asked], self.centre, self.scale)).reshape(-1)
        return out

    def files(self) -> Files:
        more = {"estimator": self.name, "centre": self.centre.tolist(), "scale": self.scale.tolist()}
        return {MODEL: head_file(KIND, self.names, more), ESTIMATOR: self.content}

    def importance(self) -> Floats:
        """Shares of the estimator's own importances or absolute coefficients; equal where it tells none."""
        size = getattr(self.estimator, "feature_importances_", None)
        size = getattr(self.estimator, "coef_", None) if size is None else size
        shares = np.ones(len(self.names)) if size is None else np.abs(np.asarray(size, np.float64)).reshape(-1)
        total = float(shares.sum())
        return shares / total if total > 0 else shares


def learner(words: Mapping[str, Any]) -> Learner:
    """From YAML: estimator, and its own words."""
    more = dict(words)
    return Estimator(str(more.pop("estimator", "")), more)


def load(head: Mapping[str, Any], files: Files) -> FittedModel:
    """The model of `estimator.skops`. Raises Unreadable for a type that is not trusted, or another estimator than `model.json` names."""
    skops = _skops()
    content, name, names = files.get(ESTIMATOR), head.get("estimator"), tuple(head["features"])
    if content is None or name not in ALLOWED:
        raise Unreadable(f"model sklearn: {name!r} in files {', '.join(sorted(files))}, expected a listed estimator in {ESTIMATOR}")
    strange = sorted(set(skops.get_untrusted_types(data=content)) - set(TRUSTED))
    if strange:
        raise Unreadable(f"model sklearn: {ESTIMATOR} wants to build {', '.join(strange[:3])}, expected types of the trusted list")
    estimator = skops.loads(content, trusted=list(TRUSTED))
    if type(estimator) is not _class(name):
        raise Unreadable(f"model sklearn: {ESTIMATOR} holds {type(estimator).__name__}, expected {name}")
    centre, scale = (np.asarray(head.get(part), np.float64) for part in ("centre", "scale"))
    if centre.shape != (len(names),) or scale.shape != (len(names),) or estimator.n_features_in_ != len(names):
        raise Unreadable(f"model sklearn: {centre.shape}, {scale.shape} and {estimator.n_features_in_} features, expected {len(names)}")
    return FittedEstimator(names, name, centre, scale, estimator, content)


def _skops() -> Any:
    """`skops.io`. When first imported it asks every module of the process for its names, and some warn when they are asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("skops.io")


def _class(name: str) -> Any:
    module, _, made = name.rpartition(".")
    return getattr(import_module(module), made)


def _canonical(content: bytes) -> bytes:
    """The same zip, objects numbered in the order they are met and every date long ago."""
    numbers: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        schema = _numbered(json.loads(old.read(SCHEMA)), numbers)
        parts = {_renamed(name, numbers): old.read(name) for name in old.namelist() if name != SCHEMA}
    parts[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(parts):
            new.writestr(zipfile.ZipInfo(name, LONG_AGO), parts[name], zipfile.ZIP_DEFLATED, 6)
    return out.getvalue()


def _numbered(node: Any, numbers: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_numbered(one, numbers) for one in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            out[key] = int(numbers.setdefault(str(value), str(len(numbers))))
        elif key == "file":
            numbers.setdefault(str(value).partition(".")[0], str(len(numbers)))
            out[key] = _renamed(str(value), numbers)
        else:
            out[key] = _numbered(value, numbers)
    return out


def _renamed(name: str, numbers: Mapping[str, str]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{numbers.get(stem, stem)}{dot}{suffix}"
