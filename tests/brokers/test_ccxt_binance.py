"""The ccxt adapter against the local Binance spot venue over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tradewinds.brokers.ccxt_accounts import binance
from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.keys import ApiKey
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

BTC = "BTCUSDT.BINANCE"
INSTRUMENTS = {BTC: Instrument(BTC, "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.00001"))}
KEY, SECRET = "sandbox-trading-key", "sandbox-trading-secret"
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues at which BTCUSDT is bid 60000.00 and offered at 60001.00, ten of them."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), weight_limit=1_000_000)) as running:
        running.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal(10))
        yield running


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any, *, key: str = KEY, secret: str = SECRET, **options: Any) -> AsyncIterator[CcxtBroker]:
    base = venues.urls["binance_rest"]
    options = {"url": base, "ws_url": base.replace("http", "ws", 1) + "/ws-api/v3", **options}
    broker = binance(
        key=Secret(key), secret=Secret(secret), instruments=INSTRUMENTS, clock=venues.world.clock, random=random.Random(1), **options
    )  # fmt: skip
    try:
        await broker.open(hear)
        yield broker
    finally:
        await broker.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


def test_a_market_order_is_filled_in_its_answer_and_told_by_the_stream(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            order = approve(BTC, "buy", "0.01")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.FILLED, Decimal("0.01"))
            (fill,) = report.fills
            assert (fill.side, fill.quantity, fill.price, fill.currency) == ("buy", Decimal("0.01"), Decimal("60001.00"), "USDT")
            assert (fill.commission, fill.commission_currency) == (Decimal("0.00001"), "BTC")
            await heard.until(lambda one: bool(one.fills))
            assert heard.fills == [fill]
            await heard.until(lambda one: any(each.state is OrderState.FILLED for each in one.reports))
            page = await broker.fills("")
            assert page.fills == (fill,)
            assert (await broker.fills(page.cursor)).fills == ()
            cash = (await broker.holdings()).cash
            assert cash["BTC"] == venue_balance(venues, "BTC")

    run(work())


def venue_balance(venues: Sandbox, asset: str) -> Decimal:
    held: Any = spot_venue(venues.world)
    return Decimal(held.wallet.total("main", asset))


def test_a_limit_order_rests_is_found_by_our_id_and_cancelled(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.ACCEPTED, Decimal(0))
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.terms) == (order.client_order_id, order.terms)
            found = await broker.find(ref(order))
            assert found is not None
            assert found.state is OrderState.ACCEPTED
            cancelled = await broker.cancel(ref(order))
            assert (cancelled.state, cancelled.client_order_id) == (OrderState.CANCELLED, order.client_order_id)
            assert await broker.open_orders() == ()
            with pytest.raises(Rejected, match="2011"):
                await broker.cancel(ref(order))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.client_order_id) == (OrderState.CANCELLED, order.client_order_id)

    run(work())


def test_an_order_that_the_venue_never_saw_is_none(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            assert await broker.find(ref(approve(BTC, "buy", "0.01"))) is None

    run(work())


def test_an_order_whose_answer_was_lost_is_found_with_its_fills(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.lose("swallow", "POST")
            order = approve(BTC, "buy", "0.01")
            with pytest.raises(OutcomeUnknown):
                await broker.submit(order)
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.filled) == (OrderState.FILLED, Decimal("0.01"))
            assert [fill.quantity for fill in found.fills] == [Decimal("0.01")]
            assert sum("POST" in line for line in proxy.seen) == 1

    run(work())


def test_an_order_that_never_arrived_is_unknown_and_then_not_found(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            for lost in ("refuse", "half"):
                proxy.lose(lost, "POST")
                order = approve(BTC, "buy", "0.01")
                with pytest.raises(OutcomeUnknown):
                    await broker.submit(order)
                assert (await broker.find(ref(order)) is None) is (lost == "refuse")

    run(work())


def test_where_no_connection_is_made_nothing_was_sent(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            await proxy.leave()
            with pytest.raises((Transient, OutcomeUnknown)):  # the kept connection ends
                await broker.holdings()
            with pytest.raises(Transient, match="expected a connection"):
                await broker.submit(approve(BTC, "buy", "0.01"))

    run(work())


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", "{}", '{"orderId": null}', '{"orderId": 9, "executedQty": "much"}', "<html>"])
def test_an_answer_to_an_order_that_cannot_be_read_is_a_doubt(
    venues: Sandbox, approve: Approve, heard: Any, between: Any, body: str
) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.say("POST", 200, body)
            with pytest.raises(OutcomeUnknown):
                await broker.submit(approve(BTC, "buy", "0.01"))

    run(work())


@pytest.mark.parametrize(
    ("status", "body", "error", "link"),
    [
        (500, "oops", OutcomeUnknown, ""),
        (502, "<html>", OutcomeUnknown, ""),
        (504, '{"code": -1007, "msg": "Timeout waiting for response from backend server."}', OutcomeUnknown, ""),
        (400, '{"code": -1007, "msg": "Timeout waiting for response from backend server."}', OutcomeUnknown, ""),
        (400, '{"code": -1006, "msg": "Execution status unknown."}', OutcomeUnknown, ""),
        (503, '{"code": -1008, "msg": "Request throttled by system-level protection."}', Transient, ""),
        (429, '{"code": -1003, "msg": "Too many requests."}', Transient, ""),
        (418, '{"code": -1003, "msg": "Way too many requests; banned."}', Transient, ""),
        (400, '{"code": -1015, "msg": "Too many new orders."}', Transient, ""),
        (400, '{"code": -2010, "msg": "Account has insufficient balance for requested action."}', Rejected, ""),
        (400, '{"code": -2010, "msg": "Duplicate order sent."}', OutcomeUnknown, ""),
        (400, '{"code": -1013, "msg": "Filter failure: NOTIONAL"}', Rejected, ""),
        (400, '{"code": -9999, "msg": "Something new."}', Rejected, ""),
        (401, '{"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}', Rejected, "refused key"),
        (400, '{"code": -1022, "msg": "Signature for this request is not valid."}', Rejected, "refused key"),
    ],
)
def test_codes_say_what_to_do_next(
    venues: Sandbox, approve: Approve, heard: Any, between: Any, status: int, body: str, error: type[Exception], link: str
) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.say("POST", status, body)
            with pytest.raises(error):
                await broker.submit(approve(BTC, "buy", "0.01"))
            assert ("refused key" in heard.links) is bool(link)
            assert sum("POST" in line for line in proxy.seen) == 1

    run(work())


def test_nothing_is_sent_while_the_venue_wants_a_pause(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.say("GET /binance/api/v3/account", 429, "{}", Retry_After="30")
            with pytest.raises(Transient) as raised:
                await broker.holdings()
            assert raised.value.retry_after_s == 30
            asked = len(proxy.seen)
            with pytest.raises(Transient, match="pause"):
                await broker.submit(approve(BTC, "buy", "0.01"))
            with pytest.raises(Transient, match="pause"):
                await broker.open_orders()
            assert len(proxy.seen) == asked

    run(work())


def test_a_time_that_the_venue_refuses_is_compared_and_the_next_request_passes(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            venues.world.clock.advance(30)
            broker.exchange.options["timeDifference"] = 30_000  # our clock is 30 s behind the venue's
            order = approve(BTC, "buy", "0.01")
            with pytest.raises(Transient, match="1021"):
                await broker.submit(order)
            assert await broker.find(ref(order)) is None
            assert (await broker.submit(approve(BTC, "buy", "0.01"))).state is OrderState.FILLED

    run(work())


def test_a_size_that_the_market_would_change_is_refused_before_it_is_sent(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            before = venues.world.requests.describe()["total"]
            for order in (
                approve(BTC, "buy", "0.0123456789"),
                approve(BTC, "buy", "0.01", kind="limit", limit="55000.001"),
                approve(BTC, "buy", "0.01", time_in_force="day"),
                approve("NOPEUSDT.BINANCE", "buy", "0.01"),
                approve("BTCUSDT.BINANCE_UM", "buy", "0.01"),
            ):
                with pytest.raises(Rejected):
                    await broker.submit(order)
            assert venues.world.requests.describe()["total"] == before

    run(work())


def test_an_order_is_replaced_in_one_request_unless_it_began_to_fill(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            old = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            new = approve(BTC, "buy", "0.02", kind="limit", limit="56000.00")
            await broker.submit(old)
            report = await broker.replace(ref(old), new)
            assert (report.client_order_id, report.state) == (new.client_order_id, OrderState.ACCEPTED)
            assert [one.terms for one in await broker.open_orders()] == [new.terms]
            found = await broker.find(ref(old))
            assert found is not None
            assert found.state is OrderState.CANCELLED
            venues.world.set_quotes["spot", "BTCUSDT"] = Quote(Decimal("60000.00"), Decimal("60001.00"), Decimal(10), Decimal("0.05"))
            big = approve(BTC, "buy", "0.1", kind="limit", limit="60001.00")
            assert (await broker.submit(big)).state is OrderState.PARTIALLY_FILLED
            with pytest.raises(Rejected):
                await broker.replace(ref(big), approve(BTC, "buy", "0.1", kind="limit", limit="60002.00"))

    run(work())


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        ("stop", {"stop": "58000.00"}),
        ("stop_limit", {"stop": "58000.00", "limit": "57900.00"}),
        ("take_profit", {"limit": "62000.00"}),
        ("limit", {"limit": "62000.00"}),
    ],
)
def test_every_kind_of_order_is_taken_and_found(venues: Sandbox, approve: Approve, heard: Any, kind: str, terms: dict[str, str]) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await broker.submit(approve(BTC, "buy", "0.05"))
            order = approve(BTC, "sell", "0.01", kind=kind, **terms)
            assert (await broker.submit(order)).state is OrderState.ACCEPTED
            assert [one.client_order_id for one in await broker.open_orders()] == [order.client_order_id]
            await broker.cancel(ref(order))

    run(work())


def test_trades_are_read_page_by_page_after_the_cursor(
    venues: Sandbox, approve: Approve, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewinds.brokers.ccxt_trades.TRADES_PAGE", 2)

    async def work() -> None:
        async with opened(venues, heard) as broker:
            start = (await broker.fills("")).cursor
            orders = [approve(BTC, "buy", "0.01") for _ in range(5)]
            for order in orders:
                await broker.submit(order)
        async with opened(venues, heard) as broker:  # a new process, which knows no order by its number
            page = await broker.fills(start)
            assert [fill.client_order_id for fill in page.fills] == [order.client_order_id for order in orders]
            assert (await broker.fills(page.cursor)).fills == ()

    run(work())


def test_a_key_that_may_withdraw_is_refused(venues: Sandbox, heard: Any) -> None:
    async def work() -> None:
        with pytest.raises(Rejected, match="withdraw"):
            async with opened(venues, heard, key="sandbox-withdraw-key", secret="sandbox-withdraw-secret"):
                pass

    run(work())


def test_a_key_that_is_revoked_is_said_by_the_request_and_stays_refused(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            spot_venue(venues.world).keys.revoke(KEY)
            with pytest.raises(Rejected, match="2015"):
                await broker.submit(approve(BTC, "buy", "0.01"))
            assert "refused key" in heard.links

    run(work())


def test_secrets_stand_in_no_error_and_no_text(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        said = []
        async with between(venues.urls["binance_rest"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            said.append(repr(broker))
            for status, body in ((500, f"{KEY} {SECRET} signature=abcdef"), (400, f'{{"code": -1, "msg": "{SECRET}"}}')):
                proxy.say("POST", status, body)
                with pytest.raises((OutcomeUnknown, Rejected)) as raised:
                    await broker.submit(approve(BTC, "buy", "0.01"))
                said.append(f"{raised.value!r}")
            proxy.lose("refuse", "DELETE")
            with pytest.raises(OutcomeUnknown) as lost:
                await broker.cancel(OrderRef("tw" + "a" * 26, "", BTC))
            said.append(f"{lost.value!r}")
        assert not [one for one in said if KEY in one or SECRET in one or "abcdef" in one]

    run(work())


def test_the_stream_comes_back_after_the_venue_ended_it(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            for talk in list(spot_venue(venues.world).talks):
                talk._close()
            await heard.until(lambda one: one.links == ["up", "down", "up"])
            await broker.submit(approve(BTC, "buy", "0.01"))
            await heard.until(lambda one: bool(one.fills))

    run(work())


def test_a_stream_is_relieved_before_its_day_is_over_and_nothing_is_missed(
    venues: Sandbox, approve: Approve, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewinds.brokers.binance_user_stream.LIFE_S", 0.2)

    async def work() -> None:
        async with opened(venues, heard) as broker:
            broker._telling._life_s = 0.2  # type: ignore[union-attr]  # the tests' own day is shorter
            await heard.until(lambda one: one.links.count("up") >= 3)
            await broker.submit(approve(BTC, "buy", "0.01"))
            await heard.until(lambda one: bool(one.fills))
            assert "down" not in heard.links

    run(work())


def test_a_cancel_is_told_under_the_id_of_the_order(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            order = approve(BTC, "buy", "0.01", kind="limit", limit="55000.00")
            await broker.submit(order)
            await broker.cancel(ref(order))
            await heard.until(lambda one: any(each.state is OrderState.CANCELLED for each in one.reports))
            assert {one.client_order_id for one in heard.reports} == {order.client_order_id}

    run(work())


def test_an_ed25519_key_signs_requests_and_the_stream(approve: Approve, heard: Any) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def work(venues: Sandbox) -> None:
        async with opened(venues, heard, key="an-ed25519-key", secret=pem) as broker:
            await heard.until(lambda one: "up" in one.links)
            await broker.submit(approve(BTC, "buy", "0.001", kind="limit", limit="90000.00", time_in_force="ioc"))
            await heard.until(lambda one: bool(one.reports))

    config = SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"), api_keys=(ApiKey("an-ed25519-key", public),))
    with Sandbox(config) as venues:
        run(work(venues))
