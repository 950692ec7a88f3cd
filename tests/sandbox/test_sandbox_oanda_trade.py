"""The OANDA venue that trades, asked by oandapyV20 as it is, and without a wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.sandbox.conversation import Answer, Question
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.oanda_trade import OandaVenue
from tradewinds.sandbox.oanda_trade_book import Rule
from tradewinds.sandbox.server import Sandbox

NS = 1_000_000_000


class Bench:
    """A venue whose clock and prices are set by hand."""

    def __init__(self, **options: Any) -> None:
        self.now_ns = 1_741_955_696 * NS
        self.prices = {"EUR_USD": quote("1.08000", "1.08014"), "USD_JPY": quote("148.000", "148.020")}
        rules = [Rule("EUR_USD", 5), Rule("USD_JPY", 3)]
        self.venue = OandaVenue(lambda: self.now_ns, self.prices.__getitem__, rules, tokens={"t": ("1",)}, **options)

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "t") -> tuple[int, Any]:
        path, _, query = path.partition("?")
        headers = {"authorization": f"Bearer {token}"}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.venue.answer(Question(method, f"/v3/accounts/1{path}", query, headers, content))
        return answer.status, json.loads(answer.body)

    def order(self, units: str, **fields: Any) -> tuple[int, Any]:
        return self.ask("POST", "/orders", {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": units, **fields}})


def quote(bid: str, ask: str, size: str = "1000000") -> Quote:
    return Quote(Decimal(bid), Decimal(ask), Decimal(size), Decimal(size))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def client(own_venues: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """oandapyV20's client, unmodified, at venues of this test."""
    oanda = pytest.importorskip("oandapyV20.oandapyV20")
    url = own_venues.urls["oanda"]
    monkeypatch.setitem(oanda.TRADING_ENVIRONMENTS, "practice", {"api": url, "stream": url})
    found: Any = own_venues.world.trading["oanda"]
    found.set_quotes["EUR_USD"] = quote("1.08000", "1.08014")
    made = oanda.API(access_token="sandbox-oanda-token")
    yield made
    made.client.close()


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_oandapyv20_trades(client: Any) -> None:
    from oandapyV20.endpoints.accounts import AccountChanges, AccountDetails, AccountSummary
    from oandapyV20.endpoints.orders import OrderCancel, OrderCreate, OrderDetails, OrderList, OrderReplace, OrdersPending
    from oandapyV20.endpoints.positions import OpenPositions, PositionClose, PositionDetails
    from oandapyV20.endpoints.pricing import PricingInfo
    from oandapyV20.endpoints.trades import OpenTrades, TradeClose
    from oandapyV20.endpoints.transactions import TransactionIDRange, TransactionsSinceID

    bought = client.request(OrderCreate(ACCOUNT, {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "1000"}}))
    assert bought["orderFillTransaction"]["price"] == "1.08014"
    first = int(bought["orderCreateTransaction"]["id"])
    limit = {"type": "LIMIT", "instrument": "EUR_USD", "units": "-100", "price": "1.20000", "clientExtensions": {"id": "mine"}}
    placed = client.request(OrderCreate(ACCOUNT, {"order": limit}))["orderCreateTransaction"]["id"]
    assert client.request(OrderDetails(ACCOUNT, "@mine"))["order"]["state"] == "PENDING"
    assert [one["id"] for one in client.request(OrdersPending(ACCOUNT))["orders"]] == [placed]
    replaced = client.request(OrderReplace(ACCOUNT, placed, {"order": {**limit, "price": "1.21000"}}))
    assert replaced["orderCancelTransaction"]["replacedByOrderID"] == replaced["orderCreateTransaction"]["id"]
    cancelled = client.request(OrderCancel(ACCOUNT, "@mine"))["orderCancelTransaction"]
    assert (cancelled["clientOrderID"], cancelled["reason"]) == ("mine", "CLIENT_REQUEST")
    assert client.request(OrderList(ACCOUNT))["orders"] == []
    assert client.request(OpenPositions(ACCOUNT))["positions"][0]["long"]["units"] == "1000"
    assert client.request(PositionDetails(ACCOUNT, "EUR_USD"))["position"]["short"]["units"] == "0"
    (trade,) = client.request(OpenTrades(ACCOUNT))["trades"]
    assert client.request(TradeClose(ACCOUNT, trade["id"], {"units": "400"}))["orderFillTransaction"]["tradeReduced"]["units"] == "-400"
    closed = client.request(PositionClose(ACCOUNT, "EUR_USD", {"longUnits": "ALL"}))["longOrderFillTransaction"]
    assert (closed["units"], closed["pl"]) == ("-600", "-0.0840")
    assert client.request(AccountSummary(ACCOUNT))["account"]["balance"] == "99999.8600"
    assert client.request(AccountDetails(ACCOUNT))["account"]["trades"] == []
    since = client.request(TransactionsSinceID(ACCOUNT, {"id": first - 1}))["transactions"]
    assert [one["type"] for one in since][:3] == ["MARKET_ORDER", "ORDER_FILL", "LIMIT_ORDER"]
    some = client.request(TransactionIDRange(ACCOUNT, {"from": first, "to": first + 1}))["transactions"]
    assert some == since[:2]
    changes = client.request(AccountChanges(ACCOUNT, {"sinceTransactionID": first - 1}))
    assert len(changes["changes"]["ordersCancelled"]) == 2
    assert client.request(PricingInfo(ACCOUNT, {"instruments": "EUR_USD"}))["prices"][0]["closeoutBid"] == "1.08000"


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_oandapyv20_reads_refusals_and_streams(client: Any, own_venues: Sandbox) -> None:
    from oandapyV20.endpoints.orders import OrderCancel, OrderCreate
    from oandapyV20.endpoints.pricing import PricingStream
    from oandapyV20.endpoints.transactions import TransactionsStream
    from oandapyV20.exceptions import V20Error

    with pytest.raises(V20Error, match="ORDER_DOESNT_EXIST"):
        client.request(OrderCancel(ACCOUNT, "77777"))
    with pytest.raises(V20Error, match="UNITS_INVALID"):
        client.request(OrderCreate(ACCOUNT, {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "many"}}))
    prices = client.request(PricingStream(ACCOUNT, {"instruments": "EUR_USD"}))
    assert next(prices)["bids"][0]["price"] == "1.08000"
    own_venues.world.clock.advance(6)
    assert next(prices)["type"] == "HEARTBEAT"
    prices.close()
    told = client.request(TransactionsStream(ACCOUNT))
    assert next(told)["type"] == "HEARTBEAT"
    client.request(OrderCreate(ACCOUNT, {"order": {"type": "MARKET", "instrument": "EUR_USD", "units": "5"}}))
    assert [next(told)["type"] for _ in range(2)] == ["MARKET_ORDER", "ORDER_FILL"]
    told.close()


