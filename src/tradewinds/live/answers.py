"""What a person is told about an account: orders, positions, gains, what waits, as plain values for JSON and tables.

Pure functions over books and decisions, so that a running service and a command that reads the journal say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradewinds.core.instant import text
from tradewinds.core.order import OrderTerms
from tradewinds.live.decisions import Decision, Decisions, Verdict
from tradewinds.trading.books import MANUAL, Books, Order

__all__ = ["AccountView", "gains", "line", "number", "orders", "positions", "report", "status", "waiting"]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as it is looked at. state: starting, trading, failed, stopped, or `not running` where its journal was read."""

    name: str
    mode: str
    state: str
    books: Books
    strategies: tuple[str, ...] = ()
    failure: str = ""


def status(view: AccountView, decisions: Decisions) -> dict[str, Any]:
    """One account in short."""
    books = view.books
    return {
        "account": view.name,
        "mode": view.mode,
        "state": view.state,
        "failure": view.failure or None,
        "link": books.link,
        "halted": books.is_halted,
        "open_orders": len(books.open),
        "unknown_orders": sum(order.state.value == "unknown" for order in books.open.values()),
        "foreign_orders": len(books.foreign),
        "waiting": sum(one.account == view.name for one in decisions.waiting.values()),
        "positions": positions(view),
        "overrides": [
            {"strategy": strategy or None, "instrument": instrument or None, "override": action}
            for (strategy, instrument), action in sorted(books.overrides.items())
            if action != "trade"
        ],
        "strategies": [_strategy(view, name, decisions) for name in view.strategies],
        "guests": [{"strategy": name, "decides_on": home} for name, home in sorted(books.homes.items())],
    }


def positions(view: AccountView) -> list[dict[str, Any]]:
    """What is held, with each strategy's part; the book of nobody's has no strategy."""
    books = view.books
    rows = []
    for instrument, whole in sorted(books.whole.positions.items()):
        parts = {name or None: part.quantity(instrument) for name, part in sorted(books.parts.items()) if part.quantity(instrument)}
        if whole.quantity or parts:
            held = [{"strategy": name, "quantity": number(quantity)} for name, quantity in parts.items()]
            rows.append({"instrument": instrument, "quantity": number(whole.quantity), "parts": held})
    return rows


def orders(view: AccountView, *, strategy: str | None = None, is_every: bool = False) -> list[dict[str, Any]]:
    """Orders that work, or every one that the journal knows; and those at the venue that are not ours."""
    books = view.books
    chosen: Iterable[Order] = books.orders.values() if is_every else books.open.values()
    ours = [_order(view.name, one) for one in chosen if strategy in (None, one.approved.intent.strategy)]
    if strategy is not None:
        return ours
    return ours + [
        {"account": view.name, "id": None, "venue_id": report.venue_order_id, "strategy": None, "instrument": report.instrument}
        | ({} if report.terms is None else _terms(report.terms))
        | {"state": report.state.value, "filled": None if report.filled is None else number(report.filled), "reason": "not ours"}
        for report in books.foreign.values()
    ]


def gains(view: AccountView) -> list[dict[str, Any]]:
    """Gains realised, lot by lot, for the tax office: the oldest first."""
    return [
        {"account": view.name, "strategy": strategy or None, "method": view.books.method}
        | {name: _plain(name, getattr(gain, name)) for name in type(gain).__dataclass_fields__}
        for strategy, gain in view.books.gains
    ]


def waiting(decisions: Decisions) -> list[dict[str, Any]]:
    """Orders that wait for a person."""
    return [
        {
            "id": name, "account": one.account, "strategy": one.intent.strategy or None, "text": line(one.intent.terms), "rule": one.rule,
            "why": one.why, "until": text(one.until_ns),
        }
        for name, one in decisions.waiting.items()
    ]  # fmt: skip


def report(decisions: Decisions, books: Mapping[str, Books], strategy: str, decision_ns: int) -> dict[str, Any] | None:
    """A decision with what became of each of its orders so far; None where it is not known."""
    found = decisions.decision(strategy, decision_ns)
    if found is None:
        return None
    verdicts = [decisions.verdicts[name] for name in found.orders if name in decisions.verdicts]
    return {
        "strategy": strategy,
        "account": found.account,
        "decision_ns": decision_ns,
        "at": text(decision_ns),
        "targets": found.targets,
        "orders": [_judged(one, books) for one in verdicts if one.word == "approved"],
        "waiting": [_judged(one, books) for one in verdicts if one.word == "waiting"],
        "refused": [_judged(one, books) for one in verdicts if one.word == "refused"],
    }


