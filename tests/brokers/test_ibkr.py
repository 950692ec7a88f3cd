"""Interactive Brokers through the port, against the local TWS, in virtual time and once over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.brokers.ibkr import IbkrBroker
from tradewinds.brokers.ibkr_contract import Contracts, order_of
from tradewinds.brokers.ibkr_ids import FileIds, MemoryIds
from tradewinds.brokers.ibkr_keeper import Patience
from tradewinds.brokers.ibkr_schedule import Schedule
from tradewinds.campaign.loop import NS, START_NS, VirtualLoop, run_virtually
from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderRef, OrderReport, Told
from tradewinds.core.errors import OutcomeUnknown, Rejected, Transient, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.sandbox.tws import TwsListener
from tradewinds.sandbox.tws_contracts import Catalogue, coins, pair, share
from tradewinds.sandbox.tws_gateway import Gateway, ib_fee

D = Decimal
AAPL, EURUSD, BTC = "AAPL.XNAS", "EUR_USD.IDEALPRO", "BTC_USD.PAXOS"
INSTRUMENTS: Mapping[str, Instrument] = {
    AAPL: Instrument(AAPL, "equity", "USD", "XNYS"),
    EURUSD: Instrument(EURUSD, "fx", "USD", "FX", base="EUR"),
    BTC: Instrument(BTC, "spot", "USD", "24/7", base="BTC"),
}
CALM = Schedule(restart=None)


class Wire(asyncio.Transport):
    """The client's end of a connection in memory; what is written arrives in the next turn of the loop."""

    def __init__(self, loop: VirtualLoop, protocol: Any) -> None:
        super().__init__()
        self.loop, self.protocol, self.is_cut = loop, protocol, False
        self.talk: Any = None
        self.is_deaf = False

    def write(self, data: Any) -> None:
        if not self.is_cut and not self.is_deaf:
            self.loop.call_soon(lambda: None if self.is_cut else self.talk.received(bytes(data)))

    def deliver(self, data: bytes) -> None:
        if not self.is_deaf:
            self.loop.call_soon(lambda: None if self.is_cut else self.protocol.data_received(data))

    def write_eof(self) -> None:
        """Closing follows."""

    def close(self) -> None:
        if not self.is_cut:
            self.is_cut = True
            self.talk.closed()
            self.loop.call_soon(self.protocol.connection_lost, None)

    def cut(self) -> None:
        """The gateway closes."""
        if not self.is_cut:
            self.is_cut = True
            self.loop.call_soon(self.protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self.is_cut


@dataclass
class Place:
    """A gateway and one broker of it. told: everything that the broker said."""

    loop: VirtualLoop
    quotes: dict[str, Quote] = field(
        default_factory=lambda: {
            AAPL: Quote(D("189.99"), D("190.00"), D(500), D(500)),
            EURUSD: Quote(D("1.08000"), D("1.08010"), D(1_000_000), D(1_000_000)),
            BTC: Quote(D("99999.75"), D("100000.00"), D(2), D(2)),
        }
    )
    told: list[Told] = field(default_factory=list)
    ids: MemoryIds = field(default_factory=MemoryIds)
    wires: list[Wire] = field(default_factory=list)
    shift_ns: int = 0
    options: dict[str, Any] = field(default_factory=lambda: {"schedule": CALM})

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.now_ns, lambda symbol: self.quotes[symbol], ib_fee)
        catalogue = Catalogue([share("AAPL", "NASDAQ"), pair("EUR", "USD"), *coins()])
        self.gateway = Gateway(self.exchange, catalogue, "DU1234567", self.now_ns, self.loop.time)
        self.loop.network = self
        self.broker = self.made()

    def now_ns(self) -> int:
        return self.loop.now_ns() + self.shift_ns

    def made(self) -> IbkrBroker:
        return IbkrBroker("127.0.0.1:4002", instruments=INSTRUMENTS, clock=self, ids=self.ids, **self.options)

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> Any:
        if not self.gateway.is_listening:
            raise ConnectionRefusedError(f"{host}:{port}")
        protocol: Any = factory()
        wire = Wire(self.loop, protocol)
        self.wires.append(wire)
        protocol.connection_made(wire)
        wire.talk = self.gateway.session(wire.deliver, wire.cut)
        return wire, protocol

    async def opened(self) -> IbkrBroker:
        await self.broker.open(self.told.append)
        return self.broker

    def links(self) -> list[str]:
        return [one.state for one in self.told if isinstance(one, Link)]

    def fills(self) -> list[Fill]:
        return [one for one in self.told if isinstance(one, Fill)]

    def states(self, client_order_id: str) -> list[OrderState]:
        return [one.state for one in self.told if isinstance(one, OrderReport) and one.client_order_id == client_order_id]

    def falls(self, price: str = "179.00") -> None:
        low = D(price)
        self.quotes[AAPL] = Quote(low - D("0.01"), low, D(500), D(500))
        self.gateway.tick()


