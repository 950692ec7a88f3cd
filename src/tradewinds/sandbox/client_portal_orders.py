"""Orders and executions as the Client Portal gateway writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradewinds.core.order import OrderKind, Side, TimeInForce
from tradewinds.sandbox.exchange import Exchange, Execution, VenueOrder
from tradewinds.sandbox.tws_contracts import Catalogue

KINDS: dict[str, OrderKind] = {"MKT": "market", "LMT": "limit", "STP": "stop", "STOP_LIMIT": "stop_limit"}
TIMES: dict[str, TimeInForce] = {"DAY": "day", "GTC": "gtc", "IOC": "ioc"}
_STATUS = {"partial": "Submitted", "filled": "Filled", "cancelled": "Cancelled", "expired": "Cancelled", "replaced": "Cancelled",
           "rejected": "Inactive"}  # fmt: skip
_NAMES = {kind: name for name, kind in KINDS.items()}
_NS = 1_000_000_000


class Refused(Exception):
    """What the gateway answers with an error and a status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def read_order(row: Any, account: str, catalogue: Catalogue) -> VenueOrder:
    """The order of a request; raises Refused for what the venue does not take."""
    listed = next((one for one in catalogue if one.con_id == int(row["conid"])), None)
    if listed is None:
        raise Refused(f"conid {row['conid']} is not known", 400)
    if row.get("orderType") not in KINDS or row.get("side") not in ("BUY", "SELL") or row.get("tif") not in TIMES:
        raise Refused(f"Invalid order type, side or tif: {row.get('orderType')} {row.get('side')} {row.get('tif')}", 400)
    kind, quantity = KINDS[row["orderType"]], quantity_of(row)
    limit = _price(row, "price") if kind in ("limit", "stop_limit") else None
    stop = _price(row, "auxPrice" if kind == "stop_limit" else "price") if kind in ("stop", "stop_limit") else None
    if quantity <= 0 or quantity % listed.step:
        raise Refused("Order size is invalid", 400)
    if any(price is not None and price % listed.tick for price in (limit, stop)):
        raise Refused("The price does not conform to the minimum price variation for this contract", 400)
    side: Side = "buy" if row["side"] == "BUY" else "sell"
    return VenueOrder(account, str(row.get("cOID", "")), listed.instrument, side, kind, quantity, limit, stop, TIMES[row["tif"]])


def quantity_of(row: Any) -> Decimal:
    """Of an order or of its change."""
    return Decimal(str(row["quantity"]))


def changed_order(exchange: Exchange, order: VenueOrder, row: Any) -> None:
    """Change a working order; its cOID may change with it."""
    name = str(row.get("cOID", order.client_id))
    if name != order.client_id:
        exchange.rename(order, name)
    is_stop = order.kind in ("stop", "stop_limit")
    limit = _price(row, "price") if order.kind in ("limit", "stop_limit") else None
    stop = _price(row, "auxPrice" if order.kind == "stop_limit" else "price") if is_stop else None
    if quantity_of(row) == order.filled:
        exchange.cancel(order.id, "nothing is left")
    else:
        exchange.amend(order.id, quantity=quantity_of(row), limit=limit, stop=stop)


def order_row(order: VenueOrder, catalogue: Catalogue) -> dict[str, Any]:
    """One of /iserver/account/orders."""
    listed = catalogue.of(order.symbol)
    status = _STATUS.get(order.status) or ("PreSubmitted" if order.waits and not order.is_triggered else "Submitted")
    row: dict[str, Any] = {
        "acct": order.account, "conid": listed.con_id, "orderId": order.id, "ticker": listed.symbol, "secType": listed.sec_type,
        "totalSize": float(order.quantity), "filledQuantity": float(order.filled), "remainingQuantity": float(order.left), "status": status,
        "side": "BUY" if order.side == "buy" else "SELL", "origOrderType": _NAMES.get(order.kind, order.kind.upper()),
        "timeInForce": order.time_in_force.upper(), "order_ref": order.client_id, "lastExecutionTime_r": order.updated_ns // 1_000_000,
    }  # fmt: skip
    if order.limit is not None:
        row["price"] = format(order.limit, "f")
    if order.stop is not None:
        row["auxPrice" if order.kind == "stop_limit" else "price"] = format(order.stop, "f")
    return row


def trade_row(one: Execution, catalogue: Catalogue) -> dict[str, Any]:
    """One of /iserver/account/trades."""
    listed = catalogue.of(one.symbol)
    at = datetime.fromtimestamp(one.at_ns // _NS, UTC)
    return {
        "execution_id": f"0000e0d5.{one.id:08x}.01.01", "symbol": listed.symbol, "side": "B" if one.side == "buy" else "S",
        "conid": listed.con_id,
        "trade_time": at.strftime("%Y%m%d-%H:%M:%S"), "trade_time_r": one.at_ns // 1_000_000, "size": float(one.quantity),
        "price": format(one.price, "f"), "commission": format(one.commission, "f"), "order_ref": one.client_id, "account": one.account,
        "sec_type": listed.sec_type, "exchange": listed.primary or listed.exchange,
    }  # fmt: skip


def _price(row: Any, name: str) -> Decimal:
    return Decimal(str(row[name]))
