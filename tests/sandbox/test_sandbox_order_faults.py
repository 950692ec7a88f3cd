"""Faults that leave an order in doubt, over real sockets; the relay that cuts anywhere; the plan; and what control does to a venue."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import websockets

from tradewinds.core.errors import Rejected
from tradewinds.sandbox.fault_plan import FaultPlan, Planned, drawn
from tradewinds.sandbox.faults import fault
from tradewinds.sandbox.relay import Cut, Relay
from tradewinds.sandbox.server import Sandbox

KEY, SECRET = "sandbox-trading-key", b"sandbox-trading-secret"
ORDER = "/api/v3/order"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "55000"}


class Wire:
    """A client with a socket, and the control of what it talks to."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client) -> None:
        self.sandbox, self.http, self.base = sandbox, http, sandbox.urls["binance_rest"]

    def send(self, method: str, path: str, *, base: str | None = None, **params: Any) -> httpx.Response:
        timeout = params.pop("timeout", 10.0)
        query = urlencode({**params, "timestamp": self.sandbox.world.clock.now_ms()})
        query += "&signature=" + hmac.new(SECRET, query.encode(), hashlib.sha256).hexdigest()
        return self.http.request(method, f"{base or self.base}{path}?{query}", headers={"X-MBX-APIKEY": KEY}, timeout=timeout)

    def strike(self, kind: str, **more: Any) -> None:
        self.sandbox.world.faults.add(fault({"kind": kind, "venue": "binance_rest", "method": "POST", "times": 1, **more}))

    def act(self, action: str, venue: str = "binance_spot", **body: Any) -> httpx.Response:
        return self.http.post(f"{self.sandbox.urls['control']}/venues/{venue}/{action}", json=body)

    def truth(self, venue: str = "binance_spot") -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"{self.sandbox.urls['control']}/venues/{venue}").json()
        return found

    def named(self) -> list[str]:
        return [one["client_id"] for one in self.truth()["orders"]]


@pytest.fixture
def wire(own_venues: Sandbox, http: httpx.Client) -> Wire:
    found = Wire(own_venues, http)
    found.act("price", symbol="BTCUSDT", bid="60000.00", ask="60000.10")
    return found


@pytest.mark.parametrize(("kind", "is_there"), [("timeout_accepted", True), ("timeout_not_accepted", False)])
def test_an_answer_that_never_comes_does_not_say_whether_the_order_is_there(wire: Wire, kind: str, is_there: bool) -> None:
    wire.strike(kind)
    with pytest.raises(httpx.ReadTimeout):
        wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1", timeout=0.3)
    assert wire.send("GET", ORDER, symbol="BTCUSDT", origClientOrderId="tw1").status_code == (200 if is_there else 400)


@pytest.mark.parametrize(("kind", "is_there"), [("unknown_accepted", True), ("unknown_not_accepted", False)])
def test_a_503_of_unknown_status_does_not_say_either(wire: Wire, kind: str, is_there: bool) -> None:
    wire.strike(kind)
    answer = wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1")
    assert (answer.status_code, answer.json()["code"]) == (503, -1007)
    assert (wire.named() == ["tw1"]) == is_there


def test_an_answer_breaks_off_at_a_byte(wire: Wire) -> None:
    wire.strike("cut", amount=20)
    with pytest.raises(httpx.RemoteProtocolError):
        wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1")
    assert wire.named() == ["tw1"]


def test_a_request_that_arrives_twice_places_two_orders_where_the_first_is_done(wire: Wire) -> None:
    wire.strike("twice")
    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "newClientOrderId": "tw1"}
    assert wire.send("POST", ORDER, **market).json()["status"] == "FILLED"
    assert wire.named() == ["tw1", "tw1"]


def test_a_request_that_arrives_twice_is_refused_where_the_first_is_open(wire: Wire) -> None:
    wire.strike("twice")
    assert wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1").json()["status"] == "NEW"
    assert wire.named() == ["tw1"]


def test_a_later_request_arrives_first(wire: Wire) -> None:
    wire.strike("overtaken", amount=1.5)

    def second() -> None:
        _until_struck(wire)
        _fresh(wire, wire.base, "second")

    async def both() -> None:
        await asyncio.gather(asyncio.to_thread(wire.send, "POST", ORDER, **LIMIT, newClientOrderId="first"), asyncio.to_thread(second))

    asyncio.run(both())
    assert wire.named() == ["second", "first"]


def _until_struck(wire: Wire) -> None:
    """Until the fault has struck the first request."""
    with httpx.Client() as http:
        for _ in range(5_000):
            if http.get(wire.sandbox.urls["control"] + "/faults").json()["faults"][0]["struck"]:
                return
    raise AssertionError("the fault never struck")


