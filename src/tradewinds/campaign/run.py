"""One seed: a venue, a trading process that is killed and started again, work for it, faults everywhere, then quiet until all is settled.

1. `_work` wants orders and cancels them, by the seed, until there were ORDERS_LEAST orders and FAULTS_LEAST faults.
2. `_serve` runs the trading process as it is: replay, recovery, account loop, adapter; killed, it comes back on the same disk.
3. Quiet: no fault strikes any more, the prices stand, every order is cancelled; within QUIET_S all must be settled.
4. The journal, read again from the disk, is judged against the venue's book.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from decimal import localcontext

from tradewinds.campaign.chaos import CRASHES_MAX, Chaos, seeded
from tradewinds.campaign.disk import Disk
from tradewinds.campaign.disk_sqlite import SqliteDisk
from tradewinds.campaign.happenings import a_halt, a_night
from tradewinds.campaign.loop import Killed, Process, Stalled, VirtualLoop, context_of, run_virtually
from tradewinds.campaign.oracle import Venue, Verdict, judge
from tradewinds.campaign.record import Record
from tradewinds.campaign.stage import Nights, Stage
from tradewinds.campaign.stages import make_stage
from tradewinds.campaign.work import Work
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.money import numbers
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import CancelWanted, Entry
from tradewinds.trading.journal import read
from tradewinds.trading.recovery import COMPARE_EVERY_S, COMPARE_IDLE_S

NS = 1_000_000_000
DIGITS = 28  # as every new process counts
ACCOUNT = "main"
ORDERS_LEAST, FAULTS_LEAST = 30, 10
WORK_S_MAX = 600.0
QUIET_S = 600.0
WANTED_THOUGH_DOWN = 0.25  # of what strategies would want; all of it is refused
QUIET_LEAST_S = 45.0  # longer than any adapter waits for a sign of life
IDLE_S = COMPARE_IDLE_S + COMPARE_EVERY_S + 45.0  # longer than until the next comparison that nothing calls for
IDLES = 0.25  # of the seeds end without a last restart, so that nothing but that comparison finds what was not told
HAND_AFTER_S = 50.0
CALM_S = 5.0
STEPS_OF_A_LIFE = (200, 6_000)
SKEW_S = 0.4
ERRORS_KEPT = 5
SETTLED_LOOKS = 5
SQLITES = 0.1  # of the seeds keep their journal in the real store


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What came of one seed. errors: exceptions of ours that ended the trading process or one of its tasks."""

    seed: int
    broker: str
    orders: int
    fills: int
    faults: dict[str, int]
    verdict: Verdict
    event_hash: str
    virtual_s: float
    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and not self.errors


