"""`Rehearsal`: when a bar is about to close, the way from a bar to its order is walked again and again until the bar is there.

A processor forgets within a tenth of a second what it does not use; the same steps then take up to five times as long. So beside each
account that trades by ccxt stands one of the rehearsal's own: the same core, loop and codec, a strategy that always wants something, a
journal in memory, and an adapter of the same exchange whose connections end within this process (`brokers/nowhere.py`). Nothing of it
reaches an account, a journal on disk or a venue, and it has no key that a venue would know.

It is walked from LEAD_S before the end of an interval that the account trades until the account has decided on that bar, at most WAIT_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.market import Interval
from tradewinds.core.order import ApprovedOrder
from tradewinds.core.ports import Clock
from tradewinds.live.account import AccountLoop
from tradewinds.live.decisions import Decisions
from tradewinds.live.pace import loop_seconds
from tradewinds.live.service import TradingService
from tradewinds.live.trader import Trader
from tradewinds.risk.limits import Gate, Limits
from tradewinds.stores.journal import passing_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Bar, BarsClosed, Priced
from tradewinds.trading.host import StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.own_book import lot_of
from tradewinds.trading.strategy import vector

if TYPE_CHECKING:
    from tradewinds.brokers.ccxt_broker import CcxtBroker

NAME = "rehearsal"
LEAD_S, WAIT_S = 0.025, 1.0
EVERY_S = 0.006
AGAIN_S = 1.0  # how often it is looked at the clock, which may be set
WALKS_MAX = 1_000  # of one account of the rehearsal, which then begins anew: nothing grows
MINUTE_NS = 60 * NS_PER_SECOND
FIRST_NS = 1_000_000_000 * NS_PER_SECOND
LIMITS = Limits(quantity_max=Decimal(10**9), position_max=Decimal(10**9), notional_max=Decimal(10**12), messages_max=10_000)


@vector(lookback=2, targets="units", interval="1m")
def wants(panel: Any, params: Any) -> Any:
    """As many units as the last close says; that is another number after every bar, so that there is one order a bar."""
    return panel.close


class Rehearsal:
    """Run beside a service. `say` tells a person, once, that it had to end: trading goes on without it."""

    def __init__(self, clock: Clock, say: Callable[[str], None] = lambda line: None) -> None:
        self._clock = clock
        self._say = say
        self._stages: dict[str, Stage] = {}

    async def run(self, service: TradingService) -> None:
        """Walk whenever a bar is about to close, until cancelled; for ever idle where no account can be rehearsed."""
        try:
            await service.ready()
            while True:
                await self._prepare(service)
                end_ns, due = self._next(service)
                left_s = loop_seconds(self._clock, end_ns - self._clock.now_ns()) - LEAD_S
                await asyncio.sleep(min(max(left_s, 0.0), AGAIN_S) if due else AGAIN_S)
                if due and left_s <= AGAIN_S:
                    await self._until_closed(service, end_ns, due)
        except Exception as error:  # noqa: BLE001 - what only makes orders quicker must never stand in their way
            self._say(f"warning: rehearsing ended: {type(error).__name__}: {error}; an order after a pause takes a little longer")
        finally:
            for stage in self._stages.values():
                await stage.close()

    async def _prepare(self, service: TradingService) -> None:
        """A stage for every account that has none, and new ones for those that were used long enough: between bars, for it takes time."""
        for name, trader in service.traders.items():
            if name not in self._stages and trader.state == "trading" and trader.plan.mode != "shadow":
                make = getattr(trader.parts.broker, "understudy", None)
                if make is not None and trader.plan.wants:
                    self._stages[name] = Stage(make(), self._clock)
        for stage in self._stages.values():
            await stage.renew()

    def _next(self, service: TradingService) -> tuple[int, list[Trader]]:
        """When the next bar closes that an account with a stage waits for, and which accounts do."""
        now_ns = self._clock.now_ns() + int(LEAD_S * NS_PER_SECOND)
        found: dict[int, dict[str, Trader]] = {}
        for name in self._stages:
            trader = service.traders[name]
            for interval in trader.plan.wants:
                length_ns = Interval(interval).ns
                if length_ns is not None:
                    found.setdefault((now_ns // length_ns + 1) * length_ns, {})[name] = trader
        end_ns = min(found, default=0)
        return end_ns, list(found.get(end_ns, {}).values())

    async def _until_closed(self, service: TradingService, end_ns: int, due: list[Trader]) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LEAD_S + WAIT_S
        while loop.time() < until_s:
            waiting = [one for one in due if max(one.books.decided_ns.values(), default=0) < end_ns]
            if not waiting:
                return
            for trader in waiting:
                if service.is_idle():
                    self._stages[trader.name].walk()
                await asyncio.sleep(EVERY_S)


class Stage:
    """The rehearsal's own account beside one that trades."""

    def __init__(self, broker: CcxtBroker, clock: Clock) -> None:
        self._clock = clock
        self._broker = broker
        self._instrument = replace(next(iter(broker.instruments.values())), minimum_notional=None, is_tradable=True)
        self._loop: AccountLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._walks = 0

    def walk(self) -> None:
        """One bar, one order; raises what ended the account, if anything did."""
        if self._loop is None or self._task is None:
            return
        if self._task.done():
            self._task.result()
        self._walks += 1
        end_ns, name = FIRST_NS + self._walks * MINUTE_NS, self._instrument.id
        lots = lot_of(self._instrument) * (1 + self._walks % 2)
        price = float(lots)
        self._loop.put(Priced(name, lots, end_ns, Decimal(1)))
        self._loop.put(BarsClosed("1m", end_ns, (Bar(name, price, price, price, price, 1.0, end_ns),)))

    @property
    def books(self) -> Books | None:
        """Of the account that is walked, None before `renew`."""
        return None if self._loop is None else self._loop.engine.books

    async def renew(self) -> None:
        """Begin anew where it is time to."""
        if self._loop is not None and self._walks < WALKS_MAX:
            return
        await self._end()
        hosted = Hosted(NAME, wants, (self._instrument,), self._instrument.currency)
        capability = self._broker.capability
        books = Books(NAME, instruments={self._instrument.id: self._instrument}, currency=self._instrument.currency)
        engine = Engine(books, Gate(LIMITS), capability, StrategyHost(NAME, [hosted], capability))
        listen = partial(Decisions().take, NAME)
        loop = AccountLoop(engine, passing_journal(), _Nobody(self._broker), self._clock, lambda: 0, listen=listen)
        await loop.start()
        self._loop, self._walks = loop, 0
        self._task = asyncio.create_task(loop.run())

    async def close(self) -> None:
        """Let go of everything."""
        await self._end()
        await self._broker.close()

    async def _end(self) -> None:
        loop, task = self._loop, self._task
        self._loop, self._task = None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if loop is not None:
            await loop.stop()


class _Nobody:
    """`core.broker.Broker` at a venue that is not there: an order goes the adapter's whole way and comes back refused."""

    def __init__(self, broker: CcxtBroker) -> None:
        self._broker = broker

    @property
    def capability(self) -> BrokerCapability:
        return self._broker.capability

    async def open(self, hear: Hear) -> None:
        hear(Link("up", NAME, 0))

    async def close(self) -> None:
        """The adapter outlives it."""

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        with suppress(TradewindsError):
            await self._broker.submit(order)
        raise Rejected(f"order {order.client_order_id}: a rehearsal, expected no venue to take it")

    async def cancel(self, order: OrderRef) -> OrderReport:
        raise Rejected(f"cancel of {order.client_order_id}: a rehearsal, expected none")

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        raise Rejected(f"replace of {order.client_order_id}: a rehearsal, expected none")

    async def find(self, order: OrderRef) -> OrderReport | None:
        return None

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return ()

    async def fills(self, since: str) -> FillPage:
        return FillPage((), since)

    async def holdings(self) -> Holdings:
        return Holdings()
