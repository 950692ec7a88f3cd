"""Trading as people look at it, from the ledger (which follows the journals) and, where one runs, the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.live.control import ask
from tradewinds.risk.bounds import limits_to
from tradewinds.stores.daily import read_daily
from tradewinds.stores.ledger_schema_trading import trade_cash, trade_event, trade_fill, trade_order, trade_position, trade_projection
from tradewinds.stores.limits import LimitBook
from tradewinds.wiring.accounts import account_of
from tradewinds.wiring.desk.strategy_files import StrategyFile, strategies
from tradewinds.wiring.trade_read import read as read_journals

if TYPE_CHECKING:
    from tradewinds.people.four_eyes import Request, RequestState
    from tradewinds.stores.limits import LimitChange
    from tradewinds.wiring.house import House

ASK_WITHIN_S = 5.0
ROWS_MAX = 1_000
OPEN_STATES = ("intent", "sent", "accepted", "partially filled", "cancel sent", "replace sent", "unknown")

_TABLES = {"order": trade_order, "fill": trade_fill, "position": trade_position, "cash": trade_cash, "event": trade_event}


@dataclass(frozen=True, slots=True)
class Page:
    """Rows and where to go on; `after` None at the end. A cursor stays good while rows are added."""

    rows: list[dict[str, Any]]
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account of the configuration. trouble: what is wrong with its entry, "" for nothing."""

    name: str
    broker: str
    environment: str
    currency: str
    is_live: bool
    trouble: str = ""


def accounts(house: House) -> list[AccountFacts]:
    """Every account of the configuration; no key, no secret, no address."""
    found = []
    for name, given in house.config.accounts.items():
        try:
            one = account_of(house.config, name)
        except Rejected as error:
            found.append(AccountFacts(name, given.broker, given.environment, given.currency or "", False, str(error)))
        else:
            found.append(AccountFacts(name, given.broker, given.environment, one.currency, one.is_live))
    return found


def status(house: House) -> dict[str, Any]:
    """What trades now, as the running service says; what the journals say where none runs (`running` false)."""
    return asked(house, "status", {})


def approvals(house: House) -> list[dict[str, Any]]:
    """Orders that wait for a person."""
    waiting: list[dict[str, Any]] = asked(house, "approvals", {})["waiting"]
    return waiting


def gains(house: House, account: str | None = None) -> list[dict[str, Any]]:
    """Gains realised, a row a closed lot."""
    found: list[dict[str, Any]] = asked(house, "gains", {"account": account})["gains"]
    return found