def test_orders_that_cannot_be_are_refused_with_the_venues_reason(bench: Bench) -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"units": "0"}, "UNITS_INVALID"),
        ({"units": "1.5"}, "UNITS_PRECISION_EXCEEDED"),
        ({"units": "1000000000"}, "UNITS_LIMIT_EXCEEDED"),
        ({"instrument": "EUR_XXX"}, "INSTRUMENT_UNKNOWN"),
        ({"type": "LIMIT"}, "PRICE_MISSING"),
        ({"type": "LIMIT", "price": "1.000001"}, "PRICE_PRECISION_EXCEEDED"),
        ({"timeInForce": "GTC"}, "TIME_IN_FORCE_INVALID"),
        ({"type": "LIMIT", "price": "1.1", "timeInForce": "GTD"}, "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING"),
        ({"takeProfitOnFill": {"price": "2"}}, "STOP_LOSS_ON_FILL_GUARANTEED_NOT_ALLOWED"),
        ({"type": "DREAM"}, "ORDER_TYPE_INVALID"),
    )
    for fields, reason in cases:
        asked: dict[str, Any] = {"units": "10", **fields}
        status, said = bench.order(**asked)
        assert (status, said["errorCode"], said["orderRejectTransaction"]["rejectReason"]) == (400, reason, reason)
    assert bench.venue.exchange.orders == {}


def test_an_id_is_unique_among_pending_orders_only(bench: Bench) -> None:
    named = {"type": "LIMIT", "price": "1.00000", "clientExtensions": {"id": "a"}}
    assert bench.order("10", **named)[0] == 201
    assert bench.order("10", **named)[1]["errorCode"] == "CLIENT_ORDER_ID_ALREADY_EXISTS"
    assert bench.ask("PUT", "/orders/@a/cancel")[0] == 200
    assert bench.order("10", **named)[0] == 201


