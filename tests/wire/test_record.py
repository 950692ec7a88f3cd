"""Recording a venue's answers and replaying them."""

from __future__ import annotations

import httpx
import pytest

from tradewinds.core.errors import Missing, Transient, Unreadable
from tradewinds.wire.http import Limits
from tradewinds.wire.record import Recording, Replay
from tradewinds.wire.secret import Secret


@pytest.fixture
def record(make_http, tmp_path):
    return make_http(transport=Recording(tmp_path, httpx.HTTPTransport()), limits=Limits(attempts_max=1))


@pytest.fixture
def replay(make_http, tmp_path):
    return make_http(transport=Replay(tmp_path), limits=Limits(attempts_max=1))


def test_what_was_recorded_is_replayed_without_the_venue(venue, record, replay):
    venue.answer("/data", b"\x00\x01bytes", headers={"ETag": '"v1"'})
    record.get(venue.url + "/data", what="data", params={"b": "2", "a": "1"})
    asked = len(venue.asked)

    answer = replay.get(venue.url + "/data", what="data", params={"a": "1", "b": "2"})

    assert (answer.content, answer.headers["etag"]) == (b"\x00\x01bytes", '"v1"')
    assert len(venue.asked) == asked


def test_answers_come_in_their_order_and_the_last_one_stays(venue, record, replay):
    for body in (b"first", b"second"):
        venue.answer("/data", body)
    for _ in range(2):
        record.get(venue.url + "/data", what="data")

    assert [replay.get(venue.url + "/data", what="data").content for _ in range(3)] == [b"first", b"second", b"second"]


def test_an_error_is_recorded_too(venue, record, replay):
    venue.answer("/data", b"slow down", status=429, headers={"Retry-After": "9"})
    with pytest.raises(Transient):
        record.get(venue.url + "/data", what="data")

    with pytest.raises(Transient) as caught:
        replay.get(venue.url + "/data", what="data")
    assert caught.value.retry_after_s == 9.0


def test_no_secret_is_written_down(venue, record, replay, tmp_path):
    venue.answer("/data", b"fine")
    record.get(
        venue.url + "/data", what="data", params={"token": Secret("k3y-of-nobody")}, headers={"Authorization": Secret("k3y-of-nobody")}
    )

    assert "k3y-of-nobody" not in "".join(path.read_text() for path in tmp_path.iterdir())
    assert replay.get(venue.url + "/data", what="data", params={"token": Secret("another")}).content == b"fine"


def test_a_packed_body_is_replayed_unpacked(venue, record, replay):
    import gzip

    venue.answer("/data", gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})
    record.get(venue.url + "/data", what="data")

    assert replay.get(venue.url + "/data", what="data").content == b"hello"


def test_what_was_never_recorded_is_missing(replay):
    with pytest.raises(Missing, match=r"nothing recorded for GET https://venue\.invalid/data"):
        replay.get("https://venue.invalid/data", what="data")


def test_a_damaged_record_is_unreadable(venue, record, replay, tmp_path):
    venue.answer("/data", b"fine")
    record.get(venue.url + "/data", what="data")
    next(tmp_path.iterdir()).write_text("{")

    with pytest.raises(Unreadable, match="expected address, status, headers and body"):
        replay.get(venue.url + "/data", what="data")
