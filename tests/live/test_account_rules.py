"""The loop around the core: what happens to journal, wire, epoch and queue when one of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.broker import Holdings, OrderReport
from tradewinds.core.errors import Invariant, Transient
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.live import account as rules
from tradewinds.live import dispatch
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Controlled, Priced, Wanted
from tradewinds.trading.journal import GENESIS, Chained

NOW_NS = 1_800_000_000_000_000_000


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


class Disk:
    """A journal in memory that can be full."""

    def __init__(self) -> None:
        self.rows: list[Chained] = []
        self.is_full = False

    def append(self, entries: Sequence[Chained]) -> None:
        if self.is_full:
            raise Transient("journal: no room, expected room on the disk")
        self.rows += entries

    def read(self, after: int = 0) -> Iterator[Chained]:
        return iter(self.rows[after:])

    def last(self) -> tuple[int, bytes]:
        return (self.rows[-1].sequence, self.rows[-1].hash) if self.rows else (0, GENESIS)

    def close(self) -> None:
        """Nothing is held."""


class Slow(DirectBroker):
    """Answers only when it is let; counts how many submits are on the wire at once."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, "main")
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most = 0

    async def submit(self, order: ApprovedOrder) -> OrderReport:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        return await super().submit(order)


class Stage:
    def __init__(self, **options: Any) -> None:
        quote = Quote(Decimal(99), Decimal(100), Decimal(5), Decimal(5))
        self.exchange = Exchange(lambda: NOW_NS, lambda symbol: quote)
        self.broker = Slow(self.exchange)
        self.disk = Disk()
        self.epoch = 0
        self.told: list[tuple[str, str]] = []
        self.acknowledged: list[int] = []
        self.loop = AccountLoop(
            Engine(Books("main"), Gate(), self.broker.capability), self.disk, self.broker, Clock(), lambda: self.epoch,
            alert=lambda severity, text: self.told.append((severity, text)), acknowledge=self.acknowledged.append, **options,
        )  # fmt: skip
        self.running: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        await self.loop.start()
        self.running = asyncio.create_task(self.loop.run())

    async def end(self) -> None:
        assert self.running is not None
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.loop.stop()

    def want(self, leg: int = 0) -> str:
        intent = Intent("main", "trend", NOW_NS, OrderTerms("ABC.LOCAL", "buy", Decimal(1), "limit", Decimal(50)), leg)
        self.loop.put(Wanted((intent,), "test"))
        return intent.client_order_id

    def state(self, name: str) -> OrderState | None:
        found = self.loop.engine.books.orders.get(name)
        return None if found is None else found.state


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never became so")


def play(story: Callable[[Stage], Any], **options: Any) -> Stage:
    async def run() -> Stage:
        stage = Stage(**options)
        await stage.begin()
        await story(stage)
        await stage.end()
        return stage

    return asyncio.run(run())


def test_a_full_disk_stops_the_sending_and_decisions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "JOURNAL_AGAIN_S", 0.0)

    async def story(stage: Stage) -> None:
        stage.disk.is_full = True
        first = stage.want()
        await until(lambda: stage.loop.is_stalled)
        second = stage.want(1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(stage.exchange.orders) == 0
        assert stage.state(second) is None

        stage.disk.is_full = False
        await until(lambda: stage.state(first) is OrderState.ACCEPTED and stage.state(second) is OrderState.ACCEPTED)

    stage = play(story)
    assert [severity for severity, _ in stage.told] == ["critical", "warning"]
    assert [row.sequence for row in stage.disk.rows] == list(range(1, len(stage.disk.rows) + 1))


def test_an_epoch_raised_before_the_send_keeps_a_queued_order_from_leaving() -> None:
    async def story(stage: Stage) -> None:
        stage.epoch = 3
        name = stage.want()
        await until(lambda: stage.state(name) is OrderState.CANCELLED)
        assert stage.loop.engine.books.is_halted

    stage = play(story)
    assert len(stage.exchange.orders) == 0
    assert stage.acknowledged == [3]


def test_an_epoch_is_acknowledged_only_when_nothing_is_leaving_any_more() -> None:
    async def story(stage: Stage) -> None:
        stage.broker.gate.clear()
        name = stage.want()
        await until(lambda: stage.broker.at_once == 1)
        stage.epoch = 1
        stage.loop.put(Controlled("halt", "guard", "enough", epoch=1))
        await until(lambda: stage.loop.engine.books.is_halted)
        assert stage.acknowledged == []

        stage.broker.gate.set()
        await until(lambda: stage.state(name) is OrderState.CANCELLED)

    stage = play(story)
    assert stage.acknowledged == [1]
    assert [one.status for one in stage.exchange.orders.values()] == ["cancelled"]


def test_an_epoch_raised_while_nobody_ran_halts_the_start() -> None:
    async def run() -> Stage:
        stage = Stage()
        stage.epoch = 2
        await stage.begin()
        await stage.end()
        return stage

    assert asyncio.run(run()).loop.engine.books.is_halted


def test_so_many_commands_at_a_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "IN_FLIGHT_MAX", 3)

    async def story(stage: Stage) -> None:
        stage.broker.gate.clear()
        names = [stage.want(leg) for leg in range(10)]
        await until(lambda: stage.broker.at_once == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        stage.broker.gate.set()
        await until(lambda: all(stage.state(one) is OrderState.ACCEPTED for one in names))

    assert play(story).broker.most == 3


def test_an_exception_from_the_core_stops_trading_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        def broken(time_ns: int, given: object) -> None:
            raise KeyError("a bug")

        monkeypatch.setattr(stage.loop, "engine", _Broken(stage.loop.engine, broken))
        stage.want()
        assert stage.running is not None
        with pytest.raises(Invariant, match="a bug"):
            await stage.running

    stage = play(story)
    assert stage.told[-1][0] == "critical"
    assert len(stage.exchange.orders) == 0


class _Broken:
    def __init__(self, engine: Engine, handle: Any) -> None:
        self._engine, self.handle = engine, handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def test_a_full_queue_refuses_a_person_and_makes_up_for_lost_news(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        await until(lambda: stage.loop.is_idle)
        monkeypatch.setattr(rules, "QUEUE_MAX", 1)
        price = Priced("ABC.LOCAL", Decimal(100), NOW_NS, Decimal(1))
        stage.loop.put(price)
        with pytest.raises(Transient, match="inputs wait"):
            stage.loop.put(price)
        stage.exchange.place(VenueOrder("main", "", "ABC.LOCAL", "buy", "limit", Decimal(1), Decimal(50), by_hand=True))
        await until(lambda: list(stage.loop.engine.books.foreign) == ["1"])

    play(story)


def test_a_start_waits_for_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "COMPARE_AGAIN_S", (0.0,))

    async def run() -> Stage:
        stage = Stage()
        tries = 0
        holdings = stage.broker.holdings

        async def away() -> Holdings:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise Transient("holdings: no answer")
            return await holdings()

        monkeypatch.setattr(stage.broker, "holdings", away)
        await stage.begin()
        assert stage.loop.is_ready.is_set()
        assert tries >= 4
        await stage.end()
        return stage

    assert asyncio.run(run()).loop.engine.books.compared_ns > 0


def test_an_order_that_waited_too_long_for_its_turn_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setattr(dispatch, "SEND_VALID_S", -1.0)
        name = stage.want()
        await until(lambda: stage.state(name) is OrderState.CANCELLED)
        assert "after it was wanted" in stage.loop.engine.books.orders[name].reason

    assert len(play(story).exchange.orders) == 0
