"""Trading at the local Binance USD-M futures venue, without a wire: orders, margin, positions, funding, the user stream."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.binance_um import BinanceUm, um_venue
from tradewinds.sandbox.conversation import Answer, Question
from tradewinds.sandbox.perpetual import funding
from tradewinds.sandbox.world import World

D = Decimal
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "59000"}
BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", "newOrderRespType": "RESULT"}
SELL = {**BUY, "side": "SELL"}
STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "algoType": "CONDITIONAL", "quantity": "0.1", "triggerPrice": "58000"}


@pytest.fixture
def venue(quiet_world: World) -> BinanceUm:
    """Bid 60000.00, ask 60000.10, half a coin on either side."""
    return um_venue(quiet_world)


@pytest.fixture
def main(venue: BinanceUm, signed: Any) -> Any:
    return signed(venue)


def test_an_order_is_kept_found_changed_and_cancelled(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **LIMIT, newClientOrderId="tw1")
    assert (placed["status"], placed["clientOrderId"], placed["executedQty"]) == ("NEW", "tw1", "0.00000")
    named = {"symbol": "BTCUSDT", "origClientOrderId": "tw1"}
    assert main.ask("GET", ORDER, **named)[1]["orderId"] == placed["orderId"]
    _, changed = main.ask("PUT", ORDER, **named, side="BUY", quantity="0.2", price="59500")
    assert (changed["orderId"], changed["origQty"], changed["price"]) == (placed["orderId"], "0.20000", "59500.00")
    assert main.ask("PUT", ORDER, **named, side="BUY", quantity="0.2", price="59500")[1]["code"] == -5027
    assert [one["clientOrderId"] for one in main.ask("GET", "/fapi/v1/openOrders")[1]] == ["tw1"]
    assert main.ask("DELETE", ORDER, **named)[1]["status"] == "CANCELED"
    assert main.ask("DELETE", ORDER, **named)[1] == {"code": -2011, "msg": "Unknown order sent."}
    assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=9)[1] == {"code": -2013, "msg": "Order does not exist."}


def test_an_acknowledgement_tells_no_fills(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **{**BUY, "newOrderRespType": "ACK"})
    assert (placed["status"], placed["executedQty"]) == ("NEW", "0.00000")
    assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[1]["status"] == "FILLED"


def test_a_position_has_its_entry_and_closing_it_realises(main: Any, venue: BinanceUm) -> None:
    _, opened = main.ask("POST", ORDER, **BUY)
    assert (opened["status"], opened["avgPrice"]) == ("FILLED", "60000.10000")
    venue.prices.set("BTCUSDT", D(61000), D(61001))
    _, risk = main.ask("GET", "/fapi/v3/positionRisk")
    assert [(one["positionAmt"], one["entryPrice"], one["unRealizedProfit"]) for one in risk] == [("0.1", "60000.1", "100.04000000")]
    main.ask("POST", ORDER, **SELL)
    _, trades = main.ask("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert [one["realizedPnl"] for one in trades] == ["0.00000000", "99.99000000"]
    fees = D("0.0005") * D("6000.01") + D("0.0005") * D("6100")
    _, account = main.ask("GET", "/fapi/v3/account")
    assert D(account["totalWalletBalance"]) == D("100000") + D("99.99") - fees.quantize(D("0.00000001"))
    assert account["positions"] == []
    kinds = [one["incomeType"] for one in main.ask("GET", "/fapi/v1/income")[1]]
    assert kinds == ["COMMISSION", "REALIZED_PNL", "COMMISSION"]


def test_margin_follows_leverage(main: Any, venue: BinanceUm) -> None:
    main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=10)
    main.ask("POST", ORDER, **LIMIT)
    _, held = main.ask("GET", "/fapi/v2/balance")
    assert D(held[0]["availableBalance"]) == D(100_000) - D("0.1") * 59000 / 10
    main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=1)
    assert main.ask("POST", ORDER, **{**LIMIT, "quantity": "1.7"}) == (400, {"code": -2019, "msg": "Margin is insufficient."})
    assert main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=126)[1]["code"] == -4028
    more = {"symbol": "BTCUSDT", "orderId": 1_000_001, "side": "BUY", "price": "59000"}
    assert main.ask("PUT", ORDER, **more, quantity="1.7")[1]["code"] == -2019
    assert main.ask("PUT", ORDER, **more, quantity="1.6")[1]["origQty"] == "1.60000"


def test_an_order_that_would_close_holds_margin_once_the_position_is_gone(main: Any, venue: BinanceUm) -> None:
    main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=10)
    main.ask("POST", ORDER, **BUY)
    main.ask("POST", ORDER, **{**LIMIT, "side": "SELL", "price": "61000"})
    assert venue.margin.ordered("main") == 0
    main.ask("POST", ORDER, **SELL)
    assert venue.margin.ordered("main") == D("0.1") * 61000 / 10
    main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=20)
    assert venue.margin.ordered("main") == D("0.1") * 61000 / 20
    main.ask("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert venue.margin.ordered("main") == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.000001"}, -1111),
        ({"price": "59000.001"}, -4014),
        ({"price": "0"}, -4006),
        ({"price": "64000"}, -4016),
        ({"side": "SELL", "price": "56000"}, -4024),
        ({"quantity": "0.00005"}, -4164),
        ({"type": "STOP_MARKET", "stopPrice": "58000"}, -4120),
        ({"type": "GUESS"}, -1116),
        ({"positionSide": "LONG"}, -4061),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "GTX", "price": "60001"}, -5022),
        ({"timeInForce": "DAY"}, -1115),
        ({"timeInForce": "GTD"}, -1102),
        ({"symbol": "XXXUSDT"}, -1121),
        ({"quantity": ""}, -1102),
    ],
)
def test_a_wrong_order_is_refused_with_the_venues_code(main: Any, changes: dict[str, str], code: int) -> None:
    status, body = main.ask("POST", ORDER, **{**LIMIT, **changes})
    assert (status, body["code"]) == (400, code)
    assert main.venue.exchange.orders == {}


def test_a_client_id_is_unique_among_open_orders(main: Any) -> None:
    main.ask("POST", ORDER, **LIMIT, newClientOrderId="same")
    assert main.ask("POST", ORDER, **LIMIT, newClientOrderId="same")[1]["code"] == -4116


def test_a_change_below_what_is_filled_cancels_the_rest(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **{**LIMIT, "quantity": "0.8", "price": "60001"})
    _, changed = main.ask("PUT", ORDER, symbol="BTCUSDT", orderId=placed["orderId"], side="BUY", quantity="0.4", price="60001")
    assert (changed["status"], changed["executedQty"]) == ("CANCELED", "0.50000")


def test_a_reducing_order_needs_no_margin_and_stops_at_flat(main: Any) -> None:
    main.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=1)
    main.ask("POST", ORDER, **BUY)
    _, done = main.ask("POST", ORDER, **{**SELL, "quantity": "0.3", "reduceOnly": "true"})
    assert (done["status"], done["executedQty"]) == ("EXPIRED", "0.10000")
    assert main.venue.exchange.position("main", "BTCUSDT") == 0


def test_a_conditional_order_lives_at_its_own_addresses_until_it_starts(main: Any, venue: BinanceUm) -> None:
    main.ask("POST", ORDER, **BUY)
    _, placed = main.ask("POST", ALGO, **STOP, clientAlgoId="s1", reduceOnly="true")
    assert (placed["algoStatus"], placed["triggerPrice"], placed["actualOrderId"]) == ("NEW", "58000.00", "")
    assert main.ask("GET", "/fapi/v1/openOrders")[1] == []
    assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["algoId"])[1]["code"] == -2013
    assert [one["clientAlgoId"] for one in main.ask("GET", "/fapi/v1/openAlgoOrders")[1]] == ["s1"]
    venue.prices.set("BTCUSDT", D(57000), D(57001))
    _, ended = main.ask("GET", ALGO, clientAlgoId="s1")
    assert (ended["algoStatus"], ended["actualOrderId"], ended["actualPrice"]) == ("FINISHED", str(placed["algoId"]), "57000.00000")
    _, actual = main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["algoId"])
    assert (actual["status"], actual["type"], actual["origType"]) == ("FILLED", "MARKET", "STOP_MARKET")


def test_conditional_orders_are_cancelled_and_refused(main: Any) -> None:
    _, placed = main.ask("POST", ALGO, **STOP)
    assert main.ask("DELETE", ALGO, algoId=placed["algoId"])[1]["code"] == "200"
    assert main.ask("DELETE", ALGO, algoId=placed["algoId"])[1]["code"] == -2011
    assert main.ask("POST", ALGO, **{**STOP, "triggerPrice": "61000"})[1]["code"] == -2021
    assert main.ask("POST", ALGO, **{**STOP, "type": "LIMIT"})[1]["code"] == -1116
    main.ask("POST", ALGO, **STOP)
    main.ask("POST", ORDER, **LIMIT)
    assert main.ask("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")[1]["code"] == 200
    assert (len(main.ask("GET", "/fapi/v1/openAlgoOrders")[1]), len(main.ask("GET", "/fapi/v1/openOrders")[1])) == (0, 1)


def test_a_trailing_stop_calls_back(main: Any, venue: BinanceUm) -> None:
    terms = {**STOP, "type": "TRAILING_STOP_MARKET", "callbackRate": "1"}
    _, placed = main.ask("POST", ALGO, **{name: value for name, value in terms.items() if name != "triggerPrice"})
    for bid in (62000, 61500, 61380):
        venue.prices.set("BTCUSDT", D(bid), D(bid + 1))
        venue.tick()
    assert main.ask("GET", ALGO, algoId=placed["algoId"])[1]["algoStatus"] == "FINISHED"
    assert venue.exchange.executions[0].price == 61380


def test_orders_are_cancelled_when_nobody_says_otherwise(main: Any, venue: BinanceUm) -> None:
    main.ask("POST", ORDER, **LIMIT)
    main.ask("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=10_000)
    venue.world.clock.advance(9)
    assert len(main.ask("GET", "/fapi/v1/openOrders")[1]) == 1
    venue.world.clock.advance(1)
    assert main.ask("GET", "/fapi/v1/openOrders")[1] == []


def test_several_orders_are_placed_and_cancelled_at_once(main: Any) -> None:
    orders = [{**LIMIT, "newClientOrderId": "a"}, {**LIMIT, "quantity": "0"}]
    _, found = main.ask("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(orders))
    assert (found[0]["clientOrderId"], found[1]["code"]) == ("a", -4003)
    _, gone = main.ask("DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", origClientOrderIdList='["a","b"]')
    assert (gone[0]["status"], gone[1]["code"]) == ("CANCELED", -2011)


@pytest.mark.parametrize("sent", ["", "no json", "{}", "[1]", "[]", json.dumps([LIMIT] * 6)])
def test_a_batch_that_is_none_is_refused(main: Any, sent: str) -> None:
    status, body = main.ask("POST", "/fapi/v1/batchOrders", batchOrders=sent)
    assert (status, body["code"] in (-1102, -1130, -4082)) == (400, True)
    assert main.ask("DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList="no json")[1]["code"] == -1130


def test_positions_are_one_way_only(main: Any) -> None:
    assert main.ask("GET", "/fapi/v1/positionSide/dual")[1] == {"dualSidePosition": False}
    assert main.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")[1]["code"] == -4059
    assert main.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")[1]["code"] == -4068


def test_funding_is_paid_every_eight_hours(main: Any, venue: BinanceUm) -> None:
    main.ask("POST", ORDER, **BUY)
    before = venue.margin.wallet("main")
    at_ms = parse("2025-03-14T16:00:00Z") // 1_000_000
    rate = D(int(funding(venue.world, "BTCUSDT", at_ms, at_ms + 1_000)[1][0])).scaleb(-8)
    venue.world.clock.set(parse("2025-03-14T16:00:01Z"))
    venue.tick()
    venue.tick()
    assert venue.margin.wallet("main") - before == -(D("0.1") * D("60000.05") * rate).quantize(D("0.00000001"))
    assert [one["incomeType"] for one in main.ask("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")[1]] == ["FUNDING_FEE"]


def test_a_guard_may_reduce_and_nothing_more(main: Any, venue: BinanceUm, signed: Any) -> None:
    guard = signed(venue, "sandbox-guard-key", "sandbox-guard-secret")
    main.ask("POST", ORDER, **BUY)
    assert guard.ask("POST", ORDER, **SELL)[1]["code"] == -2015
    assert guard.ask("POST", ORDER, **SELL, reduceOnly="true")[1]["status"] == "FILLED"


def listening(main: Any) -> Any:
    key = main.ask("POST", "/fapi/v1/listenKey")[1]["listenKey"]
    return main.listen(f"/private/ws/{key}")


def test_the_user_stream_tells_account_before_order(main: Any) -> None:
    listening(main)
    main.ask("POST", ORDER, **BUY, newClientOrderId="tw1")
    new, account, filled = main.events()
    assert (new["e"], new["o"]["x"], new["o"]["c"]) == ("ORDER_TRADE_UPDATE", "NEW", "tw1")
    assert (account["e"], account["a"]["m"], account["a"]["P"][0]["pa"]) == ("ACCOUNT_UPDATE", "ORDER", "0.1")
    assert (filled["o"]["x"], filled["o"]["X"], filled["o"]["L"], filled["o"]["t"]) == ("TRADE", "FILLED", "60000.10", 1)


def test_conditional_orders_are_told_as_such_until_they_start(main: Any, venue: BinanceUm) -> None:
    listening(main)
    main.ask("POST", ALGO, **STOP)
    assert [(one["e"], one["o"]["X"]) for one in main.events()] == [("ALGO_UPDATE", "NEW")]
    venue.prices.set("BTCUSDT", D(57000), D(57001))
    venue.tick()
    told = [(one["e"], one.get("o", {}).get("X")) for one in main.events()]
    assert told == [
        ("ALGO_UPDATE", "TRIGGERED"), ("ORDER_TRADE_UPDATE", "NEW"),
        ("ACCOUNT_UPDATE", None), ("ALGO_UPDATE", "FINISHED"), ("ORDER_TRADE_UPDATE", "FILLED"),
    ]  # fmt: skip


def test_a_listen_key_lasts_an_hour_unless_it_is_kept(main: Any, venue: BinanceUm) -> None:
    listening(main)
    venue.world.clock.advance(3_599)
    main.ask("PUT", "/fapi/v1/listenKey")
    venue.world.clock.advance(3_599)
    venue.tick()
    assert main.events() == []
    venue.world.clock.advance(1)
    venue.tick()
    assert [one["e"] for one in main.events()] == ["listenKeyExpired"]
    assert main.ask("PUT", "/fapi/v1/listenKey")[1]["code"] == -1125
    assert isinstance(venue.talk(Question("GET", "/ws/unknown"), lambda data: None, lambda: None), Answer)


def test_a_dropped_listen_key_hangs_up(main: Any) -> None:
    listening(main)
    main.ask("DELETE", "/fapi/v1/listenKey")
    assert main.is_closed


def test_a_combined_stream_names_the_key(main: Any, venue: BinanceUm) -> None:
    key = main.ask("POST", "/fapi/v1/listenKey")[1]["listenKey"]
    said: list[Any] = []
    venue.talk(Question("GET", "/stream", f"streams={key}"), lambda data: said.append(json.loads(data)), lambda: None)
    main.ask("POST", ORDER, **LIMIT)
    assert (said[0]["stream"], said[0]["data"]["e"]) == (key, "ORDER_TRADE_UPDATE")
