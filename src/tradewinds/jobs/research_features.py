"""Features of a book, of every session that is not there yet: computed from what was known at the decision of that session.

A bar that is corrected after that changes no value of the session: the sessions that decide later are computed from the corrected one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import text
from tradewinds.factors.features import Features, FeatureSet, feature_set, punctual
from tradewinds.history.asof import first_known
from tradewinds.history.panel import Panel, panel_of_frame
from tradewinds.jobs.book import Book
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import (
    SESSIONS_REVISITED,
    bar_versions,
    behind,
    decisions_of,
    last_session_ns,
    panel_at,
    publish,
    session_name,
)
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_tables import features_table

Ints = NDArray[np.int64]

STRETCHES_MAX = 64


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
    versions = bar_versions(context, book, partition)
    table = features_table(book.name, book.config.features)
    last_ns = last_session_ns(context, table)
    times, decided = decisions_of(book, versions)
    since = 0 if last_ns is None else max(0, int(np.searchsorted(times, last_ns)) - SESSIONS_REVISITED)
    rows = []
    panel, found = None, None
    for first, last, is_mixed in stretches(versions, times, decided, since):
        as_of_ns = min(int(decided[last]), context.clock.now_ns())
        seen = versions.filter(pl.col("start_ns") <= int(times[last]))
        panel = panel_at(context, book, first_known(seen) if is_mixed else seen, as_of_ns)
        if is_mixed:
            panel = punctual(panel, decided[np.searchsorted(times, panel.times)])
        found = wanted.compute(panel, since_ns=int(times[first]))
        rows.append(found.to_polars())
    assert panel is not None
    assert found is not None
    new, restated = publish(context, table, pl.concat(rows))
    return Ended(
        rows_in=int(np.isfinite(panel.close).sum()),
        rows_new=new,
        rows_restated=restated,
        gaps=[
            *behind(book, partition, int(panel.times[-1]), "the last bars known at the decision are"),
            *_absent_lines(book, panel, versions),
            *(gap.line for gap in found.gaps),
        ],
        detail={"session": session_name(int(panel.times[-1])), "features": len(wanted.factors), "instruments": len(panel.instruments)},
    )


def stretches(versions: pl.DataFrame, times: Ints, decided: Ints, since: int) -> list[tuple[int, int, bool]]:
    """(first, last, is mixed) rows of the sessions from `since` on, in stretches that see the same versions of everything before them.

    A version that became known after the decision of its own session divides them: those that decided before it must not see it, those
    after it must. Of more than STRETCHES_MAX the oldest are one that is mixed: it is computed of first prints that came in time, which
    leaks nothing and sees no correction.
    """
    own = decided[np.searchsorted(times, versions["start_ns"].to_numpy())]
    known = versions["known_ns"].to_numpy()
    group = np.searchsorted(np.unique(known[known > own]), decided[since:], side="right")
    all_edges = (np.flatnonzero(np.diff(group)) + 1 + since).tolist()
    edges = all_edges[-STRETCHES_MAX:]
    is_mixed = len(edges) < len(all_edges)
    pairs = zip([since, *edges], [*edges, len(times)], strict=True)
    return [(first, last - 1, is_mixed and number == 0) for number, (first, last) in enumerate(pairs)]


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


def _absent_lines(book: Book, panel: Panel, versions: pl.DataFrame) -> list[str]:
    """A line for each instrument without a bar in the last session: it came too late, or which was the last one it had."""
    at_ns = int(panel.times[-1])
    came = dict(versions.filter(pl.col("start_ns") == at_ns).select("instrument", "known_ns").sort("known_ns", descending=True).iter_rows())
    has = np.isfinite(panel.close)
    lines = []
    for column in np.flatnonzero(~has[-1]):
        name, seen = panel.instruments[column], np.flatnonzero(has[:, column])
        last = f"its last was {session_name(int(panel.times[seen[-1]]))}" if len(seen) else "it never had one"
        late = f"it became known at {text(came[name])}, after the decision" if name in came else last
        lines.append(f"{name}: no bar in session {session_name(at_ns)}; {late}")
    return lines
