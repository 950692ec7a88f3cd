"""Kills: real processes, real sockets, real journals, SIGKILL at random moments, and the venue's own book as the judge.

1. A round has a venue process that listens on the loopback, and one journal.
2. A trading process is forked, trades, and is killed after a random time, before or after it was ready; the next one takes over.
3. After the round's last kill a process settles and ends; then journal and book are compared as in every campaign.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tradewinds.campaign.chaos import Chaos, seeded
from tradewinds.campaign.child import Life, live
from tradewinds.campaign.loop import RealLoop
from tradewinds.campaign.oracle import Venue, Verdict, judge
from tradewinds.campaign.record import Record
from tradewinds.campaign.run import ACCOUNT
from tradewinds.campaign.stage import Market
from tradewinds.campaign.stages import make_stage
from tradewinds.core.broker import Broker
from tradewinds.core.errors import Invariant, TradewindsError
from tradewinds.core.ports import Clock
from tradewinds.sandbox.exchange import Execution, VenueOrder
from tradewinds.stores.journal import read_sqlite_journal
from tradewinds.stores.journal_postgres import read_postgres_journal
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Entry
from tradewinds.trading.journal import read

KILLED_AT = "binance"
KILLS_A_ROUND = 50
LIVES_S = 0.2  # a process is killed at most so long after its first order
EARLY = 0.3  # of the kills come early, mostly before it
EARLY_S = 0.08
READY_S_MAX = 30.0
MOVES_EVERY_S = 0.02
BOOK_BYTES_MAX = 1 << 28


@dataclass(slots=True)
class KillReport:
    """Of a kill campaign."""

    kills: int = 0
    orders: int = 0
    fills: int = 0
    rounds: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    errors: list[str] = field(default_factory=list)

    def add(self, more: KillReport) -> None:
        """Count a round in."""
        self.kills += more.kills
        self.orders += more.orders
        self.fills += more.fills
        self.rounds += more.rounds
        self.errors += more.errors
        for name in ("lost", "duplicated", "unexplained", "stuck"):
            getattr(self.verdict, name).extend(getattr(more.verdict, name))

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and not self.errors


def run_kills(
    kills: int, broker: str, journal: str = "sqlite", *, start: int = 0, jobs: int = 1, told: Callable[[int], None] = lambda kills: None
) -> KillReport:
    """So many kills, in rounds. journal: sqlite, or the URL of a PostgreSQL database. jobs: rounds at a time, each with its own venue."""
    report = KillReport()
    size = min(KILLS_A_ROUND, max(1, -(-kills // max(1, jobs))))
    with tempfile.TemporaryDirectory(prefix="tradewinds-kill-") as folder:
        rounds = [
            Round(start + number, broker, journal if journal.startswith("postgresql") else str(Path(folder) / f"{number}.sqlite"), count)
            for number, count in enumerate(min(size, kills - done) for done in range(0, kills, size))
        ]
        if jobs <= 1:
            for one in rounds:
                report.add(_round(one, told))
            return report
        with multiprocessing.get_context("spawn").Pool(min(jobs, len(rounds))) as pool:
            for found in pool.imap_unordered(_round, rounds):
                report.add(found)
                told(found.kills)
    return report


@dataclass(frozen=True, slots=True)
class Round:
    """Kills at one venue process over one journal."""

    seed: int
    broker: str
    journal: str
    count: int


def _round(one: Round, told: Callable[[int], None] = lambda kills: None) -> KillReport:
    report = KillReport(rounds=1)
    random = seeded("kills", one.seed)
    venue = _VenueProcess(one.broker, one.seed)
    try:
        for number in range(one.count):
            _killed(Life(number, one.seed, one.journal, -1, settles=False), venue.adapts, random)
            report.kills += 1
            told(1)
        code = _settled(Life(one.count, one.seed, one.journal, -1, settles=True), venue.adapts)
        if code != 0:
            report.errors.append(f"round {one.seed}: the process that settles ended with {code}, expected 0")
        _judge(one.seed, one.journal, venue, report)
    finally:
        venue.end()
    return report


def _killed(life: Life, adapts: Adapter, random: Random) -> None:
    child, ready = _forked(life, adapts)
    if random.random() < EARLY:
        time.sleep(random.uniform(0.0, EARLY_S))
    else:
        select.select([ready], [], [], READY_S_MAX)
        time.sleep(random.uniform(0.0, LIVES_S))
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)


def _settled(life: Life, adapts: Adapter) -> int:
    child, ready = _forked(life, adapts)
    _, status = os.waitpid(child, 0)
    os.close(ready)
    return os.waitstatus_to_exitcode(status)


def _forked(life: Life, adapts: Adapter) -> tuple[int, int]:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reads)
            live(Life(life.number, life.seed, life.journal, writes, life.settles), adapts)
            code = 0
        finally:
            os._exit(code)
    os.close(writes)
    return child, reads


def _judge(seed: int, journal: str, venue: _VenueProcess, report: KillReport) -> None:
    adapts = venue.adapts
    books, entries = Books(ACCOUNT, instruments=adapts.market.instruments, currency=adapts.currency), list[Entry]()
    store = read_postgres_journal(journal, f"kill_{seed}") if journal.startswith("postgresql") else read_sqlite_journal(Path(journal))
    try:
        for _, entry in read(store.read()):
            books.apply(entry.time_ns, entry.records)
            entries.append(entry)
    except TradewindsError as error:
        report.errors.append(f"round {seed}: {type(error).__name__}: {error}")
    finally:
        store.close()
    book = venue.book()
    verdict = judge(books, entries, book, {one.symbol: one.id for one in adapts.market.traded.values()})
    report.orders += len(book.orders)
    report.fills += len(book.executions)
    for name in ("lost", "duplicated", "unexplained", "stuck"):
        getattr(report.verdict, name).extend(f"round {seed}: {line}" for line in getattr(verdict, name))


class Adapter:
    """Makes adapters for a venue process; it is forked along."""

    def __init__(self, broker: str, port: int) -> None:
        loop = RealLoop()
        self._stage: Any = make_stage(broker, loop, Chaos(0, Record(loop.now_ns), ()), is_wide=True)
        loop.close()
        self._port = port
        self.market: Market = self._stage.market
        self.currency: str = self._stage.currency

    def __call__(self, clock: Clock, seed: int) -> Broker:
        broker: Broker = self._stage.adapter("127.0.0.1", self._port, clock, seeded("adapter", seed), None)
        return broker


class _VenueProcess:
    """A venue in a process of its own. It listens before it is forked, so its port is known."""

    def __init__(self, broker: str, seed: int) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        asked = socket.create_server(("127.0.0.1", 0))
        self._asked_at = asked.getsockname()
        self.adapts = Adapter(broker, listening.getsockname()[1])
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _be_venue(broker, seed, listening, asked)
            finally:
                os._exit(1)
        listening.close()
        asked.close()

    def book(self) -> Venue:
        """The venue's own book, from its control port."""
        with socket.create_connection(self._asked_at) as connection, connection.makefile("rb") as lines:
            told = json.loads(lines.readline(BOOK_BYTES_MAX))
        orders = tuple(_order(one) for one in told["orders"])
        executions = tuple(_execution(one) for one in told["executions"])
        return Venue(orders, executions, {name: Decimal(size) for name, size in told["positions"].items()})

    def end(self) -> None:
        """Kill it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _be_venue(broker: str, seed: int, listening: socket.socket, asked: socket.socket) -> None:
    loop = RealLoop()
    asyncio.set_event_loop(loop)
    stage: Any = make_stage(broker, loop, Chaos(seed, Record(loop.now_ns), ()), is_wide=True)
    stage.chaos.is_on = False
    random = seeded("prices", seed)

    async def told(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(_told(stage)).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def serve() -> None:
        await loop.create_server(stage.place, sock=listening)
        await asyncio.start_server(told, sock=asked)
        while True:
            stage.market.move(random)
            stage.tick()
            await asyncio.sleep(MOVES_EVERY_S)

    loop.run_until_complete(serve())


def _told(stage: Any) -> dict[str, Any]:
    exchange, account = stage.exchange, stage.account
    return {
        "orders": [
            [one.id, one.client_id, one.symbol, one.side, one.kind, str(one.quantity), one.status, str(one.filled), one.by_hand]
            for one in exchange.orders.values()
            if one.account == account
        ],
        "executions": [
            [one.id, one.order_id, one.client_id, one.symbol, one.side, str(one.quantity), str(one.price)]
            for one in exchange.executions
            if one.account == account
        ],
        "positions": {name: str(size) for name, size in stage.positions().items()},
    }


def _order(told: list[Any]) -> VenueOrder:
    number, client_id, symbol, side, kind, quantity, status, filled, by_hand = told
    order = VenueOrder(ACCOUNT, client_id, symbol, side, kind, Decimal(quantity), by_hand=by_hand)
    order.id, order.status, order.filled = number, status, Decimal(filled)
    return order


def _execution(told: list[Any]) -> Execution:
    number, order_id, client_id, symbol, side, quantity, price = told
    if side not in ("buy", "sell"):
        raise Invariant(f"execution {number}: side {side!r}, expected buy or sell")
    return Execution(number, order_id, client_id, ACCOUNT, symbol, side, Decimal(quantity), Decimal(price), Decimal(0), "", False, 0)
