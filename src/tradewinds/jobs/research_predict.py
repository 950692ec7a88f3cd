"""What the champions foretell for the last session: each model by itself, so that one that does not load takes none of the others along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from tradewinds.core.errors import Missing, Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.factors.features import Features
from tradewinds.history.panel import UNKNOWN_NS
from tradewinds.jobs.context import Context
from tradewinds.jobs.model_port import CHAMPION, Models
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import Book, day_ns, publish, session_name
from tradewinds.jobs.research_features import stored_features
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_tables import predictions_table
from tradewinds.models.learner import load_model

SESSIONS_BACK_DAYS = 10  # within which the last session lies


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
    gaps: list[str] = []
    answered: dict[str, str] = {}
    for name in names:
        try:
            rows, sha256, said = _answers(registry, name, features)
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
        detail={"session": session_name(int(features.times[-1])), "models": answered},
    )


def registry_of(context: Context) -> Models:
    """The registry; raises Rejected where none is wired."""
    if context.models is None:
        raise Rejected(f"{context.job}: no place for models is wired, expected a registry such as MLflow's")
    return context.models


def _answers(registry: Models, name: str, features: Features) -> tuple[pl.DataFrame, str, list[str]]:
    """(rows of the last session, the model's hash, what is to be said about it)."""
    kept = registry.resolve(f"models:/{name}@{CHAMPION}")
    model = load_model(registry.files(kept), sha256=kept.sha256)
    absent = [one for one in model.names if one not in features.names]
    if absent:
        raise Missing(
            f"features {absent} of version {kept.version} are no longer computed, expected them in the book, or a model trained anew"
        )
    asked = features.values[-1][:, [features.names.index(one) for one in model.names]]
    scores = model.predict(np.ascontiguousarray(asked))
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
    return rows, kept.sha256, said + ([f"model {name}: {silent} instruments without an answer"] if silent else [])
