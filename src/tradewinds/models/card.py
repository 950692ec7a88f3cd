"""The card of a model: from what it was made, how good it was on rows it had not seen, and the hash of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from tradewinds.core.errors import Unreadable
from tradewinds.core.instant import text
from tradewinds.models.learner import Files, files_hash, load_model
from tradewinds.models.sample import Sample
from tradewinds.models.train import OutOfSample

CARD = "card.json"
FORMAT = 1
HEX = 64


@dataclass(frozen=True, slots=True)
class ModelCard:
    """name: of the model. sha256: over its files. as_of_ns: what was known then went in; tables: table -> version read.

    label, learner, walk: as declared. features: in order, each with its share of the importance. trained_from_ns, trained_to_ns: decisions
    of the first and last row; rows, instruments: counted. code: version of the code. scores, fold_scores: out of sample, as
    `Score.as_json`. trials: models of this name that were tried, this one included. partition: of the training run, or "".
    """

    name: str
    sha256: str
    as_of_ns: int
    tables: Mapping[str, int]
    label: Mapping[str, Any]
    learner: Mapping[str, Any]
    walk: Mapping[str, Any]
    features: Mapping[str, float]
    trained_from_ns: int
    trained_to_ns: int
    rows: int
    instruments: int
    code: str
    scores: Mapping[str, Any]
    fold_scores: Sequence[Mapping[str, Any]] = ()
    trials: int = 1
    notes: Sequence[str] = ()
    partition: str = ""

    def to_bytes(self) -> bytes:
        """As JSON, for people and for `card_of`."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    def as_markdown(self) -> str:
        """For people: a page."""
        figures = [f"| {name} | {_said(value)} |" for name, value in self.scores.items()]
        shares = sorted(self.features.items(), key=lambda one: -one[1])[:20]
        return "\n".join(
            [
                f"# {self.name}",
                "",
                f"Files: SHA-256 `{self.sha256}`. Code: {self.code}. Data as known at {text(self.as_of_ns)}.",
                f"Trained on {self.rows} rows of {self.instruments} instruments, decisions from {text(self.trained_from_ns)} "
                f"to {text(self.trained_to_ns)}.",
                f"Label: `{json.dumps(dict(self.label), sort_keys=True)}`. Learner: `{json.dumps(dict(self.learner), sort_keys=True)}`. "
                f"Walk: `{json.dumps(dict(self.walk), sort_keys=True)}`. Models tried: {self.trials}.",
                *("", *(f"- {note}" for note in self.notes)) * bool(self.notes),
                "",
                "| out of sample | |",
                "|---|---|",
                *figures,
                "",
                "| feature | share |",
                "|---|---|",
                *(f"| {name} | {share:.3f} |" for name, share in shares),
                "",
                "| table | version |",
                "|---|---|",
                *(f"| {name} | {version} |" for name, version in sorted(self.tables.items())),
                "",
            ]
        )


def card(
    name: str,
    files: Files,
    sample: Sample,
    found: OutOfSample,
    *,
    label: Mapping[str, Any],
    learner: Mapping[str, Any],
    walk: Mapping[str, Any],
    as_of_ns: int,
    tables: Mapping[str, int],
    code: str,
    trials: int = 1,
    notes: Sequence[str] = (),
    partition: str = "",
) -> ModelCard:
    """The card of a model in these files, learned from `sample` and judged by `found`."""
    importance = load_model(files).importance()
    return ModelCard(
        name=name,
        sha256=files_hash(files),
        as_of_ns=as_of_ns,
        tables=dict(tables),
        label=dict(label),
        learner=dict(learner),
        walk=dict(walk),
        features={feature: float(share) for feature, share in zip(sample.names, importance, strict=True)},
        trained_from_ns=int(sample.times[0]),
        trained_to_ns=int(sample.times[-1]),
        rows=len(sample),
        instruments=len(np.unique(sample.instruments)),
        code=code,
        scores=found.score().as_json(),
        fold_scores=tuple({"fold": number, **one.as_json()} for number, one in found.fold_scores().items()),
        trials=trials,
        notes=tuple(notes),
        partition=partition,
    )


def card_of(content: bytes) -> ModelCard:
    """The card in these bytes; raises Unreadable for anything else."""
    try:
        told = json.loads(content)
        if told.pop("format", None) != FORMAT:
            raise ValueError("another format")
        told |= {name: tuple(told.get(name, ())) for name in ("fold_scores", "notes")}
        known = {one.name for one in fields(ModelCard)}
        found = ModelCard(**{name: value for name, value in told.items() if name in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"model card: {type(error).__name__}: {str(error)[:120]}, expected JSON of format {FORMAT}") from None
    if len(found.sha256) != HEX:
        raise Unreadable(f"model card of {found.name}: SHA-256 {found.sha256!r}, expected {HEX} hexadecimal digits")
    return found


def _said(value: Any) -> str:
    return "not known" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
