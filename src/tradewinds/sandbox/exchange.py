"""What every local venue trades on: orders, executions and accounts of one venue, matched against its prices. No wire, no clock of its own.

1. `place` takes an order that the venue's own rules let pass, matches what crosses the prices at once, and keeps the rest.
2. `match` is called when prices may have moved: resting orders fill at their limit or better, stops start when touched.
3. Every change is told to listeners, in order; streams and sockets are made of that. `log` is the venue's own truth for an oracle.

A fill takes at most what the price's size offers, so large orders fill in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tradewinds.core.order import OrderKind, Side, TimeInForce

ZERO = Decimal(0)
Status = Literal["new", "partial", "filled", "cancelled", "rejected", "expired", "replaced"]
WORKING: frozenset[Status] = frozenset({"new", "partial"})


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of a symbol and how much they offer."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


@dataclass(slots=True)
class VenueOrder:
    """An order at the venue. client_id: what the client named it, "" for none. id: the venue's own, rising."""

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
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    reason: str = ""
    created_ns: int = 0
    updated_ns: int = 0
    is_triggered: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_working(self) -> bool:
        return self.status in WORKING


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill at the venue. commission: positive when paid."""

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


Listener = Callable[[VenueOrder, Execution | None], None]
Fee = Callable[[VenueOrder, Decimal, Decimal, bool], tuple[Decimal, str]]


def no_fee(order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
    """A venue that charges nothing."""
    return ZERO, ""


@dataclass(slots=True)
class Exchange:
    """Orders and executions of one venue. now_ns and quote are asked whenever something happens; ids rise from `first_id`."""

    now_ns: Callable[[], int]
    quote: Callable[[str], Quote]
    fee: Fee = no_fee
    first_id: int = 1
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    positions: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    _working: dict[int, VenueOrder] = field(default_factory=dict)
    _by_client: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _last_id: int = 0

    def place(self, order: VenueOrder) -> VenueOrder:
        """Take an order in and match it; an ioc's or market order's rest expires, a fok fills whole or expires."""
        order.id = self._next_id()
        order.created_ns = order.updated_ns = self.now_ns()
        self.orders[order.id] = order
        self._working[order.id] = order
        if order.client_id:
            self._by_client.setdefault((order.account, order.client_id), []).append(order.id)
        self._tell(order)
        quote = self.quote(order.symbol)
        offered = quote.ask_size if order.side == "buy" else quote.bid_size
        if order.time_in_force == "fok" and (self._price(order, quote) is None or offered < order.quantity):
            self._end(order, "expired", "fill or kill")
            return order
        self._try(order, quote, is_maker=False)
        if order.is_working and (order.kind == "market" or order.time_in_force == "ioc"):
            self._end(order, "expired", "immediate or cancel")
        return order

    def reject(self, order: VenueOrder, reason: str) -> VenueOrder:
        """Keep an order that the venue refuses after it took it in."""
        order.id, order.created_ns, order.updated_ns = self._next_id(), self.now_ns(), self.now_ns()
        self.orders[order.id] = order
        self._end(order, "rejected", reason)
        return order

    def cancel(self, order_id: int, reason: str = "") -> VenueOrder | None:
        """Cancel a working order; None where none with that id works."""
        order = self._working.get(order_id)
        if order is not None:
            self._end(order, "cancelled", reason)
        return order

    def amend(self, order_id: int, *, quantity: Decimal | None = None, limit: Decimal | None = None, stop: Decimal | None = None) -> bool:
        """Change a working order in place; False where none works or the new quantity is already filled."""
        order = self._working.get(order_id)
        if order is None or (quantity is not None and quantity <= order.filled):
            return False
        order.quantity = order.quantity if quantity is None else quantity
        order.limit = order.limit if limit is None else limit
        order.stop = order.stop if stop is None else stop
        order.updated_ns = self.now_ns()
        self._tell(order)
        self._try(order, self.quote(order.symbol), is_maker=False)
        return True

    def match(self, symbols: Iterable[str] | None = None) -> None:
        """Match what rests against the present prices, oldest first."""
        wanted = None if symbols is None else set(symbols)
        for order in list(self._working.values()):
            if wanted is None or order.symbol in wanted:
                self._try(order, self.quote(order.symbol), is_maker=True)

    def working(self, account: str, symbol: str | None = None) -> list[VenueOrder]:
        """Working orders of an account, oldest first."""
        return [one for one in self._working.values() if one.account == account and symbol in (None, one.symbol)]

    def named(self, account: str, client_id: str) -> VenueOrder | None:
        """The newest order with this client id, None where there is none."""
        found = self._by_client.get((account, client_id))
        return None if not found else self.orders[found[-1]]

    def position(self, account: str, symbol: str) -> Decimal:
        """Signed units, zero when flat."""
        return self.positions.get((account, symbol), ZERO)

    def _next_id(self) -> int:
        self._last_id = max(self._last_id + 1, self.first_id)
        return self._last_id

    def _price(self, order: VenueOrder, quote: Quote) -> Decimal | None:
        """What it would fill at now, None where it does not cross."""
        touch = quote.ask if order.side == "buy" else quote.bid
        sign = 1 if order.side == "buy" else -1
        if order.stop is not None and not order.is_triggered:
            if (touch - order.stop) * sign < 0:
                return None
            order.is_triggered = True
        if order.limit is not None and (touch - order.limit) * sign > 0:
            return None
        return touch

    def _try(self, order: VenueOrder, quote: Quote, *, is_maker: bool) -> None:
        price = self._price(order, quote)
        if not order.is_working or price is None:
            return
        if is_maker and order.limit is not None and order.stop is None:
            price = order.limit
        size = min(order.left, quote.ask_size if order.side == "buy" else quote.bid_size)
        if order.is_reduce_only:
            held = self.position(order.account, order.symbol)
            size = min(size, max(ZERO, -held if order.side == "buy" else held))
        if size <= 0:
            return
        commission, asset = self.fee(order, size, price, is_maker)
        order.filled += size
        order.quote_filled += size * price
        order.status = "filled" if order.left == 0 else "partial"
        order.updated_ns = self.now_ns()
        done = Execution(
            len(self.executions) + 1, order.id, order.client_id, order.account, order.symbol, order.side, size, price,
            commission, asset, is_maker, order.updated_ns,
        )  # fmt: skip
        self.executions.append(done)
        key = order.account, order.symbol
        self.positions[key] = self.positions.get(key, ZERO) + (size if order.side == "buy" else -size)
        if order.left == 0:
            self._working.pop(order.id, None)
        self._tell(order, done)

    def _end(self, order: VenueOrder, status: Status, reason: str) -> None:
        order.status, order.reason, order.updated_ns = status, reason, self.now_ns()
        self._working.pop(order.id, None)
        self._tell(order)

    def _tell(self, order: VenueOrder, execution: Execution | None = None) -> None:
        for listener in self.listeners:
            listener(order, execution)
