"""The HTTP client against a real server on the venue."""

from __future__ import annotations

import logging

import httpx
import pytest

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.wire.budget import BudgetBook, Cost, Window
from tradewinds.wire.http import Limits, excerpt, retry_after_s
from tradewinds.wire.secret import Secret

NOW_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z


def test_a_body_arrives_with_the_time_of_its_capture(venue, make_http):
    venue.answer("/data", b"1,2,3", headers={"ETag": '"v1"'})

    answer = make_http().get(venue.url + "/data", what="data", params={"symbol": "BTCUSDT"})

    assert (answer.status, answer.content, answer.captured_ns) == (200, b"1,2,3", NOW_NS)
    assert answer.headers["etag"] == '"v1"'
    assert venue.asked[0][1] == {"symbol": "BTCUSDT"}
    assert venue.asked[0][2]["user-agent"].startswith("tradewinds/")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_error_is_tried_again_with_growing_pauses(venue, make_http, clock, status):
    venue.answer("/data", b"oops", status=status)
    venue.answer("/data", b"oops", status=status)
    venue.answer("/data", b"fine")

    answer = make_http(limits=Limits(backoff_first_s=1.0)).get(venue.url + "/data", what="data")

    assert answer.content == b"fine"
    assert len(clock.slept) == 2
    assert 0.5 <= clock.slept[0] <= 1.0
    assert 1.0 <= clock.slept[1] <= 2.0


def test_attempts_are_limited(venue, make_http, clock):
    venue.answer("/data", b"oops", status=503)

    with pytest.raises(Transient, match=r"data: HTTP 503 from 127\.0\.0\.1:\d+ \(oops\), expected 200"):
        make_http(limits=Limits(attempts_max=3)).get(venue.url + "/data", what="data")

    assert len(venue.asked) == 3
    assert len(clock.slept) == 2


def test_the_same_generator_gives_the_same_pauses(venue, make_http, clock):
    venue.answer("/data", b"oops", status=503)
    for _ in range(2):
        with pytest.raises(Transient):
            make_http(limits=Limits(attempts_max=3)).get(venue.url + "/data", what="data")

    assert clock.slept[:2] == clock.slept[2:]


@pytest.mark.parametrize("status", [429, 418])
def test_a_named_wait_is_waited_exactly(venue, make_http, clock, status):
    venue.answer("/data", b"slow down", status=status, headers={"Retry-After": "7"})
    venue.answer("/data", b"fine")

    assert make_http().get(venue.url + "/data", what="data").content == b"fine"
    assert clock.slept == [7.0]


def test_a_long_ban_is_raised_with_its_wait_and_not_asked_again(venue, make_http, clock):
    venue.answer("/data", b"banned", status=418, headers={"Retry-After": "7200"})

    with pytest.raises(Transient) as caught:
        make_http().get(venue.url + "/data", what="data")

    assert caught.value.retry_after_s == 7200.0
    assert clock.slept == []
    assert len(venue.asked) == 1


def test_retry_after_may_be_seconds_or_a_date():
    assert retry_after_s("119", NOW_NS) == 119.0
    assert retry_after_s("Fri, 15 Jan 2027 08:02:00 GMT", NOW_NS) == 120.0
    assert retry_after_s("Fri, 15 Jan 2027 07:00:00 GMT", NOW_NS) == 0.0
    assert retry_after_s("soon", NOW_NS) is None
    assert retry_after_s(None, NOW_NS) is None


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (404, Missing, "expected it to exist"),
        (400, Rejected, "expected 200"),
        (401, Rejected, "expected a key"),
        (403, Rejected, "firewall or a country block"),
        (451, Rejected, "firewall or a country block"),
        (302, Rejected, "expected 200"),
    ],
)
def test_a_refusal_is_not_repeated(venue, make_http, clock, status, error, says):
    venue.answer("/data", b"no", status=status)

    with pytest.raises(error, match=says):
        make_http().get(venue.url + "/data", what="data")

    assert len(venue.asked) == 1
    assert clock.slept == []


def test_a_secret_reaches_the_wire_and_nothing_else(venue, make_http, caplog):
    secret = Secret("k3y-of-nobody")
    venue.answer("/data", b"token k3y-of-nobody is unknown", status=400)

    with caplog.at_level(logging.DEBUG, logger="httpx"), pytest.raises(Rejected) as caught:
        make_http().get(venue.url + "/data", what="data", params={"token": secret}, headers={"X-Key": secret})

    assert venue.asked[0][1] == {"token": "k3y-of-nobody"}
    assert venue.asked[0][2]["x-key"] == "k3y-of-nobody"
    assert "k3y-of-nobody" not in str(caught.value)
    assert "token *** is unknown" in str(caught.value)
    assert "k3y-of-nobody" not in caplog.text
    assert "k3y" not in f"{secret} {secret!r}"