def test_a_request_that_was_given_up_may_still_arrive(wire: Wire) -> None:
    wire.strike("overtaken", amount=1.0)
    with pytest.raises(httpx.ReadTimeout):
        wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1", timeout=0.2)
    assert wire.named() == []
    for _ in range(5_000):
        if wire.named():
            break
    assert wire.named() == ["tw1"]


def test_an_order_is_done_though_it_is_told_late(wire: Wire) -> None:
    wire.strike("slow_answer", amount=5)
    with pytest.raises(httpx.ReadTimeout):
        wire.send("POST", ORDER, **LIMIT, newClientOrderId="tw1", timeout=0.3)
    assert wire.named() == ["tw1"]


def test_the_nth_request_alone_is_struck(wire: Wire) -> None:
    wire.strike("refused_key", nth=[2], path=ORDER, times=None)
    statuses = [wire.send("POST", ORDER, **LIMIT, newClientOrderId=f"n{number}").status_code for number in range(3)]
    assert statuses == [200, 401, 200]
    assert wire.send("GET", ORDER, symbol="BTCUSDT", origClientOrderId="n1").status_code == 400


def test_a_fault_of_no_place_is_refused() -> None:
    with pytest.raises(Rejected, match="nth"):
        fault({"kind": "cut", "nth": [0]})


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        ("event_twice", ["NEW", "NEW", "CANCELED"]),
        ("event_lost", ["CANCELED"]),
        ("event_overtaken", ["NEW", "CANCELED"]),
    ],
)
def test_events_are_told_twice_or_never_or_after_a_later_one(wire: Wire, kind: str, heard: list[str]) -> None:
    assert asyncio.run(_stream(wire, kind, len(heard))) == heard


def test_a_stream_is_hung_up_instead_of_a_message(wire: Wire) -> None:
    with pytest.raises(websockets.ConnectionClosed):
        asyncio.run(_stream(wire, "event_cut", 1))
    assert wire.named() == ["tw1"]


