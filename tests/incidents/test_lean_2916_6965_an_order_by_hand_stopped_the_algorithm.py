"""Lean#2916, #6965: an order placed by hand at the broker stopped the algorithm.

In public: somebody traded an OANDA account in the broker's own client while an algorithm traded it too. A transaction named an order id
that the engine did not know; it raised and shut the algorithm down with its positions open, by design ("we cannot maintain state").

Here: what is not ours is watched and left alone; its fills are booked to nobody's book, so that the account is right and no strategy is
charged with them; a person is told; trading goes on.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState
from tradewinds.trading.books import MANUAL
from tradewinds.trading.tracking import Tracking

SIZES = {"binance": ("0.02", "0.01", "59000.00"), "oanda": ("10", "5", "1.06000"), "ibkr": ("2", "1", "220.00")}


@pytest.mark.parametrize("broker", sorted(SIZES))
def test_trading_goes_on_beside_a_person(scene, broker: str) -> None:
    size, hand, resting = SIZES[broker]

    async def story(scene) -> None:
        # given a position of a strategy
        await scene.start()
        await scene.order("buy", size)
        await scene.until(lambda: scene.part("trend") == Decimal(size))
        begun = scene.held()

        # when a person sells some of it at the venue's screen, and leaves another order there
        scene.stage.order_by_hand(scene.first, "sell", Decimal(hand), None)
        scene.stage.order_by_hand(scene.first, "buy", Decimal(hand), Decimal(resting))
        await scene.until(lambda: scene.held() == begun - Decimal(hand))
        await scene.until(lambda: scene.books.foreign, 400.0)  # IB tells nobody of it: the comparison of an idle account finds it

        # then the account says what the venue says, the strategy's book is untouched, and somebody was told
        assert scene.stage.positions()[scene.first.id] == scene.held()
        assert scene.part("trend") == Decimal(size)
        assert scene.part(MANUAL) + scene.part("trend") == scene.books.whole.quantity(scene.first.id)
        assert any("is not ours; it is left alone" in one for one in scene.alerts)

        # and the next order goes out as if nothing had been, the person's own one stays
        await scene.wait(1.0)
        name = await scene.order("buy", size)
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(3.0)
        assert [one.by_hand for one in scene.working()] == [True]
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_it_happens_where_an_unknown_order_is_an_error(oanda, monkeypatch) -> None:
    def unknown(self, report) -> None:
        raise ValueError(f"received unknown order id {report.venue_order_id}")

    async def story(scene) -> None:
        await scene.start()
        scene.stage.order_by_hand(scene.first, "buy", Decimal(10), Decimal("1.06000"))
        await scene.wait(5.0)
        assert not scene.is_running
        assert "unknown order id" in scene.errors[0]

    monkeypatch.setattr(Tracking, "_stranger", unknown)
    oanda.play(story)
