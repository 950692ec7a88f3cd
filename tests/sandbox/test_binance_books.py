"""Whatever clients do, the local Binance venues' books add up: balances, locks, margins, streams and history tell one story."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradewinds.core.instant import parse
from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.binance_um import um_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.world import World

D = Decimal
PRICES = st.integers(590, 610).map(lambda hundreds: D(hundreds * 100))
SPOT_STEP = st.tuples(
    st.sampled_from(["LIMIT", "MARKET", "STOP_LOSS", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER", "cancel", "cancel all", "amend", "hand"]),
    st.sampled_from(["BUY", "SELL"]),
    st.integers(1, 40),
    PRICES,
    PRICES,
    st.sampled_from(["GTC", "IOC", "FOK"]),
)
UM_STEP = st.tuples(
    st.sampled_from(["LIMIT", "MARKET", "STOP_MARKET", "cancel", "modify", "hand"]),
    st.sampled_from(["BUY", "SELL"]),
    st.integers(1, 40),
    PRICES,
    PRICES,
    st.booleans(),
)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fresh_world() -> World:
    return make_world(SandboxConfig(now_ns=parse("2025-03-14T12:00:00Z"), symbols=("BTCUSDT",), weight_limit=10**9), monotonic=lambda: 0.0)


@QUIET
@given(st.lists(SPOT_STEP, min_size=10, max_size=40))
def test_spot_balances_are_what_the_executions_made_of_them(signed: Any, steps: list[Any]) -> None:
    venue = spot_venue(fresh_world())
    main = signed(venue)
    talk = main.listen("/ws-api/v3")
    subscribe(main, talk)
    start = dict(venue.wallet.totals["main"])
    for kind, side, tenths, price, middle, time_in_force in steps:
        venue.prices.set("BTCUSDT", middle, middle + 1, D("0.2"), D("0.2"))
        do_spot(venue, main, kind, side, D(tenths) / 10, price, time_in_force)
        venue.world.clock.advance(1)
        venue.tick()
    executions = venue.exchange.executions
    bought = sum((one.quantity if one.side == "buy" else -one.quantity for one in executions), D(0))
    spent = sum((one.quantity * one.price * (1 if one.side == "buy" else -1) for one in executions), D(0))
    fees = {asset: sum((one.commission for one in executions if one.commission_asset == asset), D(0)) for asset in ("BTC", "USDT")}
    totals = venue.wallet.totals["main"]
    assert totals["BTC"] == start["BTC"] + bought - fees["BTC"] >= 0
    assert totals["USDT"] == start["USDT"] - spent - fees["USDT"] >= 0
    for asset in ("BTC", "USDT"):
        needed = sum((venue.wallet.needs(one)[1] for one in venue.exchange.working("main") if venue.wallet.needs(one)[0] == asset), D(0))
        assert venue.wallet.locked("main", asset) == needed <= totals[asset]
    told = [one for one in main.events() if one.get("x") == "TRADE"]
    listed = main.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", limit=1000)[1]
    assert [(one["t"], one["l"], one["L"], one["n"]) for one in told] == [
        (one["id"], one["qty"], one["price"], one["commission"]) for one in listed
    ]


def do_spot(venue: Any, main: Any, kind: str, side: str, quantity: Decimal, price: Decimal, time_in_force: str) -> None:
    terms: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "type": kind, "quantity": quantity}
    working = venue.exchange.working("main")
    if kind == "cancel":
        if working:
            main.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=working[0].id)
    elif kind == "cancel all":
        main.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    elif kind == "amend":
        if working:
            main.ask("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=working[-1].id, newQty=quantity)
    elif kind == "hand":
        if venue.wallet.free("main", "USDT") > quantity * price:
            venue.place_by_hand("main", "BTCUSDT", "buy", quantity, price)
    else:
        if kind in ("LIMIT", "TAKE_PROFIT_LIMIT"):
            terms |= {"timeInForce": time_in_force}
        if kind != "MARKET" and kind != "STOP_LOSS":
            terms |= {"price": price}
        if kind in ("STOP_LOSS", "TAKE_PROFIT_LIMIT"):
            terms |= {"stopPrice": price}
        assert main.ask("POST", "/api/v3/order", **terms)[0] in (200, 400)


@QUIET
@given(st.lists(UM_STEP, min_size=10, max_size=40))
def test_futures_wallets_are_what_the_executions_made_of_them(signed: Any, steps: list[Any]) -> None:
    venue = um_venue(fresh_world())
    main = signed(venue)
    for kind, side, tenths, price, middle, is_reducing in steps:
        venue.prices.set("BTCUSDT", middle, middle + 1, D("0.2"), D("0.2"))
        do_futures(venue, main, kind, side, D(tenths) / 10, price, is_reducing)
        venue.world.clock.advance(1)
        venue.tick()
    executions = venue.exchange.executions
    realised = sum((one.realised for one in executions), D(0))
    fees = sum((one.commission for one in executions), D(0))
    paid = sum((one.realised.quantize(D("0.00000001")) for one in executions), D(0))
    assert venue.margin.wallet("main") == D(100_000) + paid - fees
    held = sum((one.quantity if one.side == "buy" else -one.quantity for one in executions), D(0))
    assert venue.exchange.position("main", "BTCUSDT") == held
    # Bought and sold at, or still held at its average: nothing else makes or takes money.
    cash = sum((one.quantity * one.price * (-1 if one.side == "buy" else 1) for one in executions), D(0))
    assert float(realised) == pytest.approx(float(cash + held * venue.exchange.average("main", "BTCUSDT")), abs=1e-6)
    assert venue.margin.ordered("main") == sum((venue.margin.needs(one) for one in venue.exchange.working("main")), D(0))


def do_futures(venue: Any, main: Any, kind: str, side: str, quantity: Decimal, price: Decimal, is_reducing: bool) -> None:
    terms: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "type": kind, "quantity": quantity}
    terms |= {"reduceOnly": "true"} if is_reducing else {}
    working = [one for one in venue.exchange.working("main") if "algo" not in one.extra or one.is_triggered]
    if kind == "cancel":
        if working:
            main.ask("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=working[0].id)
    elif kind == "modify":
        if working:
            asked = {"symbol": "BTCUSDT", "orderId": working[-1].id, "side": working[-1].side.upper()}
            main.ask("PUT", "/fapi/v1/order", **asked, quantity=quantity, price=price)
    elif kind == "hand":
        if venue.margin.available("main") > quantity * price:
            venue.place_by_hand("main", "BTCUSDT", "buy", quantity, price)
    elif kind == "STOP_MARKET":
        main.ask("POST", "/fapi/v1/algoOrder", **terms, algoType="CONDITIONAL", triggerPrice=price)
    else:
        terms |= {"timeInForce": "GTC", "price": price} if kind == "LIMIT" else {}
        assert main.ask("POST", "/fapi/v1/order", **terms)[0] in (200, 400)


def subscribe(main: Any, talk: Any) -> None:
    """Listen to the account."""
    params = {"apiKey": main.key, "timestamp": main.venue.world.clock.now_ms()}
    params["signature"] = main.sign("&".join(f"{name}={value}" for name, value in sorted(params.items())))
    talk.received(json.dumps({"id": 1, "method": "userDataStream.subscribe.signature", "params": params}).encode())
    assert main.said.pop()["status"] == 200
