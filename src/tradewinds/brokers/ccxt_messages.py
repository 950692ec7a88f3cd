"""Orders, trades and balances as ccxt shows them, as ours; and our orders as ccxt takes them. Pure.

Numbers come as text (`exchange.number = str`). Amounts go as text that the exchange would not round: one that it would is refused here,
for a size that is changed on the way is how somebody once bought twice what they wanted (ccxt#5612). Where a market counts contracts,
an amount is units times the instrument's multiplier over the contract's size, and has to come out whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import ccxt

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import OrderReport
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instrument import Instrument, is_instrument_name
from tradewinds.core.money import plain
from tradewinds.core.order import ApprovedOrder, OrderKind, OrderState, OrderTerms, TimeInForce

NS_PER_MS = 1_000_000
CANCEL_SUFFIX = "-c"
STATES = {
    "open": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
TIMES: dict[TimeInForce, str] = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}
_TIMES_BACK: dict[str, TimeInForce] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A market of the exchange and our instrument for it. symbol, id: ccxt's and the venue's names; per_unit: amounts per unit of ours."""

    instrument: str
    symbol: str
    id: str
    currency: str
    per_unit: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What `create_order` is called with."""

    symbol: str
    type: str
    side: str
    amount: str
    price: str | None
    params: dict[str, Any]


def listed(market: Fields, venue: str, instrument: Instrument | None) -> Listed:
    """How a market is called and counted. instrument None: one that this account was not told of."""
    name = str(market["id"])
    size = market.get("contractSize")
    multiplier = Decimal(1) if instrument is None else instrument.multiplier
    per_unit = multiplier / Decimal(str(size)) if market.get("contract") and size else Decimal(1)
    ours = f"{name}.{venue}" if is_instrument_name(name, venue) else ""
    currency = str(market.get("settle") or market.get("quote") or "")
    if instrument is not None:
        ours, currency = instrument.id, instrument.currency
    return Listed(ours, str(market["symbol"]), name, currency, per_unit, multiplier)


def asked_of(order: ApprovedOrder, market: Listed, exchange: Any, kinds: frozenset[OrderKind], *, has_reduce_only: bool = True) -> Asked:
    """The call for an order. Raises Rejected for what is not taken and for a number that the exchange would change."""
    terms = order.terms
    what = f"order {order.client_order_id} of {terms.instrument}"
    if terms.kind not in kinds:
        raise Rejected(f"{what}: kind {terms.kind}, expected one of {', '.join(sorted(kinds))}")
    if terms.when != "any" or terms.time_in_force not in TIMES:
        raise Rejected(f"{what}: {terms.time_in_force} at {terms.when}, expected gtc, ioc or fok at any time")
    if terms.is_reduce_only and not has_reduce_only:
        raise Rejected(f"{what}: reduce only, which the venue would not heed, expected an order without it")
    amount = _exact(what, "quantity", terms.quantity * market.per_unit, market.symbol, exchange.amount_to_precision)
    params: dict[str, Any] = {"clientOrderId": order.client_order_id}
    if terms.is_reduce_only:
        params["reduceOnly"] = True
    price = terms.limit
    if price is not None or terms.time_in_force != "gtc":
        params["timeInForce"] = TIMES[terms.time_in_force]
    if terms.kind in ("market", "stop"):
        params.pop("timeInForce", None)
    if terms.stop is not None:
        params["stopLossPrice"] = _exact(what, "stop", terms.stop, market.symbol, exchange.price_to_precision)
    if terms.kind == "take_profit":
        assert price is not None
        params["takeProfitPrice"] = _exact(what, "limit", price, market.symbol, exchange.price_to_precision)
    shown = None if price is None else _exact(what, "limit", price, market.symbol, exchange.price_to_precision)
    return Asked(market.symbol, "market" if price is None else "limit", terms.side, amount, shown, params)


def report_of(order: Fields, market: Listed, known_id: str = "") -> OrderReport:
    """An order as ccxt shows it. known_id: our id where the question named it."""
    amount, filled = number(order, "amount"), number(order, "filled")
    if filled is not None and filled < 0:
        raise Unreadable(f"filled {filled}, expected zero or more")
    status = order.get("status")
    state = OrderState.UNKNOWN if status is not None else OrderState.ACCEPTED
    state = STATES.get(str(status), state)
    if state is OrderState.ACCEPTED and filled:
        state = OrderState.PARTIALLY_FILLED
    if state is OrderState.FILLED and amount is not None and filled is not None and filled < amount:
        state = OrderState.CANCELLED
    client_order_id = known_id or original_id(str(order.get("clientOrderId") or ""))
    reason = f"status {status!r}, expected one of {', '.join(STATES)}" if state is OrderState.UNKNOWN else _reason(order)
    return OrderReport(
        client_order_id,
        text(order, "id"),
        market.instrument,
        state,
        _time_ns(order),
        None if filled is None else filled / market.per_unit,
        reason,
        _terms(order, market, amount),
    )


def fill_of(trade: Fields, market: Listed, venue: str, client_order_id: str, order: Fields | None = None) -> Fill:
    """A trade as ccxt shows it. order: the one whose answer it came in, for what such a trade leaves out."""
    whole = order or {}
    side = trade.get("side") or whole.get("side")
    amount, price = number(trade, "amount"), number(trade, "price")
    if side not in ("buy", "sell") or amount is None or price is None:
        raise Unreadable(f"trade {trade.get('id')!r}: {side!r} {amount} at {price}, expected side, amount and price")
    fee = trade.get("fee")
    fee = fee if isinstance(fee, dict) else {}
    cost = number(fee, "cost") or ZERO
    at_ns = _time_ns(trade) or _time_ns(whole)
    try:
        return Fill(
            f"{market.id}:{text(trade, 'id')}", venue, client_order_id, market.instrument, side, amount / market.per_unit, price,
            market.currency, at_ns, multiplier=market.multiplier, commission=cost,
            commission_currency=str(fee["currency"]) if cost and fee.get("currency") else None,
        )  # fmt: skip
    except Rejected as error:
        raise Unreadable(f"trade {trade.get('id')!r}: {error}") from None


def balances_of(said: Fields) -> dict[str, Decimal]:
    """Whole balances by asset, without zeros."""
    total = said.get("total")
    if not isinstance(total, dict):
        raise Unreadable(f"balance: total {str(total)[:80]!r}, expected amounts by asset")
    found = {str(asset): number(total, asset) for asset in total}
    return {asset: amount for asset, amount in found.items() if amount}


def original_id(client_order_id: str) -> str:
    """Our id of an order that is shown under the id of its cancel."""
    return client_order_id.removesuffix(CANCEL_SUFFIX)


def text(fields: Fields, name: str) -> str:
    """A field that must be there."""
    value = fields.get(name)
    if value is None or value == "" or not isinstance(value, str | int):
        raise Unreadable(f"{name} {value!r}, expected text")
    return str(value)


def number(fields: Fields, name: str) -> Decimal | None:
    """A number, None where it is absent."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Unreadable(f"{name} {value!r}, expected a number") from None
    if not found.is_finite():
        raise Unreadable(f"{name} {value!r}, expected a finite number")
    return found


