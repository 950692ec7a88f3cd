"""`Ordering`: what becomes of a wish: an order is judged, sent, refused, cancelled, or followed by another.

1. An intent is judged by what the core knows (halted, not compared yet, in doubt, link) and by the gate. What passes is written down as
   approved and sent (`step.command`), what a person must allow waits, the rest is refused with its reason.
2. A cancel is written down first and sent as soon as the order can be cancelled (`tracking.cancel`).
3. Other terms go out as one request where the venue has that; otherwise the order is cancelled, and what is left of the new total follows
   once it is confirmed cancelled and everything that it filled is known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewinds.core.broker import BrokerCapability, OrderRef
from tradewinds.core.order import ApprovedOrder, Hold, Intent, OrderState, OrderTerms, Refusal
from tradewinds.trading.books import Order
from tradewinds.trading.command import Command
from tradewinds.trading.entry import (
    Approval,
    Approved,
    CancelAsked,
    CancelWanted,
    Changed,
    Refused,
    ReplaceAsked,
    ReplaceWanted,
    Waiting,
)
from tradewinds.trading.handing import hand_over
from tradewinds.trading.recovery import Comparing
from tradewinds.trading.step import Step
from tradewinds.trading.tracking import Tracking

SHADOW = "shadow: decided and never sent"
NO_TRADING_LINKS = ("restarting", "locked out", "refused key")
_WORKING = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
_NEVER_THERE = (OrderState.ABSENT, OrderState.REJECTED)


@dataclass(slots=True)
class Ordering:
    """Wishes of one account. valid_ns: of strategies that trade on another account too, how long their orders may leave there."""

    step: Step
    tracking: Tracking
    comparing: Comparing
    capability: BrokerCapability
    valid_ns: Mapping[str, int]
    is_shadow: bool = False

    # Wanting

    def want(self, intents: Iterable[Intent], cancels: Iterable[str] = ()) -> None:
        """Orders are wanted; those of other accounts leave for them. cancels: of orders elsewhere."""
        away: dict[tuple[str, str], list[Intent]] = {}
        for intent in intents:
            if intent.account != self.step.books.account:
                away.setdefault((intent.account, intent.strategy), []).append(intent)
            elif intent.client_order_id in self.step.books.waiting:
                self._refuse_again(intent)
            else:
                self._place(intent, None, is_allowed=False)
        if away or cancels:
            hand_over(self.step, self.valid_ns, away, cancels)

    def _place(self, intent: Intent, replaces: Order | None, *, is_allowed: bool) -> bool:
        """Judge an intent and send what passes; whether it did."""
        verdict = self._judged(intent, replaces, is_allowed=is_allowed)
        if isinstance(verdict, Refusal):
            self.refuse(intent, verdict.rule, verdict.reason)
            return False
        if isinstance(verdict, Hold) and replaces is not None:
            self.refuse(intent, verdict.rule, f"{verdict.reason}; what replaces an order cannot wait for a person")
            return False
        if isinstance(verdict, Hold):
            self.step.emit(Waiting(intent, verdict.rule, verdict.reason, verdict.until_ns))
            self.step.timers.set("approval", intent.client_order_id, verdict.until_ns)
            return False
        self.step.timers.drop("approval", intent.client_order_id)
        self.step.emit(Approved(verdict, None if replaces is None else replaces.client_order_id))
        order = self.step.books.orders[intent.client_order_id]
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
        books = self.step.books
        if books.is_halted:
            return Refusal(intent, "halt", "trading is halted; `tradewinds trade --resume` after the reason is gone")
        if not self.comparing.is_first_done:
            return Refusal(intent, "starting", "the broker was not compared with since the start")
        if intent.client_order_id in books.orders:
            return Refusal(intent, "duplicate", f"decided before as {intent.client_order_id}")
        if books.link in NO_TRADING_LINKS:
            return Refusal(intent, "link", f"the broker's connection is {books.link}")
        frozen = books.doubt(intent.terms.instrument)
        if frozen is not None:
            return Refusal(intent, "frozen", f"order {frozen} is in doubt; its instrument waits until the broker answered")
        name = None if replaces is None else replaces.client_order_id
        return self.step.gate.judge(intent, self.step.worth.standing, self.step.time_ns, is_allowed=is_allowed, replaces=name)

    def refuse(self, intent: Intent, rule: str, reason: str) -> None:
        """An intent does not pass."""
        self.step.timers.drop("approval", intent.client_order_id)
        self.step.emit(Refused(Refusal(intent, rule, reason)))

    def _refuse_again(self, intent: Intent) -> None:
        """An intent that waits for a person is wanted once more: it goes on waiting."""
        self.step.alert("info", f"{intent.client_order_id} waits for a person already")

    def take_approval(self, approval: Approval) -> None:
        """A person's word on an intent that waits."""
        waiting = self.step.books.waiting.get(approval.client_order_id)
        if waiting is None:
            self.step.alert("warning", f"approval of {approval.client_order_id} by {approval.by}: it does not wait for one")
        elif not approval.is_given:
            self.refuse(waiting.intent, "approval", f"{approval.by} said no: {approval.reason}")
        elif self.step.time_ns > waiting.until_ns:
            self.refuse(waiting.intent, "approval", f"{approval.by} allowed it too late: {waiting.why}")
        else:
            self._place(waiting.intent, None, is_allowed=True)

    # Cancelling and replacing

    def take_cancel(self, wanted: CancelWanted) -> None:
        """Orders, and intents that wait, are no longer wanted."""
        name = wanted.client_order_id
        if name is not None and name not in self.step.books.orders:
            self._cancel_other(name, wanted)
            return
        found = self.step.books.open.values() if name is None else [self.step.books.orders[name]]
        for order in list(found):
            if wanted.strategy in (None, order.strategy) and wanted.instrument in (None, order.instrument):
                if order.replacement is not None:
                    self.stop_replacing(order, wanted.reason)
                self.cancel(order, wanted.reason)
        for waiting in list(self.step.books.waiting.values()):
            intent = waiting.intent
            if name is None and wanted.strategy in (None, intent.strategy) and wanted.instrument in (None, intent.terms.instrument):
                self.refuse(intent, "cancelled", f"no longer wanted by {wanted.by}: {wanted.reason}")

    def _cancel_other(self, name: str, wanted: CancelWanted) -> None:
        """Cancel what waits for a person, or, because a person named it, an order in quarantine or of other hands."""
        if name in self.step.books.waiting:
            self.refuse(self.step.books.waiting[name].intent, "cancelled", f"no longer wanted by {wanted.by}: {wanted.reason}")
            return
        report = self.step.books.quarantine.get(name) or self.step.books.foreign.get(name)
        if report is None:
            self.step.alert("warning", f"cancel of {name} by {wanted.by}: no such order works")
            return
        ref = OrderRef(report.client_order_id, report.venue_order_id, report.instrument)
        self.step.commands.append(Command("cancel", name, None, ref))

    def cancel(self, order: Order, reason: str) -> None:
        """An order is no longer wanted."""
        if not order.has_ended and not order.is_cancel_wanted:
            self.step.emit(CancelAsked(order.client_order_id, reason))
        self.tracking.cancel(order)

    def take_replace(self, wanted: ReplaceWanted) -> None:
        """A working order is to have other terms."""
        order = self.step.books.orders.get(wanted.client_order_id)
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
            self.cancel(order, f"to be replaced: {wanted.reason}")

    def follow(self, order: Order) -> None:
        """Send what replaces an order once it is confirmed cancelled and everything that it filled is known."""
        terms, books = order.replacement, self.step.books
        if terms is None:
            self.step.replacing.pop(order.client_order_id, None)
            return
        if not order.has_ended or order.owed:
            return
        if order.told is None and order.filled == 0 and books.compared_ns <= order.since_ns and order.state is not OrderState.ABSENT:
            if not self.step.timers.has("compare", ""):
                self.comparing.ask()
            return
        intent = self._successor(order, terms)
        if intent is None or order.state is OrderState.FILLED:
            self.stop_replacing(order, "it filled before it could be replaced")
            return
        self.step.replacing.pop(order.client_order_id, None)
        if not self._place(intent, order, is_allowed=False):
            self.step.emit(ReplaceAsked(order.client_order_id, None, "what should have replaced it did not pass"))

    def stop_replacing(self, order: Order, reason: str) -> None:
        """Nothing follows an order any more."""
        self.step.replacing.pop(order.client_order_id, None)
        self.step.emit(ReplaceAsked(order.client_order_id, None, reason))

    def _is_followed(self, order: Order) -> bool:
        """Whether another order took its place, or may have: one that certainly never came to be did not."""
        return order.replaced_by is not None and self.step.books.orders[order.replaced_by].state not in _NEVER_THERE

    def _successor(self, order: Order, terms: OrderTerms) -> Intent | None:
        """The next revision of an order's intent with what is left of the new total; None where nothing is."""
        left = terms.quantity - order.filled - order.owed
        if left <= Decimal(0):
            return None
        last = self.step.books.orders.get(order.replaced_by or "", order).approved.intent  # a revision that failed keeps its number
        before = order.approved.intent
        return dataclasses.replace(before, terms=dataclasses.replace(terms, quantity=left), revision=last.revision + 1)
