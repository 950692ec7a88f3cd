"""The outbox of alerts in the ledger, on SQLite and PostgreSQL alike.

1. `raise_` writes what is not there yet, by key: a second time it changes nothing.
2. `route` gives each new alert its deliveries, in one transaction with the mark that it was routed.
3. `claim` takes what is due for a route before anything is sent; `settle` writes what came of it. What was claimed by a process that
   died goes back by `recover`, marked as doubtful: it may have been sent.
4. An acknowledgement makes what is not sent yet moot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tradewinds.core.errors import Missing, Rejected
from tradewinds.people.alert import Acknowledgement, Alert, RaisedAlert
from tradewinds.people.alert_message import message_id
from tradewinds.people.alert_routing import Delivery, Route, Spent, Why
from tradewinds.stores.ledger_alerts_schema import alert, alert_acknowledgement, alert_delivery
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_write import add_new

ROUTED_AT_ONCE = 500
CLAIMED_AT_ONCE = 500
ERROR_CHARS_MAX = 300

_FIRST = sa.select(alert_acknowledgement.c.alert, sa.func.min(alert_acknowledgement.c.at_ns).label("at_ns")).group_by(
    alert_acknowledgement.c.alert
)
Batching = Callable[[Sequence[Delivery]], Sequence[Sequence[Delivery]]]


class AlertOutbox:
    """Alerts, where they go, and who has them in hand. Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_(self, alerts: Sequence[Alert], at_ns: int) -> list[RaisedAlert]:
        """Write those whose key is not there yet; returns them."""
        if not alerts:
            return []
        with self._database.writing("raising alerts") as connection:
            return _add(connection, alerts, at_ns)

    def route(self, routes: Sequence[Route], at_ns: int) -> int:
        """Give every alert that has none yet its deliveries; returns how many alerts that were."""
        waits = sa.select(alert).where(alert.c.routed_ns.is_(None)).order_by(alert.c.raised_ns).limit(ROUTED_AT_ONCE)
        with self._database.reading("alerts to route") as connection:
            if connection.execute(waits.limit(1)).first() is None:
                return 0
        with self._database.writing("routing alerts") as connection:
            found = [_alert(row) for row in connection.execute(waits.with_for_update(skip_locked=True)).mappings()]
            rows = [_delivery_row(one.id, route.name, "routed", at_ns) for one in found for route in routes if route.takes(one)]
            add_new(connection, alert_delivery, rows, ["alert", "route"])
            marked = alert.c.id.in_([one.id for one in found])
            connection.execute(sa.update(alert).where(marked).values(routed_ns=at_ns))
        return len(found)

    def send_also(self, number: str, route: str, why: Why, at_ns: int) -> bool:
        """Let an alert go to one more route; False where it goes there already."""
        with self._database.writing(f"alert {number} to {route}") as connection:
            return add_new(connection, alert_delivery, [_delivery_row(number, route, why, at_ns)], ["alert", "route"]) == 1

    def claim(self, route: Route, batching: Batching, at_ns: int) -> list[Delivery]:
        """Take the first message of what is due for the route, as `batching` puts it into messages; empty where there is none.

        What somebody acknowledged meanwhile becomes moot.
        """
        due = (alert_delivery.c.route == route.name, alert_delivery.c.state == "waiting", alert_delivery.c.due_ns <= at_ns)
        query = _deliveries(*due).order_by(alert_delivery.c.first_ns).limit(CLAIMED_AT_ONCE)
        with self._database.reading(f"alerts due for {route.name}") as connection:
            moot, batch = _planned(connection, query, batching)
        if not moot and not batch:
            return []
        with self._database.writing(f"claiming alerts for {route.name}") as connection:
            moot, batch = _planned(connection, query.with_for_update(of=alert_delivery, skip_locked=True), batching)
            _set(connection, route.name, moot, {"state": "moot"})
            if not batch:
                return []
            name, attempts = message_id(batch), batch[0].attempts + 1
            begun = sa.func.coalesce(alert_delivery.c.begun_ns, at_ns)
            values = {"state": "sending", "message": name, "claimed_ns": at_ns, "begun_ns": begun, "attempts": attempts}
            _set(connection, route.name, [one.raised.id for one in batch], values)
        return [replace(one, state="sending", message=name, attempts=attempts) for one in batch]

    def settle(self, batch: Sequence[Delivery], values: Mapping[str, Any]) -> None:
        """Write what came of a message: state, due_ns, sent_ns, is_doubtful, error."""
        told = dict(values) | ({"error": str(values["error"])[:ERROR_CHARS_MAX]} if "error" in values else {})
        with self._database.writing(f"what came of message {batch[0].message}") as connection:
            _set(connection, batch[0].route, [one.raised.id for one in batch], told, only_from="sending")

    def recover(self, route: str, claimed_until_ns: int, at_ns: int) -> int:
        """Give back what was claimed until then and never settled; returns how many deliveries."""
        old = (alert_delivery.c.route == route, alert_delivery.c.state == "sending", alert_delivery.c.claimed_ns <= claimed_until_ns)
        with self._database.reading(f"alerts left by {route}") as connection:
            if connection.execute(sa.select(alert_delivery.c.alert).where(*old).limit(1)).first() is None:
                return 0
        with self._database.writing(f"alerts left by {route}") as connection:
            values = {"state": "waiting", "is_doubtful": True, "due_ns": at_ns}
            return int(connection.execute(sa.update(alert_delivery).where(*old).values(**values)).rowcount)

    def spent(self, route: str, since_ns: int) -> Spent:
        """How many messages a route began since then."""
        counted = (
            sa.select(alert_delivery.c.message, sa.func.max(sa.case((alert.c.severity == "critical", 1), else_=0)).label("is_critical"))
            .join(alert, alert.c.id == alert_delivery.c.alert)
            .where(alert_delivery.c.route == route, alert_delivery.c.begun_ns > since_ns)
            .group_by(alert_delivery.c.message)
            .subquery()
        )
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(counted.c.is_critical), 0)).select_from(counted)
        with self._database.reading(f"messages of {route}") as connection:
            every, critical = connection.execute(query).one()
        return Spent(int(critical), int(every) - int(critical))

    def unacknowledged(self, route: str, severities: Sequence[str], since_ns: int, *, not_at: str) -> list[Delivery]:
        """Deliveries to a route, first due since then, of alerts of these severities that nobody has in hand and that another route,
        `not_at`, has not got."""
        other = alert_delivery.alias("other")
        has_it = sa.exists().where(other.c.alert == alert_delivery.c.alert, other.c.route == not_at)
        terms = (alert_delivery.c.route == route, alert_delivery.c.first_ns >= since_ns, alert.c.severity.in_(list(severities)), ~has_it)
        with self._database.reading(f"alerts of {route} that nobody acknowledged") as connection:
            return [_delivery(row) for row in connection.execute(_deliveries(*terms, is_open=True)).mappings()]

    def deliveries(self, number: str) -> list[Delivery]:
        """What became of an alert, by route."""
        with self._database.reading(f"deliveries of {number}") as connection:
            rows = connection.execute(_deliveries(alert_delivery.c.alert == number).order_by(alert_delivery.c.route)).mappings()
            return [_delivery(row) for row in rows]

    def alerts(
        self, *, is_open: bool | None = None, severity: str | None = None, source: str | None = None, since_ns: int | None = None,
        limit: int | None = None, after: tuple[int, str] | None = None,
    ) -> list[RaisedAlert]:  # fmt: skip
        """Newest first. is_open: only those that nobody (True) or somebody (False) acknowledged. after: (raised_ns, id) of the last one
        that was read before."""
        said = _acknowledged()
        terms = [alert.c[name] == value for name, value in {"severity": severity, "source": source}.items() if value is not None]
        terms += [alert.c.raised_ns >= since_ns] if since_ns is not None else []
        terms += [] if is_open is None else [said.c.at_ns.is_(None) if is_open else said.c.at_ns.is_not(None)]
        if after is not None:
            raised_ns, last = after
            terms.append(sa.or_(alert.c.raised_ns < raised_ns, sa.and_(alert.c.raised_ns == raised_ns, alert.c.id > last)))
        query = _raised(said).where(*terms).order_by(alert.c.raised_ns.desc(), alert.c.id).limit(limit)
        with self._database.reading("listing alerts") as connection:
            return [_raised_alert(row) for row in connection.execute(query).mappings()]

    def alert(self, number: str) -> RaisedAlert:
        """The one with this id, or with the only id that begins so. Raises Missing for none, Rejected for several."""
        with self._database.reading(f"alert {number}") as connection:
            return _found(connection, number)

    def acknowledge(self, number: str, *, by: str, at_ns: int, face: str = "", note: str = "") -> RaisedAlert:
        """A person has it in hand: what is not sent yet is not sent any more, and nothing escalates. The alert afterwards."""
        if not by.strip():
            raise Rejected(f"alert {number}: acknowledged by nobody, expected a name")
        with self._database.writing(f"acknowledging alert {number}") as connection:
            found = _found(connection, number)
            row = {"alert": found.id, "by": by, "at_ns": at_ns, "face": face, "note": note}
            add_new(connection, alert_acknowledgement, [row], ["alert", "by"])
            waits = (alert_delivery.c.alert == found.id, alert_delivery.c.state == "waiting")
            connection.execute(sa.update(alert_delivery).where(*waits).values(state="moot"))
            return _found(connection, found.id)

    def acknowledgements(self, number: str) -> list[Acknowledgement]:
        """Everyone who has it in hand, the first first."""
        query = sa.select(alert_acknowledgement).where(alert_acknowledgement.c.alert == number)
        with self._database.reading(f"acknowledgements of {number}") as connection:
            rows = connection.execute(query.order_by(alert_acknowledgement.c.at_ns, alert_acknowledgement.c.by)).mappings()
            return [Acknowledgement(**row) for row in rows]


