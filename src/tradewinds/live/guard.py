"""The guard: cancels what is open and, when asked, flattens what is held, at every account, without the trade process.

1. It has brokers with keys of its own, a journal of its own for each account, and a gate that only lets positions shrink.
2. Halt: ask what is open, cancel it, ask again, until two answers in a row name nothing. One account that fails holds up no other.
3. Flatten, after that: for each position one market order, journalled before it is sent; what is left is asked for and ordered again.
4. Dead-man timer: a heartbeat older than `stale_s` while an order is open (or nobody can say) is a halt.

Its own journal never holds up a cancel; without it nothing is flattened, because what is not written down must not be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from tradewinds.core.broker import Broker, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.order import ENDED, ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.core.ports import Clock
from tradewinds.live.guard_process import Beat
from tradewinds.risk.limits import ReduceGate
from tradewinds.trading.entry import Alerted, Approved, Changed, Controlled, Entry, Input, Overridden, Record
from tradewinds.trading.flattening import GUARD
from tradewinds.trading.journal import JournalStore, chained

STRATEGY = GUARD
HALT_WITHIN_S = 30.0
ASK_WITHIN_S = 5.0
AGAIN_S = 0.05
PAUSE_S_MAX = 1.0
CONFIRM_S = 0.1  # what was on the wire when the trade process died has arrived by then
CANCELS_AT_ONCE = 50
FLATTEN_ROUNDS = 5
FLATTEN_LOOKS = 40
STALE_S = 30.0
WATCH_EVERY_S = 1.0

T = TypeVar("T")


class Epoch(Protocol):
    """The halt epoch of this home."""

    def epoch(self) -> int: ...

    def raise_epoch(self) -> int: ...


@dataclass(slots=True)
class GuardedAccount:
    """One account as the guard has it. journal: its own, `<home>/guard/<account>.sqlite`.

    keeps_line: whether it stays connected; not where a broker takes one connection of a kind, which the trade process has.
    """

    name: str
    broker: Broker
    journal: JournalStore
    keeps_line: bool = True
    is_open: bool = False


@dataclass(slots=True)
class Cleared:
    """What became of one account. open: ids of orders that still work, None where nobody could say. error: why, "" where all is well."""

    cancelled: int = 0
    open: list[str] | None = None
    flattened: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def is_clear(self) -> bool:
        return self.open == [] and not self.error

    def told(self) -> dict[str, Any]:
        return {
            "cancelled": self.cancelled, "open": self.open, "flattened": self.flattened, "held": self.held, "error": self.error,
            "is_clear": self.is_clear,
        }  # fmt: skip


class Guard:
    """Watches over accounts. simulated: names of others, at which nothing can be open. `kill` ends who wrote a heartbeat.

    halted: told of each halt.
    """

    def __init__(
        self,
        accounts: Sequence[GuardedAccount],
        clock: Clock,
        epoch: Epoch,
        *,
        simulated: Sequence[str] = (),
        say: Callable[[str], None] = lambda line: None,
        kill: Callable[[Beat], str] = lambda beat: "alive",
        halted: Callable[[], None] = lambda: None,
    ) -> None:
        self.accounts = {one.name: one for one in accounts}
        self._clock = clock
        self._epoch = epoch
        self._simulated = tuple(simulated)
        self._say = say
        self._kill = kill
        self._halted = halted
        self._gate = ReduceGate()
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Connect, so that a halt finds open lines; an account that cannot be reached now is tried again when it is needed."""
        lines = (self._opened(one) for one in self.accounts.values() if one.keeps_line)
        await asyncio.gather(*lines, return_exceptions=True)

    async def stop(self) -> None:
        """Let go of brokers and journals."""
        for one in self.accounts.values():
            with suppress(TradewindsError, OSError):
                await one.broker.close()
            one.journal.close()

    async def halt(self, *, by: str, reason: str, epoch: int, flatten: bool = False) -> dict[str, Cleared]:
        """Cancel everything at every account, and flatten if asked. The trade process has been stopped before."""
        async with self._one_at_a_time:
            done = await asyncio.gather(
                *(self._clear(one, Controlled("halt", by, reason, epoch=epoch), flatten=flatten) for one in self.accounts.values())
            )
        self._halted()
        return dict(zip(self.accounts, done, strict=True)) | {name: Cleared(open=[]) for name in self._simulated}

    async def watch(self, beat: Callable[[], Beat | None], stale_s: float = STALE_S) -> None:
        """The dead-man timer; goes on until cancelled. beat: what the trade process last said, None where none ran or it ended cleanly."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            last = beat()
            if last is None or last.age_s <= stale_s or not await self._is_anything_open():
                continue
            reason = f"no heartbeat of the trade process for {min(last.age_s, 1e6):.0f} s while orders are open, expected one every second"
            self._say(f"critical: dead-man timer: {reason}")
            epoch = self._epoch.raise_epoch()
            self._say(f"trade process {last.pid}: {self._kill(last)}")
            for name, cleared in (await self.halt(by="guard", reason=reason, epoch=epoch)).items():
                self._say(f"account {name}: {cleared.cancelled} orders cancelled, open {cleared.open} {cleared.error}".rstrip())

    async def _is_anything_open(self) -> bool:
        """Whether an order is open anywhere, or an account does not say."""
        for one in self.accounts.values():
            try:
                if await self._asked(one, one.broker.open_orders):
                    return True
            except TradewindsError:
                return True
            finally:
                await self._let_go(one)
        return False

    async def _let_go(self, one: GuardedAccount) -> None:
        if one.is_open and not one.keeps_line:
            one.is_open = False
            with suppress(TradewindsError, OSError):
                await one.broker.close()

    async def _opened(self, one: GuardedAccount) -> None:
        if not one.is_open:
            await asyncio.wait_for(one.broker.open(_nobody_listens), HALT_WITHIN_S)
            one.is_open = True

    async def _asked(self, one: GuardedAccount, question: Callable[[], Awaitable[T]]) -> T:
        """The answer of a broker that may have to be connected first. Raises Transient where it does not answer in time."""
        try:
            await self._opened(one)
            return await asyncio.wait_for(question(), ASK_WITHIN_S)
        except (TimeoutError, OSError) as error:
            raise Transient(f"guard, account {one.name}: {type(error).__name__}, expected an answer within {ASK_WITHIN_S:g} s") from None

    async def _clear(self, one: GuardedAccount, control: Controlled, *, flatten: bool) -> Cleared:
        done = Cleared()
        is_written = self._write(one, control, (Overridden(control),))
        try:
            await asyncio.wait_for(self._cancel_all(one, done), HALT_WITHIN_S)
            if flatten and done.is_clear:
                if not is_written:
                    raise Rejected(
                        f"guard, account {one.name}: its journal takes nothing, expected to write an order down before sending it"
                    )
                await self._flatten(one, control, done)
        except TimeoutError:
            done.error = done.error or f"orders still work after {HALT_WITHIN_S:g} s"
        except TradewindsError as error:
            done.error = str(error)
        finally:
            await self._let_go(one)
        self._write(one, control, (Alerted("critical", f"halt: {done.cancelled} orders cancelled, open {done.open} {done.error}".strip()),))
        return done

    async def _cancel_all(self, one: GuardedAccount, done: Cleared) -> None:
        """Until two answers in a row name no open order."""
        seen: set[str] = set()
        empty, pause_s = 0, 0.0
        while True:
            try:
                reports = await self._asked(one, one.broker.open_orders)
            except (Transient, OutcomeUnknown) as error:
                done.open, done.error, empty = None, str(error), 0
                await asyncio.sleep(AGAIN_S)
                continue
            done.open, done.error = [report.client_order_id or report.venue_order_id for report in reports], ""
            gone = seen - {report.venue_order_id for report in reports}
            done.cancelled += len(gone)
            pause_s = 0.0 if gone or not seen else min(max(2 * pause_s, AGAIN_S), PAUSE_S_MAX)  # no venue is hammered
            seen = {report.venue_order_id for report in reports}
            await asyncio.sleep(pause_s)
            if not reports:
                empty += 1
                if empty == 2:
                    return
                await asyncio.sleep(CONFIRM_S)
                continue
            empty = 0
            for start in range(0, len(reports), CANCELS_AT_ONCE):
                batch = reports[start : start + CANCELS_AT_ONCE]
                await asyncio.gather(*(self._cancel(one, report) for report in batch))

    async def _cancel(self, one: GuardedAccount, report: OrderReport) -> None:
        """Ask for a cancel; whatever comes of it, the next look at the open orders tells."""
        order = OrderRef(report.client_order_id, report.venue_order_id, report.instrument)
        try:
            await self._asked(one, lambda: one.broker.cancel(order))
        except Rejected:
            pass  # it ended by itself meanwhile, or the next look says that it still works
        except TradewindsError as error:
            await asyncio.sleep(AGAIN_S if not isinstance(error, Transient) else error.retry_after_s or AGAIN_S)

    # Flattening

    async def _flatten(self, one: GuardedAccount, control: Controlled, done: Cleared) -> None:
        decision_ns = self._clock.now_ns()
        for revision in range(FLATTEN_ROUNDS):
            positions = (await self._asked(one, one.broker.holdings)).positions
            done.held = {name: format(size, "f") for name, size in sorted(positions.items()) if size}
            if not done.held:
                return
            for instrument in done.held:
                await self._reduce(one, control, decision_ns, revision, instrument, positions[instrument], done)
            await self._until_nothing_works(one)
        positions = (await self._asked(one, one.broker.holdings)).positions
        done.held = {name: format(size, "f") for name, size in sorted(positions.items()) if size}
        if done.held:
            done.error = f"still held after {FLATTEN_ROUNDS} rounds: {done.held}"

    async def _reduce(
        self, one: GuardedAccount, control: Controlled, decision_ns: int, revision: int, instrument: str, held: Decimal, done: Cleared
    ) -> None:
        can = one.broker.capability.has_reduce_only
        terms = OrderTerms(instrument, "sell" if held > 0 else "buy", abs(held), is_reduce_only=can)
        intent = Intent(one.name, STRATEGY, decision_ns, terms, revision=revision, reason=control.reason)
        verdict = self._gate.judge(intent, held, Decimal(0), self._clock.now_ns())
        if not isinstance(verdict, ApprovedOrder):
            raise Rejected(f"guard, account {one.name}: {verdict.reason}")
        if not self._write(one, control, (Approved(verdict),)):
            raise Rejected(f"guard, account {one.name}: its journal takes nothing, expected to write an order down before sending it")
        done.flattened.append(f"{terms.side} {terms.quantity:f} {instrument}")
        state, detail = await self._submitted(one, verdict)
        self._write(one, control, (Changed(verdict.client_order_id, OrderState.SENT), *_changes(verdict, state, detail)))

    async def _submitted(self, one: GuardedAccount, order: ApprovedOrder) -> tuple[OrderState, str]:
        """Send once. A doubt is settled by asking; the next round sees by the position whether it had an effect."""
        try:
            return (await asyncio.wait_for(one.broker.submit(order), ASK_WITHIN_S)).state, ""
        except Rejected as error:
            return OrderState.REJECTED, str(error)
        except Transient as error:
            return OrderState.ABSENT, str(error)
        except (OutcomeUnknown, TimeoutError, OSError) as error:
            detail = str(error) or type(error).__name__
        order_ref = OrderRef(order.client_order_id, "", order.terms.instrument)
        window_s = one.broker.capability.absent_after_s
        await asyncio.sleep(window_s)
        for _ in range(FLATTEN_LOOKS):
            with suppress(TradewindsError):
                report = await self._asked(one, lambda: one.broker.find(order_ref))
                return (OrderState.ABSENT if report is None else report.state), detail
            await asyncio.sleep(AGAIN_S)
        raise OutcomeUnknown(f"guard, account {one.name}: order {order.client_order_id} is in doubt ({detail}), expected the venue to say")

    async def _until_nothing_works(self, one: GuardedAccount) -> None:
        for _ in range(FLATTEN_LOOKS):
            if not await self._asked(one, one.broker.open_orders):
                return
            await asyncio.sleep(AGAIN_S)

    def _write(self, one: GuardedAccount, given: Input, records: tuple[Record, ...]) -> bool:
        """Append one entry to the account's guard journal; False where it takes none."""
        try:
            sequence, last = one.journal.last()
            one.journal.append(chained([Entry(self._clock.now_ns(), given, records)], sequence, last))
        except (TradewindsError, OSError) as error:
            self._say(f"critical: guard journal of {one.name} takes nothing: {error}")
            return False
        return True


def claimed(entries: Sequence[Entry]) -> tuple[ApprovedOrder, ...]:
    """The orders that a guard's journal holds: what the trade process claims at its start, before it compares with the venue."""
    return tuple(record.order for entry in entries for record in entry.records if isinstance(record, Approved))


def halt_reason(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """by, reason and epoch of the last halt that a guard's journal holds; empty where it holds none."""
    for entry in reversed(entries):
        if isinstance(entry.input, Controlled) and entry.input.action == "halt":
            return {"by": entry.input.by, "reason": entry.input.reason, "epoch": entry.input.epoch, "time_ns": entry.time_ns}
    return {}


def _changes(order: ApprovedOrder, state: OrderState, detail: str) -> tuple[Record, ...]:
    return (
        () if state not in ENDED | {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED} else (Changed(order.client_order_id, state, detail),)
    )


def _nobody_listens(told: Told) -> None:
    """The guard asks; it does not wait to be told."""
