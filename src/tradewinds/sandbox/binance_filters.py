"""The rules of one pair at Binance, and the filters that an order has to pass, with the venue's messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewinds.sandbox.binance_info import status_of
from tradewinds.sandbox.binance_questions import Refused
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.venue_order import Quote, VenueOrder
from tradewinds.sandbox.world import World

ORDERS_MAX, ALGO_ORDERS_MAX = 200, 5
NOTIONAL_MAX = Decimal(9_000_000)
FAR_UP, FAR_DOWN = Decimal(5), Decimal("0.2")
TRAILING_BIPS = range(10, 2_001)


@dataclass(frozen=True, slots=True)
class Rules:
    """Numbers of a pair: prices are multiples of tick, quantities of lot; notional_min in the quote asset."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    price_decimals: int
    quantity_decimals: int
    notional_min: Decimal
    quantity_max: Decimal
    market_quantity_max: Decimal
    is_open: bool


def spot_rules(world: World, pair: Listing) -> Rules:
    """What `exchangeInfo` says of a spot pair, as numbers."""
    lot = Decimal(1).scaleb(-pair.quantity_decimals)
    is_dollar = pair.quote in ("USDT", "USDC", "FDUSD")
    return Rules(
        pair.symbol, pair.base, pair.quote, Decimal(1).scaleb(-pair.price_decimals), lot, pair.price_decimals, pair.quantity_decimals,
        Decimal(5) if is_dollar else Decimal("0.0001"), lot * 900_000_000, lot * 30_000_000, status_of(world, pair) == "TRADING",
    )  # fmt: skip


def futures_rules(world: World, pair: Listing) -> Rules:
    """What `exchangeInfo` says of a perpetual, as numbers."""
    lot = Decimal(1).scaleb(-pair.quantity_decimals)
    return Rules(
        pair.symbol, pair.base, pair.quote, Decimal(1).scaleb(-pair.price_decimals), lot, pair.price_decimals, pair.quantity_decimals,
        Decimal(5), lot * 100_000_000, lot * 10_000_000, status_of(world, pair) == "TRADING",
    )  # fmt: skip


def check_spot(order: VenueOrder, rules: Rules, quote: Quote, working: Sequence[VenueOrder]) -> None:
    """Raise what the venue says of an order that a filter stops."""
    for price in (order.limit, order.stop, order.activation):
        if price is not None and (price <= 0 or price % rules.tick):
            raise _failed("PRICE_FILTER")
    if order.limit is not None and not is_near(order, quote):
        raise _failed("PERCENT_PRICE_BY_SIDE")
    if order.quantity < rules.lot or order.quantity > rules.quantity_max or order.quantity % rules.lot:
        raise _failed("LOT_SIZE")
    if order.kind == "market" and order.quantity > rules.market_quantity_max:
        raise _failed("MARKET_LOT_SIZE")
    value = order.quantity * (order.limit or order.stop or quote.ask)
    if value < rules.notional_min or (value > NOTIONAL_MAX and order.limit is not None):
        raise _failed("NOTIONAL")
    if order.trail_rate is not None and int(order.trail_rate * 10_000) not in TRAILING_BIPS:
        raise _failed("TRAILING_DELTA")
    if len(working) >= ORDERS_MAX:
        raise _failed("MAX_NUM_ORDERS")
    if order.waits and sum(one.waits for one in working) >= ALGO_ORDERS_MAX:
        raise _failed("MAX_NUM_ALGO_ORDERS")


def is_near(order: VenueOrder, quote: Quote) -> bool:
    """Whether a limit stands between a fifth and five times the price."""
    assert order.limit is not None
    middle = (quote.bid + quote.ask) / 2
    return middle * FAR_DOWN <= order.limit <= middle * FAR_UP


def _failed(name: str) -> Refused:
    return Refused(-1013, f"Filter failure: {name}")
