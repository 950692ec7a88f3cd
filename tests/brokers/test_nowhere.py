"""Rehearsals of the ccxt adapter: the whole way of an order, and nobody at its end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.brokers.nowhere import session_to_nowhere
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import OutcomeUnknown, Transient
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

BTC = "BTCUSDT.BINANCE"
INSTRUMENTS = {BTC: Instrument(BTC, "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))}


def test_a_session_to_nowhere_answers_for_every_address_and_connects_to_none() -> None:
    async def ask() -> list[tuple[int, object]]:
        async with session_to_nowhere() as session:
            found: list[tuple[int, object]] = []
            for url in ("http://192.0.2.1/api/v3/order", "https://api.binance.com/api/v3/order"):  # of the first, no host may exist
                async with session.post(url, data=b"symbol=BTCUSDT") as answer:
                    found.append((answer.status, await answer.json()))
            return found

    assert asyncio.run(ask()) == [(200, {}), (200, {})]


def test_an_order_of_an_understudy_is_unknown_to_the_venue_and_the_adapter_itself_goes_on(approve: Callable[..., ApprovedOrder]) -> None:
    async def rehearse(venues: Sandbox) -> None:
        base = venues.urls["binance_rest"]
        broker = binance(
            key=Secret("sandbox-trading-key"), secret=Secret("sandbox-trading-secret"), instruments=INSTRUMENTS,
            clock=venues.world.clock, random=random.Random(1), url=base, ws_url=base.replace("http", "ws", 1) + "/ws-api/v3",
        )  # fmt: skip
        with pytest.raises(Transient, match="not open yet"):
            broker.understudy()
        await broker.open(lambda told: None)
        before = await broker.holdings()
        understudy = broker.understudy()
        rehearsed = approve(BTC, "buy", "0.5", kind="limit", limit="50000")
        with pytest.raises(OutcomeUnknown, match="expected an answer that can be read"):
            await understudy.submit(rehearsed)
        await understudy.close()

        real = approve(BTC, "buy", "0.25", kind="limit", limit="50000")
        await broker.submit(real)
        assert await broker.find(OrderRef(rehearsed.client_order_id, "", BTC)) is None
        assert [one.client_order_id for one in await broker.open_orders()] == [real.client_order_id]
        assert (await broker.holdings()).cash == before.cash
        assert "sandbox-trading" not in f"{understudy.given}{understudy.secrets}"
        assert [one.reveal() for one in understudy.secrets] == ["rehearsal"] * 3
        await broker.close()

    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000)) as venues:
        asyncio.run(rehearse(venues))
