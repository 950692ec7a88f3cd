"""Features of a book: what the sessions since the last run made computable, and what became known late about the sessions before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tradewinds.core.errors import Missing, Rejected
from tradewinds.factors.features import Features, FeatureSet, feature_set
from tradewinds.history.panel import Panel, panel_of_frame
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import SESSIONS_REVISITED, Book, bars_panel, last_session_ns, publish, session_name
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_tables import features_table


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Compute and publish the features of every session up to the partition's day that is not there yet or has changed."""
    return run_step(context, partition, params, step="features", work=compute_features)


def features_of(book: Book) -> FeatureSet:
    """The book's feature set; raises Rejected naming the feature whose text is wrong."""
    if not book.config.features:
        raise Rejected(f"research {book.name}: no features, expected at least one expression under `features`")
    return feature_set(book.name, book.config.features)


def compute_features(context: Context, book: Book, partition: str) -> Ended:
    wanted = features_of(book)
    panel = bars_panel(context, book, partition)
    table = features_table(book.name, book.config.features)
    last_ns = last_session_ns(context, table)
    since = 0 if last_ns is None else max(0, int(np.searchsorted(panel.times, last_ns)) - SESSIONS_REVISITED)
    found = wanted.compute(panel, since_ns=int(panel.times[since]))
    new, restated = publish(context, table, found.to_polars())
    return Ended(
        rows_in=int(np.isfinite(panel.close).sum()),
        rows_new=new,
        rows_restated=restated,
        gaps=_absent_lines(panel) + [gap.line for gap in found.gaps],
        detail={"session": session_name(int(panel.times[-1])), "features": len(wanted.factors), "instruments": len(panel.instruments)},
    )


def stored_features(context: Context, book: Book, *, start_ns: int | None = None, end_ns: int | None = None) -> Features:
    """What the lake holds of the book's features, known by now. Raises Missing where it holds none."""
    names = tuple(book.config.features)
    table = features_table(book.name, book.config.features)
    rows = context.lake.read(table, as_of_ns=context.clock.now_ns(), instruments=book.instruments, start_ns=start_ns, end_ns=end_ns)
    if rows.is_empty():
        raise Missing(f"research {book.name}: {table.name} holds nothing of that span, expected the job research.features to have run")
    panel = panel_of_frame(rows, names, instruments=book.instruments)
    values = np.stack([panel.fields[name] for name in names], axis=2)
    return Features(names, panel.instruments, panel.times, panel.event_ns, np.array(panel.known_ns), values)


def _absent_lines(panel: Panel) -> list[str]:
    """A line for each instrument without a bar in the last session, with the last one it had."""
    has = np.isfinite(panel.close)
    lines = []
    for column in np.flatnonzero(~has[-1]):
        seen = np.flatnonzero(has[:, column])
        last = f"its last was {session_name(int(panel.times[seen[-1]]))}" if len(seen) else "it never had one"
        lines.append(f"{panel.instruments[column]}: no bar in session {session_name(int(panel.times[-1]))}; {last}")
    return lines
