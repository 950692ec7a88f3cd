"""One account at work: inputs queue up, the core makes steps of them, the journal makes steps durable, then the wire is touched.

1. `start` replays the journal, opens the broker and compares with the venue; nothing is decided before that is done.
2. `run` takes whatever waits as one batch: handle each, append the batch to the journal in one write, then carry the commands out.
3. Every command runs as a task of its own; what came of it returns as an input. The epoch is read right before anything is sent.
4. A journal that cannot be written stops the sending, not the process: news is handled on, up to a limit, decisions wait, and a person
   is told. An exception from the core is a bug of ours: nothing is sent any more and `run` raises Invariant.

Everything runs on the event loop's time; a clock that jumps back does not take the core's time back.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterable

from tradewinds.core.broker import Broker, Link, Told
from tradewinds.core.errors import Invariant, OutcomeUnknown, TradewindsError, Transient
from tradewinds.core.order import is_ours
from tradewinds.core.ports import Clock
from tradewinds.live.dispatch import Dispatch
from tradewinds.live.pace import loop_seconds
from tradewinds.trading.command import AnyCommand, Outcome, PassCommand
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import (
    Answered,
    Approval,
    BarsClosed,
    Claimed,
    Compared,
    Controlled,
    Entry,
    HandOver,
    Heard,
    Input,
    ReplaceWanted,
    Restarted,
    Ticked,
    Wanted,
)
from tradewinds.trading.journal import Chained, JournalStore, chained, read

NS = 1_000_000_000
BATCH_MAX = 256
QUEUE_MAX = 100_000  # inputs that wait; answers to what was asked are always taken
UNWRITTEN_MAX = 10_000  # steps that are kept in memory while the journal cannot be written
JOURNAL_AGAIN_S = 0.5
OPEN_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)
EPOCH_EVERY_S = 0.05

_DECIDING = (Wanted, BarsClosed, ReplaceWanted, Approval, HandOver)


class AccountLoop:
    """Drives one `Engine`.

    epoch: the halt epoch in force, read before every send. acknowledge: told an epoch once nothing will be sent under an earlier one.
    epoch_every_s: how often a raised epoch is looked for while nothing is sent; None: only before sends. alert: (severity, text) of what
    the loop itself has to say. route: takes what is for other accounts. listen: told every step once it is durable, those of the journal
    first. claims: orders that another process of ours (the guard) wrote down; asked when the venue names one of ours that nobody knows.
    """

    def __init__(
        self,
        engine: Engine,
        journal: JournalStore,
        broker: Broker,
        clock: Clock,
        epoch: Callable[[], int],
        *,
        listen: Callable[[Entry], None] = lambda entry: None,
        acknowledge: Callable[[int], None] = lambda epoch: None,
        epoch_every_s: float | None = None,
        alert: Callable[[str, str], None] = lambda severity, text: None,
        route: Callable[[PassCommand], None] = lambda command: None,
        claims: Callable[[], Claimed | None] = lambda: None,
    ) -> None:
        self.engine = engine
        self.is_ready = asyncio.Event()
        self.is_stalled = False  # the journal cannot be written
        self.is_replaying = False  # what is listened to happened before
        self._journal, self._broker, self._clock, self._epoch = journal, broker, clock, epoch
        self._listen, self._acknowledge, self._alert, self._route = listen, acknowledge, alert, route
        self._claims = claims
        self._sought: set[str] = set()  # ids that claims were asked for
        self._epoch_every_s = epoch_every_s
        self._acknowledged = 0
        self._waiting: deque[Input] = deque()
        self._held: deque[Input] = deque()  # decisions that wait for the first comparison, or for the journal
        self._news = asyncio.Event()
        self.dispatch = Dispatch(engine, broker, self.now_ns, epoch, self._put_answer, alert)
        self._watching: asyncio.Task[None] | None = None
        self._unwritten: list[Chained] = []
        self._unsaid: list[tuple[Outcome, float]] = []
        self._sequence, self._hash = 0, bytes(32)
        self._has_lost_news = False
        self._last_ns, self._last_s = 0, 0.0

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be handled, written or sent, and nothing is asked of the broker."""
        return not (self._waiting or self._held or self._unwritten) and self.dispatch.is_idle

    def put(self, given: Input) -> None:
        """Queue an input; it is handled in order of arrival. Raises Transient when too many wait."""
        if len(self._waiting) + len(self._held) >= QUEUE_MAX and not isinstance(given, Answered | Compared | Controlled):
            if isinstance(given, Heard):
                self._has_lost_news = True  # a comparison brings it back
                return
            raise Transient(f"account {self.engine.books.account}: {QUEUE_MAX} inputs wait, expected fewer", retry_after_s=1.0)
        self._waiting.append(given)
        self._news.set()

    async def start(self) -> None:
        """Recovery, which is the only way to start. Returns when the first comparison with the venue is settled."""
        self._replay()
        self._last_s = asyncio.get_running_loop().time()
        self.dispatch.doubt(self.engine.books.open)
        await self._step([Restarted(), *self._raised()])
        if self._epoch_every_s is not None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._epoch_every_s))
        await self._open()
        while not self.engine.is_ready:
            await self._turn()
        self.is_ready.set()
        self._release()

    async def run(self) -> None:
        """Handle inputs until cancelled; raises Invariant when the core broke."""
        while True:
            await self._turn()

    async def stop(self) -> None:
        """End what is under way and let go of the broker; orders stay where they are."""
        self.is_ready.clear()
        if self._watching is not None:
            self._watching.cancel()
        await self.dispatch.stop([] if self._watching is None else [self._watching])
        await self._broker.close()
        self._journal.close()

    def now_ns(self) -> int:
        """The clock's time; never earlier than what passed on the event loop since it was asked last."""
        at_s = asyncio.get_running_loop().time()
        steady = self._last_ns + round((at_s - self._last_s) * NS)
        self._last_ns, self._last_s = max(self._clock.now_ns(), steady), at_s
        return self._last_ns

    # Steps

    def _replay(self) -> None:
        was_enabled = gc.isenabled()
        self.is_replaying = True
        gc.disable()  # a replay makes what stays: looking for garbage in it takes a third of the time
        try:
            for kept, entry in read(self._journal.read()):
                self.engine.replay(entry)
                self._sequence, self._hash = kept.sequence, kept.hash
                self._last_ns = entry.time_ns
                self._listen(entry)
        finally:
            self.is_replaying = False
            if was_enabled:
                gc.enable()

    async def _open(self) -> None:
        tries, told = 0, ""
        while True:
            try:
                await self._broker.open(self._hear)
            except (Transient, OutcomeUnknown) as error:
                if str(error) != told:
                    told = str(error)
                    self._alert("warning", f"account {self.engine.books.account}: the broker cannot be reached: {error}")
                await asyncio.sleep(OPEN_AGAIN_S[min(tries, len(OPEN_AGAIN_S) - 1)])
                tries += 1
                continue
            return

    async def _turn(self) -> None:
        batch = await self._batch()
        if batch:
            await self._step(batch)
        await asyncio.sleep(0)  # whatever was started gets its turn before the next batch

    async def _batch(self) -> list[Input]:
        """What waits, or a tick when something is due; while the journal is away, its next try."""
        if not self._waiting or len(self._unwritten) >= UNWRITTEN_MAX:
            await self._wait()
        batch: list[Input] = []
        if self._has_lost_news:
            self._has_lost_news = False
            batch.append(Heard(Link("data lost", "too much news waited", self.now_ns())))
        while self._waiting and len(batch) < BATCH_MAX and len(self._unwritten) < UNWRITTEN_MAX:
            given = self._waiting.popleft()
            if isinstance(given, _DECIDING) and (self.is_stalled or not self.is_ready.is_set()) and not _is_warm_up(given):
                self._held.append(given)
            else:
                batch.append(given)
        if not batch and self._is_due():
            batch.append(Ticked())
        if not batch and self._unwritten:
            await self._write([])
        return batch

    async def _wait(self) -> None:
        self._news.clear()
        due_ns = self.engine.due_ns()
        wait_s = None if due_ns is None else loop_seconds(self._clock, due_ns - self.now_ns())
        if self._unwritten:
            wait_s = JOURNAL_AGAIN_S
        if wait_s is None:
            await self._news.wait()
        elif wait_s > 0:
            timer = asyncio.get_running_loop().call_later(wait_s, self._news.set)  # cheaper than wait_for, which makes a task
            try:
                await self._news.wait()
            finally:
                timer.cancel()

    def _is_due(self) -> bool:
        due_ns = self.engine.due_ns()
        return due_ns is not None and due_ns <= self.now_ns()

    async def _step(self, batch: list[Input]) -> None:
        now_ns = self.now_ns()
        outcomes = []
        for given in batch:
            try:
                outcomes.append(self.engine.handle(now_ns, given))
            except Exception as error:
                self._die(f"handling {type(given).__name__}: {type(error).__name__} {error}")
                raise Invariant(f"core of account {self.engine.books.account}: {error}, expected every input to be handled") from error
        await self._write(outcomes)
        self._say_halted()

    def _die(self, why: str) -> None:
        """A bug of ours: whatever the core says from now on is not to be trusted."""
        self.is_ready.clear()
        self.dispatch.stop_sending()
        self._alert("critical", f"account {self.engine.books.account}: trading stopped: {why}")

    async def _write(self, outcomes: list[Outcome]) -> None:
        """Make steps durable, and only then tell of them and carry out what they want."""
        made_s = asyncio.get_running_loop().time()
        self._unsaid += [(one, made_s) for one in outcomes]
        new = chained([one.entry for one in outcomes if not one.is_empty], self._sequence, self._hash)
        if new:
            self._unwritten += new
            self._sequence, self._hash = new[-1].sequence, new[-1].hash
        if self._unwritten:
            try:
                self._append()
            except Transient as error:
                if not self.is_stalled:
                    self.is_stalled = True
                    self._alert("critical", f"account {self.engine.books.account}: nothing is sent: {error}")
                return
            self._unwritten = []
        if self.is_stalled:
            self.is_stalled = False
            self._alert("warning", f"account {self.engine.books.account}: the journal is written again")
            self._release()
        said, self._unsaid = self._unsaid, []
        for one, wanted_s in said:
            if not one.is_empty:
                self._listen(one.entry)
            for command in one.commands:
                self._carry_out(command, wanted_s)

    def _append(self) -> None:
        """Write what is not written. After a failure the journal is asked how far it got: a commit may have been done all the same."""
        try:
            if self.is_stalled:
                written, _ = self._journal.last()
                self._unwritten = [one for one in self._unwritten if one.sequence > written]
            if self._unwritten:
                self._journal.append(self._unwritten)
        except Transient:
            raise
        except Exception as error:
            self._die(f"the journal: {type(error).__name__} {error}")
            raise

    def _release(self) -> None:
        """Decisions that waited."""
        self._waiting.extendleft(reversed(self._held))
        self._held.clear()
        self._news.set()

    # The halt epoch

    def _raised(self) -> list[Input]:
        """A halt, where the epoch was raised beyond what the core knows."""
        epoch = self._epoch()
        return [] if epoch <= self.engine.books.epoch else [Controlled("halt", "guard", "the halt epoch was raised", epoch=epoch)]

    async def _watch(self, every_s: float) -> None:
        asked = 0
        while True:
            await asyncio.sleep(every_s)
            raised = self._raised()
            if raised and self._epoch() > asked:
                asked = self._epoch()
                self.put(raised[0])
            self._say_halted()

    def _say_halted(self) -> None:
        """Acknowledge an epoch once it is durable, or nothing can be sent, and nothing sent before it is still leaving."""
        epoch = self.engine.books.epoch
        if epoch > self._acknowledged and not self.dispatch.is_sending:
            self._acknowledged = epoch
            self._acknowledge(epoch)

    # The wire

    def _carry_out(self, command: AnyCommand, wanted_s: float) -> None:
        if isinstance(command, PassCommand):
            self._route(command)
        else:
            self.dispatch.carry_out(command, wanted_s)

    def _put_answer(self, given: Answered | Compared) -> None:
        """What came of a question; a halt that stopped it comes before it."""
        if isinstance(given, Compared):
            self._claim([*(one.client_order_id for one in given.open_orders), *(one.client_order_id for one in given.fills)])
        elif given.doubt == "unsent":
            for halt in self._raised():
                self.put(halt)
        self.put(given)

    def _hear(self, told: Told) -> None:
        if not isinstance(told, Link):
            self._claim([told.client_order_id])
        self.put(Heard(told))

    def _claim(self, names: Iterable[str]) -> None:
        """Take over what another process of ours sent, before the core hears of it: it wrote its orders down before it sent them."""
        known = self.engine.books.orders
        unknown = [name for name in names if name not in known and name not in self._sought and is_ours(name)]
        if not unknown:
            return
        self._sought.update(unknown)
        try:
            claimed = self._claims()
        except (TradewindsError, OSError) as error:
            self._alert("warning", f"account {self.engine.books.account}: orders of the guard cannot be read: {error}")
            return
        if claimed is not None:
            self.put(claimed)


def _is_warm_up(given: Input) -> bool:
    return isinstance(given, BarsClosed) and given.is_warm_up