def test_a_201_can_be_a_cancel(bench: Bench) -> None:
    is_open = True
    bench.venue.is_open = lambda instrument: is_open
    status, said = bench.order("100000000")
    assert (status, said["orderCancelTransaction"]["reason"]) == (201, "INSUFFICIENT_MARGIN")
    assert bench.order("2000000")[1]["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"
    assert bench.order("10", priceBound="1.08000")[1]["orderCancelTransaction"]["reason"] == "BOUNDS_VIOLATION"
    is_open = False
    status, said = bench.order("10")
    assert (status, said["orderCancelTransaction"]["reason"]) == (201, "MARKET_HALTED")
    assert bench.ask("GET", "/openPositions")[1]["positions"] == []


def test_gains_are_counted_in_the_accounts_currency(bench: Bench) -> None:
    bench.order("1000", instrument="USD_JPY")
    bench.prices["USD_JPY"] = quote("150.000", "150.000")
    _, said = bench.order("-1000", instrument="USD_JPY")
    # 1000 units, 1.98 yen each, at 150 yen for a dollar.
    assert said["orderFillTransaction"]["pl"] == "13.2000"
    assert said["orderFillTransaction"]["accountBalance"] == "100013.2000"


def test_trades_close_first_in_first_out_and_a_larger_sale_turns_the_position(bench: Bench) -> None:
    bench.order("100")
    bench.order("200")
    _, said = bench.order("-350")
    fill = said["orderFillTransaction"]
    assert [one["units"] for one in fill["tradesClosed"]] == ["-100", "-200"]
    assert fill["tradeOpened"]["units"] == "-50"
    position = bench.ask("GET", "/positions/EUR_USD")[1]["position"]
    assert (position["long"]["units"], position["short"]["units"]) == ("0", "-50")


def test_an_order_until_a_time_ends_at_that_time(bench: Bench) -> None:
    bench.order("10", type="LIMIT", price="1.00000", timeInForce="GTD", gtdTime="2025-03-14T13:00:00Z", clientExtensions={"id": "a"})
    bench.now_ns += 3_600 * NS
    assert bench.ask("GET", "/orders/@a")[1]["order"]["state"] == "CANCELLED"
    (cancel,) = [one for one in bench.ask("GET", "/transactions/sinceid?id=0")[1]["transactions"] if one["type"] == "ORDER_CANCEL"]
    assert cancel["reason"] == "TIME_IN_FORCE_EXPIRED"


def test_a_day_order_ends_at_five_in_new_york(bench: Bench) -> None:
    bench.order("10", type="LIMIT", price="1.00000", timeInForce="GFD", clientExtensions={"id": "a"})
    bench.now_ns = 1_741_985_999 * NS  # 2025-03-14 16:59:59 there
    assert bench.ask("GET", "/orders/@a")[1]["order"]["state"] == "PENDING"
    bench.now_ns += NS
    assert bench.ask("GET", "/orders/@a")[1]["order"]["state"] == "CANCELLED"


def test_a_new_order_is_not_found_for_as_long_as_the_venue_lags(bench: Bench) -> None:
    bench.venue.read_lag_ns = NS // 2
    bench.order("10", type="LIMIT", price="1.00000", clientExtensions={"id": "a"})
    status, said = bench.ask("GET", "/orders/@a")
    assert (status, said["errorCode"]) == (404, "NO_SUCH_ORDER")
    bench.now_ns += NS
    assert bench.ask("GET", "/orders/@a")[0] == 200


def test_keys_accounts_and_rates_are_checked() -> None:
    bench = Bench(requests_per_second=2)
    assert bench.ask("GET", "/summary", token="x")[0] == 401
    assert [bench.ask("GET", "/summary")[0] for _ in range(3)] == [200, 200, 429]
    bench.now_ns += NS
    assert bench.ask("GET", "/summary")[0] == 200
    other = bench.venue.answer(Question("GET", "/v3/accounts/2/summary", "", {"authorization": "Bearer t"}))
    assert other.status == 404


def test_streams_say_what_happens_and_beat_every_five_seconds(bench: Bench) -> None:
    lines: list[Any] = []
    headers = {"authorization": "Bearer t"}

    def send(data: bytes) -> None:
        lines.append(json.loads(data))

    talk = bench.venue.talk(Question("GET", "/v3/accounts/1/transactions/stream", "", headers), send, lambda: None)
    assert not isinstance(talk, Answer)
    bench.order("10")
    bench.now_ns += 5 * NS
    bench.venue.tick()
    assert [one["type"] for one in lines] == ["HEARTBEAT", "MARKET_ORDER", "ORDER_FILL", "HEARTBEAT"]
    assert lines[-1]["lastTransactionID"] == lines[-2]["id"]
    talk.closed()
    bench.order("10")
    assert len(lines) == 4
    refused = bench.venue.talk(Question("GET", "/v3/accounts/1/pricing/stream", "instruments=XXX", headers), send, lambda: None)
    assert isinstance(refused, Answer)
    assert refused.status == 400


def test_an_order_by_hand_is_a_transaction_like_any_other(bench: Bench) -> None:
    order = bench.venue.place_by_hand("1", "EUR_USD", Decimal(-70))
    shown = bench.ask("GET", f"/orders/{order.id}")[1]["order"]
    assert (shown["units"], shown["state"], "clientExtensions" in shown) == ("-70", "FILLED", False)
