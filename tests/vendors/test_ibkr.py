"""Historical bars of Interactive Brokers from the local TWS, over a real socket with the unmodified client."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, parse
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.vendors import load
from tradewinds.vendors.ibkr import Ibkr
from tradewinds.vendors.ibkr_pace import Pace
from tradewinds.wire.http import HttpClient

NOW_NS = parse("2024-06-12T18:00:00Z")


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


@pytest.fixture(scope="module")
def venues() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(now_ns=NOW_NS)) as running:
        yield running


def vendor(address: str | None = None, **options: str) -> Ibkr:
    client = HttpClient(Clock(), random=random.Random(1))
    return Ibkr(client, base_url=address, options=options)


def asked(dataset: str, instrument: str, start: str, end_ns: int = NOW_NS) -> Request:
    return Request(dataset, (instrument,), parse(start), end_ns, NOW_NS)


def bars(one: Ibkr, request: Request) -> pl.DataFrame:
    return pl.concat([one.parse(payload) for pull in one.plan(request) for payload in one.capture(pull)])


def test_it_is_registered() -> None:
    assert load("ibkr") is Ibkr


def test_minutes_of_a_share_stand_in_its_session_and_the_unfinished_one_is_left_out(venues: Sandbox) -> None:
    table = bars(vendor(venues.urls["tws"]), asked("bars-1m", "AAPL.XNAS", "2024-06-12T13:00:00Z", NOW_NS + NS_PER_HOUR))

    assert table["start_ns"][0] == parse("2024-06-12T13:30:00Z")
    assert table["event_ns"][-1] == parse("2024-06-12T17:59:00Z")
    assert (table["event_ns"] - table["start_ns"]).unique().to_list() == [NS_PER_MINUTE]
    assert (table["high"] >= table["low"]).all()
    assert table["volume"].min() > 0
    assert set(table["instrument"]) == {"AAPL.XNAS"}


def test_days_of_a_share_have_the_hours_of_its_exchange(venues: Sandbox) -> None:
    table = bars(vendor(venues.urls["tws"]), asked("bars-1d", "AAPL.XNAS", "2024-06-03"))

    assert len(table) == 7  # 3 to 11 June; the 12th is not over
    assert table["start_ns"][0] == parse("2024-06-03T13:30:00Z")
    assert table["event_ns"][0] == parse("2024-06-03T20:00:00Z")


def test_currencies_have_no_volume_and_coins_have_one(venues: Sandbox) -> None:
    euro = bars(vendor(venues.urls["tws"]), asked("bars-1h", "EUR_USD.IDEALPRO", "2024-06-12T12:00:00Z"))
    coin = bars(vendor(venues.urls["tws"]), asked("bars-5m", "BTC_USD.PAXOS", "2024-06-12T17:00:00Z"))

    assert euro["volume"].null_count() == len(euro) == 5
    assert len(coin) == 11
    assert coin["volume"].min() > 0


def test_a_long_time_is_asked_for_in_pages() -> None:
    pulls = vendor().plan(asked("bars-1m", "AAPL.XNAS", "2024-06-10T12:00:00Z"))

    assert [(pull.params["start_ns"], pull.params["end_ns"]) for pull in pulls] == [
        (str(parse("2024-06-10T12:00:00Z")), str(parse("2024-06-11"))),
        (str(parse("2024-06-11")), str(parse("2024-06-12"))),
        (str(parse("2024-06-12")), str(NOW_NS)),
    ]


def test_the_same_question_at_once_is_not_even_sent(venues: Sandbox) -> None:
    one = vendor(venues.urls["tws"])
    one._wait_s_max = 1.0
    (pull,) = one.plan(asked("bars-1m", "AAPL.XNAS", "2024-06-12T17:30:00Z"))
    list(one.capture(pull))

    with pytest.raises(Transient) as caught:
        list(one.capture(pull))

    assert caught.value.retry_after_s == 15


def test_what_another_process_asked_too_fast_is_a_wait_and_no_empty_answer(venues: Sandbox) -> None:
    (pull,) = vendor().plan(asked("bars-1m", "AAPL.XNAS", "2024-06-12T16:30:00Z"))
    list(vendor(venues.urls["tws"]).capture(pull))

    with pytest.raises(Transient, match="pacing violation") as caught:
        list(vendor(venues.urls["tws"]).capture(pull))

    assert caught.value.retry_after_s == 15


def test_nothing_is_what_the_venue_says_is_nothing(venues: Sandbox) -> None:
    (pull,) = vendor().plan(asked("bars-1m", "AAPL.XNAS", "2024-06-09T01:00:00Z", parse("2024-06-09T02:00:00Z")))

    with pytest.raises(Missing, match="no data"):
        list(vendor(venues.urls["tws"]).capture(pull))


def test_silence_is_an_error_and_not_an_empty_answer(venues: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.vendors.ibkr.ANSWER_S", 0.2)
    feed = venues.tws.gateway.feed
    venues.tws.gateway.is_silent_about_history = True
    (pull,) = vendor().plan(asked("bars-1m", "AAPL.XNAS", "2024-06-12T15:30:00Z"))
    try:
        with pytest.raises(Transient, match="no answer within"):
            list(vendor(venues.urls["tws"]).capture(pull))
    finally:
        venues.tws.gateway.is_silent_about_history = False
    assert venues.tws.gateway.feed is feed


def test_an_unknown_share_a_wrong_size_and_a_closed_port_say_what_to_do(venues: Sandbox) -> None:
    one = vendor(venues.urls["tws"])
    (pull,) = one.plan(asked("bars-1m", "NOSUCH.XNAS", "2024-06-12T17:30:00Z"))
    with pytest.raises(Rejected, match="200"):
        list(one.capture(pull))

    bad: dict[str, Any] = {**pull.params, "instrument": "AAPL.XNAS", "size": "7 mins"}
    with pytest.raises(Rejected, match="321"):
        list(one.capture(Pull("ibkr", "bars-1m", "x", bad)))

    with pytest.raises(Transient, match="logged in"):
        list(vendor("127.0.0.1:1").capture(pull))


@pytest.mark.parametrize(
    ("dataset", "instrument"),
    [("bars-7m", "AAPL.XNAS"), ("bars-1m", "AAPL.XLON"), ("bars-1d", "EUR_USD.IDEALPRO"), ("trades", "AAPL.XNAS")],
)
def test_what_it_does_not_have_is_refused(dataset: str, instrument: str) -> None:
    with pytest.raises(Rejected):
        vendor().plan(asked(dataset, instrument, "2024-06-12T17:30:00Z"))


def test_options_and_addresses_are_checked() -> None:
    for options in ({"client_id": "0"}, {"hours": "night"}, {"colour": "red"}):
        with pytest.raises(Rejected):
            vendor(**options)
    with pytest.raises(Rejected, match="host:port"):
        vendor("localhost")


def test_what_is_no_bars_is_unreadable() -> None:
    pull = Pull("ibkr", "bars-1m", "x", {"instrument": "AAPL.XNAS", "start_ns": "0", "end_ns": str(NS_PER_DAY)})

    for content in (b"<html>", b"[[1,2]]", b'[["a",1,1,1,1,1,1]]'):
        with pytest.raises(Unreadable):
            vendor().parse(Payload(pull, content, NOW_NS))


def test_small_bars_are_paced_over_ten_minutes() -> None:
    pace = Pace()
    keys = [(f"S{number}", "TRADES", "1 secs", "0", "0") for number in range(61)]
    for key in keys[:60]:
        assert pace.wait_s(key, 100.0, is_small=True) == 0
        pace.count(key, 100.0, is_small=True)

    assert pace.wait_s(keys[60], 110.0, is_small=True) == 590
    assert pace.wait_s(keys[60], 110.0, is_small=False) == 0
    assert pace.wait_s(keys[60], 700.0, is_small=True) == 0


def test_one_contract_is_asked_for_five_times_in_two_seconds() -> None:
    pace = Pace()
    for number in range(5):
        pace.count(("S", "TRADES", "1 min", str(number), "0"), 10.0, is_small=False)

    assert pace.wait_s(("S", "TRADES", "1 min", "9", "0"), 11.0, is_small=False) == 1
    assert pace.wait_s(("S", "TRADES", "1 min", "0", "0"), 11.0, is_small=False) == 14
