"""What the staged incidents share: a venue, a network and a trading process in virtual time, which a test breaks at will.

The venue is a local one, the adapter the real one with its own client library (ccxt, aiohttp, ib_async) over links in memory; account
loop, core, journal and recovery are the real ones too. Nothing happens by chance: faults strike where a test planned them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tradewinds.campaign.chaos import Chaos
from tradewinds.campaign.disk import Disk, DiskJournal
from tradewinds.campaign.loop import Killed, Process, VirtualLoop, context_of, run_virtually
from tradewinds.campaign.mutants import planted
from tradewinds.campaign.oracle import Venue, Verdict, judge
from tradewinds.campaign.record import Record
from tradewinds.campaign.stage import Stage, Traded
from tradewinds.campaign.stages import make_stage
from tradewinds.campaign.web import Front
from tradewinds.core.order import Intent, OrderTerms, Side
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.conversation import Answer, Question, Talk
from tradewinds.sandbox.exchange import Execution, VenueOrder
from tradewinds.trading.books import Books, Order
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Alerted, Booked, CancelWanted, Entry, Input, Refused, Wanted
from tradewinds.trading.journal import read
from tradewinds.trading.parity import replay

ACCOUNT = "main"
TICK_S = 0.25
OF_ORDERS = (b"executionReport", b"ORDER_", b"_ORDER", b"outboundAccount")

Asks = Callable[[Question], Answer]
Bend = Callable[[Question, Asks], Answer]
Story = Callable[["Scene"], Awaitable[None]]


class Script(Chaos):
    """Faults where a test wants them, and nowhere else."""

    def __init__(self, record: Record) -> None:
        super().__init__(0, record, only=())
        self._planned: list[list[Any]] = []

    def plan(self, kind: str, where: str = "*", times: int = 1) -> None:
        """A fault of this kind strikes the next `times` moments whose source fits the pattern."""
        self._planned.append([kind, where, times])

    def strikes(self, kind: str, source: str, *, weight: float = 1.0) -> bool:
        return self.first((kind,), source) is not None

    def first(self, kinds: Sequence[str], source: str) -> str | None:
        for planned in self._planned:
            kind, where, times = planned
            if times and kind in kinds and fnmatchcase(source, where):
                planned[2] -= 1
                self.record.fault(kind, source)
                return str(kind)
        return None

    def struck(self, kind: str) -> int:
        """How often a kind has struck so far."""
        return self.record.faults[kind]


class BentVenue:
    """A venue that is the real local one but for the questions that a test answers otherwise."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.bends: list[tuple[str, Bend]] = []
        self.is_deaf = False

    def answer(self, question: Question) -> Answer:
        name = f"{question.method} {question.path}"
        for pattern, bend in self.bends:
            if fnmatchcase(name, pattern):
                return bend(question, self.inner.answer)
        answer: Answer = self.inner.answer(question)
        return answer

    def talk(self, question: Question, send: Any, close: Any) -> Talk | Answer:
        def heard(data: bytes) -> None:
            if not (self.is_deaf and any(word in data for word in OF_ORDERS)):
                send(data)

        talk: Talk | Answer = self.inner.talk(question, heard, close)
        return talk