def told(test: Callable[[Place], Awaitable[None]], **options: Any) -> Place:
    loop = VirtualLoop()
    place = Place(loop, options={"schedule": CALM, **options})

    async def run(_: VirtualLoop) -> None:
        await test(place)
        await place.broker.close()

    run_virtually(run, loop)
    return place


def approved(
    side: Any = "buy", quantity: str = "100", limit: str | None = "180", *, leg: int = 0, revision: int = 0, **more: Any
) -> ApprovedOrder:
    instrument = more.pop("instrument", AAPL)
    kind = more.pop("kind", "market" if limit is None else "limit")
    terms = OrderTerms(instrument, side, D(quantity), kind, None if limit is None else D(limit), **more)
    return ApprovedOrder(Intent("main", "trend", START_NS, terms, leg, revision), START_NS)


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


def test_an_order_is_accepted_filled_and_found_and_its_fill_told_once_with_its_commission() -> None:
    order = approved(limit=None)

    async def test(place: Place) -> None:
        broker = await place.opened()
        report = await broker.submit(order)
        assert (report.client_order_id, report.state) == (order.client_order_id, OrderState.ACCEPTED)
        await asyncio.sleep(1)
        assert place.states(order.client_order_id) == [OrderState.ACCEPTED, OrderState.FILLED]
        (fill,) = place.fills()
        assert (fill.client_order_id, fill.quantity, fill.price, fill.commission, fill.commission_currency) == (
            order.client_order_id,
            100,
            190,
            D("0.5"),
            "USD",
        )
        found = await broker.find(ref(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, 100)
        page = await broker.fills("")
        assert page.fills == (fill,)
        assert (await broker.fills(page.cursor)).fills == (fill,)
        holdings = await broker.holdings()
        assert (holdings.positions, holdings.cash) == ({AAPL: D(100)}, {"USD": D("980999.5")})
        assert await broker.open_orders() == ()
        assert await broker.find(OrderRef("never", "", AAPL)) is None

    place = told(test)
    assert place.links() == ["up"]


def test_shares_currencies_and_coins_carry_their_names_and_exact_sizes() -> None:
    orders = [
        approved(limit="190"),
        approved(instrument=EURUSD, quantity="20000", limit="1.0801"),
        approved(instrument=BTC, quantity="0.00012345", limit="100000"),
    ]

    async def test(place: Place) -> None:
        broker = await place.opened()
        for order in orders:
            await broker.submit(order)
        await asyncio.sleep(1)
        assert [(one.instrument, one.quantity) for one in place.fills()] == [(AAPL, 100), (EURUSD, 20_000), (BTC, D("0.00012345"))]
        holdings = await broker.holdings()
        assert dict(holdings.positions) == {AAPL: 100, EURUSD: 20_000, BTC: D("0.00012345")}
        assert holdings.cash["EUR"] == 20_000  # an exchanged pair moves both currencies; the comparison counts it so

    told(test)


def test_silence_is_an_unknown_outcome_and_asking_tells_whether_the_order_is_there() -> None:
    lost, kept = approved(leg=1), approved(leg=2)

    async def test(place: Place) -> None:
        broker = await place.opened()
        place.gateway.drops_orders = True
        with pytest.raises(OutcomeUnknown, match="no answer within 5 s"):
            await broker.submit(lost)
        place.gateway.drops_orders = False
        assert await broker.find(ref(lost)) is None
        sending = asyncio.ensure_future(broker.submit(kept))
        await asyncio.sleep(0)
        place.loop.call_later(0, place.wires[-1].close)
        with pytest.raises(OutcomeUnknown):
            await sending
        await asyncio.sleep(10)
        assert place.links() == ["up", "down", "up"]
        found = await broker.find(ref(kept))
        assert (found is not None) == (place.exchange.named("DU1234567", kept.client_order_id) is not None)

    told(test)


def test_without_a_connection_nothing_is_sent_and_that_is_certain() -> None:
    async def test(place: Place) -> None:
        place.gateway.go_down()
        broker = await place.opened()
        with pytest.raises(Transient):
            await broker.submit(approved())
        with pytest.raises(Transient):
            await broker.find(ref(approved()))
        place.gateway.come_back()
        await asyncio.sleep(30)
        assert (await broker.submit(approved())).state is OrderState.ACCEPTED
        assert place.links() == ["down", "up"]

    told(test)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (approved(quantity="0.5"), "10242"),
        (approved(limit="180.001"), "110"),
        (approved(instrument=BTC, side="sell", quantity="1", limit="0.001"), "110"),
    ],
)
def test_a_refused_order_is_rejected_in_the_gateways_own_words(order: ApprovedOrder, code: str) -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        with pytest.raises(Rejected, match=code):
            await broker.submit(order)
        assert not place.exchange.orders

    told(test)


