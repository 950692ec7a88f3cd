"""The projection of the journals: orders, fills, positions, decisions and what people have to know, in the ledger, for everyone who reads.

1. `take` writes what some steps of an account's journal made, in one transaction, with how far the projection is. Steps that it
   has already are passed over, so it may be told twice.
2. Orders and fills come from the records; positions and cash are those of the books after the last of these steps.
3. `forget` drops an account's rows; projecting its journal from the beginning makes them again, the same.

Nothing here decides anything: the journal is the only truth of trading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.account import Fill
from tradewinds.core.errors import Invariant
from tradewinds.core.order import ApprovedOrder
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema_trading import (
    trade_break,
    trade_cash,
    trade_decision,
    trade_event,
    trade_fill,
    trade_order,
    trade_position,
    trade_projection,
)
from tradewinds.stores.ledger_write import add_new, upsert
from tradewinds.trading.entry import Alerted, Approved, Booked, Changed, Decided, Entry, Overridden, Refused, Waiting
from tradewinds.trading.evening import Break

_BY_ACCOUNT = (trade_projection, trade_order, trade_fill, trade_position, trade_cash, trade_decision, trade_event)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a journal with its place in it."""

    sequence: int
    hash: bytes
    entry: Entry


@dataclass(frozen=True, slots=True)
class Held:
    """What a strategy ("" for what none of ours ordered) holds of an instrument."""

    strategy: str
    instrument: str
    quantity: Decimal
    average_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Cash:
    """What a strategy has of a currency."""

    strategy: str
    currency: str
    amount: Decimal


