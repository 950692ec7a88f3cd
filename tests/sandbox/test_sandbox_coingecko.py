"""The CoinGecko venue, asked by pycoingecko as it is and by hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox


def markets(http: httpx.Client, venues: Sandbox, **params: Any) -> Any:
    return http.get(venues.urls["coingecko"] + "/api/v3/coins/markets", params={"vs_currency": "usd", **params}).json()


def test_pycoingecko_pages_through_the_market(venues: Sandbox) -> None:
    pycoingecko = pytest.importorskip("pycoingecko")
    client = pycoingecko.CoinGeckoAPI()
    client.api_base_url = venues.urls["coingecko"] + "/api/v3/"
    assert client.ping() == {"gecko_says": "(V3) To the Moon!"}
    pages = [client.get_coins_markets(vs_currency="usd", per_page=100, page=page) for page in (1, 2, 3, 4, 9)]
    ids = [row["id"] for page in pages for row in page]
    assert [len(page) for page in pages][:2] == [100, 100]
    assert pages[-1] == []
    assert len(ids) == len(set(ids)) > 250
    ranks = [row["market_cap_rank"] for row in pages[0]]
    assert ranks == list(range(1, 101))
    capitals = [row["market_cap"] for page in pages for row in page]
    assert capitals == sorted(capitals, reverse=True)
    assert client.get_price(ids="bitcoin", vs_currencies="usd")["bitcoin"]["usd"] > 1000
    client.session.close()


def test_the_top_holds_stable_and_wrapped_coins_and_symbols_are_not_unique(venues: Sandbox, http: httpx.Client) -> None:
    rows = markets(http, venues, per_page=250)
    top = {row["id"] for row in rows[:30]}
    assert {"bitcoin", "ethereum", "tether", "usd-coin", "wrapped-bitcoin", "staked-ether"} <= top
    assert sorted(row["id"] for row in rows if row["symbol"] == "btc") == ["bitcoin", "sand-coin-001"]
    assert any(row["max_supply"] is None for row in rows)
    assert any(row["total_supply"] is None for row in rows)
    tether = next(row for row in rows if row["id"] == "tether")
    assert 0.98 < tether["current_price"] < 1.02


def test_a_coin_costs_what_its_pair_costs(venues: Sandbox, http: httpx.Client) -> None:
    price = markets(http, venues, ids="chainlink")[0]["current_price"]
    pair = float(http.get(venues.urls["binance_rest"] + "/api/v3/ticker/price", params={"symbol": "LINKUSDT"}).json()["price"])
    assert price == pytest.approx(pair, rel=0.1)


def test_a_coin_that_did_not_exist_has_no_rank(own_venues: Sandbox, http: httpx.Client) -> None:
    own_venues.world.clock.set(parse("2021-05-01"))
    assert markets(http, own_venues, ids="sui,bitcoin")[0]["id"] == "bitcoin"
    assert len(markets(http, own_venues, ids="sui,bitcoin")) == 1


def test_changes_and_sparkline_on_request(venues: Sandbox, http: httpx.Client) -> None:
    row = markets(http, venues, ids="solana", sparkline="true", price_change_percentage="7d,1y")[0]
    assert len(row["sparkline_in_7d"]["price"]) == 168
    assert isinstance(row["price_change_percentage_1y_in_currency"], float)


@pytest.mark.parametrize("params", [{"per_page": "251"}, {"per_page": "ten"}, {"order": "best"}])
def test_a_wrong_question_is_refused(venues: Sandbox, http: httpx.Client, params: dict[str, str]) -> None:
    answer = http.get(venues.urls["coingecko"] + "/api/v3/coins/markets", params={"vs_currency": "usd", **params})
    assert answer.status_code == 422


def test_too_many_calls_are_429_with_a_wait(http: httpx.Client) -> None:
    config = SandboxConfig(now_ns=parse("2025-03-14"), coingecko_limit=2)
    with Sandbox(config, world=make_world(config, monotonic=lambda: 30.0)) as venues:
        answers = [http.get(venues.urls["coingecko"] + "/api/v3/ping") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "31"
    assert answers[2].json()["status"]["error_code"] == 429
