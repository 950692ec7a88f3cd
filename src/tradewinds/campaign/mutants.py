"""Bugs that can be planted into the real classes, to prove that the campaign finds them. A campaign that cannot fail proves nothing.

A mutant changes a class for as long as it is planted: the core's `handle` takes an input for another, the account loop speaks to its
broker through a layer that is wrong in one way, or an id, a journal or a recovery works otherwise than it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tradewinds.campaign.disk import DiskJournal
from tradewinds.campaign.loop import PROCESS
from tradewinds.campaign.wrong_broker import WRONG, WRONG_ENDS, Layer
from tradewinds.campaign.wrong_core import UNKNOWN_IS_NOT_SENT, UNKNOWN_IS_REJECTED, Change
from tradewinds.core.broker import OrderReport
from tradewinds.core.errors import Rejected
from tradewinds.core.order import Intent, OrderState
from tradewinds.live.account import AccountLoop
from tradewinds.trading.engine import Engine
from tradewinds.trading.journal import Chained
from tradewinds.trading.recovery import Comparing
from tradewinds.trading.tracking import Tracking

LATE_S = 0.3
ONLY_AT = {"stale_answers": "direct"}  # the other adapters hear of most ends in a second way, so that it decides less often
Put = Callable[[Any, str, Any], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. plant: patches classes by `put(owner, name, value)`, which is undone afterwards. broker: where alone it does harm."""

    what: str
    plant: Callable[[Put], None]
    broker: str | None = None


def all_bugs() -> dict[str, Mutant]:
    """Those that are found, and those that are healed."""
    return {**MUTANTS, **HEALED}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The bug is there within the block."""
    bugs = all_bugs()
    if name not in bugs:
        raise Rejected(f"mutant {name!r}, expected one of {', '.join(bugs)}")
    undo: list[tuple[Any, str, Any]] = []

    def put(owner: Any, attribute: str, value: Any) -> None:
        undo.append((owner, attribute, owner.__dict__[attribute]))
        setattr(owner, attribute, value)

    bugs[name].plant(put)
    try:
        yield
    finally:
        for owner, attribute, value in reversed(undo):
            setattr(owner, attribute, value)


def _core(change: Change) -> Callable[[Put], None]:
    """The core takes some inputs for others."""

    def plant(put: Put) -> None:
        handle = Engine.handle
        put(Engine, "handle", lambda self, time_ns, given: handle(self, time_ns, change(given)))

    return plant


def _broker(name: str) -> Callable[[Put], None]:
    """The account loop speaks to its broker through a layer that is wrong."""

    def plant(put: Put) -> None:
        begin = AccountLoop.__init__

        def wrong(self: AccountLoop, engine: Any, journal: Any, broker: Any, *rest: Any, **options: Any) -> None:
            begin(self, engine, journal, {**WRONG, **WRONG_ENDS}[name](broker), *rest, **options)

        put(AccountLoop, "__init__", wrong)

    return plant


def _ended_is_ended(then: Callable[[Put], None]) -> Callable[[Put], None]:
    """A bug, and a core that hears nothing of an order any more once it has ended; by itself it would find out and take it back."""

    def plant(put: Put) -> None:
        then(put)
        report = Tracking.report

        def wrong(self: Tracking, said: OrderReport, *rest: Any) -> None:
            order = self.step.books.named(said.client_order_id, said.venue_order_id)
            if order is None or not order.has_ended:
                report(self, said, *rest)

        put(Tracking, "report", wrong)

    return plant


def _journal_after_send(put: Put) -> None:
    def append(self: DiskJournal, entries: Sequence[Chained]) -> None:
        self._loop.call_later(LATE_S, self._disk.rows.extend, list(entries))

    put(DiskJournal, "append", append)


def _id_from_counter(put: Put) -> None:
    """Every process counts from one."""
    counts: dict[Any, dict[Intent, int]] = {}

    def name(self: Intent) -> str:
        given = counts.setdefault(PROCESS.get(), {})
        return f"tw{given.setdefault(self, len(given) + 1):026d}".replace("0", "a").replace("1", "b").replace("8", "c").replace("9", "d")

    put(Intent, "client_order_id", property(name))


def _recovery_drops_intents(put: Put) -> None:
    recover = Engine.recover

    def wrong(self: Engine) -> None:
        for name, order in list(self.books.open.items()):
            if order.state in (OrderState.INTENT, OrderState.SENT):
                del self.books.open[name]
        recover(self)

    put(Engine, "recover", wrong)


def _recovery_sends_again(put: Put) -> None:
    start = AccountLoop.start

    async def wrong(self: AccountLoop) -> None:
        await start(self)
        for order in list(self.engine.books.open.values()):
            if order.state in (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN):
                self.dispatch.spawn(_sent(self, order.approved))

    put(AccountLoop, "start", wrong)


async def _sent(account: AccountLoop, order: Any) -> None:
    try:
        await account._broker.submit(order)
    except Exception:  # noqa: BLE001 - the bug does not care
        return


def _no_comparison_when_idle(put: Put) -> None:
    """As it once was: with no order open nothing is compared until something is told."""
    due = Comparing.due

    def wrong(self: Comparing, kind: str) -> None:
        books = self.step.books
        if kind != "compare" or books.open or books.owing or self._seen:
            due(self, kind)

    put(Comparing, "due", wrong)


def _epoch_not_read(put: Put) -> None:
    begin = AccountLoop.__init__

    def wrong(self: AccountLoop, engine: Any, journal: Any, broker: Any, clock: Any, epoch: Any, *rest: Any, **options: Any) -> None:
        begin(self, engine, journal, broker, clock, lambda: 0, *rest, **options)

    put(AccountLoop, "__init__", wrong)


def _said(wrong: type[Layer]) -> str:
    return (wrong.__doc__ or "").partition("\n")[0].rstrip(".")


MUTANTS: dict[str, Mutant] = {
    "unknown_is_rejected": Mutant("a submit of unknown outcome is taken for rejected", _core(UNKNOWN_IS_REJECTED)),
    "unknown_is_not_sent": Mutant("a submit of unknown outcome is taken for never sent", _core(UNKNOWN_IS_NOT_SENT)),
    "journal_after_send": Mutant("an entry becomes durable a moment after its commands went out", _journal_after_send),
    "id_from_counter": Mutant("the client order id is a number that each process counts from one", _id_from_counter),
    "recovery_drops_intents": Mutant("recovery forgets orders that were journalled and perhaps sent", _recovery_drops_intents),
    "recovery_sends_again": Mutant("recovery sends again what it finds unanswered", _recovery_sends_again),
    "no_comparison_when_idle": Mutant("while no order is open, the venue is not compared with", _no_comparison_when_idle),
    "epoch_not_read": Mutant("the halt epoch is not read before a send", _epoch_not_read),
    **{
        f"{name}_for_good": Mutant(_said(WRONG_ENDS[name]) + ", and no news changes that", _ended_is_ended(_broker(name)))
        for name in WRONG_ENDS
    },
    **{name: Mutant(_said(wrong), _broker(name), ONLY_AT.get(name)) for name, wrong in WRONG.items()},
}
# Bugs of an adapter that do no harm by themselves: the core finds out and takes the end back. Planted to show just that.
HEALED: dict[str, Mutant] = {name: Mutant(_said(WRONG_ENDS[name]), _broker(name)) for name in WRONG_ENDS}
