"""Alerts arrive once at each route, whatever the receiver does, and what nobody takes in hand goes on."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from tradewinds.people.alert import Alert

LOST = Alert("critical", "dead-man", "trade", "no heartbeat of the trade process for 7 s", "tradewinds trade status", "beat 1")
LATE = Alert("warning", "jobs", "equities_XNAS", "failed", "tradewinds job show 7", "run 7")
CROSSED = Alert("info", "crossing", "AAPL.XNAS", "close crosses above sma(200)", "", "crossing 1")
ONE_ROUTE = "alerts: {routes: {hook: {}}}"


def test_an_alert_arrives_once_with_its_id_and_the_next_command(make_house: Any, make_desk: Any, receiver: Any, run: Any) -> None:
    house = make_house(ONE_ROUTE)
    desk, said = make_desk(house, hook=receiver)

    new = house.alerts.raise_(LATE)
    again = house.alerts.raise_(LATE)
    run(desk, 5)

    assert (new, again) == (1, 0)
    assert receiver.titles == ["WARNING jobs: equities_XNAS"]
    assert receiver.accepted[0]["type"] == "warning"
    assert receiver.texts == [
        f"failed\nNext: tradewinds job show 7\nAlert {LATE.id}, 2026-11-20T12:00:00Z\nIn hand: tradewinds alerts ack {LATE.id}"
    ]
    assert said == []


def test_a_receiver_that_refuses_is_asked_again_after_waits_that_double(make_house: Any, make_desk: Any, receiver: Any, run: Any) -> None:
    house = make_house(ONE_ROUTE)
    desk, said = make_desk(house, hook=receiver)
    receiver.answers = [503, 500, 429]

    house.alerts.raise_(LATE)
    run(desk, 20)

    assert len(receiver.tries) == 4  # at 0 s, then after 1, 2 and 4 s
    assert len(receiver.accepted) == 1
    assert [line.rpartition(": ")[2] for line in said] == [
        "try 1 failed (answered 503), again in 1 s",
        "try 2 failed (answered 500), again in 2 s",
        "try 3 failed (answered 429), again in 4 s",
    ]
    assert house.ledger.outbox.deliveries(LATE.id)[0].state == "sent"


def test_an_answer_that_never_came_is_a_doubt_which_the_next_try_names_under_the_same_id(
    make_house: Any, make_desk: Any, receiver: Any, run: Any
) -> None:
    house = make_house(ONE_ROUTE)
    desk, said = make_desk(house, hook=receiver)
    receiver.answers = ["hang up"]

    house.alerts.raise_(LATE)
    run(desk, 5)

    assert len(receiver.accepted) == 2  # nobody can know that the first one arrived
    assert all(f"Alert {LATE.id}, " in text for text in receiver.texts)
    assert ["perhaps told before" in text for text in receiver.texts] == [False, True]
    assert said == [f"route hook: message {LATE.id}: try 1 failed (no answer), again in 1 s"]


def test_a_claim_of_a_process_that_died_is_sent_by_the_next_one_as_perhaps_told(
    make_house: Any, make_desk: Any, receiver: Any, run: Any, clock: Any
) -> None:
    house = make_house(ONE_ROUTE)
    desk, _ = make_desk(house, hook=receiver)
    house.alerts.raise_(LATE)
    house.ledger.outbox.route(list(desk.routes.values()), clock.now_ns())
    claimed = house.ledger.outbox.claim(desk.routes["hook"], lambda due: [due], clock.now_ns())  # and then it is killed

    run(desk, 50)
    before = len(receiver.accepted)
    run(desk, 15)

    assert [one.raised.id for one in claimed] == [LATE.id]
    assert before == 0
    assert len(receiver.accepted) == 1
    assert "perhaps told before" in receiver.texts[0]


def test_two_desks_at_once_send_each_alert_once(make_house: Any, make_desk: Any, receiver: Any, clock: Any) -> None:
    house = make_house("alerts: {routes: {hook: {messages_max: 100}}}")
    first, _ = make_desk(house, hook=receiver)
    second, _ = make_desk(house, hook=receiver)
    house.alerts.raise_(*(Alert("warning", "jobs", f"job {number}", "failed") for number in range(30)))

    for _ in range(5):
        first.step()
        second.step()
        first.rest()
        second.rest()
        clock.move(1)

    assert sorted(receiver.titles) == sorted(f"WARNING jobs: job {number}" for number in range(30))


def test_routes_take_by_severity_and_source(make_house: Any, make_desk: Any, make_receiver: Any, run: Any) -> None:
    house = make_house("alerts: {routes: {phone: {severities: [critical]}, desk: {}, chart: {sources: [crossing]}}}")
    phone, tell, chart = make_receiver(), make_receiver(), make_receiver()
    desk, _ = make_desk(house, phone=phone, desk=tell, chart=chart)

    house.alerts.raise_(LOST, LATE, CROSSED)
    run(desk, 3)

    assert phone.titles == ["CRITICAL dead-man: trade"]
    assert tell.titles == ["CRITICAL dead-man: trade", "WARNING jobs: equities_XNAS", "INFO crossing: AAPL.XNAS"]
    assert chart.titles == ["INFO crossing: AAPL.XNAS"]


def test_in_quiet_hours_only_what_is_critical_passes_and_the_rest_comes_in_the_morning(
    make_house: Any, make_desk: Any, receiver: Any, run: Any, clock: Any
) -> None:
    house = make_house("alerts: {zone: Europe/Zurich, routes: {hook: {quiet_hours: 22:00-07:00, messages_max: 2}}}")
    desk, _ = make_desk(house, hook=receiver)
    others = [Alert("warning", "data", f"set {number}", "held") for number in range(3)]

    clock.set("2026-11-20T21:00:00Z")  # 22:00 in Zurich
    house.alerts.raise_(LATE, LOST, *others)
    run(desk, 3)
    at_night = receiver.titles
    clock.set("2026-11-21T05:59:55Z")
    run(desk, 4)
    before_seven = receiver.titles
    run(desk, 4)

    assert at_night == before_seven == ["CRITICAL dead-man: trade"]
    assert receiver.titles[1:] == ["WARNING jobs: equities_XNAS", "3 alerts, 0 critical"]


def test_what_nobody_acknowledges_goes_on_to_the_next_route_and_what_somebody_has_in_hand_does_not(
    make_house: Any, make_desk: Any, make_receiver: Any, run: Any, clock: Any
) -> None:
    house = make_house(
        "alerts: {routes: {hook: {escalate_to: phone, escalate_minutes: 5}, phone: {severities: [], escalate_to: boss}, "
        "boss: {severities: []}}}"
    )
    hook, phone, boss = make_receiver(), make_receiver(), make_receiver()
    desk, _ = make_desk(house, hook=hook, phone=phone, boss=boss)
    other = Alert("critical", "breaks", "main", "1 break")

    house.alerts.raise_(LOST, other, LATE)
    run(desk, 2)
    house.ledger.outbox.acknowledge(other.id[:6], by="ada", at_ns=clock.now_ns(), face="command")
    clock.move(295)
    run(desk, 2)
    before = phone.titles
    run(desk, 5)
    clock.move(15 * 60)
    run(desk, 3)

    assert len(hook.accepted) == 3
    assert before == []
    assert phone.titles == ["CRITICAL dead-man: trade (nobody acknowledged)"]  # warnings stay where they are
    assert boss.titles == ["CRITICAL dead-man: trade (nobody acknowledged)"]


def test_a_route_that_gives_up_hands_on_at_once(make_house: Any, make_desk: Any, make_receiver: Any, run: Any) -> None:
    house = make_house("alerts: {routes: {hook: {escalate_to: phone, attempts_max: 3}, phone: {severities: []}}}")
    hook, phone = make_receiver(), make_receiver()
    desk, said = make_desk(house, hook=hook, phone=phone)
    hook.answers = [500] * 9

    house.alerts.raise_(LOST)
    run(desk, 10)

    assert len(hook.tries) == 3
    assert phone.titles == ["CRITICAL dead-man: trade (nobody acknowledged)"]
    assert said[-1] == f"route hook: message {LOST.id}: given up after 3 tries (answered 500)"


def test_an_acknowledgement_before_it_was_sent_keeps_it_from_being_sent(
    make_house: Any, make_desk: Any, receiver: Any, run: Any, clock: Any
) -> None:
    house = make_house(ONE_ROUTE)
    desk, _ = make_desk(house, hook=receiver)
    receiver.answers = [500]

    house.alerts.raise_(LOST)
    run(desk, 1)
    seen = house.ledger.outbox.acknowledge(LOST.id, by="ada", at_ns=clock.now_ns())
    run(desk, 10)

    assert (seen.acknowledged_by, len(receiver.tries), receiver.accepted) == ("ada", 1, [])


def test_a_flood_becomes_a_few_messages_and_digests_that_name_every_alert(
    make_house: Any, make_desk: Any, receiver: Any, run: Any, clock: Any
) -> None:
    house = make_house("alerts: {routes: {hook: {messages_max: 3, window_minutes: 1}}}")
    desk, _ = make_desk(house, hook=receiver)
    flood = [Alert("warning", "jobs", f"job {number:02d}", "failed", "tradewinds job list") for number in range(15)]

    house.alerts.raise_(*flood)
    run(desk, 2)
    first = receiver.titles
    house.alerts.raise_(Alert("warning", "jobs", "one more", "failed"), Alert("warning", "jobs", "and one", "failed"), LOST)
    run(desk, 5)
    second = receiver.titles
    clock.move(60)
    run(desk, 2)

    assert first[2] == "13 alerts, 0 critical"
    assert len(first) == 3
    assert all(any(one.id in text for text in receiver.texts) for one in flood)
    assert second[3:] == ["CRITICAL dead-man: trade"]  # has messages of its own
    assert sorted(receiver.titles[4:]) == ["WARNING jobs: and one", "WARNING jobs: one more"]


def test_a_digest_that_was_refused_is_sent_again_as_the_same_message(make_house: Any, make_desk: Any, receiver: Any, run: Any) -> None:
    house = make_house("alerts: {routes: {hook: {messages_max: 1}}}")
    desk, said = make_desk(house, hook=receiver)
    receiver.answers = [503]

    house.alerts.raise_(*(Alert("warning", "jobs", f"job {number}", "failed") for number in range(4)))
    run(desk, 5)

    assert len(receiver.tries) == 2
    assert receiver.tries[0] == receiver.tries[1]
    assert receiver.titles == ["4 alerts, 0 critical"]
    assert len(said) == 1


def test_a_receiver_that_hangs_holds_no_other_route_up(make_house: Any, make_desk: Any, make_receiver: Any, run: Any) -> None:
    house = make_house("alerts: {routes: {dead: {}, hook: {}}}")
    hook, dead = make_receiver(), make_receiver()
    desk, said = make_desk(house, dead=dead, hook=hook)
    dead.close()

    house.alerts.raise_(LOST)
    run(desk, 1)

    assert hook.titles == ["CRITICAL dead-man: trade"]
    assert said == [f"route dead: message {LOST.id}: try 1 failed (no connection), again in 1 s"]


def test_the_address_of_a_route_is_in_no_log_no_word_and_no_row(
    make_house: Any, make_desk: Any, receiver: Any, run: Any, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    house = make_house(ONE_ROUTE)
    receiver.answers = [500, "hang up"]
    with caplog.at_level(logging.DEBUG):
        desk, said = make_desk(house, hook=receiver)
        house.alerts.raise_(LOST)
        run(desk, 8)
    rows = house.ledger.outbox.deliveries(LOST.id)
    house.close()

    assert receiver.paths[0] == "/canary-secret-path"
    assert "canary" not in caplog.text
    assert not any("canary" in line for line in said)
    assert "canary" not in repr(rows) + repr(desk)
    assert not any(b"canary" in path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense", "an address of kind 'nonsense' that Apprise cannot read"),
        ("tgram://canary-token", "an address of kind 'tgram' that Apprise cannot read"),
        ("Canary Words://x", "an address of kind '\\*\\*\\*' that Apprise cannot read"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_it(
    address: str, told: str, make_sender: Callable[[str], object]
) -> None:
    from tradewinds.core.errors import Rejected

    with pytest.raises(Rejected, match=told) as refused:
        make_sender(address)

    assert "anary" not in str(refused.value)


def test_a_route_without_an_address_is_said_and_its_alerts_wait(make_house: Any, make_desk: Any, run: Any, receiver: Any) -> None:
    house = make_house(ONE_ROUTE)
    desk, said = make_desk(house)
    house.alerts.raise_(LOST)
    run(desk, 2)
    later, _ = make_desk(house, hook=receiver)
    run(later, 2)

    assert said == [
        "route hook: no address, expected one in TRADEWINDS_ALERTS__ROUTES__HOOK__URL or a file named by "
        "TRADEWINDS_ALERTS__ROUTES__HOOK__URL_FILE"
    ]
    assert receiver.titles == ["CRITICAL dead-man: trade"]


def test_with_a_receiver_that_fails_every_other_time_each_alert_is_told_and_each_message_is_one(
    make_house: Any, make_desk: Any, receiver: Any, run: Any
) -> None:
    house = make_house("alerts: {routes: {hook: {messages_max: 100}}}")
    desk, _ = make_desk(house, hook=receiver)
    chance = random.Random(7)
    receiver.answers = chance.choices([200, 500, 503, 429, "hang up"], [5, 2, 2, 1, 2], k=120)
    hung = receiver.answers.count("hang up")
    alerts = [Alert("warning", "jobs", f"job {number:02d}", "failed") for number in range(40)]

    for number in range(0, 40, 10):
        house.alerts.raise_(*alerts[number : number + 10])
        run(desk, 2)
    run(desk, 60)

    told = [text.partition("Alert ")[2][:12] for text in receiver.texts]
    doubtful = [text for text in receiver.texts if "perhaps told before" in text]
    assert set(told) == {one.id for one in alerts}  # recall 100 %
    assert len(told) - len(set(told)) <= len(doubtful) <= hung  # nothing is told again but after an answer that never came
    assert len([text for text in receiver.texts if "perhaps" not in text]) == 40  # without a doubt, exactly once
    assert all(house.ledger.outbox.deliveries(one.id)[0].state == "sent" for one in alerts)


def test_a_scan_that_is_broken_is_told_and_silences_no_other(make_house: Any, make_desk: Any, receiver: Any, run: Any) -> None:
    house = make_house(ONE_ROUTE)
    desk, _ = make_desk(house, hook=receiver)
    desk.scans = {"sick": lambda: 1 // 0, "sound": lambda: [LATE]}

    run(desk, 5)

    assert sorted(receiver.titles) == ["CRITICAL alerts: sick", "WARNING jobs: equities_XNAS"]
    assert "ZeroDivisionError" in receiver.texts[receiver.titles.index("CRITICAL alerts: sick")]
