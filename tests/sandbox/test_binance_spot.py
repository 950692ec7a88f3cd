"""Trading at the local Binance spot venue, without a wire: signatures, filters, orders, balances, limits."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.binance_spot import BinanceSpot, spot_venue
from tradewinds.sandbox.config import SandboxConfig, config_from, config_from_json
from tradewinds.sandbox.conversation import Question
from tradewinds.sandbox.keys import ApiKey, is_signed
from tradewinds.sandbox.world import World

D = Decimal
ORDER = "/api/v3/order"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "50000"}
BAD_NAME = "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."
BAD_NUMBER = "Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}


@pytest.fixture
def venue(quiet_world: World) -> BinanceSpot:
    """Bid 60000.00, ask 60000.10, half a coin on either side."""
    return spot_venue(quiet_world)


@pytest.fixture
def main(venue: BinanceSpot, signed: Any) -> Any:
    return signed(venue)


def balances(main: Any) -> dict[str, tuple[Decimal, Decimal]]:
    rows = main.ask("GET", "/api/v3/account")[1]["balances"]
    return {row["asset"]: (D(row["free"]), D(row["locked"])) for row in rows}


def test_the_signature_of_the_documents_is_accepted() -> None:
    payload = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    key = ApiKey(
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    )
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert is_signed(key, payload, signature)
    assert is_signed(key, payload, signature.upper())
    assert not is_signed(key, payload + b"0", signature)


def test_a_limit_order_is_kept_found_and_cancelled(main: Any) -> None:
    status, placed = main.ask("POST", ORDER, **LIMIT, newClientOrderId="tw1")
    assert (status, placed["status"], placed["clientOrderId"], placed["fills"]) == (200, "NEW", "tw1", [])
    assert main.ask("GET", ORDER, symbol="BTCUSDT", origClientOrderId="tw1")[1]["orderId"] == placed["orderId"]
    assert [one["clientOrderId"] for one in main.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")[1]] == ["tw1"]
    status, gone = main.ask("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="tw1", newClientOrderId="c1")
    assert (status, gone["status"], gone["origClientOrderId"], gone["clientOrderId"]) == (200, "CANCELED", "tw1", "c1")
    assert main.ask("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="tw1") == (400, {"code": -2011, "msg": "Unknown order sent."})
    assert main.ask("GET", "/api/v3/openOrders")[1] == []


def test_a_market_order_tells_its_fills_and_moves_balances(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **MARKET)
    assert placed["status"] == "FILLED"
    assert placed["fills"] == [
        {"price": "60000.10000000", "qty": "0.10000000", "commission": "0.00010000", "commissionAsset": "BTC", "tradeId": 1}
    ]
    held = balances(main)
    assert held["USDT"] == (D("100000") - D("6000.01"), D(0))
    assert held["BTC"] == (D("1.0999"), D(0))
    _, trades = main.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert [(one["orderId"], one["isBuyer"], one["isMaker"]) for one in trades] == [(placed["orderId"], True, False)]


def test_a_large_order_fills_in_parts(main: Any, venue: BinanceSpot) -> None:
    _, placed = main.ask("POST", ORDER, **{**LIMIT, "quantity": "0.8", "price": "60001"})
    assert (placed["status"], placed["executedQty"]) == ("PARTIALLY_FILLED", "0.50000000")
    assert balances(main)["USDT"][1] == D("0.3") * 60001
    venue.world.clock.advance(1)
    _, found = main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert (found["status"], found["executedQty"]) == ("FILLED", "0.80000000")
    assert D(found["cummulativeQuoteQty"]) == D("0.5") * D("60000.10") + D("0.3") * 60001
    assert balances(main)["USDT"][1] == 0


def test_an_order_locks_what_it_needs_and_a_cancel_gives_it_back(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **LIMIT)
    assert balances(main)["USDT"] == (D(95_000), D(5_000))
    main.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert balances(main)["USDT"] == (D(100_000), D(0))
    main.ask("POST", ORDER, **{**LIMIT, "side": "SELL", "price": "70000", "quantity": "0.4"})
    assert balances(main)["BTC"] == (D("0.6"), D("0.4"))


def test_market_by_quote_quantity_spends_at_most_that(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="600")
    assert (placed["executedQty"], placed["origQuoteOrderQty"]) == ("0.00999000", "600.00000000")
    assert D(placed["cummulativeQuoteQty"]) <= 600


def test_the_kind_of_answer_follows_the_type_unless_asked(main: Any) -> None:
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.1", "stopPrice": "55000"}
    assert set(main.ask("POST", ORDER, **stop)[1]) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert "status" in main.ask("POST", ORDER, **LIMIT, newOrderRespType="RESULT")[1]
    assert "fills" not in main.ask("POST", ORDER, **LIMIT, newOrderRespType="RESULT")[1]


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.100005001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"price": "50000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.00002", "price": "20000"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "11000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "3"}, -2010, "Account has insufficient balance for requested action."),
        ({"side": "SELL", "price": "61000", "quantity": "1.00001"}, -2010, "Account has insufficient balance for requested action."),
        ({"type": "LIMIT_MAKER", "price": "60001", "timeInForce": ""}, -2010, "Order would immediately match and take."),
        ({"symbol": "XXXUSDT"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "GUESS"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": ""}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
        ({"type": "MARKET"}, -1106, "Parameter 'price' sent when not required."),
        ({"stopPrice": "50000"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "60000", "price": "60000"}, -2010, "Order would trigger immediately."),
        ({"newClientOrderId": "a b"}, -1100, BAD_NAME),
        ({"newClientOrderId": "x" * 37}, -1100, BAD_NAME),
        ({"quantity": "1e-1"}, -1100, BAD_NUMBER),
        ({"quantity": "-1"}, -1100, BAD_NUMBER),
    ],
)  # fmt: skip
def test_a_wrong_order_is_refused_with_the_venues_words(main: Any, changes: dict[str, str], code: int, message: str) -> None:
    assert main.ask("POST", ORDER, **{**LIMIT, **changes}) == (400, {"code": code, "msg": message})
    assert main.venue.exchange.orders == {}


def test_a_client_id_is_unique_among_open_orders_only(main: Any) -> None:
    _, first = main.ask("POST", ORDER, **LIMIT, newClientOrderId="same")
    assert main.ask("POST", ORDER, **LIMIT, newClientOrderId="same") == (400, {"code": -2010, "msg": "Duplicate order sent."})
    main.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=first["orderId"])
    _, second = main.ask("POST", ORDER, **LIMIT, newClientOrderId="same")
    assert main.ask("GET", ORDER, symbol="BTCUSDT", origClientOrderId="same")[1]["orderId"] == second["orderId"] != first["orderId"]


def test_an_unknown_order_is_said_to_be_unknown(main: Any) -> None:
    assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=5) == (400, {"code": -2013, "msg": "Order does not exist."})
    assert main.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=5) == (400, {"code": -2011, "msg": "Unknown order sent."})
    _, placed = main.ask("POST", ORDER, **LIMIT, newClientOrderId="a")
    both = {"orderId": placed["orderId"], "origClientOrderId": "b"}
    assert main.ask("GET", ORDER, symbol="BTCUSDT", **both)[1]["code"] == -2013
    assert main.ask("GET", ORDER, symbol="ETHUSDT", orderId=placed["orderId"])[1]["code"] == -2013


def test_accounts_do_not_see_each_other(main: Any, venue: BinanceSpot, signed: Any) -> None:
    second = signed(venue, "sandbox-second-key", "sandbox-second-secret")
    _, placed = main.ask("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert second.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[1]["code"] == -2013
    assert second.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[1]["code"] == -2011
    assert second.ask("GET", "/api/v3/openOrders")[1] == []


@pytest.mark.parametrize(
    ("late_ms", "window", "code"),
    [(5_000, None, None), (5_001, None, -1021), (59_000, 60_000, None), (-999, None, None), (-1_000, None, -1021), (0, 60_001, -1131)],
)
def test_a_request_is_valid_for_its_window(main: Any, late_ms: int, window: int | None, code: int | None) -> None:
    extra = {} if window is None else {"recvWindow": window}
    status, body = main.ask("GET", "/api/v3/account", late_ms=late_ms, **extra)
    assert (status, body.get("code")) == ((200, None) if code is None else (400, code))


def test_a_venue_in_a_hurry_takes_timestamps_of_any_time(signed: Any) -> None:
    config = SandboxConfig(now_ns=1_741_955_696_000_000_000, symbols=("BTCUSDT",), checks_time=False)
    assert signed(spot_venue(make_world(config))).ask("GET", "/api/v3/account", late_ms=86_400_000)[0] == 200


def test_what_is_not_signed_is_refused(main: Any, venue: BinanceSpot, signed: Any) -> None:
    wrong = signed(venue, secret="guess")
    assert wrong.ask("GET", "/api/v3/account") == (400, {"code": -1022, "msg": "Signature for this request is not valid."})
    unknown = signed(venue, key="a-key-nobody-knows")
    assert unknown.ask("GET", "/api/v3/account") == (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    malformed = signed(venue, key="no")
    assert malformed.ask("GET", "/api/v3/account") == (401, {"code": -2014, "msg": "API-key format invalid."})
    bare = venue.answer(Question("GET", "/api/v3/account", "timestamp=1", {"x-mbx-apikey": main.key}))
    assert json.loads(bare.body)["code"] == -1102


def test_the_signature_covers_the_bytes_as_they_were_sent(main: Any, venue: BinanceSpot) -> None:
    now = venue.world.clock.now_ms()
    decoded = f'symbols=["BTCUSDT"]&timestamp={now}'
    encoded = f"symbols={quote(json.dumps(['BTCUSDT']))}&timestamp={now}"
    head = {"x-mbx-apikey": main.key}
    right = venue.answer(Question("GET", "/api/v3/account", f"{encoded}&signature={main.sign(encoded)}", head))
    wrong = venue.answer(Question("GET", "/api/v3/account", f"{encoded}&signature={main.sign(decoded)}", head))
    assert (right.status, json.loads(wrong.body)["code"]) == (200, -1022)


def test_query_and_body_are_signed_together_without_a_joint(main: Any, venue: BinanceSpot) -> None:
    query, body = "symbol=BTCUSDT&side=BUY&type=MARKET", f"quantity=0.1&timestamp={venue.world.clock.now_ms()}"
    sent = f"{body}&signature={main.sign(query + body)}"
    answer = venue.answer(Question("POST", ORDER, query, {"x-mbx-apikey": main.key}, sent.encode()))
    assert answer.status == 200


def test_an_ed25519_key_signs_requests(signed: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    world = make_world(SandboxConfig(now_ns=1_741_955_696_000_000_000, symbols=("BTCUSDT",), api_keys=(ApiKey("ed25519-key", pem),)))
    venue = spot_venue(world)
    query = f"timestamp={world.clock.now_ms()}"
    signature = quote(base64.b64encode(private.sign(query.encode())), safe="")
    assert venue.answer(Question("GET", "/api/v3/account", f"{query}&signature={signature}", {"x-mbx-apikey": "ed25519-key"})).status == 200
    assert (
        venue.answer(Question("GET", "/api/v3/account", f"{query}1&signature={signature}", {"x-mbx-apikey": "ed25519-key"})).status == 400
    )


def test_keys_may_do_what_their_scopes_say(venue: BinanceSpot, main: Any, signed: Any) -> None:
    reader = signed(venue, "sandbox-read-only-key", "sandbox-read-only-secret")
    guard = signed(venue, "sandbox-guard-key", "sandbox-guard-secret")
    rich = signed(venue, "sandbox-withdraw-key", "sandbox-withdraw-secret")
    _, placed = main.ask("POST", ORDER, **LIMIT)
    assert reader.ask("GET", "/api/v3/openOrders")[0] == 200
    assert reader.ask("POST", ORDER, **LIMIT)[1]["code"] == reader.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=1)[1]["code"] == -2015
    assert guard.ask("POST", ORDER, **LIMIT)[1]["code"] == -2015
    assert guard.ask("POST", ORDER, **{**MARKET, "side": "SELL"})[0] == 200
    assert guard.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[0] == 200
    restrictions = "/sapi/v1/account/apiRestrictions"
    shown = [each.ask("GET", restrictions)[1] for each in (main, reader, guard, rich)]
    assert [one["enableWithdrawals"] for one in shown] == [False, False, False, True]
    assert [one["enableSpotAndMarginTrading"] for one in shown] == [True, False, True, True]


def test_a_revoked_key_is_refused_until_it_is_restored(main: Any, venue: BinanceSpot) -> None:
    assert venue.revoke(main.key)
    assert main.ask("GET", "/api/v3/account")[1]["code"] == -2015
    venue.keys.restore(main.key)
    assert main.ask("GET", "/api/v3/account")[0] == 200


def test_orders_that_succeed_cost_no_weight_and_are_counted(main: Any) -> None:
    first = main.answer("POST", ORDER, **LIMIT)
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert (first.headers["X-MBX-ORDER-COUNT-10S"], first.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    failed = main.answer("POST", ORDER, **{**LIMIT, "price": "0.001"})
    assert failed.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert main.answer("GET", ORDER, symbol="BTCUSDT", orderId=1).headers["X-MBX-USED-WEIGHT-1M"] == "5"
    counts = main.ask("GET", "/api/v3/rateLimit/order")[1]
    assert [(one["interval"], one["count"]) for one in counts] == [("SECOND", 2), ("DAY", 2)]


def test_too_many_orders_in_ten_seconds_are_refused(main: Any, venue: BinanceSpot) -> None:
    venue.desk.orders_10s = 2
    assert [main.ask("POST", ORDER, **LIMIT)[0] for _ in range(2)] == [200, 200]
    status, body = main.ask("POST", ORDER, **LIMIT)
    assert (status, body["code"]) == (429, -1015)
    venue.world.clock.advance(10)
    assert main.ask("POST", ORDER, **LIMIT)[0] == 200


def test_too_much_weight_is_told_to_wait_and_then_banned(quiet_world: World, signed: Any) -> None:
    venue = spot_venue(quiet_world)
    venue.desk.budget.limit = 40
    main = signed(venue)
    assert [main.ask("GET", "/api/v3/account")[0] for _ in range(2)] == [200, 200]
    refused = main.answer("GET", "/api/v3/account")
    assert (refused.status, json.loads(refused.body)["code"], int(refused.headers["Retry-After"])) == (429, -1003, 61)
    answers = [main.answer("GET", "/api/v3/account").status for _ in range(11)]
    assert answers[-1] == 418


def test_stops_wait_and_start_where_the_price_touches_them(main: Any, venue: BinanceSpot) -> None:
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "0.2"}
    _, placed = main.ask("POST", ORDER, **terms, stopPrice="58000", price="57000", newOrderRespType="RESULT")
    assert (placed["status"], placed["workingTime"], placed["stopPrice"]) == ("NEW", -1, "58000.00000000")
    assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[1]["isWorking"] is False
    venue.prices.set("BTCUSDT", D("57900"), D("57901"), ask_size=D(1))
    _, found = main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert (found["status"], D(found["cummulativeQuoteQty"])) == ("FILLED", D("0.2") * 57900)


def test_a_trailing_delta_follows_the_price(main: Any, venue: BinanceSpot) -> None:
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.2", "trailingDelta": "100"}
    _, placed = main.ask("POST", ORDER, **terms, newOrderRespType="RESULT")
    assert (placed["status"], placed["trailingDelta"]) == ("NEW", 100)
    for bid, status in ((65000, "NEW"), (64400, "NEW"), (64350, "FILLED")):
        venue.prices.set("BTCUSDT", D(bid), D(bid + 1))
        assert main.ask("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])[1]["status"] == status
    assert main.ask("POST", ORDER, **{**terms, "trailingDelta": "5"})[1]["msg"] == "Filter failure: TRAILING_DELTA"


def test_immediate_orders_say_why_they_expired(main: Any) -> None:
    _, ioc = main.ask("POST", ORDER, **{**LIMIT, "timeInForce": "IOC"})
    _, fok = main.ask("POST", ORDER, **{**LIMIT, "timeInForce": "FOK", "price": "60001", "quantity": "0.6"})
    _, market = main.ask("POST", ORDER, **{**MARKET, "quantity": "0.6"})
    assert [(one["status"], one["expiryReason"], one["executedQty"]) for one in (ioc, fok, market)] == [
        ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED", "0.00000000"),
        ("EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED", "0.00000000"),
        ("EXPIRED", "INSUFFICIENT_LIQUIDITY", "0.50000000"),
    ]


def test_an_amendment_takes_off_and_never_adds(main: Any) -> None:
    _, placed = main.ask("POST", ORDER, **LIMIT, newClientOrderId="a")
    path = "/api/v3/order/amend/keepPriority"
    status, done = main.ask("PUT", path, symbol="BTCUSDT", origClientOrderId="a", newQty="0.04", newClientOrderId="b")
    assert (status, done["amendedOrder"]["qty"], done["amendedOrder"]["origClientOrderId"]) == (200, "0.04000000", "a")
    assert main.ask("GET", ORDER, symbol="BTCUSDT", origClientOrderId="b")[1]["orderId"] == placed["orderId"]
    assert main.ask("PUT", path, symbol="BTCUSDT", origClientOrderId="b", newQty="0.05")[1]["code"] == -2038
    assert main.ask("GET", ORDER, symbol="BTCUSDT", origClientOrderId="a")[1]["code"] == -2013
    assert balances(main)["USDT"][1] == 2000


def test_cancel_replace_may_fail_in_either_half(main: Any) -> None:
    _, old = main.ask("POST", ORDER, **LIMIT)
    path = "/api/v3/order/cancelReplace"
    status, both = main.ask("POST", path, **LIMIT, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=old["orderId"], newClientOrderId="n")
    assert (status, both["cancelResult"], both["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
    status, half = main.ask("POST", path, **{**LIMIT, "quantity": "9"}, cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="n")
    assert (status, half["code"], half["data"]["cancelResult"], half["data"]["newOrderResponse"]["code"]) == (409, -2021, "SUCCESS", -2010)
    status, none = main.ask("POST", path, **LIMIT, cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="n")
    assert (status, none["code"], none["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")


def test_all_open_orders_of_a_pair_are_cancelled_together(main: Any) -> None:
    for number in range(3):
        main.ask("POST", ORDER, **LIMIT, newClientOrderId=f"n{number}")
    _, gone = main.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert [one["origClientOrderId"] for one in gone] == ["n0", "n1", "n2"]
    assert main.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")[1]["code"] == -2011


def test_a_test_order_is_checked_and_not_placed(main: Any) -> None:
    assert main.ask("POST", "/api/v3/order/test", **LIMIT) == (200, {})
    assert main.ask("POST", "/api/v3/order/test", **{**LIMIT, "quantity": "9"})[1]["code"] == -2010
    assert main.venue.exchange.orders == {}


def test_history_is_asked_by_number_and_time(main: Any, venue: BinanceSpot) -> None:
    ids = []
    for _ in range(3):
        ids.append(main.ask("POST", ORDER, **MARKET)[1]["orderId"])
        venue.world.clock.advance(60)
    assert [one["orderId"] for one in main.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=ids[1])[1]] == ids[1:]
    assert [one["orderId"] for one in main.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=1)[1]] == ids[2:]
    assert [one["id"] for one in main.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=2)[1]] == [2, 3]
    since = venue.world.clock.now_ms() - 60_000
    assert [one["id"] for one in main.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=since)[1]] == [3]
    assert main.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, endTime=86_400_002)[1]["code"] == -1127


def test_no_more_than_200_orders_and_five_stops_wait_on_a_pair(main: Any, venue: BinanceSpot) -> None:
    venue.desk.orders_10s = 1_000
    venue.wallet.credit("main", "USDT", D(10_000_000))
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "55000"}
    assert [main.ask("POST", ORDER, **stop)[0] for _ in range(6)] == [200] * 5 + [400]
    answers = [main.ask("POST", ORDER, **LIMIT)[1] for _ in range(196)]
    assert answers[-1] == {"code": -1013, "msg": "Filter failure: MAX_NUM_ORDERS"}
    assert "orderId" in answers[-2]


def test_an_order_made_by_hand_is_there_like_any_other(main: Any, venue: BinanceSpot) -> None:
    venue.place_by_hand("main", "BTCUSDT", "buy", D("0.1"), D(50_000))
    found = main.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")[1]
    assert found[0]["clientOrderId"].startswith("web_")
    assert venue.exchange.log[-1].by_hand


def test_listen_keys_are_gone(main: Any) -> None:
    assert [main.ask(method, "/api/v3/userDataStream")[0] for method in ("POST", "PUT", "DELETE")] == [410, 410, 410]


def test_market_data_is_answered_without_a_key(venue: BinanceSpot) -> None:
    for path in ("/api/v3/ping", "/api/v3/time", "/api/v3/exchangeInfo"):
        assert venue.answer(Question("GET", path)).status == 200
    book = json.loads(venue.answer(Question("GET", "/api/v3/ticker/bookTicker", "symbol=BTCUSDT")).body)
    assert (book["bidPrice"], book["askPrice"], book["askQty"]) == ("60000.00000000", "60000.10000000", "0.50000000")
    depth = json.loads(venue.answer(Question("GET", "/api/v3/depth", "symbol=BTCUSDT&limit=2")).body)
    assert depth["bids"] == [["60000.00000000", "0.50000000"], ["59999.99000000", "0.51000000"]]
    assert venue.answer(Question("GET", "/api/v3/nothing")).status == 404


def test_microseconds_are_shown_to_who_asks_for_them(main: Any, venue: BinanceSpot) -> None:
    query = f"timestamp={venue.world.clock.now_ms()}"
    head = {"x-mbx-apikey": main.key, "x-mbx-time-unit": "MICROSECOND"}
    answer = venue.answer(Question("GET", "/api/v3/account", f"{query}&signature={main.sign(query)}", head))
    assert json.loads(answer.body)["updateTime"] == venue.world.clock.now_ns() // 1000


def test_keys_and_balances_travel_with_the_configuration() -> None:
    config = config_from({"api_keys": [{"key": "my-own-key", "secret": "s"}], "balances": {"main": {"BTC": "2"}}})
    again = config_from_json(config.to_json())
    assert again.api_keys == (ApiKey("my-own-key", "s"),)
    assert again.balances == {"main": {"BTC": "2"}}
    assert "my-own-key" not in repr(again)


def test_without_a_set_price_the_venue_trades_at_the_market() -> None:
    world = make_world(SandboxConfig(seed=7, now_ns=1_741_955_696_000_000_000, symbols=("BTCUSDT",)))
    venue = spot_venue(world)
    shown = json.loads(venue.answer(Question("GET", "/api/v3/ticker/bookTicker", "symbol=BTCUSDT")).body)
    quoted = venue.prices.quote("BTCUSDT")
    assert [D(shown[name]) for name in ("bidPrice", "askPrice", "bidQty", "askQty")] == list(quoted)
    assert quoted.ask - quoted.bid == D("0.02")
