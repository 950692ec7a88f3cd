"""The trading core of one account as one deterministic step: `handle(time, input) -> records and commands`.

1. An input comes in: bars closed, a person's order, an answer of the broker, something it told, time.
2. The engine emits records, each applied to the books at once, and commands for the wire.
3. Whoever runs it makes the step durable, then carries the commands out, and feeds what came of them back as inputs.

Rules that hold for every path: an order is journalled before it is sent; a doubt makes it UNKNOWN and freezes its instrument for the
whole account; UNKNOWN is settled by asking, never by sending again. `tracking.py` knows what news of an order means, `recovery.py` how
the venue's truth is compared, `books.py` what is so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tradewinds.core.broker import BrokerCapability, Link, OrderRef, OrderReport, Told
from tradewinds.core.money import by_numbers
from tradewinds.core.order import ApprovedOrder, Hold, Intent, OrderState, OrderTerms, Refusal
from tradewinds.risk.limits import Gate
from tradewinds.trading.answers import Answers
from tradewinds.trading.books import Books, Order
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
    CancelAsked,
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
    Refused,
    ReplaceAsked,
    ReplaceWanted,
    Restarted,
    Started,
    TakenOver,
    Ticked,
    Waiting,
    Wanted,
)
from tradewinds.trading.handing import hand_over, stale
from tradewinds.trading.recovery import Comparing
from tradewinds.trading.step import Step
from tradewinds.trading.tracking import Tracking
from tradewinds.trading.worth import Worth

SHADOW = "shadow: decided and never sent"
NO_TRADING_LINKS = ("restarting", "locked out", "refused key")
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
    _is_link_untold: bool = False  # since the last start
    _has_heard: bool = False  # of fills or endings elsewhere, in this step

    def __post_init__(self) -> None:
        self.step = Step(self.books, self.gate, self.worth)
        self.tracking = Tracking(self.step, self.capability)
        self.answers = Answers(self.tracking)
        self.comparing = Comparing(self.step, self.tracking, self.capability)

    @by_numbers
    def handle(self, time_ns: int, given: Input) -> Outcome:
        """One step. Times never run backwards: an earlier one counts as the last."""
        step = self.step
        step.begin(time_ns)
        self._take(given)
        if not isinstance(given, BarsClosed):
            self._react()
        for name in list(step.replacing):
            self._follow(self.books.orders[name])
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
                self._want(intents)
            case CancelWanted():
                self._on_cancel_wanted(given)
            case ReplaceWanted():
                self._on_replace_wanted(given)
            case Approval():
                self._on_approval(given)
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
                    self._cancel(self.books.open[one], "its strategy asked for it")
            self._want(intents, [one for one in cancels if one not in self.books.orders])

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
                    self._refuse(waiting.intent, "approval", f"nobody allowed it in time: {waiting.why}")
            else:
                self.tracking.due(kind, name)

    def _on_control(self, control: Controlled) -> None:
        self.step.emit(Overridden(control))
        if control.action != "halt":
            return
        for waiting in list(self.books.waiting.values()):
            self._refuse(waiting.intent, "halt", f"trading was halted while it waited: {control.reason}")
        for name in list(self.step.replacing):
            self._stop_replacing(self.books.orders[name], "halted")
        for order in list(self.books.open.values()):
            self._cancel(order, control.reason)

    def _on_claimed(self, orders: Iterable[ApprovedOrder]) -> None:
        for one in orders:
            if one.client_order_id not in self.books.orders:
                self.step.emit(Approved(one))
                order = self.books.orders[one.client_order_id]
                self.tracking.doubt(order, "another process of ours perhaps sent it")
                self.tracking.settle(order)

    # Wanting

    def _want(self, intents: Iterable[Intent], cancels: Iterable[str] = ()) -> None:
        """cancels: of orders elsewhere."""
        away: dict[tuple[str, str], list[Intent]] = {}
        for intent in intents:
            if intent.account != self.books.account:
                away.setdefault((intent.account, intent.strategy), []).append(intent)
            elif intent.client_order_id in self.books.waiting:
                self._refuse_again(intent)
            else:
                self._place(intent, None, is_allowed=False)
        if away or cancels:
            hand_over(self.step, self.valid_ns, away, cancels)

    def _place(self, intent: Intent, replaces: Order | None, *, is_allowed: bool) -> bool:
        """Judge an intent and send what passes; whether it did."""
        verdict = self._judged(intent, replaces, is_allowed=is_allowed)
        if isinstance(verdict, Refusal):
            self._refuse(intent, verdict.rule, verdict.reason)
            return False
        if isinstance(verdict, Hold) and replaces is not None:
            self._refuse(intent, verdict.rule, f"{verdict.reason}; what replaces an order cannot wait for a person")
            return False
        if isinstance(verdict, Hold):
            self.step.emit(Waiting(intent, verdict.rule, verdict.reason, verdict.until_ns))
            self.step.timers.set("approval", intent.client_order_id, verdict.until_ns)
            return False
        self.step.timers.drop("approval", intent.client_order_id)
        self.step.emit(Approved(verdict, None if replaces is None else replaces.client_order_id))
        order = self.books.orders[intent.client_order_id]
        if self.is_shadow:
            self.step.emit(Changed(order.client_order_id, OrderState.CANCELLED, SHADOW))
        elif replaces is None or replaces.has_ended:
            self.step.command("submit", order, verdict)
        else:
            self.step.emit(Changed(replaces.client_order_id, OrderState.REPLACE_SENT))
            self.step.command("replace", replaces, verdict)
            self.step.under_way[order.client_order_id] = self.step.time_ns
        return True

    def _judged(self, intent: Intent, replaces: Order | None, *, is_allowed: bool) -> ApprovedOrder | Refusal | Hold:
        books = self.books
        if books.is_halted:
            return Refusal(intent, "halt", "trading is halted; `tradewinds trade --resume` after the reason is gone")
        if not self.is_ready:
            return Refusal(intent, "starting", "the broker was not compared with since the start")
        if intent.client_order_id in books.orders:
            return Refusal(intent, "duplicate", f"decided before as {intent.client_order_id}")
        if books.link in NO_TRADING_LINKS:
            return Refusal(intent, "link", f"the broker's connection is {books.link}")
        frozen = books.doubt(intent.terms.instrument)
        if frozen is not None:
            return Refusal(intent, "frozen", f"order {frozen} is in doubt; its instrument waits until the broker answered")
        name = None if replaces is None else replaces.client_order_id
        return self.gate.judge(intent, self.worth.standing, self.step.time_ns, is_allowed=is_allowed, replaces=name)

    def _refuse(self, intent: Intent, rule: str, reason: str) -> None:
        self.step.timers.drop("approval", intent.client_order_id)
        self.step.emit(Refused(Refusal(intent, rule, reason)))

    def _refuse_again(self, intent: Intent) -> None:
        """An intent that waits for a person is wanted once more: it goes on waiting."""
        self.step.alert("info", f"{intent.client_order_id} waits for a person already")

    def _on_approval(self, approval: Approval) -> None:
        waiting = self.books.waiting.get(approval.client_order_id)
        if waiting is None:
            self.step.alert("warning", f"approval of {approval.client_order_id} by {approval.by}: it does not wait for one")
        elif not approval.is_given:
            self._refuse(waiting.intent, "approval", f"{approval.by} said no: {approval.reason}")
        elif self.step.time_ns > waiting.until_ns:
            self._refuse(waiting.intent, "approval", f"{approval.by} allowed it too late: {waiting.why}")
        else:
            self._place(waiting.intent, None, is_allowed=True)

    # Other accounts

    def _on_hand_over(self, given: HandOver) -> None:
        """Known, old, or to be judged; all of it in one step, so that its home learns of all of it at once."""
        if given.number <= self.books.taken.get(given.home, 0):
            return
        self.step.emit(TakenOver(given.home, given.number, given.strategy, given.heard))
        for name in given.cancels:
            if name in self.books.open:
                self._cancel(self.books.open[name], "its strategy asked for it")
            elif name in self.books.waiting:
                self._refuse(self.books.waiting[name].intent, "cancelled", "its strategy asked for it")
        why = stale(given, self.step.time_ns)
        if why is None:
            self._want(given.intents)
            return
        for intent in given.intents:
            self._refuse(intent, "stale", why)

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
                self._cancel(order, f"its strategy decides on account {given.home} from now on")

    # Cancelling and replacing

    def _on_cancel_wanted(self, wanted: CancelWanted) -> None:
        name = wanted.client_order_id
        if name is not None and name not in self.books.orders:
            self._cancel_other(name, wanted)
            return
        found = self.books.open.values() if name is None else [self.books.orders[name]]
        for order in list(found):
            if wanted.strategy in (None, order.strategy) and wanted.instrument in (None, order.instrument):
                if order.replacement is not None:
                    self._stop_replacing(order, wanted.reason)
                self._cancel(order, wanted.reason)
        for waiting in list(self.books.waiting.values()):
            intent = waiting.intent
            if name is None and wanted.strategy in (None, intent.strategy) and wanted.instrument in (None, intent.terms.instrument):
                self._refuse(intent, "cancelled", f"no longer wanted by {wanted.by}: {wanted.reason}")

    def _cancel_other(self, name: str, wanted: CancelWanted) -> None:
        """Cancel what waits for a person, or, because a person named it, an order in quarantine or of other hands."""
        if name in self.books.waiting:
            self._refuse(self.books.waiting[name].intent, "cancelled", f"no longer wanted by {wanted.by}: {wanted.reason}")
            return
        report = self.books.quarantine.get(name) or self.books.foreign.get(name)
        if report is None:
            self.step.alert("warning", f"cancel of {name} by {wanted.by}: no such order works")
            return
        ref = OrderRef(report.client_order_id, report.venue_order_id, report.instrument)
        self.step.commands.append(Command("cancel", name, None, ref))

    def _cancel(self, order: Order, reason: str) -> None:
        if not order.has_ended and not order.is_cancel_wanted:
            self.step.emit(CancelAsked(order.client_order_id, reason))
        self.tracking.cancel(order)

    def _on_replace_wanted(self, wanted: ReplaceWanted) -> None:
        order = self.books.orders.get(wanted.client_order_id)
        old = None if order is None else order.approved.terms
        new = wanted.terms
        if order is None or old is None or order.has_ended or order.is_cancel_wanted or self._is_followed(order):
            self.step.alert("warning", f"replacing {wanted.client_order_id} for {wanted.by}: it does not work, expected a working order")
        elif (new.instrument, new.side) != (old.instrument, old.side):
            self.step.alert(
                "warning", f"replacing {wanted.client_order_id}: {new.side} {new.instrument}, expected {old.side} {old.instrument}"
            )
        elif self.capability.can_replace and order.client_order_id not in self.step.under_way and order.state in _WORKING:
            intent = self._successor(order, new)
            if intent is not None:
                self._place(intent, order, is_allowed=False)
        else:
            self.step.emit(ReplaceAsked(order.client_order_id, new, wanted.reason))
            self.step.replacing[order.client_order_id] = None
            self._cancel(order, f"to be replaced: {wanted.reason}")

    def _follow(self, order: Order) -> None:
        """Send what replaces an order once it is confirmed cancelled and everything that it filled is known."""
        terms = order.replacement
        if terms is None:
            self.step.replacing.pop(order.client_order_id, None)
            return
        if not order.has_ended or order.owed:
            return
        if order.told is None and order.filled == 0 and self.books.compared_ns <= order.since_ns and order.state is not OrderState.ABSENT:
            if not self.step.timers.has("compare", ""):
                self.comparing.ask()
            return
        intent = self._successor(order, terms)
        if intent is None or order.state is OrderState.FILLED:
            self._stop_replacing(order, "it filled before it could be replaced")
            return
        self.step.replacing.pop(order.client_order_id, None)
        if not self._place(intent, order, is_allowed=False):
            self.step.emit(ReplaceAsked(order.client_order_id, None, "what should have replaced it did not pass"))

    def _stop_replacing(self, order: Order, reason: str) -> None:
        self.step.replacing.pop(order.client_order_id, None)
        self.step.emit(ReplaceAsked(order.client_order_id, None, reason))

    def _is_followed(self, order: Order) -> bool:
        """Whether another order took its place, or may have: one that certainly never came to be did not."""
        return order.replaced_by is not None and self.books.orders[order.replaced_by].state not in _NEVER_THERE

    def _successor(self, order: Order, terms: OrderTerms) -> Intent | None:
        """The next revision of an order's intent with what is left of the new total; None where nothing is."""
        left = terms.quantity - order.filled - order.owed
        if left <= Decimal(0):
            return None
        last = self.books.orders.get(order.replaced_by or "", order).approved.intent  # a revision that failed keeps its number
        before = order.approved.intent
        return dataclasses.replace(before, terms=dataclasses.replace(terms, quantity=left), revision=last.revision + 1)


_WORKING = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
_NEVER_THERE = (OrderState.ABSENT, OrderState.REJECTED)
