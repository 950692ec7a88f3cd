"""A position from before the first start (MBATS #9), and spot balances that were gone after a restart (roboquant's CryptoBroker).

In public: a bot that was started on an account with a position traded as if it were flat, sold it "short", or bought it once more; and
coins held on spot were balances to the venue and nothing to the program after its next start.

Here: the opening takes over what the venue holds into nobody's book, before anything is decided; a restart brings back what
strategies hold from the journal, and finds the venue saying the same.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.campaign.disk import Disk
from tradewinds.core.order import OrderState
from tradewinds.trading.books import MANUAL

SIZES = {"binance": ("0.03", "0.05"), "oanda": ("3", "5"), "ibkr": ("3", "5")}


@pytest.mark.parametrize("broker", sorted(SIZES))
def test_a_round_trip_leaves_what_was_there_before(scene, broker: str) -> None:
    before, size = SIZES[broker]

    async def story(scene) -> None:
        # given a position that somebody bought before we ever ran
        scene.stage.order_by_hand(scene.first, "buy", Decimal(before), None)
        found = scene.stage.positions()[scene.first.id]
        await scene.wait(5.0)
        await scene.start()
        await scene.wait(5.0)
        assert scene.held() == found
        assert (scene.part(MANUAL), scene.part("trend")) == (scene.books.whole.quantity(scene.first.id), 0)

        # when a strategy buys and sells
        bought = await scene.order("buy", size)
        await scene.until(lambda: scene.ours(bought).state is OrderState.FILLED)
        await scene.wait(2.0)
        assert scene.part("trend") == Decimal(size)
        sold = await scene.order("sell", size)
        await scene.until(lambda: scene.ours(sold).state is OrderState.FILLED)
        await scene.wait(5.0)

        # then it is flat, and what was there before is there
        assert scene.part("trend") == 0
        assert scene.part(MANUAL) == scene.books.whole.quantity(scene.first.id)
        assert scene.stage.positions()[scene.first.id] == scene.held()
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_coins_held_on_spot_are_a_position_after_a_restart(binance) -> None:
    async def story(scene) -> None:
        # given 0.05 bought by a strategy, of 100 that were there
        await scene.start()
        bought = await scene.order("buy", "0.05")
        await scene.until(lambda: scene.ours(bought).state is OrderState.FILLED)
        await scene.wait(5.0)
        held, whole = scene.held(), scene.books.whole.quantity(scene.first.id)

        # when the process is killed and started again
        scene.kill()
        await scene.start()
        await scene.wait(5.0)

        # then position and balance are what they were, without an adjustment
        assert (scene.held(), scene.books.whole.quantity(scene.first.id)) == (held, whole)
        assert scene.part("trend") == Decimal("0.05")
        assert scene.held() == scene.stage.positions()[scene.first.id] == Decimal("100.04995")
        assert not any("the books have" in one for one in scene.alerts)
        scene.assert_books_are_right()

    binance.play(story)


def test_with_the_journal_gone_the_balances_are_taken_over(binance) -> None:
    async def story(scene) -> None:
        await scene.start()
        bought = await scene.order("buy", "0.05")
        await scene.until(lambda: scene.ours(bought).state is OrderState.FILLED)
        scene.kill()
        scene.disk = Disk()

        await scene.start()
        await scene.wait(10.0)

        assert scene.held() == scene.stage.positions()[scene.first.id] == Decimal("100.04995")
        assert scene.errors == []

    binance.play(story)
