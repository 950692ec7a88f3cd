"""The way from a bar to its order, rehearsed beside a real service at the local Binance."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.core.instant import NS_PER_SECOND, parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import OrderState
from tradewinds.live.account import AccountLoop
from tradewinds.live.service import TradingService
from tradewinds.live.trader import Hooks, Parts, TraderPlan
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.stores.journal import open_sqlite_journal, read_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Bar, BarsClosed, Started
from tradewinds.trading.host import StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.strategy import vector
from tradewinds.wire.secret import Secret
from tradewinds.wiring import rehearsal
from tradewinds.wiring.rehearsal import LEAD_S, Rehearsal, Stage

BTC = "BTCUSDT.BINANCE"
INSTRUMENTS = {BTC: Instrument(BTC, "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))}
END_NS = parse("2025-03-14T12:35:00Z")


@vector(lookback=1, targets="units", interval="1m")
def nothing(panel: Any, params: Any) -> Any:
    return panel.close * 0.0


class Before:
    """It is a millisecond before the rehearsal of the bar that ends at END_NS, and stays so."""

    def now_ns(self) -> int:
        return END_NS - round((LEAD_S + 0.001) * NS_PER_SECOND)


class Quiet:
    """No halt, and nobody who watches."""

    def epoch(self) -> int:
        return 0

    def acknowledge(self, epoch: int) -> None:
        raise AssertionError(epoch)

    def beat(self, detail: Mapping[str, Any] | None = None) -> None:
        return

    def rest(self) -> None:
        return


def broker_at(venues: Sandbox) -> CcxtBroker:
    base = venues.urls["binance_rest"]
    return binance(
        key=Secret("sandbox-trading-key"), secret=Secret("sandbox-trading-secret"), instruments=INSTRUMENTS, clock=venues.world.clock,
        random=random.Random(1), url=base, ws_url=base.replace("http", "ws", 1) + "/ws-api/v3",
    )  # fmt: skip


def service_at(venues: Sandbox, journal: Path) -> TradingService:
    def make(hooks: Hooks) -> Parts:
        broker = broker_at(venues)
        host = StrategyHost("main", [Hosted("nothing", nothing, tuple(INSTRUMENTS.values()), "USDT")], broker.capability)
        engine = Engine(Books("main", instruments=INSTRUMENTS, currency="USDT"), Gate(), broker.capability, host)
        return Parts(AccountLoop(engine, open_sqlite_journal(journal), broker, Before(), lambda: 0, listen=hooks.listen), broker)

    plan = TraderPlan("main", "live", "USDT", make, {"nothing": ""}, {"1m": frozenset({BTC})}, {"nothing": Decimal(10_000)})
    quiet = Quiet()
    return TradingService([plan], clock=Before(), epoch=quiet, pulse=quiet, started=lambda one: Started("test", "", one.mode))


def run(work: Callable[[Sandbox], Coroutine[Any, Any, None]]) -> None:
    with Sandbox(SandboxConfig(seed=7, now_ns=END_NS, weight_limit=1_000_000)) as venues:
        asyncio.run(work(venues))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0)


def test_each_walk_makes_one_order_which_ends_refused_and_which_the_venue_never_hears_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "WALKS_MAX", 5)

    async def work(venues: Sandbox) -> None:
        broker = broker_at(venues)
        await broker.open(lambda told: None)
        stage = Stage(broker.understudy(), Before())
        await stage.renew()
        books = stage.books
        assert books is not None
        for walks in range(1, 6):
            stage.walk()
            # The first bar is no lookback yet; every other one has its order.
            await until(lambda: len(books.orders) == walks - 1 and not books.open)  # noqa: B023 - awaited within the round
        assert {one.state for one in books.orders.values()} == {OrderState.REJECTED}
        assert [one.approved.terms.quantity for one in books.orders.values()] == [Decimal(lots) for lots in ("0.00001", "0.00002") * 2]
        assert await broker.open_orders() == ()
        assert (await broker.fills("")).fills == ()

        await stage.renew()
        assert stage.books is not books
        assert stage.books is not None
        assert stage.books.orders == {}
        await stage.close()
        await broker.close()

    run(work)


def test_a_rehearsal_walks_until_the_account_has_decided_on_the_bar_and_leaves_no_trace_in_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[int] = []
    walk = Stage.walk

    def counted(stage: Stage) -> None:
        walked.append(1)
        walk(stage)

    monkeypatch.setattr(Stage, "walk", counted)

    async def work(venues: Sandbox) -> None:
        service = service_at(venues, tmp_path / "main.sqlite")
        service.lock()
        running = asyncio.create_task(service.run())
        said: list[str] = []
        rehearsing = asyncio.create_task(Rehearsal(Before(), said.append).run(service))
        await service.ready()
        await until(lambda: len(walked) >= 3)
        service.publish(BarsClosed("1m", END_NS, (Bar(BTC, 60_000.0, 60_000.0, 60_000.0, 60_000.0, 1.0, END_NS),)))
        books = service.trader("main").books
        await until(lambda: books.decided_ns.get("nothing") == END_NS and service.is_idle())
        before = len(walked)
        await asyncio.sleep(0.05)  # the clock stands still: the same bar is about to close again and again
        assert len(walked) == before
        rehearsing.cancel()
        await asyncio.gather(rehearsing, return_exceptions=True)
        service.stop()
        await running
        assert said == []

    run(work)
    journal = read_sqlite_journal(tmp_path / "main.sqlite")
    bodies = b"".join(one.body for one in journal.read())
    journal.close()
    assert b"rehearsal" not in bodies
    assert b'"Approved"' not in bodies
    assert bodies.count(b'"BarsClosed"') == 1


def test_a_rehearsal_that_breaks_says_so_and_trading_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(stage: Stage) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Stage, "walk", broken)

    async def work(venues: Sandbox) -> None:
        service = service_at(venues, tmp_path / "main.sqlite")
        service.lock()
        running = asyncio.create_task(service.run())
        said: list[str] = []
        await Rehearsal(Before(), said.append).run(service)
        assert said == ["warning: rehearsing ended: ZeroDivisionError: planted; an order after a pause takes a little longer"]
        assert service.trader("main").state == "trading"
        service.stop()
        await running

    run(work)
