"""The ccxt adapter against the local Binance USD-M futures venue over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.brokers.ccxt_accounts import binance_um
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import OutcomeUnknown, Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

BTC = "BTCUSDT.BINANCE_UM"
INSTRUMENTS = {BTC: Instrument(BTC, "perpetual", "USDT", "24/7", base="BTC")}
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues at which the perpetual BTCUSDT is bid 60000.00 and offered at 60001.00, ten of them."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000)) as running:
        running.world.set_quotes["um", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal(10))
        yield running


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any, **options: Any) -> AsyncIterator[CcxtBroker]:
    base = venues.urls["binance_futures"]
    options = {"url": base, "stream_url": base.replace("http", "ws", 1), "key_url": venues.urls["binance_rest"], **options}
    broker = binance_um(
        key=Secret("sandbox-trading-key"), secret=Secret("sandbox-trading-secret"), instruments=INSTRUMENTS, clock=venues.world.clock,
        random=random.Random(1), **options,
    )  # fmt: skip
    try:
        await broker.open(hear)
        yield broker
    finally:
        await broker.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def ref(order: ApprovedOrder) -> OrderRef:
    return OrderRef(order.client_order_id, "", order.terms.instrument)


def test_a_short_position_is_opened_told_and_closed_by_an_order_that_only_reduces(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            sold = approve(BTC, "sell", "0.010")
            assert (await broker.submit(sold)).state is OrderState.FILLED
            assert (await broker.holdings()).positions == {BTC: Decimal("-0.010")}
            bought = approve(BTC, "buy", "0.010", is_reduce_only=True)
            assert (await broker.submit(bought)).state is OrderState.FILLED
            assert (await broker.holdings()).positions == {}
            await heard.until(lambda one: len(one.fills) == 2)
            assert [(fill.client_order_id, fill.signed, fill.price) for fill in heard.fills] == [
                (sold.client_order_id, Decimal("-0.010"), Decimal("60000.00")),
                (bought.client_order_id, Decimal("0.010"), Decimal("60001.00")),
            ]
            assert (await broker.fills("")).fills == tuple(heard.fills)

    run(work())


def test_a_limit_order_rests_is_found_and_cancelled(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.010", kind="limit", limit="55000.0")
            assert (await broker.submit(order)).state is OrderState.ACCEPTED
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.terms) == (order.client_order_id, order.terms)
            assert (await broker.cancel(ref(order))).state is OrderState.CANCELLED
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.client_order_id) == (OrderState.CANCELLED, order.client_order_id)
            assert await broker.find(ref(approve(BTC, "buy", "0.010"))) is None

    run(work())


def test_an_order_whose_answer_was_lost_is_found_with_its_fills(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_futures"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.lose("swallow", "POST /binance-futures/fapi/v1/order")
            while proxy.acts:
                order = approve(BTC, "buy", "0.010")
                with pytest.raises(OutcomeUnknown):
                    await broker.submit(order)
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, [fill.quantity for fill in found.fills]) == (OrderState.FILLED, [Decimal("0.010")])

    run(work())


def test_an_id_that_is_taken_is_looked_up_not_refused(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.010", kind="limit", limit="55000.0")
            await broker.submit(order)
            with pytest.raises(OutcomeUnknown):
                await broker.submit(order)
            assert len(await broker.open_orders()) == 1

    run(work())


def test_orders_that_the_adapter_does_not_take_there_are_refused(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.010", kind="limit", limit="55000.0")
            await broker.submit(order)
            with pytest.raises(Rejected, match="expected cancel and new"):
                await broker.replace(ref(order), approve(BTC, "buy", "0.020", kind="limit", limit="55000.0"))
            with pytest.raises(Rejected, match="kind stop"):
                await broker.submit(approve(BTC, "buy", "0.010", kind="stop", stop="65000.0"))
            for size in ("0.010000001", "0.000000001"):
                with pytest.raises(Rejected, match="multiple"):
                    await broker.submit(approve(BTC, "buy", size))

    run(work())


def test_the_stream_gets_a_new_key_after_the_venue_hung_up(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            held: Any = venues.world.trading["binance_um"]
            held.listeners.hang_up()
            await heard.until(lambda one: one.links == ["up", "down", "up"])
            await broker.submit(approve(BTC, "buy", "0.010"))
            await heard.until(lambda one: bool(one.fills))

    run(work())
