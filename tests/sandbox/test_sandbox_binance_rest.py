"""The Binance REST venue, asked by third-party clients as they are and by hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox


def get(http: httpx.Client, venues: Sandbox, path: str, **params: Any) -> httpx.Response:
    return http.get(venues.urls["binance_rest"] + "/api/v3/" + path, params=params)


@pytest.fixture
def python_binance(venues: Sandbox) -> Any:
    client_module = pytest.importorskip("binance.client")
    # It makes an event loop of its own and never closes it, unless one stands there.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    client = client_module.Client(ping=False)
    client.API_URL = venues.urls["binance_rest"] + "/api"
    client.FUTURES_URL = venues.urls["binance_futures"] + "/fapi"
    yield client
    client.session.close()
    asyncio.set_event_loop(None)
    loop.close()


def test_python_binance_reads_the_market(python_binance: Any) -> None:
    assert python_binance.ping() == {}
    assert python_binance.get_server_time() == {"serverTime": 1741955696000}
    info = python_binance.get_symbol_info("BTCUSDT")
    assert {each["filterType"] for each in info["filters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "PERCENT_PRICE_BY_SIDE"}
    assert python_binance.get_klines(symbol="BTCUSDT", interval="1h", limit=3)[-1][0] == 1741953600000
    assert len(python_binance.get_historical_klines("ETHUSDT", "1h", "1 Jan 2025", "1 Mar 2025")) == 59 * 24 + 1
    assert len(python_binance.get_recent_trades(symbol="ETHUSDT", limit=7)) == 7
    assert len(python_binance.get_all_tickers()) > 100
    assert float(python_binance.get_avg_price(symbol="ETHUSDT")["price"]) > 0
    assert len(python_binance.get_order_book(symbol="ETHUSDT", limit=5)["bids"]) == 5
    assert python_binance.get_ticker(symbol="ETHUSDT")["symbol"] == "ETHUSDT"


def test_python_binance_walks_aggregate_trades_by_id(python_binance: Any) -> None:
    walk = python_binance.aggregate_trade_iter(symbol="WANUSDT", start_str=1741910400000)
    ids = [next(walk)["a"] for _ in range(1200)]
    assert ids == list(range(ids[0], ids[0] + 1200))


def test_python_binance_reads_futures(python_binance: Any) -> None:
    assert len(python_binance.futures_klines(symbol="BTCUSDT", interval="1h", limit=1500)) == 1500
    rates = python_binance.futures_funding_rate(symbol="BTCUSDT", startTime=1735689600000, limit=3)
    assert [row["fundingTime"] // 28_800_000 * 28_800_000 for row in rates] == [1735689600000, 1735718400000, 1735747200000]
    assert "markPrice" in python_binance.futures_mark_price(symbol="BTCUSDT")
    assert len(python_binance.futures_mark_price_klines(symbol="BTCUSDT", interval="8h", limit=4)) == 4
    perpetuals = python_binance.futures_exchange_info()["symbols"]
    assert {"BTCUSDT", "AVAXUSDT"} <= {each["symbol"] for each in perpetuals}


def test_ccxt_loads_markets_and_candles(venues: Sandbox) -> None:
    ccxt = pytest.importorskip("ccxt")
    exchange = ccxt.binance({"options": {"fetchMarkets": {"types": ["spot", "linear"]}, "fetchCurrencies": False}})
    exchange.urls["api"]["public"] = venues.urls["binance_rest"] + "/api/v3"
    exchange.urls["api"]["fapiPublic"] = venues.urls["binance_futures"] + "/fapi/v1"
    markets = exchange.load_markets()
    assert markets["BTC/USDT"]["precision"]["price"] == 0.01
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5.0
    assert markets["BTC/USDT:USDT"]["swap"] is True
    assert not markets["XMR/USDT"]["active"]
    candles = exchange.fetch_ohlcv("BTC/USDT", "1m", since=1735689600000, limit=1000)
    assert len(candles) == 1000
    assert candles[0][0] == 1735689600000
    assert exchange.fetch_ticker("ETH/USDT")["last"] > 0
    assert len(exchange.fetch_trades("ETH/USDT", limit=10)) == 10
    assert len(exchange.fetch_funding_rate_history("BTC/USDT:USDT", since=1735689600000, limit=5)) == 5
    exchange.session.close()


def test_the_last_candle_may_be_unfinished(venues: Sandbox, http: httpx.Client) -> None:
    rows = get(http, venues, "klines", symbol="BTCUSDT", interval="1m", limit=2).json()
    assert rows[-1][0] == 1741955640000
    assert rows[-1][6] == 1741955699999 > 1741955696000
    assert float(rows[-1][5]) > 0
    finished = get(http, venues, "klines", symbol="BTCUSDT", interval="1m", endTime=1741955639999, limit=1).json()
    assert finished[0][6] == 1741955639999


def test_a_month_is_called_1M_and_a_minute_1m(venues: Sandbox, http: httpx.Client) -> None:
    months = get(http, venues, "klines", symbol="BTCUSDT", interval="1M", startTime=1735689600000).json()
    assert [row[0] for row in months] == [1735689600000, 1738368000000, 1740787200000]
    assert get(http, venues, "klines", symbol="BTCUSDT", interval="1mo").json()["code"] == -1120


def test_microseconds_on_request(venues: Sandbox, http: httpx.Client) -> None:
    url = venues.urls["binance_rest"] + "/api/v3/klines?symbol=BTCUSDT&interval=1d&limit=1&startTime=1735689600000000"
    row = http.get(url, headers={"X-MBX-TIME-UNIT": "MICROSECOND"}).json()[0]
    assert (row[0], row[6]) == (1735689600000000, 1735775999999999)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"symbol": "NOSUCH", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "btc usdt", "interval": "1m"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "ten"}, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "0"}, -1130),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}, -1128),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
    ],
)
def test_a_wrong_question_gets_400_and_its_code(venues: Sandbox, http: httpx.Client, path: str, params: dict[str, str], code: int) -> None:
    answer = get(http, venues, path, **params)
    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_a_symbol_of_the_future_is_unknown_today(own_venues: Sandbox, http: httpx.Client) -> None:
    own_venues.world.clock.set(parse("2023-05-02T23:59:59Z"))
    assert get(http, own_venues, "klines", symbol="SUIUSDT", interval="1m").json()["code"] == -1121
    own_venues.world.clock.set(parse("2023-05-03T00:10:00Z"))
    assert len(get(http, own_venues, "klines", symbol="SUIUSDT", interval="1m").json()) == 10


def test_exchange_information_of_some_symbols(venues: Sandbox, http: httpx.Client) -> None:
    asked = get(http, venues, "exchangeInfo", symbols=json.dumps(["BTCUSDT", "XMRUSDT"])).json()
    assert {each["symbol"]: each["status"] for each in asked["symbols"]} == {"BTCUSDT": "TRADING", "XMRUSDT": "BREAK"}
    assert asked["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"


def test_trades_by_id_are_the_archives(venues: Sandbox, http: httpx.Client) -> None:
    first = get(http, venues, "historicalTrades", symbol="LINKUSDT", fromId=100_000_000, limit=1000).json()
    assert [row["id"] for row in first] == list(range(100_000_000, 100_001_000))
    merged = get(http, venues, "aggTrades", symbol="LINKUSDT", fromId=75_000_000, limit=3).json()
    assert [(row["a"], row["f"], row["l"]) for row in merged] == [
        (75_000_000, 100_000_000, 100_000_000),
        (75_000_001, 100_000_001, 100_000_001),
        (75_000_002, 100_000_002, 100_000_003),
    ]
    assert merged[0]["p"] == first[0]["price"]


def test_too_much_weight_is_429_and_insisting_is_418(http: httpx.Client) -> None:
    now = [1000.0]
    config = SandboxConfig(now_ns=parse("2025-03-14"), weight_limit=40)
    with Sandbox(config, world=make_world(config, monotonic=lambda: now[0])) as venues:
        first = get(http, venues, "exchangeInfo", symbol="BTCUSDT")
        second = get(http, venues, "exchangeInfo", symbol="BTCUSDT")
        assert (first.headers["X-MBX-USED-WEIGHT-1M"], second.headers["X-MBX-USED-WEIGHT-1M"]) == ("20", "40")
        refused = get(http, venues, "ping")
        assert refused.status_code == 429
        assert refused.json()["code"] == -1003
        assert refused.headers["Retry-After"] == "21"
        statuses = [get(http, venues, "ping").status_code for _ in range(10)]
        assert statuses == [429] * 9 + [418]
        banned = get(http, venues, "ping")
        assert banned.headers["Retry-After"] == "121"
        assert "IP banned until 1741910521000" in banned.json()["msg"]
        now[0] += 121
        assert get(http, venues, "ping").status_code == 200


def test_a_new_minute_forgives_the_last(http: httpx.Client) -> None:
    now = [1000.0]
    config = SandboxConfig(now_ns=parse("2025-03-14"), weight_limit=20)
    with Sandbox(config, world=make_world(config, monotonic=lambda: now[0])) as venues:
        assert get(http, venues, "exchangeInfo", symbol="BTCUSDT").status_code == 200
        assert get(http, venues, "ping").status_code == 429
        now[0] += 21
        assert get(http, venues, "ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"
