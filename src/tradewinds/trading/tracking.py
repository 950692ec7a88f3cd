"""`Tracking`: what news of an order means. Every report and fill comes through here, in any order, late, or twice.

1. A fill is booked once, whoever tells it; it is never invented: a report that claims more than we hold makes the fills be asked for.
2. What may be older than what is known changes nothing: an order in doubt, or with a cancel or a replacement on the way, comes back to
   work only by an answer to a question that was asked later.
3. Doubt makes an order UNKNOWN. It is asked for, with growing waits, and never sent again. ABSENT takes two "not found", each asked later
   than the receive window, and a comparison of fills asked later than that, without a fill.
4. After all news `settle` looks what the order still needs: its cancel sent, a question asked, its timers taken away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradewinds.core.account import ZERO, Fill
from tradewinds.core.broker import BrokerCapability, OrderReport
from tradewinds.core.order import ENDED, LEGAL, OrderState, is_ours
from tradewinds.trading.books import MANUAL, Order, is_credited
from tradewinds.trading.entry import Adopted, Booked, CancelAsked, Changed, Quarantined, Reopened, Retried
from tradewinds.trading.step import Step
from tradewinds.trading.timers import NS

SUBMIT_VALID_S = 10.0  # an order that could not leave within this time after its approval is not sent any more
FIND_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
FIND_LOUD = 8  # questions without an end before a person is told
CANCEL_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
CANCEL_LOUD = 6
NOT_FOUND_NEEDED = 2
IMMEDIATE_LATE_S = 5.0  # an order that must fill or end at once and did not say so is asked for
COMPARE_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

Source = Literal["stream", "snapshot", "submit", "cancel", "replace", "find"]
_WORKING = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
UNSENT = (OrderState.INTENT, OrderState.SENT)
_PENDING = (OrderState.CANCEL_SENT, OrderState.REPLACE_SENT, OrderState.UNKNOWN)
_NEVER_THERE = (OrderState.ABSENT, OrderState.REJECTED)


@dataclass(slots=True)
class Tracking:
    """Orders of one account. is_compare_wanted: somebody needs the venue's fills."""

    step: Step
    capability: BrokerCapability
    is_compare_wanted: bool = False

    # News

    def report(self, report: OrderReport, source: Source, asked_ns: int) -> None:
        """What the venue says of an order. asked_ns: of an answer, right before its question left; of the stream, now."""
        for fill in report.fills:
            self.book(fill)
        order = self.step.books.named(report.client_order_id, report.venue_order_id)
        if order is None:
            self._stranger(report)
            return
        told = order.approved.terms.quantity if report.state is OrderState.FILLED and report.filled is None else report.filled
        state = self._state_after(order, report, source, asked_ns)
        is_news = told is not None and told > (order.told or ZERO)
        if state is not None:
            self.change(order, state, report.reason, report.venue_order_id, told)
        elif is_news or (report.venue_order_id and report.venue_order_id != order.venue_order_id):
            self.step.emit(Changed(order.client_order_id, order.state, "", report.venue_order_id, told))
        if order.owed:
            self.is_compare_wanted = True
        self.settle(order)

    def book(self, fill: Fill) -> None:
        """Book a fill, unless it is booked."""
        step = self.step
        if fill.key in step.books.booked:
            return
        order = step.books.orders.get(fill.client_order_id)
        self._check_contract(fill)
        if order is not None and not is_credited(fill, order):
            step.alert(
                "critical",
                f"fill {fill.id}: {fill.side} {fill.instrument} under the id of an order to {order.approved.terms.side} "
                f"{order.instrument}; booked to nobody's book",
            )
            order = None
        elif order is None and is_ours(fill.client_order_id):
            step.alert("critical", f"fill {fill.id} of {fill.instrument}: its order {fill.client_order_id} is not in the journal")
        elif order is None and step.books.compared_ns:
            step.alert("info", f"fill {fill.id}: {fill.side} {fill.quantity} {fill.instrument} by other hands")
        step.emit(Booked(fill, MANUAL if order is None else order.strategy))
        if order is not None:
            self._filled(order)
            self.settle(order)

    # What an order still needs

    def settle(self, order: Order) -> None:
        """See to it that whatever is open about an order is under way or due."""
        step, name = self.step, order.client_order_id
        if order.has_ended:
            if name not in step.under_way:
                for kind in ("find", "submit", "cancel"):
                    step.timers.drop(kind, name)
            return
        self._check_pair(order)
        if name in step.under_way:
            return
        if order.is_cancel_wanted:
            self._pursue(order)
        if name in step.under_way or order.has_ended:
            return
        is_late = order.state in _WORKING and _is_immediate(order)
        if order.state in _PENDING or order.state is OrderState.SENT or (order.state is OrderState.INTENT and not self._retries(order)):
            if not step.timers.has("cancel", name):
                self.ask_again(order)
        elif is_late:
            step.again("find", name, FIND_AGAIN_S, IMMEDIATE_LATE_S)
        elif order.state in _WORKING:
            step.timers.drop("find", name)

    def cancel(self, order: Order) -> None:
        """Send the cancel that is wanted of an order, or as soon as it can be."""
        if not order.has_ended and order.client_order_id not in self.step.under_way:
            self._pursue(order)
        if not order.has_ended:
            self.settle(order)

    def find(self, order: Order) -> None:
        """Ask for an order now, unless something of it is under way."""
        if order.client_order_id not in self.step.under_way:
            self.step.command("find", order)

    def ask_again(self, order: Order) -> None:
        """Ask for an order after the next of the growing waits."""
        tries = self.step.again("find", order.client_order_id, FIND_AGAIN_S)
        if tries == FIND_LOUD and order.state in _PENDING:
            self.step.alert(
                "critical", f"order {order.client_order_id} of {order.instrument}: still {order.state.value} after {tries} questions"
            )

    def doubt(self, order: Order, detail: str) -> None:
        """Perhaps there, perhaps not."""
        if not order.has_ended and order.state is not OrderState.UNKNOWN:
            self.change(order, OrderState.UNKNOWN, detail)

    def due(self, kind: str, name: str) -> None:
        """A timer of an order is due."""
        order = self.step.books.orders[name]
        if name in self.step.under_way:
            return
        if kind == "find":
            self.step.command("find", order)
        elif kind == "submit" and order.state is OrderState.INTENT:
            self.step.emit(Retried(name, order.tries + 1, order.reason))
            self.step.command("submit", order, order.approved)
        elif kind == "cancel" and order.state is OrderState.CANCEL_SENT:
            self.step.command("cancel", order)
        self.settle(order)

    def conclude(self, order: Order) -> None:
        """End an order that the venue knows nothing of, where that is proven."""
        after_ns = order.since_ns + self.window_ns()
        if order.has_ended or order.not_found < NOT_FOUND_NEEDED or order.owed:
            return
        if self.step.books.compared_ns <= max(after_ns, order.not_found_ns):
            self.is_compare_wanted = True
        elif order.filled == 0 and not order.venue_order_id and OrderState.ABSENT in LEGAL[order.state]:
            self.change(order, OrderState.ABSENT, "the venue does not know it")
        else:
            self.change(order, OrderState.EXPIRED, "the venue knows it no more; what it filled is booked")
            self.step.alert(
                "warning", f"order {order.client_order_id} of {order.instrument}: the venue knows it no more; it counts as expired"
            )
        self.settle(order)

    def cancel_later(self, order: Order, least_s: float, detail: str) -> None:
        """Send the cancel once more after the next of the growing waits."""
        tries = self.step.again("cancel", order.client_order_id, CANCEL_AGAIN_S, least_s)
        if tries == CANCEL_LOUD:
            self.step.alert("critical", f"order {order.client_order_id} of {order.instrument}: not cancelled after {tries} tries: {detail}")

    def _check_pair(self, order: Order) -> None:
        """An order and what replaced it both work: the older one is cancelled, aloud."""
        orders = self.step.books.orders
        new = orders.get(order.replaced_by or "") or order
        old = orders.get(new.replaces or "")
        if old is None or old.is_cancel_wanted or old.state not in _WORKING or new.state not in _WORKING:
            return
        self.step.alert(
            "critical", f"orders {old.client_order_id} and {new.client_order_id}, which replaces it, both work; the first is cancelled"
        )
        self.ask_cancel(old, "the order that replaces it works")

    def ask_cancel(self, order: Order, reason: str) -> None:
        """An order is no longer wanted."""
        if not order.has_ended and not order.is_cancel_wanted:
            self.step.emit(CancelAsked(order.client_order_id, reason))
        self.cancel(order)

    # States

    def _state_after(self, order: Order, report: OrderReport, source: Source, asked_ns: int) -> OrderState | None:
        """The state that a report brings an order into, None for no change."""
        new, old = report.state, order.state
        if new in ENDED and new is not OrderState.ABSENT:
            return self._ended_as(order, report) if old in ENDED else self._end_of(order, new)
        if new not in _WORKING:  # pending, or a status that we do not know
            if old not in ENDED:
                self.ask_again(order)
            return None
        if order.filled or (report.filled is not None and report.filled > 0):
            new = OrderState.PARTIALLY_FILLED
        is_later = source in ("find", "snapshot") and asked_ns > order.since_ns
        if old in ENDED:
            self._still_works(order, new, source, is_later=is_later)
            return None
        if old in UNSENT:
            return new
        if old in _PENDING:
            if source == "find" and is_later:
                if old is OrderState.CANCEL_SENT:
                    self.cancel_later(order, 0.0, "it still works")
                return new
            # Before the doubt nothing was known of it: that it reached the venue is news, however old.
            is_first = old is OrderState.UNKNOWN and not order.venue_order_id and order.replaced_by is None
            return new if is_first else None
        return new if new is OrderState.PARTIALLY_FILLED and old is OrderState.ACCEPTED else None

    def _end_of(self, order: Order, new: OrderState) -> OrderState:
        if new is OrderState.REJECTED and order.filled:
            return OrderState.CANCELLED
        by = self.step.books.orders.get(order.replaced_by or "")
        is_replaced = by is not None and by.state not in (*UNSENT, OrderState.UNKNOWN, *_NEVER_THERE)
        if new in (OrderState.CANCELLED, OrderState.REPLACED):
            return OrderState.REPLACED if is_replaced else OrderState.CANCELLED
        return new

    def _ended_as(self, order: Order, report: OrderReport) -> OrderState | None:
        """Two ends: a late fill may complete an order; one that we held for never there and that was there is put right."""
        new, old = report.state, order.state
        if new is old or new is OrderState.REJECTED or old is OrderState.FILLED:
            return None
        if old in _NEVER_THERE:
            self._reopen(order, new, f"the venue says {new.value}")
            return None
        return OrderState.FILLED if new is OrderState.FILLED else None

    def _still_works(self, order: Order, new: OrderState, source: Source, *, is_later: bool) -> None:
        if order.state is OrderState.FILLED:
            return
        if source == "find" and is_later:
            self._reopen(order, new, "the venue, asked for it, says that it works")
        elif is_later or order.state in _NEVER_THERE:
            self.find(order)

    def _reopen(self, order: Order, state: OrderState, why: str) -> None:
        self.step.alert("critical", f"order {order.client_order_id} of {order.instrument} had ended as {order.state.value}: {why}")
        self.step.emit(Reopened(order.client_order_id, state, why))

    def _filled(self, order: Order) -> None:
        quantity, old = order.approved.terms.quantity, order.state
        if order.filled > quantity:
            self.step.alert(
                "critical", f"order {order.client_order_id} of {order.instrument}: filled {order.filled}, expected at most {quantity}"
            )
        if order.filled >= quantity:
            if old in _NEVER_THERE:
                self._reopen(order, OrderState.FILLED, "it filled")
            elif old is not OrderState.FILLED:
                self.change(order, OrderState.FILLED)
        elif old in (*UNSENT, OrderState.ACCEPTED) or (old is OrderState.UNKNOWN and order.replaced_by is None):
            self.change(order, OrderState.PARTIALLY_FILLED)
            if old in (*UNSENT, OrderState.UNKNOWN):
                self.find(order)
        elif old in _NEVER_THERE:
            self._reopen(order, OrderState.PARTIALLY_FILLED, "it filled in part")
            self.find(order)

    def change(self, order: Order, state: OrderState, reason: str = "", venue_order_id: str = "", told: Decimal | None = None) -> None:
        """Bring an order into a state; one that was not known to have left was sent first."""
        if state not in LEGAL[order.state] and order.state is OrderState.INTENT:
            self.step.emit(Changed(order.client_order_id, OrderState.SENT))
        self.step.emit(Changed(order.client_order_id, state, reason, venue_order_id, told))

    # Cancels, strangers, checks

    def _pursue(self, order: Order) -> None:
        step, name = self.step, order.client_order_id
        if step.timers.has("cancel", name):
            return
        if order.state is OrderState.INTENT and self._retries(order):
            step.timers.drop("submit", name)
            self.change(order, OrderState.CANCELLED, "cancelled before it could be sent")
        elif order.state in _WORKING:
            step.emit(Changed(name, OrderState.CANCEL_SENT))
            step.command("cancel", order)

    def _retries(self, order: Order) -> bool:
        """Whether it certainly did not leave yet and waits to be sent again."""
        return self.step.timers.has("submit", order.client_order_id)

    def _stranger(self, report: OrderReport) -> None:
        books, name = self.step.books, report.client_order_id
        is_quarantined = is_ours(name)
        known = books.quarantine.get(name) if is_quarantined else books.foreign.get(report.venue_order_id)
        if (known is None and report.state in ENDED) or (
            known is not None and (known.state, known.filled) == (report.state, report.filled)
        ):
            return
        bare = dataclasses.replace(report, fills=())
        if is_quarantined:
            self.step.emit(Quarantined(bare, "its id is ours and the journal does not know it"))
            if known is None:
                told = f"order {name} at the venue carries an id of ours and is not in the journal"
                self.step.alert("critical", f"{told}; {report.instrument} is frozen while it works")
        else:
            self.step.emit(Adopted(bare))
            if known is None:
                self.step.alert("warning", f"order {report.venue_order_id} of {report.instrument} is not ours; it is left alone")

    def _check_contract(self, fill: Fill) -> None:
        held = self.step.books.whole.positions.get(fill.instrument)
        if held is not None and held.currency and (held.currency, held.multiplier) != (fill.currency, fill.multiplier):
            self.step.alert(
                "critical",
                f"fill {fill.id} of {fill.instrument}: in {fill.currency} times {fill.multiplier}, "
                f"expected {held.currency} times {held.multiplier} as what is held",
            )

    def window_ns(self) -> int:
        """How long after a send "not found" proves nothing."""
        return int(self.capability.absent_after_s * NS)


def _is_immediate(order: Order) -> bool:
    terms = order.approved.terms
    return terms.time_in_force in ("ioc", "fok") or (terms.kind == "market" and terms.when == "any")
