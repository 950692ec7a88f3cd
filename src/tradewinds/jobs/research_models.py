"""Models on the page of a night: champion and challenger of each, with what they did out of sample, and how far their input moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Missing
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import FAR_FUTURE_NS
from tradewinds.jobs.model_port import CHALLENGER, CHAMPION
from tradewinds.jobs.research_book import day_ns, session_name
from tradewinds.jobs.research_predict import models_of, registry_of
from tradewinds.jobs.research_tables import out_of_sample_table
from tradewinds.models.drift import MOVED_MAX
from tradewinds.models.score import information_coefficients
from tradewinds.report import night_data as page
from tradewinds.report.night_parts import had

Floats = NDArray[np.float64]

SCORES_SHOWN = ("ic", "ic_t", "p", "sharpe")


def models_night(context: Context, book: Book, moved: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[page.ModelNight, ...]:
    """Each model of the book; moved: its drift by name, as the predictions ended. Raises Missing where there are none."""
    names = models_of(context, book)
    if not names:
        raise Missing("the book has no models, expected files in the workspace's models folder")
    return tuple(_model_night(context, book, name, moved.get(name, ())) for name in names)


def _model_night(context: Context, book: Book, name: str, moved: Sequence[Mapping[str, Any]]) -> page.ModelNight:
    aliases = had(registry_of(context).aliases, name)
    if isinstance(aliases, page.Absent):
        return page.ModelNight(name, aliases)
    far = tuple(page.Drift(one["name"], "psi", one["psi"], MOVED_MAX) for one in moved if one["psi"] is not None)
    challenger = had(_scored, context, book, name, CHALLENGER) if CHALLENGER in aliases else None
    return page.ModelNight(name, had(_scored, context, book, name, CHAMPION), challenger, drift=far)


def _scored(context: Context, book: Book, name: str, alias: str) -> page.Scored:
    registry = registry_of(context)
    kept = registry.resolve(f"models:/{name}@{alias}")
    card = registry.card(kept)
    rows = context.lake.read(out_of_sample_table(book.name), as_of_ns=FAR_FUTURE_NS).filter(pl.col("model") == name)
    times, ic = _coefficients(rows.filter(pl.col("trained") == rows["trained"].max()))
    figures = tuple((figure, float(card.scores[figure])) for figure in SCORES_SHOWN if isinstance(card.scores.get(figure), int | float))
    return page.Scored(alias, kept.version, kept.sha256, times, ic, day_ns(session_name(card.as_of_ns)), figures)


def _coefficients(rows: pl.DataFrame) -> tuple[NDArray[np.int64], Floats]:
    """(sessions, information coefficient of each) of out-of-sample rows."""
    if rows.is_empty():
        return np.empty(0, np.int64), np.empty(0)
    times = np.unique(rows["start_ns"].to_numpy())
    names = sorted(rows["instrument"].unique())
    said, came = np.full((len(times), len(names)), np.nan), np.full((len(times), len(names)), np.nan)
    place = {name: n for n, name in enumerate(names)}
    at = np.searchsorted(times, rows["start_ns"].to_numpy()), np.array([place[name] for name in rows["instrument"]])
    said[at] = rows["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    came[at] = rows["label"].to_numpy()
    return times, information_coefficients(said, came)
