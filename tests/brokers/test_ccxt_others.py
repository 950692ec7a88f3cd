"""An exchange of which nothing particular is known: found by its lists, asked again and again. Binance's local venue plays it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.brokers.ccxt_accounts import any_exchange
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.brokers.ccxt_dialect import BINANCE, Dialect, dialect_of
from tradewinds.brokers.ccxt_exchange import ExchangeOptions
from tradewinds.brokers.ccxt_messages import asked_of, listed
from tradewinds.brokers.ccxt_polling import Polling
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.clock import SystemClock
from tradewinds.wire.secret import Secret

BTC = "BTCUSDT.PLAIN"
PLAIN = Dialect("binance", "PLAIN", options=BINANCE.options, has_time_window=True)
INSTRUMENTS = {BTC: Instrument(BTC, "spot", "USDT", "24/7", base="BTC")}
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues at which BTCUSDT is bid 60000.00 and offered at 60001.00."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000)) as running:
        running.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal(10))
        yield running


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any) -> AsyncIterator[CcxtBroker]:
    base = venues.urls["binance_rest"]
    urls = {"public": f"{base}/api/v3", "private": f"{base}/api/v3", "sapi": f"{base}/sapi/v1"}
    key, secret = Secret("sandbox-trading-key"), Secret("sandbox-trading-secret")
    given = ExchangeOptions(key, secret, venues.world.clock, None, urls, PLAIN.options)
    broker = CcxtBroker(
        PLAIN, given, instruments=INSTRUMENTS, random=random.Random(1), telling=lambda one: Polling(one, 0.02), checks_key=False
    )
    try:
        await broker.open(hear)
        yield broker
    finally:
        await broker.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_an_order_is_found_in_the_lists_and_told_by_asking(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            order = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            await broker.submit(order)
            ref = OrderRef(order.client_order_id, "", BTC)
            found = await broker.find(ref)
            assert found is not None
            assert (found.state, found.client_order_id) == (OrderState.ACCEPTED, order.client_order_id)
            await heard.until(lambda one: any(each.state is OrderState.ACCEPTED for each in one.reports))
            venues.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("54000.00"), Decimal("54001.00"), Decimal(10), Decimal(10))
            await heard.until(lambda one: any(each.state is OrderState.FILLED for each in one.reports) and bool(one.fills))
            assert {fill.client_order_id for fill in heard.fills} == {order.client_order_id}
            assert await broker.find(OrderRef("tw" + "z" * 26, "", BTC)) is None

    run(work())


def test_an_order_is_cancelled_by_the_number_that_its_lists_show(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            await broker.submit(order)
            assert (await broker.cancel(OrderRef(order.client_order_id, "", BTC))).state is OrderState.CANCELLED
            with pytest.raises(Rejected, match="no such order"):
                await broker.cancel(OrderRef("tw" + "z" * 26, "", BTC))

    run(work())


def test_trades_are_asked_for_from_a_time_on(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            cursor = (await broker.fills("")).cursor
            venues.world.clock.advance(2)
            await broker.submit(approve(BTC, "buy", "0.01"))
            page = await broker.fills(cursor)
            assert [fill.quantity for fill in page.fills] == [Decimal("0.01")]
            with pytest.raises(Rejected, match="cursor"):
                await broker.fills("yesterday")

    run(work())


def test_before_it_is_open_every_question_is_put_off(venues: Sandbox, approve: Approve) -> None:
    async def work() -> None:
        broker = any_exchange("kraken", key=Secret("k"), secret=Secret("s"), instruments={}, clock=SystemClock(), random=random.Random(1))
        with pytest.raises(Transient, match="not open yet"):
            await broker.submit(approve("XBTUSD.KRAKEN", "buy", "0.01"))
        with pytest.raises(Transient, match="not open yet"):
            await broker.holdings()

    run(work())


def test_an_exchange_that_ccxt_does_not_know_is_refused_by_name(heard: Any) -> None:
    async def work() -> None:
        broker = any_exchange("atlantis", key=Secret("k"), secret=Secret("s"), instruments={}, clock=SystemClock(), random=random.Random(1))
        with pytest.raises(Rejected, match="atlantis"):
            await broker.open(heard)

    run(work())


class Rounds:
    """Rounds down to hundredths."""

    def amount_to_precision(self, symbol: str, amount: str) -> str:
        return str(Decimal(amount).quantize(Decimal("0.01"), rounding="ROUND_DOWN"))

    price_to_precision = amount_to_precision


@pytest.mark.parametrize(
    ("multiplier", "contract_size", "units", "amount"), [("1", "0.01", "0.5", "50.00"), ("0.01", "0.01", "50", "50.00")]
)
def test_units_become_contracts_and_never_another_size(
    approve: Approve, multiplier: str, contract_size: str, units: str, amount: str
) -> None:
    instrument = Instrument("BTC-USDT-SWAP.OKX_SWAP", "perpetual", "USDT", "24/7", base="BTC", multiplier=Decimal(multiplier))
    shown = {"id": "BTC-USDT-SWAP", "symbol": "BTC/USDT:USDT", "contract": True, "contractSize": "0.01", "settle": "USDT"}
    market = listed(shown, "OKX_SWAP", instrument)
    dialect = dialect_of("okx", "swap")
    assert asked_of(approve(instrument.id, "buy", units), market, Rounds(), dialect.kinds).amount == "50.00"
    with pytest.raises(Rejected, match="multiple"):
        asked_of(approve(instrument.id, "buy", str(Decimal(units) * Decimal("1.00001"))), market, Rounds(), dialect.kinds)
