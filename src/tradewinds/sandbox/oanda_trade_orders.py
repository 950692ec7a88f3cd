"""An order request at OANDA: read as the venue reads it, or refused with the venue's own reason."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.core.order import OrderKind, TimeInForce
from tradewinds.sandbox.exchange import VenueOrder
from tradewinds.sandbox.oanda_trade_book import Book, Fields, Rule

KINDS: dict[str, OrderKind] = {"MARKET": "market", "LIMIT": "limit", "STOP": "stop", "MARKET_IF_TOUCHED": "take_profit"}
TIMES: dict[str, TimeInForce] = {"GTC": "gtc", "GTD": "gtc", "GFD": "day", "FOK": "fok", "IOC": "ioc"}
POSITION_FILLS = ("DEFAULT", "REDUCE_FIRST", "REDUCE_ONLY", "OPEN_ONLY")
CLIENT_ID_CHARS_MAX = 128
_ATTACHED = ("takeProfitOnFill", "stopLossOnFill", "trailingStopLossOnFill", "guaranteedStopLossOnFill")


class Refusal(Exception):
    """A request that the venue refuses. kind: type of the reject transaction; name: where it stands in the answer."""

    def __init__(
        self, reason: str, kind: str, name: str = "orderRejectTransaction", fields: Fields | None = None, status: int = 400
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.name = name
        self.fields = fields or {}
        self.status = status


def order_of(asked: Any, book: Book, now_ns: int, *, replaces: VenueOrder | None = None) -> VenueOrder:
    """The order of a request body. A replacement keeps the client extensions of what it replaces unless it brings its own."""
    given: Fields = asked if isinstance(asked, dict) else {}
    kind = str(given.get("type", "MARKET"))
    reject = f"{kind if kind in KINDS else 'MARKET'}_ORDER_REJECT"

    def refuse(reason: str) -> Refusal:
        names = ["instrument", "units", "price", "timeInForce", "clientExtensions"]
        shown: Fields = {name: given[name] for name in names if name in given}
        return Refusal(reason, reject, fields=shown)

    if kind not in KINDS:
        raise refuse("ORDER_TYPE_INVALID")
    if not given.get("instrument"):
        raise refuse("INSTRUMENT_MISSING")
    rule = book.rules.get(str(given["instrument"]))
    if rule is None:
        raise refuse("INSTRUMENT_UNKNOWN")
    if any(name in given for name in _ATTACHED):
        raise refuse("STOP_LOSS_ON_FILL_GUARANTEED_NOT_ALLOWED")
    signed = _units(given.get("units"), rule, refuse)
    time = str(given.get("timeInForce") or ("FOK" if kind == "MARKET" else "GTC"))
    if time not in TIMES or (kind == "MARKET" and time not in ("FOK", "IOC")):
        raise refuse("TIME_IN_FORCE_INVALID")
    fill = str(given.get("positionFill", "DEFAULT"))
    if fill not in POSITION_FILLS:
        raise refuse("ORDER_FILL_POSITION_ACTION_INVALID")
    price = None if kind == "MARKET" else _price(given.get("price"), rule, refuse, "PRICE")
    bound = _price(given["priceBound"], rule, refuse, "PRICE_BOUND") if given.get("priceBound") is not None else None
    client_id, extra = _extensions(given.get("clientExtensions"), refuse)
    if replaces is not None and not client_id and "clientExtensions" not in given:
        client_id = replaces.client_id
    taken = book.exchange.named(book.id, client_id) if client_id else None
    if taken is not None and taken.is_working and taken is not replaces:
        raise refuse("CLIENT_ORDER_ID_ALREADY_EXISTS")
    extra |= {"timeInForce": time, "positionFill": fill}
    order = VenueOrder(
        book.id, client_id, rule.name, "buy" if signed > 0 else "sell", KINDS[kind], abs(signed),
        limit=price if kind == "LIMIT" else bound, stop=price if kind in ("STOP", "MARKET_IF_TOUCHED") else None,
        time_in_force=TIMES[time], is_reduce_only=fill == "REDUCE_ONLY", extra=extra,
    )  # fmt: skip
    if bound is not None:
        extra["priceBound"] = str(given["priceBound"])
    if time == "GTD":
        order.expires_ns = _gtd(given.get("gtdTime"), now_ns, refuse)
        extra["gtdTime"] = str(given["gtdTime"])
    return order


def _units(text: Any, rule: Rule, refuse: Any) -> Decimal:
    if text is None:
        raise refuse("UNITS_MISSING")
    signed = _number(text)
    if signed is None or signed == 0:
        raise refuse("UNITS_INVALID")
    if signed != round(signed, rule.units_decimals):
        raise refuse("UNITS_PRECISION_EXCEEDED")
    if abs(signed) < rule.units_least:
        raise refuse("UNITS_MIMIMUM_NOT_MET")  # sic: the venue's own spelling
    if abs(signed) > rule.units_most:
        raise refuse("UNITS_LIMIT_EXCEEDED")
    return signed


def _price(text: Any, rule: Rule, refuse: Any, what: str) -> Decimal:
    if text is None:
        raise refuse(f"{what}_MISSING")
    price = _number(text)
    if price is None or price <= 0:
        raise refuse(f"{what}_INVALID")
    if price != round(price, rule.decimals):
        raise refuse(f"{what}_PRECISION_EXCEEDED")
    return price


def _extensions(given: Any, refuse: Any) -> tuple[str, dict[str, str]]:
    if not isinstance(given, dict):
        return "", {}
    client_id = str(given.get("id", ""))
    if len(client_id) > CLIENT_ID_CHARS_MAX:
        raise refuse("CLIENT_ORDER_ID_INVALID")
    return client_id, {name: str(given[name]) for name in ("tag", "comment") if given.get(name)}


def _gtd(text: Any, now_ns: int, refuse: Any) -> int:
    if not text:
        raise refuse("TIME_IN_FORCE_GTD_TIMESTAMP_MISSING")
    try:
        at_ns = instant.parse(str(text))
    except Rejected:
        raise refuse("TIME_IN_FORCE_GTD_TIMESTAMP_MISSING") from None
    if at_ns <= now_ns:
        raise refuse("TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST")
    return at_ns


def _number(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
