"""OANDA's transactions and orders as ours, and our orders as OANDA's. Pure: what arrives is read, what cannot be read raises Unreadable."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tradewinds.core import instant
from tradewinds.core.account import Fill
from tradewinds.core.broker import OrderReport
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instrument import is_instrument_name, split_id
from tradewinds.core.money import plain
from tradewinds.core.order import ApprovedOrder, OrderKind, OrderState, OrderTerms, TimeInForce

VENUE = "OANDA"
KINDS: dict[OrderKind, str] = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP", "take_profit": "MARKET_IF_TOUCHED"}
TIMES: dict[TimeInForce, str] = {"gtc": "GTC", "day": "GFD", "ioc": "IOC", "fok": "FOK"}
_KINDS_BACK = {name: kind for kind, name in KINDS.items()}
_TIMES_BACK = {name: time for time, name in TIMES.items()} | {"GTD": "gtc"}
STATES = {
    "PENDING": OrderState.ACCEPTED,
    "TRIGGERED": OrderState.ACCEPTED,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELLED,
}
ENDINGS = {"CLIENT_REQUEST_REPLACED": OrderState.REPLACED, "TIME_IN_FORCE_EXPIRED": OrderState.EXPIRED}
Fields = Mapping[str, Any]


def body_of(order: ApprovedOrder) -> dict[str, Any]:
    """The order as the venue wants it: units negative for a sale, every number as text. Raises Rejected for what it does not take."""
    terms = order.terms
    what = f"oanda order {order.client_order_id}"
    if terms.kind not in KINDS:
        raise Rejected(f"{what}: kind {terms.kind}, expected one of {', '.join(KINDS)}")
    if terms.when != "any":
        raise Rejected(f"{what}: at the {terms.when}, expected any time")
    at_once = terms.time_in_force in ("ioc", "fok")
    if terms.kind in ("stop", "take_profit") and at_once:
        raise Rejected(f"{what}: {terms.kind} {terms.time_in_force}, expected gtc or day")
    # A market order is FOK or IOC there and nothing else; one that may wait is not a market order.
    time = TIMES[terms.time_in_force] if terms.kind != "market" or at_once else "FOK"
    body: dict[str, Any] = {
        "type": KINDS[terms.kind],
        "instrument": split_id(terms.instrument)[0],
        "units": plain(terms.signed),
        "timeInForce": time,
        "positionFill": "REDUCE_ONLY" if terms.is_reduce_only else "DEFAULT",
        "clientExtensions": {"id": order.client_order_id},
    }
    price = terms.stop if terms.kind == "stop" else terms.limit
    if price is not None:
        body["price"] = plain(price)
    return body


def fill_of(transaction: Fields, home: str, client_order_id: str = "") -> Fill:
    """An ORDER_FILL. home: the account's currency, in which commission is paid."""
    signed = number(transaction, "units")
    commission = number(transaction, "commission", Decimal(0)) + number(transaction, "guaranteedExecutionFee", Decimal(0))
    name = text(transaction, "instrument")
    try:
        return Fill(
            text(transaction, "id"), VENUE, str(transaction.get("clientOrderID") or client_order_id), instrument_of(name),
            "buy" if signed > 0 else "sell", abs(signed), number(transaction, "price"), name.partition("_")[2] or home,
            time_ns(transaction, "time"), commission=commission, commission_currency=home,
        )  # fmt: skip
    except Rejected as error:
        raise Unreadable(f"oanda fill {transaction.get('id')}: {error}") from None


def report_of(order: Fields) -> OrderReport:
    """An order as the venue shows it. An unknown state is UNKNOWN; how much was filled stands in the fills, not here."""
    extensions = order.get("clientExtensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    state = STATES.get(str(order.get("state")), OrderState.UNKNOWN)
    if state is OrderState.ACCEPTED and order.get("fillingTransactionID"):
        state = OrderState.PARTIALLY_FILLED
    if state is OrderState.CANCELLED and order.get("replacedByOrderID"):
        state = OrderState.REPLACED
    name = str(order.get("instrument", ""))
    at = next((key for key in ("cancelledTime", "filledTime", "createTime") if order.get(key)), "createTime")
    return OrderReport(
        str(extensions.get("id", "")),
        text(order, "id"),
        instrument_of(name) if name else "",
        state,
        time_ns(order, at),
        reason="" if state is not OrderState.UNKNOWN else f"state {order.get('state')!r}, expected one of {', '.join(STATES)}",
        terms=_terms(order),
    )


def ending(reason: str) -> OrderState:
    """The state that a cancel with this reason leaves."""
    return ENDINGS.get(reason, OrderState.CANCELLED)


def _terms(order: Fields) -> OrderTerms | None:
    """The terms, None where the order is of a kind that we do not have."""
    kind = _KINDS_BACK.get(str(order.get("type", "")).removesuffix("_ORDER"))
    try:
        signed = number(order, "units")
        price = None if kind in (None, "market") else number(order, "price")
        if kind is None or signed == 0:
            return None
        return OrderTerms(
            instrument_of(text(order, "instrument")), "buy" if signed > 0 else "sell", abs(signed), kind,
            limit=price if kind in ("limit", "take_profit") else None, stop=price if kind == "stop" else None,
            time_in_force=_TIMES_BACK.get(str(order.get("timeInForce")), "gtc"),
            is_reduce_only=order.get("positionFill") == "REDUCE_ONLY",
        )  # fmt: skip
    except (Unreadable, Rejected):
        return None


def instrument_of(name: str) -> str:
    """Our id of an instrument of the venue."""
    if not is_instrument_name(name, VENUE):
        raise Unreadable(f"oanda instrument {name[:80]!r}, expected a name such as EUR_USD")
    return f"{name}.{VENUE}"


def text(fields: Fields, name: str) -> str:
    """A field that must be there; ids come as text or as numbers."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Unreadable(f"oanda {fields.get('type', 'message')}: {name} {value!r}, expected text")
    return str(value)


def number(fields: Fields, name: str, absent: Decimal | None = None) -> Decimal:
    """A number, written as text or not."""
    value = fields.get(name, absent)
    try:
        found = Decimal(str(value)) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite():
        raise Unreadable(f"oanda {fields.get('type', 'message')}: {name} {value!r}, expected a finite number")
    return found


def time_ns(fields: Fields, name: str) -> int:
    """A time, RFC 3339 or seconds since 1970."""
    value = text(fields, name)
    try:
        if value.replace(".", "", 1).isdigit():
            return int(Decimal(value) * instant.NS_PER_SECOND)
        return instant.parse(value)
    except Rejected:
        raise Unreadable(f"oanda {fields.get('type', 'message')}: {name} {value!r}, expected RFC 3339") from None
