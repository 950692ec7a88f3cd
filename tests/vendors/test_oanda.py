"""OANDA candles: sides, completeness, New York days, and errors."""

from __future__ import annotations

import json

import pytest

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Request
from tradewinds.vendors.oanda import Oanda
from tradewinds.wire.secret import Secret


def request(start="2024-01-01", end="2024-01-02", dataset="quotes-1m", instruments=("EUR_USD.OANDA",)) -> Request:
    return Request(dataset, tuple(instruments), parse(start), parse(end), parse("2026-11-20"))


def candle(time: str, *, complete: bool = True, mid: bool = False, volume: int = 7) -> dict[str, object]:
    bid = {"o": "1.09541", "h": "1.09600", "l": "1.09500", "c": "1.09580"}
    ask = {"o": "1.09555", "h": "1.09614", "l": "1.09514", "c": "1.09594"}
    return {"time": time, "volume": volume, "complete": complete} | ({"mid": bid} if mid else {"bid": bid, "ask": ask})


def answer(candles, granularity="M1", instrument="EUR_USD") -> bytes:
    return json.dumps({"instrument": instrument, "granularity": granularity, "candles": candles}).encode()


def read(oanda, candles, **question):
    pull = oanda.plan(request(**question))[0]
    return oanda.parse(Payload(pull, answer(candles, pull.params["granularity"]), parse("2026-11-20")))


@pytest.fixture
def oanda(http, venue) -> Oanda:
    return Oanda(http, base_url=venue.url, secret=Secret("t0ken"))


def test_a_page_is_a_span_of_time_without_a_count(oanda):
    pulls = oanda.plan(request("2024-01-01", "2024-01-08"))

    assert [(pull.params["from"], pull.params["to"]) for pull in pulls] == [
        ("2024-01-01T00:00:00Z", "2024-01-04T11:20:00Z"),
        ("2024-01-04T11:20:00Z", "2024-01-07T22:40:00Z"),
        ("2024-01-07T22:40:00Z", "2024-01-08T00:00:00Z"),
    ]
    assert dict(pulls[0].params).keys() == {"price", "granularity", "from", "to"}
    assert (pulls[0].locator, pulls[0].params["price"]) == ("/v3/instruments/EUR_USD/candles", "BA")


def test_days_are_aligned_to_new_york(oanda):
    (pull,) = oanda.plan(request(dataset="bars-1d"))

    assert pull.params["granularity"] == "D"
    assert (pull.params["dailyAlignment"], pull.params["alignmentTimezone"]) == ("17", "America/New_York")
    assert pull.params["price"] == "M"


def test_a_minute_is_M1_and_a_month_M(oanda):
    assert [oanda.plan(request(dataset=f"bars-{name}"))[0].params["granularity"] for name in ("1m", "1mo", "1h")] == ["M1", "M", "H1"]


def test_both_sides_are_kept_apart(oanda):
    rows = read(oanda, [candle("2024-01-01T22:05:00.000000000Z")])

    one = rows.row(0, named=True)
    assert (one["instrument"], one["start_ns"], one["event_ns"]) == ("EUR_USD.OANDA", parse("2024-01-01T22:05"), parse("2024-01-01T22:06"))
    assert [one[f"bid_{name}"] for name in ("open", "high", "low", "close")] == [1.09541, 1.096, 1.095, 1.0958]
    assert [one[f"ask_{name}"] for name in ("open", "high", "low", "close")] == [1.09555, 1.09614, 1.09514, 1.09594]
    assert one["volume"] == 7.0


def test_the_middle_has_the_columns_of_bars(oanda):
    rows = read(oanda, [candle("2024-01-01T22:05:00Z", mid=True)], dataset="bars-1m")

    one = rows.row(0, named=True)
    assert [one[name] for name in ("open", "high", "low", "close", "volume", "trades")] == [1.09541, 1.096, 1.095, 1.0958, 7.0, None]


