"""`Dispatch`: the core's commands on their way to the broker, and what came of them on its way back.

1. So many commands are on the wire at a time, cancels before all others. Each runs as a task of its own.
2. Right before an order leaves, the halt epoch and the order's age are looked at; one that must not leave comes back as "unsent".
3. Every answer becomes an `Answered`, whatever the adapter raised: an order is in doubt then, never lost.
4. A comparison asks for open orders, then fills, then holdings, again until all three have answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from tradewinds.core.broker import Broker, OrderRef
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.trading.command import Command, CompareCommand
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Answered, Compared, Doubt

IN_FLIGHT_MAX = 64  # commands on the wire at a time
SEND_VALID_S = 10.0  # an order whose turn comes later than this after it was wanted does not leave
COMPARE_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Dispatch:
    """Carries out commands of one account. epoch: the halt epoch in force. put: takes what came of them. alert: (severity, text)."""

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        now_ns: Callable[[], int],
        epoch: Callable[[], int],
        put: Callable[[Answered | Compared], None],
        alert: Callable[[str, str], None],
    ) -> None:
        self._engine, self._broker, self._now_ns, self._epoch = engine, broker, now_ns, epoch
        self._put, self._alert = put, alert
        self._commands: deque[tuple[Command, float]] = deque()  # and when, in the loop's time, the core wanted it
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._sending = 0
        self._doubted_s: dict[str, float] = {}
        self._is_dead = False

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be sent and nothing is asked."""
        return not (self._tasks or self._commands)

    @property
    def is_sending(self) -> bool:
        """Whether an order is leaving at this moment."""
        return self._sending > 0

    def carry_out(self, command: Command | CompareCommand, wanted_s: float) -> None:
        """Take a command. wanted_s: when, in the loop's time, the core wanted it."""
        if isinstance(command, CompareCommand):
            self.spawn(self._compare(command.cursor))
            return
        # Cancels go first: they lessen what can go wrong.
        self._commands.appendleft((command, wanted_s)) if command.ask == "cancel" else self._commands.append((command, wanted_s))
        self._pump()

    def doubt(self, names: Iterable[str]) -> None:
        """From now on "not found" proves nothing about these orders, for as long as the venue may take."""
        self._doubted_s.update(dict.fromkeys(names, asyncio.get_running_loop().time()))

    def stop_sending(self) -> None:
        """Nothing is sent any more; what is under way goes on."""
        self._is_dead = True
        self._commands.clear()

    async def stop(self, others: Iterable[asyncio.Task[None]] = ()) -> None:
        """End what is under way, and wait for it and for these other tasks."""
        self._is_dead = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *others, return_exceptions=True)

    def _pump(self) -> None:
        while self._commands and self._in_flight < IN_FLIGHT_MAX and not self._is_dead:
            self._in_flight += 1
            self.spawn(self._ask(*self._commands.popleft()), self._landed)

    def _landed(self) -> None:
        self._in_flight -= 1
        self._pump()

    def spawn(self, work: Coroutine[Any, Any, None], after: Callable[[], None] | None = None) -> None:
        """Run some work beside the rest until it ends or `stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            if after is not None:
                after()

        task.add_done_callback(ended)

    async def _ask(self, command: Command, wanted_s: float) -> None:
        """One question or order to the broker; its answer becomes an input."""
        name = command.client_order_id
        is_send = command.ask in ("submit", "replace")
        stopped = self._stopped(wanted_s) if is_send else None
        if stopped is not None:
            self._put(Answered(command.ask, name, doubt="unsent", detail=stopped))
            return
        asked_ns = self._now_ns()
        doubt: Doubt | None = None
        report, detail, retry_after_s = None, "", None
        self._sending += is_send
        try:
            report = await self._asked(command)
        except Transient as error:
            doubt, detail, retry_after_s = "transient", str(error), error.retry_after_s
        except Rejected as error:
            doubt, detail = "rejected", str(error)
        except OutcomeUnknown as error:
            doubt, detail = "unknown", str(error)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an adapter does wrong, the order is in doubt and never lost
            doubt, detail = "invariant", f"{type(error).__name__}: {error}"
        finally:
            self._sending -= is_send
        if command.ask == "find" and report is None and doubt is None and self._is_early(name):
            doubt, detail = "transient", "not found, and too early to count"
        if is_send and doubt not in (None, "rejected", "transient"):
            self.doubt([name] if command.order is None else [name, command.order.client_order_id])
        self._put(Answered(command.ask, name, report, doubt, detail, asked_ns, retry_after_s))

    async def _asked(self, command: Command) -> Any:
        order = self._engine.books.orders.get(command.client_order_id)
        ref = command.ref or OrderRef(command.client_order_id, "", "")
        if order is not None and order.venue_order_id:
            ref = order.ref
        if command.ask == "find":
            return await self._broker.find(ref)
        if command.ask == "cancel":
            return await self._broker.cancel(ref)
        assert command.order is not None
        if command.ask == "submit":
            return await self._broker.submit(command.order)
        return await self._broker.replace(ref, command.order)

    def _stopped(self, wanted_s: float) -> str | None:
        """Why an order must not leave any more."""
        if self._is_dead or self._epoch() > self._engine.books.epoch or self._engine.books.is_halted:
            return "halted before it was sent"
        age_s = asyncio.get_running_loop().time() - wanted_s
        return f"its turn came {age_s:.1f} s after it was wanted" if age_s > SEND_VALID_S else None

    def _is_early(self, name: str) -> bool:
        """Whether "not found" proves nothing yet, by the time that really passed, whatever the clock says."""
        since_s = self._doubted_s.get(name)
        return since_s is not None and asyncio.get_running_loop().time() - since_s < self._engine.capability.absent_after_s

    async def _compare(self, cursor: str) -> None:
        """Ask for the venue's truth until it answers."""
        tries = 0
        while True:
            asked_ns = self._now_ns()
            try:
                orders = await self._broker.open_orders()
                page = await self._broker.fills(cursor)
                holdings = await self._broker.holdings()
            except TradewindsError as error:
                tries += 1
                if tries == len(COMPARE_AGAIN_S) + 1:
                    self._alert("warning", f"account {self._engine.books.account}: no comparison with the broker: {error}")
                await asyncio.sleep(COMPARE_AGAIN_S[min(tries, len(COMPARE_AGAIN_S)) - 1])
                continue
            self._put(Compared(asked_ns, orders, page.fills, page.cursor, holdings))
            return
