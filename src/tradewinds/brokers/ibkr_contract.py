"""Instruments and orders in the terms of Interactive Brokers, and back.

`AAPL.XNAS` is the share AAPL routed by SMART with NASDAQ as its primary exchange, `EUR_USD.IDEALPRO` the currency EUR against USD,
`BTC_USD.PAXOS` the coin BTC. Quantities and prices travel as exact text.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ib_async.contract import Contract
from ib_async.order import Order
from ib_async.util import UNSET_DOUBLE

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.order import OrderKind, OrderTerms, Side, TimeInForce

SMART, FOREX = "SMART", "IDEALPRO"
COIN_VENUES = ("PAXOS", "ZEROHASH")
PRIMARY = {"XNAS": "NASDAQ", "XNYS": "NYSE", "ARCX": "ARCA", "XASE": "AMEX", "BATS": "BATS"}
_LISTING = {primary: venue for venue, primary in PRIMARY.items()} | {"ISLAND": "XNAS"}
KINDS: dict[OrderKind, str] = {"market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STP LMT", "trailing_stop": "TRAIL"}
TIMES: dict[TimeInForce, str] = {"day": "DAY", "gtc": "GTC", "ioc": "IOC", "fok": "FOK"}
_KIND_OF = {name: kind for kind, name in KINDS.items()}
_TIME_OF = {name: time for time, name in TIMES.items()}
COIN_KINDS: frozenset[OrderKind] = frozenset({"market", "limit"})


class Contracts:
    """Between instrument ids and contracts. Instruments that are not among ours get a name of the same form."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._made: dict[str, Contract] = {}
        self._ids: dict[tuple[str, str, str], str] = {}
        self._instruments = instruments
        for name, instrument in instruments.items():
            if split_id(name)[1] in (*PRIMARY, FOREX, *COIN_VENUES):
                made = _contract(instrument)
                self._made[name] = made
                self._ids[made.secType, made.symbol, made.currency] = name

    def of(self, instrument: str) -> Contract:
        """The contract to trade; raises Rejected where it is none of ours."""
        found = self._made.get(instrument)
        if found is None:
            raise Rejected(f"interactive brokers instrument {instrument}, expected one of {len(self._made)} configured ones")
        return found

    def instrument(self, contract: Contract) -> str:
        """The instrument id of a contract that the gateway tells of."""
        known = self._ids.get((contract.secType, contract.symbol, contract.currency))
        if known is not None:
            return known
        if contract.secType == "CASH":
            return f"{contract.symbol}_{contract.currency}.{FOREX}"
        if contract.secType == "CRYPTO":
            return f"{contract.symbol}_{contract.currency}.{contract.exchange or COIN_VENUES[0]}"
        venue = _LISTING.get(contract.primaryExchange or contract.exchange, "IBKR")
        symbol = (contract.symbol if contract.secType == "STK" else contract.localSymbol or contract.symbol).strip() or "UNNAMED"
        return f"{symbol}.{venue}"

    def multiplier(self, instrument: str) -> Decimal:
        """Of ours; 1 otherwise."""
        found = self._instruments.get(instrument)
        return Decimal(1) if found is None else found.multiplier


def order_of(terms: OrderTerms, client_order_id: str, account: str) -> Order:
    """The order as the API takes it; raises Rejected for what Interactive Brokers does not take."""
    what = f"order {client_order_id} for {terms.instrument}"
    is_coin = split_id(terms.instrument)[1] in COIN_VENUES
    if terms.kind not in KINDS or (is_coin and terms.kind not in COIN_KINDS):
        raise Rejected(f"{what}: kind {terms.kind}, expected one of {', '.join(COIN_KINDS if is_coin else KINDS)}")
    if is_coin and terms.kind == "market" and terms.side == "buy":
        raise Rejected(f"{what}: a market order to buy a coin, which is taken for an amount of cash alone, expected a limit order")
    kind, time = KINDS[terms.kind], TIMES[terms.time_in_force]
    if is_coin and terms.kind == "market":
        time = "IOC"
    if terms.when == "close":
        if terms.kind not in ("market", "limit"):
            raise Rejected(f"{what}: a {terms.kind} order at the close, expected market or limit")
        kind, time = {"market": "MOC", "limit": "LOC"}[terms.kind], "DAY"
    elif terms.when == "open":
        time = "OPG"
    made = Order(action="BUY" if terms.side == "buy" else "SELL", orderType=kind, tif=time, orderRef=client_order_id, account=account)
    made.totalQuantity = _said(terms.quantity)
    if terms.limit is not None:
        made.lmtPrice = _said(terms.limit)
    if terms.stop is not None:
        made.auxPrice = _said(terms.stop)
    if terms.trail is not None:
        made.auxPrice = _said(terms.trail)
    return made


def terms_of(instrument: str, order: Order) -> OrderTerms | None:
    """What an order that the gateway tells of asks; None where it is of a kind that we do not have."""
    kind = _KIND_OF.get(order.orderType)
    side: Side = "buy" if order.action == "BUY" else "sell"
    if kind is None or order.tif not in _TIME_OF:
        return None
    limit = number(order.lmtPrice) if kind in ("limit", "stop_limit") else None
    aux = number(order.auxPrice)
    stop = aux if kind in ("stop", "stop_limit") else None
    trail = aux if kind == "trailing_stop" else None
    try:
        return OrderTerms(instrument, side, number(order.totalQuantity), kind, limit, stop, trail, _TIME_OF[order.tif])
    except Rejected:
        return None


def number(value: Any) -> Decimal:
    """A number that the client library made a float of: its shortest text is what the wire said. Zero where it is unset."""
    if value is None or value == UNSET_DOUBLE:
        return Decimal(0)
    found = Decimal(int(value)) if float(value).is_integer() else Decimal(str(value))
    if not found.is_finite():
        raise Rejected(f"interactive brokers number {value!r}, expected a finite one")
    return found


def _contract(instrument: Instrument) -> Contract:
    symbol, venue = split_id(instrument.id)
    if venue in PRIMARY:
        # Classes of shares are written with a space: BRK.B is "BRK B".
        name = symbol.replace(".", " ").replace("/", " ")
        return Contract(secType="STK", symbol=name, exchange=SMART, primaryExchange=PRIMARY[venue], currency=instrument.currency)
    base, bar, quote = symbol.partition("_")
    if not bar:
        raise Rejected(f"interactive brokers instrument {instrument.id}, expected such as EUR_USD.{FOREX} or BTC_USD.{COIN_VENUES[0]}")
    return Contract(secType="CASH" if venue == FOREX else "CRYPTO", symbol=base, exchange=venue, currency=quote)


def _said(value: Decimal) -> Any:
    """A number as text; the client library writes texts as they are, and would turn a float into another number."""
    return format(value, "f")
