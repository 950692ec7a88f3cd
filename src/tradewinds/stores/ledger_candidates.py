"""Candidates of screeners and alerts on conditions in the ledger, on SQLite and PostgreSQL alike.

A candidate is written once and answered once: the same answer again changes nothing, another one is refused with who said what and when.
Every face (console, Airflow, a sheet) answers through `answer`, in one transaction, so that two people cannot both be first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.candidate import ANSWERS, Answer, Candidate, CandidateAnswer, CandidateState, ConditionAlert
from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import text
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema_research import condition_alert, research_answer, research_candidate
from tradewinds.stores.ledger_write import add_new, row_of

OF_US = "tradewinds"  # who answered where nobody did
_CANDIDATE = [research_candidate.c[one.name] for one in fields(Candidate)]
_ANSWER = [research_answer.c[one.name] for one in fields(CandidateAnswer)]
_ALERT = [condition_alert.c[one.name] for one in fields(ConditionAlert)]


class CandidateLedger:
    """The rows that wait for people. Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, found: Sequence[Candidate]) -> list[Candidate]:
        """Write those that are not there yet, whatever became of the others; returns the ones that are new."""
        with self._database.writing("adding candidates") as connection:
            ids = [one.id for one in found]
            known = set(connection.execute(sa.select(research_candidate.c.id).where(research_candidate.c.id.in_(ids))).scalars())
            fresh = list({one.id: one for one in found if one.id not in known}.values())
            rows = [{"id": one.id, **row_of(one, _CANDIDATE), "values": dict(one.values)} for one in fresh]
            add_new(connection, research_candidate, rows, [research_candidate.c.id])
        return fresh

    def candidates(
        self,
        *,
        book: str | None = None,
        screener: str | None = None,
        state: CandidateState | None = None,
        session: str | None = None,
        limit: int | None = None,
    ) -> list[Candidate]:
        """Newest first, then by score, highest first."""
        named = {"book": book, "screener": screener, "state": state, "session": session}
        terms = [research_candidate.c[name] == value for name, value in named.items() if value is not None]
        order = (research_candidate.c.found_ns.desc(), research_candidate.c.score.desc(), research_candidate.c.instrument)
        query = sa.select(*_CANDIDATE).where(*terms).order_by(*order).limit(limit)
        with self._database.reading("listing candidates") as connection:
            return [Candidate(**row) for row in connection.execute(query).mappings()]

    def candidate(self, number: str) -> Candidate:
        """The one with this id, or with the only id that begins so. Raises Missing for none, Rejected for several."""
        with self._database.reading(f"candidate {number}") as connection:
            return _found(connection, number)

    def answer(self, number: str, answer: Answer, *, by: str, at_ns: int, face: str = "", note: str | None = None) -> Candidate:
        """Write what a person decided; the candidate afterwards.

        Raises Missing for no such candidate; Rejected without a name, where it was answered otherwise before, and where it has expired.
        """
        if answer not in ANSWERS:
            raise Rejected(f"candidate {number}: answer {answer!r}, expected one of {', '.join(ANSWERS)}")
        if not by.strip():
            raise Rejected(f"candidate {number}: {answer} by nobody, expected the name of the person who answers")
        with self._database.writing(f"answering candidate {number}") as connection:
            found = _found(connection, number)
            if found.state == "waiting" and found.expires_ns <= at_ns:
                raise Rejected(f"candidate {found.id} {found.instrument}: expired at {text(found.expires_ns)}, expected an answer before")
            if found.state == "waiting":
                _end(connection, found.id, answer, at_ns, by, note)
            found = _found(connection, found.id)
            if found.state != answer:
                when = text(found.answered_ns or found.expires_ns)
                raise Rejected(
                    f"candidate {found.id} {found.instrument}: {found.state} by {found.answered_by} at {when}, expected no other"
                )
            said = CandidateAnswer(found.id, answer, at_ns, by, face, note)
            add_new(connection, research_answer, [row_of(said, _ANSWER)], ["candidate", "state", "by"])
        return found

    def expire(self, at_ns: int) -> int:
        """Let go of what nobody answered in time; returns how many there were."""
        with self._database.writing("expiring candidates") as connection:
            late = research_candidate.c.expires_ns <= at_ns
            query = sa.select(research_candidate.c.id, research_candidate.c.expires_ns).where(research_candidate.c.state == "waiting", late)
            found = connection.execute(query).all()
            for number, expires_ns in found:
                _end(connection, number, "expired", expires_ns, OF_US, None)
            said = [row_of(CandidateAnswer(number, "expired", expires_ns, OF_US), _ANSWER) for number, expires_ns in found]
            add_new(connection, research_answer, said, ["candidate", "state", "by"])
        return len(found)

    def history(self, number: str) -> list[CandidateAnswer]:
        """Everything that was said of one candidate, in order."""
        with self._database.reading(f"history of candidate {number}") as connection:
            name = _found(connection, number).id
            query = sa.select(*_ANSWER).where(research_answer.c.candidate == name).order_by(research_answer.c.at_ns, research_answer.c.by)
            return [CandidateAnswer(**row) for row in connection.execute(query).mappings()]


class AlertLedger:
    """Alerts on conditions. Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, found: Sequence[ConditionAlert]) -> list[ConditionAlert]:
        """Write those that are not there yet; returns them."""
        with self._database.writing("adding alerts") as connection:
            ids = [one.id for one in found]
            known = set(connection.execute(sa.select(condition_alert.c.id).where(condition_alert.c.id.in_(ids))).scalars())
            fresh = list({one.id: one for one in found if one.id not in known}.values())
            rows = [{"id": one.id, **row_of(one, _ALERT), "values": dict(one.values)} for one in fresh]
            add_new(connection, condition_alert, rows, [condition_alert.c.id])
        return fresh

    def alerts(self, *, rule: str | None = None, instrument: str | None = None, limit: int | None = None) -> list[ConditionAlert]:
        """Newest first."""
        named = {"rule": rule, "instrument": instrument}
        terms = [condition_alert.c[name] == value for name, value in named.items() if value is not None]
        order = (condition_alert.c.raised_ns.desc(), condition_alert.c.event_ns.desc(), condition_alert.c.id)
        with self._database.reading("listing alerts") as connection:
            rows = connection.execute(sa.select(*_ALERT).where(*terms).order_by(*order).limit(limit)).mappings()
            return [ConditionAlert(**row) for row in rows]


def _found(connection: Connection, number: str) -> Candidate:
    begins = research_candidate.c.id.startswith(number, autoescape=True)
    rows = connection.execute(sa.select(*_CANDIDATE).where(begins).limit(2)).mappings().all() if number else []
    if len(rows) > 1:
        raise Rejected(f"candidate {number}: several ids begin so, expected more of its digits")
    if not rows:
        raise Missing(f"candidate {number!r}: there is none, expected an id of `tradewinds screen list`")
    return Candidate(**rows[0])


def _end(connection: Connection, number: str, state: Any, at_ns: int, by: str, note: str | None) -> None:
    """Only what waits still: of two that answer at once, the second changes nothing."""
    connection.execute(
        sa.update(research_candidate)
        .where(research_candidate.c.id == number, research_candidate.c.state == "waiting")
        .values(state=state, answered_ns=at_ns, answered_by=by, note=note)
    )
