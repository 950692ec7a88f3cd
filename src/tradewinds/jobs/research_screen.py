"""A screener: conditions over a book's features, prices and facts; what fulfils them all waits in the ledger for a person.

1. Read the book's panel as it is known now, up to the partition's day, hour or minute (`2024-01-31`, `2024-01-31T05`, `2024-01-31T05:30`).
2. Of the instruments with a bar in the last session, take those of which every condition is known to hold.
3. Rank them, highest first, and keep the top. One that waits already is not put to anybody a second time.

Features of the book stand for their expressions, so that their values are those that a night stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.candidate import ANSWERS, Answer, Candidate
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse, text, to_date
from tradewinds.core.market import interval_of
from tradewinds.core.record import Bookmark
from tradewinds.factors.condition import Condition, expand, parse_condition
from tradewinds.factors.expression import parse_term
from tradewinds.factors.factor import Factor, factor_of
from tradewinds.factors.features import FeatureSet
from tradewinds.factors.term import Term
from tradewinds.history.panel import Panel
from tradewinds.jobs.book import Book, book_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_book import bars_panel, day_ns, session_name
from tradewinds.jobs.research_config import ScreenerConfig

JOB = "research.screen"
RANK = "rank"
ROWS_SPARE = 20
CALENDAR_SPARE = 6  # bars of a market that closes at night and at weekends take so many times their length

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Query:
    """What a screener asks, read. conditions: all must hold; rank: highest first; sides: what the conditions compare, by text."""

    conditions: tuple[Condition, ...]
    rank: Term | None

    @property
    def sides(self) -> dict[str, Term]:
        return {name: term for one in self.conditions for name, term in one.sides.items()}

    @property
    def terms(self) -> list[Term]:
        return [*(one.term for one in self.conditions), *self.sides.values(), *([] if self.rank is None else [self.rank])]


@dataclass(frozen=True, slots=True)
class Found:
    """What a query answers of the last session: session, instruments with score and values, best first; looked_at: how many had a bar."""

    session: str
    rows: tuple[tuple[str, float | None, dict[str, float | None]], ...]
    looked_at: int
    fulfilled: int


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Find the screener's candidates of the last session by the partition's time, and put the new ones to people."""
    book = book_of(context, params)
    name, terms = screener_of(book, params)
    found = screened(context, book, terms, partition)
    now_ns = context.clock.now_ns()
    kept = context.records.candidates
    expired = kept.expire(now_ns)
    waiting = {one.instrument for one in kept.candidates(book=book.name, screener=name, state="waiting")}
    is_again = _noted(context, f"{book.name}/{name}", now_ns)
    expires_ns = now_ns + int(terms.expires_hours * NS_PER_HOUR)
    new = kept.add(
        [
            Candidate(book.name, name, found.session, instrument, now_ns, expires_ns, score, values)
            for instrument, score, values in found.rows
            if instrument not in waiting
        ]
    )
    for one in new:
        context.progress(f"{name}: {one.instrument} waits for a person [{one.id}]")
    asked = kept.candidates(book=book.name, screener=name, state="waiting", session=found.session) if is_again else new
    return JobResult(
        state="done" if new else "nothing",
        rows_in=found.looked_at,
        rows_published=len(new),
        detail={
            "session": found.session,
            "fulfilled": found.fulfilled,
            "candidates": [one.id for one in new],
            "waited_already": sorted(waiting & {instrument for instrument, _, _ in found.rows}),
            "expired": expired,
            "questions": [question(one) for one in asked],
        },
    )


