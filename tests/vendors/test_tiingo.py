"""Tiingo over the loopback: bars, splits and dividends, and every way in which it says no."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.tiingo import Tiingo
from tradewinds.wire.budget import BudgetBook
from tradewinds.wire.http import HttpClient, Limits
from tradewinds.wire.secret import Secret

if TYPE_CHECKING:
    from tests.vendors.conftest import Loopback

CAPTURED_NS = 1_800_000_000_000_000_000
KEY = Secret("0123abcd")
PATH = "/tiingo/daily/AAPL/prices"


def session(day: str, close: object, **more: object) -> dict[str, object]:
    return {
        "date": f"{day}T00:00:00.000Z",
        "close": close,
        "high": 4.0,
        "low": 1.0,
        "open": 2.0,
        "volume": 1000,
        "adjClose": 0.1,
        "divCash": 0.0,
        "splitFactor": 1.0,
    } | more


def request(*instruments: str, dataset: str = "bars-1d") -> Request:
    return Request(dataset, instruments, from_date(date(2024, 1, 2)), from_date(date(2024, 1, 5)), CAPTURED_NS)


def parsed(vendor: Tiingo, rows: list[dict[str, object]], dataset: str = "bars-1d", captured_ns: int = CAPTURED_NS):  # type: ignore[no-untyped-def]  # a polars frame
    pull = Pull("tiingo", dataset, "x", {"instrument": "AAPL.XNAS"})
    return vendor.parse(Payload(pull, json.dumps(rows).encode(), captured_ns))


def test_the_sessions_asked_for_come_back_as_unadjusted_bars(http: HttpClient, loopback: Loopback) -> None:
    loopback.answers[PATH] = json.dumps([session("2024-01-03", 3.5), session("2024-01-02", 3.0)])
    vendor = Tiingo(http, base_url=loopback.url, secret=KEY)

    (pull,) = vendor.plan(request("AAPL.XNAS"))
    (payload,) = vendor.capture(pull)
    rows = vendor.parse(payload)

    assert loopback.asked[0].query == {"startDate": "2024-01-02", "endDate": "2024-01-04", "format": "json"}
    assert loopback.asked[0].headers["authorization"] == "Token 0123abcd"
    assert rows["close"].to_list() == [3.0, 3.5]
    assert rows["instrument"].to_list() == ["AAPL.XNAS"] * 2
    assert instant.text(rows["event_ns"][0]) == "2024-01-02T21:00:00Z"
    assert instant.text(rows["known_ns"][0]) == "2024-01-03T01:00:00Z"
    assert "0123abcd" not in repr(payload)


def test_splits_and_dividends_become_corporate_actions(http: HttpClient) -> None:
    rows = parsed(
        Tiingo(http, secret=KEY),
        [session("2014-06-09", 93.7, splitFactor=7.0), session("2014-08-07", 94.48, divCash=0.47)],
        "corporate-actions",
    )

    assert rows.select("kind", "value", "currency").rows() == [("dividend", 0.47, "USD"), ("split", 7.0, None)]


def test_a_session_that_is_not_final_yet_is_left_out(http: HttpClient) -> None:
    rows = [session("2024-01-02", 3.0), session("2024-01-03", 3.5)]
    evening = instant.parse("2024-01-04T00:30:00Z")  # three and a half hours after the close of the third

    assert parsed(Tiingo(http, secret=KEY), rows, captured_ns=evening)["close"].to_list() == [3.0]


def test_nulls_stay_nulls_and_impossible_prices_stay(http: HttpClient) -> None:
    rows = parsed(Tiingo(http, secret=KEY), [session("2024-01-02", None, low=-1.0, volume=2**65)])

    assert (rows["close"][0], rows["low"][0], rows["volume"][0]) == (None, -1.0, float(2**65))


def test_an_unreadable_price_names_the_instrument_the_row_and_the_value(http: HttpClient) -> None:
    with pytest.raises(Unreadable, match=r"tiingo prices AAPL.XNAS line 2: close 'n.a', expected a number"):
        parsed(Tiingo(http, secret=KEY), [session("2024-01-02", 3.0), session("2024-01-03", "n.a")])


def test_no_sessions_are_no_rows(http: HttpClient) -> None:
    assert parsed(Tiingo(http, secret=KEY), []).height == 0


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((200, {}, "Error: You have run over your 500 symbol look up for this month."), Transient, r"AAPL.XNAS: .*run over.*status 200"),
        ((200, {}, '{"detail":"Error: resampleFreq must be daily"}'), Unreadable, r"resampleFreq.*expected a JSON list"),
        ((200, {}, ""), Unreadable, r"an empty body"),
        ((429, {"Retry-After": "120"}, '{"detail":"slow"}'), Transient, r"HTTP 429"),
        ((404, {}, '{"detail":"Not found."}'), Missing, r"HTTP 404"),
        ((401, {}, '{"detail":"Invalid token 0123abcd."}'), Rejected, r"HTTP 401, expected a key that Tiingo accepts"),
        ((503, {}, "down"), Transient, r"HTTP 503"),
    ],
)
def test_every_refusal_has_its_own_kind_and_never_shows_the_key(
    http: HttpClient, loopback: Loopback, answer: object, error: type[Exception], message: str
) -> None:
    loopback.answers[PATH] = answer
    vendor = Tiingo(http, base_url=loopback.url, secret=KEY)

    with pytest.raises(error, match=message) as caught:
        list(vendor.capture(vendor.plan(request("AAPL.XNAS"))[0]))

    assert "0123abcd" not in str(caught.value)


def test_a_wait_that_was_named_is_handed_on(http: HttpClient, loopback: Loopback) -> None:
    loopback.answers[PATH] = (429, {"Retry-After": "120"}, '{"detail":"slow"}')
    vendor = Tiingo(http, base_url=loopback.url, secret=KEY)

    with pytest.raises(Transient) as caught:
        list(vendor.capture(vendor.plan(request("AAPL.XNAS"))[0]))

    assert caught.value.retry_after_s == 120.0


def test_without_a_key_nothing_is_asked(http: HttpClient, loopback: Loopback) -> None:
    vendor = Tiingo(http, base_url=loopback.url)

    with pytest.raises(Rejected, match=r"no key"):
        list(vendor.capture(vendor.plan(request("AAPL.XNAS"))[0]))
    assert loopback.asked == []


def test_share_classes_are_written_with_a_dash(http: HttpClient) -> None:
    pulls = Tiingo(http, base_url="http://127.0.0.1:1", secret=KEY).plan(request("BRK.B.XNYS"))

    assert pulls[0].locator == "http://127.0.0.1:1/tiingo/daily/BRK-B/prices"
    assert pulls[0].params["instrument"] == "BRK.B.XNYS"


def test_the_hourly_allowance_is_kept_across_clients(tmp_path: Path, http: HttpClient, loopback: Loopback) -> None:
    loopback.answers[PATH] = "[]"
    budgets = BudgetBook(tmp_path, http.clock)
    with HttpClient(
        http.clock, sleep=lambda seconds: None, random=random.Random(1), limits=Limits(attempts_max=1), budgets=budgets
    ) as client:
        vendor = Tiingo(client, base_url=loopback.url, secret=KEY, options={"requests_per_hour": "2"})
        (pull,) = vendor.plan(request("AAPL.XNAS"))
        list(vendor.capture(pull))

        with pytest.raises(Transient, match=r"budget tiingo@"):
            list(vendor.capture(pull))
    assert len(loopback.asked) == 1
