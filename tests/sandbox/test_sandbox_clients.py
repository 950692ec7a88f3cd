"""The local Binance venues as unmodified clients see them, over real sockets: ccxt and python-binance, spot and futures."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.async_support
import httpx
import pytest

from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox

KEYS = {"apiKey": "sandbox-trading-key", "secret": "sandbox-trading-secret"}
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """Venues whose clock runs with the machine's, as the clients' clocks do, and whose prices stand."""
    with Sandbox(SandboxConfig(seed=7, symbols=("BTCUSDT", "ETHUSDT"), weight_limit=1_000_000)) as sandbox:
        yield sandbox


@pytest.fixture
def act(running: Sandbox) -> Iterator[Any]:
    """Do something to a venue by its control address; prices stand at 60000.00 and 60000.10, half a coin on either side."""
    with httpx.Client(timeout=30) as http:

        def done(venue: str, action: str, **body: Any) -> Any:
            answer = http.post(f"{running.urls['control']}/venues/{venue}/{action}", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        for venue in ("binance_spot", "binance_um"):
            done(venue, "price", symbol="BTCUSDT", bid="60000.00", ask="60000.10", bid_size="0.5", ask_size="0.5")
        yield done


def pointed(client: Any, running: Sandbox) -> Any:
    """The client with the local venues' addresses in place of the world's."""
    base = running.urls["binance_rest"]
    client.urls["api"] = {
        name: base + "/" + url.split("://", 1)[1].split("/", 1)[1] if isinstance(url, str) and url.startswith("http") else url
        for name, url in client.urls["api"].items()
    }
    return client


@pytest.fixture
def spot(running: Sandbox) -> Iterator[Any]:
    client = pointed(ccxt.binance({**KEYS, "options": {"fetchMarkets": {"types": ["spot"]}}}), running)
    yield client
    client.session.close()


@pytest.fixture
def futures(running: Sandbox) -> Iterator[Any]:
    client = pointed(ccxt.binanceusdm(KEYS), running)
    yield client
    client.session.close()


def test_ccxt_trades_spot(spot: Any, act: Any) -> None:
    assert set(spot.load_markets()) == {"BTC/USDT", "ETH/USDT"}
    before = spot.fetch_balance()["BTC"]["total"]
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 55_000, {"clientOrderId": "tw-spot-1"})
    assert (order["status"], order["clientOrderId"]) == ("open", "tw-spot-1")
    assert [one["id"] for one in spot.fetch_open_orders(SPOT)] == [order["id"]]
    assert spot.fetch_order(None, SPOT, {"clientOrderId": "tw-spot-1"})["id"] == order["id"]
    assert spot.cancel_order(order["id"], SPOT)["status"] == "canceled"
    bought = spot.create_order(SPOT, "market", "buy", 0.01)
    assert (bought["status"], bought["average"], bought["fee"]) == ("closed", 60_000.1, {"currency": "BTC", "cost": 0.00001})
    assert spot.fetch_my_trades(SPOT)[-1]["order"] == bought["id"]
    assert spot.fetch_balance()["BTC"]["total"] - before == pytest.approx(0.00999)


def test_ccxt_sees_a_partial_fill_and_a_stop(spot: Any, act: Any) -> None:
    spot.load_markets()
    act("binance_spot", "price", symbol="BTCUSDT", bid="59999", ask="60000", ask_size="0.003")
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 60_000)
    act("binance_spot", "price", symbol="BTCUSDT", bid="60001", ask="60002")
    seen = spot.fetch_order(order["id"], SPOT)
    assert (seen["status"], seen["filled"]) == ("open", 0.003)
    spot.cancel_order(order["id"], SPOT)
    stop = spot.create_order(SPOT, "limit", "sell", 0.01, 50_000, {"stopPrice": 55_000})
    act("binance_spot", "price", symbol="BTCUSDT", bid="54000", ask="54001")
    assert spot.fetch_order(stop["id"], SPOT)["status"] == "closed"


def test_ccxt_gives_each_refusal_its_class(spot: Any, act: Any) -> None:
    spot.load_markets()
    with pytest.raises(ccxt.OrderNotFound):
        spot.fetch_order("9", SPOT)
    with pytest.raises(ccxt.OrderNotFound):
        spot.cancel_order("9", SPOT)
    with pytest.raises(ccxt.InsufficientFunds):
        spot.create_order(SPOT, "limit", "buy", 100, 60_000)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        spot.create_order(SPOT, "limit", "buy", 0.01, 61_000, {"postOnly": True})
    spot.secret = "guess"
    with pytest.raises(ccxt.AuthenticationError):
        spot.fetch_balance()
    spot.apiKey, spot.secret = "a-key-nobody-knows", "guess"
    with pytest.raises(ccxt.AuthenticationError):
        spot.fetch_open_orders(SPOT)


def test_ccxt_edits_a_spot_order_by_cancel_and_replace(spot: Any, act: Any) -> None:
    spot.load_markets()
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 55_000)
    edited = spot.edit_order(order["id"], SPOT, "limit", "buy", 0.02, 54_000)
    assert (edited["amount"], edited["price"]) == (0.02, 54_000)
    assert [one["id"] for one in spot.fetch_open_orders(SPOT)] == [edited["id"]]
    spot.cancel_all_orders(SPOT)
    assert spot.fetch_open_orders(SPOT) == []


def test_ccxt_trades_futures(futures: Any, act: Any) -> None:
    futures.load_markets()
    assert futures.set_leverage(10, PERPETUAL)["leverage"] == 10
    order = futures.create_order(PERPETUAL, "limit", "buy", 0.01, 59_000, {"clientOrderId": "tw-um-1"})
    assert futures.fetch_order(None, PERPETUAL, {"clientOrderId": "tw-um-1"})["status"] == "open"
    assert futures.edit_order(order["id"], PERPETUAL, "limit", "buy", 0.02, 58_500)["amount"] == 0.02
    assert futures.cancel_order(order["id"], PERPETUAL)["status"] == "canceled"
    assert futures.create_order(PERPETUAL, "market", "buy", 0.01)["status"] == "closed"
    held = futures.fetch_positions([PERPETUAL])[0]
    assert (held["side"], held["contracts"], held["entryPrice"]) == ("long", 0.01, 60_000.1)
    stop = futures.create_order(PERPETUAL, "market", "sell", 0.01, None, {"stopLossPrice": 55_000, "reduceOnly": True})
    assert [one["id"] for one in futures.fetch_open_orders(PERPETUAL, params={"trigger": True})] == [stop["id"]]
    futures.cancel_order(stop["id"], PERPETUAL, {"trigger": True})
    closed = futures.create_order(PERPETUAL, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert (closed["status"], closed["reduceOnly"]) == ("closed", True)
    assert futures.fetch_positions([PERPETUAL]) == []
    assert len(futures.fetch_my_trades(PERPETUAL)) == 2
    with pytest.raises(ccxt.OrderNotFound):
        futures.fetch_order("9", PERPETUAL)
    # ccxt keeps the classes of futures codes by the venue's own host names, so here the code alone tells.
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        futures.create_order(PERPETUAL, "limit", "buy", 90, 59_000)


def test_asynchronous_ccxt_trades_both(running: Sandbox, act: Any) -> None:
    async def traded() -> tuple[Any, Any]:
        spot = pointed(ccxt.async_support.binance({**KEYS, "options": {"fetchMarkets": {"types": ["spot"]}}}), running)
        futures = pointed(ccxt.async_support.binanceusdm(KEYS), running)
        try:
            bought = await spot.create_order(SPOT, "market", "buy", 0.01)
            opened = await futures.create_order(PERPETUAL, "limit", "buy", 0.01, 59_000)
            gone = await futures.cancel_order(opened["id"], PERPETUAL)
            return bought["status"], gone["status"]
        finally:
            await spot.close()
            await futures.close()

    assert asyncio.run(traded()) == ("closed", "canceled")


# python-binance 1.0.37 imports what websockets has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_python_binance_hears_its_orders_on_spot_and_futures(running: Sandbox, act: Any) -> None:
    found = asyncio.run(_heard(running))
    gc.collect()
    assert found["spot"] == [("executionReport", "NEW"), ("outboundAccountPosition", None), ("executionReport", "CANCELED")]
    assert found["futures"] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    assert found["position"] == "-0.01"
    assert found["open"] == ["tw-pb-1"]


async def _heard(running: Sandbox) -> dict[str, Any]:
    from binance import AsyncClient, BinanceSocketManager

    client = AsyncClient(KEYS["apiKey"], KEYS["secret"])
    base = running.urls["binance_rest"]
    for name in ("API_URL", "FUTURES_URL", "MARGIN_API_URL"):
        setattr(client, name, base + "/" + getattr(client, name).split("://", 1)[1].split("/", 1)[1])
    client.ws_api._url = base.replace("http", "ws", 1) + "/ws-api/v3"
    sockets = BinanceSocketManager(client)
    sockets.FSTREAM_URL = running.urls["binance_futures"].replace("http", "ws", 1) + "/"
    found: dict[str, Any] = {"spot": [], "futures": []}
    try:
        async with sockets.user_socket() as stream:
            await client.create_order(
                symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="55000.00", newClientOrderId="tw-pb-1"
            )
            found["open"] = [one["clientOrderId"] for one in await client.get_open_orders(symbol="BTCUSDT")]
            await client.cancel_order(symbol="BTCUSDT", origClientOrderId="tw-pb-1")
            for _ in range(3):
                event = await asyncio.wait_for(stream.recv(), 10)
                found["spot"].append((event["e"], event.get("x")))
        async with sockets.futures_user_socket() as stream:
            await client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.01")
            for _ in range(3):
                found["futures"].append((await asyncio.wait_for(stream.recv(), 10))["e"])
            found["position"] = (await client.futures_position_information(symbol="BTCUSDT"))[0]["positionAmt"]
            await client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01", reduceOnly="true")
    finally:
        await client.close_connection()
    return found


@pytest.mark.parametrize("kind", ["spot", "futures"])
def test_ccxt_pro_watches_orders(running: Sandbox, act: Any, kind: str) -> None:
    import ccxt.pro

    async def watched() -> bool:
        client, symbol = pointed(ccxt.pro.binance({**KEYS, "options": {"fetchMarkets": {"types": ["spot"]}}}), running), SPOT
        if kind == "futures":
            client, symbol = pointed(ccxt.pro.binanceusdm(KEYS), running), PERPETUAL
        client.urls["api"]["ws"]["ws-api"]["spot"] = running.urls["binance_rest"].replace("http", "ws", 1) + "/ws-api/v3"
        client.urls["api"]["ws"]["linear"] = running.urls["binance_futures"].replace("http", "ws", 1) + "/ws"
        try:
            await client.load_markets()
            waiting = asyncio.ensure_future(client.watch_orders(symbol))
            order: dict[str, Any] = {}
            # What was placed before the client listened is not told, so another one is placed until it is heard of.
            for _ in range(100):
                order = await client.create_order(symbol, "limit", "buy", 0.01, 59_000)
                await client.cancel_order(order["id"], symbol)
                await asyncio.wait([waiting], timeout=0.05)
                if waiting.done():
                    break
            heard = await asyncio.wait_for(waiting, 10)
            return all(one["symbol"] == symbol and one["status"] in ("open", "canceled") for one in heard) and bool(heard)
        finally:
            await client.close()

    assert asyncio.run(watched())
