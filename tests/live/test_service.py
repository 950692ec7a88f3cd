"""The service: accounts side by side, what is asked over the control channel, a halt, a stop and the start after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.broker import Hear, Link, LinkState
from tradewinds.core.errors import Rejected, Transient
from tradewinds.live.account import AccountLoop
from tradewinds.live.acts import Acts
from tradewinds.live.guard import Guard, GuardedAccount
from tradewinds.live.service import TradingService
from tradewinds.live.trader import Hooks, Parts, TraderPlan
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Alerted, Bar, BarsClosed, Started
from tradewinds.wiring.guard import claims_of

NOW_NS = 1_800_000_000_000_000_000
ABC = "ABC.LOCAL"


class Clock:
    """Stands still, until it is set."""

    def __init__(self) -> None:
        self.at_ns = NOW_NS

    def now_ns(self) -> int:
        return self.at_ns


class Epoch:
    """A halt epoch in memory."""

    def __init__(self) -> None:
        self.now = 0
        self.acknowledged = 0

    def epoch(self) -> int:
        return self.now

    def acknowledge(self, epoch: int) -> None:
        self.acknowledged = epoch

    def raise_epoch(self) -> int:
        self.now += 1
        return self.now


class Pulse:
    """Keeps what was beaten."""

    def __init__(self) -> None:
        self.beats: list[Mapping[str, Any]] = []
        self.is_resting = False

    def beat(self, detail: Mapping[str, Any] | None = None) -> None:
        self.beats.append(dict(detail or {}))

    def rest(self) -> None:
        self.is_resting = True


class House:
    """What the tests hold of one home: a venue, the journals' folder, the epoch, and what was said."""

    def __init__(self, folder: Path) -> None:
        quote = Quote(Decimal("99"), Decimal("100"), Decimal("5"), Decimal("5"))
        self.exchange = Exchange(lambda: NOW_NS, lambda symbol: quote)
        self.folder = folder
        self.clock = Clock()
        self.epoch = Epoch()
        self.pulse = Pulse()
        self.said: list[str] = []
        self.alerts: list[str] = []
        self.brokers: dict[str, DirectBroker] = {}

    def broker(self, account: str) -> DirectBroker:
        made = self.brokers.get(account)
        return DirectBroker(self.exchange, account) if made is None else made

    def plan(self, account: str, **more: Any) -> TraderPlan:
        def make(hooks: Hooks) -> Parts:
            broker = self.broker(account)
            journal = open_sqlite_journal(self.folder / f"{account}.sqlite")
            engine = Engine(Books(account), Gate(), broker.capability)
            loop = AccountLoop(
                engine, journal, broker, self.clock, self.epoch.epoch, listen=hooks.listen, acknowledge=hooks.acknowledge,
                epoch_every_s=0.01, alert=hooks.alert, route=hooks.route, claims=lambda: claims_of(self.folder, account),
            )  # fmt: skip
            return Parts(loop, broker)

        return TraderPlan(account, "paper", "USD", make, wants={"1m": frozenset({ABC})}, rates={ABC: Decimal(1)}, **more)

    def service(self, *plans: TraderPlan, feed: Any = None) -> TradingService:
        return TradingService(
            plans, clock=self.clock, epoch=self.epoch, pulse=self.pulse,
            started=lambda plan: Started("run", "1", plan.mode, plan.strategies), feed=feed, say=self.said.append,
            alert=lambda account, alerted, _: self._alert(account, alerted),
        )  # fmt: skip

    def _alert(self, account: str, alerted: Alerted) -> None:
        self.alerts.append(f"{account}: {alerted.text}")

    def run(self, scene: Callable[[TradingService, Acts], Awaitable[None]], *plans: TraderPlan, feed: Any = None) -> TradingService:
        """Run a service until the scene is over."""

        async def play() -> TradingService:
            service = self.service(*plans, feed=feed)
            service.lock()
            running = asyncio.create_task(service.run())
            await service.ready()
            try:
                await scene(service, Acts(service))
            finally:
                service.stop()
                await running
            return service

        return asyncio.run(play())