def _add(connection: Connection, alerts: Sequence[Alert], at_ns: int) -> list[RaisedAlert]:
    given: dict[str, Alert] = {}
    for one in alerts:
        given.setdefault(one.id, one)
    known = set(connection.execute(sa.select(alert.c.id).where(alert.c.id.in_(list(given)))).scalars())
    fresh = [one for number, one in given.items() if number not in known]
    rows = [
        {"id": one.id, "severity": one.severity, "source": one.source, "subject": one.subject, "text": one.text,
         "next_command": one.next_command, "key": one.key, "raised_ns": at_ns, "routed_ns": None}
        for one in fresh
    ]  # fmt: skip
    add_new(connection, alert, rows, ["id"])
    return [RaisedAlert(one, at_ns) for one in fresh]


def _planned(connection: Connection, query: sa.Select[Any], batching: Batching) -> tuple[list[str], Sequence[Delivery]]:
    """Ids that nobody has to be told any more, and the first message of the others."""
    found = [_delivery(row) for row in connection.execute(query).mappings()]
    moot = [one.raised.id for one in found if one.raised.acknowledged_ns is not None]
    planned = batching([one for one in found if one.raised.acknowledged_ns is None])
    return moot, planned[0] if planned else ()


def _acknowledged() -> sa.Subquery:
    """The first acknowledgement of each alert."""
    first = _FIRST.subquery()
    same = sa.and_(alert_acknowledgement.c.alert == first.c.alert, alert_acknowledgement.c.at_ns == first.c.at_ns)
    who = sa.func.min(alert_acknowledgement.c.by).label("by")
    query = sa.select(alert_acknowledgement.c.alert, alert_acknowledgement.c.at_ns, who).join(first, same)
    return query.group_by(alert_acknowledgement.c.alert, alert_acknowledgement.c.at_ns).subquery()


