"""hummingbot#8457: orders that the exchange had accepted were dropped during a DNS outage.

In public: six resting sells had ids of the exchange when the name no longer resolved. Questions about their status and their cancels
failed with network errors, which counted towards "lost"; they were marked failed and forgotten without the exchange having said anything,
and what filled of them stayed as a short position that nobody knew of.

Here: that nobody answers says nothing about an order. Six sells stay in the books through half an hour without the venue, their cancels
are asked for again, and what filled meanwhile is booked to them.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.core.broker import OrderReport
from tradewinds.core.errors import OutcomeUnknown, Transient
from tradewinds.core.order import OrderState
from tradewinds.trading.tracking import Tracking

OUTAGE_S = 1800.0


async def _six_sells_and_an_outage(scene) -> list[str]:
    """Six sells rest, the venue is gone, their cancels are wanted, the price rises through three of them, half an hour passes."""
    await scene.start()
    prices = ["60010.00", "60020.00", "60030.00", "60510.00", "60520.00", "60530.00"]
    names = [await scene.order("sell", "0.01", price) for price in prices]
    assert [one.status for one in scene.orders] == ["new"] * 6
    scene.network.cut_all(OUTAGE_S)
    await scene.wait(1.0)
    for one in names:
        scene.cancel(one)
    scene.price("60100.00", 12)
    scene.tick_s = 1.0
    await scene.wait(OUTAGE_S - 10.0)
    assert [one.status for one in scene.orders] == ["filled"] * 3 + ["new"] * 3
    return names


def test_no_order_is_given_up_because_nobody_answers(binance) -> None:
    async def story(scene) -> None:
        # given six sells, and an outage in which their cancels are wanted
        names = await _six_sells_and_an_outage(scene)

        # then, as long as it lasts, none has ended in our books, and a person was told
        assert [scene.ours(one).has_ended for one in names] == [False] * 6
        assert any(one.startswith("critical") and "not cancelled after" in one for one in scene.alerts)

        # when the name resolves again
        await scene.until(lambda: not scene.books.open, 120.0)
        await scene.wait(5.0)

        # then the fills are booked, the rest is cancelled, and both sides agree
        states = [scene.ours(one).state for one in names]
        assert states == [OrderState.FILLED] * 3 + [OrderState.CANCELLED] * 3
        assert [one.status for one in scene.orders] == ["filled"] * 3 + ["cancelled"] * 3
        assert scene.executed == Decimal("-0.03")
        scene.assert_books_are_right()

    binance.play(story)


@pytest.mark.parametrize("broker", ["oanda", "ibkr"])
def test_nor_at_other_brokers(scene, broker: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        price, tick, lot = scene.first.price, scene.first.tick, scene.first.lot
        names = [await scene.order("sell", str(lot), str(price + away * tick)) for away in (100, 200, 300, 5100, 5200, 5300)]
        scene.network.cut_all(OUTAGE_S)
        await scene.wait(1.0)
        for one in names:
            scene.cancel(one)
        scene.price(str(price + 1000 * tick), 12)
        scene.tick_s = 1.0
        await scene.wait(OUTAGE_S - 10.0)
        assert [one.status for one in scene.orders] == ["filled"] * 3 + ["new"] * 3
        assert [scene.ours(one).has_ended for one in names] == [False] * 6

        await scene.until(lambda: not scene.books.open, 600.0)
        await scene.wait(5.0)

        assert [scene.ours(one).state for one in names] == [OrderState.FILLED] * 3 + [OrderState.CANCELLED] * 3
        assert scene.part("trend") == scene.executed == -3 * lot
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_it_happens_where_a_network_error_counts_as_the_end_of_an_order(binance, monkeypatch) -> None:
    cancel, report = CcxtBroker.cancel, Tracking.report

    async def given_up(self, order) -> OrderReport:
        try:
            return await cancel(self, order)
        except (Transient, OutcomeUnknown):
            return OrderReport(order.client_order_id, order.venue_order_id, order.instrument, OrderState.CANCELLED, 0)

    def forgotten(self, said, *rest) -> None:
        order = self.step.books.named(said.client_order_id, said.venue_order_id)
        if order is None or not order.has_ended:
            report(self, said, *rest)

    monkeypatch.setattr(CcxtBroker, "cancel", given_up)
    monkeypatch.setattr(Tracking, "report", forgotten)

    async def story(scene) -> None:
        names = await _six_sells_and_an_outage(scene)

        assert [scene.ours(one).has_ended for one in names] == [True] * 6
        assert scene.executed == Decimal("-0.03")
        await scene.wait(60.0)
        assert [one.status for one in scene.orders] == ["filled"] * 3 + ["new"] * 3

    binance.play(story)
