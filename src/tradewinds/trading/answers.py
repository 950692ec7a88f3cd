"""`Answers`: what came of a question or an order that was put to the broker.

1. Certainly not sent: tried again under the same id a few times within its validity, then ended with the reason.
2. Refused: ended, unless it had been sent before: then the first one may be there, and it is asked for.
3. In doubt: UNKNOWN. A replacement in doubt puts both orders in doubt, and both are asked for before anything else.
4. "Not found" counts only when it was asked later than the receive window.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradewinds.core.order import OrderState
from tradewinds.trading.books import Order
from tradewinds.trading.entry import Answered, Changed, NotFound
from tradewinds.trading.timers import NS
from tradewinds.trading.tracking import FIND_AGAIN_S, NOT_FOUND_NEEDED, SUBMIT_VALID_S, UNSENT, Tracking

SUBMIT_TRIES_MAX = 3
SUBMIT_AGAIN_S = (0.1, 0.5)


@dataclass(slots=True)
class Answers:
    """Answers to the commands of one account."""

    tracking: Tracking

    def take(self, answer: Answered) -> None:
        """What came of a command."""
        step = self.tracking.step
        ordered_ns = step.under_way.pop(answer.client_order_id, step.time_ns)
        asked_ns = answer.asked_ns or ordered_ns
        order = step.books.orders.get(answer.client_order_id)
        if answer.doubt == "invariant":
            step.alert("critical", f"{answer.ask} of {answer.client_order_id}: {answer.detail}; a bug of ours, treated as a doubt")
        if order is None:  # a cancel of an order of other hands
            if answer.report is not None:
                self.tracking.report(answer.report, answer.ask, asked_ns)
            return
        if answer.ask == "replace":
            self._replace_answered(order, answer, asked_ns)
        elif answer.doubt is None:
            self._answered(order, answer, asked_ns)
        elif answer.ask == "submit":
            self._not_submitted(order, answer)
        elif answer.ask == "cancel":
            self._not_cancelled(order, answer)
        self.tracking.settle(order)

    def _answered(self, order: Order, answer: Answered, asked_ns: int) -> None:
        if answer.report is None:
            self._not_found(order, asked_ns)
            return
        self.tracking.report(answer.report, answer.ask, asked_ns)
        if answer.ask == "submit" and order.state in UNSENT:
            self.tracking.doubt(
                order, f"the answer does not say what became of it: {answer.report.state.value} {answer.report.reason}".strip()
            )

    def _not_submitted(self, order: Order, answer: Answered) -> None:
        if order.state not in UNSENT:  # the stream, or a comparison, told more than this answer
            if answer.doubt != "unsent" and not order.has_ended:
                self.tracking.step.again("find", order.client_order_id, FIND_AGAIN_S)
        elif answer.doubt == "unsent":
            self.tracking.change(order, OrderState.CANCELLED, answer.detail)
        elif answer.doubt == "transient":
            self._retry(order, answer)
        elif answer.doubt == "rejected" and order.tries == 1:
            self.tracking.change(order, OrderState.REJECTED, answer.detail)
        else:
            # A refusal of a repeated order may mean that the first one is there.
            self.tracking.doubt(order, answer.detail)

    def _retry(self, order: Order, answer: Answered) -> None:
        step = self.tracking.step
        wait_s = max(SUBMIT_AGAIN_S[min(order.tries, len(SUBMIT_AGAIN_S)) - 1], answer.retry_after_s or 0.0)
        last_ns = order.approved.approved_ns + int(SUBMIT_VALID_S * NS)
        if order.is_cancel_wanted or step.books.is_halted:
            self.tracking.change(order, OrderState.CANCELLED, "cancelled before it could be sent")
        elif order.state is OrderState.SENT:
            self.tracking.doubt(order, answer.detail)
        elif order.tries >= SUBMIT_TRIES_MAX or step.later_ns(wait_s) > last_ns:
            why = f"not sent after {order.tries} tries: {answer.detail}"
            self.tracking.change(order, OrderState.ABSENT, why)
            step.alert("warning", f"order {order.client_order_id} of {order.instrument}: {why}")
        else:
            step.emit(Changed(order.client_order_id, order.state, answer.detail))
            step.timers.set("submit", order.client_order_id, step.later_ns(wait_s))

    def _not_cancelled(self, order: Order, answer: Answered) -> None:
        if order.state is not OrderState.CANCEL_SENT:
            return
        if answer.doubt in ("transient", "unsent"):
            self.tracking.cancel_later(order, answer.retry_after_s or 0.0, answer.detail)
        elif answer.doubt == "rejected":
            self.tracking.find(order)  # unknown there, too late, or not allowed: only the venue knows which

    def _not_found(self, order: Order, asked_ns: int) -> None:
        if order.has_ended:
            return
        after_ns = order.since_ns + self.tracking.window_ns()
        if asked_ns <= after_ns or asked_ns <= order.not_found_ns:
            self.tracking.step.timers.set("find", order.client_order_id, max(after_ns + 1, self.tracking.step.later_ns(FIND_AGAIN_S[0])))
            return
        self.tracking.step.emit(NotFound(order.client_order_id, asked_ns))
        if order.not_found < NOT_FOUND_NEEDED:
            self.tracking.step.timers.set("find", order.client_order_id, self.tracking.step.later_ns(FIND_AGAIN_S[0]))
        self.tracking.conclude(order)

    # Replacing

    def _replace_answered(self, old: Order, answer: Answered, asked_ns: int) -> None:
        new = self.tracking.step.books.orders[old.replaced_by or ""]
        self.tracking.step.under_way.pop(new.client_order_id, None)
        if answer.report is not None:
            self.tracking.report(answer.report, "replace", asked_ns)
        if answer.report is not None and new.state not in UNSENT and new.state is not OrderState.UNKNOWN:
            if old.state is OrderState.REPLACE_SENT and new.state is not OrderState.REJECTED:
                self.tracking.change(old, OrderState.REPLACED, f"replaced by {new.client_order_id}")
            elif not old.has_ended:
                self.tracking.find(old)
        elif answer.doubt in ("transient", "unsent"):
            self._end_unsent(new, f"not sent: {answer.detail}")
            if old.state is OrderState.REPLACE_SENT:
                self.tracking.change(
                    old, OrderState.PARTIALLY_FILLED if old.filled else OrderState.ACCEPTED, f"not replaced: {answer.detail}"
                )
        elif answer.doubt == "rejected":
            if new.state in UNSENT:
                self.tracking.change(new, OrderState.REJECTED, answer.detail)
            self.tracking.find(old)
        else:
            # nautilus_trader#4564: a replacement in doubt became two live orders. Both are asked for before anything else.
            for one in (new, old):
                if one is old or one.state in UNSENT:
                    self.tracking.doubt(one, answer.detail or "the answer does not say what became of the replacement")
                if not one.has_ended:
                    self.tracking.find(one)
        self.tracking.settle(new)

    def _end_unsent(self, order: Order, why: str) -> None:
        if order.state is OrderState.INTENT:
            self.tracking.change(order, OrderState.ABSENT, why)
            self.tracking.step.alert("warning", f"order {order.client_order_id} of {order.instrument}: {why}")
        elif not order.has_ended:
            self.tracking.find(order)