def answer(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Write a person's answer. params: candidate, answer (approve or deny), by, and perhaps note and face."""
    told = answer_of(str(params.get("answer", "")))
    number, by = str(params.get("candidate", "")), str(params.get("by", ""))
    note, face = params.get("note"), str(params.get("face", ""))
    kept = context.records.candidates.answer(number, told, by=by, at_ns=context.clock.now_ns(), face=face, note=note)
    return JobResult(state="done", rows_in=1, detail={"candidate": kept.id, "instrument": kept.instrument, "state": kept.state})


def answer_of(word: str) -> Answer:
    """`approve`, `Approved` and `approved` say one thing. Raises Rejected for what is neither yes nor no."""
    found: dict[str, Answer] = {said: one for one in ANSWERS for said in (one, one.removesuffix("d") if one != "denied" else "deny")}
    if word.strip().lower() not in found:
        raise Rejected(f"answer {word!r}, expected approve or deny")
    return found[word.strip().lower()]


def screener_of(book: Book, params: Mapping[str, Any]) -> tuple[str, ScreenerConfig]:
    """(name, what it asks) of the screener that params name."""
    screeners = book.config.screeners
    name = params.get("screener") or (next(iter(screeners)) if len(screeners) == 1 else None)
    if name not in screeners:
        raise Rejected(f"research {book.name}: screener {name!r}, expected one of {sorted(screeners)} under `screeners`")
    return str(name), screeners[str(name)]


def query_of(book: Book, terms: ScreenerConfig) -> Query:
    """Raises Rejected naming the part of a text that is wrong, and for a screener that asks nothing."""
    if not terms.where and terms.rank is None:
        raise Rejected(f"research {book.name}: a screener without `where` and `rank`, expected at least one of them")
    features = book.config.features
    conditions = tuple(parse_condition(one, features) for one in terms.where)
    return Query(conditions, None if terms.rank is None else parse_term(expand(terms.rank, features)))


def screened(context: Context, book: Book, terms: ScreenerConfig, partition: str) -> Found:
    """What the screener finds in the last session by the partition's time, as known now. Raises Missing where there is no bar."""
    query = query_of(book, terms)
    panel = panel_until(context, book, partition, max(one.lookback for one in query.terms))
    held, sides, rank = _evaluated(query, panel)
    trades = np.isfinite(panel.close[-1])
    chosen = trades & np.isfinite(rank) & np.all(held == 1.0, axis=1)
    best = sorted(np.flatnonzero(chosen), key=lambda at: (-rank[at], panel.instruments[at]))[: terms.top]
    has_rank = query.rank is not None
    rows = tuple(
        (
            panel.instruments[at],
            float(rank[at]) if has_rank else None,
            {name: _known(values[at]) for name, values in sides.items()},
        )
        for at in best
    )
    return Found(session_of(book, panel), rows, int(trades.sum()), int(chosen.sum()))


def panel_until(context: Context, book: Book, partition: str, lookback: int) -> Panel:
    """The book's panel up to the partition's time. Of bars within a day no more is read than `lookback` rows want."""
    end_ns = end_of(partition)
    length = interval_of(book.config.bars)
    if length is not None and length.ns is not None and not length.is_daily_or_longer:
        spare = 1 if book.config.calendar == "24/7" else CALENDAR_SPARE
        back_ns = (lookback + ROWS_SPARE) * length.ns * spare + (spare - 1) * 5 * NS_PER_DAY
        since = max(book.config.since, to_date(end_ns - back_ns) - timedelta(days=1))
        book = replace(book, config=replace(book.config, since=since))
    panel = bars_panel(context, book, partition)
    return _ended(panel, end_ns) if "T" in partition else panel


def end_of(partition: str) -> int:
    """The end of the day or hour that a partition names, or the very minute, UTC ns. Raises Rejected for another text."""
    day, mark, rest = partition.partition("T")
    if not mark:
        return day_ns(day) + NS_PER_DAY
    try:
        start_ns = parse(f"{day}T{rest}:00Z" if ":" in rest else f"{day}T{rest}:00:00Z")
    except Rejected:
        raise Rejected(f"research: partition {partition!r}, expected such as 2024-01-31, 2024-01-31T05 or 2024-01-31T05:30") from None
    return start_ns + (0 if ":" in rest else NS_PER_HOUR)


def session_of(book: Book, panel: Panel) -> str:
    """The last session: its date, or of bars within a day the minute in which it ended."""
    length = interval_of(book.config.bars)
    if length is None or length.is_daily_or_longer:
        return session_name(int(panel.times[-1]))
    return text(int(panel.event_ns[-1]))[: len("2024-01-31T05:30")]


def question(one: Candidate) -> dict[str, Any]:
    """What a person is asked: subject, body, and the parameters of the job that takes the answer."""
    score = "" if one.score is None else f", score {one.score:.6g}"
    lines = [f"- `{name}`: {'not known' if value is None else f'{value:.6g}'}" for name, value in one.values.items()]
    expires = f"Unanswered it expires at {text(one.expires_ns)}."
    return {
        "subject": f"{one.book}, {one.screener}: {one.instrument}{score}, session {one.session} [{one.id}]",
        "body": "\n".join([*lines, "", expires]),
        "params": {"candidate": one.id},
    }


def _noted(context: Context, screener: str, now_ns: int) -> bool:
    """Note which of Airflow's runs this is; whether it was here before: then its first try may have died before anybody was asked."""
    mark = context.records.bookmarks(JOB, [screener]).get(screener)
    if context.airflow_run is None:
        return False
    context.records.set_bookmarks(JOB, {screener: Bookmark(now_ns, context.airflow_run)}, force=True)
    return mark is not None and mark.text == context.airflow_run


def _evaluated(query: Query, panel: Panel) -> tuple[Floats, dict[str, Floats], Floats]:
    """Of the last session: conditions (instruments, conditions), sides by text and rank (instruments,); ranks are 0 where none is asked."""
    factors: dict[str, Factor] = {f"condition {number}": factor_of(one.term) for number, one in enumerate(query.conditions)}
    factors |= {f"side {name}": factor_of(term) for name, term in query.sides.items()}
    if query.rank is not None:
        factors[RANK] = factor_of(query.rank)
    found = FeatureSet("screener", factors).compute(panel, since_ns=int(panel.times[-1]))
    last = dict(zip(found.names, found.values[-1].T, strict=True))
    rank = last.get(RANK, np.zeros(len(panel.instruments)))
    held = [last[f"condition {number}"] for number in range(len(query.conditions))]
    conditions = np.stack(held, axis=1) if held else np.ones((len(panel.instruments), 0))
    return conditions, {name: last[f"side {name}"] for name in query.sides}, rank


def _ended(panel: Panel, end_ns: int) -> Panel:
    """The intervals that had ended by then; raises Missing where none had."""
    rows = np.flatnonzero(panel.event_ns <= end_ns)
    if not len(rows):
        raise Missing(f"research: no interval has ended by {text(end_ns)}, expected one of those since {text(int(panel.times[0]))}")
    return panel.window(int(panel.times[0]), int(panel.times[rows[-1]]) + 1)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
