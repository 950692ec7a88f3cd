"""CoinGecko: pages of coins, keys, and what may be null."""

from __future__ import annotations

import json

import pytest

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Request
from tradewinds.vendors.coingecko import CoinGecko
from tradewinds.wire.secret import Secret

BITCOIN = {
    "id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "image": "https://…", "current_price": 70187, "market_cap": 1381651251183,
    "market_cap_rank": 1, "fully_diluted_valuation": 1474623675796, "total_volume": 20154184933, "high_24h": 70215,
    "circulating_supply": 19675987, "total_supply": 21000000, "max_supply": 21000000, "roi": None,
    "last_updated": "2024-04-07T16:49:31.736Z",
}  # fmt: skip
OBSCURE = {"id": "obscure-coin", "symbol": "btc", "name": "Obscure", "current_price": None, "market_cap": None, "market_cap_rank": None}


def request(now="2024-04-07T16:50:00Z", instruments=(), **params) -> Request:
    return Request("coin-markets", tuple(instruments), parse(now), parse(now), parse(now), params)


def read(coingecko, content, **params):
    pull = coingecko.plan(request(**params))[0]
    return coingecko.parse(
        Payload(pull, content if isinstance(content, bytes) else json.dumps(content).encode(), parse("2024-04-07T16:50:05Z"))
    )


def test_the_top_comes_in_pages_of_one_snapshot(http):
    pulls = CoinGecko(http).plan(request(top="600"))

    assert [(pull.params["page"], pull.params["per_page"], pull.params["keep"]) for pull in pulls] == [
        ("1", "250", "250"),
        ("2", "250", "250"),
        ("3", "250", "100"),
    ]
    assert {pull.params["snapshot"] for pull in pulls} == {"2024-04-07T16:50:00Z"}
    assert [pull.params["per_page"] for pull in CoinGecko(http).plan(request(top="100"))] == ["100"]


def test_named_coins_are_asked_for_by_id(http):
    (pull,) = CoinGecko(http).plan(request(instruments=("bitcoin.COINGECKO", "ethereum.COINGECKO")))

    assert (pull.params["ids"], pull.params["per_page"]) == ("bitcoin,ethereum", "2")


def test_a_coin_is_keyed_by_its_id_and_nulls_stay_null(http):
    rows = read(CoinGecko(http), [BITCOIN, OBSCURE])

    assert rows["instrument"].to_list() == ["bitcoin.COINGECKO", "obscure-coin.COINGECKO"]
    assert rows["start_ns"].to_list() == rows["known_ns"].to_list() == [parse("2024-04-07T16:50:00Z")] * 2
    first = rows.row(0, named=True)
    assert (first["symbol"], first["rank"], first["price"], first["market_cap"]) == ("btc", 1, 70187.0, 1381651251183.0)
    assert first["updated_ns"] == parse("2024-04-07T16:49:31.736Z")
    assert rows.row(1, named=True)["market_cap"] is None


def test_a_page_beyond_the_top_is_cut(http):
    assert len(read(CoinGecko(http), [BITCOIN, OBSCURE], top="1")) == 1


def test_the_key_goes_into_the_header_of_its_plan(http, venue):
    venue.answer("/coins/markets", json.dumps([BITCOIN]))
    demo = CoinGecko(http, base_url=venue.url, secret=Secret("CG-k3y"))
    pro = CoinGecko(http, base_url=venue.url, secret=Secret("CG-pro"), options={"plan": "pro"})

    for vendor in (demo, pro, CoinGecko(http, base_url=venue.url)):
        list(vendor.capture(vendor.plan(request(top="1"))[0]))

    first, second, third = (headers for _, _, headers in venue.asked)
    assert first["x-cg-demo-api-key"] == "CG-k3y"
    assert second["x-cg-pro-api-key"] == "CG-pro"
    assert not [name for name in third if name.startswith("x-cg")]
    assert set(venue.asked[0][1]) == {"vs_currency", "order", "per_page", "page", "sparkline"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, '{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}', Transient),
        (200, '{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}', Transient),
        (401, '{"status":{"error_code":10002,"error_message":"API Key Missing"}}', Rejected),
        (400, '{"error_code":10010,"status":{"error_code":10010,"error_message":"wrong host"}}', Rejected),
        (403, "<html>error code: 1020</html>", Rejected),
        (200, '{"error":"something"}', Unreadable),
        (500, "oops", Transient),
    ],
)
def test_errors_have_a_type(http, venue, status, body, error):
    venue.answer("/coins/markets", body, status=status, headers={"Retry-After": "119"} if status == 429 else {})
    vendor = CoinGecko(http, base_url=venue.url)

    with pytest.raises(error) as caught:
        list(vendor.capture(vendor.plan(request(top="1"))[0]))
    if status == 429:
        assert caught.value.retry_after_s == 119.0


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[{"id":null}]', b'[{"id":"bitcoin","current_price":"much"}]',
                                     b'[{"id":"bitcoin","last_updated":"today"}]'])  # fmt: skip
def test_what_is_no_page_of_coins_is_unreadable(http, content):
    with pytest.raises(Unreadable, match="coingecko coins page 1"):
        read(CoinGecko(http), content)


@pytest.mark.parametrize("top", ["0", "-1", "many", "5001"])
def test_an_impossible_top_is_refused(http, top):
    with pytest.raises(Rejected, match="expected a number from 1 to 5000"):
        CoinGecko(http).plan(request(top=top))


def test_an_unknown_plan_or_dataset_is_refused(http):
    with pytest.raises(Rejected, match="expected one of demo, pro"):
        CoinGecko(http, options={"plan": "free"})
    with pytest.raises(Rejected, match="expected coin-markets"):
        CoinGecko(http).plan(Request("bars-1d", (), 0, 1, 1))


@pytest.mark.shared
def test_the_documented_example_is_read(http, shared):
    examples = json.loads((shared / "api/coingecko/oas_demo_examples.json").read_text())["GET /coins/markets 200"]

    rows = read(CoinGecko(http), examples)

    assert rows["instrument"].to_list()[0] == "bitcoin.COINGECKO"
    assert len(rows) == len(examples)
