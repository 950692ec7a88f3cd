"""The trading core of one account as one deterministic step: `handle(time, input) -> records and commands`.

1. An input comes in: bars closed, a person's order, an answer of the broker, something it told, time.
2. The engine emits records, each applied to the books at once, and commands for the wire.
3. Whoever runs it makes the step durable, then carries the commands out, and feeds what came of them back as inputs.

Rules that hold for every path: an order is journalled before it is sent; a doubt makes it UNKNOWN and freezes its instrument for the
whole account; UNKNOWN is settled by asking, never by sending again. `ordering.py` knows how a wish becomes an order that is
sent, `tracking.py` what news of an order means, `recovery.py` how the venue's truth is compared, `books.py` what is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tradewinds.core.broker import BrokerCapability, Link, OrderReport, Told
from tradewinds.core.money import by_numbers
from tradewinds.core.order import ApprovedOrder, Intent, OrderState
from tradewinds.risk.limits import Gate
from tradewinds.trading.answers import Answers
from tradewinds.trading.books import Books
from tradewinds.trading.command import Command as Command
from tradewinds.trading.command import CompareCommand as CompareCommand
from tradewinds.trading.command import Outcome as Outcome
from tradewinds.trading.command import PassCommand as PassCommand
from tradewinds.trading.entry import (
    Alerted,
    Allot,
    Allotted,
    Answered,
    Approval,
    Approved,
    BarsClosed,
    Booked,
    Brought,
    CancelWanted,
    Changed,
    Claimed,
    Compared,
    Controlled,
    Decided,
    Elsewhere,
    Entry,
    HandOver,
    Heard,
    Input,
    Limited,
    Linked,
    Overridden,
    Priced,
    ReplaceWanted,
    Restarted,
    Started,
    TakenOver,
    Ticked,
    Wanted,
)
from tradewinds.trading.handing import stale
from tradewinds.trading.ordering import Ordering
from tradewinds.trading.recovery import Comparing
from tradewinds.trading.step import Step
from tradewinds.trading.tracking import Tracking
from tradewinds.trading.worth import Worth

_LOUD_LINKS = {"locked out": "critical", "refused key": "critical", "question": "critical", "data lost": "warning", "restarting": "warning"}


class Host(Protocol):
    """The strategies of the account: what they want after bars closed, with what was decided for the journal."""

    def decide(self, bars: BarsClosed, books: Books) -> Iterable[tuple[Decided | Alerted, tuple[Intent, ...]]]:
        """What was decided, or that a strategy failed, each with what it wants; asked for one by one, so that books are up to date."""
        ...

    def react(self, now_ns: int, books: Books) -> Iterable[tuple[Decided | Alerted, tuple[Intent, ...]]]:
        """What fills and endings want between bars: nothing is decided anew."""
        ...


@dataclass(slots=True)
class Engine:
    """One account's core. The journal is told to it by `replay` before the first `handle`.

    valid_ns: of strategies that trade on another account too: how long after a decision its orders may still leave there.
    """

    books: Books
    gate: Gate
    capability: BrokerCapability
    host: Host | None = None
    is_shadow: bool = False
    valid_ns: Mapping[str, int] = field(default_factory=dict)
    worth: Worth = field(default_factory=Worth)
    step: Step = field(init=False)
    tracking: Tracking = field(init=False)
    answers: Answers = field(init=False)
    comparing: Comparing = field(init=False)
    ordering: Ordering = field(init=False)
    _is_link_untold: bool = False  # since the last start
    _has_heard: bool = False  # of fills or endings elsewhere, in this step

    def __post_init__(self) -> None:
        self.step = Step(self.books, self.gate, self.worth)
        self.tracking = Tracking(self.step, self.capability)
        self.answers = Answers(self.tracking)
        self.comparing = Comparing(self.step, self.tracking, self.capability)
        self.ordering = Ordering(self.step, self.tracking, self.comparing, self.capability, self.valid_ns, self.is_shadow)

    @by_numbers
    def handle(self, time_ns: int, given: Input) -> Outcome:
        """One step. Times never run backwards: an earlier one counts as the last."""
        step = self.step
        step.begin(time_ns)
        self._take(given)
        if not isinstance(given, BarsClosed):
            self._react()
        for name in list(step.replacing):
            self.ordering.follow(self.books.orders[name])
        if self.tracking.is_compare_wanted:
            self.tracking.is_compare_wanted = False
            self.comparing.ask_soon()
        self.books.steps += 1
        step.commands += step.tidings.leave(self.books.account, step.time_ns)
        return Outcome(Entry(step.time_ns, given, tuple(step.records)), tuple(step.commands))

    @by_numbers
    def replay(self, entry: Entry) -> None:
        """Take in a step of the journal: books, gate and prices are then as they were after it."""
        self.step.time_ns = max(self.step.time_ns, entry.time_ns)
        if isinstance(entry.input, Priced):
            self.worth.price(self.books, self.gate, entry.input, entry.time_ns)
        elif isinstance(entry.input, Limited):
            self.gate.limit_by_words(entry.input.limits)
        elif isinstance(entry.input, Elsewhere):
            self.books.learn(entry.input)
        for record in entry.records:
            self.step.apply(entry.time_ns, record)
        self.step.tidings.keep(self.books.account, self.step.time_ns)
        self.books.steps += 1

    @property
    def is_ready(self) -> bool:
        """Whether a comparison has come since the start; before that nothing is sent."""
        return self.comparing.is_first_done

    @property
    def prices(self) -> dict[str, Priced]:
        """The last known by instrument."""
        return self.worth.prices

    def due_ns(self) -> int | None:
        """When the next `Ticked` is wanted."""
        return self.step.timers.next_ns()

    def recover(self) -> None:
        """Nothing is known to be under way; what was, is in doubt until the broker was asked. Nothing is sent before a comparison."""
        step = self.step
        self._is_link_untold = True
        step.timers.clear()
        step.under_way.clear()
        step.replacing = {name: None for name, one in self.books.orders.items() if one.replacement is not None}
        self.comparing.reset()
        for order in list(self.books.open.values()):
            if order.state in (OrderState.INTENT, OrderState.SENT, OrderState.REPLACE_SENT):
                self.tracking.doubt(order, "perhaps sent before the start")
            self.tracking.settle(order)
        for name, waiting in self.books.waiting.items():
            step.timers.set("approval", name, waiting.until_ns)
        step.commands += [PassCommand(name, given) for name, handed in self.books.handed.items() for given in handed.values()]
        step.commands += step.tidings.leave_again()
        self.comparing.ask()

    # Inputs

    def _take(self, given: Input) -> None:
        match given:
            case Answered():
                self.answers.take(given)
            case Heard(told):
                self._on_told(told)
            case Priced():
                self.worth.price(self.books, self.gate, given, self.step.time_ns)
            case BarsClosed():
                self._on_bars(given)
            case Wanted(intents):
                self.ordering.want(intents)
            case CancelWanted():
                self.ordering.take_cancel(given)
            case ReplaceWanted():
                self.ordering.take_replace(given)
            case Approval():
                self.ordering.take_approval(given)
            case Compared():
                self.comparing.take(given)
            case Ticked():
                self._on_tick()
            case Controlled():
                self._on_control(given)
            case Restarted():
                self.recover()
            case Started():
                pass
            case Claimed(orders):
                self._on_claimed(orders)
            case Limited(limits):
                self.gate.limit_by_words(limits)
            case Allot():
                self._on_allot(given)
            case HandOver():
                self._on_hand_over(given)
            case Elsewhere():
                self._on_elsewhere(given)

    def _on_bars(self, bars: BarsClosed) -> None:
        if self.host is None:
            return
        self._follow_host(self.host.decide(bars, self.books))

    def _react(self) -> None:
        """Fills and endings may want something at once: the exits of an entry do not wait for the next bar."""
        news = self._has_heard or any(isinstance(one, Booked | Changed) for one in self.step.records)
        self._has_heard = False
        if news and self.host is not None and self.is_ready:
            self._follow_host(self.host.react(self.step.time_ns, self.books))

    def _follow_host(self, decisions: Iterable[tuple[Decided | Alerted, tuple[Intent, ...]]]) -> None:
        for decided, intents in decisions:
            self.step.emit(decided)
            cancels = decided.cancels if isinstance(decided, Decided) else ()
            for one in cancels:
                if one in self.books.open:
                    self.ordering.cancel(self.books.open[one], "its strategy asked for it")
            self.ordering.want(intents, [one for one in cancels if one not in self.books.orders])

    def _on_told(self, told: Told) -> None:
        if isinstance(told, OrderReport):
            self.tracking.report(told, "stream", self.step.time_ns)
        elif isinstance(told, Link):
            self._on_link(told)
        else:
            self.tracking.book(told)

    def _on_link(self, link: Link) -> None:
        # Every question is another one; and after a start a person learns again what stands in the way.
        is_news = link.state == "question" or link.state != self.books.link or self._is_link_untold
        self._is_link_untold = False
        self.step.emit(Linked(link.state, link.detail))
        severity = _LOUD_LINKS.get(link.state)
        if severity is not None and is_news:
            self.step.alert("critical" if severity == "critical" else "warning", f"the broker's connection: {link.state}: {link.detail}")
        if link.state in ("up", "data lost"):
            self.comparing.ask()

    def _on_tick(self) -> None:
        for kind, name in self.step.timers.due(self.step.time_ns):
            if kind in ("compare", "owed"):
                self.comparing.due(kind)
            elif kind == "approval":
                waiting = self.books.waiting.get(name)
                if waiting is not None:
                    self.ordering.refuse(waiting.intent, "approval", f"nobody allowed it in time: {waiting.why}")
            else:
                self.tracking.due(kind, name)

    def _on_control(self, control: Controlled) -> None:
        self.step.emit(Overridden(control))
        if control.action != "halt":
            return
        for waiting in list(self.books.waiting.values()):
            self.ordering.refuse(waiting.intent, "halt", f"trading was halted while it waited: {control.reason}")
        for name in list(self.step.replacing):
            self.ordering.stop_replacing(self.books.orders[name], "halted")
        for order in list(self.books.open.values()):
            self.ordering.cancel(order, control.reason)

    def _on_claimed(self, orders: Iterable[ApprovedOrder]) -> None:
        for one in orders:
            if one.client_order_id not in self.books.orders:
                self.step.emit(Approved(one))
                order = self.books.orders[one.client_order_id]
                self.tracking.doubt(order, "another process of ours perhaps sent it")
                self.tracking.settle(order)

    # Other accounts

    def _on_hand_over(self, given: HandOver) -> None:
        """Known, old, or to be judged; all of it in one step, so that its home learns of all of it at once."""
        if given.number <= self.books.taken.get(given.home, 0):
            return
        self.step.emit(TakenOver(given.home, given.number, given.strategy, given.heard))
        for name in given.cancels:
            if name in self.books.open:
                self.ordering.cancel(self.books.open[name], "its strategy asked for it")
            elif name in self.books.waiting:
                self.ordering.refuse(self.books.waiting[name].intent, "cancelled", "its strategy asked for it")
        why = stale(given, self.step.time_ns)
        if why is None:
            self.ordering.want(given.intents)
            return
        for intent in given.intents:
            self.ordering.refuse(intent, "stale", why)

    def _on_elsewhere(self, given: Elsewhere) -> None:
        self._has_heard = self.books.learn(given) and any(isinstance(one, Booked | Changed) for one in given.records)

    def _on_allot(self, given: Allot) -> None:
        """A strategy that gets another home while it holds something here: its orders end, and its home is told what it holds."""
        strategy, books = given.strategy, self.books
        is_moved = given.home not in ("", books.homes.get(strategy, ""))
        self.step.emit(Allotted(strategy, given.currency, given.amount, given.home))
        if is_moved:
            part = books.part(strategy)
            held = {name: (one.quantity, one.average_price or Decimal(0)) for name, one in part.positions.items()}
            self.step.emit(Brought(strategy, given.home, dict(part.cash), held))
            for order in [one for one in books.open.values() if one.strategy == strategy]:
                self.ordering.cancel(order, f"its strategy decides on account {given.home} from now on")
