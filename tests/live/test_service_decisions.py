"""Decisions that are asked for, orders that wait for a person, and intents for another account, through a service with real strategies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Late, Rejected
from tradewinds.core.instant import text
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Intent, OrderTerms
from tradewinds.live.account import AccountLoop
from tradewinds.live.acts import Acts
from tradewinds.live.service import TradingService
from tradewinds.live.trader import Hooks, Parts, TraderPlan
from tradewinds.risk.limits import Gate, Limits
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Alerted, Bar, BarsClosed, Decided, Started
from tradewinds.trading.host import StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.strategy import vector

DAY_NS = 86_400 * 10**9
NOW_NS = 20_000 * DAY_NS  # a midnight
ABC = "ABC.LOCAL"
INSTRUMENT = Instrument(ABC, "equity", "USD", "24/7", tick=Decimal("0.01"), lot=Decimal(1))


@vector(lookback=2, targets="units", interval="1d")
def rises(panel: Any, params: Any) -> Any:
    """Seven units after a day on which the price rose."""
    targets = np.zeros(panel.shape)
    targets[1:] = np.where(panel.close[1:] > panel.close[:-1], 7.0, 0.0)
    return targets


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


class Epoch:
    def epoch(self) -> int:
        return 0

    def acknowledge(self, epoch: int) -> None:
        return


class Pulse:
    def beat(self, detail: Any = None) -> None:
        return

    def rest(self) -> None:
        return


class Days:
    """A history of closed days at 10, 11, 12, 13; each ends at a midnight up to NOW_NS."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.decisions: list[int] = []

    async def bars(self, strategy: str, at_ns: int) -> tuple[BarsClosed, ...]:
        self.asked.append(at_ns)
        ends = [NOW_NS - back * DAY_NS for back in (3, 2, 1, 0)]
        closed = [BarsClosed("1d", end, (_bar(10.0 + at, end),)) for at, end in enumerate(ends) if end <= at_ns]
        return tuple(closed) if closed and closed[-1].end_ns == at_ns else ()

    def decided(self, strategy: str, at_ns: int) -> None:
        self.decisions.append(at_ns)


class Crossing:
    """A host whose one decision wants an order on another account."""

    def decide(self, bars: BarsClosed, books: Books) -> Iterator[tuple[Decided | Alerted, tuple[Intent, ...]]]:
        if bars.is_warm_up:
            return
        intent = Intent("second", "crossing", bars.end_ns, OrderTerms(ABC, "buy", Decimal(2)))
        yield Decided("crossing", bars.end_ns, {ABC: "2.0"}), (intent,)

    def react(self, now_ns: int, books: Books) -> Iterator[tuple[Decided | Alerted, tuple[Intent, ...]]]:
        return iter(())


Scene = Callable[[TradingService, Acts], Awaitable[None]]
Run = Callable[..., None]


@pytest.fixture
def venue() -> Exchange:
    quote = Quote(Decimal("99"), Decimal("100"), Decimal("50"), Decimal("50"))
    return Exchange(lambda: NOW_NS, lambda symbol: quote)


