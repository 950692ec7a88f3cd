"""How a step of a night ends: a row of its own says so whatever happened, so that the next step starts and the report can tell.

The row says the same when a step runs again over the same data, so that a night that runs again publishes nothing and starts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from tradewinds.core.errors import TradewindsError
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.jobs.book import Book, book_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import day_ns, publish
from tradewinds.jobs.research_tables import night_table

GAPS_MAX = 200
GATHERED_FROM = 5  # more subjects that lack the same are one line
NAMED = 3

NightState = Literal["done", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a step did. gaps: what could not be had, a line each. detail: facts of the session, the same at every run over the same data."""

    rows_in: int = 0
    rows_new: int = 0
    rows_restated: int = 0
    gaps: Sequence[str] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[Context, Book, str], Ended]


def run_step(context: Context, partition: str, params: Mapping[str, Any], *, step: str, work: Work) -> JobResult:
    """Do the step's work and publish how it ended.

    A gap is no failure: it stands in the row and on the page. Trouble that leaves nothing of the step ends it as `failed` with its reason,
    for all to see, and the next step starts all the same. Faults of ours are raised.
    """
    book = book_of(context, params)
    state: NightState
    try:
        ended = work(context, book, partition)
        state = "partial" if ended.gaps else "done"
    except TradewindsError as error:
        ended, state = Ended(gaps=(f"{type(error).__name__}: {error}",)), "failed"
    ended = replace(ended, gaps=gathered(ended.gaps))
    for gap in ended.gaps[:GAPS_MAX]:
        context.progress(f"{step}: {gap}")
    told = publish_end(context, book, step, partition, ended, state)
    news = ended.rows_new + ended.rows_restated + told
    return JobResult(
        state="partial" if state == "failed" else "done" if news else "nothing",
        rows_in=ended.rows_in,
        rows_published=ended.rows_new + told,
        rows_restated=ended.rows_restated,
        failed={step: ended.gaps[0]} if state == "failed" else {},
        detail={**ended.detail, "gaps": list(ended.gaps[:GAPS_MAX])},
    )


def gathered(lines: Sequence[str]) -> list[str]:
    """Lines `subject: reason`; many subjects of one reason are one line that names the first, where the first of them stood."""
    subjects: dict[str, list[str]] = {}
    for line in lines:
        subject, colon, reason = line.partition(": ")
        subjects.setdefault(reason if colon else line, []).append(subject)
    return list(dict.fromkeys(_told(line, subjects) for line in lines))


def _told(line: str, subjects: Mapping[str, Sequence[str]]) -> str:
    _, colon, reason = line.partition(": ")
    named = subjects[reason if colon else line]
    if not colon or len(named) <= GATHERED_FROM:
        return line
    return f"{', '.join(named[:NAMED])} and {len(named) - NAMED} more: {reason}"


def publish_end(context: Context, book: Book, step: str, partition: str, ended: Ended, state: NightState) -> int:
    """Publish the row of the partition's day; the number of rows that were news."""
    start_ns = day_ns(partition)
    row = pl.DataFrame(
        {
            "instrument": [f"{book.name.upper()}.NIGHT"],
            "start_ns": [start_ns],
            "event_ns": [start_ns + NS_PER_DAY],
            "known_ns": [context.clock.now_ns() // 1_000 * 1_000],
            "state": [state],
            "gaps": ["\n".join(ended.gaps[:GAPS_MAX])],
            "detail": [json.dumps(dict(ended.detail), sort_keys=True)],
        }
    )
    return sum(publish(context, night_table(book.name, step), row))


def ends_of(context: Context, book: Book, partition: str, steps: Sequence[str]) -> dict[str, tuple[str, list[str], dict[str, Any]]]:
    """step -> (state, gaps, detail) of the partition's day, for the steps that have ended."""
    found = {}
    for step in steps:
        start_ns = day_ns(partition)
        rows = context.lake.read(night_table(book.name, step), as_of_ns=context.clock.now_ns(), start_ns=start_ns, end_ns=start_ns + 1)
        if not rows.is_empty():
            row = rows.row(0, named=True)
            found[step] = (row["state"], [line for line in row["gaps"].split("\n") if line], json.loads(row["detail"]))
    return found
