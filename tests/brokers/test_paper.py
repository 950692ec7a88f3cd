"""The paper broker: the kernel's fills on the bars of the feed, exact money, and nothing lost over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.brokers.paper import PaperBroker
from tradewinds.brokers.paper_store import open_paper_store
from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderRef, OrderReport
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms, Refusal
from tradewinds.risk.limits import Gate
from tradewinds.simulation.rules import Account, BasisPoints, Fills, Setup
from tradewinds.trading.entry import Bar, BarsClosed
from tradewinds.trading.following import TARGET
from tradewinds.trading.own_book import Conversion

MINUTE_NS = 60_000_000_000
START_NS = 1_795_392_000_000_000_000
BTC = Instrument("BTCUSDT.BINANCE", "spot", "USDT", "24/7", base="BTC", tick=Decimal("0.01"), lot=Decimal("0.001"))
SETUP = Setup(Account(10_000.0, "USDT"), (BasisPoints(10),))


class Clock:
    def now_ns(self) -> int:
        return START_NS


class Nothing:
    """An account without positions and prices, as far as the gate is concerned."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *about: Decimal(0) if name in ("position", "working") else None


def approved(terms: OrderTerms, number: int = 0, reason: str = "") -> ApprovedOrder:
    intent = Intent("main", "hand", START_NS + number, terms, reason=reason)
    verdict = Gate().judge(intent, Nothing(), START_NS)  # it answers everything that is asked
    assert not isinstance(verdict, Refusal)
    assert isinstance(verdict, ApprovedOrder)
    return verdict


def bar(minute: int, opened: float, high: float, low: float, close: float, volume: float = 1000.0) -> BarsClosed:
    end = START_NS + minute * MINUTE_NS
    return BarsClosed("1m", end, (Bar(BTC.id, opened, high, low, close, volume, end),))


def broker(place: Path, setup: Setup = SETUP, **terms: Any) -> PaperBroker:
    return PaperBroker([BTC], setup, open_paper_store(place), Clock(), **terms)


def buy(quantity: str, **terms: Any) -> OrderTerms:
    return OrderTerms(BTC.id, "buy", Decimal(quantity), **terms)


async def opened(place: Path, setup: Setup = SETUP) -> tuple[PaperBroker, list[Any]]:
    told: list[Any] = []
    made = broker(place, setup)
    await made.open(told.append)
    return made, told


def test_a_market_order_fills_at_the_next_open_and_the_money_is_exact(tmp_path: Path) -> None:
    async def trade() -> None:
        paper, told = await opened(tmp_path / "main.sqlite")
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.5))
        order = approved(buy("1.5"))

        report = await paper.submit(order)
        paper.take(bar(2, 100.07, 102.0, 99.0, 101.0))

        fills = [one for one in told if isinstance(one, Fill)]
        holdings = await paper.holdings()
        assert report.state is OrderState.ACCEPTED
        assert [(one.price, one.quantity, one.commission) for one in fills] == [(Decimal("100.07"), Decimal("1.500"), Decimal("0.150105"))]
        assert holdings.positions == {BTC.id: Decimal("1.500")}
        assert holdings.cash["USDT"] == Decimal(10_000) - Decimal("150.105") - Decimal("0.150105")
        assert isinstance(told[0], Link)
        assert isinstance(told[-1], OrderReport)
        assert told[-1].state is OrderState.FILLED
        await paper.close()

    asyncio.run(trade())


def test_what_was_answered_is_there_after_a_restart_and_fills_go_on(tmp_path: Path) -> None:
    place = tmp_path / "main.sqlite"
    resting, filled = approved(buy("1", kind="limit", limit=Decimal("95"))), approved(buy("0.5"), 1)

    async def before() -> None:
        paper, _ = await opened(place)
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.5))
        await paper.submit(resting)
        await paper.submit(filled)
        paper.take(bar(2, 100.0, 101.0, 99.0, 100.5))
        await paper.close()

    async def after() -> None:
        paper, told = await opened(place)
        assert [one.client_order_id for one in await paper.open_orders()] == [resting.client_order_id]
        page = await paper.fills("")
        assert [(one.client_order_id, one.id) for one in page.fills] == [(filled.client_order_id, "1")]
        assert page.cursor == "1"
        paper.take(bar(3, 100.0, 101.0, 94.0, 96.0))
        found = await paper.find(OrderRef(resting.client_order_id, "", BTC.id))
        assert found is not None
        assert found.state is OrderState.FILLED
        assert [one.price for one in (await paper.fills("1")).fills] == [Decimal(95)]
        assert (await paper.holdings()).positions == {BTC.id: Decimal("1.500")}
        assert [type(one) for one in told] == [Link, Fill, OrderReport]
        await paper.close()

    asyncio.run(before())
    asyncio.run(after())


def test_an_order_is_cancelled_once_and_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    async def trade() -> None:
        paper, _ = await opened(tmp_path / "main.sqlite")
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.5))
        order = approved(buy("1", kind="limit", limit=Decimal("95")))
        ref = OrderRef(order.client_order_id, "", BTC.id)
        await paper.submit(order)

        report = await paper.cancel(ref)

        assert report.state is OrderState.CANCELLED
        assert await paper.open_orders() == ()
        with pytest.raises(Rejected, match="does not work"):
            await paper.cancel(ref)
        assert await paper.find(OrderRef("twnobody", "", BTC.id)) is None
        await paper.close()

    asyncio.run(trade())


