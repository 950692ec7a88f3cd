"""One order through everything that can happen to it: races, doubts, repeats, and news out of order."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.order import Hold, Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate
from tradewinds.trading.entry import (
    Answered,
    Approval,
    CancelWanted,
    Changed,
    Controlled,
    Refused,
    ReplaceWanted,
    Waiting,
    Wanted,
)

S = OrderState
TERMS = OrderTerms("ABC.LOCAL", "buy", Decimal(10), "limit", Decimal(100))


def state(order: Any) -> OrderState:
    found: OrderState = order.state
    return found


def refused(records: list[Any]) -> list[str]:
    return [one.refusal.rule for one in records if isinstance(one, Refused)]


def held(books: Any, strategy: str = "trend") -> Decimal:
    part: Decimal = books.parts[strategy].quantity("ABC.LOCAL")
    assert books.whole.quantity("ABC.LOCAL") == sum((one.quantity("ABC.LOCAL") for one in books.parts.values()), Decimal(0))
    return part


# Fills


def test_a_fill_told_by_the_answer_the_stream_and_a_comparison_is_booked_once(bench: Any) -> None:
    it = bench()
    order = it.want()
    fill = it.fill(order, "4")

    it.hear(fill)
    report = dataclasses.replace(it.report(order, S.PARTIALLY_FILLED, "4"), fills=(fill,))
    it.hear(report, fill)
    it.compare([report], [fill])

    assert held(it.books) == 4
    assert order.filled == 4
    assert state(order) is S.PARTIALLY_FILLED


def test_a_fill_before_the_answer_counts_and_the_late_answer_changes_nothing(bench: Any) -> None:
    it = bench()
    order = it.want()

    it.hear(it.fill(order, "10"))
    it.answer(order, S.ACCEPTED, "0")

    assert state(order) is S.FILLED
    assert held(it.books) == 10


def test_a_report_of_more_than_we_hold_makes_the_fills_be_asked_for_and_none_be_invented(bench: Any) -> None:
    it = bench()
    order = it.working()

    it.hear(it.report(order, S.FILLED, "10"))
    it.wait(0.2)

    assert it.asked() == ["compare"]
    assert state(order) is S.FILLED
    assert order.filled == 0
    assert it.books.working("ABC.LOCAL") == 10  # owed, so the gate still counts it
    it.compare([], [it.fill(order, "10")])
    assert held(it.books) == 10
    assert it.books.working("ABC.LOCAL") == 0


def test_fills_that_never_come_are_given_up_aloud_and_the_holdings_decide(bench: Any) -> None:
    it = bench()
    it.compare()
    order = it.working()
    it.hear(it.report(order, S.FILLED, "10"))

    for _ in range(12):
        it.wait(30)
        it.compare(positions={"ABC.LOCAL": Decimal(10)})

    assert any("its fills say 0" in one for one in it.alerts())
    assert it.books.parts[""].quantity("ABC.LOCAL") == 10
    assert it.books.working("ABC.LOCAL") == 0


def test_more_filled_than_was_ordered_is_booked_and_a_person_is_told(bench: Any) -> None:
    it = bench()
    order = it.working("10")

    it.hear(it.fill(order, "10"), it.fill(order, "3"))

    assert held(it.books) == 13
    assert any("filled 13, expected at most 10" in one for one in it.alerts())


def test_a_fill_under_the_id_of_another_instruments_order_is_nobodys(bench: Any) -> None:
    it = bench()
    order = it.working()

    it.hear(it.fill(order, "5", side="sell"))

    assert order.filled == 0
    assert it.books.parts[""].quantity("ABC.LOCAL") == -5
    assert it.alerts()


@pytest.mark.parametrize("end", [S.CANCELLED, S.EXPIRED])
def test_fills_after_the_end_are_booked_and_may_complete_the_order(bench: Any, end: OrderState) -> None:
    it = bench()
    order = it.working()
    it.hear(it.report(order, end, "0"))

    it.hear(it.fill(order, "4"))
    assert state(order) is end
    it.hear(it.fill(order, "6"))

    assert state(order) is S.FILLED
    assert held(it.books) == 10


def test_a_fill_of_an_order_held_for_rejected_opens_it_again_aloud(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "rejected")
    assert state(order) is S.REJECTED

    it.hear(it.fill(order, "4"))

    assert state(order) is S.PARTIALLY_FILLED
    assert it.alerts()
    assert it.asked() == ["find"]


# Sending


def test_a_send_that_certainly_failed_is_tried_again_under_the_same_id(bench: Any) -> None:
    it = bench()
    order = it.want()

    it.fail(order, "transient")
    assert it.asked() == []
    it.wait(0.1)

    assert [one.client_order_id for one in it.sent()] == [order.client_order_id]
    assert order.tries == 2
    assert it.answer(order, S.ACCEPTED)
    assert state(order) is S.ACCEPTED


def test_after_three_tries_it_ends_with_the_reason(bench: Any) -> None:
    it = bench()
    order = it.want()
    for wait in (0.1, 0.5):
        it.fail(order, "transient")
        it.wait(wait)

    it.fail(order, "transient")

    assert state(order) is S.ABSENT
    assert order.reason == "not sent after 3 tries: it was transient"
    assert it.alerts("warning")


def test_an_order_that_would_leave_too_late_is_not_sent(bench: Any) -> None:
    it = bench()
    order = it.want()

    it.fail(order, "transient", retry_after_s=60.0)

    assert state(order) is S.ABSENT


def test_a_refusal_of_a_repeated_send_proves_nothing(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "transient")
    it.wait(0.1)

    it.fail(order, "rejected")  # such as "duplicate order": the first try was there after all

    assert state(order) is S.UNKNOWN
    it.wait(0.2)
    assert it.asked() == ["find"]


# Doubt


def test_a_doubt_freezes_the_instrument_for_every_strategy_and_nothing_is_sent_again(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "unknown")

    other = Intent("main", "another", it.now_ns, TERMS)
    assert refused(it.do(Wanted((other,), "test"))) == ["frozen"]
    it.wait(0.2)

    assert it.asked() == ["find"]
    it.answer(order, S.ACCEPTED, ask="find")
    assert state(order) is S.ACCEPTED
    assert refused(it.do(Wanted((dataclasses.replace(other, leg=1),), "test"))) == []


def test_absent_takes_two_late_answers_and_a_later_comparison(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "unknown")

    it.wait(0.2)
    it.answer(order, ask="find")  # within the receive window: proves nothing
    assert order.not_found == 0
    it.wait(1.0)
    it.answer(order, ask="find")
    assert order.not_found == 1
    it.wait(0.2)
    it.answer(order, ask="find")
    assert order.not_found == 2
    assert state(order) is S.UNKNOWN
    it.wait(0.2)
    assert it.asked() == ["compare"]
    it.compare()

    assert state(order) is S.ABSENT


def test_a_comparison_asked_before_the_last_answer_does_not_prove_absence(bench: Any) -> None:
    it = bench()
    order = it.want()
    asked_ns = it.now_ns
    it.fail(order, "unknown")
    for wait in (1.2, 0.2):
        it.wait(wait)
        it.answer(order, ask="find")

    it.compare(asked_ns=asked_ns)

    assert state(order) is S.UNKNOWN


def test_an_execution_in_the_comparison_keeps_it_from_being_absent(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "unknown")
    for wait in (1.2, 0.2):
        it.wait(wait)
        it.answer(order, ask="find")

    it.compare(fills=[it.fill(order, "10")])

    assert state(order) is S.FILLED


def test_the_stream_may_settle_a_doubt(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "unknown")

    it.hear(it.report(order, S.ACCEPTED))

    assert state(order) is S.ACCEPTED


def test_what_the_stream_told_before_a_failed_answer_counts_more_than_it(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.hear(it.report(order, S.ACCEPTED))

    it.fail(order, "unknown")

    assert state(order) is S.ACCEPTED


def test_a_status_that_we_do_not_know_is_asked_about(bench: Any) -> None:
    it = bench()
    order = it.want()

    it.answer(order, S.UNKNOWN)

    assert state(order) is S.UNKNOWN


# Cancelling


def test_a_cancel_before_the_answer_waits_for_it(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.do(CancelWanted("person", "changed", order.client_order_id))
    assert it.asked() == []

    it.answer(order, S.ACCEPTED)

    assert it.asked() == ["cancel"]
    assert state(order) is S.CANCEL_SENT


def test_a_cancel_that_loses_against_a_fill(bench: Any) -> None:
    it = bench()
    order = it.working()
    it.do(CancelWanted("person", "changed", order.client_order_id))
    it.fail(order, "rejected", ask="cancel")
    assert it.asked() == ["find"]

    it.answer(order, S.FILLED, "10", ask="find")
    it.hear(it.fill(order, "10"))

    assert state(order) is S.FILLED
    assert held(it.books) == 10


def test_a_cancel_in_doubt_is_asked_about_and_sent_again_when_the_order_still_works(bench: Any) -> None:
    it = bench()
    order = it.working()
    it.do(CancelWanted("person", "changed", order.client_order_id))
    it.fail(order, "unknown", ask="cancel")
    it.wait(0.2)
    assert it.asked() == ["find"]

    it.answer(order, S.ACCEPTED, ask="find")
    assert state(order) is S.ACCEPTED
    it.wait(0.2)

    assert it.asked() == ["cancel"]
    it.answer(order, S.CANCELLED, "0", ask="cancel")
    assert state(order) is S.CANCELLED


def test_a_cancel_that_did_not_leave_is_sent_again(bench: Any) -> None:
    it = bench()
    order = it.working()
    it.do(CancelWanted("person", "changed", order.client_order_id))

    it.fail(order, "transient", ask="cancel")
    it.wait(0.2)

    assert it.asked() == ["cancel"]


def test_an_acknowledgement_that_comes_after_the_cancel_was_sent_changes_nothing(bench: Any) -> None:
    it = bench()
    order = it.working()
    before_ns = it.now_ns
    it.now_ns += 1000
    it.do(CancelWanted("person", "changed", order.client_order_id))

    it.hear(it.report(order, S.ACCEPTED))
    it.compare([it.report(order, S.ACCEPTED)], asked_ns=before_ns)

    assert state(order) is S.CANCEL_SENT


def test_an_old_list_of_open_orders_does_not_bring_a_cancelled_order_back(bench: Any) -> None:
    it = bench()
    order = it.working()
    old = it.report(order, S.ACCEPTED)
    asked_ns = it.now_ns
    it.now_ns += 1000
    it.hear(it.report(order, S.CANCELLED, "0"))

    it.compare([old], asked_ns=asked_ns)

    assert state(order) is S.CANCELLED
    assert it.asked() == []


def test_an_order_that_was_held_for_cancelled_and_works_is_opened_again_only_by_asking(bench: Any) -> None:
    it = bench()
    order = it.working()
    it.hear(it.report(order, S.CANCELLED, "0"))

    it.compare([it.report(order, S.ACCEPTED)])
    assert state(order) is S.CANCELLED
    assert it.asked()[0] == "find"
    it.answer(order, S.ACCEPTED, ask="find")

    assert state(order) is S.ACCEPTED
    assert order.client_order_id in it.books.open
    assert it.alerts()


# Replacing


def _replaced(it: Any, order: Any, quantity: str = "10") -> Any:
    it.now_ns += 1000
    terms = OrderTerms("ABC.LOCAL", "buy", Decimal(quantity), "limit", Decimal(101))
    it.do(ReplaceWanted(order.client_order_id, terms, "person", "better price"))
    return it.books.orders.get(order.replaced_by)


def test_without_replace_the_new_order_has_what_is_left_once_the_cancel_is_confirmed(bench: Any) -> None:
    it = bench()
    order = it.working()
    it.hear(it.fill(order, "3"))

    _replaced(it, order)
    assert it.asked() == ["cancel"]
    it.answer(order, S.CANCELLED, "4", ask="cancel")  # one more had filled before the cancel
    assert order.replaced_by is None  # its fill is owed: the rest is not known yet
    it.hear(it.fill(order, "1"))

    (new,) = it.sent()
    assert new.terms.quantity == 6
    assert new.intent.revision == 1
    assert it.books.orders[new.client_order_id].replaces == order.client_order_id


def test_a_replace_request_ends_the_old_order_and_begins_the_new(bench: Any) -> None:
    it = bench(can_replace=True)
    order = it.working()

    new = _replaced(it, order)
    assert (it.asked(), order.state) == (["replace"], S.REPLACE_SENT)
    report = it.report(new, S.ACCEPTED)

    it.do(Answered("replace", order.client_order_id, report, asked_ns=it.now_ns))

    assert (order.state, new.state) == (S.REPLACED, S.ACCEPTED)


def test_a_replace_in_doubt_asks_for_both_and_of_two_live_orders_cancels_the_old_one(bench: Any) -> None:
    it = bench(can_replace=True)
    order = it.working()
    new = _replaced(it, order)

    it.fail(order, "unknown", ask="replace")
    assert sorted(it.asked()) == ["find", "find"]
    assert (order.state, new.state) == (S.UNKNOWN, S.UNKNOWN)
    it.answer(order, S.ACCEPTED, ask="find")
    it.answer(new, S.ACCEPTED, ask="find")

    assert it.asked() == ["cancel"]
    assert it.commands[0].client_order_id == order.client_order_id
    assert any("both work" in one for one in it.alerts())


def test_a_replace_that_was_refused_leaves_the_old_order_at_work(bench: Any) -> None:
    it = bench(can_replace=True)
    order = it.working()
    new = _replaced(it, order)

    it.fail(order, "rejected", ask="replace")
    it.answer(order, S.ACCEPTED, ask="find")

    assert (order.state, new.state) == (S.ACCEPTED, S.REJECTED)


# Halt, shadow, approval, routing


def test_a_halt_cancels_what_works_and_refuses_what_is_new(bench: Any) -> None:
    it = bench()
    working, sent = it.working(), it.want(name="XYZ.LOCAL")

    it.do(Controlled("halt", "person", "enough", epoch=1))
    assert [one.client_order_id for one in it.commands] == [working.client_order_id]
    it.fail(sent, "unsent")

    assert state(sent) is S.CANCELLED
    assert refused(it.do(Wanted((Intent("main", "trend", it.now_ns, TERMS),), "test"))) == ["halt"]


def test_a_halt_while_a_send_waits_to_be_repeated_ends_it_unsent(bench: Any) -> None:
    it = bench()
    order = it.want()
    it.fail(order, "transient")

    it.do(Controlled("halt", "person", "enough", epoch=1))
    it.wait(1)

    assert state(order) is S.CANCELLED
    assert it.asked() == []


def test_shadow_journals_the_order_and_sends_nothing(bench: Any) -> None:
    it = bench(is_shadow=True)
    order = it.want()

    assert it.asked() == []
    assert state(order) is S.CANCELLED
    assert it.books.working("ABC.LOCAL") == 0
    assert not it.books.open


class AsksForLargeOnes(Gate):
    def judge(self, intent: Intent, situation: Any, now_ns: int, *, is_allowed: bool = False, replaces: str | None = None) -> Any:
        if intent.terms.quantity > 5 and not is_allowed:
            return Hold(intent, "approval", "more than 5 units", now_ns + 60_000_000_000)
        return super().judge(intent, situation, now_ns, is_allowed=is_allowed, replaces=replaces)


@pytest.mark.parametrize(("is_given", "asked", "rules"), [(True, ["submit"], []), (False, [], ["approval"])])
def test_a_large_order_waits_for_a_person(bench: Any, is_given: bool, asked: list[str], rules: list[str]) -> None:
    it = bench(gate=AsksForLargeOnes)
    intent = Intent("main", "trend", it.now_ns, TERMS)
    (waiting,) = it.do(Wanted((intent,), "test"))
    assert isinstance(waiting, Waiting)
    assert it.asked() == []

    records = it.do(Approval(intent.client_order_id, "ann", is_given, "seen"))

    assert it.asked() == asked
    assert refused(records) == rules
    assert not it.books.waiting


def test_nobody_allowing_it_in_time_is_a_no(bench: Any) -> None:
    it = bench(gate=AsksForLargeOnes)
    it.do(Wanted((Intent("main", "trend", it.now_ns, TERMS),), "test"))

    it.restart()
    it.compare()
    records = it.wait(60)

    assert refused(records) == ["approval"]


def test_the_same_decision_twice_is_refused(bench: Any) -> None:
    it = bench()
    intent = Intent("main", "trend", it.now_ns, TERMS)
    it.do(Wanted((intent,), "test"))

    assert refused(it.do(Wanted((intent,), "test"))) == ["duplicate"]


def test_an_immediate_order_that_does_not_say_how_it_ended_is_asked_about(bench: Any) -> None:
    it = bench()
    order = it.want(kind="market", limit=None)
    it.answer(order, S.ACCEPTED)

    it.wait(5)

    assert it.asked() == ["find"]


def test_every_legal_change_can_be_written_and_read_back(bench: Any) -> None:
    it = bench()
    order = it.working()

    (record,) = it.hear(it.report(order, S.REJECTED, reason="late refusal"))

    assert record == Changed(order.client_order_id, S.REJECTED, "late refusal", order.venue_order_id)
