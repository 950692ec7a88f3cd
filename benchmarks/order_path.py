"""From a closed bar to its order on the wire: service, strategy, gate, durable journal and the ccxt adapter, at a local venue.

1. Bars of a second close when the computer's clock says so, and are heard of 2 to 35 ms later on a socket. The clock starts as soon as
   the loop has read that news and publishes the bar; it stops when the kernel has taken the order's request from aiohttp: the socket's
   `send` has returned. What the loop took to read the news stands beside it (heard).
2. The service runs as `tradewinds trade` runs it, with its rehearsal; without it, the way was measured too (unrehearsed).
3. The way is cut into parts, one after the other: waiting for the loop, the core's steps, the journal's commit, from there to the adapter,
   the adapter until it calls `send`, and that call (where cores are busy, the venue runs within it).
4. The floors stand beside it, taken in turns within the same run: one durable SQLite commit of an entry of that size, one bare aiohttp
   POST to the same venue until it is written, and one order of the adapter by itself, until it is written and until it is answered.

The venue is a process of its own; the journal lies in the folder for temporary files (its disk counts).
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import numpy as np

from benchmarks import market_data as market
from tradewinds.app.cli import COLLECT_AFTER
from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.live.account import AccountLoop
from tradewinds.live.service import TradingService
from tradewinds.live.trader import Hooks, Parts, TraderPlan
from tradewinds.risk.limits import Gate, Limits
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.command import Outcome
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Bar, BarsClosed, Input, Priced, Started
from tradewinds.trading.host import StrategyHost
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.journal import chained
from tradewinds.trading.strategy import vector
from tradewinds.wire.clock import SystemClock
from tradewinds.wire.secret import Secret
from tradewinds.wiring.rehearsal import Rehearsal
from tradewinds.wiring.sandbox import start

BTC = "BTCUSDT.BINANCE"
INSTRUMENT = Instrument(BTC, "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))
KEY, SECRET = "sandbox-trading-key", "sandbox-trading-secret"  # the local venue's own, written in its documents
SECOND_NS = 1_000_000_000
LIMITS = Limits(quantity_max=Decimal(1), position_max=Decimal(5), notional_max=Decimal(1_000_000), messages_max=1_000)
ORDER = re.compile(rb"POST \S*/api/v3/order[ ?]")
PARTS = ("wait_ms", "core_ms", "journal_ms", "dispatch_ms", "adapter_ms", "send_ms")
WARM_UP = 12  # bars that are not counted: the first ones compile and connect


@vector(lookback=2, targets="units", interval="1s")
def flips(panel: Any, params: Any) -> Any:
    """Wants 0.001 after every other bar, nothing after the others: one order a bar."""
    return np.where((panel.times // SECOND_NS) % 2 == 0, 0.001, 0.0).reshape(-1, 1)


class Stages:
    """When each part of the way from a bar to the wire ended: the first time after `begin`, in nanoseconds of `time.perf_counter_ns`."""

    def __init__(self) -> None:
        self.ended: list[int] = []

    def begin(self) -> int:
        self.ended = [time.perf_counter_ns()]
        return self.ended[0]

    def end(self, name: str) -> None:
        if len(self.ended) == PARTS.index(name) + 1:
            self.ended.append(time.perf_counter_ns())

    def parts(self, given: int, written: int) -> dict[str, float]:
        """Milliseconds that each part took."""
        edges = [*self.ended, given, written]
        return {name: (after - before) / 1e6 for name, (before, after) in zip(PARTS, pairwise(edges), strict=True)}


class StagedEngine(Engine):
    """Notes when it begins with what a bar brought, and when it has handled the bar."""

    stages: Stages

    def handle(self, time_ns: int, given: Input) -> Outcome:
        if isinstance(given, Priced):
            self.stages.end("wait_ms")
        outcome = super().handle(time_ns, given)
        if isinstance(given, BarsClosed):
            self.stages.end("core_ms")
        return outcome


class Wire:
    """Sessions that note when the request of an order was written: when the call that gives it to the kernel begins, and when it ends."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.written: list[int] = []
        self.told = asyncio.Event()

    def session(self) -> aiohttp.ClientSession:
        wire = self

        class Noting(socket.socket):
            def send(self, data: Any, flags: int = 0) -> int:
                if ORDER.match(data) is None:
                    return super().send(data, flags)
                wire.given.append(time.perf_counter_ns())
                sent = super().send(data, flags)
                wire.written.append(time.perf_counter_ns())
                wire.told.set()
                return sent

        def made(address: Any) -> socket.socket:
            return Noting(address[0], address[1], address[2])

        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=made))