def asked(house: House, act: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """A reading act of the service, of the journals where none runs."""
    try:
        return ask(house.home, act, words, within_s=ASK_WITHIN_S)
    except Transient:
        return read_journals(house.config, act, words)


def orders(
    house: House, *, account: str | None = None, strategy: str | None = None, instrument: str | None = None, is_open: bool | None = None,
    after: tuple[int, str] | None = None, limit: int = ROWS_MAX,
) -> Page:  # fmt: skip
    """Orders, those that changed last first."""
    terms = [] if is_open is None else [trade_order.c.state.in_(OPEN_STATES) if is_open else trade_order.c.state.not_in(OPEN_STATES)]
    return _page(house, "order", trade_order.c.client_order_id, (account, strategy, instrument), terms, after, limit)


def fills(
    house: House, *, account: str | None = None, strategy: str | None = None, instrument: str | None = None,
    after: tuple[int, str] | None = None, limit: int = ROWS_MAX,
) -> Page:  # fmt: skip
    """Fills, the last booked first."""
    return _page(house, "fill", trade_fill.c.id, (account, strategy, instrument), [], after, limit)


def order(house: House, number: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One order and its fills; raises Missing."""
    with house.ledger.database.reading("reading an order") as connection:
        row = connection.execute(sa.select(trade_order).where(trade_order.c.client_order_id == number)).mappings().first()
        query = sa.select(trade_fill).where(trade_fill.c.client_order_id == number).order_by(trade_fill.c.sequence, trade_fill.c.id)
        booked = [dict(one) for one in connection.execute(query).mappings()]
    if row is None:
        raise Missing(f"order {number!r}: there is none, expected an id that `tradewinds trade orders` shows")
    return dict(row), booked


def positions(house: House, *, account: str | None = None, strategy: str | None = None) -> list[dict[str, Any]]:
    """What every strategy holds, by account, strategy, instrument."""
    return _all(house, "position", account, strategy)


def cash(house: House, *, account: str | None = None, strategy: str | None = None) -> list[dict[str, Any]]:
    """What every strategy has of each currency."""
    return _all(house, "cash", account, strategy)


def events(house: House, *, account: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """What trading told people: refusals, what waits, alerts, overrides; newest first."""
    query = sa.select(trade_event).order_by(trade_event.c.time_ns.desc(), trade_event.c.sequence.desc()).limit(limit)
    if account is not None:
        query = query.where(trade_event.c.account == account)
    with house.ledger.database.reading("reading events") as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def profit(house: House, *, account: str | None = None) -> list[dict[str, Any]]:
    """Realised gains less nothing, and commissions, by account, strategy, instrument and currency; of closed lots and fills."""
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def row(key: tuple[str, str, str, str]) -> dict[str, Any]:
        names = dict(zip(("account", "strategy", "instrument", "currency"), key, strict=True))
        return found.setdefault(key, {**names, "realised": Decimal(0), "commission": Decimal(0), "fills": 0, "closed_lots": 0})

    for one in gains(house, account):
        entry = row((one["account"], one["strategy"] or "", one["instrument"], one["currency"]))
        entry["realised"] += Decimal(str(one["amount"]))
        entry["closed_lots"] += 1
    columns = (trade_fill.c.account, trade_fill.c.strategy, trade_fill.c.instrument, trade_fill.c.commission_currency)
    query = sa.select(*columns, trade_fill.c.commission)
    if account is not None:
        query = query.where(trade_fill.c.account == account)
    with house.ledger.database.reading("reading commissions") as connection:
        for *key, commission in connection.execute(query):
            entry = row((key[0], key[1], key[2], key[3]))
            entry["commission"] += commission
            entry["fills"] += 1
    return [found[key] for key in sorted(found)]


def declared(house: House) -> list[StrategyFile]:
    """The strategies of the workspace, with what is wrong with those that cannot be read."""
    return strategies(house)


def limits(house: House, account: str, *, at_ns: int | None = None) -> list[dict[str, Any]]:
    """Limits of an account, its strategies and instruments: what is declared, and what the ledger keeps in its place."""
    chosen = account_of(house.config, account)
    rows = [{"scope": "account", "name": None, "limit": k, "value": v, "from": "declared"} for k, v in limits_to(chosen.limits).items()]
    for one in strategies(house):
        if account in one.accounts:
            rows += [{"scope": "strategy", "name": one.name, "limit": k, "value": v, "from": "declared"} for k, v in one.limits.items()]
    kept = LimitBook(house.ledger.database).at(account, house.clock.now_ns() if at_ns is None else at_ns)
    for (scope, name), values in sorted(kept.by_scope.items()):
        rows = [row for row in rows if (row["scope"], row["name"] or "") != (scope, name) or row["limit"] not in values]
        rows += [{"scope": scope, "name": name or None, "limit": k, "value": v, "from": "kept"} for k, v in sorted(values.items())]
    return rows


def limit_changes(house: House, account: str | None = None) -> list[LimitChange]:
    """Who changed what, newest first."""
    return LimitBook(house.ledger.database).history(account)


def requests(house: House, *, state: RequestState | None = "waiting") -> list[Request]:
    """Acts that wait for a second person."""
    return house.ledger.acts.requests(house.clock.now_ns(), state=state)


def breaks(house: House, *, account: str | None = None) -> list[dict[str, Any]]:
    """What differs from the brokers' own statements, by day."""
    return house.ledger.trading.rows("break", account)


def evenings(house: House, account: str, *, limit: int = 30) -> list[dict[str, Any]]:
    """The signed files of an account's days, newest first, parity among them; one whose signature does not hold says so."""
    account_of(house.config, account)
    folder = house.home / "trade" / "daily" / account
    found: list[dict[str, Any]] = []
    for place in sorted(folder.glob("????-??-??.json"), reverse=True)[:limit] if folder.is_dir() else []:
        day = date.fromisoformat(place.stem)
        try:
            found.append({"day": day, "is_signed": True, "report": read_daily(place)})
        except Exception as error:  # noqa: BLE001 - one day that cannot be read must not hide the others
            found.append({"day": day, "is_signed": False, "report": {}, "trouble": str(error)})
    return found


def marks(house: House) -> dict[str, int]:
    """account -> how far the ledger follows its journal: whoever waits for changes waits for these to grow."""
    with house.ledger.database.reading("reading marks") as connection:
        found = connection.execute(sa.select(trade_projection.c.account, trade_projection.c.sequence))
        return {str(name): int(sequence) for name, sequence in found}


def changes(house: House, account: str, after: int) -> dict[str, list[dict[str, Any]]]:
    """Orders and fills that changed since a mark of an account, and its positions now."""
    with house.ledger.database.reading("reading changes") as connection:

        def since(table: sa.Table) -> list[dict[str, Any]]:
            query = sa.select(table).where(table.c.account == account, table.c.sequence > after).order_by(table.c.sequence).limit(ROWS_MAX)
            return [dict(row) for row in connection.execute(query).mappings()]

        return {"orders": since(trade_order), "fills": since(trade_fill), "positions": since(trade_position), "events": since(trade_event)}


def _all(house: House, name: str, account: str | None, strategy: str | None) -> list[dict[str, Any]]:
    table = _TABLES[name]
    terms = [table.c[key] == value for key, value in (("account", account), ("strategy", strategy)) if value is not None]
    query = sa.select(table).where(*terms).order_by(*table.primary_key)
    with house.ledger.database.reading(f"reading trade_{name}") as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _page(
    house: House, name: str, number: sa.Column[Any], named: tuple[str | None, str | None, str | None], terms: list[Any],
    after: tuple[int, str] | None, limit: int,
) -> Page:  # fmt: skip
    """Newest step first; rows of one step by their number."""
    table = _TABLES[name]
    chosen = zip(("account", "strategy", "instrument"), named, strict=True)
    terms = [*terms, *(table.c[key] == value for key, value in chosen if value is not None)]
    if after is not None:
        sequence, last = after
        terms.append(sa.or_(table.c.sequence < sequence, sa.and_(table.c.sequence == sequence, number > last)))
    query = sa.select(table).where(*terms).order_by(table.c.sequence.desc(), number).limit(limit + 1)
    with house.ledger.database.reading(f"listing trade_{name}") as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    rest = found[:limit]
    return Page(rest, (rest[-1]["sequence"], str(rest[-1][number.name])) if len(found) > limit and rest else None)
