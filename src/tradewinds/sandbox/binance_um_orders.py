"""Orders of the USD-M futures venue: read from parameters, checked, and shown as the venue shows them.

Conditional orders come by their own addresses ("algo orders"). Here one order keeps its number and its client id when it starts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewinds.core.order import OrderKind, TimeInForce
from tradewinds.sandbox.binance_desk import Asked
from tradewinds.sandbox.binance_filters import Rules
from tradewinds.sandbox.binance_orders import NONE, SIDES, STATUSES, client_id
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.venue_order import Execution, Quote, VenueOrder, is_crossing, is_touched

PLAIN: dict[str, OrderKind] = {"LIMIT": "limit", "MARKET": "market"}
CONDITIONAL: dict[str, OrderKind] = {
    "STOP": "stop_limit",
    "STOP_MARKET": "stop",
    "TAKE_PROFIT": "take_profit",
    "TAKE_PROFIT_MARKET": "take_profit",
    "TRAILING_STOP_MARKET": "trailing_stop",
}
TIMES: dict[str, TimeInForce] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "gtc", "GTD": "gtc"}
FAR = Decimal("0.05")
GTD_AHEAD_NS = 600 * 10**9
_WITH_LIMIT = ("LIMIT", "STOP", "TAKE_PROFIT")


def um_order(asked: Asked, rules: Rules, made_id: str, *, is_algo: bool) -> VenueOrder:
    """The order that the parameters describe; raises what the venue says of parameters that do not fit together."""
    name, side = asked.text("type"), SIDES.get(asked.text("side"))
    if not is_algo and name in CONDITIONAL:
        raise Refused(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
    kinds = CONDITIONAL if is_algo else PLAIN
    if name not in kinds:
        raise Refused(-1116, "Invalid orderType.")
    if side is None:
        raise Refused(-1117, "Invalid side.")
    if asked.params.get("positionSide", "BOTH") != "BOTH":
        raise Refused(-4061, "Order's position side does not match user's setting.")
    written = asked.params.get("timeInForce") or "GTC"
    if name == "LIMIT":
        asked.text("timeInForce")
    if written not in TIMES:
        raise Refused(-1115, "Invalid timeInForce.")
    limit = _number(asked, "price") if name in _WITH_LIMIT else None
    if name not in _WITH_LIMIT and asked.params.get("price") and not is_algo:
        raise Refused(-1106, "Parameter 'price' sent when not required.")
    quantity = _number(asked, "quantity")
    rate = asked.decimal("callbackRate")
    if name == "TRAILING_STOP_MARKET" and (rate is None or not Decimal("0.1") <= rate <= 10):
        raise Refused(-2007, "Invalid callBack rate.")
    stop = _number(asked, "triggerPrice") if is_algo and name != "TRAILING_STOP_MARKET" else None
    expires_ns = asked.instant_ns("goodTillDate") if written == "GTD" else None
    if written == "GTD" and (expires_ns is None or expires_ns < asked.now_ns + GTD_AHEAD_NS):
        raise Refused(-1102, "Mandatory parameter 'goodTillDate' was not sent, was empty/null, or malformed.")
    extra = {"type": name, "tif": written, "working": asked.params.get("workingType") or "CONTRACT_PRICE"}
    if is_algo:
        extra["algo"] = "1"
    return VenueOrder(
        account=asked.account,
        client_id=client_id(asked, "clientAlgoId" if is_algo else "newClientOrderId") or made_id,
        symbol=rules.symbol,
        side=side,
        kind=kinds[name],
        quantity=quantity,
        limit=limit,
        stop=stop,
        time_in_force=TIMES[written],
        is_reduce_only=asked.params.get("reduceOnly", "false").lower() == "true",
        trail_rate=None if rate is None else rate / 100,
        activation=asked.decimal("activatePrice"),
        expires_ns=expires_ns,
        is_post_only=written == "GTX",
        extra=extra,
    )


def check_um(order: VenueOrder, rules: Rules, quote: Quote, held: Decimal) -> None:
    """Raise what the venue says of an order that its rules stop. held: the signed position."""
    if not rules.is_open:
        raise Refused(-4108, "Invalid symbol status for opening position.")
    if order.quantity <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    if order.quantity % rules.lot:
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    if order.quantity > (rules.market_quantity_max if order.limit is None else rules.quantity_max):
        raise Refused(-4005, "Quantity greater than max quantity.")
    for price in (order.limit, order.stop, order.activation):
        if price is not None and (price <= 0 or price % rules.tick):
            raise Refused(-4014 if price > 0 else -4006, "Price not increased by tick size." if price > 0 else "Price less than min price.")
    middle = (quote.bid + quote.ask) / 2
    if order.limit is not None and not order.waits:
        if order.side == "buy" and order.limit > middle * (1 + FAR):
            raise Refused(-4016, f"Limit price can't be higher than {middle * (1 + FAR):.{rules.price_decimals}f}.")
        if order.side == "sell" and order.limit < middle * (1 - FAR):
            raise Refused(-4024, f"Limit price can't be lower than {middle * (1 - FAR):.{rules.price_decimals}f}.")
    if not order.is_reduce_only and order.quantity * (order.limit or order.stop or middle) < rules.notional_min:
        raise Refused(-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only).")
    if order.is_reduce_only and not order.waits and held * (1 if order.side == "sell" else -1) <= 0:
        raise Refused(-2022, "ReduceOnly Order is rejected.")
    if order.stop is not None and is_touched(order, quote):
        raise Refused(-2021, "Order would immediately trigger.")
    if order.is_post_only and is_crossing(order, quote):
        raise Refused(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected. "
            "The order will not be recorded in the order history",
        )


def shown(order: VenueOrder, asked: Asked, rules: Rules, *, is_ack: bool = False) -> dict[str, Any]:
    """An order as the venue shows it. is_ack: as it came in, before anything was filled."""
    filled, value = (NONE, NONE) if is_ack else (order.filled, order.quote_filled)
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": "NEW" if is_ack else STATUSES[order.status],
        "clientOrderId": order.client_id,
        "price": priced(order.limit or NONE, rules),
        "avgPrice": f"{value / filled if filled else NONE:.5f}",
        "origQty": sized(order.quantity, rules),
        "executedQty": sized(filled, rules),
        "cumQty": sized(filled, rules),
        "cumQuote": f"{value:.5f}",
        "timeInForce": order.extra.get("tif", "GTC"),
        "type": _plain_type(order),
        "reduceOnly": order.is_reduce_only,
        "closePosition": False,
        "side": order.side.upper(),
        "positionSide": "BOTH",
        "stopPrice": priced(order.stop or NONE, rules),
        "workingType": order.extra.get("working", "CONTRACT_PRICE"),
        "priceProtect": False,
        "origType": order.extra.get("type", "LIMIT" if order.limit else "MARKET"),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0 if order.expires_ns is None else asked.time(order.expires_ns),
        "time": asked.time(order.created_ns),
        "updateTime": asked.time(order.updated_ns),
    }


def algo_shown(order: VenueOrder, asked: Asked, rules: Rules) -> dict[str, Any]:
    """A conditional order as the algo addresses show it."""
    started = order.is_triggered
    return {
        "algoId": order.id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.extra["type"],
        "symbol": order.symbol,
        "side": order.side.upper(),
        "positionSide": "BOTH",
        "timeInForce": order.extra["tif"],
        "quantity": sized(order.quantity, rules),
        "algoStatus": algo_status(order),
        "actualOrderId": str(order.id) if started else "",
        "actualPrice": f"{order.quote_filled / order.filled if order.filled else NONE:.5f}",
        "triggerPrice": priced(order.stop or NONE, rules),
        "price": priced(order.limit or NONE, rules),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": order.extra["working"],
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": order.is_reduce_only,
        "activatePrice": "" if order.activation is None else priced(order.activation, rules),
        "callbackRate": "" if order.trail_rate is None else str((order.trail_rate * 100).normalize()),
        "createTime": asked.time(order.created_ns),
        "updateTime": asked.time(order.updated_ns),
        "triggerTime": asked.time(order.updated_ns) if started else 0,
        "goodTillDate": 0 if order.expires_ns is None else asked.time(order.expires_ns),
    }


def is_plain(order: VenueOrder) -> bool:
    """Whether it is in the book: a conditional order is once it has started."""
    return "algo" not in order.extra or order.is_triggered


def algo_status(order: VenueOrder) -> str:
    """The state of a conditional order."""
    if order.is_working:
        return "TRIGGERED" if order.is_triggered else "NEW"
    if order.is_triggered:
        return "FINISHED"
    return {"cancelled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED"}.get(order.status, "CANCELED")


def trade(one: Execution, asked: Asked, rules: Rules) -> dict[str, Any]:
    """A row of `userTrades`."""
    return {
        "buyer": one.side == "buy",
        "commission": f"{one.commission:.8f}",
        "commissionAsset": one.commission_asset,
        "id": one.id,
        "maker": one.is_maker,
        "orderId": one.order_id,
        "price": priced(one.price, rules),
        "qty": sized(one.quantity, rules),
        "quoteQty": f"{one.price * one.quantity:.5f}",
        "realizedPnl": f"{one.realised:.8f}",
        "side": one.side.upper(),
        "positionSide": "BOTH",
        "symbol": one.symbol,
        "time": asked.time(one.at_ns),
    }


def priced(value: Decimal, rules: Rules) -> str:
    """A price as the venue writes it."""
    return f"{value:.{rules.price_decimals}f}"


def sized(value: Decimal, rules: Rules) -> str:
    """A quantity as the venue writes it."""
    return f"{value:.{rules.quantity_decimals}f}"


def _plain_type(order: VenueOrder) -> str:
    """What an order is once it has started."""
    name = order.extra.get("type", "LIMIT" if order.limit else "MARKET")
    return ("LIMIT" if order.limit else "MARKET") if order.is_triggered else name


def _number(asked: Asked, name: str) -> Decimal:
    asked.text(name)
    found = asked.decimal(name)
    assert found is not None
    return found
