"""The Client Portal gateway as a way in: the adapter over real HTTP, and the local venue's own conditions without a wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tradewinds.brokers import client_portal
from tradewinds.brokers.client_portal import ClientPortalBroker
from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderRef, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.sandbox.client_portal import ClientPortal
from tradewinds.sandbox.conversation import Question
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.sandbox.tws_contracts import Catalogue, pair, share
from tradewinds.sandbox.tws_gateway import ib_fee

NOW_NS = 1_800_000_000_000_000_000
D = Decimal
AAPL, EURUSD = "AAPL.XNAS", "EUR_USD.IDEALPRO"
INSTRUMENTS = {AAPL: Instrument(AAPL, "equity", "USD", "XNYS"), EURUSD: Instrument(EURUSD, "fx", "USD", "FX", base="EUR")}


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


@dataclass
class Place:
    quotes: dict[str, Quote] = field(
        default_factory=lambda: {
            AAPL: Quote(D("189.99"), D("190"), D(500), D(500)),
            EURUSD: Quote(D("1.08"), D("1.0801"), D(10**6), D(10**6)),
        }
    )
    told: list[Told] = field(default_factory=list)
    seconds: float = 0.0
    fails: int = 0

    def __post_init__(self) -> None:
        exchange = Exchange(lambda: NOW_NS, lambda symbol: self.quotes[symbol], ib_fee)
        catalogue = Catalogue([share("AAPL", "NASDAQ", "Apple Inc."), pair("EUR", "USD")])
        self.venue = ClientPortal(exchange, catalogue, "DU1234567", lambda: NOW_NS, lambda: self.seconds, is_paced=False)

    async def serve(self, request: web.Request) -> web.Response:
        answer = self.venue.answer(Question(request.method, request.path, request.query_string, body=await request.read()))
        if self.fails and request.method == "POST" and request.path.endswith("/orders"):
            self.fails -= 1
            return web.Response(status=503, text="try later")
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.venue.answer(Question(method, f"/v1/api{path}", body=b"" if body is None else json.dumps(body).encode()))
        return answer.status, json.loads(answer.body)


def run(test: Callable[[Place, ClientPortalBroker], Awaitable[None]], place: Place | None = None, **options: Any) -> Place:
    chosen = place or Place()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", chosen.serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        broker = ClientPortalBroker(url=f"http://127.0.0.1:{port}/v1/api", instruments=INSTRUMENTS, clock=Clock(), **options)
        try:
            await test(chosen, broker)
        finally:
            await broker.close()
            await runner.cleanup()

    asyncio.run(serve())
    return chosen


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_portal, "SLOW_S", 0.01)
    monkeypatch.setattr(client_portal, "REQUESTS_A_SECOND_MAX", 10_000)


def approved(side: Any = "buy", quantity: str = "100", limit: str | None = "180", *, leg: int = 0, **more: Any) -> ApprovedOrder:
    terms = OrderTerms(
        more.pop("instrument", AAPL), side, D(quantity), "market" if limit is None else "limit", None if limit is None else D(limit), **more
    )
    return ApprovedOrder(Intent("main", "trend", NOW_NS, terms, leg), NOW_NS)


def ref(order: ApprovedOrder) -> OrderRef:
    return OrderRef(order.client_order_id, "", order.terms.instrument)


def test_an_order_is_placed_filled_found_told_and_counted() -> None:
    order, resting = approved(limit=None, time_in_force="day"), approved(leg=1)

    async def test(place: Place, broker: ClientPortalBroker) -> None:
        filled = asyncio.Event()
        await broker.open(lambda one: (place.told.append(one), filled.set() if isinstance(one, Fill) else None)[0])
        await broker.submit(order)
        assert (await broker.submit(resting)).state is OrderState.ACCEPTED
        await asyncio.wait_for(filled.wait(), 5)
        found = await broker.find(ref(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, 100)
        assert [one.client_order_id for one in await broker.open_orders()] == [resting.client_order_id]
        (fill,) = (await broker.fills("")).fills
        assert (fill.client_order_id, fill.quantity, fill.price, fill.commission) == (order.client_order_id, 100, 190, D("0.5"))
        holdings = await broker.holdings()
        assert (dict(holdings.positions), dict(holdings.cash)) == ({AAPL: D(100)}, {"USD": D("980999.5")})
        assert (await broker.cancel(ref(resting))).state is OrderState.CANCELLED
        assert await broker.find(OrderRef("never", "", AAPL)) is None
        with pytest.raises(Rejected):
            await broker.cancel(ref(resting))

    place = run(test)
    assert [one.state for one in place.told if isinstance(one, Link)] == ["up"]


def test_currencies_are_positions_and_no_second_cash() -> None:
    async def test(place: Place, broker: ClientPortalBroker) -> None:
        await broker.open(place.told.append)
        await broker.submit(approved(instrument=EURUSD, quantity="20000", limit="1.0801"))
        holdings = await broker.holdings()
        assert dict(holdings.positions) == {EURUSD: 20_000}
        assert set(holdings.cash) == {"USD"}

    run(test)


def test_a_question_is_told_and_never_confirmed() -> None:
    order = approved()

    async def test(place: Place, broker: ClientPortalBroker) -> None:
        place.venue.asks = lambda asked: "The order size exceeds the Size Limit. Are you sure?"
        await broker.open(place.told.append)
        report = await broker.submit(order)
        assert report.state is OrderState.UNKNOWN
        assert "Are you sure" in report.reason
        assert await broker.find(ref(order)) is None
        assert len(place.venue.questions) == 1
        assert not place.venue.exchange.orders

    place = run(test)
    assert [one.state for one in place.told if isinstance(one, Link)] == ["up", "question"]


def test_a_lost_answer_is_unknown_and_the_same_order_is_never_placed_twice() -> None:
    order = approved()

    async def test(place: Place, broker: ClientPortalBroker) -> None:
        await broker.open(place.told.append)
        place.fails = 1
        with pytest.raises(OutcomeUnknown, match="503"):
            await broker.submit(order)
        found = await broker.find(ref(order))
        assert found is not None
        assert found.state is OrderState.ACCEPTED
        with pytest.raises(OutcomeUnknown, match="already registered"):
            await broker.submit(order)
        assert len(place.venue.exchange.orders) == 1

    run(test)


def test_refusals_say_why_and_a_halt_at_the_last_moment_holds_it_back() -> None:
    async def test(place: Place, broker: ClientPortalBroker) -> None:
        await broker.open(place.told.append)
        for order in (approved(limit="180.001"), approved(quantity="0.5"), approved(instrument="MSFT.XNAS"), approved(time_in_force="fok")):
            with pytest.raises(Rejected):
                await broker.submit(order)
        assert not place.venue.exchange.orders

    run(test)

    async def halted(place: Place, broker: ClientPortalBroker) -> None:
        await broker.open(place.told.append)
        with pytest.raises(Transient, match="halted"):
            await broker.submit(approved())

    run(halted, may_send=lambda: False)


def test_a_session_that_was_logged_out_waits_for_a_person_and_comes_back() -> None:
    async def test(place: Place, broker: ClientPortalBroker) -> None:
        await broker.open(place.told.append)
        place.venue.restart()
        with pytest.raises(Transient, match="401"):
            await broker.find(OrderRef("any", "", AAPL))
        with pytest.raises(Transient):
            await broker.submit(approved())
        place.venue.is_logged_in = True
        for _ in range(500):
            if place.told and isinstance(place.told[-1], Link) and place.told[-1].state == "up":
                break
            await asyncio.sleep(0.01)
        assert (await broker.submit(approved())).state is OrderState.ACCEPTED

    place = run(test)
    assert [one.state for one in place.told if isinstance(one, Link)] == ["up", "locked out", "up"]


@pytest.mark.parametrize("options", [{"environment": "live"}, {"account": "U999"}])
def test_the_wrong_account_is_refused(options: dict[str, str]) -> None:
    async def test(place: Place, broker: ClientPortalBroker) -> None:
        with pytest.raises(Rejected):
            await broker.open(place.told.append)

    run(test, **options)


def test_a_gateway_that_is_not_logged_in_cannot_be_opened_yet() -> None:
    async def test(place: Place, broker: ClientPortalBroker) -> None:
        place.venue.is_logged_in = False
        with pytest.raises(Transient):
            await broker.open(place.told.append)
        place.venue.is_logged_in = True
        await broker.open(place.told.append)

    run(test)


def test_the_venue_wants_to_be_primed_and_its_first_list_is_empty() -> None:
    place = Place()
    assert place.ask("GET", "/iserver/account/orders")[0] == 401
    assert place.ask("POST", "/iserver/auth/ssodh/init")[1]["authenticated"] is True
    assert place.ask("GET", "/iserver/account/orders") == (400, {"error": "Please query /accounts first"})
    assert place.ask("GET", "/portfolio/DU1234567/positions/0")[0] == 400
    place.ask("GET", "/iserver/accounts")
    row = {"conid": 265598, "orderType": "LMT", "side": "BUY", "quantity": 1, "tif": "GTC", "price": 180, "cOID": "x"}
    assert place.ask("POST", "/iserver/account/DU1234567/orders", {"orders": [row]})[1][0]["order_status"] == "Submitted"
    assert place.ask("GET", "/iserver/account/orders")[1] == {"orders": [], "snapshot": False}
    assert place.ask("GET", "/iserver/account/orders")[1]["orders"][0]["order_ref"] == "x"


def test_a_question_of_the_venue_is_answered_by_reply_alone_and_lapses() -> None:
    place = Place()
    place.venue.asks = lambda order: "sure?"
    place.ask("POST", "/iserver/auth/ssodh/init")
    place.ask("GET", "/iserver/accounts")
    row = {"conid": 265598, "orderType": "MKT", "side": "BUY", "quantity": 1, "tif": "DAY", "cOID": "x"}
    asked = place.ask("POST", "/iserver/account/DU1234567/orders", {"orders": [row]})[1][0]
    assert asked["message"] == ["sure?"]
    assert place.ask("POST", f"/iserver/reply/{asked['id']}", {"confirmed": True})[1][0]["order_status"] == "Filled"
    late = place.ask("POST", "/iserver/account/DU1234567/orders", {"orders": [{**row, "cOID": "y"}]})[1][0]
    place.seconds += 301
    assert place.ask("POST", f"/iserver/reply/{late['id']}", {"confirmed": True})[0] == 400


def test_a_session_without_tickle_ends_and_too_many_requests_cost_ten_minutes() -> None:
    place = Place()
    place.ask("POST", "/iserver/auth/ssodh/init")
    place.seconds += 361
    assert place.ask("GET", "/iserver/accounts")[0] == 401
    place.ask("POST", "/iserver/auth/ssodh/init")
    place.venue.is_paced = True
    statuses = [place.ask("GET", "/iserver/accounts")[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    place.seconds += 599
    assert place.ask("POST", "/tickle")[0] == 429
    place.seconds += 2
    assert place.ask("POST", "/tickle")[0] == 200
    place.ask("POST", "/iserver/auth/ssodh/init")
    assert [place.ask("GET", "/portfolio/accounts")[0] for _ in range(2)] == [200, 429]
