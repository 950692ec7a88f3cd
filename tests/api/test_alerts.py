"""Alerts by HTTP: listed page by page, taken in hand once, and a test message that really goes out by a route."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tradewinds.core.instant import NS_PER_MINUTE
from tradewinds.people.alert import Alert, Severity
from tradewinds.wiring.alerting_routes import routes_of

DOWN = Alert("critical", "broker", "main", "the connection is down for 12 s", "tradewinds status")
HELD = Alert("warning", "data", "AAPL.XNAS", "2 values are held", "tradewinds data holds")
CROSSED = Alert("info", "crossing", "BTCUSDT.BINANCE", "rsi(14) below 30")


class Receiver:
    """A webhook that answers every POST with `status`."""

    def __init__(self) -> None:
        self.status, self.titles = 200, list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.titles.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self._server.server_port}/s3cret-path"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """What the route `desk` leads to; `phone` has no address."""
    made = Receiver()
    monkeypatch.setenv("TRADEWINDS_ALERTS__ROUTES__DESK__URL", made.address)
    yield made
    made.close()


@pytest.fixture
def alarmed(served: Any) -> Any:
    """Three alerts, a minute apart, on their way to the desk."""
    outbox, now_ns = served.house.ledger.outbox, served.clock.at_ns
    for at, one in enumerate((DOWN, HELD, CROSSED)):
        outbox.raise_([one], now_ns + at * NS_PER_MINUTE)
    outbox.route(list(routes_of(served.house.config).values()), now_ns)
    return served


def subjects(served: Any, **params: Any) -> list[str]:
    return [one["subject"] for one in served.ask("/alerts", **params).json()["alerts"]]


def test_alerts_are_listed_newest_first_and_narrowed_down(alarmed: Any) -> None:
    assert subjects(alarmed) == ["BTCUSDT.BINANCE", "AAPL.XNAS", "main"]
    assert subjects(alarmed, severity="critical") == ["main"]
    assert subjects(alarmed, source="data") == ["AAPL.XNAS"]
    assert subjects(alarmed, state="acknowledged") == []


def test_a_long_list_is_read_page_by_page_and_nothing_twice(alarmed: Any) -> None:
    first = alarmed.ask("/alerts", limit=2).json()
    second = alarmed.ask("/alerts", limit=2, cursor=first["next"]).json()

    assert [one["subject"] for one in first["alerts"]] == ["BTCUSDT.BINANCE", "AAPL.XNAS"]
    assert ([one["subject"] for one in second["alerts"]], second["next"]) == (["main"], None)


def test_alerts_of_one_moment_are_all_read(served: Any) -> None:
    given = [Alert("info", "jobs", f"job {at}", "done late") for at in range(7)]
    served.house.ledger.outbox.raise_(given, served.clock.at_ns)

    found, cursor = list[str](), None
    for _ in range(4):
        page = served.ask("/alerts", limit=2, **({} if cursor is None else {"cursor": cursor})).json()
        found, cursor = found + [one["subject"] for one in page["alerts"]], page["next"]

    assert (sorted(found), cursor) == ([f"job {at}" for at in range(7)], None)


@pytest.mark.parametrize(("params", "words"), [
    ({"state": "closed"}, "expected one of open, acknowledged"), ({"severity": "loud"}, "expected one of info, warning, critical"),
    ({"cursor": "abc"}, "expected `next` of the answer before"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(alarmed: Any, params: dict[str, str], words: str) -> None:
    answer = alarmed.ask("/alerts", **params)

    assert (answer.status_code, words in answer.json()["detail"]) == (422, True)


def test_an_alert_is_taken_in_hand_once_and_what_was_not_sent_is_not_sent_any_more(alarmed: Any) -> None:
    before = alarmed.ask(f"/alerts/{DOWN.id}").json()
    assert (before["alert"]["state"], before["alert"]["next_command"]) == ("open", "tradewinds status")
    assert [(one["route"], one["state"]) for one in before["deliveries"]] == [("desk", "waiting")]

    first = alarmed.tell(f"/alerts/{DOWN.id}/ack", {"note": "looking"}, key="a1")
    again = alarmed.tell(f"/alerts/{DOWN.id}/ack", {"note": "looking"}, key="a1")

    assert first.json() == {"id": DOWN.id, "alert": "broker main", "in_the_hands_of": "trader"}
    assert again.headers["idempotent-replay"] == "true"
    after = alarmed.ask(f"/alerts/{DOWN.id}").json()
    assert (after["alert"]["state"], after["alert"]["acknowledged_by"]) == ("acknowledged", "trader")
    assert [(one["by"], one["note"]) for one in after["acknowledgements"]] == [("trader", "looking")]
    assert after["deliveries"][0]["state"] == "moot"
    assert subjects(alarmed, state="open") == ["BTCUSDT.BINANCE", "AAPL.XNAS"]
    rows = alarmed.house.ledger.acts.audited(act="alert.ack")
    assert [(one.person, one.face, one.subject, one.outcome) for one in rows] == [("trader", "api", DOWN.id, "done")]


def test_an_alert_that_there_is_not_is_missing(alarmed: Any) -> None:
    assert alarmed.ask("/alerts/000000000000").status_code == 404
    assert alarmed.tell("/alerts/000000000000/ack", {}).status_code == 404
    assert alarmed.ask("/alerts/nothing").status_code == 422


def test_routes_are_named_with_what_they_take_and_never_with_their_address(served: Any, receiver: Receiver) -> None:
    answer = served.ask("/alerts/routes")

    desk, phone = answer.json()["routes"]
    assert (desk["name"], desk["is_ready"], desk["escalates"]) == ("desk", True, "critical to phone after 15 min")
    assert desk["quiet_hours"] == "22:00-07:00 UTC"
    assert (phone["name"], phone["is_ready"], phone["severities"]) == ("phone", False, [])
    assert "s3cret" not in answer.text


@pytest.mark.parametrize(("status", "outcome", "error"), [(200, "told", None), (503, "refused", "answered 503")])
def test_a_test_goes_out_by_its_route_once_for_a_key(served: Any, receiver: Receiver, status: int, outcome: str, error: str | None) -> None:
    receiver.status = status

    first = served.tell("/alerts/routes/desk/test", {}, key="t1")
    served.tell("/alerts/routes/desk/test", {}, key="t1")

    assert first.json() == {"route": "desk", "outcome": outcome, "error": error}
    assert len(receiver.titles) == 1
    assert "This is a test" in receiver.titles[0]
    row = served.house.ledger.acts.audited(act="alert.test")[0]
    assert (row.subject, row.outcome, "s3cret" in row.detail) == ("desk", "done" if status == 200 else "failed", False)


@pytest.mark.parametrize(("route", "words"), [("nobody", "no such route, expected one of desk, phone"), ("phone", "no address, expected")])
def test_a_route_that_leads_nowhere_is_refused_by_name(served: Any, receiver: Receiver, route: str, words: str) -> None:
    answer = served.tell(f"/alerts/routes/{route}/test", {})

    assert (answer.status_code, words in answer.json()["detail"]) == (422, True)
    assert receiver.titles == []


def test_every_severity_can_be_asked_for(alarmed: Any) -> None:
    severities: tuple[Severity, ...] = ("info", "warning", "critical")

    assert [len(subjects(alarmed, severity=one)) for one in severities] == [1, 1, 1]
