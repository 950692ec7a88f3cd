"""The port of learners: rows in, a fitted model out, and a fitted model as files without pickle.

    learner = learner_of({"kind": "ridge", "penalty": 10.0})
    model = learner.fit(sample)
    same = load_model(model.files())

`model.json` names the kind and the features in order; what else a model needs stands in files beside it. A model's name for all time is
`files_hash`: SHA-256 over names, lengths and bytes of its files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from tradewinds.core.errors import Rejected, TradewindsError, Unreadable
from tradewinds.models.sample import Bools, Floats, Sample

MODEL = "model.json"
FORMAT = 1
FILES_BYTES_MAX = 2_000_000_000

Files = Mapping[str, bytes]


class FittedModel(Protocol):
    """What was learned. The same rows give the same bits, in whatever company they are asked about."""

    @property
    def names(self) -> tuple[str, ...]:
        """Features in the order that `predict` wants."""
        ...

    def predict(self, features: Floats) -> Floats:
        """(R,) of (R, K). NaN where no feature of a row is known or one is infinite. Raises Rejected for another number of features."""
        ...

    def files(self) -> Files:
        """Name to bytes, `model.json` among them; no pickle."""
        ...

    def importance(self) -> Floats:
        """(K,) share of each feature in what the model says, summing to 1 unless it says nothing."""
        ...


class Learner(Protocol):
    """How to learn. `fit` is deterministic: the same sample gives the same files."""

    @property
    def kind(self) -> str: ...

    def fit(self, sample: Sample) -> FittedModel: ...


# kind -> the module that has `learner(words) -> Learner` and `load(head, files) -> FittedModel`
KINDS: dict[str, str] = {
    "ridge": "tradewinds.models.ridge",
    "lightgbm": "tradewinds.models.trees",
    "sklearn": "tradewinds.models.estimator",
    "network": "tradewinds.models.network",
}


def learner_of(spec: Mapping[str, Any]) -> Learner:
    """The learner that a model's YAML declares: {kind: ridge, params: {penalty: 10}}. Raises Rejected for an unknown kind or word."""
    words = dict(spec)
    kind = words.pop("kind", None)
    words |= words.pop("params", {})
    if isinstance(kind, str) and kind.startswith("sklearn."):
        kind, words = "sklearn", {"estimator": kind, **words}
    if kind not in KINDS:
        raise Rejected(f"learner: kind {kind!r}, expected one of {', '.join(KINDS)}, or the dotted name of a scikit-learn estimator")
    make: Callable[[Mapping[str, Any]], Learner] = import_module(KINDS[kind]).learner
    return make(words)


def load_model(files: Files, *, sha256: str | None = None) -> FittedModel:
    """The model in these files. sha256: what `files_hash` must say, asked before anything is read.

    Raises Unreadable where they are not the files meant, or no model.
    """
    if sha256 is not None and (found := files_hash(files)) != sha256:
        raise Unreadable(f"model: files with SHA-256 {found}, expected {sha256}")
    head = head_of(files)
    load: Callable[[Mapping[str, Any], Files], FittedModel] = import_module(KINDS[head["kind"]]).load
    try:
        return load(head, files)
    except TradewindsError:
        raise
    except Exception as error:  # noqa: BLE001  # decoders of other libraries raise whatever they like
        raise Unreadable(
            f"model of kind {head['kind']}: {type(error).__name__}: {str(error)[:200]}, expected files that it can be read from"
        ) from None


def files_hash(files: Files) -> str:
    """SHA-256 over names, lengths and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()


def head_file(kind: str, names: Sequence[str], more: Mapping[str, Any]) -> bytes:
    """`model.json` of a kind; `more` must be plain JSON. Floats keep every bit."""
    head = {"format": FORMAT, "kind": kind, "features": list(names), **more}
    return (json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode()


def head_of(files: Files) -> Mapping[str, Any]:
    """What `model.json` says, checked as far as every kind needs it."""
    if MODEL not in files:
        raise Unreadable(f"model: files {', '.join(sorted(files)) or 'none'}, expected {MODEL} among them")
    if sum(map(len, files.values())) > FILES_BYTES_MAX:
        raise Unreadable(f"model: more than {FILES_BYTES_MAX} bytes of files, expected fewer")
    try:
        head = json.loads(files[MODEL])
    except ValueError as error:
        raise Unreadable(f"model: {MODEL}: {error}, expected JSON") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT or head.get("kind") not in KINDS:
        said = f"format {head.get('format')!r}, kind {head.get('kind')!r}" if isinstance(head, dict) else type(head).__name__
        raise Unreadable(f"model: {MODEL}: {said}, expected format {FORMAT} and one of the kinds {', '.join(KINDS)}")
    names = head.get("features")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Unreadable(f"model: {MODEL}: features {str(names)[:80]}, expected a list of names")
    return head


def rows_to_ask(names: Sequence[str], features: Floats) -> tuple[Floats, Bools]:
    """The features as float64 rows, and which rows a model can say something about: all finite or NaN, not all NaN."""
    if features.ndim != 2 or features.shape[1] != len(names):
        raise Rejected(
            f"model: features of shape {features.shape}, expected (rows, {len(names)}) in the order of {', '.join(names[:5])}, ..."
        )
    rows = np.ascontiguousarray(features, np.float64)
    return rows, np.asarray(~np.isinf(rows).any(axis=1) & ~np.isnan(rows).all(axis=1), np.bool_)