class ServiceClock:
    """The clock of the trading process: the world's, plus a skew that a fault may change."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.skew_ns = 0

    def now_ns(self) -> int:
        return self._loop.now_ns() + self.skew_ns


class Simulation:
    """Everything of one seed."""

    def __init__(self, seed: int, broker: str, loop: VirtualLoop, *, keeps_lines: bool = False) -> None:
        self.seed = seed
        self.loop = loop
        self.record = Record(loop.now_ns, keeps_lines=keeps_lines)
        self.chaos = Chaos(seed, self.record)
        self.stage: Stage = make_stage(broker, loop, self.chaos)
        self.disk = SqliteDisk() if seeded("disk", seed).random() < SQLITES else Disk()
        self.clock = ServiceClock(loop)
        self.random = seeded("world", seed)
        self.work = Work(ACCOUNT, self.stage.market, seeded("work", seed), self.clock)
        self.account: AccountLoop | None = None
        self.process: Process | None = None
        self.graveyard: list[object] = []
        self.errors: list[str] = []
        self.epoch = 0
        self.halts: list[tuple[int, int]] = []
        self.is_halted = False
        self.is_night_ahead = isinstance(self.stage, Nights) and self.stage.midnight_s is not None
        self.is_judged = False
        self.stage_refuses = False

    async def main(self, _: VirtualLoop) -> SeedResult:
        tasks = [self.loop.create_task(one) for one in (self._live(), self._move(), self._strike(), a_halt(self), a_night(self))]
        await self._work()
        self.chaos.is_on = False
        self.record.note("quiet", "campaign")
        self.clock.skew_ns = 0
        self._refuse_key(is_refused=False)
        if self.random.random() < IDLES:
            await self._settle(IDLE_S)
        else:
            self.stage.restart()  # whoever was told nothing for long asks again
            await self._settle(QUIET_LEAST_S)
        self.graveyard += tasks
        result = self.judged()
        self.is_judged = True
        if self.process is not None:
            self.process.die()
        return result

    # The trading process

    async def _live(self) -> None:
        lives = 0
        while True:
            lives += 1
            may_die = self.chaos.is_on and self.chaos.chances["crash"] > 0 and self.record.faults["crash"] < CRASHES_MAX
            dies_at = self.random.randint(*STEPS_OF_A_LIFE) if may_die else None
            process = Process(f"trade-{lives}", dies_at)
            died = asyncio.Event()
            process.on_death.append(died.set)
            self.process = process
            self.record.note("start", process.name)
            task = self.loop.create_task(self._serve(process), context=context_of(process))
            process.kept.append(task)
            await died.wait()
            self.graveyard.append(process)
            self.account = None
            if process.dies_at is not None and process.steps >= process.dies_at:
                self.record.fault("crash", process.name, f"step {process.steps}")
            await asyncio.sleep(self.random.uniform(0.05, 3.0))
            while self.stage_refuses:  # who starts it looks before starting it again
                await asyncio.sleep(1.0)

    async def _serve(self, process: Process) -> None:
        try:
            broker = self.stage.broker(process, self.clock)
            engine = Engine(self._books(), Gate(), broker.capability)
            account = AccountLoop(engine, self.disk.journal(process, self.chaos, self.loop), broker, self.clock, lambda: self.epoch)
            process.kept.append(account)
            try:
                await account.start()
            except Rejected as error:  # a key that is refused at the start ends the service; it is started again
                self.record.note("refused", process.name, str(error))
                process.die()
                return
            self.account = account
            await account.run()
        except (Killed, Transient):
            process.die()
        except Exception as error:  # noqa: BLE001 - whatever ends the service is a finding, and the service is started again
            self.found(error)
            process.die()

    def found(self, error: object) -> None:
        """An exception that nobody caught."""
        if not self.is_judged and not isinstance(error, Killed) and len(self.errors) < ERRORS_KEPT:
            self.errors.append(f"{type(error).__name__}: {error}")

    # The world

    async def _move(self) -> None:
        while self.chaos.is_on:
            self.stage.market.move(self.random)
            self.stage.tick()
            await asyncio.sleep(self.random.uniform(0.05, 0.6))
        quiet_s = self.loop.time()
        while True:
            self.stage.tick()
            await asyncio.sleep(1.0 if self.loop.time() < quiet_s + QUIET_LEAST_S else CALM_S)

    async def _strike(self) -> None:
        """Faults that are no message's: skewed clocks, venues that restart, keys revoked, people at the venue's own screen."""
        while self.chaos.is_on:
            await asyncio.sleep(self.random.uniform(0.2, 1.5))
            if self.chaos.strikes("clock_skew", "clock"):
                self.clock.skew_ns = int(self.random.uniform(-SKEW_S, SKEW_S) * NS)
            if self.chaos.strikes("venue_restart", "venue"):
                self.stage.restart()
            if self.chaos.strikes("order_by_hand", "person"):
                self.work.order_by_hand(self.stage)
            if self.chaos.strikes("revoked_key", "venue"):
                self._refuse_key(is_refused=True)
                await asyncio.sleep(self.random.uniform(0.5, 4.0))
                self._refuse_key(is_refused=False)

    def _refuse_key(self, *, is_refused: bool) -> None:
        self.stage_refuses = is_refused
        self.stage.refuse_key(is_refused=is_refused)

    async def _work(self) -> None:
        while self.loop.time() < WORK_S_MAX:
            await asyncio.sleep(self.random.uniform(0.02, 0.4))
            account = self.account
            if account is None or self.chaos.is_resting:
                continue
            if account.engine.books.link != "up" and self.random.random() > WANTED_THOUGH_DOWN:
                continue
            for given in self.work.next(account.engine.books):
                account.put(given)
            has_orders = len(self.stage.exchange.orders) >= ORDERS_LEAST and self.orders() >= ORDERS_LEAST
            is_enough = has_orders and self.record.faults.total() >= FAULTS_LEAST
            if is_enough and not self.is_halted and not self.is_night_ahead:
                return

    def orders(self) -> int:
        """At the venue, without those made by hand."""
        return sum(1 for one in self.stage.exchange.orders.values() if not one.by_hand)

    async def _settle(self, least_s: float) -> None:
        """Quiet until nothing is open any more and every silence was long enough to be noticed, or QUIET_S passed.

        Where quiet is long, a person trades once more in the middle of it, when nothing else happens.
        """
        begin_s = self.loop.time()
        settled, has_traded = 0, least_s < IDLE_S or not self.chaos.chances["order_by_hand"]
        while self.loop.time() < begin_s + QUIET_S and (settled < SETTLED_LOOKS or self.loop.time() < begin_s + least_s):
            is_calm = settled >= SETTLED_LOOKS
            await asyncio.sleep(CALM_S if is_calm else 1.0)
            if is_calm and not has_traded and self.loop.time() > begin_s + HAND_AFTER_S:
                has_traded, begin_s = True, self.loop.time()
                self.record.note("order_by_hand", "person", "in the quiet, and nobody tells of it")
                self.chaos.is_mute = True
                self.work.order_by_hand(self.stage)
                self.stage.tick()
                self.chaos.is_mute = False
            account = self.account
            is_settled = account is not None and _is_settled(account.engine) and not self._working()
            settled = settled + 1 if is_settled else 0
            if account is not None and not is_settled:
                account.put(CancelWanted("campaign", "the end"))

    def _working(self) -> bool:
        return any(not one.by_hand for one in self.stage.exchange.working(self.stage.account))

    # The end

    def judged(self) -> SeedResult:
        """Judge what is on the disk."""
        books, entries = self._replayed()
        exchange, market = self.stage.exchange, self.stage.market
        instruments = {one.symbol: one.id for one in market.traded.values()}
        venue = Venue(
            tuple(one for one in exchange.orders.values() if one.account == self.stage.account),
            tuple(one for one in exchange.executions if one.account == self.stage.account and not exchange.orders[one.order_id].by_hand),
            self.stage.positions(),
        )
        verdict = judge(books, entries, venue, instruments)
        for one in venue.orders:
            if any(begin_ns < one.created_ns < end_ns for begin_ns, end_ns in self.halts) and not one.by_hand:
                verdict.unexplained.append(f"order {one.client_id} was placed during a halt")
        if self.account is None:
            verdict.stuck.append("the trading process does not run")
        elif self.account.engine.books.whole != books.whole:
            verdict.unexplained.append("the journal, read again, gives another account than the running process had")
        for line in (*verdict.lost, *verdict.duplicated, *verdict.unexplained, *verdict.stuck):
            self.record.note("verdict", "oracle", line)
        return SeedResult(
            self.seed, self.stage.name, self.orders(), len(venue.executions), dict(sorted(self.record.faults.items())), verdict,
            self.record.hash, self.loop.time(), self.errors, self.record.lines,
        )  # fmt: skip

    def _books(self) -> Books:
        return Books(ACCOUNT, instruments=self.stage.market.instruments, currency=self.stage.currency)

    def _replayed(self) -> tuple[Books, list[Entry]]:
        books, entries = self._books(), list[Entry]()
        try:
            for _, entry in read(self.disk.read()):
                books.apply(entry.time_ns, entry.records)
                entries.append(entry)
        except Exception as error:  # noqa: BLE001 - a planted bug may write anything; whatever cannot be replayed is a finding
            self.found(error)
        return books, entries


def _is_settled(engine: Engine) -> bool:
    """Whether nothing is open, awaited or being looked into: a difference is believed after several comparisons, which take their time."""
    books = engine.books
    return not (books.open or books.owing or books.waiting or engine.comparing._seen) and books.link == "up"


def simulate(seed: int, broker: str, *, keeps_lines: bool = False) -> SeedResult:
    """One seed from beginning to end; how the process counts, and what else it does, changes nothing."""
    with localcontext(numbers(DIGITS)):
        return _simulated(seed, broker, keeps_lines=keeps_lines)


def _simulated(seed: int, broker: str, *, keeps_lines: bool) -> SeedResult:
    loop = VirtualLoop()
    simulation = Simulation(seed, broker, loop, keeps_lines=keeps_lines)
    loop.set_exception_handler(lambda _, context: simulation.found(context.get("exception") or context["message"]))
    spoken = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # client libraries log every cut
    try:
        return run_virtually(simulation.main, loop)
    except Stalled as error:
        simulation.found(error)
        return simulation.judged()
    finally:
        simulation.disk.close()
        logging.disable(spoken)