@pytest.fixture
def play(tmp_path: Path, venue: Exchange) -> Run:
    """Runs a scene over accounts: name -> (host or None, limits)."""

    def plan(account: str, host: Any, limits: Limits, homes: Mapping[str, str]) -> TraderPlan:
        def make(hooks: Hooks) -> Parts:
            broker = DirectBroker(venue, account)
            engine = Engine(Books(account), Gate(limits, currency="USD", account=account), broker.capability, host and host())
            journal = open_sqlite_journal(tmp_path / f"{account}.sqlite")
            loop = AccountLoop(engine, journal, broker, Clock(), lambda: 0, listen=hooks.listen, alert=hooks.alert, route=hooks.route)
            return Parts(loop, broker)

        names = {"trend": ""} if host is _trend else {"crossing": ""} if host is Crossing else {}
        capital = {name: Decimal(1000) for name in names}
        return TraderPlan(account, "paper", "USD", make, names, {"1d": frozenset({ABC})}, capital, {ABC: Decimal(1)}, homes=homes)

    def run(
        scene: Scene, history: Any = None, said: list[str] | None = None, homes: Mapping[str, Mapping[str, str]] | None = None,
        **accounts: tuple[Any, Limits],
    ) -> None:  # fmt: skip
        lines = [] if said is None else said

        async def whole() -> None:
            plans = [plan(name, *given, (homes or {}).get(name, {})) for name, given in accounts.items()]
            service = TradingService(
                plans, clock=Clock(), epoch=Epoch(), pulse=Pulse(), started=lambda one: Started("run", "1", one.mode, one.strategies),
                say=lines.append,
            )  # fmt: skip
            service.lock()
            running = asyncio.create_task(service.run())
            await service.ready()
            try:
                await scene(service, Acts(service, history=history))
            finally:
                service.stop()
                await running

        asyncio.run(whole())

    return run


def test_a_decision_is_made_once_however_often_it_is_asked_for(play: Run, venue: Exchange) -> None:
    days = Days()

    async def first(service: TradingService, acts: Acts) -> None:
        told = await acts("decide", {"strategy": "trend", "at": "2024-10-03T00:00:00Z"})
        assert (told["at"], told["targets"]) == ("2024-10-03T00:00:00Z", {ABC: "7.0"})
        assert [one["text"] for one in told["orders"]] == ["buy 7 ABC.LOCAL market"]
        again = await acts("decide", {"strategy": "trend", "at": "2024-10-03"})
        assert [one["id"] for one in again["orders"]] == [one["id"] for one in told["orders"]]
        report = await acts("report", {"strategy": "trend", "decision_ns": told["decision_ns"]})
        assert [one["state"] for one in report["orders"]] == ["filled"]
        with pytest.raises(Rejected, match="it decided at 2024-10-03T00:00:00Z since"):
            await acts("decide", {"strategy": "trend", "at": "2024-10-01"})

    async def after_a_restart(service: TradingService, acts: Acts) -> None:
        told = await acts("decide", {"strategy": "trend", "at": "2024-10-03T00:00:00Z"})
        assert [one["state"] for one in told["orders"]] == ["filled"]

    play(first, days, main=(_trend, Limits()))
    play(after_a_restart, days, main=(_trend, Limits()))

    assert len(venue.orders) == 1


def test_a_bar_that_has_not_arrived_is_late_and_nothing_is_decided(play: Run, venue: Exchange) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        with pytest.raises(Late, match="nothing was decided, expected bars that end there"):
            await acts("decide", {"strategy": "trend", "at": "2024-10-09"})

    play(scene, Days(), main=(_trend, Limits()))

    assert not venue.orders


