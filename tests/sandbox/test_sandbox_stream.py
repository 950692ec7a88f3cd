"""The stream venue, spoken to by an unmodified WebSocket client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tradewinds.core.instant import parse
from tradewinds.sandbox.faults import Fault
from tradewinds.sandbox.server import Sandbox

WAIT_S = 20


def told(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=WAIT_S))


def ask(client: ClientConnection, method: str, *params: str, identity: int = 1) -> Any:
    client.send(json.dumps({"method": method, "params": list(params), "id": identity}))
    return told(client)


def test_a_candle_is_sent_closed_when_its_minute_is_over(own_venues: Sandbox) -> None:
    own_venues.world.clock.set(parse("2025-03-14T12:34:56Z"))
    with connect(own_venues.urls["binance_stream"] + "/ws/btcusdt@kline_1m") as client:
        ask(client, "LIST_SUBSCRIPTIONS")
        own_venues.world.clock.set(parse("2025-03-14T12:35:12Z"))
        closed, running = told(client), told(client)
    assert (closed["e"], closed["s"], closed["k"]["i"], closed["k"]["x"]) == ("kline", "BTCUSDT", "1m", True)
    assert (closed["k"]["t"], closed["k"]["T"]) == (1741955640000, 1741955699999)
    assert closed["k"]["L"] - closed["k"]["f"] + 1 == closed["k"]["n"]
    assert (running["k"]["t"], running["k"]["x"]) == (1741955700000, False)


def test_the_stream_says_what_rest_says(own_venues: Sandbox, http: Any) -> None:
    own_venues.world.clock.set(parse("2025-03-14T12:00:30Z"))
    with connect(own_venues.urls["binance_stream"] + "/stream?streams=ethusdt@kline_1m") as client:
        ask(client, "LIST_SUBSCRIPTIONS")
        own_venues.world.clock.set(parse("2025-03-14T12:03:00Z"))
        said = [told(client) for _ in range(3)]
    rows = http.get(
        own_venues.urls["binance_rest"] + "/api/v3/klines",
        params={"symbol": "ETHUSDT", "interval": "1m", "startTime": 1741953600000, "limit": 3},
    ).json()
    assert {each["stream"] for each in said} == {"ethusdt@kline_1m"}
    klines = [each["data"]["k"] for each in said]
    assert [[k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"]] for k in klines] == [
        row[:11] for row in rows
    ]


def test_subscriptions_come_and_go(own_venues: Sandbox) -> None:
    with connect(own_venues.urls["binance_stream"] + "/stream") as client:
        assert ask(client, "SUBSCRIBE", "btcusdt@kline_1m", "ethusdt@trade", identity=7) == {"result": None, "id": 7}
        assert ask(client, "UNSUBSCRIBE", "btcusdt@kline_1m", identity=8) == {"result": None, "id": 8}
        assert ask(client, "LIST_SUBSCRIPTIONS", identity=9) == {"result": ["ethusdt@trade"], "id": 9}
        client.send("no json")
        assert told(client)["error"]["code"] == 3


def test_trades_of_the_stream_are_the_prints(own_venues: Sandbox, http: Any) -> None:
    own_venues.world.clock.set(parse("2025-03-14T12:00:00Z"))
    with connect(own_venues.urls["binance_stream"] + "/ws/linkusdt@aggTrade") as client:
        ask(client, "LIST_SUBSCRIPTIONS")
        own_venues.world.clock.set(parse("2025-03-14T12:00:20Z"))
        first = told(client)
    row = http.get(
        own_venues.urls["binance_rest"] + "/api/v3/aggTrades", params={"symbol": "LINKUSDT", "fromId": first["a"], "limit": 1}
    ).json()[0]
    assert {key: first[key] for key in "apqflTmM"} == row


def test_more_than_five_messages_a_second_end_the_connection(own_venues: Sandbox) -> None:
    with connect(own_venues.urls["binance_stream"] + "/ws") as client:
        with pytest.raises(ConnectionClosed):
            [ask(client, "LIST_SUBSCRIPTIONS") for _ in range(50)]
        assert client.close_code == 1008


def test_a_shutdown_is_announced(own_venues: Sandbox) -> None:
    with connect(own_venues.urls["binance_stream"] + "/stream?streams=btcusdt@kline_1m") as client:
        own_venues.world.faults.add(Fault("shutdown", times=1))
        assert told(client) == {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1741955696000}}
        with pytest.raises(ConnectionClosed):
            told(client)


def test_a_disconnect_strikes_one_symbol(own_venues: Sandbox) -> None:
    own_venues.world.faults.add(Fault("disconnect", symbol="BTCUSDT", times=1))
    with connect(own_venues.urls["binance_stream"] + "/ws/ethusdt@kline_1m") as spared:
        with connect(own_venues.urls["binance_stream"] + "/ws/btcusdt@kline_1m") as client, pytest.raises(ConnectionClosed):
            told(client)
        assert ask(spared, "LIST_SUBSCRIPTIONS")["result"] == ["ethusdt@kline_1m"]


def test_a_gap_swallows_candles_for_good(own_venues: Sandbox) -> None:
    own_venues.world.clock.set(parse("2025-03-14T12:00:30Z"))
    own_venues.world.faults.add(Fault("gap", after_ns=parse("2025-03-14T12:01:00Z"), until_ns=parse("2025-03-14T12:03:00Z")))
    with connect(own_venues.urls["binance_stream"] + "/ws/ethusdt@kline_1m") as client:
        ask(client, "LIST_SUBSCRIPTIONS")
        own_venues.world.clock.set(parse("2025-03-14T12:04:00Z"))
        starts = [told(client)["k"]["t"] for _ in range(2)]
    assert starts == [1741953600000, 1741953780000]
