"""One account from a wanted order to its fill in the books, through journal, core and a venue."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from tradewinds.core.broker import Holdings
from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.live.account import AccountLoop
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Execution, Quote, VenueOrder
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Wanted
from tradewinds.trading.journal import decode, encode

NOW_NS = 1_800_000_000_000_000_000


class Clock:
    def now_ns(self) -> int:
        return NOW_NS


def _exchange() -> Exchange:
    quote = Quote(Decimal("99"), Decimal("100"), Decimal("5"), Decimal("5"))
    return Exchange(lambda: NOW_NS, lambda symbol: quote)


def _loop(exchange: Exchange, place: Path) -> AccountLoop:
    broker = DirectBroker(exchange, "main")
    engine = Engine(Books("main"), Gate(), broker.capability)
    return AccountLoop(engine, open_sqlite_journal(place), broker, Clock(), lambda: 0)


def test_a_wanted_order_is_journalled_sent_filled_and_booked(tmp_path: Path) -> None:
    exchange = _exchange()
    intent = Intent("main", "trend", NOW_NS, OrderTerms("ABC.LOCAL", "buy", Decimal(3)))

    async def trade() -> AccountLoop:
        loop = _loop(exchange, tmp_path / "main.sqlite")
        await loop.start()
        running = asyncio.create_task(loop.run())
        loop.put(Wanted((intent,), "test"))
        while not loop.engine.books.orders or loop.engine.books.open:
            await asyncio.sleep(0)
        running.cancel()
        await loop.stop()
        return loop

    first = asyncio.run(trade())

    order = first.engine.books.orders[intent.client_order_id]
    assert order.state is OrderState.FILLED
    assert first.engine.books.parts["trend"].quantity("ABC.LOCAL") == 3
    assert first.engine.books.whole.cash["USD"] == -300

    async def again() -> AccountLoop:
        loop = _loop(exchange, tmp_path / "main.sqlite")
        await loop.start()
        await loop.stop()
        return loop

    second = asyncio.run(again())
    assert second.engine.books.orders[intent.client_order_id].state is OrderState.FILLED
    assert second.engine.books.whole == first.engine.books.whole
    assert len(exchange.orders) == 1


class TradedMeanwhile(DirectBroker):
    """Somebody buys 1000 by hand after the fills of the first opening and before what is held; nothing tells of it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange, "main")
        self._venue = exchange

    def _listen(self, order: VenueOrder, execution: Execution | None) -> None:
        """Mute."""

    async def holdings(self) -> Holdings:
        if len(self._venue.orders) == 1:
            self._venue.place(VenueOrder("main", "", "ABC.LOCAL", "buy", "market", Decimal(1000), by_hand=True))
        return await super().holdings()


def test_a_trade_by_hand_between_fills_and_holdings_of_the_first_opening_is_booked_once(tmp_path: Path) -> None:
    # given an account that held 9 when it was opened for the first time, of which the venue tells no fill any more
    quote = Quote(Decimal("99"), Decimal("100"), Decimal(5000), Decimal(5000))
    exchange = Exchange(lambda: NOW_NS, lambda symbol: quote)
    exchange.place(VenueOrder("main", "", "ABC.LOCAL", "buy", "market", Decimal(9), by_hand=True))
    exchange.executions.clear()
    broker = TradedMeanwhile(exchange)
    loop = AccountLoop(
        Engine(Books("main"), Gate(), broker.capability), open_sqlite_journal(tmp_path / "main.sqlite"), broker, Clock(), lambda: 0
    )

    # when somebody buys 1000 while it is opened
    async def open_it() -> None:
        await loop.start()
        await loop.stop()

    asyncio.run(open_it())

    # then these are a fill, and what was there before it is 9
    books = loop.engine.books
    assert books.whole.quantity("ABC.LOCAL") == 1009
    assert len(books.booked) == 1


def test_an_entry_reads_back_as_it_was_written() -> None:
    intent = Intent("main", "trend", NOW_NS, OrderTerms("ABC.LOCAL", "buy", Decimal("0.00000812"), "limit", Decimal("100000.5")))
    engine = Engine(Books("main"), Gate(), DirectBroker(_exchange(), "main").capability)
    entry = engine.handle(NOW_NS, Wanted((intent,), "test")).entry

    assert decode(encode(entry)) == entry
