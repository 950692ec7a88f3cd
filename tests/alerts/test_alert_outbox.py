"""What the outbox of alerts promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.people.alert import Alert
from tradewinds.people.alert_routing import Delivery, Route, Spent
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.ledger_alerts import AlertOutbox

NOW_NS = 1_800_000_000_000_000_000
LOST = Alert("critical", "dead-man", "trade", "no heartbeat", "tradewinds status", "beat 1")
LATE = Alert("warning", "jobs", "night", "failed", "tradewinds job show night", "run 1")
PHONE, DESK = Route(name="phone", severities=("critical",)), Route(name="desk")


def _each(due: list[Delivery]) -> list[list[Delivery]]:
    return [[one] for one in due]


@pytest.fixture
def outbox(ledger: Ledger) -> AlertOutbox:
    return ledger.outbox


def test_an_alert_is_raised_once_for_its_key_and_comes_back_as_it_was(outbox: AlertOutbox) -> None:
    first = outbox.raise_([LOST, LATE], NOW_NS)
    again = outbox.raise_([replace(LOST, text="still no heartbeat")], NOW_NS + 5)

    assert [one.alert for one in first] == [LOST, LATE]
    assert again == []
    assert outbox.alert(LOST.id[:5]).alert == LOST
    assert {one.alert.source for one in outbox.alerts()} == {"dead-man", "jobs"}
    assert [one.alert for one in outbox.alerts(severity="critical")] == [LOST]


def test_each_alert_is_routed_once_by_the_routes_of_that_time(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST, LATE], NOW_NS)

    first = outbox.route([PHONE, DESK], NOW_NS)
    again = outbox.route([PHONE, DESK, Route(name="new")], NOW_NS + 1)

    assert (first, again) == (2, 0)
    assert [one.route for one in outbox.deliveries(LOST.id)] == ["desk", "phone"]
    assert [one.route for one in outbox.deliveries(LATE.id)] == ["desk"]


def test_what_is_claimed_is_claimed_by_one_alone_and_settled_once(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST], NOW_NS)
    outbox.route([PHONE], NOW_NS)

    taken = outbox.claim(PHONE, _each, NOW_NS)
    second = outbox.claim(PHONE, _each, NOW_NS)
    outbox.settle(taken, {"state": "sent", "sent_ns": NOW_NS + 1, "error": ""})
    outbox.settle(taken, {"state": "waiting"})  # a late word of somebody who thought it was theirs
    third = outbox.claim(PHONE, _each, NOW_NS)

    assert [(one.raised.id, one.attempts, one.message) for one in taken] == [(LOST.id, 1, LOST.id)]
    assert (list(second), list(third)) == ([], [])
    found = outbox.deliveries(LOST.id)[0]
    assert (found.state, found.sent_ns, found.attempts) == ("sent", NOW_NS + 1, 1)


def test_of_many_that_claim_at_once_each_message_goes_to_one(ledger: Ledger) -> None:
    outbox = ledger.outbox
    outbox.raise_([Alert("warning", "jobs", f"job {number}", "failed") for number in range(40)], NOW_NS)
    outbox.route([DESK], NOW_NS)

    def all_of_them() -> list[str]:
        found = []
        while taken := outbox.claim(DESK, _each, NOW_NS):
            found.append(taken[0].raised.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [name for one in [pool.submit(all_of_them) for _ in range(4)] for name in one.result()]

    assert len(claimed) == len(set(claimed))
    rest = len(outbox.claim(DESK, lambda due: [due], NOW_NS))  # a claim that met locked rows comes back with none, and is asked again
    assert len(claimed) + rest == 40


def test_a_claim_that_was_never_settled_comes_back_in_doubt_with_the_same_message(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST, LATE], NOW_NS)
    outbox.route([DESK], NOW_NS)
    taken = outbox.claim(DESK, lambda due: [due], NOW_NS)

    early = outbox.recover("desk", NOW_NS - 1, NOW_NS + 10)
    late = outbox.recover("desk", NOW_NS, NOW_NS + 10)
    again = outbox.claim(DESK, lambda due: [due], NOW_NS + 10)

    assert (early, late) == (0, 2)
    assert {one.message for one in again} == {taken[0].message}
    assert all(one.is_doubtful and one.attempts == 2 for one in again)


def test_messages_are_counted_once_however_often_they_are_tried(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST, LATE], NOW_NS)
    outbox.route([DESK], NOW_NS)
    for at_ns in (NOW_NS, NOW_NS + 5):
        while taken := outbox.claim(DESK, _each, at_ns):
            outbox.settle(taken, {"state": "waiting", "due_ns": at_ns + 5})

    assert outbox.spent("desk", NOW_NS - 1) == Spent(critical=1, other=1)
    assert outbox.spent("desk", NOW_NS) == Spent(0, 0)
    assert outbox.spent("phone", 0) == Spent(0, 0)


def test_the_first_acknowledgement_counts_and_every_one_is_kept(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST, LATE], NOW_NS)
    outbox.route([DESK], NOW_NS)

    outbox.acknowledge(LOST.id, by="ada", at_ns=NOW_NS + 7, face="telegram")
    found = outbox.acknowledge(LOST.id[:6], by="bob", at_ns=NOW_NS + 9, face="command", note="me too")
    outbox.acknowledge(LOST.id, by="ada", at_ns=NOW_NS + 11)

    assert (found.acknowledged_by, found.acknowledged_ns) == ("ada", NOW_NS + 7)
    assert [(one.by, one.at_ns, one.face) for one in outbox.acknowledgements(LOST.id)] == [
        ("ada", NOW_NS + 7, "telegram"), ("bob", NOW_NS + 9, "command"),
    ]  # fmt: skip
    assert [one.alert for one in outbox.alerts(is_open=True)] == [LATE]
    assert [one.alert for one in outbox.alerts(is_open=False)] == [LOST]
    assert outbox.deliveries(LOST.id)[0].state == "moot"
    assert [one.raised.id for one in outbox.unacknowledged("desk", ("critical", "warning"), 0, not_at="phone")] == [LATE.id]


def test_what_cannot_be_is_refused(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST], NOW_NS)

    with pytest.raises(Rejected, match="acknowledged by nobody"):
        outbox.acknowledge(LOST.id, by=" ", at_ns=NOW_NS)
    with pytest.raises(Missing, match="alert 'zzz': there is none"):
        outbox.alert("zzz")
    with pytest.raises(Missing):
        outbox.alert("")


def test_an_alert_goes_to_one_more_route_once(outbox: AlertOutbox) -> None:
    outbox.raise_([LOST], NOW_NS)
    outbox.route([DESK], NOW_NS)

    first = outbox.send_also(LOST.id, "phone", "escalated", NOW_NS)
    again = outbox.send_also(LOST.id, "phone", "escalated", NOW_NS)

    assert (first, again) == (True, False)
    assert outbox.unacknowledged("desk", ("critical",), 0, not_at="phone") == []
    assert len(outbox.unacknowledged("desk", ("critical",), 0, not_at="boss")) == 1
    assert [(one.route, one.why) for one in outbox.deliveries(LOST.id)] == [("desk", "routed"), ("phone", "escalated")]