class Troubled(DirectBroker):
    """Says what its connection is like: at once when it is opened, and whenever it is told to."""

    def __init__(self, house: House, account: str, first: LinkState | None = None) -> None:
        super().__init__(house.exchange, account)
        self.first = first

    async def open(self, hear: Hear) -> None:
        await super().open(hear)
        if self.first is not None:
            self.tell(self.first, "confirm the second factor")

    def tell(self, state: LinkState, detail: str) -> None:
        assert self._hear is not None
        self._hear(Link(state, detail, NOW_NS))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def settled(service: TradingService) -> None:
    while not service.is_idle():
        await asyncio.sleep(0)


def test_an_order_by_hand_goes_through_gate_journal_and_venue(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        told = await acts("order", {"account": "main", "instrument": ABC, "side": "buy", "quantity": "3", "by": "anna"})
        await settled(service)
        assert (told["verdict"], told["text"]) == ("approved", "buy 3 ABC.LOCAL market")
        status = await acts("status", {})
        account = status["accounts"][0]
        assert (account["state"], account["open_orders"]) == ("trading", 0)
        assert account["positions"][0]["quantity"] == "3"
        every = await acts("orders", {"all": True})
        assert [(one["state"], one["filled"], one["strategy"]) for one in every["orders"]] == [("filled", "3", None)]

    house.run(scene, house.plan("main"))

    assert [str(one.quantity) for one in house.exchange.executions] == ["3"]


def test_an_order_waits_at_the_venue_over_a_stop_and_is_found_and_cancelled_after_it(house: House) -> None:
    names: list[str] = []

    async def place(service: TradingService, acts: Acts) -> None:
        words = {"account": "main", "instrument": ABC, "side": "buy", "quantity": "1", "limit": "90", "by": "anna"}
        names.append((await acts("order", words))["id"])
        await settled(service)

    async def cancel(service: TradingService, acts: Acts) -> None:
        found = (await acts("orders", {}))["orders"]
        assert [(one["id"], one["state"], one["limit"]) for one in found] == [(names[0], "accepted", "90")]
        assert (await acts("cancel", {"id": names[0], "by": "anna"})) == {"asked": names}
        await service.until(lambda: not service.traders["main"].books.open)

    house.run(place, house.plan("main"))
    assert len(house.exchange.working("main")) == 1
    house.run(cancel, house.plan("main"))
    assert house.exchange.working("main") == []
    assert len(house.exchange.orders) == 1


def test_a_position_is_closed_and_its_book_ends_flat(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        words = {"account": "main", "instrument": ABC, "side": "buy", "quantity": "2", "by": "anna"}
        await acts("order", words | {"strategy": "trend"})
        await acts("order", words)
        await settled(service)
        told = await acts("close", {"account": "main", "instrument": ABC, "by": "anna"})
        await settled(service)
        assert [one["text"] for one in told["orders"]] == ["sell 2 ABC.LOCAL market reduce only"] * 2
        books = service.traders["main"].books
        assert books.whole.quantity(ABC) == 0
        assert books.parts["trend"].quantity(ABC) == 0
        with pytest.raises(Rejected, match="holds none of it"):
            await acts("close", {"account": "main", "instrument": ABC, "by": "anna"})

    house.run(scene, house.plan("main"))


def test_a_halt_of_the_guard_is_obeyed_acknowledged_and_ended_by_a_person(house: House) -> None:
    words = {"account": "main", "instrument": ABC, "side": "buy", "quantity": "1", "limit": "90", "by": "anna"}

    async def scene(service: TradingService, acts: Acts) -> None:
        await acts("order", words)
        await settled(service)
        house.epoch.now = 7
        await service.until(lambda: house.epoch.acknowledged == 7)
        assert service.traders["main"].books.is_halted
        refused = await acts("order", words)
        assert (refused["verdict"], refused["rule"]) == ("refused", "halt")
        assert (await acts("resume", {"by": "anna", "reason": "the fire is out"})) == {"resumed": ["main"]}
        assert (await acts("order", words))["verdict"] == "approved"

    house.run(scene, house.plan("main"))

    assert any("halted, epoch 7" in line for line in house.said)


def test_an_account_that_cannot_be_brought_up_stands_still_alone(house: House) -> None:
    def broken(_: Hooks) -> Parts:
        raise Rejected("key of other: it can withdraw, expected one that cannot")

    other = TraderPlan("other", "paper", "USD", broken)

    async def play() -> Mapping[str, Any]:
        service = house.service(house.plan("main"), other)
        running = asyncio.create_task(service.run())
        await service.ready()
        acts = Acts(service)
        status = await acts("status", {})
        with pytest.raises(Transient, match="can withdraw"):
            await acts("order", {"account": "other", "instrument": ABC, "side": "buy", "quantity": "1", "by": "anna"})
        service.stop()
        await running
        return status

    states = {one["account"]: (one["state"], one["failure"]) for one in asyncio.run(play())["accounts"]}

    assert states == {"main": ("trading", None), "other": ("failed", "key of other: it can withdraw, expected one that cannot")}


def test_where_no_account_is_left_the_reason_is_raised(house: House) -> None:
    def broken(_: Hooks) -> Parts:
        raise Rejected("key of other: it can withdraw, expected one that cannot")

    with pytest.raises(Rejected, match="account other: key of other"):
        asyncio.run(house.service(TraderPlan("other", "paper", "USD", broken)).run())


def test_a_second_service_on_the_same_account_is_refused(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        with pytest.raises(Rejected, match=r"main\.sqlite"):
            house.service(house.plan("main")).lock()

    house.run(scene, house.plan("main"))


def test_bars_reach_the_accounts_that_want_them_with_their_prices_before_them(house: House) -> None:
    class Feed:
        async def run(self, publish: Callable[[Any], None]) -> None:
            for minute in (1, 2):
                bars = tuple(Bar(name, 1.0, 1.0, 1.0, 0.1, 5.0, NOW_NS) for name in (ABC, "XYZ.LOCAL"))
                publish(BarsClosed("1m", NOW_NS + minute, bars))
                publish(BarsClosed("1h", NOW_NS + minute, bars))

    async def play() -> TradingService:
        service = house.service(house.plan("main"), feed=Feed())
        await service.run()
        return service

    asyncio.run(play())

    journal = open_sqlite_journal(house.folder / "main.sqlite")
    from tradewinds.trading.journal import read

    inputs = [entry.input for _, entry in read(journal.read())]
    journal.close()
    told = [(type(one).__name__, getattr(one, "end_ns", 0) or getattr(one, "price_ns", 0)) for one in inputs]
    assert [one for one in told if one[0] in ("Priced", "BarsClosed")] == [
        ("Priced", NOW_NS + 1), ("BarsClosed", NOW_NS + 1), ("Priced", NOW_NS + 2), ("BarsClosed", NOW_NS + 2),
    ]  # fmt: skip
    bars = [one for one in inputs if isinstance(one, BarsClosed)]
    assert [bar.instrument for bar in bars[0].bars] == [ABC]
    assert isinstance(inputs[0], Started) or any(isinstance(one, Started) for one in inputs)
    assert house.pulse.is_resting


def test_what_is_asked_wrongly_is_refused_by_name(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        for act, words, told in (
            ("ordre", {}, "act 'ordre', expected one of ping"),
            ("order", {"account": "mian"}, "account 'mian', expected one that is traded here: main"),
            ("cancel", {"id": "twx", "by": "anna"}, "no account knows this order"),
            ("approve", {"id": "twx", "by": "anna"}, "nothing of that id waits"),
            ("override", {"override": "stop", "by": "anna"}, "override 'stop', expected one of trade"),
            ("decide", {"strategy": "trend", "at": "2026-11-20"}, "decide 'trend': not traded here"),
            ("report", {"strategy": "trend", "decision_ns": 1}, "no such decision"),
        ):
            with pytest.raises(Rejected, match=told):
                await acts(act, words)

    house.run(scene, house.plan("main"))


def test_an_override_stands_until_it_is_lifted(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        await acts("override", {"override": "close only", "strategy": "trend", "by": "anna"})
        first = (await acts("status", {}))["accounts"][0]["overrides"]
        assert first == [{"strategy": "trend", "instrument": None, "override": "close only"}]
        await acts("override", {"override": "trade", "strategy": "trend", "by": "anna"})
        assert (await acts("status", {}))["accounts"][0]["overrides"] == []

    house.run(scene, house.plan("main"))


def test_the_account_is_compared_with_the_venue_on_request(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        await acts("order", {"account": "main", "instrument": ABC, "side": "buy", "quantity": "2", "by": "anna"})
        await settled(service)
        assert (await acts("reconcile", {"account": "main"}))["breaks"] == []
        house.exchange.positions["main", ABC] = Decimal(5)
        assert (await acts("reconcile", {"account": "main"}))["breaks"] == [{"kind": "position", "what": ABC, "ours": "2", "broker": "5"}]

    house.run(scene, house.plan("main"))


def test_a_lock_out_at_the_start_is_told_once_and_once_more_after_the_next_start(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        broker.tell("locked out", "confirm the second factor")
        await settled(service)

    broker = house.brokers["main"] = Troubled(house, "main", "locked out")
    line = "main: the broker's connection: locked out: confirm the second factor"
    house.run(scene, house.plan("main"))
    assert [one for one in house.alerts if "connection" in one] == [line]
    assert f"critical: account {line}" in house.said

    house.run(scene, house.plan("main"))
    assert [one for one in house.alerts if "connection" in one] == [line, line]


def test_every_state_of_the_connection_that_wants_a_person_is_told_and_each_question_by_itself(house: House) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        for state, detail in (
            ("restarting", "nightly"), ("restarting", "nightly"), ("refused key", "expired"), ("question", "price cap?"),
            ("question", "size?"), ("up", "again"),
        ):  # fmt: skip
            broker.tell(state, detail)  # type: ignore[arg-type]  # literals, which mypy widens to str
        await settled(service)

    broker = house.brokers["main"] = Troubled(house, "main")
    house.run(scene, house.plan("main"))

    told = [one.removeprefix("main: the broker's connection: ") for one in house.alerts]
    assert told == ["restarting: nightly", "refused key: expired", "question: price cap?", "question: size?"]


def test_after_a_flatten_of_the_guard_every_book_of_a_running_service_is_flat(house: House) -> None:
    (house.folder / "guard").mkdir()
    words = {"account": "main", "instrument": ABC, "side": "buy", "quantity": "2", "by": "anna"}

    async def scene(service: TradingService, acts: Acts) -> None:
        await acts("order", words | {"strategy": "trend", "quantity": "3"})
        await acts("order", words | {"strategy": "fade", "side": "sell"})
        await acts("order", words)
        await settled(service)
        books = service.traders["main"].books
        assert [books.parts[name].quantity(ABC) for name in ("trend", "fade", "")] == [3, -2, 2]
        guarded = GuardedAccount("main", DirectBroker(house.exchange, "main"), open_sqlite_journal(house.folder / "guard" / "main.sqlite"))
        guard = Guard([guarded], Clock(), house.epoch)
        (done,) = (await guard.halt(by="anna", reason="fire", epoch=house.epoch.raise_epoch(), flatten=True)).values()
        guarded.journal.close()
        assert done.flattened == ["sell 3 ABC.LOCAL"]
        await service.until(lambda: books.whole.quantity(ABC) == 0)
        await settled(service)

        assert {name: part.quantity(ABC) for name, part in books.parts.items()} == {"trend": 0, "fade": 0, "": 0}
        assert sum(part.cash.get("USD", Decimal(0)) for part in books.parts.values()) == books.whole.cash["USD"]
        assert books.quarantine == {}
        assert [one.state.value for one in books.orders.values() if one.strategy == "guard"] == ["filled"]

    house.run(scene, house.plan("main"))
    assert not [line for line in house.alerts if "not in the journal" in line]


def test_a_clock_that_jumps_an_hour_back_and_forth_neither_stops_nor_repeats_anything(house: House) -> None:
    hour_ns = 3_600_000_000_000
    words = {"account": "main", "instrument": ABC, "side": "buy", "quantity": "1", "by": "anna"}

    async def scene(service: TradingService, acts: Acts) -> None:
        names = []
        for jump_ns in (0, -hour_ns, hour_ns, -hour_ns, 0):
            house.clock.at_ns = NOW_NS + jump_ns
            told = await acts("order", words)
            assert told["verdict"] == "approved"
            names.append(told["id"])
            await settled(service)
        assert len(set(names)) == 5
        assert service.traders["main"].books.whole.quantity(ABC) == 5

    house.run(scene, house.plan("main"))

    assert len(house.exchange.orders) == 5
    journal = open_sqlite_journal(house.folder / "main.sqlite")
    times = [one.time_ns for one in journal.read()]
    journal.close()
    assert times == sorted(times)
    house.clock.at_ns = NOW_NS - hour_ns
    house.exchange.replenish()

    async def again(service: TradingService, acts: Acts) -> None:
        assert (await acts("order", words))["verdict"] == "approved"
        await settled(service)
        assert service.traders["main"].books.whole.quantity(ABC) == 6

    house.run(again, house.plan("main"))
