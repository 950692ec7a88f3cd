"""The plainest stage: `sandbox.direct.DirectBroker`, with everything that a wire can do to its questions, answers and stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.loop import Loop, Process, context_of
from tradewinds.campaign.stage import Market, Traded, executed_positions, market_of
from tradewinds.core.broker import BrokerCapability, FillPage, Hear, Holdings, Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderKind, Side
from tradewinds.core.ports import Clock
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, VenueOrder

T = TypeVar("T")
TIMEOUT_S = 2.0
ABSENT_AFTER_S = 3.0
FEE = Decimal("0.001")
LATE_S = 2.5  # a request that was given up may still arrive, within the receive window
DOWN_S = (0.2, 2.0)
FAULTS = (
    "timeout_accepted",
    "timeout_not_accepted",
    "late_arrival",
    "drop",
    "partial_answer",
    "server_error",
    "throttled",
    "disconnect",
    "delay",
)


def _fee(order: VenueOrder, quantity: Decimal, price: Decimal, is_maker: bool) -> tuple[Decimal, str]:
    return quantity * FEE, "FEE"


def _traded(name: str, price: Decimal, tick: Decimal, lot: Decimal) -> Traded:
    return Traded(Instrument(name, "equity", "USD", "24/7", tick=tick, lot=lot), name, price, tick, lot)


class DirectStage:
    """An exchange without a wire."""

    name = "direct"
    account = "main"
    currency = "USD"

    def __init__(self, loop: Loop, chaos: Chaos, *, is_wide: bool = False) -> None:
        self.market: Market = market_of(
            [
                _traded("AAA.LOCAL", Decimal("100.00"), Decimal("0.01"), Decimal(1)),
                _traded("BBB.LOCAL", Decimal("0.00000812"), Decimal("0.00000001"), Decimal(100)),
            ]
        )
        self.exchange = Exchange(loop.now_ns, self.market.quote, _fee)
        self.chaos = chaos
        self.loop = loop
        self.is_refused = False
        self.brokers: list[FaultyBroker] = []

    def broker(self, process: Process, clock: Clock) -> FaultyBroker:
        made = FaultyBroker(self, process)
        self.brokers = [made]
        return made

    def tick(self) -> None:
        self.exchange.match()

    def order_by_hand(self, one: Traded, side: Side, quantity: Decimal, limit: Decimal | None) -> None:
        kind: OrderKind = "market" if limit is None else "limit"
        self.exchange.place(VenueOrder(self.account, "", one.symbol, side, kind, quantity, limit, by_hand=True))

    def positions(self) -> dict[str, Decimal]:
        return executed_positions(self)

    def restart(self) -> None:
        for one in self.brokers:
            one.cut()

    def refuse_key(self, *, is_refused: bool) -> None:
        self.is_refused = is_refused
        if is_refused:
            self.restart()


class FaultyBroker:
    """A broker whose wire is bad, as `core.broker` says that a wire may be."""

    def __init__(self, stage: DirectStage, process: Process) -> None:
        self._inner = DirectBroker(stage.exchange, stage.account, absent_after_s=ABSENT_AFTER_S)
        self.capability: BrokerCapability = self._inner.capability
        self._stage, self._process = stage, process
        self._chaos, self._loop = stage.chaos, stage.loop
        self._hear: Hear | None = None
        self._is_up = False
        self._last_s = 0.0

    async def open(self, hear: Hear) -> None:
        await self._travel()
        if self._stage.is_refused or self._chaos.strikes("server_error", "open"):
            raise Transient("open: the venue does not answer")
        self._hear, self._is_up = hear, True
        self._process.on_death.append(self._gone)
        await self._inner.open(self._listen)

    async def close(self) -> None:
        self._gone()

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        return await self._change("submit", order.client_order_id, lambda: self._inner.submit(order))

    async def cancel(self, order: OrderRef) -> OrderReport:
        return await self._change("cancel", order.client_order_id, lambda: self._inner.cancel(order))

    async def replace(self, order: OrderRef, by: ApprovedOrder) -> OrderReport:
        return await self._change("replace", order.client_order_id, lambda: self._inner.replace(order, by))

    async def find(self, order: OrderRef) -> OrderReport | None:
        return await self._question("find", lambda: self._inner.find(order))

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self._question("open_orders", self._inner.open_orders)

    async def fills(self, since: str) -> FillPage:
        return await self._question("fills", lambda: self._inner.fills(since))

    async def holdings(self) -> Holdings:
        return await self._question("holdings", self._inner.holdings)

    def cut(self) -> None:
        """The stream breaks: what is told until it is up again is lost."""
        if self._is_up and self._hear is not None:
            self._is_up = False
            self._deliver(Link("down", "cut", self._loop.now_ns()), 0.0)
            self._later(self._chaos.random.uniform(*DOWN_S), self._up)

    async def _change(self, ask: str, name: str, work: Callable[[], Awaitable[T]]) -> T:
        fault = self._chaos.first(FAULTS, ask)
        if fault == "drop":
            raise Transient(f"{ask}: connection refused, certainly not sent")
        if fault == "throttled":
            raise Transient(f"{ask}: 429", retry_after_s=1.0)
        await self._travel(1.0 if fault == "delay" else 0.0)
        if self._stage.is_refused:
            raise Rejected(f"{ask}: the key is refused")
        if fault == "disconnect":
            self.cut()
        if fault == "timeout_not_accepted":
            await asyncio.sleep(TIMEOUT_S)
            raise OutcomeUnknown(f"{ask}: no answer within {TIMEOUT_S} s")
        if fault == "late_arrival":
            self._loop.call_later(self._chaos.random.uniform(0.0, LATE_S), self._arrive_late, ask, name, work, context=context_of(None))
            await asyncio.sleep(self._chaos.random.uniform(0.0, TIMEOUT_S))
            raise OutcomeUnknown(f"{ask}: no answer yet")
        is_lost = fault in ("server_error", "disconnect") and self._chaos.random.random() < 0.5
        if is_lost:
            raise OutcomeUnknown(f"{ask}: {fault}")
        answer = await self._done(ask, name, work)
        if fault == "timeout_accepted":
            await asyncio.sleep(TIMEOUT_S)
        if fault is not None and fault != "delay":
            raise OutcomeUnknown(f"{ask}: {fault}")
        await self._travel()
        return answer

    async def _question(self, ask: str, work: Callable[[], Awaitable[T]]) -> T:
        fault = self._chaos.first(FAULTS, ask)
        await self._travel(1.0 if fault == "delay" else 0.0)
        if fault == "disconnect":
            self.cut()
        if self._stage.is_refused or fault not in (None, "delay"):
            raise Transient(f"{ask}: {fault or 'the key is refused'}")
        answer = await work()
        await self._travel()
        return answer

    async def _done(self, ask: str, name: str, work: Callable[[], Awaitable[T]]) -> T:
        self._chaos.record.note(ask, "venue", name)
        return await work()

    def _arrive_late(self, ask: str, name: str, work: Callable[[], Awaitable[object]]) -> None:
        async def arrive() -> None:
            try:
                await self._done(ask, name, work)
            except Rejected:
                self._chaos.record.note("rejected", "venue", name)

        self._process.kept.append(self._loop.create_task(arrive(), context=context_of(None)))

    async def _travel(self, extra_s: float = 0.0) -> None:
        await asyncio.sleep(self._chaos.latency_s() + extra_s)

    def _listen(self, told: Told) -> None:
        chaos = self._chaos
        if not isinstance(told, Link) and (not self._is_up or chaos.mutes("stream")):
            return
        if chaos.strikes("drop", "stream"):
            self.cut()
            return
        latency_s = chaos.latency_s()
        if chaos.strikes("reorder", "stream"):
            self._deliver(told, latency_s + 0.5)
            return
        if chaos.strikes("delay", "stream"):
            latency_s += 1.5
        self._last_s = max(self._last_s, self._loop.time() + latency_s)
        self._deliver(told, self._last_s - self._loop.time())
        if chaos.strikes("duplicate", "stream"):
            self._deliver(told, latency_s + 0.2)

    def _deliver(self, told: Told, seconds: float) -> None:
        hear = self._hear
        if hear is not None:
            self._later(seconds, lambda: hear(told))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._loop.call_later(seconds, work, context=context_of(self._process))

    def _up(self) -> None:
        if self._stage.is_refused:
            self._later(1.0, self._up)
            return
        self._is_up = True
        self._deliver(Link("up", "again", self._loop.now_ns()), 0.0)

    def _gone(self) -> None:
        if self._hear is not None:
            self._hear, self._is_up = None, False
            self._stage.exchange.listeners.clear()  # nobody else listens here
