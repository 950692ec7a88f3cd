"""What the Client Portal gateway says, as reports and fills, and orders in its words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tradewinds.core.account import Fill
from tradewinds.core.broker import OrderReport
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.order import ApprovedOrder, OrderKind, OrderState, OrderTerms, Side, TimeInForce

VENUE = "IBKR"
NS_PER_MS = 1_000_000
KINDS: dict[OrderKind, str] = {"market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STOP_LIMIT"}
TIMES: dict[TimeInForce, str] = {"day": "DAY", "gtc": "GTC", "ioc": "IOC"}
_KIND_OF: dict[str, OrderKind] = {name: kind for kind, name in KINDS.items()} | {"LIMIT": "limit", "MARKET": "market", "STOP": "stop"}
_TIME_OF = {name: time for time, name in TIMES.items()}
_STATES = {
    "Submitted": OrderState.ACCEPTED, "PreSubmitted": OrderState.ACCEPTED, "PendingCancel": OrderState.ACCEPTED,
    "Filled": OrderState.FILLED, "Cancelled": OrderState.CANCELLED, "ApiCancelled": OrderState.CANCELLED, "Inactive": OrderState.REJECTED,
}  # fmt: skip


def body_of(order: ApprovedOrder, con_id: int) -> dict[str, Any]:
    """One order of a request; raises Rejected for what the gateway does not take."""
    terms = order.terms
    what = f"order {order.client_order_id} for {terms.instrument}"
    if terms.kind not in KINDS or terms.time_in_force not in TIMES or terms.when != "any":
        raise Rejected(f"{what}: {terms.kind} {terms.time_in_force} {terms.when}, expected {', '.join(KINDS)} with {', '.join(TIMES)}")
    body: dict[str, Any] = {
        "conid": con_id, "cOID": order.client_order_id, "orderType": KINDS[terms.kind], "side": "BUY" if terms.side == "buy" else "SELL",
        "tif": TIMES[terms.time_in_force], "quantity": format(terms.quantity, "f"),
    }  # fmt: skip
    if terms.limit is not None:
        body["price"] = format(terms.limit, "f")
    if terms.stop is not None:
        body["auxPrice" if terms.kind == "stop_limit" else "price"] = format(terms.stop, "f")
    return body


def report_of(row: Mapping[str, Any], instrument: str, now_ns: int) -> OrderReport:
    """A row of the list of orders; raises Unreadable where it lacks a field."""
    try:
        filled = number(row["filledQuantity"])
        state = _STATES.get(str(row["status"]), OrderState.UNKNOWN)
        if state is OrderState.ACCEPTED and filled > 0:
            state = OrderState.PARTIALLY_FILLED
        if state is OrderState.REJECTED and filled > 0:
            state = OrderState.CANCELLED
        terms = _terms(row, instrument)
        return OrderReport(str(row.get("order_ref") or ""), str(row["orderId"]), instrument, state, now_ns, filled, terms=terms)
    except (KeyError, InvalidOperation, ValueError) as error:
        raise Unreadable(f"client portal order {str(row)[:120]}: {error!r}, expected orderId, status and filledQuantity") from None


def fill_of(row: Mapping[str, Any], instrument: str, currency: str, multiplier: Decimal) -> Fill:
    """A row of the list of trades; its identity is the execution without the suffix of its corrections."""
    try:
        side: Side = "buy" if row["side"] == "B" else "sell"
        return Fill(
            str(row["execution_id"]).rpartition(".")[0], VENUE, str(row.get("order_ref") or ""), instrument, side, number(row["size"]),
            number(row["price"]), currency, int(row["trade_time_r"]) * NS_PER_MS, multiplier, number(row.get("commission") or 0), currency,
        )  # fmt: skip
    except (KeyError, InvalidOperation, ValueError) as error:
        raise Unreadable(f"client portal trade {str(row)[:120]}: {error!r}, expected execution_id, size and price") from None


def number(value: Any) -> Decimal:
    """A number, as text or as JSON had it."""
    found = Decimal(str(value).replace(",", ""))
    return Decimal(int(found)) if found == found.to_integral_value() else found


def _terms(row: Mapping[str, Any], instrument: str) -> OrderTerms | None:
    kind = _KIND_OF.get(str(row.get("origOrderType", "")).upper())
    time = _TIME_OF.get(str(row.get("timeInForce", "")))
    if kind is None or time is None:
        return None
    price = number(row["price"]) if row.get("price") else None
    limit = price if kind in ("limit", "stop_limit") else None
    stop = number(row["auxPrice"]) if kind == "stop_limit" and row.get("auxPrice") else price if kind == "stop" else None
    try:
        return OrderTerms(instrument, "buy" if row["side"] == "BUY" else "sell", number(row["totalSize"]), kind, limit, stop, None, time)
    except Rejected:
        return None
