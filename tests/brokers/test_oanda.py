"""The OANDA adapter against the local venue over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.brokers.oanda import OandaBroker
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.oanda_trade import OandaVenue
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

EUR_USD = "EUR_USD.OANDA"
TOKEN = "sandbox-oanda-token"
INSTRUMENTS = {EUR_USD: Instrument(EUR_USD, "fx", "USD", "fx", base="EUR", tick=Decimal("0.00001"), lot=Decimal(1))}
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues on a Friday noon, with EUR_USD at 1.08000 to 1.08014, a million on offer."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"))) as running:
        venue(running).set_quotes["EUR_USD"] = quote("1.08000", "1.08014")
        yield running


def venue(running: Sandbox) -> OandaVenue:
    found = running.world.trading["oanda"]
    assert isinstance(found, OandaVenue)
    return found


def quote(bid: str, ask: str, size: str = "1000000") -> Quote:
    return Quote(Decimal(bid), Decimal(ask), Decimal(size), Decimal(size))


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any, token: str = TOKEN, **options: Any) -> AsyncIterator[OandaBroker]:
    broker = OandaBroker(
        account=ACCOUNT, token=Secret(token), instruments=INSTRUMENTS, clock=venues.world.clock, random=random.Random(1),
        url=venues.urls["oanda"], stream_url=venues.urls["oanda"], **options,
    )  # fmt: skip
    try:
        await broker.open(hear)
        yield broker
    finally:
        await broker.close()


def run(work: Awaitable[None]) -> None:
    async def main() -> None:
        await work

    asyncio.run(main())


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


def test_a_market_order_is_filled_in_its_answer_and_told_by_the_stream(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            order = approve(EUR_USD, "sell", "300")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.FILLED, Decimal(300))
            assert report.client_order_id == order.client_order_id
            (fill,) = report.fills
            assert (fill.side, fill.quantity, fill.price, fill.currency) == ("sell", Decimal(300), Decimal("1.08000"), "USD")
            await heard.until(lambda one: bool(one.fills))
            assert heard.fills == [fill]
            assert (await broker.holdings()).positions == {EUR_USD: Decimal(-300)}
            page = await broker.fills("")
            assert page.fills == (fill,)
            assert (await broker.fills(page.cursor)).fills == ()

    run(work())


def test_a_limit_order_rests_is_found_by_our_id_and_cancelled(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(EUR_USD, "buy", "100", kind="limit", limit="1.07000")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.ACCEPTED, Decimal(0))
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.terms) == (order.client_order_id, order.terms)
            found = await broker.find(ref(order))
            assert found is not None
            assert found.state is OrderState.ACCEPTED
            cancelled = await broker.cancel(ref(order))
            assert cancelled.state is OrderState.CANCELLED
            assert await broker.open_orders() == ()
            with pytest.raises(Rejected, match="ORDER_DOESNT_EXIST"):
                await broker.cancel(ref(order))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.reason) == (OrderState.CANCELLED, "CLIENT_REQUEST")

    run(work())
