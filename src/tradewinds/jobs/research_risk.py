"""The risk model of a book after each session: exposures, factor returns, covariance of factors, specific risk.

1. `research_walk` walks the sessions; `research_state` lets a night walk only the one that is new.
2. The model after the last session is published as rows of the lake, and as a version of files for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tradewinds import __version__
from tradewinds.core.errors import Missing
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.jobs.book import Book, factors_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import SESSIONS_REVISITED, day_ns, last_session_ns, publish, session_name
from tradewinds.jobs.research_night import Ended, run_step
from tradewinds.jobs.research_state import night_walk
from tradewinds.jobs.research_tables import covariance_table, exposures_table, factor_returns_table, specific_table
from tradewinds.jobs.research_walk import KINDS, Walk
from tradewinds.risk.gap import Gap
from tradewinds.risk.published import COVARIANCE, EXPOSURES, SPECIFIC, from_frames, returns_frame, to_frames
from tradewinds.risk.risk_model import RiskModel

_SESSION = re.compile(r"\d{4}-\d{2}-\d{2}")


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Estimate and publish the book's risk model as of the partition's day."""
    return run_step(context, partition, params, step="risk_model", work=estimate)


def estimate(context: Context, book: Book, partition: str) -> Ended:
    night = night_walk(context, book, partition)
    walk, model = night.walk, night.walk.model(book)
    rows_new = rows_restated = 0
    for new, restated in _published(context, book, walk, model):
        rows_new, rows_restated = rows_new + new, rows_restated + restated
    files = {} if context.publish_files is None else {"files": _as_files(context, book, walk, model)}
    return Ended(
        rows_in=night.bars,
        rows_new=rows_new,
        rows_restated=rows_restated,
        gaps=[*night.gaps, *_told((*walk.gaps, *model.gaps))],
        detail={
            "session": session_name(model.at_ns),
            "factors": len(model.factors),
            "instruments": len(model.instruments),
            "r_squared": _rounded(walk.r_squared),
            **files,
        },
    )


def _told(gaps: Sequence[Gap]) -> list[str]:
    """A line a gap; sessions that lack the same are one line."""
    sessions: dict[str, list[str]] = {}
    lines = []
    for gap in gaps:
        if _SESSION.fullmatch(gap.subject):
            sessions.setdefault(gap.reason, []).append(gap.subject)
        else:
            lines.append(f"{gap.subject}: {gap.reason}")
    for reason, days in sessions.items():
        lines.append(f"{days[0]}: {reason}" if len(days) == 1 else f"{len(days)} sessions from {days[0]} to {days[-1]}: {reason}")
    return lines


def _published(context: Context, book: Book, walk: Walk, model: RiskModel) -> list[tuple[int, int]]:
    name = book.name
    last_ns = last_session_ns(context, factor_returns_table(name))
    since = slice(0 if last_ns is None else max(0, int(np.searchsorted(walk.times, last_ns)) - SESSIONS_REVISITED), None)
    times = (walk.times[since], walk.event_ns[since], walk.known_ns[since])
    frames = to_frames(model, _specific_returns(walk), event_ns=int(walk.event_ns[-1]), factors=walk.factors)
    return [
        publish(context, factor_returns_table(name), returns_frame(walk.factors, *times, walk.values[since], walk.t_stats[since])),
        publish(context, exposures_table(name, walk.factors), frames[EXPOSURES]),
        publish(context, covariance_table(name, walk.factors), frames[COVARIANCE]),
        publish(context, specific_table(name), frames[SPECIFIC]),
    ]


def _specific_returns(walk: Walk) -> dict[str, float]:
    return dict(zip(walk.state.instruments, walk.specific.tolist(), strict=True))


def _as_files(context: Context, book: Book, walk: Walk, model: RiskModel) -> str:
    """Keep the model and all factor returns as a version of files for people; which one."""
    assert context.publish_files is not None
    about = {"at_ns": model.at_ns, "known_ns": model.known_ns, "kind": model.kind, "periods_a_year": model.periods_a_year}
    return context.publish_files(book.name, session_name(model.at_ns), _frames(walk, model), {**about, "code": __version__})


def _frames(walk: Walk, model: RiskModel) -> dict[str, pl.DataFrame]:
    """What people read: names instead of ids, sessions instead of times; a factor that the model could not have is in the returns alone."""
    made = to_frames(model, _specific_returns(walk))
    times = ("start_ns", "event_ns", "known_ns")
    days = np.array([session_name(int(time)) for time in walk.times], dtype=object)
    returns = {
        "session": np.repeat(days, len(walk.factors)).tolist(),
        "factor": list(walk.factors) * len(days),
        "value": walk.values.ravel(),
        "t_statistic": walk.t_stats.ravel(),
    }
    covariance = made[COVARIANCE].drop(*times).rename({"instrument": "factor"}).with_columns(pl.Series("factor", model.factors))
    return {
        "exposures": made[EXPOSURES].drop(*times),
        "covariance": covariance,
        "specific": made[SPECIFIC].drop(*times).select("instrument", "specific_variance", "specific_return"),
        "factor_returns": pl.DataFrame(returns),
    }


def stored_model(context: Context, book: Book, partition: str) -> RiskModel:
    """The last model published by the partition's day; its at_ns tells of which session. Raises Missing where there is none."""
    factors = factors_of(book)
    exposures = exposures_table(book.name, factors)
    start_ns = last_session_ns(context, exposures, day_ns(partition) + NS_PER_DAY)
    if start_ns is None:
        raise Missing(f"research {book.name}: no risk model by {partition}, expected the job research.risk_model to have run")
    tables = {EXPOSURES: exposures, COVARIANCE: covariance_table(book.name, factors), SPECIFIC: specific_table(book.name)}
    frames = {
        name: context.lake.read(table, as_of_ns=context.clock.now_ns(), start_ns=start_ns, end_ns=start_ns + 1)
        for name, table in tables.items()
    }
    return model_from(book, frames)


def model_from(book: Book, frames: Mapping[str, pl.DataFrame]) -> RiskModel:
    """A book's model of the one session that is in the frames of its tables. Raises DataFault where a part is missing."""
    return from_frames(frames, factors_of(book), kind=KINDS[book.config.risk.kind], periods_a_year=book.sessions_a_year)


def _rounded(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
