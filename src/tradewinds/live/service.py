"""The trading service: several accounts in one process, the feed that drives them, and the channel through which people speak to them.

1. Leases are taken (accounts, strategies, the home) and every journal is locked, before anything else: a second service is refused.
2. Accounts are brought up side by side; the feed runs from the first moment, what it brings waits for those that are not up yet.
3. A heartbeat is written and the halt epoch watched: once it rises, every account halts, and when none sends any more it is acknowledged.
4. What one account has for another is carried over once the step that made it is durable, and again after a restart (`post.py`).
5. Stopping lets go of brokers and journals; orders stay at the venues, and the next start finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, cast

from tradewinds.core.broker import Broker
from tradewinds.core.errors import Invariant, Rejected, Transient
from tradewinds.core.instant import text
from tradewinds.core.ports import Clock
from tradewinds.live.decisions import Decisions, Verdict
from tradewinds.live.post import Post, Word
from tradewinds.live.trader import Hooks, Published, Trader, TraderPlan
from tradewinds.trading.command import PassCommand
from tradewinds.trading.entry import Alerted, Entry, HandOver, Started

EPOCH_EVERY_S = 0.01
BEAT_EVERY_S = 0.25
VERDICT_WITHIN_S = 30.0
SETTLE_WITHIN_S = 5.0
LOOK_EVERY_S = 0.1

Alert = Callable[[str, Alerted, int], None]  # account, what, when


class Feed(Protocol):
    """Where closed bars and prices come from; `run` goes on until cancelled, or ends where there is no more."""

    async def run(self, publish: Callable[[Published], None]) -> None: ...


class Epoch(Protocol):
    """The halt epoch of this home."""

    def epoch(self) -> int: ...

    def acknowledge(self, epoch: int) -> None: ...


class Pulse(Protocol):
    """The heartbeat of this process."""

    def beat(self, detail: Mapping[str, Any] | None = None) -> None: ...

    def rest(self) -> None: ...


class TradingService:
    """Runs accounts. `say` tells a person one line at a time; `alert` is called once for each alert, never for replayed ones.

    stepped: called with each step that became durable, never with replayed ones.
    """

    def __init__(
        self,
        plans: Sequence[TraderPlan],
        *,
        clock: Clock,
        epoch: Epoch,
        pulse: Pulse,
        started: Callable[[TraderPlan], Started],
        feed: Feed | None = None,
        say: Callable[[str], None] = lambda line: None,
        alert: Alert = lambda account, alerted, time_ns: None,
        stepped: Callable[[str, Entry], None] = lambda account, entry: None,
    ) -> None:
        self.clock = clock
        self.epoch = epoch
        self.started_ns = clock.now_ns()
        self.decisions = Decisions(self._told)
        self.traders = {
            plan.name: Trader(plan, started(plan), self._hooks(plan.name), say, partial(self._is_up, plan.name)) for plan in plans
        }
        self.post = Post({name: one.put for name, one in self.traders.items()}, self._is_lost)
        self._pulse = pulse
        self._feed = feed
        self._say = say
        self._alert = alert
        self._tell_step = stepped
        self._missing: set[str] = set()  # accounts that were told of as not trading
        self._acknowledged: dict[str, int] = {}
        self._judging: dict[str, list[asyncio.Future[Verdict]]] = {}
        self._stepped = asyncio.Event()
        self._stopping = asyncio.Event()

    def lock(self) -> None:
        """Put every account together, which takes its journal's lock. Raises Rejected where another process holds one."""
        for trader in self.traders.values():
            trader.make()

    async def run(self) -> None:
        """Trade until `stop` is asked for, the feed ends, or no account is left. Raises Rejected where none could be brought up."""
        tasks = [asyncio.create_task(self._run_one(one), name=one.name) for one in self.traders.values()]
        watch = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch_epoch())]
        fed = None if self._feed is None else asyncio.create_task(self._feed.run(self.publish))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                waiting = {stopped, *watch, *(task for task in tasks if not task.done()), *([] if fed is None or fed.done() else [fed])}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in watch:
                    if one.done():
                        one.result()
                        raise Invariant("trading service: a watch ended by itself, expected it to go on")
                if all(task.done() for task in tasks):
                    break
                if fed is not None and fed.done():
                    if fed.exception() is None:
                        await self.ready()
                        break
                    self._blind(fed)
                    fed = None
            if fed is not None:
                fed.cancel()
            await self.until(self.is_idle, SETTLE_WITHIN_S)
        finally:
            ending = [*tasks, *watch, stopped, *([] if fed is None else [fed])]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            for trader in self.traders.values():
                await trader.stop()
            self._pulse.rest()
        failed = [one for one in self.traders.values() if one.state == "failed"]
        if failed and len(failed) == len(self.traders):
            raise Rejected(f"account {failed[0].name}: {failed[0].failure}")

    def stop(self) -> None:
        """Ask for a clean end: nothing new is sent, orders stay where they are."""
        self._stopping.set()

    def is_idle(self) -> bool:
        """Nothing is under way at any account."""
        return all(one.state != "trading" or one.parts.loop.is_idle for one in self.traders.values())

    def publish(self, given: Published) -> None:
        """Give bars or a price to every account that wants them."""
        for trader in self.traders.values():
            trader.publish(given)

    def trader(self, account: str) -> Trader:
        """The account of that name; raises Rejected naming those there are."""
        if account not in self.traders:
            raise Rejected(f"account {account!r}, expected one that is traded here: {', '.join(self.traders) or 'none'}")
        return self.traders[account]

    def broker(self, account: str) -> Broker:
        """The broker of an account that is up."""
        return self.trader(account).parts.broker

    async def ready(self) -> None:
        """Until every account trades or failed."""
        for trader in self.traders.values():
            await trader.settled.wait()

    async def verdict(self, client_order_id: str, ask: Callable[[], None]) -> Verdict:
        """What the gate says of an intent that `ask` brings before it. Raises Transient where it says nothing in time."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._judging.setdefault(client_order_id, []).append(future)
        try:
            ask()
            return await asyncio.wait_for(future, VERDICT_WITHIN_S)
        except TimeoutError:
            raise Transient(
                f"order {client_order_id}: not judged within {VERDICT_WITHIN_S:g} s, expected it; look with trade orders"
            ) from None
        finally:
            self._judging.get(client_order_id, [future]).remove(future)

    async def until(self, is_so: Callable[[], bool], within_s: float = VERDICT_WITHIN_S) -> bool:
        """Wait for what a durable step brings about; whether it came in time."""

        async def look() -> None:
            while not is_so():
                self._stepped.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stepped.wait(), LOOK_EVERY_S)

        with suppress(TimeoutError):
            await asyncio.wait_for(look(), within_s)
        return is_so()

    async def _run_one(self, trader: Trader) -> None:
        """One account until it ends; whatever ends it, the others go on."""
        task = asyncio.create_task(trader.run())
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        error = task.exception()
        if error is not None:
            await trader.fail(f"a bug of ours: {type(error).__name__}: {error}")

    def _hooks(self, account: str) -> Hooks:
        def listen(entry: Entry) -> None:
            self.decisions.take(account, entry)
            self._stepped.set()
            self.post.journalled(account, entry)
            trader = self.traders.get(account)
            if trader is None or trader.is_replaying:
                return
            self._tell_step(account, entry)
            for record in entry.records:
                if isinstance(record, Alerted):
                    self._warn(account, record, entry.time_ns)

        def acknowledge(epoch: int) -> None:
            self._acknowledged[account] = epoch

        def alert(severity: str, words: str) -> None:
            self._warn(account, Alerted(cast(Any, severity), words), self.clock.now_ns())

        def route(command: PassCommand) -> None:
            trader = self.traders.get(command.account)
            if trader is not None and trader.state == "failed":  # for good: it leaves again at the next start of both
                self._is_lost(command.account, command.given)
            else:
                self.post.take(command)

        return Hooks(listen, acknowledge, alert, route)

    def _warn(self, account: str, alerted: Alerted, time_ns: int) -> None:
        words = alerted.text.removeprefix(f"account {account}: ")
        self._say(f"{alerted.severity}: account {account}: {words}")
        self._alert(account, Alerted(alerted.severity, words), time_ns)

    def _told(self, verdict: Verdict) -> None:
        for future in self._judging.get(verdict.intent.client_order_id, []):
            if not future.done():
                future.set_result(verdict)

    def _is_up(self, account: str) -> None:
        self.post.is_up(account)

    def _is_lost(self, account: str, given: Word) -> None:
        """What is wanted of an account that does not trade: it stays wanted, and is refused as old when the account is back."""
        if isinstance(given, HandOver) and account not in self._missing:
            self._missing.add(account)
            words = f"orders of {given.strategy} are for account {account}, which does not trade here; the strategy goes on without it"
            self._warn(given.home, Alerted("critical", words), self.clock.now_ns())

    def _blind(self, fed: asyncio.Task[None]) -> None:
        """The feed ended for good: orders are looked after, decisions that are asked for go on, nothing else is decided."""
        words = f"the feed ended: {type(fed.exception()).__name__}: {fed.exception()}; strategies see no bars any more"
        for name in self.traders:
            self._warn(name, Alerted("critical", words), self.clock.now_ns())

    async def _beat(self) -> None:
        is_written = True
        while True:
            accounts = {name: trader.state for name, trader in self.traders.items()}
            links = {name: trader.books.link for name, trader in self.traders.items()}
            halted = [name for name, trader in self.traders.items() if trader.books.is_halted]
            try:
                self._pulse.beat({"accounts": accounts, "links": links, "halted": halted, "since": text(self.started_ns)})
                is_written = True
            except OSError as error:  # a full disk: what trades goes on; the guard halts where it sees no heartbeat for long
                if is_written:
                    self._say(f"critical: the heartbeat cannot be written: {error}; a guard that watches will halt")
                is_written = False
            await asyncio.sleep(BEAT_EVERY_S)

    async def _watch_epoch(self) -> None:
        """Acknowledge a raised epoch once every account that could send has; each of them watches it by itself."""
        told = 0
        while True:
            epoch = self.epoch.epoch()
            sending = [name for name, one in self.traders.items() if one.can_send]
            if epoch > told and all(self._acknowledged.get(name, 0) >= epoch for name in sending):
                self._say(f"critical: halted, epoch {epoch}")
                self.epoch.acknowledge(epoch)
                told = epoch
            await asyncio.sleep(EPOCH_EVERY_S)