class Scene:
    """One venue and whoever trades at it. Between `start` and `kill` a trading process runs; its disk outlives it."""

    def __init__(self, broker: str, make: Callable[[VirtualLoop, Chaos], Stage] | None = None) -> None:
        """make: the stage, where it is not the broker's usual one."""
        self.loop = VirtualLoop()
        self.record = Record(self.loop.now_ns)
        self.script = Script(self.record)
        self.stage: Stage = make(self.loop, self.script) if make is not None else make_stage(broker, self.loop, self.script)
        if broker == "ibkr":
            self.gateway.commission_delay_ns = 0
        self.disk = Disk()
        self.gate: Gate = Gate()
        self.tick_s = TICK_S
        self.loop_alerts: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self._account: AccountLoop | None = None
        self._process: Process | None = None
        self._graveyard: list[object] = []
        self._is_over = False
        self._legs = 0
        self._lives = 0

    # The play

    def play(self, story: Story) -> None:
        """Tell the story from its beginning; the world's clock runs as long as it lasts."""

        async def main(loop: VirtualLoop) -> None:
            ticking = loop.create_task(self._tick())
            try:
                await story(self)
            finally:
                self._is_over = True
                ticking.cancel()
                if self._process is not None:
                    self._process.die()

        self.loop.set_exception_handler(lambda _, context: self._found(context.get("exception") or context["message"]))
        spoken = logging.root.manager.disable
        logging.disable(logging.CRITICAL)  # client libraries log every cut
        try:
            run_virtually(main, self.loop)
        finally:
            logging.disable(spoken)

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)

    async def until(self, is_so: Callable[[], object], seconds: float = 120.0) -> None:
        """Time passes until it is so; fails when it is not within so many seconds."""
        end_s = self.loop.time() + seconds
        while not is_so():
            assert self.loop.time() < end_s, f"not so within {seconds} s; {self.told()}"
            await asyncio.sleep(0.05)

    # The trading process

    async def start(self) -> AccountLoop:
        """A trading process on the disk as it is; returns when it may trade."""
        await self.launch()
        await self.until(lambda: self._account is not None and self._account.is_ready.is_set())
        return self.account

    async def launch(self) -> None:
        """A trading process begins to start."""
        assert self._process is None or self._process.is_dead
        self._lives += 1
        process = self._process = Process(f"trade-{self._lives}")
        task = self.loop.create_task(self._serve(process), context=context_of(process))
        process.kept.append(task)
        await asyncio.sleep(0)

    def kill(self) -> None:
        """SIGKILL: no `finally` runs, nothing is flushed."""
        assert self._process is not None
        self._process.die()
        self._graveyard += [self._process, self._account]
        self._account = None

    async def kill_when_placed(self, name: str) -> None:
        """The process dies in the moment in which the venue takes this order, before any answer reached it."""
        listeners = self.stage.exchange.listeners

        def told(order: VenueOrder, execution: Execution | None) -> None:
            if order.client_id == name and self.is_running:
                self.kill()

        listeners.append(told)
        await self.until(lambda: not self.is_running)
        listeners.remove(told)

    @property
    def is_running(self) -> bool:
        """Whether the trading process lives."""
        return self._process is not None and not self._process.is_dead

    @property
    def account(self) -> AccountLoop:
        assert self._account is not None, self.told()
        return self._account

    def now_ns(self) -> int:
        return self.loop.now_ns()

    # What is wanted

    def want(
        self, side: Side, quantity: str, limit: str | None = None, *, instrument: str = "", strategy: str = "trend", **terms: Any
    ) -> str:
        """A strategy wants an order; its client order id."""
        self._legs += 1
        kind = terms.pop("kind", "market" if limit is None else "limit")
        price = None if limit is None else Decimal(limit)
        wanted = OrderTerms(instrument or self.first.id, side, Decimal(quantity), kind, price, **terms)
        intent = Intent(ACCOUNT, strategy, self.now_ns(), wanted, leg=self._legs)
        self.put(Wanted((intent,), strategy))
        return intent.client_order_id

    def cancel(self, name: str) -> None:
        """A strategy wants an order cancelled."""
        self.put(CancelWanted("trend", "no longer wanted", client_order_id=name))

    def put(self, given: Input) -> None:
        self.account.put(given)

    async def order(self, side: Side, quantity: str, limit: str | None = None, **terms: Any) -> str:
        """An order that is wanted, and of which the venue has said something; its client order id."""
        name = self.want(side, quantity, limit, **terms)
        await self.until(lambda: name in self.books.orders and self.books.orders[name].state.value not in ("intent", "sent"))
        return name

    # The venue

    @property
    def first(self) -> Traded:
        """The instrument that is traded where none is named."""
        return next(iter(self.stage.market.traded.values()))

    def price(self, price: str, offered: int | None = None, *, symbol: str = "") -> None:
        """The market moves: the middle price and lots on offer at the touch."""
        one = self.stage.market.traded[symbol] if symbol else self.first
        one.price = Decimal(price)
        one.offered = one.offered if offered is None else offered
        self.stage.tick()

    def placed(self, name: str) -> list[VenueOrder]:
        """Every order that the venue ever took under a client order id."""
        return self.stage.exchange.all_named(self.stage.account, name)

    def working(self) -> list[VenueOrder]:
        """What works at the venue."""
        return self.stage.exchange.working(self.stage.account)

    @property
    def orders(self) -> list[VenueOrder]:
        """Every order of the account that the venue ever took, the oldest first."""
        return [one for one in self.stage.exchange.orders.values() if one.account == self.stage.account]

    @property
    def executions(self) -> list[Execution]:
        """Every execution of the account."""
        return [one for one in self.stage.exchange.executions if one.account == self.stage.account]

    @property
    def executed(self) -> Decimal:
        """What the executions of the first instrument add up to, signed."""
        return self.stage.exchange.position(self.stage.account, self.first.symbol)

    @property
    def gateway(self) -> Any:
        """The local TWS."""
        return self.stage.gateway  # type: ignore[attr-defined]  # of the stage of Interactive Brokers

    @property
    def network(self) -> Any:
        """The links to the venue."""
        return self.stage.network  # type: ignore[attr-defined]  # every stage with a wire has one

    def deafen(self) -> None:
        """The streams that are opened from now on say nothing of orders, as one that hangs."""
        self._bent().is_deaf = True

    def bend(self, pattern: str, bend: Bend) -> None:
        """The venue answers questions such as "POST /api/v3/order" by this from now on."""
        self._bent().bends.append((pattern, bend))

    def _bent(self) -> BentVenue:
        (found,) = self.network.places.values()
        front = getattr(found, "__self__", None)
        assert isinstance(front, Front)
        if not isinstance(front.venue, BentVenue):
            front.venue = BentVenue(front.venue)
        return front.venue

    # Our books

    @property
    def books(self) -> Books:
        """Of the running process."""
        return self.account.engine.books

    def ours(self, name: str) -> Order:
        """An order as our books have it."""
        return self.books.orders[name]

    def held(self, instrument: str = "") -> Decimal:
        """Units in our books; of a spot pair with what commissions took."""
        return _held(self.books, instrument or self.first.id)

    def part(self, strategy: str, instrument: str = "") -> Decimal:
        """Units in a strategy's own book; "" for what no strategy of ours ordered."""
        found = self.books.parts.get(strategy)
        return Decimal(0) if found is None else found.quantity(instrument or self.first.id)

    @property
    def entries(self) -> list[Entry]:
        """The journal, read from the disk."""
        return [entry for _, entry in read(self.disk.rows)]

    def records(self, kind: type[Any]) -> list[Any]:
        """The journal's records of one kind."""
        return [one for entry in self.entries for one in entry.records if isinstance(one, kind)]

    @property
    def booked(self) -> list[Booked]:
        """The fills in the journal."""
        return self.records(Booked)

    @property
    def alerts(self) -> list[str]:
        """What a person was told: the journal's alerts and the loop's."""
        said = [f"{one.severity}: {one.text}" for one in self.records(Alerted)]
        return said + [f"{severity}: {text}" for severity, text in self.loop_alerts]

    @property
    def refusals(self) -> list[tuple[str, str]]:
        """Rules and reasons of what did not pass."""
        return [(one.refusal.rule, one.refusal.reason) for one in self.records(Refused)]

    def told(self) -> str:
        """Where things stand, for a failing test."""
        states = {} if self._account is None else {name: one.state.value for name, one in self._account.engine.books.orders.items()}
        return f"errors {self.errors}; orders {states}; alerts {self.alerts[-5:]}; faults {dict(self.record.faults)}"

    # The verdict

    def verdict(self) -> Verdict:
        """The journal, read again from the disk, judged against the venue's own book."""
        books = Books(ACCOUNT, instruments=self.stage.market.instruments, currency=self.stage.currency)
        entries = self.entries
        for entry in entries:
            books.apply(entry.time_ns, entry.records)
        orders = self.stage.exchange.orders
        found = judge(
            books,
            entries,
            Venue(tuple(self.orders), tuple(one for one in self.executions if not orders[one.order_id].by_hand), self.stage.positions()),
            {one.symbol: one.id for one in self.stage.market.traded.values()},
        )
        if self._account is not None and self._account.engine.books.whole != books.whole:
            found.unexplained.append("the journal, read again, gives another account than the running process had")
        return found

    def assert_books_are_right(self, *, still_open: int = 0) -> None:
        """Nothing lost, doubled or unexplained on either side, no bug of ours; so many orders may still work."""
        assert self.errors == []
        assert self.is_running
        verdict = self.verdict()
        assert (verdict.duplicated, verdict.unexplained) == ([], [])
        assert len(verdict.stuck) == still_open, verdict.stuck
        lost = verdict.lost if not still_open else [one for one in verdict.lost if " ends in " not in one and "works at the" not in one]
        parity = replay(lambda: self.entries, self._engine, account=ACCOUNT)
        assert parity.differences == ()  # the journal's inputs, given to a new core, make the same of themselves
        assert lost == []  # an order that works has no end yet, and is told among the lost

    # Inside

    def _engine(self) -> Engine:
        """A core as a new process makes it."""
        books = Books(ACCOUNT, instruments=self.stage.market.instruments, currency=self.stage.currency)
        return Engine(books, Gate(), self.account.engine.capability)

    async def _tick(self) -> None:
        while True:
            self.stage.tick()
            await asyncio.sleep(self.tick_s)

    async def _serve(self, process: Process) -> None:
        try:
            broker = self.stage.broker(process, self)
            books = Books(ACCOUNT, instruments=self.stage.market.instruments, currency=self.stage.currency)
            engine = Engine(books, self.gate, broker.capability)
            journal = DiskJournal(self.disk, process, self.script, self.loop)
            account = AccountLoop(engine, journal, broker, self, lambda: 0, alert=lambda *said: self.loop_alerts.append(said))
            process.kept.append(account)
            self._account = account
            await account.start()
            await account.run()
        except Killed:
            process.die()
        except Exception as error:  # noqa: BLE001 - whatever ends the service is what a test wants to know
            self._found(error)
            process.die()

    def _found(self, error: object) -> None:
        if not self._is_over and not isinstance(error, Killed):
            self.errors.append(f"{type(error).__name__}: {error}")


def _held(books: Books, instrument: str) -> Decimal:
    rules = books.instruments.get(instrument)
    units = books.whole.quantity(instrument)
    if rules is None or rules.kind != "spot" or rules.base is None:
        return units
    return units + books.whole.cash.get(rules.base, Decimal(0))


@pytest.fixture
def scene() -> Callable[[str], Scene]:
    """Makes the scene of a broker: binance, oanda or ibkr."""
    return Scene


@pytest.fixture
def binance() -> Scene:
    """A scene at the local Binance."""
    return Scene("binance")


@pytest.fixture
def oanda() -> Scene:
    """A scene at the local OANDA."""
    return Scene("oanda")


@pytest.fixture
def ibkr() -> Scene:
    """A scene at the local TWS."""
    return Scene("ibkr")


@pytest.fixture
def mutant() -> Callable[[str], AbstractContextManager[None]]:
    """Plants a bug for as long as its block lasts: `with mutant("blind_resend"): ...`."""
    return planted
