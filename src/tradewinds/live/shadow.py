"""A broker that can only be read: what a shadow account is given, so that nothing leaves even if something above it were wrong."""

from __future__ import annotations

from tradewinds.core.broker import Broker, BrokerCapability, FillPage, Hear, Holdings, OrderRef, OrderReport
from tradewinds.core.errors import Rejected
from tradewinds.core.order import ApprovedOrder


class ReadOnlyBroker:
    """`core.broker.Broker` that asks another one and sends nothing."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @property
    def capability(self) -> BrokerCapability:
        return self._broker.capability

    async def open(self, hear: Hear) -> None:
        await self._broker.open(hear)

    async def close(self) -> None:
        await self._broker.close()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        raise Rejected(f"order {order.client_order_id}: this account is a shadow, expected one that trades")

    async def cancel(self, order: OrderRef) -> OrderReport:
        raise Rejected(f"cancel of {order.client_order_id}: this account is a shadow, expected one that trades")

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: this account is a shadow, expected one that trades")

    async def find(self, order: OrderRef) -> OrderReport | None:
        return await self._broker.find(order)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._broker.open_orders()

    async def fills(self, since: str) -> FillPage:
        return await self._broker.fills(since)

    async def holdings(self) -> Holdings:
        return await self._broker.holdings()
