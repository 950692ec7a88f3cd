"""Brokers that are wrong in one way each: layers over a real adapter, planted by `mutants`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewinds.core.account import Fill
from tradewinds.core.broker import Broker, BrokerCapability, FillPage, Hear, Holdings, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected
from tradewinds.core.order import ApprovedOrder, OrderState


class Layer:
    """Passes everything on."""

    def __init__(self, inner: Broker) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # what an adapter has beyond the port

    @property
    def capability(self) -> BrokerCapability:
        return self.inner.capability

    async def open(self, hear: Hear) -> None:
        def told(one: Told) -> None:
            changed = self.told(one)
            if changed is not None:
                hear(changed)

        await self.inner.open(told)

    def told(self, one: Told) -> Told | None:
        """What is heard of something told, None for nothing."""
        return one

    async def close(self) -> None:
        await self.inner.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        return await self.inner.submit(order)

    async def cancel(self, order: OrderRef) -> OrderReport:
        return await self.inner.cancel(order)

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        return await self.inner.replace(order, by)

    async def find(self, order: OrderRef) -> OrderReport | None:
        return await self.inner.find(order)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self.inner.open_orders()

    async def fills(self, since: str) -> FillPage:
        return await self.inner.fills(since)

    async def holdings(self) -> Holdings:
        return await self.inner.holdings()


def _ended(order: OrderRef, state: OrderState) -> OrderReport:
    return OrderReport(order.client_order_id, order.venue_order_id, order.instrument, state, 0)


class BlindResend(Layer):
    """a submit of unknown outcome is sent again."""

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        try:
            return await self.inner.submit(order)
        except OutcomeUnknown:
            return await self.inner.submit(order)


class UnknownIsCancelled(Layer):
    """a cancel of unknown outcome is taken for done."""

    async def cancel(self, order: OrderRef) -> OrderReport:
        try:
            return await self.inner.cancel(order)
        except OutcomeUnknown:
            return _ended(order, OrderState.CANCELLED)


class RefusedCancelIsGone(Layer):
    """an order whose cancel is refused is taken for cancelled, without asking what became of it."""

    async def cancel(self, order: OrderRef) -> OrderReport:
        try:
            return await self.inner.cancel(order)
        except Rejected:
            return _ended(order, OrderState.CANCELLED)


class ReplaceLeavesTheOld(Layer):
    """a replacement is sent as a new order, and the old one is taken for gone."""

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        return await self.inner.submit(by)


class NotFoundAtOnce(Layer):
    """one "not found" is believed, however soon after the send."""

    async def find(self, order: OrderRef) -> OrderReport | None:
        return await self.inner.find(order) or _ended(order, OrderState.REJECTED)


class NoFillsOnReconnect(Layer):
    """executions are asked for once, at the start, and not after a reconnect."""

    def __init__(self, inner: Broker) -> None:
        super().__init__(inner)
        self._has_asked = False

    async def fills(self, since: str) -> FillPage:
        page = await self.inner.fills(since)
        if self._has_asked:
            return FillPage((), page.cursor)
        self._has_asked = True
        return page


class FillsOfTwoNames(Layer):
    """a fill has one id on the stream and another when asked for, so it is booked twice."""

    def told(self, one: Told) -> Told | None:
        return replace(one, id=f"stream-{one.id}") if isinstance(one, Fill) else one


class CumulativeFills(Layer):
    """a partial fill's quantity is taken from the number filled so far."""

    def __init__(self, inner: Broker) -> None:
        super().__init__(inner)
        self._so_far: dict[str, dict[str, Decimal]] = {}

    def told(self, one: Told) -> Told | None:
        return self._summed(one) if isinstance(one, Fill) else one

    async def fills(self, since: str) -> FillPage:
        page = await self.inner.fills(since)
        return FillPage(tuple(self._summed(one) for one in page.fills), page.cursor)

    def _summed(self, fill: Fill) -> Fill:
        of_order = self._so_far.setdefault(fill.client_order_id, {})
        of_order.setdefault(fill.id, fill.quantity)
        return replace(fill, quantity=sum(of_order.values(), Decimal(0))) if fill.client_order_id else fill


class CommissionAsPosition(Layer):
    """what a fill cost in commission is taken from its quantity."""

    def told(self, one: Told) -> Told | None:
        return self._less(one) if isinstance(one, Fill) else one

    async def fills(self, since: str) -> FillPage:
        page = await self.inner.fills(since)
        return FillPage(tuple(self._less(one) for one in page.fills), page.cursor)

    def _less(self, fill: Fill) -> Fill:
        left = fill.quantity - abs(fill.commission)
        return replace(fill, quantity=left) if left > 0 else fill


class LastFillForgotten(Layer):
    """the last execution of a page of several is left out, and the cursor stands behind it."""

    async def fills(self, since: str) -> FillPage:
        page = await self.inner.fills(since)
        return FillPage(page.fills[:-1] if len(page.fills) > 1 else page.fills, page.cursor)


class StaleAnswers(Layer):
    """what was found out about an order once is answered again, whatever has happened since."""

    def __init__(self, inner: Broker) -> None:
        super().__init__(inner)
        self._known: dict[str, OrderReport | None] = {}

    async def find(self, order: OrderRef) -> OrderReport | None:
        name = order.client_order_id
        if name not in self._known:
            self._known[name] = await self.inner.find(order)
        return self._known[name]


class PartialIsFilled(Layer):
    """an order that is filled in part is taken for filled."""

    def told(self, one: Told) -> Told | None:
        return self._whole(one) if isinstance(one, OrderReport) else one

    async def find(self, order: OrderRef) -> OrderReport | None:
        found = await self.inner.find(order)
        return None if found is None else self._whole(found)

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        return self._whole(await self.inner.submit(order))

    def _whole(self, report: OrderReport) -> OrderReport:
        return replace(report, state=OrderState.FILLED) if report.state is OrderState.PARTIALLY_FILLED else report


WRONG: dict[str, type[Layer]] = {
    "blind_resend": BlindResend,
    "no_fills_on_reconnect": NoFillsOnReconnect,
    "fill_booked_twice": FillsOfTwoNames,
    "cumulative_fills": CumulativeFills,
    "commission_as_position": CommissionAsPosition,
    "last_fill_forgotten": LastFillForgotten,
    "stale_answers": StaleAnswers,
    "partial_is_filled": PartialIsFilled,
}
# By themselves these do no harm: the core hears that such an order works, and takes its end back.
WRONG_ENDS: dict[str, type[Layer]] = {
    "unknown_is_cancelled": UnknownIsCancelled,
    "refused_cancel_is_gone": RefusedCancelIsGone,
    "replace_leaves_the_old": ReplaceLeavesTheOld,
    "not_found_at_once": NotFoundAtOnce,
}
