"""Funding rates and mark prices of perpetuals."""

from __future__ import annotations

import json

import pytest

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Request
from tradewinds.vendors.binance_funding import BinanceFunding

RATES = "/fapi/v1/fundingRate"


def request(start="2024-01-01", end="2024-01-02", dataset="funding", instrument="BTCUSDT.BINANCE_UM") -> Request:
    return Request(dataset, (instrument,), parse(start), parse(end), parse("2027-01-15"))


def payment(at: str, rate: str = "0.00010000", price: str = "42313.9", symbol: str = "BTCUSDT") -> dict[str, object]:
    return {"symbol": symbol, "fundingTime": parse(at) // 1_000_000, "fundingRate": rate, "markPrice": price}


@pytest.fixture
def funding(http, venue) -> BinanceFunding:
    return BinanceFunding(http, base_url=venue.url)


def read(funding, content, question=None):
    (pull,) = funding.plan(question or request())
    return funding.parse(Payload(pull, json.dumps(content).encode(), parse("2027-01-15")))


def test_a_payment_is_about_its_instant(funding):
    rows = read(funding, [payment("2024-01-01T08:00:00.002Z", "-0.00018534"), payment("2024-01-01T00:00:00Z", price="")])

    assert rows.select("instrument", "rate", "mark_price").rows() == [
        ("BTCUSDT.BINANCE_UM", 0.0001, None),
        ("BTCUSDT.BINANCE_UM", -0.00018534, 42313.9),
    ]
    assert rows["start_ns"].to_list() == rows["event_ns"].to_list() == [parse("2024-01-01"), parse("2024-01-01T08:00:00.002Z")]
    assert rows["known_ns"][0] == parse("2024-01-01T00:00:01Z")


def test_pages_are_followed_until_one_is_not_full(funding, venue):
    start_ms = parse("2024-01-01") // 1_000_000
    everything = [
        {"symbol": "BTCUSDT", "fundingTime": start_ms + n * 3_600_000, "fundingRate": "0.0001", "markPrice": "1"} for n in range(2300)
    ]

    def page(query, headers):
        found = [one for one in everything if int(query["startTime"]) <= one["fundingTime"] <= int(query["endTime"])]
        return 200, json.dumps(found[: int(query["limit"])]).encode(), {}

    venue.answer(RATES, page)
    (pull,) = funding.plan(request("2024-01-01", "2025-01-01"))

    rows = [len(funding.parse(one)) for one in funding.capture(pull)]

    assert rows == [1000, 1000, 300]


def test_mark_prices_are_bars_without_volume(funding, venue):
    venue.answer(
        "/fapi/v1/markPriceKlines", json.dumps([[1704067200000, "1", "2", "0.5", "1.5", "0", 1704070799999, "0", 3600, "0", "0", "0"]])
    )
    (pull,) = funding.plan(request(end="2024-01-01T01:00", dataset="marks-1h"))

    (captured,) = funding.capture(pull)
    rows = funding.parse(captured)

    assert rows.columns[6:] == ["open", "high", "low", "close"]
    assert rows.select("open", "high", "low", "close").row(0) == (1.0, 2.0, 0.5, 1.5)
    assert pull.params["interval"] == "1h"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"instrument": "BTCUSDT.BINANCE"}, "expected a perpetual such as BTCUSDT.BINANCE_UM"),
        ({"dataset": "bars-1m"}, "expected one of funding, marks-1m"),
    ],
)
def test_an_impossible_question_is_refused(funding, changes, says):
    with pytest.raises(Rejected, match=says):
        funding.plan(request(**changes))


@pytest.mark.parametrize(
    "content", [{"code": -1121, "msg": "Invalid symbol."}, None, [{}], [1], [{**payment("2024-01-01"), "fundingRate": "x"}],
                [payment("2024-01-01", symbol="ETHUSDT")]],
)  # fmt: skip
def test_what_is_no_list_of_payments_is_unreadable(funding, content):
    with pytest.raises(Unreadable, match="binance funding BTCUSDT"):
        read(funding, content)


def test_no_payments_are_no_rows(funding):
    assert read(funding, []).is_empty()