def line(terms: OrderTerms) -> str:
    """An order's terms on one line."""
    prices = [
        f"{name} {value}" for name, value in (("limit", terms.limit), ("stop", terms.stop), ("trail", terms.trail)) if value is not None
    ]
    kind = [] if terms.kind in ("limit", "stop") else [terms.kind]  # otherwise its price says so
    reduces = ["reduce only"] if terms.is_reduce_only else []
    words = [terms.side, number(terms.quantity), terms.instrument, *kind, *prices, *reduces]
    return " ".join(words)


def number(value: Decimal) -> str:
    """As a person writes it: no exponent, no zeros behind."""
    return format(value.normalize() + 0, "f")


def _judged(one: Verdict, books: Mapping[str, Books]) -> dict[str, Any]:
    found = books[one.account].orders.get(one.intent.client_order_id) if one.account in books else None
    told = {"id": one.intent.client_order_id, "account": one.account, "text": line(one.intent.terms)}
    if found is not None:
        return told | {"state": found.state.value, "filled": number(found.filled), "reason": found.reason or None}
    return told | {"rule": one.rule or None, "why": one.why or None}


def _strategy(view: AccountView, name: str, decisions: Decisions) -> dict[str, Any]:
    last = decisions.last(name)
    return {
        "strategy": name,
        "last_decision": None if last is None else text(last.decision_ns),
        "targets": {} if last is None else last.targets,
        "refused": [] if last is None else _refused(last, decisions),
        "elsewhere": _elsewhere(view.books, name),
    }


def _refused(last: Decision, decisions: Decisions) -> list[dict[str, Any]]:
    """Of a decision: what did not pass, where, and why."""
    found = [decisions.verdicts[name] for name in last.orders if name in decisions.verdicts]
    return [
        {"account": one.account, "text": line(one.intent.terms), "rule": one.rule, "why": one.why} for one in found if one.word == "refused"
    ]


def _elsewhere(books: Books, strategy: str) -> list[dict[str, Any]]:
    """What a strategy has on other accounts, as its home knows it. on_the_way: orders that the account has not judged yet."""
    rows = []
    known = {name: Books(name) for name in books.handed} | books.away
    for account, other in sorted(known.items()):
        part = other.parts.get(strategy)
        currency, capital = other.capital.get(strategy, ("", None))
        handed = [one for given in books.handed.get(account, {}).values() if given.strategy == strategy for one in given.intents]
        if part is None and not handed:
            continue
        held = {} if part is None else {name: number(one.quantity) for name, one in sorted(part.positions.items())}
        working = sum(one.strategy == strategy for one in other.open.values())
        given = None if capital is None else number(capital)
        rows.append(
            {
                "account": account, "currency": currency or None, "capital": given, "positions": held, "open_orders": working,
                "on_the_way": len(handed),
            }
        )  # fmt: skip
    return rows


def _order(account: str, one: Order) -> dict[str, Any]:
    intent = one.approved.intent
    told = {
        "account": account,
        "id": one.client_order_id,
        "venue_id": one.venue_order_id or None,
        "strategy": intent.strategy if intent.strategy != MANUAL else None,
        "instrument": intent.terms.instrument,
    }
    rest = {"state": one.state.value, "filled": number(one.filled), "reason": one.reason or None, "since": text(one.since_ns)}
    return told | _terms(intent.terms) | rest


def _terms(terms: OrderTerms) -> dict[str, Any]:
    limit = None if terms.limit is None else number(terms.limit)
    return {"side": terms.side, "quantity": number(terms.quantity), "kind": terms.kind, "limit": limit}


def _plain(name: str, value: object) -> Any:
    if name.endswith("_ns") and isinstance(value, int):
        return text(value)
    if isinstance(value, Decimal):
        return number(value)
    return value if value is None or isinstance(value, bool | int) else str(value)