def test_a_coin_is_not_bought_at_market_and_an_unknown_instrument_not_at_all() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        with pytest.raises(Rejected, match="cash"):
            await broker.submit(approved(instrument=BTC, quantity="1", limit=None))
        with pytest.raises(Rejected, match="MSFT"):
            await broker.submit(approved(instrument="MSFT.XNAS"))
        assert (await broker.submit(approved("sell", "1", None, instrument=BTC))).state is OrderState.ACCEPTED

    told(test)


def test_an_order_that_interactive_brokers_rejects_says_why() -> None:
    order = approved(quantity="30")

    async def test(place: Place) -> None:
        broker = await place.opened()
        for leg in range(20):
            await broker.submit(approved(quantity="1", leg=leg + 1))
        report = await broker.submit(order)
        assert report.state is OrderState.REJECTED
        assert "too many active orders" in report.reason
        assert len(place.exchange.working("DU1234567")) == 20

    told(test)


def test_a_cancel_ends_the_order_and_a_second_one_finds_none() -> None:
    order = approved()

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(order)
        assert (await broker.cancel(ref(order))).state is OrderState.CANCELLED
        with pytest.raises(Rejected):
            await broker.cancel(ref(order))
        assert place.states(order.client_order_id) == [OrderState.ACCEPTED, OrderState.CANCELLED]

    told(test)


def test_a_cancel_that_loses_the_race_says_what_became_of_the_order() -> None:
    order = approved()

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(order)
        cancelling = asyncio.ensure_future(broker.cancel(ref(order)))
        place.falls()
        report = await cancelling
        assert (report.state, report.filled) == (OrderState.FILLED, 100)

    told(test)


def test_a_replacement_is_the_same_order_at_the_venue_and_counts_from_now_on() -> None:
    old, new = approved(quantity="800", limit="190"), approved(quantity="100", limit="180", revision=1)

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(old)
        await asyncio.sleep(0.1)
        assert place.states(old.client_order_id)[-1] is OrderState.PARTIALLY_FILLED
        report = await broker.replace(ref(old), new)
        assert (report.client_order_id, report.state, report.filled) == (new.client_order_id, OrderState.ACCEPTED, 0)
        (venue,) = place.exchange.orders.values()
        assert (venue.quantity, venue.filled, venue.limit) == (600, 500, 180)
        before = await broker.find(ref(old, report.venue_order_id))
        assert before is not None
        assert before.state is OrderState.REPLACED
        place.loop.stall(2)
        place.falls()
        await asyncio.sleep(1)
        assert [(one.client_order_id, one.quantity) for one in place.fills()] == [(old.client_order_id, 500), (new.client_order_id, 100)]
        after = await broker.find(ref(new))
        assert after is not None
        assert (after.state, after.filled) == (OrderState.FILLED, 100)

    told(test)