def _raised(said: sa.Subquery) -> sa.Select[Any]:
    acknowledged = (said.c.at_ns.label("acknowledged_ns"), said.c.by.label("acknowledged_by"))
    return sa.select(*alert.c, *acknowledged).outerjoin(said, said.c.alert == alert.c.id)


def _deliveries(*terms: Any, is_open: bool = False) -> sa.Select[Any]:
    said = _acknowledged()
    terms = (*terms, said.c.at_ns.is_(None)) if is_open else terms
    mine = [column for column in alert_delivery.c if column.name != "alert"]
    acknowledged = (said.c.at_ns.label("acknowledged_ns"), said.c.by.label("acknowledged_by"))
    query = sa.select(*mine, *alert.c, *acknowledged).select_from(alert_delivery).join(alert, alert.c.id == alert_delivery.c.alert)
    return query.outerjoin(said, said.c.alert == alert.c.id).where(*terms)


def _set(connection: Connection, route: str, ids: Sequence[str], values: Mapping[str, Any], *, only_from: str | None = None) -> None:
    if not ids:
        return
    terms = [alert_delivery.c.route == route, alert_delivery.c.alert.in_(list(ids))]
    terms += [] if only_from is None else [alert_delivery.c.state == only_from]
    connection.execute(sa.update(alert_delivery).where(*terms).values(**values))


def _delivery_row(number: str, route: str, why: Why, at_ns: int) -> dict[str, Any]:
    return {
        "alert": number, "route": route, "state": "waiting", "why": why, "first_ns": at_ns, "due_ns": at_ns, "attempts": 0, "message": "",
        "is_doubtful": False, "begun_ns": None, "claimed_ns": None, "sent_ns": None, "error": "",
    }  # fmt: skip


def _found(connection: Connection, number: str) -> RaisedAlert:
    begins = alert.c.id.startswith(number, autoescape=True)
    rows = connection.execute(_raised(_acknowledged()).where(begins).limit(2)).mappings().all() if number else []
    if len(rows) > 1:
        raise Rejected(f"alert {number}: several ids begin so, expected more of its digits")
    if not rows:
        raise Missing(f"alert {number!r}: there is none, expected an id of `tradewinds alerts list`")
    return _raised_alert(rows[0])


def _alert(row: RowMapping) -> Alert:
    return Alert(row["severity"], row["source"], row["subject"], row["text"], row["next_command"], row["key"])


def _raised_alert(row: RowMapping) -> RaisedAlert:
    return RaisedAlert(_alert(row), row["raised_ns"], row["acknowledged_ns"], row["acknowledged_by"])


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        _raised_alert(row), row["route"], row["state"], row["why"], row["first_ns"], row["due_ns"], row["attempts"], row["message"],
        bool(row["is_doubtful"]), row["sent_ns"], row["error"],
    )  # fmt: skip
