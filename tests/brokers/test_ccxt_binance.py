"""The ccxt adapter against the local Binance spot venue over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

BTC = "BTCUSDT.BINANCE"
INSTRUMENTS = {BTC: Instrument(BTC, "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))}
KEY, SECRET = "sandbox-trading-key", "sandbox-trading-secret"
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues at which BTCUSDT is bid 60000.00 and offered at 60001.00, ten of them."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000)) as running:
        running.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal(10))
        yield running


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any, *, key: str = KEY, secret: str = SECRET, **options: Any) -> AsyncIterator[CcxtBroker]:
    base = venues.urls["binance_rest"]
    broker = binance(
        key=Secret(key), secret=Secret(secret), instruments=INSTRUMENTS, clock=venues.world.clock, random=random.Random(1), url=base,
        ws_url=base.replace("http", "ws", 1) + "/ws-api/v3", **options,
    )  # fmt: skip
    try:
        await broker.open(hear)
        yield broker
    finally:
        await broker.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


def test_a_market_order_is_filled_in_its_answer_and_told_by_the_stream(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            order = approve(BTC, "buy", "0.01")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.FILLED, Decimal("0.01"))
            (fill,) = report.fills
            assert (fill.side, fill.quantity, fill.price, fill.currency) == ("buy", Decimal("0.01"), Decimal("60001.00"), "USDT")
            assert (fill.commission, fill.commission_currency) == (Decimal("0.00001"), "BTC")
            await heard.until(lambda one: bool(one.fills))
            assert heard.fills == [fill]
            await heard.until(lambda one: any(each.state is OrderState.FILLED for each in one.reports))
            page = await broker.fills("")
            assert page.fills == (fill,)
            assert (await broker.fills(page.cursor)).fills == ()
            cash = (await broker.holdings()).cash
            assert cash["BTC"] == venue_balance(venues, "BTC")

    run(work())


def venue_balance(venues: Sandbox, asset: str) -> Decimal:
    held: Any = spot_venue(venues.world)
    return Decimal(held.wallet.total("main", asset))


def test_a_limit_order_rests_is_found_by_our_id_and_cancelled(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.ACCEPTED, Decimal(0))
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.terms) == (order.client_order_id, order.terms)
            found = await broker.find(ref(order))
            assert found is not None
            assert found.state is OrderState.ACCEPTED
            cancelled = await broker.cancel(ref(order))
            assert (cancelled.state, cancelled.client_order_id) == (OrderState.CANCELLED, order.client_order_id)
            assert await broker.open_orders() == ()
            with pytest.raises(Rejected, match="2011"):
                await broker.cancel(ref(order))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.client_order_id) == (OrderState.CANCELLED, order.client_order_id)

    run(work())


def test_an_order_that_the_venue_never_saw_is_none(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            assert await broker.find(ref(approve(BTC, "buy", "0.01"))) is None

    run(work())