def test_a_replacement_that_breaks_a_rule_leaves_the_order_as_it_was() -> None:
    old, new = approved(), approved(limit="180.001", revision=1)

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(old)
        with pytest.raises(Rejected, match="110"):
            await broker.replace(ref(old), new)
        found = await broker.find(ref(old))
        assert found is not None
        assert found.state is OrderState.ACCEPTED

    told(test)


def test_fills_while_cut_off_are_fetched_when_the_line_is_restored() -> None:
    order = approved()

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(order)
        place.gateway.cut_off()
        await asyncio.sleep(1)
        with pytest.raises(Transient):
            await broker.submit(approved(leg=9))
        with pytest.raises(Transient):
            await broker.fills("")
        place.falls()
        await asyncio.sleep(60)
        assert place.fills() == []
        place.gateway.restore(is_data_lost=True)
        await asyncio.sleep(1)
        assert [one.quantity for one in place.fills()] == [100]
        assert place.links() == ["up", "down", "data lost", "up"]

    told(test)


def test_fills_while_away_are_fetched_after_connecting_again() -> None:
    order = approved()

    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(order)
        place.gateway.go_down()
        place.falls()
        await asyncio.sleep(20)
        place.gateway.come_back()
        await asyncio.sleep(40)
        assert [one.client_order_id for one in place.fills()] == [order.client_order_id]
        assert place.links() == ["up", "down", "up"]

    told(test)


def test_ids_that_the_gateway_rolled_back_are_not_used_again() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        for leg in range(3):
            await broker.submit(approved(leg=leg))
        place.gateway.roll_ids_back(1)
        place.gateway.go_down()
        await asyncio.sleep(1)
        place.gateway.come_back()
        await asyncio.sleep(40)
        await broker.submit(approved(leg=9, limit="170"))
        assert sorted(one.limit or 0 for one in place.exchange.working("DU1234567")) == [170, 180, 180, 180]
        assert place.ids.last == 4

    told(test)


def test_a_new_process_finds_the_orders_of_the_old_one_and_can_cancel_them() -> None:
    order, done = approved(), approved(limit=None, leg=1)

    async def test(place: Place) -> None:
        first = await place.opened()
        await first.submit(order)
        await first.submit(done)
        await first.close()
        place.told.clear()
        place.broker = place.made()
        second = await place.opened()
        assert [one.client_order_id for one in await second.open_orders()] == [order.client_order_id]
        assert [one.client_order_id for one in place.fills()] == [done.client_order_id]
        assert (await second.cancel(ref(order))).state is OrderState.CANCELLED
        found = await second.find(ref(done))
        assert found is not None
        assert found.state is OrderState.FILLED

    told(test)


def test_an_order_made_by_hand_is_seen_and_left_alone() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        place.gateway.by_hand(VenueOrder("DU1234567", "", AAPL, "sell", "limit", D(3), D("200")))
        (seen,) = await broker.open_orders()
        assert (seen.client_order_id, seen.instrument, seen.state) == ("", AAPL, OrderState.ACCEPTED)
        assert seen.terms == OrderTerms(AAPL, "sell", D(3), "limit", D(200))
        with pytest.raises(Rejected, match="client 0"):
            await broker.cancel(OrderRef("", seen.venue_order_id, AAPL))

    told(test)


def test_a_question_is_told_and_never_answered() -> None:
    order = approved(quantity="200", limit="190")

    async def test(place: Place) -> None:
        place.gateway.asks = lambda ticket: (383, "The order size exceeds the Size Limit")
        broker = await place.opened()
        report = await broker.submit(order)
        assert report.state is OrderState.UNKNOWN
        await asyncio.sleep(3_600)
        assert place.links() == ["up", "question"]
        question = [one for one in place.told if isinstance(one, Link)][-1]
        assert "383" in question.detail
        assert order.client_order_id in question.detail
        assert not place.exchange.orders
        place.gateway.confirm(int(report.venue_order_id))
        await asyncio.sleep(1)
        assert place.states(order.client_order_id)[-1] is OrderState.FILLED

    told(test)


