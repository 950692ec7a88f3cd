"""A Google Sheet as another face of a screener's candidates: people answer in columns of theirs, and ours show what became of it.

    ours:    id  session  instrument  score  values  state  said
    theirs:  answer (approve or deny)  by  note

1. Read the sheet's tab; hand every answer that is news to the ledger.
2. Write our columns: rows that are there keep their place, so that nobody's typing slips to another row; new candidates follow below.
The ledger decides: what it refuses stands in `said`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tradewinds.core.candidate import Candidate
from tradewinds.core.errors import Missing, Rejected
from tradewinds.jobs.book import book_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_screen import answer_of, screener_of

OURS = ("id", "session", "instrument", "score", "values", "state", "said")
THEIRS = ("answer", "by", "note")
ROWS_MAX = 5_000
FACE = "sheet"


class Sheet(Protocol):
    """One tab of a sheet. `stores.sheet.GoogleSheet` is it."""

    def rows(self) -> list[list[str]]: ...

    def write(self, rows: Sequence[Sequence[str]]) -> None: ...


def run(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Take the sheet's answers and show the candidates. Raises Rejected where the screener has no sheet or the tab is another table."""
    book = book_of(context, params)
    name, terms = screener_of(book, params)
    if terms.sheet is None or context.sheet is None:
        raise Rejected(f"research {book.name}: screener {name} has no sheet, expected the key `sheet` and a place for sheets")
    sheet: Sheet = context.sheet(terms.sheet, f"{book.name} {name}")
    rows = sheet.rows()
    _check(name, rows)
    said, answered = _answered(context, rows[1:], _kept(context, book.name, name))
    kept = _kept(context, book.name, name)
    there = [row[0] if row else "" for row in rows[1:]]
    fresh = [one for one in reversed(kept.values()) if one.state == "waiting" and one.id not in there]
    lines = [_line(kept[number], said.get(number, "")) if number in kept else _as_it_is(rows[at]) for at, number in enumerate(there, 1)]
    lines += [_line(one, "") for one in fresh]
    if len(lines) > ROWS_MAX:
        raise Rejected(f"sheet of {name}: {len(lines)} rows, expected at most {ROWS_MAX}; take old rows out")
    head = list(OURS) if rows and rows[0] else [*OURS, *THEIRS]
    if [head[: len(OURS)], *lines] != [list(row[: len(OURS)]) for row in rows]:
        sheet.write([head, *lines])
    news = bool(answered or fresh)
    return JobResult(
        state="done" if news else "nothing", rows_in=len(there), rows_published=len(fresh), detail={"answered": answered, "refused": said}
    )


def _check(name: str, rows: Sequence[Sequence[str]]) -> None:
    if rows and any(rows[0]) and tuple(rows[0][: len(OURS) + len(THEIRS)]) != (*OURS, *THEIRS):
        raise Rejected(f"sheet of {name}: columns {rows[0]}, expected an empty tab, or {', '.join((*OURS, *THEIRS))}")


def _answered(context: Context, rows: Sequence[Sequence[str]], known: Mapping[str, Candidate]) -> tuple[dict[str, str], int]:
    """(what is to be said about answers that were refused, by id; how many were news)."""
    said: dict[str, str] = {}
    answered = 0
    for row in rows:
        number, word, by, note = _cell(row, 0), _cell(row, len(OURS)), _cell(row, len(OURS) + 1), _cell(row, len(OURS) + 2)
        if not number or not word or number not in known:
            continue
        try:
            answer = answer_of(word)
            if known[number].state == answer:
                continue
            at_ns = context.clock.now_ns()
            context.records.candidates.answer(number, answer, by=by, at_ns=at_ns, face=FACE, note=note or None)
            answered += 1
        except (Rejected, Missing) as error:
            said[number] = str(error)
    return said, answered


def _kept(context: Context, book: str, screener: str) -> dict[str, Candidate]:
    return {one.id: one for one in context.records.candidates.candidates(book=book, screener=screener)}


def _line(one: Candidate, said: str) -> list[str]:
    values = ", ".join(f"{name} {'not known' if value is None else f'{value:.6g}'}" for name, value in one.values.items())
    state = one.state if one.answered_by is None or one.state == "expired" else f"{one.state} by {one.answered_by}"
    score = "" if one.score is None else f"{one.score:.6g}"
    return [one.id, one.session, one.instrument, score, values, state, said]


def _as_it_is(row: Sequence[str]) -> list[str]:
    return [_cell(row, at) for at in range(len(OURS))]


def _cell(row: Sequence[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""