class Closing:
    """What a venue does: some 2 to 35 ms after the end of each second its news are there, on a socket that the loop reads."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._sent_ns = 0
        self.heard_ms = 0.0  # what it took to read the last news

    def run(self, bars: int) -> None:
        """In a thread of its own, which sleeps but for a byte a second."""
        delays_s = random.Random(7)
        for _ in range(bars):
            now_ns = time.time_ns()
            time.sleep((SECOND_NS - now_ns % SECOND_NS) / 1e9 + delays_s.uniform(0.002, 0.035))
            self._sent_ns = time.perf_counter_ns()
            self._theirs.send(b"x")

    def listen(self, then: Callable[[], None]) -> None:
        """Call `then` from the running loop whenever it has read news."""

        def read() -> None:
            self.heard_ms = (time.perf_counter_ns() - self._sent_ns) / 1e6
            self._ours.recv(1)
            then()

        asyncio.get_running_loop().add_reader(self._ours, read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        self._ours.close()
        self._theirs.close()


def run(quick: bool = False) -> dict[str, object]:
    """Figures, floors and reaches. One bar a second: 300 and 60 without rehearsal; quick: 60 and 20."""
    gc.set_threshold(COLLECT_AFTER)  # as every command of ours does
    taken = _taken(60 if quick else 300, is_rehearsed=True)
    plain = _taken(20 if quick else 60, is_rehearsed=False)["bar_to_wire_ms"]
    path = sorted(taken.pop("bar_to_wire_ms"))
    p50, p99 = median(path), path[min(len(path) - 1, int(len(path) * 0.99))]
    parts = {f"{name}_p50": round(median(taken.pop(name)), 3) for name in ("heard_ms", *PARTS)}
    peers = {f"{name}_p50": round(median(values), 3) for name, values in taken.items()}
    return {
        "figures": {"bar_to_wire_ms_p50": round(p50, 3), "bar_to_wire_ms_p99": round(p99, 3), "orders": len(path)}
        | parts
        | {"unrehearsed_ms_p50": round(median(plain), 3)},
        "peers": peers,
        "reach": {"bar_to_wire_ms_p50": market.reach(p50, 2.0), "bar_to_wire_ms_p99": market.reach(p99, 10.0)},
        "machine": market.machine() | {"orders": len(path)},
    }


def _taken(bars: int, *, is_rehearsed: bool) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="bench-order-path-") as folder:
        venue = start({"seed": 7, "weight_limit": 10_000_000, "symbols": ["BTCUSDT"]})
        try:
            return asyncio.run(_measured(Path(folder), venue.urls["binance_rest"], bars, is_rehearsed=is_rehearsed))
        finally:
            venue.stop()


async def _measured(folder: Path, url: str, bars: int, *, is_rehearsed: bool) -> dict[str, list[float]]:
    wire, stages = Wire(), Stages()
    service = TradingService(
        [_plan(folder, url, wire, stages)],
        clock=SystemClock(),
        epoch=_Epoch(),
        pulse=_Pulse(),
        started=lambda plan: Started("bench", "", plan.mode),
    )
    service.lock()
    running = asyncio.create_task(service.run())
    await service.ready()
    rehearsing = asyncio.create_task(Rehearsal(SystemClock(), print).run(service)) if is_rehearsed else None
    peers = ("sqlite_full_commit_ms", "aiohttp_post_to_wire_ms", "ccxt_order_to_wire_ms", "ccxt_order_ms")
    taken: dict[str, list[float]] = {name: [] for name in ("bar_to_wire_ms", "heard_ms", *PARTS, *peers)}
    broker = service.broker("main")
    closing = Closing()
    news = asyncio.create_task(asyncio.to_thread(closing.run, bars + WARM_UP))
    floor = _Commits(folder / "floor.sqlite", service.traders["main"].parts.loop)
    async with wire.session() as session:
        for number in range(bars + WARM_UP):
            is_counted = number >= WARM_UP
            for name, value in (await _one_bar(service, wire, stages, closing, number)).items():
                taken[name] += [value] if is_counted else []
            taken["sqlite_full_commit_ms"] += [floor.commit()] if is_counted else []
            taken["aiohttp_post_to_wire_ms"] += [await _bare(session, wire, url)] if is_counted else []
            if number % 10 == 0 and is_counted:
                to_wire, whole = await _adapter_alone(broker, wire, number)
                taken["ccxt_order_to_wire_ms"].append(to_wire)
                taken["ccxt_order_ms"].append(whole)
    if rehearsing is not None:
        rehearsing.cancel()
        await asyncio.gather(rehearsing, return_exceptions=True)
    service.stop()
    await asyncio.gather(running, news)
    closing.close()
    floor.close()
    return taken


async def _one_bar(service: TradingService, wire: Wire, stages: Stages, closing: Closing, number: int) -> dict[str, float]:
    price = 60_000.0 + number
    before = len(wire.written)

    def publish() -> None:
        stages.begin()
        end_ns = SystemClock().now_ns() // SECOND_NS * SECOND_NS
        service.publish(BarsClosed("1s", end_ns, (Bar(BTC, price, price, price, price, 1.0, end_ns),)))

    wire.told.clear()
    closing.listen(publish)
    with suppress(TimeoutError):
        await asyncio.wait_for(wire.told.wait(), 1.5)
    while not service.is_idle():
        await asyncio.sleep(0.001)
    if len(wire.written) == before:
        return {}
    parts = stages.parts(wire.given[before], wire.written[before])
    return {"bar_to_wire_ms": (wire.written[before] - stages.ended[0]) / 1e6, "heard_ms": closing.heard_ms} | parts


async def _bare(session: aiohttp.ClientSession, wire: Wire, url: str) -> float:
    """A POST of that size to the venue, refused there for want of a signature."""
    before = len(wire.written)
    begin = time.perf_counter_ns()
    async with session.post(f"{url}/api/v3/order", data="x" * 220, headers={"X-MBX-APIKEY": KEY}) as answer:
        await answer.read()
    return (wire.written[before] - begin) / 1e6


async def _adapter_alone(broker: Any, wire: Wire, number: int) -> tuple[float, float]:
    """An order of the adapter, without service, core and journal: far from the market, and cancelled again."""
    terms = OrderTerms(BTC, "buy", Decimal("0.001"), "limit", Decimal("40000"))
    order = Gate().judge(Intent("main", "floor", SystemClock().now_ns() + number, terms), _NOTHING, 0)
    assert isinstance(order, ApprovedOrder)
    before, begin = len(wire.written), time.perf_counter_ns()
    report = await broker.submit(order)
    end = time.perf_counter_ns()
    from tradewinds.core.broker import OrderRef

    await broker.cancel(OrderRef(order.client_order_id, report.venue_order_id, BTC))
    return (wire.written[before] - begin) / 1e6, (end - begin) / 1e6


def _plan(folder: Path, url: str, wire: Wire, stages: Stages) -> TraderPlan:
    hosted = Hosted("flips", flips, (INSTRUMENT,), "USDT")

    def make(hooks: Hooks) -> Parts:
        broker = binance(
            key=Secret(KEY), secret=Secret(SECRET), instruments={BTC: INSTRUMENT}, clock=SystemClock(), random=random.Random(1), url=url,
            ws_url=url.replace("http", "ws", 1) + "/ws-api/v3", new_session=wire.session,
        )  # fmt: skip
        engine = StagedEngine(
            Books("main", "fifo", {BTC: INSTRUMENT}, "USDT"),
            Gate(LIMITS, currency="USDT"),
            broker.capability,
            StrategyHost("main", [hosted], broker.capability),
        )
        engine.stages = stages
        journal = open_sqlite_journal(folder / "main.sqlite")
        journal.append = _noting(journal.append, lambda: stages.end("journal_ms"), is_after=True)  # type: ignore[method-assign]  # timed
        broker.submit = _noting(broker.submit, lambda: stages.end("dispatch_ms"), is_after=False)  # type: ignore[method-assign]  # timed
        loop = AccountLoop(engine, journal, broker, SystemClock(), lambda: 0, listen=hooks.listen, epoch_every_s=0.02)
        return Parts(loop, broker)

    return TraderPlan("main", "paper", "USDT", make, {"flips": ""}, {"1s": frozenset({BTC})}, {"flips": Decimal(10_000)}, {BTC: Decimal(1)})


def _noting(work: Callable[..., Any], note: Callable[[], None], *, is_after: bool) -> Callable[..., Any]:
    """The same work, with a note right after it, or right before."""

    def noted(*given: Any) -> Any:
        if not is_after:
            note()
        done = work(*given)
        if is_after:
            note()
        return done

    return noted


class _Commits:
    """Durable commits of entries as large as a bar's."""

    def __init__(self, path: Path, loop: AccountLoop) -> None:
        self._journal = open_sqlite_journal(path)
        self._last = (0, bytes(32))
        self._loop = loop

    def commit(self) -> float:
        end_ns = SystemClock().now_ns()
        outcome = self._loop.engine.books.steps
        bars = BarsClosed("1m", end_ns + outcome, tuple(Bar(BTC, 1.0, 1.0, 1.0, 1.0, 1.0, end_ns) for _ in range(6)))
        from tradewinds.trading.entry import Entry

        rows = chained([Entry(end_ns, bars, ())], *self._last)
        begin = time.perf_counter_ns()
        self._journal.append(rows)
        took = (time.perf_counter_ns() - begin) / 1e6
        self._last = (rows[-1].sequence, rows[-1].hash)
        return took

    def close(self) -> None:
        self._journal.close()


class _Epoch:
    def epoch(self) -> int:
        return 0

    def acknowledge(self, epoch: int) -> None:
        return


class _Pulse:
    def beat(self, detail: Any = None) -> None:
        return

    def rest(self) -> None:
        return


class _Nothing:
    """A situation in which nothing is held."""

    def position(self, instrument: str) -> Decimal:
        return Decimal(0)

    working: Callable[..., Decimal] = position

    def price(self, instrument: str) -> Decimal | None:
        return None

    def price_ns(self, instrument: str) -> int | None:
        return None

    rate: Callable[..., Decimal | None] = price


_NOTHING = _Nothing()


if __name__ == "__main__":
    print(json.dumps(run()))