def test_an_incomplete_candle_is_left_out(oanda):
    assert len(read(oanda, [candle("2024-01-01T22:05:00Z"), candle("2024-01-01T22:06:00Z", complete=False)])) == 1
    assert read(oanda, []).is_empty()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-01-01T22:00:00Z", "2024-01-02T22:00:00Z"),
        ("2024-07-01T21:00:00Z", "2024-07-02T21:00:00Z"),
        ("2024-03-09T22:00:00Z", "2024-03-10T21:00:00Z"),
        ("2024-11-02T21:00:00Z", "2024-11-03T22:00:00Z"),
    ],
)
def test_a_day_ends_at_17_in_new_york_whatever_the_clocks_do(oanda, start, end):
    rows = read(oanda, [candle(start, mid=True)], dataset="bars-1d")

    assert rows["event_ns"][0] == parse(end)


def test_rows_come_sorted(oanda):
    rows = read(oanda, [candle("2024-01-01T22:06:00Z"), candle("2024-01-01T22:05:00Z")])

    assert rows["start_ns"].is_sorted()


def test_the_token_goes_into_the_header(oanda, venue):
    venue.answer("/v3/instruments/EUR_USD/candles", answer([candle("2024-01-01T22:05:00Z")]))
    (pull,) = oanda.plan(request())

    (captured,) = oanda.capture(pull)

    assert len(oanda.parse(captured)) == 1
    assert venue.asked[0][2]["authorization"] == "Bearer t0ken"
    assert venue.asked[0][2]["accept-datetime-format"] == "RFC3339"


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (
            401,
            '{"errorMessage":"Insufficient authorization for t0ken to perform request."}',
            Rejected,
            "expected a key that the vendor accepts",
        ),
        (400, '{"errorMessage":"Maximum value for \'count\' exceeded"}', Rejected, "Maximum value"),
        (429, '{"errorMessage":"Too many requests"}', Transient, "rate limit"),
        (200, '{"errorMessage":"Invalid value specified for \'to\'"}', Unreadable, "Invalid value specified"),
    ],
)
def test_errors_have_a_type_and_hide_the_token(oanda, venue, status, body, error, says):
    venue.answer("/v3/instruments/EUR_USD/candles", body, status=status)

    with pytest.raises(error, match=says) as caught:
        list(oanda.capture(oanda.plan(request())[0]))
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"candles":{}}', answer([], "M5"), answer([], instrument="GBP_USD"), answer([{}]), answer([{"complete": True}]),
     answer([{**candle("2024-01-01T22:05:00Z"), "volume": "x"}]), answer([candle("soon")]), answer([candle("2024-01-01", mid=True)])],
)  # fmt: skip
def test_what_is_no_answer_about_the_question_is_unreadable(oanda, content):
    (pull,) = oanda.plan(request())

    with pytest.raises(Unreadable, match="oanda candles EUR_USD"):
        oanda.parse(Payload(pull, content, parse("2026-11-20")))


@pytest.mark.parametrize(
    "question", [{"dataset": "bars-7m"}, {"dataset": "trades"}, {"instruments": ("EURUSD.OANDA",)}, {"instruments": ("EUR_USD.BINANCE",)}]
)
def test_an_impossible_question_is_refused(oanda, question):
    with pytest.raises(Rejected, match="expected"):
        oanda.plan(request(**question))


def test_an_unknown_environment_is_refused(http):
    with pytest.raises(Rejected, match="expected one of practice, trade"):
        Oanda(http, options={"environment": "live"})


@pytest.mark.shared
def test_the_recorded_candles_are_read(http, shared):
    body = json.loads((shared / "api/oanda/responses_instruments.json").read_text())["_v3_instruments_instrument_candles"]["response"]
    oanda = Oanda(http)
    (pull,) = oanda.plan(request("2016-10-17T19:35", "2016-10-17T20:00", dataset="bars-5m", instruments=("DE30_EUR.OANDA",)))

    rows = oanda.parse(Payload(pull, json.dumps(body).encode(), parse("2016-10-18")))

    assert rows["close"].to_list() == [10506.0, 10504.9, 10505.0, 10509.0, 10507.8]
    assert rows["volume"].to_list() == [132.0, 162.0, 196.0, 153.0, 172.0]