def test_a_secret_does_not_follow_a_redirect(venue, make_http):
    venue.answer("/data", b"", status=302, headers={"Location": venue.url + "/elsewhere"})
    venue.answer("/elsewhere", b"here")

    with pytest.raises(Rejected, match="HTTP 302"):
        make_http().get(venue.url + "/data", what="data", headers={"X-Key": Secret("k3y")})

    assert venue.paths() == ["/data"]
    assert make_http().get(venue.url + "/data", what="data").content == b"here"


def test_a_body_over_the_limit_is_refused(venue, make_http):
    venue.answer("/stated", b"x" * 101)
    venue.answer("/unstated", b"x" * 101, headers={"Content-Length": "", "Connection": "close"})

    for path in ("/stated", "/unstated"):
        with pytest.raises(Rejected, match="body over 100 bytes"):
            make_http().get(venue.url + path, what="data", body_bytes_max=100)


def test_a_body_that_ends_early_is_tried_again(venue, make_http, clock):
    venue.answer("/data", b"half", headers={"Content-Length": "8", "Connection": "close"})
    venue.answer("/data", b"complete")

    assert make_http().get(venue.url + "/data", what="data").content == b"complete"
    assert len(clock.slept) == 1


def test_nobody_listening_is_transient(make_http):
    with pytest.raises(Transient, match="expected an answer from"):
        make_http(limits=Limits(attempts_max=1)).get("http://127.0.0.1:1/data", what="data")


def test_an_address_without_a_scheme_is_refused(make_http):
    with pytest.raises(Rejected, match="expected http:// or https://"):
        make_http().get("127.0.0.1/data", what="data")


def test_loopback_goes_past_a_proxy_of_the_environment(venue, make_http, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    venue.answer("/data", b"direct")

    assert make_http().get(venue.url + "/data", what="data").content == b"direct"


def test_the_outside_goes_through_the_proxy_of_the_environment(venue, make_http, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, venue.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    venue.answer("/data", b"through the proxy")

    assert make_http().get("http://venue.invalid/data", what="data").content == b"through the proxy"


def test_an_unchanged_answer_is_not_sent_again(venue, make_http):
    venue.answer("/data", lambda query, headers: (304, b"", {}) if headers.get("if-none-match") == '"v1"' else (200, b"new", {}))

    assert make_http().get(venue.url + "/data", what="data", etag='"v1"').status == 304
    assert make_http().get(venue.url + "/data", what="data").content == b"new"


def test_a_vendor_may_read_its_own_errors(venue, make_http):
    venue.answer("/data", b"-1121", status=400)
    own = Missing("no such symbol")

    with pytest.raises(Missing, match="no such symbol"):
        make_http().get(venue.url + "/data", what="data", explain=lambda status, headers, body: own if body == b"-1121" else None)


def test_a_request_waits_for_room_in_its_budget_and_headers_are_learned(venue, make_http, clock, tmp_path):
    budgets = BudgetBook(tmp_path, clock)
    budgets.budget("venue").learn([Window(60_000_000_000, 100)])
    venue.answer("/data", b"fine", headers={"X-MBX-USED-WEIGHT-1M": "89"})
    http = make_http(budgets=budgets)

    http.get(venue.url + "/data", what="data", cost=Cost("venue", 1))
    http.get(venue.url + "/data", what="data", cost=Cost("venue", 1))
    http.get(venue.url + "/data", what="data", cost=Cost("venue", 2))

    assert clock.slept == [60.0]


def test_a_ban_stops_every_client_of_the_budget(venue, make_http, clock, tmp_path):
    budgets = BudgetBook(tmp_path, clock)
    venue.answer("/data", b"banned", status=418, headers={"Retry-After": "120"})
    with pytest.raises(Transient):
        make_http(budgets=budgets).get(venue.url + "/data", what="first", cost=Cost("venue"))

    with pytest.raises(Transient, match=r"second: budget venue has room in 120\.0 s") as caught:
        make_http(budgets=budgets).get(venue.url + "/data", what="second", cost=Cost("venue"))

    assert caught.value.retry_after_s == 120.0
    assert len(venue.asked) == 1


def test_an_excerpt_is_one_short_line():
    assert excerpt(b"<html>\n  <body>no</body>") == "<html> <body>no</body>"
    assert len(excerpt(b"x" * 10_000)) == 161


def test_another_transport_stands_in_for_the_network(make_http):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=request.url.path.encode()))

    assert make_http(transport=transport).get("https://venue.invalid/ping", what="ping").content == b"/ping"
