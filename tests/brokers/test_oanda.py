"""The OANDA adapter against the local venue over real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.brokers.oanda import OandaBroker
from tradewinds.brokers.oanda_messages import report_of
from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, OrderState
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.sandbox.oanda_trade import OandaVenue
from tradewinds.sandbox.server import Sandbox
from tradewinds.wire.secret import Secret

EUR_USD = "EUR_USD.OANDA"
TOKEN = "sandbox-oanda-token"
INSTRUMENTS = {EUR_USD: Instrument(EUR_USD, "fx", "USD", "fx", base="EUR", tick=Decimal("0.00001"), lot=Decimal(1))}
Approve = Callable[..., ApprovedOrder]


@pytest.fixture
def venues() -> Iterator[Sandbox]:
    """Venues on a Friday noon, with EUR_USD at 1.08000 to 1.08014, a million on offer."""
    with Sandbox(SandboxConfig(seed=7, now_ns=parse("2025-03-14T12:34:56Z"))) as running:
        venue(running).set_quotes["EUR_USD"] = quote("1.08000", "1.08014")
        yield running


def venue(running: Sandbox) -> OandaVenue:
    found = running.world.trading["oanda"]
    assert isinstance(found, OandaVenue)
    return found


def quote(bid: str, ask: str, size: str = "1000000") -> Quote:
    return Quote(Decimal(bid), Decimal(ask), Decimal(size), Decimal(size))


@asynccontextmanager
async def opened(venues: Sandbox, hear: Any, token: str = TOKEN, **options: Any) -> AsyncIterator[OandaBroker]:
    options = {"url": venues.urls["oanda"], "stream_url": venues.urls["oanda"], **options}
    broker = OandaBroker(
        account=ACCOUNT, token=Secret(token), instruments=INSTRUMENTS, clock=venues.world.clock, random=random.Random(1), **options
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
            order = approve(EUR_USD, "sell", "300")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.FILLED, Decimal(300))
            assert report.client_order_id == order.client_order_id
            (fill,) = report.fills
            assert (fill.side, fill.quantity, fill.price, fill.currency) == ("sell", Decimal(300), Decimal("1.08000"), "USD")
            await heard.until(lambda one: bool(one.fills))
            assert heard.fills == [fill]
            assert (await broker.holdings()).positions == {EUR_USD: Decimal(-300)}
            page = await broker.fills("")
            assert page.fills == (fill,)
            assert (await broker.fills(page.cursor)).fills == ()

    run(work())


def test_a_limit_order_rests_is_found_by_our_id_and_cancelled(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            order = approve(EUR_USD, "buy", "100", kind="limit", limit="1.07000")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.ACCEPTED, Decimal(0))
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.terms) == (order.client_order_id, order.terms)
            found = await broker.find(ref(order))
            assert found is not None
            assert found.state is OrderState.ACCEPTED
            cancelled = await broker.cancel(ref(order))
            assert cancelled.state is OrderState.CANCELLED
            assert await broker.open_orders() == ()
            with pytest.raises(Rejected, match="ORDER_DOESNT_EXIST"):
                await broker.cancel(ref(order))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.reason) == (OrderState.CANCELLED, "CLIENT_REQUEST")

    run(work())


@pytest.mark.parametrize("finds_ended", [True, False])
def test_an_order_whose_answer_was_lost_is_found_with_its_fills(
    venues: Sandbox, approve: Approve, heard: Any, between: Any, finds_ended: bool
) -> None:
    async def work() -> None:
        venue(venues).finds_ended = finds_ended
        async with between(venues.urls["oanda"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.lose("swallow", "POST")
            order = approve(EUR_USD, "buy", "1000")
            with pytest.raises(OutcomeUnknown):
                await broker.submit(order)
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.filled) == (OrderState.FILLED, Decimal(1000))
            assert [fill.quantity for fill in found.fills] == [Decimal(1000)]
            assert sum("POST" in line for line in proxy.seen) == 1

    run(work())


def test_an_order_that_never_arrived_is_unknown_and_then_not_found(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["oanda"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.lose("refuse", "POST")
            order = approve(EUR_USD, "buy", "1000")
            with pytest.raises(OutcomeUnknown):
                await broker.submit(order)
            assert await broker.find(ref(order)) is None

    run(work())


def test_where_no_connection_is_made_nothing_was_sent(venues: Sandbox, approve: Approve, heard: Any, between: Any) -> None:
    async def work() -> None:
        async with between(venues.urls["oanda"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            await proxy.leave()
            with pytest.raises((Transient, OutcomeUnknown)):  # the kept connection ends
                await broker.holdings()
            with pytest.raises(Transient, match="expected a connection"):
                await broker.submit(approve(EUR_USD, "buy", "1000"))

    run(work())


BROKEN = (
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"orderCreateTransaction": 7}',
    '{"orderCreateTransaction": {"id": "9"}}',
    '{"orderCreateTransaction": {"id": null, "time": "2025-03-14T12:34:56Z"}}',
    '{"orderCreateTransaction": {"id": "9", "time": "yesterday"}}',
    '{"orderCreateTransaction": {"id": "9", "time": "2025-03-14T12:34:56Z"},'
    ' "orderFillTransaction": {"orderID": "9", "type": "ORDER_FILL", "units": "NaN"}}',
    '{"orderCreateTransaction": {"id": "9", "time": "2025-03-14T12:34:56Z"},'
    ' "orderFillTransaction": {"orderID": "9", "type": "ORDER_FILL", "units": "0", "price": "1", "id": "10",'
    ' "instrument": "EUR_USD", "time": "2025-03-14T12:34:56Z"}}',
)


@pytest.mark.parametrize("body", BROKEN)
def test_an_answer_to_an_order_that_cannot_be_read_is_a_doubt(
    venues: Sandbox, approve: Approve, heard: Any, between: Any, body: str
) -> None:
    async def work() -> None:
        async with between(venues.urls["oanda"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.say("POST", 201, body)
            with pytest.raises(OutcomeUnknown):
                await broker.submit(approve(EUR_USD, "buy", "1000"))

    run(work())


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, "oops", OutcomeUnknown, "500"),
        (503, "{}", OutcomeUnknown, "503"),
        (302, "", OutcomeUnknown, "302"),
        (404, "<html>", OutcomeUnknown, "404"),
        (400, '{"errorCode": "UNITS_INVALID", "errorMessage": "no"}', Rejected, "UNITS_INVALID"),
        (400, '{"errorCode": "CLIENT_ORDER_ID_ALREADY_EXISTS"}', OutcomeUnknown, "ALREADY_EXISTS"),
        (401, '{"errorMessage": "no"}', Rejected, "token"),
        (429, '{"errorMessage": "slow down"}', Transient, "rate limit"),
    ],
)
def test_statuses_say_what_to_do_next(
    venues: Sandbox, approve: Approve, heard: Any, between: Any, status: int, body: str, error: type[Exception], words: str
) -> None:
    async def work() -> None:
        async with between(venues.urls["oanda"]) as proxy, opened(venues, heard, url=proxy.url) as broker:
            proxy.say("POST", status, body, Retry_After="7")
            with pytest.raises(error, match=words) as raised:
                await broker.submit(approve(EUR_USD, "buy", "1000"))
            if isinstance(raised.value, Transient):
                assert raised.value.retry_after_s == 7
            assert ("refused key" in heard.links) is (status == 401)

    run(work())


@pytest.mark.parametrize("reason", ["MARKET_HALTED", "INSUFFICIENT_MARGIN", "FIFO_VIOLATION"])
def test_a_created_order_may_be_cancelled_in_the_same_answer(venues: Sandbox, approve: Approve, heard: Any, reason: str) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            venue(venues).cancel_next.append(reason)
            order = approve(EUR_USD, "buy", "1000")
            report = await broker.submit(order)
            assert (report.state, report.reason, report.filled) == (OrderState.CANCELLED, reason, Decimal(0))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.reason) == (OrderState.CANCELLED, reason)

    run(work())


def test_what_an_immediate_order_did_not_get_expires(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        venue(venues).set_quotes["EUR_USD"] = quote("1.08000", "1.08014", "400")
        async with opened(venues, heard) as broker:
            order = approve(EUR_USD, "buy", "1000", time_in_force="ioc")
            report = await broker.submit(order)
            assert (report.state, report.filled) == (OrderState.EXPIRED, Decimal(400))
            found = await broker.find(ref(order))
            assert found is not None
            assert (found.state, found.filled) == (OrderState.EXPIRED, Decimal(400))

    run(work())


def test_an_order_is_replaced_in_one_request(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            old = approve(EUR_USD, "buy", "100", kind="limit", limit="1.07000")
            new = approve(EUR_USD, "buy", "200", kind="limit", limit="1.07500")
            await broker.submit(old)
            report = await broker.replace(ref(old), new)
            assert (report.client_order_id, report.state) == (new.client_order_id, OrderState.ACCEPTED)
            assert [one.terms for one in await broker.open_orders()] == [new.terms]
            found = await broker.find(ref(old))
            assert found is not None
            assert found.state is OrderState.REPLACED

    run(work())


def test_a_replacement_of_an_order_that_is_gone_is_refused(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            gone, new = approve(EUR_USD, "buy", "100"), approve(EUR_USD, "buy", "200", kind="limit", limit="1.07500")
            await broker.submit(gone)
            with pytest.raises(Rejected, match="ORDER_DOESNT_EXIST"):
                await broker.replace(ref(gone), new)

    run(work())


def test_what_a_person_did_is_told_without_an_id_of_ours(venues: Sandbox, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            venue(venues).place_by_hand(ACCOUNT, "EUR_USD", Decimal(-250))
            venue(venues).place_by_hand(ACCOUNT, "EUR_USD", Decimal(50), Decimal("1.05000"))
            (resting,) = await broker.open_orders()
            assert (resting.client_order_id, resting.instrument) == ("", EUR_USD)
            (fill,) = (await broker.fills("")).fills
            assert (fill.client_order_id, fill.signed) == ("", Decimal(-250))
            assert (await broker.holdings()).positions == {EUR_USD: Decimal(-250)}

    run(work())


def test_a_silent_stream_is_down_and_comes_back(venues: Sandbox, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard, silence_s=0.2):
            await heard.until(lambda one: one.links[:3] == ["up", "down", "up"])

    run(work())


def test_a_transaction_that_the_stream_lost_is_asked_for_after_the_next_heartbeat(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            (stream,) = venue(venues).streams
            line, stream.send = stream.send, lambda data: None
            await broker.submit(approve(EUR_USD, "buy", "10"))
            stream.send = line
            assert heard.fills == []
            venues.world.clock.advance(6)
            await heard.until(lambda one: bool(one.fills))
            assert [fill.quantity for fill in heard.fills] == [Decimal(10)]

    run(work())


def test_a_transaction_that_the_stream_lost_is_asked_for_when_a_later_one_is_heard(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            await heard.until(lambda one: "up" in one.links)
            (stream,) = venue(venues).streams
            line, stream.send = stream.send, lambda data: None
            await broker.submit(approve(EUR_USD, "buy", "10"))
            stream.send = line
            await broker.submit(approve(EUR_USD, "buy", "20"))
            await heard.until(lambda one: len({fill.id for fill in one.fills}) == 2)
            assert {fill.quantity for fill in heard.fills} == {Decimal(10), Decimal(20)}

    run(work())


def test_the_venue_going_down_is_told_and_so_is_its_return(venues: Sandbox, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard):
            await heard.until(lambda one: "up" in one.links)
            venue(venues).restart()
            await heard.until(lambda one: one.links == ["up", "down", "up"])

    run(work())


def test_a_revoked_key_is_said_and_nothing_is_sent_after_it(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            venue(venues).tokens.clear()
            with pytest.raises(Rejected, match="expected a token"):
                await broker.submit(approve(EUR_USD, "buy", "10"))
            assert "refused key" in heard.links

    run(work())


def test_a_wrong_key_is_refused_at_once_and_never_shown(venues: Sandbox, heard: Any) -> None:
    async def work() -> None:
        with pytest.raises(Rejected) as raised:
            async with opened(venues, heard, token="my-secret-token"):
                pass
        assert "my-secret-token" not in f"{raised.value!r} {raised.value} {heard.all}"

    run(work())


def test_orders_that_oanda_does_not_take_are_refused_before_they_are_sent(venues: Sandbox, approve: Approve, heard: Any) -> None:
    async def work() -> None:
        async with opened(venues, heard) as broker:
            before = venues.world.requests.describe()["total"]
            for order in (
                approve(EUR_USD, "buy", "10", kind="stop_limit", stop="1.09", limit="1.1"),
                approve(EUR_USD, "buy", "10", kind="stop", stop="1.09", time_in_force="ioc"),
                approve("GBP_USD.OANDA", "buy", "10"),
            ):
                with pytest.raises(Rejected):
                    await broker.submit(order)
            assert venues.world.requests.describe()["total"] == before

    run(work())


def test_a_state_that_we_do_not_know_is_unknown() -> None:
    order = {"id": "7", "state": "DREAMING", "createTime": "2025-03-14T12:34:56.000000001Z", "instrument": "EUR_USD"}
    report = report_of(order)
    assert (report.state, report.terms) == (OrderState.UNKNOWN, None)
    assert "DREAMING" in report.reason