def test_bars_that_an_account_lost_on_the_way_are_told_again_and_decided_on_once(
    play: Run, venue: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days()

    async def scene(service: TradingService, acts: Acts) -> None:
        monkeypatch.setattr("tradewinds.live.acts.DECIDE_WITHIN_S", 0.0)
        service.traders["main"].state = "starting"  # its connection is being made: what is told is kept back, and may be forgotten
        with pytest.raises(Late, match="expected that account main decides within 0 s; it is starting and will be told again"):
            await acts("decide", {"strategy": "trend", "at": "2024-10-03"})
        assert days.decisions == []
        service.traders["main"].state = "trading"
        monkeypatch.undo()
        told = await acts("decide", {"strategy": "trend", "at": "2024-10-03"})
        assert [one["text"] for one in told["orders"]] == ["buy 7 ABC.LOCAL market"]

    play(scene, days, main=(_trend, Limits()))

    assert len(days.decisions) == len(venue.orders) == 1


def test_an_order_above_the_limit_waits_for_a_person(play: Run, venue: Exchange) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        told = await acts("decide", {"strategy": "trend", "at": "2024-10-03"})
        (waits,) = told["waiting"]
        assert waits["text"] == "buy 7 ABC.LOCAL market"
        assert told["orders"] == []
        assert [one["id"] for one in (await acts("approvals", {}))["waiting"]] == [waits["id"]]
        assert (await acts("approve", {"id": waits["id"], "by": "anna"}))["verdict"] == "approved"
        again = await acts("approve", {"id": waits["id"], "by": "bert"})
        assert again["note"] == "answered before"
        assert (await acts("approvals", {}))["waiting"] == []

    play(scene, Days(), main=(_trend, Limits(approval_above=Decimal(50))))

    assert len(venue.executions) == 1


def test_an_intent_for_another_account_is_judged_journalled_and_sent_there(play: Run, venue: Exchange) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        service.publish(BarsClosed("1d", NOW_NS, (_bar(10.0, NOW_NS),)))
        assert await service.until(lambda: service.traders["second"].books.whole.quantity(ABC) == 2)
        assert service.traders["main"].books.whole.quantity(ABC) == 0
        assert service.traders["second"].books.parts["crossing"].quantity(ABC) == 2

    async def after_a_restart(service: TradingService, acts: Acts) -> None:
        while not service.is_idle():
            await asyncio.sleep(0)
        assert service.traders["second"].books.whole.quantity(ABC) == 2

    play(scene, main=(Crossing, Limits()), second=(None, Limits()))
    play(after_a_restart, main=(Crossing, Limits()), second=(None, Limits()))

    assert [(one.account, str(one.quantity)) for one in venue.orders.values()] == [("second", "2")]


def test_a_strategy_goes_on_where_its_other_account_does_not_trade_and_a_person_is_told_once(play: Run, venue: Exchange) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        await service.traders["second"].fail("key of second: it can withdraw, expected one that cannot")
        for minute in (1, 2):
            service.publish(BarsClosed("1d", NOW_NS + minute, (_bar(10.0, NOW_NS + minute),)))
        main = service.traders["main"]
        assert await service.until(lambda: len(main.books.handed.get("second", {})) == 2)
        status = (await acts("status", {}))["accounts"]
        assert [(one["account"], one["state"]) for one in status] == [("main", "trading"), ("second", "failed")]
        told = [line for line in said if "does not trade here" in line]
        words = "orders of crossing are for account second, which does not trade here; the strategy goes on without it"
        assert told == [f"critical: account main: {words}"]

    async def later(service: TradingService, acts: Acts) -> None:
        main = service.traders["main"]
        assert await service.until(lambda: not main.books.handed["second"])
        assert service.traders["second"].books.whole.quantity(ABC) == 4

    said: list[str] = []
    play(scene, said=said, main=(Crossing, Limits()), second=(None, Limits()))
    play(later, main=(Crossing, Limits()), second=(None, Limits()))

    assert [(one.account, str(one.quantity)) for one in venue.orders.values()] == [("second", "2"), ("second", "2")]


def test_a_decision_that_is_asked_for_waits_for_the_other_account_and_shows_its_orders(play: Run, venue: Exchange) -> None:
    async def scene(service: TradingService, acts: Acts) -> None:
        told = await acts("decide", {"strategy": "crossing", "at": text(NOW_NS)})
        assert told["targets"] == {ABC: "2.0"}
        assert [(one["account"], one["text"], one["state"]) for one in told["orders"]] == [("second", "buy 2 ABC.LOCAL market", "filled")]

    play(scene, Days(), homes={"second": {"crossing": "main"}}, main=(Crossing, Limits()), second=(None, Limits()))


def _trend() -> StrategyHost:
    return StrategyHost("main", [Hosted("trend", rises, (INSTRUMENT,), "USD")])


def _bar(close: float, end_ns: int) -> Bar:
    return Bar(ABC, close, close, close, close, 100.0, end_ns)
