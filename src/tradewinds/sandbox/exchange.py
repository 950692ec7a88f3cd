"""What every local venue trades on: orders, executions and accounts of one venue, matched against its prices. No wire, no clock of its own.

1. `place` takes an order that the venue's own rules let pass, matches what crosses the prices at once, and keeps the rest.
2. `match` is called when prices or time may have moved: what rests fills at its limit, stops start when touched, days end.
3. Every change is told to listeners, in order; streams and sockets are made of that. `log` is the venue's own truth for an oracle.

A price offers a size. Fills consume it, whoever trades; it is there again when the quote changes or `replenish_ns` have passed. Hence large
orders fill in parts. Nothing is random: the same calls at the same times give the same executions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND
from tradewinds.core.order import Side
from tradewinds.sandbox.venue_order import ENDINGS, WORKING, Change, Execution, Quote, Status, VenueOrder, What, crossing, moved_trail

__all__ = ["ENDINGS", "WORKING", "ZERO", "Change", "Exchange", "Execution", "Quote", "Snapshot", "Status", "VenueOrder", "no_fee"]
ZERO = Decimal(0)

Listener = Callable[[VenueOrder, Execution | None], None]
Fee = Callable[[VenueOrder, Decimal, Decimal, bool], tuple[Decimal, str]]


def no_fee(order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
    """A venue that charges nothing."""
    return ZERO, ""


def end_of_utc_day(order: VenueOrder, now_ns: int) -> int:
    """When a day order placed now ends, at a venue whose day is that of UTC."""
    return now_ns - now_ns % NS_PER_DAY + NS_PER_DAY


class Snapshot(NamedTuple):
    """The state of an exchange at an instant; what came later is lost when it is restored, the log excepted."""

    orders: tuple[VenueOrder, ...]
    executions: tuple[Execution, ...]
    positions: dict[tuple[str, str], Decimal]
    averages: dict[tuple[str, str], Decimal]
    realised: dict[tuple[str, str], Decimal]
    last_id: int


@dataclass(slots=True)
class Exchange:
    """Orders and executions of one venue. now_ns and quote are asked whenever something happens; ids rise from `first_id`.

    positions: signed units by (account, symbol); averages: what they were opened at; realised: gains before commission, quote currency.
    affords: asked when a stop is touched, whether its account can still pay for it.
    """

    now_ns: Callable[[], int]
    quote: Callable[[str], Quote]
    fee: Fee = no_fee
    first_id: int = 1
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    positions: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    averages: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    realised: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    replenish_ns: int = NS_PER_SECOND
    day_end: Callable[[VenueOrder, int], int] = end_of_utc_day
    affords: Callable[[VenueOrder], bool] | None = None
    _working: dict[int, VenueOrder] = field(default_factory=dict)
    _by_symbol: dict[str, dict[int, VenueOrder]] = field(default_factory=dict)
    _by_client: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _by_order: dict[int, list[Execution]] = field(default_factory=dict)
    _taken: dict[tuple[str, Side], tuple[Quote, int, Decimal]] = field(default_factory=dict)
    _matched: dict[str, tuple[Quote, int]] = field(default_factory=dict)
    _expiring: dict[int, int] = field(default_factory=dict)
    _last_id: int = 0

    def place(self, order: VenueOrder) -> VenueOrder:
        """Take an order in and match it; an ioc's or market order's rest expires, a fok fills whole or expires."""
        self._enter(order)
        self._tell(order, "placed")
        quote = self.quote(order.symbol)
        if order.time_in_force == "fok" and order.stop is None and self._whole(order, quote) is None:
            self._end(order, "expired", "fill or kill")
            return order
        if order.is_post_only and crossing(order, quote) is not None:
            self._end(order, "expired", "post only")
            return order
        self._try(order, quote)
        self._close_if_at_once(order)
        return order

    def reject(self, order: VenueOrder, reason: str) -> VenueOrder:
        """Keep an order that the venue refuses after it took it in."""
        self._enter(order)
        self._end(order, "rejected", reason)
        return order

    def cancel(self, order_id: int, reason: str = "") -> VenueOrder | None:
        """Cancel a working order; None where none with that id works."""
        return self.end(order_id, "cancelled", reason)

    def end(self, order_id: int, status: Status, reason: str = "") -> VenueOrder | None:
        """End a working order as cancelled, expired, rejected or replaced; None where none with that id works."""
        order = self._working.get(order_id)
        if order is not None:
            self._end(order, status, reason)
        return order

    def amend(self, order_id: int, *, quantity: Decimal | None = None, limit: Decimal | None = None, stop: Decimal | None = None) -> bool:
        """Change a working order in place; False where none works or the new quantity is already filled."""
        order = self._working.get(order_id)
        if order is None or (quantity is not None and quantity <= order.filled):
            return False
        order.quantity = order.quantity if quantity is None else quantity
        order.rests = order.rests and limit in (None, order.limit)
        order.limit = order.limit if limit is None else limit
        order.stop = order.stop if stop is None else stop
        order.updated_ns = self.now_ns()
        self._tell(order, "amended")
        self._try(order, self.quote(order.symbol))
        self._close_if_at_once(order)
        return True

    def match(self, symbols: Iterable[str] | None = None) -> None:
        """Match what rests against the present prices, oldest first, and end what is over; cheap where nothing moved."""
        now_ns = self.now_ns()
        if self._expiring:
            for order_id in [one for one, end_ns in self._expiring.items() if end_ns <= now_ns]:
                self.end(order_id, "expired", "time in force")
        moment = now_ns // self.replenish_ns
        for symbol in list(self._by_symbol) if symbols is None else list(dict.fromkeys(symbols)):
            resting = self._by_symbol.get(symbol)
            if not resting:
                continue
            quote = self.quote(symbol)
            if self._matched.get(symbol) == (quote, moment):
                continue
            self._matched[symbol] = quote, moment
            for order in list(resting.values()):
                if order.is_working:
                    self._try(order, quote)
                    self._close_if_at_once(order)

    def replenish(self) -> None:
        """Offer every size anew, as if time had passed."""
        self._taken.clear()
        self._matched.clear()

    def working(self, account: str, symbol: str | None = None) -> list[VenueOrder]:
        """Working orders of an account, oldest first."""
        chosen = self._working if symbol is None else self._by_symbol.get(symbol, {})
        return [one for one in chosen.values() if one.account == account]

    def named(self, account: str, client_id: str) -> VenueOrder | None:
        """The newest order with this client id, None where there is none."""
        found = self._by_client.get((account, client_id))
        return None if not found else self.orders[found[-1]]

    def all_named(self, account: str, client_id: str) -> list[VenueOrder]:
        """Every order that ever had this client id, oldest first: more than one is what an oracle looks for."""
        return [self.orders[one] for one in self._by_client.get((account, client_id), ())]

    def executions_of(self, order_id: int) -> list[Execution]:
        """The fills of an order, oldest first."""
        return list(self._by_order.get(order_id, ()))

    def rename(self, order: VenueOrder, client_id: str) -> None:
        """Give an order another client id; it is found by either."""
        order.client_id = client_id
        self._by_client.setdefault((order.account, client_id), []).append(order.id)

    def position(self, account: str, symbol: str) -> Decimal:
        """Signed units, zero when flat."""
        return self.positions.get((account, symbol), ZERO)

    def average(self, account: str, symbol: str) -> Decimal:
        """What the position was opened at, zero when flat."""
        return self.averages.get((account, symbol), ZERO)

    def snapshot(self) -> Snapshot:
        """The state to return to."""
        orders = tuple(order.copy() for order in self.orders.values())
        return Snapshot(orders, tuple(self.executions), dict(self.positions), dict(self.averages), dict(self.realised), self._last_id)

    def restore(self, taken: Snapshot) -> None:
        """Return to a snapshot, as a venue does that lost its last minutes; listeners are not told, the log stays whole."""
        self.orders = {order.id: order.copy() for order in taken.orders}
        self.executions[:] = taken.executions
        self.positions, self.averages = dict(taken.positions), dict(taken.averages)
        self.realised, self._last_id = dict(taken.realised), taken.last_id
        for each in (self._working, self._by_symbol, self._by_client, self._by_order, self._expiring):
            each.clear()
        for done in self.executions:
            self._by_order.setdefault(done.order_id, []).append(done)
        for order in self.orders.values():
            self._index(order)
        self.replenish()

    def roll_ids_back(self, to: int = 1) -> None:
        """Number new orders from `to` on again, leaving out what is taken: ids no longer rise with time."""
        self._last_id, self.first_id = to - 1, to

    def _enter(self, order: VenueOrder) -> None:
        self._last_id = max(self._last_id + 1, self.first_id)
        while self._last_id in self.orders:
            self._last_id += 1
        order.id = self._last_id
        order.created_ns = order.updated_ns = self.now_ns()
        if order.time_in_force == "day" and order.expires_ns is None:
            order.expires_ns = self.day_end(order, order.created_ns)
        self.orders[order.id] = order
        self._index(order)

    def _index(self, order: VenueOrder) -> None:
        if order.client_id:
            self._by_client.setdefault((order.account, order.client_id), []).append(order.id)
        if order.status in WORKING:
            self._working[order.id] = order
            self._by_symbol.setdefault(order.symbol, {})[order.id] = order
            if order.expires_ns is not None:
                self._expiring[order.id] = order.expires_ns

    def _drop(self, order: VenueOrder) -> None:
        self._working.pop(order.id, None)
        self._expiring.pop(order.id, None)
        resting = self._by_symbol.get(order.symbol)
        if resting is not None:
            resting.pop(order.id, None)

    def _offered(self, order: VenueOrder, quote: Quote) -> Decimal:
        """What is left of the size on the order's other side."""
        offered = quote.ask_size if order.side == "buy" else quote.bid_size
        taken = self._taken.get((order.symbol, order.side))
        if taken is None or taken[0] != quote or taken[1] != self.now_ns() // self.replenish_ns:
            return offered
        return offered - taken[2]

    def _whole(self, order: VenueOrder, quote: Quote) -> Decimal | None:
        """The price at which all of it fills now, None where it does not."""
        price = crossing(order, quote)
        return price if price is not None and self._offered(order, quote) >= order.left else None

    def _try(self, order: VenueOrder, quote: Quote) -> None:
        if order.trail is not None or order.trail_rate is not None:
            moved_trail(order, quote)
        was_triggered = order.is_triggered
        price = crossing(order, quote)
        if order.is_triggered and not was_triggered:
            order.updated_ns = self.now_ns()
            self._tell(order, "triggered")
            if self.affords is not None and not self.affords(order):
                self._end(order, "expired", "rejected when triggered")
            elif order.time_in_force == "fok" and self._whole(order, quote) is None:
                self._end(order, "expired", "fill or kill")
        if not order.is_working:
            return
        if price is None:
            order.rests = order.limit is not None and (order.is_triggered or not order.waits)
            return
        is_maker = order.rests
        if is_maker and order.limit is not None:
            price = order.limit
        size = min(order.left, self._offered(order, quote))
        if order.is_reduce_only:
            held = self.position(order.account, order.symbol)
            size = min(size, max(ZERO, -held if order.side == "buy" else held))
            if size <= 0 and held * (1 if order.side == "buy" else -1) >= 0:
                self._end(order, "expired", "reduce only")
                return
        if size > 0:
            self._fill(order, quote, size, price, is_maker)
        order.rests = order.limit is not None

    def _fill(self, order: VenueOrder, quote: Quote, size: Decimal, price: Decimal, is_maker: bool) -> None:
        now_ns = self.now_ns()
        offered = quote.ask_size if order.side == "buy" else quote.bid_size
        taken = offered - self._offered(order, quote) + size
        self._taken[order.symbol, order.side] = quote, now_ns // self.replenish_ns, taken
        commission, asset = self.fee(order, size, price, is_maker)
        order.filled += size
        order.quote_filled += size * price
        order.status = "filled" if order.left == 0 else "partial"
        order.updated_ns = now_ns
        realised = self._book(order, size, price)
        done = Execution(
            len(self.executions) + 1, order.id, order.client_id, order.account, order.symbol, order.side, size, price,
            commission, asset, is_maker, now_ns, realised,
        )  # fmt: skip
        self.executions.append(done)
        self._by_order.setdefault(order.id, []).append(done)
        if order.left == 0:
            self._drop(order)
        self._tell(order, "filled", done)

    def _book(self, order: VenueOrder, size: Decimal, price: Decimal) -> Decimal:
        """Move the position; returns the gain that it realised, in units of price times quantity."""
        key = order.account, order.symbol
        held, average = self.positions.get(key, ZERO), self.averages.get(key, ZERO)
        signed = size if order.side == "buy" else -size
        after = held + signed
        gain = ZERO
        if held * signed >= 0:
            average = (average * abs(held) + price * size) / abs(after)
        else:
            closed = min(size, abs(held))
            gain = (price - average) * closed * (1 if held > 0 else -1)
            average = average if abs(held) > size else price if after else ZERO
        self.positions[key], self.averages[key] = after, average
        self.realised[key] = self.realised.get(key, ZERO) + gain
        return gain

    def _close_if_at_once(self, order: VenueOrder) -> None:
        """What may not rest ends with what it got."""
        if not order.is_working or (order.waits and not order.is_triggered):
            return
        if order.time_in_force in ("ioc", "fok"):
            self._end(order, "expired", "immediate or cancel")
        elif order.limit is None:
            self._end(order, "expired", "no more on offer")

    def _end(self, order: VenueOrder, status: Status, reason: str) -> None:
        order.status, order.reason, order.updated_ns = status, reason, self.now_ns()
        self._drop(order)
        self._tell(order, ENDINGS[status])

    def _tell(self, order: VenueOrder, what: What, execution: Execution | None = None) -> None:
        number = 0 if execution is None else execution.id
        by = order.account, order.client_id, order.symbol
        self.log.append(Change(order.updated_ns, what, order.id, number, *by, order.status, order.filled, order.by_hand))
        for listener in tuple(self.listeners):
            listener(order, execution)