def test_a_late_commission_is_waited_for_and_a_missing_one_not_for_ever() -> None:
    async def test(place: Place) -> None:
        place.gateway.commission_delay_ns = 2 * NS
        broker = await place.opened()
        await broker.submit(approved(limit=None))
        await asyncio.sleep(1)
        assert place.fills() == []
        place.loop.call_later(1.5, place.gateway.tick)
        assert [one.commission for one in (await broker.fills("")).fills] == [D("0.5")]
        assert [one.commission for one in place.fills()] == [D("0.5")]
        place.gateway.commission_delay_ns = 3_600 * NS
        await broker.submit(approved("sell", limit=None, leg=1))
        await asyncio.sleep(10)
        assert [one.commission for one in place.fills()] == [D("0.5"), 0]
        assert len((await broker.fills("")).fills) == 2

    told(test)


def test_a_corrected_execution_is_the_same_fill_and_a_person_hears_of_it() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(approved(limit=None))
        await asyncio.sleep(1)
        place.gateway.correct(1, D("189.50"))
        await asyncio.sleep(10)
        (fill,) = place.fills()
        assert (fill.id, fill.price) == ("0000e0d5.00000001.01", 190)
        assert place.links() == ["up", "question"]
        (page,) = (await broker.fills("")).fills
        assert (page.key, page.price) == (fill.key, D("189.5"))

    told(test)


def test_nothing_is_sent_around_the_nightly_restart() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        place.shift_ns = parse("2027-01-16T04:44:40Z") - place.loop.now_ns()  # 23:44:40 in New York
        with pytest.raises(Transient, match="restarts"):
            await broker.submit(approved())
        place.gateway.go_down()
        await asyncio.sleep(5)
        assert place.links() == ["up", "restarting"]
        place.gateway.come_back()
        await asyncio.sleep(200)
        assert place.links() == ["up", "restarting", "up"]
        assert (await broker.submit(approved())).state is OrderState.ACCEPTED

    told(test, schedule=Schedule(restart=time(23, 45)))


def test_the_weekly_log_out_is_told_as_what_it_is_until_a_person_logs_in() -> None:
    async def test(place: Place) -> None:
        place.shift_ns = parse("2027-01-17T05:59:00Z") - place.loop.now_ns()  # Sunday 00:59 in New York
        broker = await place.opened()
        await asyncio.sleep(120)
        place.gateway.go_down(mode="locked out")
        await asyncio.sleep(3 * 24 * 3600)
        assert place.links() == ["up", "locked out"]
        assert "second factor" in [one for one in place.told if isinstance(one, Link)][-1].detail
        with pytest.raises(Transient):
            await broker.submit(approved())
        place.gateway.come_back()
        await asyncio.sleep(600)
        assert place.links()[-1] == "up"

    told(test, patience=Patience(again_s_max=300))


def test_a_gateway_that_stays_away_or_cut_off_is_locked_out_after_a_while() -> None:
    async def test(place: Place) -> None:
        await place.opened()
        place.gateway.cut_off()
        await asyncio.sleep(900)
        assert place.links() == ["up", "down", "locked out"]

    told(test, patience=Patience(locked_out_s=600))


def test_a_connection_that_is_silent_is_given_up() -> None:
    async def test(place: Place) -> None:
        await place.opened()
        place.wires[-1].is_deaf = True
        await asyncio.sleep(45)
        assert place.links() == ["up", "down", "up"]
        assert len(place.wires) >= 2

    told(test)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"environment": "live"}, "environment live"), ({"account": "DU999"}, "no account DU999")],
)
def test_the_wrong_account_is_refused(options: dict[str, str], words: str) -> None:
    async def test(place: Place) -> None:
        with pytest.raises(Rejected, match=words):
            await place.opened()

    told(test, **options)


