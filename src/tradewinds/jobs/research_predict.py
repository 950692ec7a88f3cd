"""What the champions foretell for the last session: each model by itself, so that one that does not load takes none of the others along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Missing, Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.factors.features import Features
from tradewinds.history.panel import UNKNOWN_NS
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.model_port import CHAMPION, Models
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import behind, day_ns, publish, session_name
from tradewinds.jobs.research_features import stored_features
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_tables import predictions_table
from tradewinds.models.drift import Reference, drift, reference_in
from tradewinds.models.learner import load_model

Floats = NDArray[np.float64]

SESSIONS_BACK_DAYS = 45  # within which the last session lies, and those that drift is measured on


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Publish the answers of every model of the book for its last session by the partition's day."""
    return run_step(context, partition, params, step="predict", work=predict)


def models_of(context: Context, book: Book) -> list[str]:
    """The names of the book's models."""
    return sorted(name for name, model in context.config.models.items() if model.research == book.name)


def predict(context: Context, book: Book, partition: str) -> Ended:
    names = models_of(context, book)
    if not names:
        return Ended(detail={"models": {}})
    registry = registry_of(context)
    end_ns = day_ns(partition) + NS_PER_DAY
    features = stored_features(context, book, start_ns=end_ns - SESSIONS_BACK_DAYS * NS_PER_DAY, end_ns=end_ns)
    new = restated = 0
    gaps = behind(book, partition, int(features.times[-1]), "features are")
    answered: dict[str, str] = {}
    moved: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        try:
            rows, sha256, said, moved[name] = _answers(registry, name, features)
        except TradewindsError as error:
            gaps.append(f"model {name}: {error}")
            continue
        gaps += said
        answered[name] = sha256
        added, changed = publish(context, predictions_table(book.name), rows)
        new, restated = new + added, restated + changed
    return Ended(
        rows_in=len(features.instruments),
        rows_new=new,
        rows_restated=restated,
        gaps=gaps,
        detail={"session": session_name(int(features.times[-1])), "models": answered, "drift": moved},
    )


def registry_of(context: Context) -> Models:
    """The registry; raises Rejected where none is wired."""
    if context.models is None:
        raise Rejected(f"{context.job}: no place for models is wired, expected a registry such as MLflow's")
    return context.models


def _answers(registry: Models, name: str, features: Features) -> tuple[pl.DataFrame, str, list[str], list[dict[str, Any]]]:
    """(rows of the last session, the model's hash, what is to be said about it, how far what it is asked has moved)."""
    kept = registry.resolve(f"models:/{name}@{CHAMPION}")
    files = registry.files(kept)
    model = load_model(files, sha256=kept.sha256)
    absent = [one for one in model.names if one not in features.names]
    if absent:
        raise Missing(
            f"features {absent} of version {kept.version} are no longer computed, expected them in the book, or a model trained anew"
        )
    columns = [features.names.index(one) for one in model.names]
    scores = model.predict(np.ascontiguousarray(features.values[-1][:, columns]))
    recent = np.ascontiguousarray(features.values[:, :, columns].reshape(-1, len(columns)))
    known = features.known_ns[-1]
    is_row = np.isfinite(scores) & (known != UNKNOWN_NS)
    chosen = np.flatnonzero(is_row)
    rows = pl.DataFrame(
        {
            "instrument": [features.instruments[place] for place in chosen],
            "start_ns": np.full(len(chosen), features.times[-1]),
            "event_ns": np.full(len(chosen), features.event_ns[-1]),
            "known_ns": known[chosen],
            "model": [name] * len(chosen),
            "version": [kept.version] * len(chosen),
            "sha256": [kept.sha256] * len(chosen),
            "score": scores[chosen],
        }
    )
    said = [f"model {name}: the registry is away; version {kept.version}, pinned on this machine, answers"] if kept.is_remembered else []
    silent = len(features.instruments) - len(chosen)
    said += [f"model {name}: {silent} instruments without an answer"] if silent else []
    return rows, kept.sha256, said, _moved(reference_in(files), recent, model.predict(recent))


def _moved(reference: Reference | None, rows: Floats, scores: Floats) -> list[dict[str, Any]]:
    """How far recent rows and what is said about them lie from training; nothing where no reference was kept."""
    if reference is None:
        return []
    is_asked = ~np.isnan(rows).all(axis=1)
    return [one.as_json() for one in drift(reference, np.column_stack([rows, scores])[is_asked])]
