"""The local TWS, spoken to by the unmodified `ib_async.IB` over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from ib_async import IB, Contract, Crypto, Forex, LimitOrder, MarketOrder, Order, Stock, StopLimitOrder, StopOrder

from tradewinds.core.instant import parse
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.sandbox.server import Sandbox
from tradewinds.sandbox.tws import Served, TwsListener
from tradewinds.sandbox.tws_bars import Bar
from tradewinds.sandbox.tws_contracts import Catalogue, coins, pair, share
from tradewinds.sandbox.tws_gateway import Gateway, ib_fee

NOW_NS = parse("2026-11-18T15:30:00Z")
AAPL = Stock("AAPL", "SMART", "USD")
EURUSD = Forex("EURUSD")
BTC = Crypto("BTC", "PAXOS", "USD")
D = Decimal


@dataclass
class Place:
    """A gateway on a port of this loop, whose time and prices stand still until they are moved."""

    now_ns: int = NOW_NS
    seconds: float = 0.0
    quotes: dict[str, Quote] = field(
        default_factory=lambda: {
            "AAPL.XNAS": Quote(D("189.99"), D("190.00"), D(500), D(500)),
            "EUR_USD.IDEALPRO": Quote(D("1.08000"), D("1.08010"), D(1_000_000), D(1_000_000)),
            "BTC_USD.PAXOS": Quote(D("99999.75"), D("100000.00"), D(2), D(2)),
        }
    )
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.exchange = Exchange(lambda: self.now_ns, lambda symbol: self.quotes[symbol], ib_fee)
        catalogue = Catalogue([share("AAPL", "NASDAQ", "Apple Inc."), share("KO", "NYSE"), pair("EUR", "USD"), *coins()])
        self.gateway = Gateway(self.exchange, catalogue, "DU1234567", lambda: self.now_ns, self.monotonic, feed=self.bars)

    def monotonic(self) -> float:
        self.seconds += 0.1
        return self.seconds

    def bars(self, instrument: str, what: str, seconds: int, start_ns: int, end_ns: int) -> list[Bar]:
        step = seconds * 1_000_000_000
        starts = range(-(-start_ns // step) * step, end_ns, step)
        return [Bar(one, "190", "191", "189", "190.5", "1000", "190.1", 7) for one in starts]

    async def client(self, client_id: int = 1) -> IB:
        ib = IB()
        ib.errorEvent += lambda about, code, text, contract: self.errors.append((about, code, text))
        await ib.connectAsync("127.0.0.1", self.port, clientId=client_id, timeout=5, raiseSyncErrors=True)
        return ib

    def codes(self, about: int | None = None) -> list[int]:
        return [code for number, code, _ in self.errors if about in (None, number)]


@asynccontextmanager
async def standing() -> AsyncIterator[Place]:
    place = Place()
    server = await asyncio.get_running_loop().create_server(lambda: Served(place.gateway), "127.0.0.1", 0)
    place.port = server.sockets[0].getsockname()[1]
    try:
        yield place
    finally:
        server.close()
        for one in place.gateway.connections:
            one.end()
        await asyncio.sleep(0.01)


def told(test: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with standing() as place:
            await test(place)

    asyncio.run(run())


async def caught_up(ib: IB) -> None:
    """Everything that the gateway sent before is heard when this returns."""
    await ib.reqCurrentTimeAsync()


def test_a_market_order_is_filled_and_stands_in_positions_executions_and_cash() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 100, orderRef="ours"))
        await caught_up(ib)
        assert (trade.orderStatus.status, trade.orderStatus.filled, trade.orderStatus.avgFillPrice) == ("Filled", 100, 190)
        (fill,) = trade.fills
        assert (fill.execution.side, fill.execution.shares, fill.execution.price, fill.execution.orderRef) == ("BOT", 100, 190, "ours")
        assert (fill.commissionReport.commission, fill.commissionReport.currency) == (0.5, "USD")
        (position,) = await ib.reqPositionsAsync()
        assert (position.contract.conId, position.position, position.avgCost) == (265598, 100, 190)
        (execution,) = await ib.reqExecutionsAsync()
        assert execution.execution.execId == fill.execution.execId
        (done,) = await ib.reqCompletedOrdersAsync(False)
        assert (done.order.orderRef, done.orderStatus.status, done.order.filledQuantity) == ("ours", "Filled", 100)
        cash = {(one.tag, one.currency): one.value for one in await ib.accountSummaryAsync()}
        assert cash["CashBalance", "USD"] == "980999.500"
        ib.disconnect()

    told(test)


@pytest.mark.parametrize("version", [157, 159, 160, 163, 165, 169, 170, 177, 178])
def test_every_version_of_the_protocol_reads_contracts_orders_and_executions(version: int) -> None:
    async def test(place: Place) -> None:
        place.gateway.version = version
        ib = await place.client()
        assert ib.client.serverVersion() == version
        (details,) = await ib.reqContractDetailsAsync(AAPL)
        assert (details.contract.primaryExchange, details.minTick, details.longName) == ("NASDAQ", 0.01, "Apple Inc.")
        trade = ib.placeOrder(AAPL, LimitOrder("SELL", 7, 190.5, tif="GTC", orderRef="a"))
        ib.placeOrder(AAPL, MarketOrder("BUY", 1, orderRef="b"))
        await caught_up(ib)
        assert trade.orderStatus.status == "Submitted"
        (open_trade,) = await ib.reqAllOpenOrdersAsync()
        assert (open_trade.order.action, open_trade.order.totalQuantity, open_trade.order.lmtPrice, open_trade.order.tif) == (
            "SELL",
            7,
            190.5,
            "GTC",
        )
        assert [one.execution.orderRef for one in await ib.reqExecutionsAsync()] == ["b"]
        assert [one.order.orderRef for one in await ib.reqCompletedOrdersAsync(False)] == ["b"]
        ib.disconnect()

    told(test)


def test_contracts_are_found_by_symbol_and_number_and_unknown_ones_are_error_200() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        found = await ib.qualifyContractsAsync(AAPL, EURUSD, BTC, Contract(conId=12087792, exchange="IDEALPRO"))
        assert [one.localSymbol for one in found] == ["AAPL", "EUR.USD", "BTC.USD", "EUR.USD"]
        assert [one.contract.symbol for one in await ib.reqMatchingSymbolsAsync("apple") or ()] == ["AAPL"]
        assert await ib.reqContractDetailsAsync(Stock("NOSUCH", "SMART", "USD")) == []
        assert 200 in place.codes()
        ib.disconnect()

    told(test)


def test_stops_wait_trail_and_start() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        stop = ib.placeOrder(AAPL, StopOrder("SELL", 10, 189.0))
        both = ib.placeOrder(AAPL, StopLimitOrder("SELL", 10, 188.0, 189.0))
        trail = ib.placeOrder(AAPL, Order(action="SELL", totalQuantity=10, orderType="TRAIL", auxPrice=2.0))
        await caught_up(ib)
        assert [one.orderStatus.status for one in (stop, both, trail)] == ["PreSubmitted"] * 3
        place.quotes["AAPL.XNAS"] = Quote(D("192.00"), D("192.01"), D(500), D(500))
        place.gateway.tick()
        place.quotes["AAPL.XNAS"] = Quote(D("189.90"), D("189.91"), D(500), D(500))
        place.gateway.tick()
        await caught_up(ib)
        assert [one.orderStatus.status for one in (stop, both, trail)] == ["PreSubmitted", "PreSubmitted", "Filled"]
        place.quotes["AAPL.XNAS"] = Quote(D("188.50"), D("188.51"), D(500), D(500))
        place.gateway.tick()
        await caught_up(ib)
        assert [(one.orderStatus.status, one.orderStatus.avgFillPrice) for one in (stop, both)] == [("Filled", 188.5)] * 2
        ib.disconnect()

    told(test)


def test_what_may_not_rest_ends_with_what_it_got() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        ioc = ib.placeOrder(AAPL, LimitOrder("BUY", 800, 190.0, tif="IOC"))
        fok = ib.placeOrder(AAPL, LimitOrder("BUY", 800, 190.0, tif="FOK"))
        await caught_up(ib)
        assert (ioc.orderStatus.status, ioc.orderStatus.filled) == ("Cancelled", 500)
        assert (fok.orderStatus.status, fok.orderStatus.filled) == ("Cancelled", 0)
        ib.disconnect()

    told(test)


def test_the_same_id_changes_a_working_order_and_is_refused_for_an_ended_one() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 180.0, orderRef="one"))
        await caught_up(ib)
        trade.order.lmtPrice, trade.order.orderRef = 181.0, "two"
        ib.placeOrder(AAPL, trade.order)
        await caught_up(ib)
        (order,) = place.exchange.orders.values()
        assert (order.limit, order.client_id, len(place.exchange.orders)) == (181, "two", 1)
        ib.cancelOrder(trade.order)
        await caught_up(ib)
        assert trade.orderStatus.status == "Cancelled"
        assert 202 in place.codes(trade.order.orderId)
        ib.client.placeOrder(trade.order.orderId, AAPL, LimitOrder("BUY", 10, 180.0))
        ib.client.cancelOrder(trade.order.orderId)
        ib.client.cancelOrder(999)
        await caught_up(ib)
        assert place.codes(trade.order.orderId)[-2:] == [103, 10148]
        assert place.codes(999) == [10147]
        assert len(place.exchange.orders) == 1
        ib.disconnect()

    told(test)


@pytest.mark.parametrize(
    ("contract", "order", "code"),
    [
        (Stock("NOSUCH", "SMART", "USD"), MarketOrder("BUY", 1), 200),
        (AAPL, LimitOrder("BUY", 1, 190.001), 110),
        (AAPL, MarketOrder("BUY", 0), 434),
        (AAPL, MarketOrder("BUY", 0.5), 10242),
        (AAPL, MarketOrder("BUY", 1, tif="GTX"), 321),
        (AAPL, MarketOrder("BUY", 1, account="U999"), 321),
        (BTC, StopOrder("SELL", 1, 90000.0), 387),
        (BTC, MarketOrder("BUY", 1, tif="IOC"), 10244),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_with_its_code(contract: Contract, order: Order, code: int) -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        trade = ib.placeOrder(contract, order)
        await caught_up(ib)
        assert code in place.codes(trade.order.orderId)
        assert not place.exchange.orders
        ib.disconnect()

    told(test)


def test_currencies_and_coins_move_cash_of_both_sides_and_keep_their_decimals() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        ib.placeOrder(EURUSD, LimitOrder("BUY", 20_000, 1.0801))
        ib.placeOrder(BTC, LimitOrder("BUY", 0.00012345, 100_000.0))
        await caught_up(ib)
        held = {one.contract.symbol: one.position for one in await ib.reqPositionsAsync()}
        assert held == {"EUR": 20_000, "BTC": 0.00012345}
        assert place.gateway.balances()["EUR"] == 20_000
        bought = ib.placeOrder(BTC, Order(action="BUY", orderType="MKT", tif="IOC", totalQuantity=0, cashQty=50_000))
        await caught_up(ib)
        assert bought.orderStatus.filled == 0.5
        ib.disconnect()

    told(test)


def test_a_client_id_in_use_is_refused_and_an_order_is_known_to_its_own_client_alone() -> None:
    async def test(place: Place) -> None:
        first, second = await place.client(1), await place.client(2)
        with pytest.raises((TimeoutError, ConnectionError)):
            await IB().connectAsync("127.0.0.1", place.port, clientId=1, timeout=0.2)
        trade = first.placeOrder(AAPL, LimitOrder("BUY", 10, 180.0))
        await caught_up(first)
        assert await second.reqOpenOrdersAsync() == []
        assert [one.order.permId for one in await second.reqAllOpenOrdersAsync()] == [trade.order.permId]
        first.disconnect()
        second.disconnect()

    told(test)


def test_client_0_hears_of_orders_made_by_hand() -> None:
    async def test(place: Place) -> None:
        master, other = await place.client(0), await place.client(5)
        place.gateway.by_hand(VenueOrder("DU1234567", "", "AAPL.XNAS", "buy", "limit", D(3), D("180")))
        await caught_up(master)
        assert [(one.order.orderId, one.order.totalQuantity) for one in master.openTrades()] == [(0, 3)]
        assert [one.order.totalQuantity for one in await other.reqAllOpenOrdersAsync()] == [3]
        other.reqGlobalCancel()
        await caught_up(master)
        assert not place.exchange.working("DU1234567")
        master.disconnect()
        other.disconnect()

    told(test)


def test_fills_while_cut_off_are_told_by_asking_alone() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        trade = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 189.0))
        await caught_up(ib)
        place.gateway.cut_off()
        place.quotes["AAPL.XNAS"] = Quote(D("188.00"), D("188.01"), D(500), D(500))
        place.gateway.tick()
        place.gateway.restore()
        await caught_up(ib)
        assert [code for code in place.codes(-1) if code in (1100, 1101, 1102)] == [1100, 1102]
        assert (trade.orderStatus.status, trade.fills) == ("Submitted", [])
        assert [one.execution.shares for one in await ib.reqExecutionsAsync()] == [10]
        ib.disconnect()

    told(test)


def test_the_nightly_restart_cuts_keeps_orders_and_forgets_the_day() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        ib.placeOrder(AAPL, MarketOrder("BUY", 10))
        kept = ib.placeOrder(AAPL, LimitOrder("BUY", 10, 180.0, tif="GTC", orderRef="kept"))
        await caught_up(ib)
        gone = asyncio.ensure_future(asyncio.wait_for(ib.disconnectedEvent, 5))
        await asyncio.sleep(0)
        place.now_ns += 1
        place.gateway.go_down(is_new_day=True)
        await gone
        with pytest.raises((TimeoutError, ConnectionError)):
            await IB().connectAsync("127.0.0.1", place.port, clientId=1, timeout=0.2)
        place.gateway.come_back()
        again = await place.client()
        assert [one.order.orderRef for one in again.openTrades()] == ["kept"]
        assert again.client.getReqId() > kept.order.orderId
        assert await again.reqExecutionsAsync() == []
        assert [one.position for one in await again.reqPositionsAsync()] == [10]
        again.disconnect()

    told(test)


def test_ids_rolled_back_are_given_anew_and_an_old_id_still_changes_the_order_that_works() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        for number in (1, 2, 3):
            ib.client.placeOrder(number, AAPL, LimitOrder("BUY", 10, 180.0, orderRef=f"order {number}"))
        ib.client.cancelOrder(3)
        await caught_up(ib)
        place.gateway.roll_ids_back(2)
        ib.client.placeOrder(3, AAPL, LimitOrder("BUY", 10, 179.0, orderRef="new"))
        ib.client.placeOrder(2, AAPL, LimitOrder("BUY", 10, 178.0, orderRef="meant to be new"))
        await caught_up(ib)
        found = [(one.client_id, one.limit) for one in place.exchange.working("DU1234567")]
        assert sorted(found) == [("meant to be new", 178), ("new", 179), ("order 1", 180)]
        assert len(place.exchange.orders) == 4
        ib.disconnect()

    told(test)


def test_a_question_holds_an_order_until_a_person_answers() -> None:
    async def test(place: Place) -> None:
        place.gateway.asks = lambda ticket: (383, "The order size exceeds the Size Limit") if ticket.quantity > 100 else None
        ib = await place.client()
        yes = ib.placeOrder(AAPL, LimitOrder("BUY", 200, 190.0))
        no = ib.placeOrder(AAPL, LimitOrder("BUY", 300, 190.0))
        await caught_up(ib)
        assert place.codes(yes.order.orderId) == [383]
        assert not place.exchange.orders
        assert {one.orderStatus.status for one in await ib.reqOpenOrdersAsync()} <= {"PendingSubmit", "Cancelled"}
        place.gateway.confirm(yes.order.permId)
        place.gateway.refuse(no.order.permId)
        await caught_up(ib)
        assert [one.filled for one in place.exchange.orders.values()] == [200]
        assert no.orderStatus.status == "Cancelled"
        ib.disconnect()

    told(test)


def test_a_corrected_execution_comes_again_under_the_next_suffix() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        ib.placeOrder(AAPL, MarketOrder("BUY", 10))
        await caught_up(ib)
        place.gateway.correct(1, D("189.50"))
        found = [(one.execution.execId[-6:], one.execution.price) for one in await ib.reqExecutionsAsync()]
        assert found == [(".01.02", 189.5)]
        ib.disconnect()

    told(test)


def test_a_late_commission_is_told_when_its_time_has_come() -> None:
    async def test(place: Place) -> None:
        place.gateway.commission_delay_ns = 2_000_000_000
        ib = await place.client()
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 10))
        await caught_up(ib)
        assert trade.fills[0].commissionReport.execId == ""
        place.now_ns += 2_000_000_000
        place.gateway.tick()
        await caught_up(ib)
        assert trade.fills[0].commissionReport.commission == 0.05
        ib.disconnect()

    told(test)


def test_an_order_in_the_restart_second_is_lost_without_a_word() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        place.gateway.drops_orders = True
        trade = ib.placeOrder(AAPL, MarketOrder("BUY", 10))
        await caught_up(ib)
        assert trade.orderStatus.status == "PendingSubmit"
        assert not place.exchange.orders
        ib.disconnect()

    told(test)


def test_more_than_fifty_messages_a_second_end_the_connection() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        place.monotonic = lambda: 1_000.0  # type: ignore[method-assign]  # time stands still
        place.gateway.monotonic = place.monotonic
        ib.client.MaxRequests = 0
        gone = asyncio.ensure_future(asyncio.wait_for(ib.disconnectedEvent, 5))
        for _ in range(60):
            ib.client.reqCurrentTime()
        await gone
        assert 100 in place.codes()

    told(test)


def test_quotes_are_live_or_delayed_by_subscription() -> None:
    async def test(place: Place) -> None:
        place.gateway.is_subscribed = lambda instrument: not instrument.startswith("AAPL")
        ib = await place.client()
        aapl, eurusd = await ib.qualifyContractsAsync(AAPL, EURUSD)
        live, none = ib.reqMktData(eurusd), ib.reqMktData(aapl)
        await caught_up(ib)
        assert (live.bid, live.ask, live.bidSize, live.marketDataType) == (1.08, 1.0801, 1_000_000, 1)
        assert 354 in place.codes()
        ib.reqMarketDataType(3)
        delayed = ib.reqMktData(aapl, snapshot=True)
        await caught_up(ib)
        assert (delayed.bid, delayed.ask, delayed.marketDataType) == (189.99, 190.0, 3)
        place.quotes["EUR_USD.IDEALPRO"] = Quote(D("1.08005"), D("1.08015"), D(1_000_000), D(1_000_000))
        place.gateway.tick()
        await caught_up(ib)
        assert live.bid == 1.08005
        assert none is delayed
        single = ib.reqTickByTickData(eurusd, "BidAsk")
        await caught_up(ib)
        assert [(one.bidPrice, one.askPrice) for one in single.tickByTicks] in ([], [(1.08005, 1.08015)])
        ib.disconnect()

    told(test)


def test_historical_bars_obey_pacing_sizes_and_growth() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()

        async def asked(*what: Any, **more: Any) -> list[Any]:
            return list(await ib.reqHistoricalDataAsync(AAPL, "", *what, "TRADES", True, **more))

        found = await asked("3600 S", "5 mins")
        assert len(found) == 12
        assert (found[0].open, found[0].high, found[0].low, found[0].close, found[0].volume) == (190, 191, 189, 190.5, 1000)
        assert found[0].date.isoformat() == "2026-11-18T14:30:00+00:00"
        assert await asked("3600 S", "5 mins") == []
        assert "identical" in place.errors[-1][2]
        # The client takes 321 for a warning, waits for bars and in the end answers that there are none.
        assert await asked("1 Y", "1 secs", timeout=0.1) == []
        assert place.errors[-1][1] == 321
        place.gateway.feed = None
        assert await asked("2 D", "1 hour") == []
        assert place.errors[-1][1] == 162
        place.gateway.feed = place.bars
        growing = await ib.reqHistoricalDataAsync(AAPL, "", "60 S", "5 secs", "TRADES", True, keepUpToDate=True)
        before = len(growing)
        place.now_ns += 10_000_000_000
        place.gateway.tick()
        await caught_up(ib)
        assert len(growing) == before + 2
        ib.disconnect()

    told(test)


def test_bars_of_five_seconds_come_with_time() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        bars = ib.reqRealTimeBars(AAPL, 5, "TRADES", False)
        await caught_up(ib)
        place.now_ns += 10_000_000_000
        place.gateway.tick()
        await caught_up(ib)
        assert [one.time.second for one in bars] == [0, 5]
        ib.disconnect()

    told(test)


def test_nonsense_on_the_socket_ends_that_connection_and_no_other() -> None:
    async def test(place: Place) -> None:
        ib = await place.client()
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"API\0\xff\xff\xff\xff", b"API\0\0\0\0\x04v9\0\0"):
            reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
            writer.write(nonsense)
            assert len(await reader.read()) < 100
            writer.close()
            await writer.wait_closed()
        assert await ib.reqCurrentTimeAsync()
        ib.disconnect()

    told(test)


def test_the_sandbox_has_a_gateway_on_the_seeded_market() -> None:
    async def prices(address: str) -> list[float]:
        host, port = address.split(":")
        ib = IB()
        await ib.connectAsync(host, int(port), clientId=1, raiseSyncErrors=True)
        contracts = await ib.qualifyContractsAsync(AAPL, EURUSD, BTC)
        found = [(await ib.reqTickersAsync(one))[0].bid for one in contracts]
        days = await ib.reqHistoricalDataAsync(contracts[0], "", "5 D", "1 day", "TRADES", True)
        ib.placeOrder(contracts[0], MarketOrder("BUY", 10))
        await caught_up(ib)
        assert [one.position for one in await ib.reqPositionsAsync()] == [10]
        ib.disconnect()
        await asyncio.sleep(0)
        return [*found, days[-1].open]

    with Sandbox(SandboxConfig(now_ns=parse("2024-06-12T15:00:00Z"))) as venues:
        first = asyncio.run(prices(venues.urls["tws"]))
        assert isinstance(venues.tws, TwsListener)
        assert venues.tws.call(lambda gateway: gateway.exchange.position("DU1234567", "AAPL.XNAS")) == 10
    with Sandbox(SandboxConfig(now_ns=parse("2024-06-12T15:00:00Z"))) as venues:
        assert asyncio.run(prices(venues.urls["tws"])) == first
    assert first == [265.59, 1.02925, 136458.5, 265.51]