def test_more_orders_than_the_gateway_takes_are_paced() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        start = place.loop.time()
        sides = ["buy" if leg % 2 else "sell" for leg in range(120)]
        orders = [approved(side, "1", "180" if side == "buy" else "200", leg=leg, time_in_force="ioc") for leg, side in enumerate(sides)]
        reports = await asyncio.gather(*(broker.submit(order) for order in orders))
        assert len(reports) == len(place.exchange.orders) == 120
        assert place.loop.time() - start >= 2
        assert place.links() == ["up"]

    told(test)


def test_what_reduces_is_checked_against_what_is_held() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(approved(limit=None))
        await asyncio.sleep(1)
        with pytest.raises(Rejected, match="reduce"):
            await broker.submit(approved("sell", "101", None, leg=1, is_reduce_only=True))
        assert (await broker.submit(approved("sell", "100", None, leg=2, is_reduce_only=True))).state is OrderState.ACCEPTED

    told(test)


def test_an_order_from_before_midnight_that_is_nowhere_is_not_taken_for_absent() -> None:
    order = approved()

    async def test(place: Place) -> None:
        broker = await place.opened()
        place.gateway.drops_orders = True
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order)
        assert await broker.find(ref(order)) is None
        await asyncio.sleep(24 * 3600)
        with pytest.raises(OutcomeUnknown, match="midnight"):
            await broker.find(ref(order))

    told(test)


def test_two_processes_in_virtual_time_tell_the_same_story() -> None:
    async def test(place: Place) -> None:
        broker = await place.opened()
        await broker.submit(approved(limit="190"))
        place.wires[-1].close()
        await asyncio.sleep(30)
        await broker.fills("")

    assert told(test).told == told(test).told


def test_the_same_over_a_real_socket() -> None:
    async def trade(address: str) -> list[Told]:
        heard: list[Told] = []
        filled = asyncio.Event()

        def hear(one: Told) -> None:
            heard.append(one)
            if isinstance(one, Fill):
                filled.set()

        class Now:
            def now_ns(self) -> int:
                return START_NS

        broker = IbkrBroker(address, instruments=INSTRUMENTS, clock=Now(), ids=MemoryIds(), schedule=CALM)
        await broker.open(hear)
        await broker.submit(approved(limit=None))
        await asyncio.wait_for(filled.wait(), 5)
        assert (await broker.holdings()).positions == {AAPL: 100}
        await broker.close()
        return heard

    quote = Quote(D("189.99"), D("190.00"), D(500), D(500))
    seconds = iter(range(1_000_000))
    gateway = Gateway(
        Exchange(lambda: START_NS, lambda symbol: quote, ib_fee), Catalogue([share("AAPL", "NASDAQ")]), "DU1234567", lambda: START_NS,
        lambda: float(next(seconds)),
    )  # fmt: skip
    with TwsListener(gateway) as tws:
        heard = asyncio.run(trade(tws.address))
    assert [type(one).__name__ for one in heard] == ["Link", "OrderReport", "OrderReport", "Fill"]


def test_ids_in_a_file_rise_over_restarts_and_survive_a_torn_line(tmp_path: Path) -> None:
    place = tmp_path / "trade" / "main.ids"
    first = FileIds(place)
    assert [first.take(1, "a", 10), first.take(1, "b", 20), first.take(100, "c", 30)] == [1, 2, 100]
    first.close()
    with place.open("ab") as torn:
        torn.write(b"101 d")
    second = FileIds(place)
    assert second.taken_ns("b") == 20
    assert second.taken_ns("d") is None
    assert second.take(5, "e", 40) == 101
    second.close()
    assert FileIds(place).take(1, "f", 50) == 102
    place.write_text("1 a 10\nnonsense\n")
    with pytest.raises(Unreadable, match="nonsense"):
        FileIds(place).take(1, "g", 60)


def test_instruments_are_named_back_from_contracts() -> None:
    contracts = Contracts(INSTRUMENTS)
    assert [contracts.instrument(contracts.of(name)) for name in INSTRUMENTS] == list(INSTRUMENTS)
    order = order_of(OrderTerms(AAPL, "sell", D("0.00000001"), "stop_limit", D("0.00000812"), D("100000.5")), "x", "DU1")
    assert (order.totalQuantity, order.lmtPrice, order.auxPrice) == ("0.00000001", "0.00000812", "100000.5")
