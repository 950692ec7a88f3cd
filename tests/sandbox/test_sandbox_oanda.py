"""The OANDA venue, asked by oandapyV20 as it is and by hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tradewinds.sandbox.server import Sandbox

TOKEN = {"Authorization": "Bearer sandbox-oanda-token"}


def ask(http: httpx.Client, venues: Sandbox, pair: str = "EUR_USD", **params: Any) -> httpx.Response:
    if "start" in params:
        params["from"] = params.pop("start")
    return http.get(f"{venues.urls['oanda']}/v3/instruments/{pair}/candles", params=params, headers=TOKEN)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_oandapyv20_reads_candles_and_instruments(venues: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    oanda = pytest.importorskip("oandapyV20.oandapyV20")
    from oandapyV20.contrib.factories import InstrumentsCandlesFactory
    from oandapyV20.endpoints.accounts import AccountInstruments, AccountList
    from oandapyV20.endpoints.instruments import InstrumentsCandles

    monkeypatch.setitem(oanda.TRADING_ENVIRONMENTS, "practice", {"api": venues.urls["oanda"], "stream": venues.urls["oanda"]})
    client = oanda.API(access_token="sandbox-oanda-token")
    account = client.request(AccountList())["accounts"][0]["id"]
    names = {each["name"] for each in client.request(AccountInstruments(account))["instruments"]}
    assert {"EUR_USD", "USD_JPY", "XAU_USD"} <= names
    found = client.request(InstrumentsCandles("EUR_USD", params={"granularity": "M5", "count": 20, "price": "BA"}))
    assert len(found["candles"]) == 20
    assert set(found["candles"][0]) == {"complete", "volume", "time", "bid", "ask"}
    walked = []
    for request in InstrumentsCandlesFactory(
        "EUR_USD", {"from": "2025-03-01T00:00:00Z", "to": "2025-03-14T00:00:00Z", "granularity": "M1"}
    ):
        walked += [candle["time"] for candle in client.request(request)["candles"]]
    assert walked == sorted(set(walked))
    assert 12_000 < len(walked) <= 13_140
    client.client.close()


def test_a_day_begins_at_five_in_new_york(venues: Sandbox, http: httpx.Client) -> None:
    times = [
        each["time"]
        for each in ask(http, venues, granularity="D", start="2025-03-05T00:00:00Z", to="2025-03-12T00:00:00Z").json()["candles"]
    ]
    assert times == [
        "2025-03-04T22:00:00.000000000Z",
        "2025-03-05T22:00:00.000000000Z",
        "2025-03-06T22:00:00.000000000Z",
        "2025-03-09T21:00:00.000000000Z",
        "2025-03-10T21:00:00.000000000Z",
        "2025-03-11T21:00:00.000000000Z",
    ]


def test_a_day_is_the_sum_of_its_minutes(venues: Sandbox, http: httpx.Client) -> None:
    day = ask(http, venues, granularity="D", start="2025-03-10T21:00:00Z", to="2025-03-11T20:00:00Z", price="BA").json()["candles"][0]
    minutes = ask(http, venues, granularity="M1", start="2025-03-10T21:00:00Z", to="2025-03-11T21:00:00Z", price="BA").json()["candles"]
    assert day["volume"] == sum(each["volume"] for each in minutes)
    for side in ("bid", "ask"):
        assert day[side]["o"] == minutes[0][side]["o"]
        assert day[side]["c"] == minutes[-1][side]["c"]
        assert day[side]["h"] == max(each[side]["h"] for each in minutes)
        assert day[side]["l"] == min(each[side]["l"] for each in minutes)
    assert all(each["bid"]["h"] < each["ask"]["h"] for each in minutes)


def test_the_last_candle_is_not_complete(venues: Sandbox, http: httpx.Client) -> None:
    found = ask(http, venues, granularity="H1", count=3).json()["candles"]
    assert [each["complete"] for each in found] == [True, True, False]
    assert found[-1]["time"] == "2025-03-14T12:00:00.000000000Z"


def test_the_weekend_has_no_candles(venues: Sandbox, http: httpx.Client) -> None:
    found = ask(http, venues, granularity="H1", start="2025-03-07T20:00:00Z", to="2025-03-09T23:00:00Z").json()["candles"]
    assert [each["time"][:13] for each in found] == ["2025-03-07T20", "2025-03-07T21", "2025-03-09T21", "2025-03-09T22"]


def test_other_alignments_on_request(venues: Sandbox, http: httpx.Client) -> None:
    days = ask(http, venues, granularity="D", count=1, to="2025-03-12T12:00:00Z", dailyAlignment=0, alignmentTimezone="UTC").json()[
        "candles"
    ]
    weeks = ask(http, venues, granularity="W", count=1, to="2025-03-12T12:00:00Z").json()["candles"]
    months = ask(http, venues, granularity="M", count=1, to="2025-03-12T12:00:00Z").json()["candles"]
    assert days[0]["time"] == "2025-03-12T00:00:00.000000000Z"
    assert weeks[0]["time"] == "2025-03-07T22:00:00.000000000Z"
    assert months[0]["time"] == "2025-03-01T22:00:00.000000000Z"


def test_unix_times_on_request(venues: Sandbox, http: httpx.Client) -> None:
    url = venues.urls["oanda"] + "/v3/instruments/USD_JPY/candles"
    answer = http.get(
        url, params={"from": "1741600800.000000000", "count": 1, "granularity": "M1"}, headers={**TOKEN, "Accept-Datetime-Format": "UNIX"}
    )
    assert answer.json()["candles"][0]["time"] == "1741600800.000000000"


def test_the_first_candle_can_be_left_out(venues: Sandbox, http: httpx.Client) -> None:
    usual = ask(http, venues, granularity="H1", start="2025-03-11T10:30:00Z", count=2).json()["candles"]
    without = ask(http, venues, granularity="H1", start="2025-03-11T10:30:00Z", count=2, includeFirst="false").json()["candles"]
    assert usual[0]["time"] == "2025-03-11T10:00:00.000000000Z"
    assert without[0]["time"] == "2025-03-11T11:00:00.000000000Z"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"pair": "EUR_XXX"}, "Invalid value specified for 'instrument'"),
        ({"granularity": "M7"}, "Invalid value specified for 'granularity'"),
        ({"price": "X"}, "Invalid value specified for 'price'"),
        ({"count": "5001"}, "Maximum value for 'count' exceeded"),
        ({"count": "many"}, "Invalid value specified for 'count'"),
        ({"start": "yesterday"}, "Invalid value specified for 'from'"),
        ({"to": "2025-03-15T00:00:00Z"}, "Invalid value specified for 'to'. Time is in the future"),
        ({"granularity": "M1", "start": "2025-03-01T00:00:00Z", "to": "2025-03-12T00:00:00Z"}, "Maximum value for 'count' exceeded"),
        (
            {"start": "2025-03-01T00:00:00Z", "to": "2025-03-01T01:00:00Z", "count": "5"},
            "'count' cannot be specified when 'to' and 'from' are set",
        ),
    ],
)
def test_a_wrong_question_is_refused_in_the_venues_words(venues: Sandbox, http: httpx.Client, params: dict[str, str], said: str) -> None:
    answer = ask(http, venues, **params)
    assert (answer.status_code, answer.json()) == (400, {"errorMessage": said})


def test_without_the_token_nothing_is_said(venues: Sandbox, http: httpx.Client) -> None:
    answer = http.get(venues.urls["oanda"] + "/v3/accounts", headers={"Authorization": "Bearer another"})
    assert (answer.status_code, answer.json()) == (401, {"errorMessage": "Insufficient authorization to perform request."})