class TradingLedger:
    """Trading as the ledger shows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def projected(self, account: str) -> int:
        """The sequence of the last step that is in the ledger, 0 for none."""
        with self._database.reading(f"projection of {account}") as connection:
            return _projected(connection, account)

    def take(self, account: str, steps: Sequence[Step], held: Iterable[Held], cash: Iterable[Cash]) -> int:
        """Project these steps; returns how many were new. Raises Invariant where one in between is missing."""
        if not steps:
            return 0
        with self._database.writing(f"projection of {account}") as connection:
            known = _projected(connection, account)
            new = [step for step in steps if step.sequence > known]
            if not new:
                return 0
            if new[0].sequence != known + 1:
                raise Invariant(f"projection of {account}: step {new[0].sequence}, expected {known + 1}")
            rows = _Rows(account, connection)
            for step in new:
                rows.add(step)
            rows.write()
            last = new[-1]
            _replace_holdings(connection, account, last.sequence, held, cash)
            mark = {"account": account, "sequence": last.sequence, "hash": last.hash.hex(), "time_ns": last.entry.time_ns}
            upsert(connection, trade_projection, [mark])
            return len(new)

    def forget(self, account: str) -> None:
        """Drop the account's rows, to project its journal again."""
        with self._database.writing(f"forgetting the projection of {account}") as connection:
            for table in _BY_ACCOUNT:
                connection.execute(sa.delete(table).where(table.c.account == account))

    def write_breaks(self, account: str, day: date, found: Sequence[Break], found_ns: int) -> None:
        """The breaks of a day, in place of those that were found of it before."""
        with self._database.writing(f"breaks of {account} {day}") as connection:
            connection.execute(sa.delete(trade_break).where(trade_break.c.account == account, trade_break.c.day == day))
            rows = [
                {"account": account, "day": day, "kind": one.kind, "subject": one.subject, "ours": one.ours, "theirs": one.theirs,
                 "found_ns": found_ns}
                for one in found
            ]  # fmt: skip
            add_new(connection, trade_break, rows, ["account", "day", "kind", "subject"])

    def held_and_filled(self, after_ns: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of every account: what is held now, and fills that happened after an instant."""
        held = sa.select(trade_position).order_by(*trade_position.primary_key)
        filled = sa.select(trade_fill).where(trade_fill.c.event_ns > after_ns).order_by(trade_fill.c.event_ns, *trade_fill.primary_key)
        with self._database.reading("positions and fills") as connection:
            found = [[dict(row) for row in connection.execute(query).mappings()] for query in (held, filled)]
        return found[0], found[1]

    def rows(self, table: str, account: str | None = None, *, limit: int = 1_000) -> list[dict[str, Any]]:
        """Rows of `trade_<table>`, those of the latest steps first where there is a sequence."""
        found = trade_order.metadata.tables.get(f"trade_{table}")
        if found is None:
            raise Invariant(f"trading ledger: table {table!r}, expected one of order, fill, position, cash, decision, event, break")
        query = sa.select(found).limit(limit)
        if account is not None:
            query = query.where(found.c.account == account)
        if "sequence" in found.c:
            query = query.order_by(found.c.sequence.desc(), *(column for column in found.primary_key if column.name != "sequence"))
        with self._database.reading(f"trade_{table}") as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


class _Rows:
    """The rows of some steps. Orders that began before them are read once when they change."""

    def __init__(self, account: str, connection: Connection) -> None:
        self._account = account
        self._connection = connection
        self._orders: dict[str, dict[str, Any]] = {}
        self._fills: list[dict[str, Any]] = []
        self._decisions: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def add(self, step: Step) -> None:
        for number, record in enumerate(step.entry.records):
            place = {"account": self._account, "sequence": step.sequence, "number": number}
            match record:
                case Approved(order, _):
                    self._orders[order.client_order_id] = _order_row(self._account, order, step)
                case Changed():
                    self._change(record, step)
                case Booked(fill, strategy):
                    self._fills.append(_fill_row(self._account, fill, strategy, step.sequence))
                    known = self._order(fill.client_order_id)
                    if known is not None:
                        known |= {"filled": known["filled"] + fill.quantity, "changed_ns": step.entry.time_ns, "sequence": step.sequence}
                case Decided(strategy, decision_ns, targets):
                    self._decisions.append({**place, "strategy": strategy, "decision_ns": decision_ns, "targets": dict(targets)})
                case Refused() | Waiting() | Alerted() | Overridden():
                    self._events.append({**place, "time_ns": step.entry.time_ns, **_event(record)})
                case _:
                    pass

    def write(self) -> None:
        upsert(self._connection, trade_order, list(self._orders.values()))
        add_new(self._connection, trade_fill, self._fills, ["account", "venue", "id"])
        add_new(self._connection, trade_decision, self._decisions, ["account", "sequence", "number"])
        add_new(self._connection, trade_event, self._events, ["account", "sequence", "number"])

    def _change(self, change: Changed, step: Step) -> None:
        known = self._order(change.client_order_id)
        if known is None:
            return
        known |= {"state": change.state.value, "changed_ns": step.entry.time_ns, "sequence": step.sequence}
        if change.reason:
            known["reason"] = change.reason
        if change.venue_order_id:
            known["venue_order_id"] = change.venue_order_id

    def _order(self, client_order_id: str) -> dict[str, Any] | None:
        if client_order_id not in self._orders:
            query = sa.select(trade_order).where(trade_order.c.account == self._account, trade_order.c.client_order_id == client_order_id)
            row = self._connection.execute(query).mappings().first()
            if row is None:
                return None
            self._orders[client_order_id] = dict(row)
        return self._orders[client_order_id]


def _projected(connection: Connection, account: str) -> int:
    query = sa.select(trade_projection.c.sequence).where(trade_projection.c.account == account)
    return int(connection.execute(query).scalar() or 0)


def _replace_holdings(connection: Connection, account: str, sequence: int, held: Iterable[Held], cash: Iterable[Cash]) -> None:
    for table in (trade_position, trade_cash):
        connection.execute(sa.delete(table).where(table.c.account == account))
    place = {"account": account, "sequence": sequence}
    positions = [
        {**place, "strategy": one.strategy, "instrument": one.instrument, "quantity": one.quantity, "average_price": one.average_price}
        for one in held
    ]
    add_new(connection, trade_position, positions, ["account", "strategy", "instrument"])
    amounts = [{**place, "strategy": one.strategy, "currency": one.currency, "amount": one.amount} for one in cash]
    add_new(connection, trade_cash, amounts, ["account", "strategy", "currency"])


def _order_row(account: str, order: ApprovedOrder, step: Step) -> dict[str, Any]:
    terms, intent = order.terms, order.intent
    return {
        "account": account, "client_order_id": order.client_order_id, "strategy": intent.strategy, "instrument": terms.instrument,
        "side": terms.side, "kind": terms.kind, "time_in_force": terms.time_in_force, "quantity": terms.quantity,
        "limit_price": terms.limit, "stop_price": terms.stop, "filled": Decimal(0), "state": "intent",
        "reason": intent.reason, "venue_order_id": "",
        "decision_ns": intent.decision_ns, "approved_ns": order.approved_ns, "changed_ns": step.entry.time_ns, "sequence": step.sequence,
    }  # fmt: skip


def _fill_row(account: str, fill: Fill, strategy: str, sequence: int) -> dict[str, Any]:
    return {
        "account": account, "venue": fill.venue, "id": fill.id, "client_order_id": fill.client_order_id, "strategy": strategy,
        "instrument": fill.instrument, "side": fill.side, "quantity": fill.quantity, "price": fill.price, "multiplier": fill.multiplier,
        "currency": fill.currency, "commission": fill.commission, "commission_currency": fill.commission_currency or fill.currency,
        "event_ns": fill.event_ns, "sequence": sequence,
    }  # fmt: skip


def _event(record: Refused | Waiting | Alerted | Overridden) -> Mapping[str, Any]:
    match record:
        case Refused(refusal):
            return {
                "kind": "refused",
                "severity": "warning",
                "subject": refusal.intent.client_order_id,
                "text": f"{refusal.rule}: {refusal.reason}",
            }
        case Waiting(intent, rule, why, _):
            return {"kind": "waiting", "severity": "warning", "subject": intent.client_order_id, "text": f"{rule}: {why}"}
        case Alerted(severity, text):
            return {"kind": "alert", "severity": severity, "subject": "", "text": text}
        case Overridden(control):
            subject = " ".join(one for one in (control.strategy, control.instrument) if one)
            return {"kind": control.action, "severity": "warning", "subject": subject, "text": f"{control.by}: {control.reason}"}
