"""A broker that stands on an `Exchange` directly, without a wire: for tests of the trading core and the plainest campaigns."""

from __future__ import annotations

from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport
from tradewinds.core.errors import Rejected
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, ApprovedOrder, OrderState
from tradewinds.sandbox.exchange import Exchange, Execution, Status, VenueOrder

_STATES: dict[Status, OrderState] = {
    "new": OrderState.ACCEPTED,
    "partial": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.EXPIRED,
    "replaced": OrderState.REPLACED,
}


class DirectBroker:
    """`core.broker.Broker` for one account of an exchange; symbols of the exchange are instrument ids."""

    def __init__(
        self, exchange: Exchange, account: str, *, currency: str = "USD", venue: str = "LOCAL", absent_after_s: float = 1.0
    ) -> None:
        self.capability = BrokerCapability(
            "direct", venue, frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=True,
            absent_after_s=absent_after_s, holds="positions",
        )  # fmt: skip
        self._exchange = exchange
        self._account = account
        self._currency = currency
        self._hear: Hear | None = None

    async def open(self, hear: Hear) -> None:
        self._hear = hear
        self._exchange.listeners.append(self._listen)
        hear(Link("up", "direct", self._exchange.now_ns()))

    async def close(self) -> None:
        if self._listen in self._exchange.listeners:
            self._exchange.listeners.remove(self._listen)
        self._hear = None

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        terms = order.terms
        placed = self._exchange.place(
            VenueOrder(
                self._account,
                order.client_order_id,
                terms.instrument,
                terms.side,
                terms.kind,
                terms.quantity,
                terms.limit,
                terms.stop,
                terms.time_in_force,
                terms.is_reduce_only,
                trail=terms.trail,
            )
        )
        return self._report(placed)

    async def cancel(self, order: OrderRef) -> OrderReport:
        found = self._found(order)
        if found is None or self._exchange.cancel(found.id) is None:
            raise Rejected(f"cancel of {order.client_order_id or order.venue_order_id}: it does not work, expected a working order")
        return self._report(found)

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: this venue has none, expected cancel and new")

    async def find(self, order: OrderRef) -> OrderReport | None:
        found = self._found(order)
        return None if found is None else self._report(found)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return tuple(self._report(one) for one in self._exchange.working(self._account))

    async def fills(self, since: str) -> FillPage:
        first = int(since or 0)
        return FillPage(tuple(self._fill(one) for one in self._exchange.executions[first:]), str(len(self._exchange.executions)))

    async def holdings(self) -> Holdings:
        positions = {symbol: size for (account, symbol), size in self._exchange.positions.items() if account == self._account and size}
        return Holdings(positions, {}, self._exchange.now_ns())

    def _found(self, order: OrderRef) -> VenueOrder | None:
        """By our id, or by the venue's where a person made it."""
        if order.client_order_id:
            return self._exchange.named(self._account, order.client_order_id)
        return next((one for one in self._exchange.working(self._account) if str(one.id) == order.venue_order_id), None)

    def _listen(self, order: VenueOrder, execution: Execution | None) -> None:
        if self._hear is not None and order.account == self._account:
            self._hear(self._report(order) if execution is None else self._fill(execution))

    def _report(self, order: VenueOrder) -> OrderReport:
        state = _STATES[order.status]
        return OrderReport(order.client_id, str(order.id), order.symbol, state, order.updated_ns, order.filled, order.reason)

    def _fill(self, one: Execution) -> Fill:
        return Fill(
            str(one.id), self.capability.venue, one.client_id, one.symbol, one.side, one.quantity, one.price, self._currency, one.at_ns,
            commission=one.commission, commission_currency=one.commission_asset or None,
        )  # fmt: skip
