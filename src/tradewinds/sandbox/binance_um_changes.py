"""Changes of futures orders, and several orders in one request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.binance_spot_changes import tried
from tradewinds.sandbox.binance_um_orders import check_um, shown

if TYPE_CHECKING:
    from tradewinds.sandbox.binance_um import BinanceUm

BATCH_MAX = 5


def modified(venue: BinanceUm, asked: Asked) -> dict[str, Any]:
    """Another quantity and price for an order that keeps its number."""
    order, rules = venue.find(asked, is_cancel=True), venue.rules(asked.text("symbol"))
    quantity, price = asked.decimal("quantity"), asked.decimal("price")
    if quantity is None or price is None:
        asked.text("quantity" if quantity is None else "price")
    assert quantity is not None
    assert price is not None
    if not order.is_working or order.limit is None:
        raise Refused(-2013, "Order does not exist.")
    if asked.text("side") != order.side.upper():
        raise Refused(-1117, "Invalid side.")
    if (quantity, price) == (order.quantity, order.limit):
        raise Refused(-5027, "No need to modify the order.")
    wanted = order.copy()
    wanted.quantity, wanted.limit = quantity, price
    check_um(wanted, rules, venue.prices.quote(order.symbol), venue.exchange.position(order.account, order.symbol))
    if venue.margin.needs(wanted) - venue.margin.needs(order) > venue.margin.available(order.account):
        raise Refused(-2019, "Margin is insufficient.")
    if not venue.exchange.amend(order.id, quantity=quantity, limit=price):
        # What is filled already reaches the new quantity: the venue cancels the rest.
        venue.exchange.cancel(order.id)
    return shown(order, asked, rules)


def batch(venue: BinanceUm, asked: Asked) -> list[dict[str, Any]]:
    """Place up to five orders, each with its own answer or refusal."""
    wanted = _list(asked, "batchOrders", asked.text("batchOrders"))
    if not 1 <= len(wanted) <= BATCH_MAX or not all(isinstance(one, dict) for one in wanted):
        raise Refused(-4082, f"Invalid number of batch orders, expected 1 to {BATCH_MAX}.")
    texts = [{name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in one.items()} for one in wanted]
    return [tried(venue.new, Asked(one, asked.key, asked.now_ns, asked.unit)) for one in texts]


def batch_cancelled(venue: BinanceUm, asked: Asked) -> list[dict[str, Any]]:
    """Cancel several orders, each with its own answer or refusal."""
    found: list[dict[str, Any]] = []
    for sent, single in (("orderIdList", "orderId"), ("origClientOrderIdList", "origClientOrderId")):
        for value in _list(asked, sent, asked.params.get(sent) or "[]"):
            one = {"symbol": asked.text("symbol"), single: str(value)}
            found.append(tried(venue.cancel, Asked(one, asked.key, asked.now_ns, asked.unit)))
    return found


def _list(asked: Asked, name: str, text: str) -> list[Any]:
    try:
        found = json.loads(text, parse_float=str)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
    return found
