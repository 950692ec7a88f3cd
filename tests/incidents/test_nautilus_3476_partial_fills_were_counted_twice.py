"""nautilus_trader#3476: partial fills of an open order were counted twice at the start.

In public: an order to sell 5 had filled on another day; an order to buy 5 was open with 4 of it filled; the account was short 1. The
comparison at the start made an order of -1 out of the position and then booked the open order's 4 on top: +3 in the books, -1 at the venue.

Here: what is held is what fills say, and only the rest of the venue's position is taken over; a partial fill is an execution with an id,
never a difference of two totals.
"""

from __future__ import annotations

from decimal import Decimal

from tradewinds.campaign.disk import Disk
from tradewinds.core.order import OrderState


async def _short_one_with_four_of_five_filled(scene) -> str:
    """Sold 5 yesterday; today an order to buy 5, of which 4 are filled."""
    await scene.start()
    scene.price("230.00", 12)
    await scene.order("sell", "5")
    await scene.until(lambda: scene.held() == -5)
    scene.gateway.go_down(is_new_day=True)
    scene.network.cut_all(1.0)
    scene.gateway.come_back()
    await scene.wait(30.0)
    scene.stage.exchange.replenish_ns = 10**18  # what is on offer is there once
    scene.price("230.00", 4)
    buying = await scene.order("buy", "5", "230.50")
    await scene.until(lambda: scene.executed == -1)
    await scene.wait(2.0)
    return buying


def test_after_a_restart_the_books_say_minus_one(ibkr) -> None:
    async def story(scene) -> None:
        # given a net position of -1, which an open order is a part of
        buying = await _short_one_with_four_of_five_filled(scene)
        assert scene.placed(buying)[0].filled == 4

        # when the process is started again
        scene.kill()
        await scene.start()
        await scene.wait(10.0)

        # then the books say what the venue says
        assert scene.held() == Decimal(-1)
        assert scene.ours(buying).state is OrderState.PARTIALLY_FILLED
        scene.assert_books_are_right(still_open=1)

        # and when the last one fills, both are flat
        scene.price("230.10", 3)
        await scene.until(lambda: scene.ours(buying).state is OrderState.FILLED)
        await scene.wait(5.0)
        assert (scene.executed, scene.held()) == (0, 0)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_with_an_empty_journal_the_books_say_minus_one(ibkr) -> None:
    async def story(scene) -> None:
        # given the same, and a process that has never seen any of it
        await _short_one_with_four_of_five_filled(scene)
        scene.kill()
        scene.disk = Disk()

        # when it starts
        await scene.start()
        await scene.wait(10.0)

        # then the position is taken over once, however much of it today's executions explain
        assert (scene.executed, scene.held()) == (Decimal(-1), Decimal(-1))
        assert scene.errors == []

    ibkr.play(story)


def test_it_happens_where_a_partial_fill_is_the_number_filled_so_far(ibkr, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        scene.stage.exchange.replenish_ns = 10**18
        scene.price("230.00", 2)
        await scene.order("buy", "5", "230.50")
        await scene.wait(1.0)
        scene.price("230.10", 2)
        await scene.wait(1.0)

        assert scene.executed == 4
        assert scene.held() > 4

    with mutant("cumulative_fills"):
        ibkr.play(story)