def test_one_name_is_one_order_and_what_no_venue_takes_is_rejected(tmp_path: Path) -> None:
    async def trade() -> None:
        paper, _ = await opened(tmp_path / "main.sqlite")
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.5))
        order = approved(buy("1"))
        await paper.submit(order)

        with pytest.raises(Rejected, match="of this name already"):
            await paper.submit(order)
        with pytest.raises(Rejected, match=r"a multiple of 0\.001"):
            await paper.submit(approved(buy("0.0005"), 1))
        with pytest.raises(Rejected, match=r"a multiple of 0\.01"):
            await paper.submit(approved(buy("1", kind="limit", limit=Decimal("95.001")), 2))
        with pytest.raises(Rejected, match="expected one of BTCUSDT"):
            await paper.submit(approved(OrderTerms("ETHUSDT.BINANCE", "buy", Decimal(1)), 3))
        paper.take(bar(2, 100.0, 101.0, 99.0, 100.5))
        assert (await paper.holdings()).positions == {BTC.id: Decimal("1.000")}
        await paper.close()

    asyncio.run(trade())


def test_an_order_beyond_the_cash_is_refused_and_one_of_a_target_is_trimmed(tmp_path: Path) -> None:
    setup = Setup(Account(10_000.0, "USDT", kind="cash"))

    async def trade() -> None:
        paper, _ = await opened(tmp_path / "main.sqlite", setup)
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.0))
        plain, target = approved(buy("101")), approved(buy("101"), 1, TARGET)

        await paper.submit(plain)
        await paper.submit(target)
        paper.take(bar(2, 100.0, 101.0, 99.0, 100.0))

        refused, trimmed = [await paper.find(OrderRef(one.client_order_id, "", BTC.id)) for one in (plain, target)]
        assert refused is not None
        assert (refused.state, refused.reason) == (OrderState.REJECTED, "cash")
        assert trimmed is not None
        assert (trimmed.state, trimmed.filled, trimmed.reason) == (OrderState.CANCELLED, Decimal("100.000"), "cash")
        await paper.close()

    asyncio.run(trade())


def test_a_large_order_fills_over_several_bars_where_its_share_of_the_volume_is_limited(tmp_path: Path) -> None:
    setup = Setup(Account(10_000.0, "USDT"), fills=Fills(participation=0.1))

    async def trade() -> None:
        paper, told = await opened(tmp_path / "main.sqlite", setup)
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.0))
        await paper.submit(approved(buy("15")))

        paper.take(bar(2, 100.0, 101.0, 99.0, 100.0, volume=100.0))
        paper.take(bar(2, 100.0, 101.0, 99.0, 100.0, volume=100.0))
        paper.take(bar(3, 100.0, 101.0, 99.0, 100.0, volume=100.0))

        reports = [(one.state, one.filled) for one in told if isinstance(one, OrderReport)]
        assert reports == [(OrderState.PARTIALLY_FILLED, Decimal("10.000")), (OrderState.FILLED, Decimal("15.000"))]
        await paper.close()

    asyncio.run(trade())


def test_bars_of_other_intervals_and_impossible_prices_fill_nothing(tmp_path: Path) -> None:
    async def trade() -> None:
        paper, told = await opened(tmp_path / "main.sqlite")
        paper.take(bar(1, 100.0, 101.0, 99.0, 100.0))
        await paper.submit(approved(buy("1")))

        whole = bar(60, 100.0, 101.0, 99.0, 100.0)
        paper.take(BarsClosed("1h", whole.end_ns, whole.bars))
        paper.take(bar(2, -1.0, 101.0, 99.0, 100.0))

        assert [one for one in told if isinstance(one, Fill)] == []
        paper.take(bar(3, 100.0, 101.0, 99.0, 100.0))
        assert len([one for one in told if isinstance(one, Fill)]) == 1
        await paper.close()

    asyncio.run(trade())


def test_a_currency_without_a_rate_is_refused_and_one_with_an_instrument_waits_for_its_price(tmp_path: Path) -> None:
    yen = Instrument("USD_JPY.OANDA", "fx", "JPY", "FX", tick=Decimal("0.001"), lot=Decimal(1))
    setup = Setup(Account(10_000.0, "USD", leverage=20.0))

    store = open_paper_store(tmp_path / "a.sqlite")
    with pytest.raises(Rejected, match="conversion of JPY"):
        PaperBroker([yen], setup, store, Clock())
    store.close()

    async def trade() -> None:
        how = {"JPY": Conversion(yen.id, is_inverse=True)}
        paper = PaperBroker([yen], setup, open_paper_store(tmp_path / "b.sqlite"), Clock(), conversions=how)
        told: list[Any] = []
        await paper.open(told.append)
        paper.take(BarsClosed("1m", START_NS, ()))
        await paper.submit(approved(OrderTerms(yen.id, "buy", Decimal(1000))))
        end = START_NS + MINUTE_NS
        paper.take(BarsClosed("1m", end, (Bar(yen.id, 150.0, 150.5, 149.5, 150.0, 100.0, end),)))
        assert (await paper.holdings()).cash == {"USD": Decimal(10_000), "JPY": Decimal(-150_000)}
        await paper.close()

    asyncio.run(trade())


def test_a_file_has_one_process_and_another_file_is_not_taken_for_it(tmp_path: Path) -> None:
    store = open_paper_store(tmp_path / "main.sqlite")
    (tmp_path / "other.sqlite").write_bytes(b"not a database at all, but long enough to be taken for the header of one......")

    with pytest.raises(Rejected, match="another process holds it"):
        open_paper_store(tmp_path / "main.sqlite")
    with pytest.raises(Unreadable, match="its own SQLite file"):
        open_paper_store(tmp_path / "other.sqlite")
    store.close()
