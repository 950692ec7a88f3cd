"""Writes: once by their key, written down, by two people where one is not enough, and through the trading service's own gate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tradewinds.core.candidate import Candidate
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse
from tradewinds.live.control import ControlServer, control_path

RELEASE = {"instrument": "AAPL.XNAS", "start": "2023-12-05", "decision": "accept"}
RAISED = {"account": "main", "limit": "notional_max", "value": "5000", "reason": "larger book"}


class Service:
    """A trading service as far as its channel goes: remembers what it was asked."""

    def __init__(self, served: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._loop = asyncio.new_event_loop()
        self._server = ControlServer(control_path(served.house.home), self._answer)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(10)

    async def _answer(self, act: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((act, dict(words)))
        if words.get("instrument") == "DOGEUSDT.LOCAL":
            return {"id": "tw2", "account": "main", "text": "buy", "verdict": "refused", "rule": "restricted", "why": "not traded here"}
        if words.get("id") == "nothing":
            raise Rejected("order nothing: nothing of that id waits")
        return {"id": "tw1", "account": "main", "text": "buy", "verdict": "accepted", "rule": None, "why": None}

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def service(served: Any) -> Iterator[Service]:
    made = Service(served)
    yield made
    made.close()


def audit(served: Any) -> list[tuple[str, str, str]]:
    return [(one.person, one.act, one.outcome) for one in served.house.ledger.acts.audited()]


# Once


def test_the_same_write_sent_again_is_answered_the_same_and_done_once(served: Any, service: Service) -> None:
    order = {"account": "main", "instrument": "BTCUSDT.LOCAL", "side": "buy", "quantity": "0.01"}

    first = served.tell("/orders", order, key="k1")
    again = served.tell("/orders", order, key="k1")

    assert (first.status_code, first.json()["verdict"]) == (200, "accepted")
    assert again.content == first.content
    assert again.headers["idempotent-replay"] == "true"
    assert len(service.asked) == 1


def test_a_key_that_was_used_for_another_body_is_refused(served: Any, service: Service) -> None:
    order = {"account": "main", "instrument": "BTCUSDT.LOCAL", "side": "buy", "quantity": "0.01"}
    served.tell("/orders", order, key="k1")

    other = served.tell("/orders", {**order, "quantity": "0.02"}, key="k1")

    assert other.status_code == 422
    assert "used for another write before" in other.json()["detail"]
    assert len(service.asked) == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "n\u00f6"])
def test_a_write_without_a_proper_key_is_refused(served: Any, service: Service, key: str) -> None:
    headers = served.as_("trader") | ({"Idempotency-Key": key.encode("utf-8")} if key else {})

    answer = served.client.post("/api/v1/orders/cancel", json={"account": "main"}, headers=headers)

    assert (answer.status_code, answer.json()["title"]) == (400, "A write wants an Idempotency-Key")
    assert service.asked == []


def test_two_people_may_use_the_same_key(served: Any, service: Service) -> None:
    assert served.tell("/orders/cancel", {"account": "main"}, key="k1").status_code == 200
    assert served.tell("/orders/cancel", {"account": "main"}, role="admin", key="k1").status_code == 200
    assert len(service.asked) == 2


def test_a_write_that_could_not_be_tried_may_be_tried_again_with_its_key(served: Any) -> None:
    away = served.tell("/orders/cancel", {"account": "main"}, key="k1")
    assert (away.status_code, away.json()["title"]) == (409, "No trading service runs")

    made = Service(served)
    try:
        assert served.tell("/orders/cancel", {"account": "main"}, key="k1").status_code == 200
    finally:
        made.close()


# By the desk


def test_an_order_reaches_the_gate_with_the_name_of_who_asked_and_stands_in_the_audit_log(served: Any, service: Service) -> None:
    order = {"account": "main", "instrument": "BTCUSDT.LOCAL", "side": "buy", "quantity": "0.01", "limit": "70000", "reason": "by hand"}

    served.tell("/orders", order)

    assert service.asked == [
        (
            "order",
            {"account": "main", "instrument": "BTCUSDT.LOCAL", "side": "buy", "quantity": "0.01", "limit": "70000",
             "time_in_force": "gtc", "by": "trader"},
        )
    ]  # fmt: skip
    assert audit(served) == [("trader", "order", "done")]


def test_what_the_gate_refuses_is_told_and_written_down_as_refused(served: Any, service: Service) -> None:
    answer = served.tell("/orders", {"account": "main", "instrument": "DOGEUSDT.LOCAL", "side": "buy", "quantity": "1"})

    assert (answer.json()["verdict"], answer.json()["rule"]) == ("refused", "restricted")
    assert audit(served) == [("trader", "order", "refused")]


def test_an_order_that_waits_is_approved_by_a_risk_officer_alone(served: Any, service: Service) -> None:
    assert served.tell("/approvals/tw1", {"decision": "approve"}, role="trader").status_code == 403
    assert served.tell("/approvals/tw1", {"decision": "deny", "reason": "no"}, role="risk_officer").status_code == 200
    assert served.tell("/approvals/nothing", {"decision": "approve"}, role="risk_officer").status_code == 422
    assert service.asked[0] == ("deny", {"id": "tw1", "reason": "no", "by": "risk.officer"})


def test_a_held_value_is_released_once(furnished: Any) -> None:
    assert furnished.tell("/holds/release", RELEASE).json()["closed"] == 1
    assert furnished.tell("/holds/release", RELEASE).status_code == 404
    assert furnished.ask("/holds").json()["holds"] == []
    assert furnished.ask("/holds", open=False).json()["holds"][0]["released_by"] == "trader"


def test_a_candidate_is_answered(served: Any) -> None:
    now_ns = parse("2025-01-01")
    found = Candidate("us", "cheap", "2024-12-31", "AAPL.XNAS", now_ns, now_ns + NS_PER_DAY)
    served.house.ledger.candidates.add([found])

    assert served.ask("/candidates", state="waiting").json()["candidates"][0]["id"] == found.id
    assert served.tell(f"/candidates/{found.id}", {"answer": "approved"}).json()["state"] == "approved"
    assert served.tell(f"/candidates/{found.id}", {"answer": "denied"}).status_code == 422


def test_a_strategy_is_stopped_and_started_by_its_name(served: Any, service: Service) -> None:
    served.tell("/strategies/trend", {"action": "stop", "reason": "odd"})
    served.tell("/strategies/trend", {"action": "start", "reason": "fine"})

    assert [words["override"] for _, words in service.asked] == ["no trading", "trade"]
    assert served.tell("/strategies/nobody", {"action": "stop", "reason": "x"}).status_code == 404


def test_a_mode_is_written_into_the_strategys_file_and_nothing_else_of_it_changes(served: Any) -> None:
    answer = served.tell("/strategies/trend", {"action": "mode", "mode": "shadow", "reason": "watch first"})

    assert (answer.status_code, answer.json()["before"]) == (200, "paper")
    told = (served.folder / "strategies" / "trend.yaml").read_text()
    assert told.splitlines()[:3] == ["# kept", "strategy: trend.py", "mode: shadow  # for now"]


# Two people


def test_lowering_a_limit_takes_one_person_and_raising_it_two(served: Any) -> None:
    lowered = served.tell("/limits", {**RAISED, "value": "500"}, role="risk_officer")
    raised = served.tell("/limits", RAISED, role="risk_officer")

    assert (lowered.status_code, lowered.json()["value"]) == (200, "500")
    assert (raised.status_code, raised.json()["waits_for"]) == (202, "notional_max would go from 500 to 5000")
    values = {one["limit"]: one["value"] for one in served.ask("/limits", account="main").json()["limits"]}
    assert values["notional_max"] == "500"


def test_the_second_person_has_to_be_another_and_confirms_once(served: Any) -> None:
    number = served.tell("/limits", RAISED, role="risk_officer").json()["request"]

    own = served.tell(f"/requests/{number}", {"decision": "confirm"}, role="risk_officer")
    second = served.tell(f"/requests/{number}", {"decision": "confirm"}, role="risk_officer", name="bob")
    third = served.tell(f"/requests/{number}", {"decision": "confirm"}, role="risk_officer", name="eve")

    assert (own.status_code, second.status_code, third.status_code) == (422, 200, 422)
    assert "expected two different persons" in own.json()["detail"]
    changes = served.ask("/limits", account="main").json()["changes"]
    assert [(one["value"], one["changed_by"]) for one in changes] == [("5000", "risk.officer and bob")]
    assert audit(served)[::-1] == [
        ("risk.officer", "limit", "asked"), ("risk.officer", "confirm limit", "refused"), ("bob", "confirm limit", "done"),
        ("eve", "confirm limit", "refused"),
    ]  # fmt: skip


def test_a_request_that_nobody_confirms_in_a_day_is_over(served: Any) -> None:
    number = served.tell("/limits", RAISED, role="risk_officer").json()["request"]
    served.clock.at_ns += 24 * NS_PER_HOUR

    late = served.tell(f"/requests/{number}", {"decision": "confirm"}, role="risk_officer", name="bob")

    assert (late.status_code, "expired" in late.json()["detail"]) == (422, True)
    assert served.ask("/requests", state="expired").json()["requests"][0]["id"] == number


def test_going_live_is_asked_by_a_trader_and_confirmed_by_a_risk_officer(served: Any) -> None:
    body = {"action": "mode", "mode": "live", "account": "real", "reason": "four weeks on paper"}
    asked = served.tell("/strategies/trend", body)
    file = served.folder / "strategies" / "trend.yaml"
    assert (asked.status_code, "mode: paper" in file.read_text()) == (202, True)

    other_trader = served.tell(f"/requests/{asked.json()['request']}", {"decision": "confirm"}, name="mel")
    officer = served.tell(f"/requests/{asked.json()['request']}", {"decision": "confirm"}, role="risk_officer")

    assert (other_trader.status_code, officer.status_code) == (403, 200)
    assert "mode: live  # for now" in file.read_text()
    assert "account: {name: real, capital: 1000}" in file.read_text()


def test_a_mode_that_does_not_fit_its_account_leaves_the_file_as_it_was(served: Any) -> None:
    before = (served.folder / "strategies" / "trend.yaml").read_text()
    number = served.tell("/strategies/trend", {"action": "mode", "mode": "live", "reason": "try"}).json()["request"]

    answer = served.tell(f"/requests/{number}", {"decision": "confirm"}, role="risk_officer")

    assert (answer.status_code, "expected environment: live" in answer.json()["detail"]) == (422, True)
    assert (served.folder / "strategies" / "trend.yaml").read_text() == before
    assert served.ask("/requests", state="confirmed").json()["requests"][0]["outcome"]["error"] == "Rejected"


def test_declared_limits_count_as_what_is_raised(served: Any) -> None:
    fewer = served.tell("/limits", {**RAISED, "limit": "restricted", "value": "ETHUSDT.LOCAL"}, role="risk_officer")
    more = served.tell("/limits", {**RAISED, "limit": "restricted", "value": "DOGEUSDT.LOCAL,ETHUSDT.LOCAL"}, role="risk_officer")
    gone = served.tell("/limits", {**RAISED, "value": "none"}, role="risk_officer")

    assert [one.status_code for one in (fewer, more, gone)] == [202, 200, 202]
