"""An order as a venue keeps it, its executions, and when it crosses a quote."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from tradewinds.core.order import OrderKind, Side, TimeInForce

Status = Literal["new", "partial", "filled", "cancelled", "rejected", "expired", "replaced"]
What = Literal["placed", "triggered", "amended", "filled", "cancelled", "rejected", "expired", "replaced"]
WORKING: frozenset[Status] = frozenset({"new", "partial"})
ENDINGS: dict[Status, What] = {"cancelled": "cancelled", "rejected": "rejected", "expired": "expired", "replaced": "replaced"}


class Quote(NamedTuple):
    """The best prices of a symbol and how much they offer."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


@dataclass(slots=True)
class VenueOrder:
    """An order at the venue. client_id: what the client named it, "" for none. id: the venue's own.

    stop: the price that starts it; a take_profit with one starts when the price is that good, every other kind when it is that bad.
    trail: distance of a trailing stop in price, or trail_rate: as a fraction of the best price since it started to follow, which is at
    once or when `activation` is reached. expires_ns: when it ends by itself. rests: stands in the book and fills as a maker.
    """

    account: str
    client_id: str
    symbol: str
    side: Side
    kind: OrderKind
    quantity: Decimal
    limit: Decimal | None = None
    stop: Decimal | None = None
    time_in_force: TimeInForce = "gtc"
    is_reduce_only: bool = False
    by_hand: bool = False
    id: int = 0
    status: Status = "new"
    filled: Decimal = Decimal(0)
    quote_filled: Decimal = Decimal(0)
    reason: str = ""
    created_ns: int = 0
    updated_ns: int = 0
    is_triggered: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    trail: Decimal | None = None
    trail_rate: Decimal | None = None
    activation: Decimal | None = None
    best: Decimal | None = None
    expires_ns: int | None = None
    is_post_only: bool = False
    rests: bool = False

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_working(self) -> bool:
        return self.status in WORKING

    @property
    def waits(self) -> bool:
        """Whether it starts only when a price is touched."""
        return self.stop is not None or self.trail is not None or self.trail_rate is not None

    def copy(self) -> VenueOrder:
        """The same order, apart."""
        found = copy(self)
        found.extra = dict(self.extra)
        return found


class Execution(NamedTuple):
    """One fill at the venue. commission: positive when paid. realised: gain of what it closed, before commission."""

    id: int
    order_id: int
    client_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    at_ns: int
    realised: Decimal = Decimal(0)


class Change(NamedTuple):
    """One line of the venue's own log. execution_id: 0 where nothing was filled."""

    at_ns: int
    what: What
    order_id: int
    execution_id: int
    account: str
    client_id: str
    symbol: str
    status: Status
    filled: Decimal
    by_hand: bool


def crossing(order: VenueOrder, quote: Quote) -> Decimal | None:
    """The price on the other side that it would fill at now, None where it does not cross; starts a stop that is touched."""
    if not order.is_triggered and order.waits:
        if not is_touched(order, quote):
            return None
        order.is_triggered = True
    return (quote.ask if order.side == "buy" else quote.bid) if is_crossing(order, quote) else None


def is_touched(order: VenueOrder, quote: Quote) -> bool:
    """Whether the price has reached the stop."""
    if order.stop is None:
        return False
    touch = quote.ask if order.side == "buy" else quote.bid
    wants_high = (order.side == "buy") != (order.kind == "take_profit")
    return touch >= order.stop if wants_high else touch <= order.stop


def is_crossing(order: VenueOrder, quote: Quote) -> bool:
    """Whether its limit, if any, allows the price on the other side."""
    if order.limit is None:
        return True
    return quote.ask <= order.limit if order.side == "buy" else quote.bid >= order.limit


def moved_trail(order: VenueOrder, quote: Quote) -> None:
    """Let a trailing stop follow the price."""
    if order.is_triggered:
        return
    is_buy = order.side == "buy"
    touch = quote.ask if is_buy else quote.bid
    if order.best is None:
        if order.activation is not None and (touch > order.activation if is_buy else touch < order.activation):
            return
        order.best = touch
    order.best = min(order.best, touch) if is_buy else max(order.best, touch)
    distance = order.trail if order.trail is not None else order.best * (order.trail_rate or Decimal(0))
    order.stop = order.best + distance if is_buy else order.best - distance
