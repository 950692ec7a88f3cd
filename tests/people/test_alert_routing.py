"""Which alerts a route takes, how floods become digests, and what a message says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.people.alert import TEXT_CHARS_MAX, Alert, RaisedAlert, Severity
from tradewinds.people.alert_message import Day, message_of, summary_text
from tradewinds.people.alert_routing import Delivery, Route, Spent, again_ns, batches, check_routes

SECOND = 1_000_000_000


def _delivery(number: int, severity: Severity = "warning", message: str = "", at_ns: int = 0) -> Delivery:
    alert = Alert(severity, "jobs", f"job {number:03d}", "failed", "tradewinds job list")
    return Delivery(RaisedAlert(alert, at_ns), "desk", "waiting", "routed", at_ns, at_ns, message=message)


def test_the_same_key_is_the_same_alert_and_without_one_its_words_are_the_key() -> None:
    assert Alert("info", "jobs", "a", "one", key="k").id == Alert("critical", "jobs", "b", "two", key="k").id
    assert Alert("info", "jobs", "a", "one").id == Alert("info", "jobs", "a", "one").id
    assert Alert("info", "jobs", "a", "one", key="k").id != Alert("info", "data", "a", "one", key="k").id


def test_text_of_others_moves_no_cursor_and_is_cut() -> None:
    alert = Alert("info", "jobs", "a\x1b[2J", "x" * (TEXT_CHARS_MAX + 9))

    assert alert.subject == "a [2J"
    assert len(alert.text) == TEXT_CHARS_MAX
    assert alert.text.endswith("...")


def test_impossible_alerts_and_routes_are_refused() -> None:
    with pytest.raises(Rejected, match="severity 'loud', expected one of info, warning, critical"):
        Alert("loud", "jobs", "a", "b")  # type: ignore[arg-type] # that is what is tried
    with pytest.raises(Rejected, match="expected a source and a text"):
        Alert("info", "jobs", "a", "")
    with pytest.raises(Rejected, match="route a: escalate_to itself"):
        Route(name="a", escalate_to="a")
    with pytest.raises(Rejected, match="messages_max 0, expected at least 1"):
        Route(name="a", messages_max=0)
    with pytest.raises(Rejected, match="route a: escalate_to 'b', expected one of a, c"):
        check_routes({"a": Route(name="a", escalate_to="b"), "c": Route(name="c")})


def test_a_summary_goes_only_where_it_is_asked_for() -> None:
    summary = Alert("info", "summary", "2026-11-20", "all is well")

    assert Route(name="a", summary=True, severities=()).takes(summary)
    assert not Route(name="a").takes(summary)


def test_waits_double_and_end_at_five_minutes() -> None:
    assert [again_ns(tries) // SECOND for tries in (1, 2, 3, 4, 9, 10, 99)] == [1, 2, 4, 8, 256, 300, 300]


def test_up_to_the_limit_each_alert_is_a_message_and_beyond_the_last_one_takes_the_rest() -> None:
    route = Route(name="desk", messages_max=3)

    few = batches([_delivery(n) for n in range(3)], route, Spent())
    many = batches([_delivery(n) for n in range(9)], route, Spent())
    spent = batches([_delivery(n) for n in range(9)], route, Spent(other=3))
    critical = batches([_delivery(1), _delivery(2, "critical")], route, Spent(other=3))

    assert [len(one) for one in few] == [1, 1, 1]
    assert [len(one) for one in many] == [1, 1, 7]
    assert spent == []
    assert [one[0].raised.alert.severity for one in critical] == ["critical"]


def test_what_was_in_a_message_before_stays_in_it_and_costs_nothing() -> None:
    route = Route(name="desk", messages_max=1)

    found = batches([_delivery(1, message="m"), _delivery(2), _delivery(3, message="m")], route, Spent(other=1))

    assert [sorted(one.raised.alert.subject for one in batch) for batch in found] == [["job 001", "job 003"]]


@given(
    st.lists(st.tuples(st.sampled_from(["info", "warning", "critical"]), st.sampled_from(["", "", "", "m", "n"]))),
    st.integers(1, 5), st.integers(0, 6), st.integers(0, 6),
)  # fmt: skip
def test_no_alert_is_in_two_messages_and_no_limit_is_passed(rows: list[tuple[Severity, str]], most: int, critical: int, other: int) -> None:
    due = [_delivery(number, severity, message) for number, (severity, message) in enumerate(rows)]

    found = batches(due, Route(name="desk", messages_max=most), Spent(critical, other))

    ids = [one.raised.id for batch in found for one in batch]
    fresh = [batch for batch in found if not batch[0].message]
    assert len(ids) == len(set(ids))
    assert sum(batch[0].is_critical for batch in fresh) <= max(0, most - critical)
    assert sum(not batch[0].is_critical for batch in fresh) <= max(0, most - other)
    assert {one.raised.id for one in due if one.message} <= set(ids)
    if critical < most:
        assert {one.raised.id for one in due if one.is_critical} <= set(ids)


def test_a_digest_names_what_it_can_and_counts_the_rest() -> None:
    message = message_of([_delivery(number, "critical" if number == 0 else "warning") for number in range(25)])

    assert message.title == "25 alerts, 1 critical"
    assert message.severity == "critical"
    assert "jobs job 019: failed [tradewinds job list]" in message.text
    assert "... and 5 more" in message.text


def test_a_summary_says_what_is_there_and_what_is_not_known() -> None:
    day = Day(
        "2026-11-20", profit={"main": "12.5 USD realised in 24 h"}, positions=["main 5 ABC.LOCAL"], nights={"night_us": "2026-11-20 done"},
        holds=3, approvals=1, open_alerts=["a1 critical breaks main"], unknown={"profit": "the service is away"},
    )  # fmt: skip

    assert summary_text(day).splitlines() == [
        "main: 12.5 USD realised in 24 h",
        "Positions: main 5 ABC.LOCAL",
        "Night night_us: 2026-11-20 done",
        "Held values: 3; waiting for approval: 1; open alerts: 1",
        "- a1 critical breaks main",
        "Not known: profit (the service is away)",
    ]