def _exact(what: str, name: str, value: Decimal, symbol: str, rounded: Any) -> str:
    try:
        shown = str(rounded(symbol, plain(value)))
    except ccxt.InvalidOrder:
        shown = "nothing"
    if shown == "nothing" or Decimal(shown) != value:
        raise Rejected(f"{what}: {name} {plain(value)} would become {shown}, expected a multiple of the market's step")
    return shown


def _terms(order: Fields, market: Listed, amount: Decimal | None) -> OrderTerms | None:
    """The terms of a market or limit order; None for kinds that are not told apart here."""
    kind, price, side = order.get("type"), number(order, "price"), order.get("side")
    is_conditional = any(order.get(name) for name in ("triggerPrice", "stopLossPrice", "takeProfitPrice"))
    if is_conditional or kind not in ("market", "limit") or amount is None or side not in ("buy", "sell") or not market.instrument:
        return None
    try:
        return OrderTerms(
            market.instrument, side, amount / market.per_unit, kind, limit=price if kind == "limit" else None,
            time_in_force=_TIMES_BACK.get(str(order.get("timeInForce")), "gtc"), is_reduce_only=bool(order.get("reduceOnly")),
        )  # fmt: skip
    except Rejected:
        return None


def _reason(order: Fields) -> str:
    info = order.get("info")
    info = info if isinstance(info, dict) else {}
    return str(info.get("expiryReason") or info.get("rejectReason") or "")


def _time_ns(fields: Fields) -> int:
    for name in ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"):
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return int(value) * NS_PER_MS
    return 0
