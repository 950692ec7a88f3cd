"""Changes of orders at the Binance spot venue: less of one, or another one in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tradewinds.sandbox.binance_desk import Asked, Denied
from tradewinds.sandbox.binance_orders import client_id, shown
from tradewinds.sandbox.binance_questions import Refused

if TYPE_CHECKING:
    from tradewinds.sandbox.binance_spot import BinanceSpot


def amended(venue: BinanceSpot, asked: Asked) -> dict[str, Any]:
    """Take something off an order's quantity; it keeps its place."""
    order, quantity = venue.find(asked, is_cancel=True), asked.decimal("newQty")
    if quantity is None:
        asked.text("newQty")
    assert quantity is not None
    if not order.is_working:
        raise Refused(-2038, "Unknown order sent.")
    if quantity >= order.quantity:
        same = quantity == order.quantity
        raise Refused(
            -2038,
            "The requested action would change no state; rejecting" if same else "Order amend (quantity increase) is not supported.",
        )
    if quantity % venue.rules(order.symbol).lot or quantity <= 0:
        raise Refused(-1013, "Filter failure: LOT_SIZE")
    before, renamed = order.client_id, client_id(asked, "newClientOrderId") or venue.make_id()
    if renamed != before:
        venue.exchange.rename(order, renamed)
    order.extra["before"] = before
    if not venue.exchange.amend(order.id, quantity=quantity):
        raise Refused(-2038, "Unknown order sent.")
    found = shown(order, asked)
    kept = ("symbol", "orderId", "orderListId", "clientOrderId", "price", "executedQty", "status", "timeInForce", "type", "side")
    amended = {name: found[name] for name in kept} | {
        "origClientOrderId": before,
        "qty": found["origQty"],
        "preventedQty": "0.00000000",
        "quoteOrderQty": found["origQuoteOrderQty"],
        "cumulativeQuoteQty": found["cummulativeQuoteQty"],
        "workingTime": found["workingTime"],
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    return {"transactTime": asked.time(order.updated_ns), "executionId": len(venue.exchange.log), "amendedOrder": amended}


def replaced(venue: BinanceSpot, asked: Asked) -> dict[str, Any]:
    """Cancel an order and place another, either of which may fail; the venue says which with 409 or 400."""
    mode = asked.text("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise Refused(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    named = {"orderId": "cancelOrderId", "origClientOrderId": "cancelOrigClientOrderId", "newClientOrderId": "cancelNewClientOrderId"}
    old = {name: asked.params[sent] for name, sent in named.items() if asked.params.get(sent)}
    old |= {name: asked.params[name] for name in ("symbol", "cancelRestrictions") if name in asked.params}
    first = tried(venue.cancel, Asked(old, asked.key, asked.now_ns, asked.unit))
    stops = "code" in first and mode == "STOP_ON_FAILURE"
    second = None if stops else tried(venue.new, asked)
    found = {
        "cancelResult": "FAILURE" if "code" in first else "SUCCESS",
        "newOrderResult": "NOT_ATTEMPTED" if second is None else "FAILURE" if "code" in second else "SUCCESS",
        "cancelResponse": first,
        "newOrderResponse": second,
    }
    failed = [found["cancelResult"], found["newOrderResult"]]
    if "SUCCESS" in failed and "FAILURE" in failed:
        raise Denied(409, -2021, "Order cancel-replace partially failed.", {"data": found})
    if "FAILURE" in failed:
        raise Denied(400, -2022, "Order cancel-replace failed.", {"data": found})
    return found


def tried(call: Callable[[Asked], dict[str, Any]], asked: Asked) -> dict[str, Any]:
    """What a call answers, or its refusal as a body."""
    try:
        return call(asked)
    except Refused as error:
        return {"code": error.code, "msg": str(error)}