async def _stream(wire: Wire, kind: str, count: int) -> list[str]:
    """The execution reports that a subscriber hears of a placed and cancelled order; the first message after subscribing is struck."""
    async with websockets.connect(wire.base.replace("http", "ws", 1) + "/ws-api/v3") as socket:
        params = {"apiKey": KEY, "timestamp": wire.sandbox.world.clock.now_ms()}
        text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        params["signature"] = hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()
        await socket.send(json.dumps({"id": 1, "method": "userDataStream.subscribe.signature", "params": params}))
        assert json.loads(await socket.recv())["status"] == 200
        wire.strike(kind, method="WS")
        await asyncio.to_thread(wire.send, "POST", ORDER, **LIMIT, newClientOrderId="tw1")
        await asyncio.to_thread(wire.send, "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="tw1")
        found: list[dict[str, Any]] = []
        while sum("x" in one for one in found) < count:
            found.append(json.loads(await asyncio.wait_for(socket.recv(), 10))["event"])
        is_late = found[0]["e"] == "outboundAccountPosition"
        assert is_late == (kind in ("event_overtaken", "event_lost"))
        return [one["x"] for one in found if "x" in one]


@pytest.mark.parametrize(("cut", "is_there"), [(Cut(up=60), False), (Cut(down=0), True), (Cut(down=1), True), (Cut(down=150), True)])
def test_a_connection_breaks_at_any_byte_of_either_way(wire: Wire, cut: Cut, is_there: bool) -> None:
    async def sent() -> None:
        address = urlsplit(wire.base)
        relay = await Relay(str(address.hostname), int(address.port or 0)).start()
        relay.cut(cut)
        try:
            with pytest.raises(httpx.TransportError):
                await asyncio.to_thread(_fresh, wire, f"http://127.0.0.1:{relay.port}/binance")
        finally:
            await relay.stop()

    asyncio.run(sent())
    assert (wire.named() == ["tw1"]) == is_there


def _fresh(wire: Wire, base: str, name: str = "tw1") -> None:
    """The order by a connection of its own."""
    with httpx.Client() as http:
        Wire(wire.sandbox, http).send("POST", ORDER, base=base, **LIMIT, newClientOrderId=name)


def test_a_relay_that_is_down_refuses_and_passes_again(wire: Wire) -> None:
    async def sent() -> list[bool]:
        address = urlsplit(wire.base)
        relay = await Relay(str(address.hostname), int(address.port or 0)).start()
        base, found = f"http://127.0.0.1:{relay.port}/binance", []
        for is_down in (True, False):
            relay.is_down = is_down
            try:
                await asyncio.to_thread(_fresh, wire, base)
                found.append(True)
            except httpx.TransportError:
                found.append(False)
        await relay.stop()
        return found

    assert asyncio.run(sent()) == [False, True]


def test_a_plan_gives_the_same_faults_for_the_same_seed() -> None:
    plan = FaultPlan(5, {"drop": 0.2, "delay": 0.1})
    found = [plan.at("POST /order", number) for number in range(1, 1001)]
    assert found == [plan.at("POST /order", number) for number in range(1, 1001)]
    assert found != [FaultPlan(6, plan.chances).at("POST /order", number) for number in range(1, 1001)]
    kinds = [one.kind for one in found if one is not None]
    assert 150 < kinds.count("drop") < 250
    assert 60 < kinds.count("delay") < 140
    assert all(one is None or (one.amount is not None and 0 <= one.amount < 1) for one in found)


def test_a_plan_follows_its_script_first() -> None:
    plan = FaultPlan(5, script=(Planned("cut", "POST *", (2,), 17.0),))
    assert [plan.at("POST /order", number) for number in (1, 2, 3)] == [None, Planned("cut", "POST *", (2,), 17.0), None]
    assert plan.at("GET /order", 2) is None
    assert drawn(1, "a") == drawn(1, "a") != drawn(2, "a")
    with pytest.raises(Rejected, match="at most 1"):
        FaultPlan(1, {"drop": 0.6, "delay": 0.6})


def test_control_shows_the_truth_and_trades_by_hand(wire: Wire) -> None:
    assert {"binance_spot", "binance_um"} <= set(wire.http.get(f"{wire.sandbox.urls['control']}/venues").json()["venues"])
    made = wire.act("order", symbol="BTCUSDT", side="sell", quantity="0.1", limit="70000").json()
    assert (made["by_hand"], made["status"]) == (True, "new")
    assert wire.truth()["balances"]["main"]["BTC"] == {"total": "1", "locked": "0.1"}
    assert wire.act("cancel", id=made["id"]).json()["status"] == "cancelled"
    assert [one["what"] for one in wire.truth()["log"]] == ["placed", "cancelled"]
    assert wire.act("order", "binance_um", symbol="BTCUSDT", side="sell", quantity="0.1").json()["status"] == "filled"
    assert wire.truth("binance_um")["positions"][0]["quantity"] == "-0.1"


def test_control_revokes_keys_skews_the_clock_and_deposits(wire: Wire) -> None:
    wire.act("revoke", key=KEY)
    assert wire.send("GET", "/api/v3/account").json()["code"] == -2015
    wire.act("restore_key", key=KEY)
    wire.act("skew", ms=7_000)
    assert wire.send("GET", "/api/v3/account").json()["code"] == -1021
    wire.act("skew", ms=0)
    wire.act("deposit", asset="SOL", amount="3")
    assert {"asset": "SOL", "free": "3.00000000", "locked": "0.00000000"} in wire.send("GET", "/api/v3/account").json()["balances"]


def test_control_takes_a_venue_back_and_its_numbers_too(wire: Wire) -> None:
    wire.send("POST", ORDER, **LIMIT, newClientOrderId="kept")
    wire.act("snapshot")
    wire.send("POST", ORDER, **LIMIT, newClientOrderId="lost")
    assert wire.act("restore").json() == {"orders": 1}
    assert wire.named() == ["kept"]
    assert wire.truth()["balances"]["main"]["USDT"]["locked"] == "550.00"
    assert {one["client_id"] for one in wire.truth()["log"]} == {"kept", "lost"}
    wire.act("roll_ids_back")
    assert wire.send("POST", ORDER, **LIMIT, newClientOrderId="after").json()["orderId"] == 1


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("dance", {}),
        ("price", {"symbol": "BTCUSDT", "bid": "2", "ask": "1"}),
        ("price", {"symbol": "BTCUSDT"}),
        ("order", {"symbol": "BTCUSDT", "side": "buy", "quantity": "x"}),
        ("order", {"symbol": "BTCUSDT", "side": "buy", "quantity": "999"}),
        ("cancel", {"id": 1}),
        ("restore", {}),
    ],
)
def test_control_refuses_what_makes_no_sense(wire: Wire, action: str, body: dict[str, Any]) -> None:
    answer = wire.act(action, **body)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"] or "insufficient" in answer.json()["error"]


def test_control_knows_no_venue_that_is_not_there(wire: Wire) -> None:
    assert wire.http.get(f"{wire.sandbox.urls['control']}/venues/nowhere").status_code == 404
    assert wire.act("price", "nowhere").status_code == 400
