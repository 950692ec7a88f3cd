"""What people did, in the ledger: the audit log, writes asked for by a key, and acts that wait for a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.people.audit import AuditRow
from tradewinds.people.four_eyes import Request, RequestState, check_second
from tradewinds.people.token import Principal
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema_people import act_request, audit, idempotency
from tradewinds.stores.ledger_write import add_new, row_of

KEPT_KEYS_S = 7 * 86_400
GIVEN_UP_S = 300  # a write that died half-way may be asked for again then
_AUDIT = [audit.c[one.name] for one in fields(AuditRow)]
_REQUEST = [act_request.c[one.name] for one in fields(Request)]


class UnderWay(Transient):
    """A write with this key is being done by somebody."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a write with a key was answered."""

    status: int
    answer: str


class ActLedger:
    """Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Audit

    def write(self, row: AuditRow) -> None:
        """Add a line."""
        with self._database.writing("writing the audit log") as connection:
            values = {key: value for key, value in row_of(row, _AUDIT).items() if key != "id"}
            connection.execute(sa.insert(audit).values({**values, "words": dict(row.words)}))

    def audited(self, *, person: str | None = None, act: str | None = None, before: int | None = None, limit: int = 100) -> list[AuditRow]:
        """Lines, newest first; `before` is the id at which to go on."""
        terms = [column == value for column, value in ((audit.c.person, person), (audit.c.act, act)) if value is not None]
        if before is not None:
            terms.append(audit.c.id < before)
        with self._database.reading("reading the audit log") as connection:
            rows = connection.execute(sa.select(*_AUDIT).where(*terms).order_by(audit.c.id.desc()).limit(limit)).mappings()
            return [AuditRow(**row) for row in rows]

    # Writes by a key

    def begin(self, person: str, key: str, digest: str, at_ns: int) -> Answered | None:
        """Take a key for a write; what it was answered where it was done before, None where it is to be done now.

        Raises Rejected where the key was used for something else, Transient while somebody does it.
        """
        row = {"person": person, "key": key, "digest": digest, "at_ns": at_ns, "status": None, "answer": None}
        with self._database.writing("taking a key") as connection:
            connection.execute(sa.delete(idempotency).where(idempotency.c.at_ns < at_ns - KEPT_KEYS_S * NS_PER_SECOND))
            if add_new(connection, idempotency, [row], ["person", "key"]):
                return None
            return _taken(connection, row)

    def end(self, person: str, key: str, answered: Answered | None) -> None:
        """Keep the answer of a key; None gives the key back, for what did not happen and may be asked again."""
        mine = (idempotency.c.person == person, idempotency.c.key == key)
        with self._database.writing("keeping an answer") as connection:
            if answered is None:
                connection.execute(sa.delete(idempotency).where(*mine))
            else:
                connection.execute(sa.update(idempotency).where(*mine).values(status=answered.status, answer=answered.answer))

    # Requests for a second person

    def ask(self, request: Request) -> Request:
        """Keep a request; the same act with the same words that waits already is answered instead of a second one."""
        with self._database.writing("asking for a second person") as connection:
            same = sa.select(*_REQUEST).where(act_request.c.state == "waiting", act_request.c.act == request.act)
            for row in connection.execute(same.where(act_request.c.expires_ns > request.asked_ns)).mappings():
                if dict(row["words"]) == dict(request.words) and row["asked_by"] == request.asked_by:
                    return Request(**row)
            values = {**row_of(request, _REQUEST), "words": dict(request.words), "outcome": dict(request.outcome)}
            connection.execute(sa.insert(act_request).values(values))
        return request

    def requests(self, at_ns: int, *, state: RequestState | None = None, limit: int = 200) -> list[Request]:
        """Requests, newest first; one whose time is over counts as expired."""
        query = sa.select(*_REQUEST).order_by(act_request.c.asked_ns.desc(), act_request.c.id).limit(limit)
        if state == "waiting":
            query = query.where(act_request.c.state == "waiting", act_request.c.expires_ns > at_ns)
        elif state == "expired":
            late = sa.and_(act_request.c.state == "waiting", act_request.c.expires_ns <= at_ns)
            query = query.where(sa.or_(act_request.c.state == "expired", late))
        elif state is not None:
            query = query.where(act_request.c.state == state)
        with self._database.reading("listing requests") as connection:
            return [Request(**row) for row in connection.execute(query).mappings()]

    def request(self, number: str) -> Request:
        """Raises Missing for none."""
        with self._database.reading("reading a request") as connection:
            return _request(connection, number)

    def answer(self, number: str, second: Principal, at_ns: int, *, is_given: bool, note: str = "") -> Request:
        """The word of a second person, once; raises Rejected where they cannot give it. Of two at once the first counts."""
        state = "confirmed" if is_given else "declined"
        with self._database.writing("answering a request") as connection:
            check_second(_request(connection, number), second, at_ns, is_given=is_given)
            waiting = sa.update(act_request).where(act_request.c.id == number, act_request.c.state == "waiting")
            given = connection.execute(waiting.values(state=state, answered_by=second.person, answered_ns=at_ns, note=note)).rowcount
            answered = _request(connection, number)
        if given != 1:
            raise Rejected(f"request {number} ({answered.act}): {answered.state} by {answered.answered_by}, expected one that waits")
        return answered

    def note_outcome(self, number: str, outcome: Mapping[str, Any]) -> None:
        """What came of a confirmed request."""
        with self._database.writing("noting what came of a request") as connection:
            connection.execute(sa.update(act_request).where(act_request.c.id == number).values(outcome=dict(outcome)))


def _taken(connection: Connection, row: Mapping[str, Any]) -> Answered | None:
    mine = (idempotency.c.person == row["person"], idempotency.c.key == row["key"])
    found = connection.execute(sa.select(idempotency).where(*mine)).mappings().one()
    if found["digest"] != row["digest"]:
        raise Rejected(f"key {row['key']!r}: used for another write before, expected a new key for a new write")
    if found["status"] is not None:
        return Answered(found["status"], found["answer"])
    if row["at_ns"] - found["at_ns"] < GIVEN_UP_S * NS_PER_SECOND:
        raise UnderWay(f"key {row['key']!r}: its write is being done, expected its answer first", retry_after_s=1.0)
    raise Rejected(f"key {row['key']!r}: its write ended without a word, perhaps done; expected that you look, then use a new key")


def _request(connection: Connection, number: str) -> Request:
    row = connection.execute(sa.select(*_REQUEST).where(act_request.c.id == number)).mappings().first()
    if row is None:
        raise Missing(f"request {number!r}: there is none, expected the id of one that waits")
    return Request(**row)
