"""The WebSocket API of the local Binance spot venue: sessions, requests, and the events of an account."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.binance_spot import BinanceSpot, spot_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.conversation import Answer, Question
from tradewinds.sandbox.keys import ApiKey
from tradewinds.sandbox.world import World

D = Decimal
PATH = "/ws-api/v3"
LIMIT: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "50000"}


@pytest.fixture
def venue(quiet_world: World) -> BinanceSpot:
    """Bid 60000.00, ask 60000.10, half a coin on either side."""
    return spot_venue(quiet_world)


@pytest.fixture
def main(venue: BinanceSpot, signed: Any) -> Any:
    return signed(venue)


def request(main: Any, talk: Any, method: str, *, signs: bool = True, **params: Any) -> Any:
    """Send one request; returns its answer and leaves events in `said`."""
    if signs:
        params |= {"apiKey": main.key, "timestamp": main.venue.world.clock.now_ms()}
        params["signature"] = main.sign("&".join(f"{name}={value}" for name, value in sorted(params.items())))
    talk.received(json.dumps({"id": "q", "method": method, "params": params}).encode())
    return next(one for one in main.said if one.get("id") == "q" and not main.said.remove(one))


@pytest.fixture
def stream(main: Any) -> Any:
    """A connection that has subscribed."""
    talk = main.listen(PATH)
    assert request(main, talk, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    return talk


def test_an_order_is_told_when_it_comes_and_when_it_goes(main: Any, stream: Any) -> None:
    main.ask("POST", "/api/v3/order", **LIMIT, newClientOrderId="tw1")
    main.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="tw1", newClientOrderId="c1")
    new, locked, gone, free = main.events()
    assert (new["e"], new["x"], new["X"], new["c"], new["C"], new["w"]) == ("executionReport", "NEW", "NEW", "tw1", "", True)
    assert locked["B"] == [{"a": "BTC", "f": "1.00000000", "l": "0.00000000"}, {"a": "USDT", "f": "95000.00000000", "l": "5000.00000000"}]
    assert (gone["x"], gone["X"], gone["c"], gone["C"], gone["w"]) == ("CANCELED", "CANCELED", "c1", "tw1", False)
    assert free["B"][1]["l"] == "0.00000000"


def test_every_fill_is_told_with_its_trade(main: Any, stream: Any, venue: BinanceSpot) -> None:
    main.ask("POST", "/api/v3/order", **{**LIMIT, "quantity": "0.8", "price": "60001"})
    venue.world.clock.advance(1)
    venue.tick()
    trades = [one for one in main.events() if one.get("x") == "TRADE"]
    assert [(one["t"], one["l"], one["z"], one["L"], one["X"], one["m"]) for one in trades] == [
        (1, "0.50000000", "0.50000000", "60000.10000000", "PARTIALLY_FILLED", False),
        (2, "0.30000000", "0.80000000", "60001.00000000", "FILLED", True),
    ]
    assert [(one["n"], one["N"]) for one in trades] == [("0.00050000", "BTC"), ("0.00030000", "BTC")]


def test_an_expired_order_says_why(main: Any, stream: Any) -> None:
    main.ask("POST", "/api/v3/order", **{**LIMIT, "timeInForce": "IOC"})
    last = [one for one in main.events() if one["e"] == "executionReport"][-1]
    assert (last["x"], last["X"], last["eR"]) == ("EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


def test_only_the_account_hears_its_events(main: Any, stream: Any, venue: BinanceSpot, signed: Any) -> None:
    second = signed(venue, "sandbox-second-key", "sandbox-second-secret")
    second.ask("POST", "/api/v3/order", **LIMIT)
    assert main.events() == []


def test_a_deposit_is_told(main: Any, stream: Any, venue: BinanceSpot) -> None:
    venue.deposit("main", "USDT", D(-500))
    update, position = main.events()
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "-500.00000000")
    assert position["B"] == [{"a": "USDT", "f": "99500.00000000", "l": "0.00000000"}]


def test_orders_are_placed_asked_for_and_cancelled_by_the_socket(main: Any, stream: Any) -> None:
    placed = request(main, stream, "order.place", **LIMIT, newClientOrderId="tw1")
    assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
    assert request(main, stream, "order.status", symbol="BTCUSDT", origClientOrderId="tw1")["result"]["clientOrderId"] == "tw1"
    assert request(main, stream, "order.cancel", symbol="BTCUSDT", origClientOrderId="tw1")["result"]["status"] == "CANCELED"
    again = request(main, stream, "order.cancel", symbol="BTCUSDT", origClientOrderId="tw1")
    assert (again["status"], again["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
    assert again["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"


def test_a_wrong_signature_is_refused(main: Any, venue: BinanceSpot, signed: Any) -> None:
    wrong = signed(venue, secret="guess")
    talk = wrong.listen(PATH)
    assert request(wrong, talk, "userDataStream.subscribe.signature")["error"]["code"] == -1022
    assert request(wrong, talk, "no.such.method")["error"]["code"] == -1020
    talk.received(b"{")
    assert wrong.said[-1]["error"]["code"] == -1135


def test_an_account_is_subscribed_to_once_a_connection(main: Any, stream: Any) -> None:
    assert request(main, stream, "userDataStream.subscribe.signature")["error"]["code"] == -2035
    assert request(main, stream, "session.subscriptions", signs=False)["result"] == [{"subscriptionId": 0}]
    assert request(main, stream, "userDataStream.unsubscribe", signs=False)["result"] == {}
    assert [one["e"] for one in main.events()] == ["eventStreamTerminated"]
    main.ask("POST", "/api/v3/order", **LIMIT)
    assert main.events() == []


def test_a_session_needs_an_ed25519_key(main: Any, signed: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    assert request(main, main.listen(PATH), "session.logon")["error"]["code"] == -4056
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    config = SandboxConfig(now_ns=1_741_955_696_000_000_000, symbols=("BTCUSDT",), api_keys=(ApiKey("ed25519-key", pem),))
    one = signed(spot_venue(make_world(config)), "ed25519-key")
    one.sign = lambda text: base64.b64encode(private.sign(text.encode())).decode()
    talk = one.listen(PATH)
    assert request(one, talk, "userDataStream.subscribe", signs=False)["error"]["code"] == -2015
    assert request(one, talk, "session.logon")["result"]["apiKey"] == "ed25519-key"
    assert request(one, talk, "userDataStream.subscribe", signs=False)["result"] == {"subscriptionId": 0}
    now = one.venue.world.clock.now_ms()
    assert request(one, talk, "account.status", signs=False, timestamp=now)["status"] == 200
    assert request(one, talk, "session.logout", signs=False)["result"]["apiKey"] is None
    assert [each["e"] for each in one.events()] == ["eventStreamTerminated"]


def test_a_restart_hangs_up_and_what_happens_meanwhile_is_not_told(main: Any, stream: Any, venue: BinanceSpot) -> None:
    venue.restart(says_so=True)
    assert main.is_closed
    assert [one["e"] for one in main.events()] == ["serverShutdown"]
    main.ask("POST", "/api/v3/order", **LIMIT)
    assert main.said == []
    assert len(main.ask("GET", "/api/v3/openOrders")[1]) == 1


def test_a_revoked_key_hears_no_more(main: Any, stream: Any, venue: BinanceSpot) -> None:
    venue.revoke(main.key)
    assert [one["e"] for one in main.events()] == ["eventStreamTerminated"]
    assert request(main, stream, "order.status", symbol="BTCUSDT", orderId=1)["error"]["code"] == -2015


def test_a_connection_lives_for_a_day(quiet_world: World, signed: Any) -> None:
    now = [0.0]
    quiet_world.monotonic = lambda: now[0]
    venue = spot_venue(quiet_world)
    main = signed(venue)
    main.listen(PATH)
    now[0] = 86_399.0
    venue.tick()
    assert not main.is_closed
    now[0] = 86_401.0
    venue.tick()
    assert main.is_closed


def test_there_is_no_stream_elsewhere(venue: BinanceSpot) -> None:
    answer = venue.talk(Question("GET", "/ws/listen-key"), lambda data: None, lambda: None)
    assert isinstance(answer, Answer)
    assert answer.status == 404
