"""One account at work: inputs queue up, the core makes steps of them, the journal makes steps durable, then the wire is touched.

1. `start` replays the journal, opens the broker and compares with the venue; nothing is decided before that is done.
2. `run` takes whatever waits as one batch: handle each, append the batch to the journal in one write, then carry the commands out.
3. Every command runs as a task of its own; what came of it returns as an input. The epoch is read before anything is sent.

A journal that cannot be written stops the sending, not the process: the batch is tried again, inputs wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tradewinds.core.broker import Broker, Told
from tradewinds.core.errors import Invariant, OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.ports import Clock
from tradewinds.trading.engine import Command, CompareCommand, Engine, Outcome
from tradewinds.trading.entry import Answered, Compared, Controlled, Doubt, Entry, Heard, Input, Ticked
from tradewinds.trading.journal import JournalStore, chained, read

NS = 1_000_000_000
BATCH_MAX = 256
QUEUE_MAX = 100_000
JOURNAL_AGAIN_S = 0.5
COMPARE_AGAIN_S = 1.0


class AccountLoop:
    """Drives one `Engine`. `epoch`: the halt epoch in force, read before every send. `listen`: told every step once it is durable,
    those of the journal first."""

    def __init__(
        self,
        engine: Engine,
        journal: JournalStore,
        broker: Broker,
        clock: Clock,
        epoch: Callable[[], int],
        *,
        listen: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        self.engine = engine
        self._listen = listen
        self.is_ready = asyncio.Event()
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._epoch = epoch
        self._waiting: asyncio.Queue[Input] = asyncio.Queue(QUEUE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sequence, self._hash = 0, bytes(32)

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be handled and nothing is asked of the broker."""
        return self._waiting.empty() and not self._tasks

    def put(self, given: Input) -> None:
        """Queue an input; it is handled in order of arrival."""
        self._waiting.put_nowait(given)

    async def start(self) -> None:
        """Recovery, which is the only way to start."""
        for kept, entry in read(self._journal.read()):
            self.engine.books.apply(entry.time_ns, entry.records)
            self._sequence, self._hash = kept.sequence, kept.hash
            self._listen(entry)
        self.engine.recover()
        await self._broker.open(self._hear)
        await self._compare(self.engine.books.cursor)
        self.is_ready.set()

    async def run(self) -> None:
        """Handle inputs until cancelled."""
        while True:
            given = await self._next()
            batch = [given]
            while len(batch) < BATCH_MAX and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._step(batch)

    async def stop(self) -> None:
        """End what is under way and let go of the broker; orders stay where they are."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._broker.close()
        self._journal.close()

    async def _next(self) -> Input:
        due = self.engine.due_ns()
        if due is None:
            return await self._waiting.get()
        wait_s = max(0.0, (due - self._clock.now_ns()) / NS)
        try:
            return await asyncio.wait_for(self._waiting.get(), wait_s)
        except TimeoutError:
            return Ticked()

    async def _step(self, batch: list[Input]) -> None:
        now_ns = self._clock.now_ns()
        outcomes = [self.engine.handle(now_ns, given) for given in batch]
        await self._make_durable([one for one in outcomes if not one.is_empty])
        for outcome in outcomes:
            self._listen(outcome.entry)
            for command in outcome.commands:
                self._carry_out(command)

    async def _make_durable(self, outcomes: list[Outcome]) -> None:
        rows = chained([one.entry for one in outcomes], self._sequence, self._hash)
        while rows:
            try:
                self._journal.append(rows)
            except Transient:
                await asyncio.sleep(JOURNAL_AGAIN_S)
                continue
            self._sequence, self._hash = rows[-1].sequence, rows[-1].hash
            return

    def _carry_out(self, command: Command | CompareCommand) -> None:
        work = self._compare(command.cursor) if isinstance(command, CompareCommand) else self._ask(command)
        self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, command: Command) -> None:
        """One question or order to the broker; its answer becomes an input."""
        order = self.engine.books.orders[command.client_order_id]
        epoch = self._epoch()
        if command.ask in ("submit", "replace") and epoch > self.engine.books.epoch:
            self.put(Controlled("halt", "guard", "the halt epoch was raised", epoch=epoch))
            self.put(Answered(command.ask, command.client_order_id, doubt="transient", detail="halted before it was sent"))
            return
        doubt: Doubt | None = None
        report, detail = None, ""
        try:
            if command.ask == "submit":
                assert command.order is not None
                report = await self._broker.submit(command.order)
            elif command.ask == "cancel":
                report = await self._broker.cancel(order.ref)
            elif command.ask == "replace":
                assert command.order is not None
                report = await self._broker.replace(order.ref, command.order)
            else:
                report = await self._broker.find(order.ref)
        except Transient as error:
            doubt, detail = "transient", str(error)
        except Rejected as error:
            doubt, detail = "rejected", str(error)
        except OutcomeUnknown as error:
            doubt, detail = "unknown", str(error)
        except Invariant as error:
            doubt, detail = "invariant", str(error)
        self.put(Answered(command.ask, command.client_order_id, report, doubt, detail))

    async def _compare(self, cursor: str) -> None:
        """Ask for the venue's truth until it answers."""
        while True:
            asked_ns = self._clock.now_ns()
            try:
                page = await self._broker.fills(cursor)
                orders = await self._broker.open_orders()
                holdings = await self._broker.holdings()
            except TradewindsError:
                await asyncio.sleep(COMPARE_AGAIN_S)
                continue
            await self._step([Compared(asked_ns, orders, page.fills, page.cursor, holdings)])
            return

    def _hear(self, told: Told) -> None:
        self.put(Heard(told))
