"""Orders of the Binance spot venue: read from parameters, and shown as the venue shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tradewinds.core.order import OrderKind, Side, TimeInForce
from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_filters import Rules
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.venue_order import Execution, Quote, Status, VenueOrder

STATUSES: dict[Status, str] = {
    "new": "NEW",
    "partial": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
    "rejected": "REJECTED",
    "expired": "EXPIRED",
    "replaced": "CANCELED",
}
EXPIRY_REASONS = {
    "immediate or cancel": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "fill or kill": "UNFILLED_FOK_ORDER_EXPIRED",
    "no more on offer": "INSUFFICIENT_LIQUIDITY",
    "rejected when triggered": "REJECTED",
    "oco": "OCO_TRIGGER",
}
TYPES: dict[str, tuple[OrderKind, frozenset[str]]] = {
    "LIMIT": ("limit", frozenset({"timeInForce", "quantity", "price"})),
    "LIMIT_MAKER": ("limit", frozenset({"quantity", "price"})),
    "MARKET": ("market", frozenset()),
    "STOP_LOSS": ("stop", frozenset({"quantity"})),
    "STOP_LOSS_LIMIT": ("stop_limit", frozenset({"timeInForce", "quantity", "price"})),
    "TAKE_PROFIT": ("take_profit", frozenset({"quantity"})),
    "TAKE_PROFIT_LIMIT": ("take_profit", frozenset({"timeInForce", "quantity", "price"})),
}
TIMES: dict[str, TimeInForce] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
NONE = Decimal(0)
_CLIENT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")


def spot_order(asked: Asked, rules: Rules, quote: Quote, make_id: Callable[[], str]) -> VenueOrder:
    """The order that the parameters describe; raises what the venue says of parameters that do not fit together."""
    name, side = asked.text("type"), SIDES.get(asked.text("side"))
    if name not in TYPES:
        raise Refused(-1116, "Invalid orderType.")
    if side is None:
        raise Refused(-1117, "Invalid side.")
    kind, wanted = TYPES[name]
    for each in sorted(wanted):
        asked.text(each)
    unwanted = [each for each in ("price", "timeInForce") if each in asked.params and each not in wanted and asked.params[each]]
    if unwanted and not (name == "LIMIT_MAKER" and unwanted == ["timeInForce"]):
        raise Refused(-1106, f"Parameter '{unwanted[0]}' sent when not required.")
    time_in_force = TIMES.get(asked.params.get("timeInForce") or "GTC")
    if time_in_force is None:
        raise Refused(-1115, "Invalid timeInForce.")
    stop, delta = asked.decimal("stopPrice"), asked.number("trailingDelta")
    waits = kind in ("stop", "stop_limit", "take_profit")
    if waits and stop is None and delta is None:
        raise Refused(-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")
    if not waits and (stop is not None or delta is not None):
        raise Refused(-1106, f"Parameter '{'stopPrice' if stop is not None else 'trailingDelta'}' sent when not required.")
    if asked.params.get("icebergQty") or asked.params.get("pegPriceType"):
        raise Refused(-1013, f"{'Iceberg' if asked.params.get('icebergQty') else 'Pegged'} orders are not supported for this symbol.")
    extra = {"type": name, "tif": asked.params.get("timeInForce") or "GTC"}
    for each in ("strategyId", "strategyType", "trailingDelta"):
        if asked.params.get(each):
            extra[each] = asked.params[each]
    return VenueOrder(
        account=asked.account,
        client_id=client_id(asked, "newClientOrderId") or make_id(),
        symbol=rules.symbol,
        side=side,
        kind=kind if delta is None else "trailing_stop",
        quantity=_quantity(asked, name, rules, quote, side, extra),
        limit=asked.decimal("price") if "price" in wanted else None,
        stop=stop if delta is None else None,
        time_in_force=time_in_force,
        trail_rate=None if delta is None else Decimal(delta) / 10_000,
        activation=None if delta is None else stop,
        is_post_only=name == "LIMIT_MAKER",
        extra=extra,
    )


def client_id(asked: Asked, name: str) -> str:
    """A client order id, "" where none was sent."""
    text = asked.params.get(name, "")
    if text and _CLIENT_ID.fullmatch(text) is None:
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'.")
    return text


def shown(order: VenueOrder, asked: Asked) -> dict[str, Any]:
    """An order as queries show it."""
    return {
        **head(order),
        **numbers(order),
        "stopPrice": eight(order.stop or NONE),
        "icebergQty": "0.00000000",
        "time": asked.time(order.created_ns),
        "updateTime": asked.time(order.updated_ns),
        "isWorking": order.is_triggered or not order.waits,
        "workingTime": asked.time(order.created_ns) if order.is_triggered or not order.waits else -1,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        **conditional(order, is_query=True),
    }


def head(order: VenueOrder) -> dict[str, Any]:
    """What an order is called."""
    return {"symbol": order.symbol, "orderId": order.id, "orderListId": int(order.extra.get("list", -1)), "clientOrderId": order.client_id}


def numbers(order: VenueOrder) -> dict[str, Any]:
    """What an order asks and has got."""
    return {
        "price": eight(order.limit or NONE),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.filled),
        "origQuoteOrderQty": order.extra.get("quoteOrderQty", "0.00000000"),
        "cummulativeQuoteQty": eight(order.quote_filled),
        "status": STATUSES[order.status],
        "timeInForce": order.extra.get("tif", "GTC"),
        "type": order.extra.get("type", "LIMIT" if order.limit else "MARKET"),
        "side": order.side.upper(),
    }


def conditional(order: VenueOrder, *, is_query: bool = False) -> dict[str, Any]:
    """What is shown of some orders only."""
    found: dict[str, Any] = {}
    if order.waits and not is_query:
        found["stopPrice"] = eight(order.stop or NONE)
    for name in ("strategyId", "strategyType", "trailingDelta"):
        if name in order.extra:
            found[name] = int(order.extra[name])
    if "trailingDelta" in found:
        found["trailingTime"] = -1 if order.best is None else order.created_ns // 1_000_000
    if order.status == "expired":
        found["expiryReason"] = EXPIRY_REASONS.get(order.reason, "EXCHANGE_CANCELED")
    return found


def placed(order: VenueOrder, executions: Iterable[Execution], asked: Asked) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    name = order.extra["type"]
    form = asked.params.get("newOrderRespType") or ("FULL" if name in ("MARKET", "LIMIT") else "ACK")
    found = {**head(order), "transactTime": asked.time(order.updated_ns)}
    if form == "ACK":
        return found
    found |= {**numbers(order), "workingTime": asked.time(order.created_ns) if not order.waits or order.is_triggered else -1}
    found |= {"selfTradePreventionMode": "EXPIRE_MAKER", **conditional(order)}
    if form == "FULL":
        found["fills"] = [
            {
                "price": eight(one.price),
                "qty": eight(one.quantity),
                "commission": eight(one.commission),
                "commissionAsset": one.commission_asset,
                "tradeId": one.id,
            }
            for one in executions
        ]
    return found


def cancelled(order: VenueOrder, cancel_id: str, asked: Asked) -> dict[str, Any]:
    """The answer to a cancel: the order's own id stands in `origClientOrderId`, the cancel's in `clientOrderId`."""
    return {
        **head(order),
        "origClientOrderId": order.client_id,
        "clientOrderId": cancel_id,
        "transactTime": asked.time(order.updated_ns),
        **numbers(order),
        "selfTradePreventionMode": "EXPIRE_MAKER",
        **conditional(order),
    }


def trade(one: Execution, asked: Asked) -> dict[str, Any]:
    """A row of `myTrades`."""
    return {
        "symbol": one.symbol,
        "id": one.id,
        "orderId": one.order_id,
        "orderListId": -1,
        "price": eight(one.price),
        "qty": eight(one.quantity),
        "quoteQty": eight(one.price * one.quantity),
        "commission": eight(one.commission),
        "commissionAsset": one.commission_asset,
        "time": asked.time(one.at_ns),
        "isBuyer": one.side == "buy",
        "isMaker": one.is_maker,
        "isBestMatch": True,
    }


def eight(value: Decimal) -> str:
    """Text with the eight decimals that the spot venue always shows."""
    return f"{value:.8f}"


def _quantity(asked: Asked, name: str, rules: Rules, quote: Quote, side: Side, extra: dict[str, str]) -> Decimal:
    quantity, spent = asked.decimal("quantity"), asked.decimal("quoteOrderQty")
    if spent is not None and name != "MARKET":
        raise Refused(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if name == "MARKET" and (quantity is None) == (spent is None):
        if quantity is None:
            raise Refused(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        raise Refused(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if spent is not None:
        extra["quoteOrderQty"] = eight(spent)
        price = quote.ask if side == "buy" else quote.bid
        return (spent / price / rules.lot).to_integral_value(ROUND_FLOOR) * rules.lot
    assert quantity is not None
    return quantity
