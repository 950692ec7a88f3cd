"""Interactive Brokers' nights: 1100 followed by 1101 or 1102, the nightly restart, and a history that is empty because nobody answered.

In public: programs ended at the nightly reset, re-subscribed after 1102 and not after 1101 or the other way round, lost track of the
day's executions, which TWS forgets at midnight, and took a request that timed out for "no bars".

Here: whichever way it comes back the books are compared before anything is sent; what a new day has forgotten was booked the day before;
and a question without an answer is an error, never an empty list.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState


@pytest.mark.parametrize("is_new_day", [False, True], ids=["same day", "new day"])
def test_orders_and_positions_outlive_the_nightly_restart(ibkr, is_new_day: bool) -> None:
    async def story(scene) -> None:
        # given a position, and orders that rest overnight
        await scene.start()
        await scene.order("buy", "5")
        rests = await scene.order("buy", "7", "229.00")
        stop = await scene.order("sell", "5", kind="stop", stop=Decimal("225.00"))
        await scene.until(lambda: scene.held() == 5)

        # when the gateway restarts, and the price falls while it is away
        scene.gateway.go_down(is_new_day=is_new_day)
        scene.network.cut_all(90.0)
        await scene.wait(60.0)
        scene.price("228.50", 12)
        await scene.wait(30.0)
        scene.gateway.come_back()
        await scene.until(lambda: scene.books.link == "up")
        await scene.wait(10.0)

        # then the fill of the night is booked once, and the stop works on
        assert scene.ours(rests).state is OrderState.FILLED
        assert scene.ours(stop).state is OrderState.ACCEPTED
        assert (scene.executed, scene.held()) == (Decimal(12), Decimal(12))
        scene.assert_books_are_right(still_open=1)

    ibkr.play(story)


@pytest.mark.parametrize("is_data_lost", [True, False], ids=["1101", "1102"])
def test_nothing_is_sent_between_1100_and_the_end_of_the_comparison(ibkr, is_data_lost: bool) -> None:
    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", "5")
        scene.gateway.cut_off()
        await scene.wait(2.0)
        wanted = scene.want("sell", "5")
        await scene.wait(8.0)
        assert scene.placed(wanted) == []
        await scene.wait(60.0)

        scene.gateway.restore(is_data_lost=is_data_lost)
        await scene.wait(10.0)

        # what was wanted in the dark is too old to leave now
        assert scene.placed(wanted) == []
        assert scene.ours(wanted).state is OrderState.ABSENT
        again = await scene.order("sell", "5")
        await scene.until(lambda: scene.ours(again).state is OrderState.FILLED)
        await scene.wait(2.0)
        assert (scene.executed, scene.held()) == (0, 0)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_a_question_that_nobody_answers_is_not_an_empty_answer(ibkr) -> None:
    async def story(scene) -> None:
        # given a position, and a gateway that is cut off in the middle of being asked for holdings and executions
        await scene.start()
        await scene.order("buy", "5")
        await scene.until(lambda: scene.held() == 5)
        scene.gateway.cut_off()

        # when hours pass with comparisons that fail
        scene.tick_s = 5.0
        await scene.wait(7200.0)

        # then nothing was concluded from silence
        assert scene.held() == 5
        assert not any("the books have" in one for one in scene.alerts)
        scene.gateway.restore()
        await scene.wait(30.0)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_a_fill_that_the_gateway_has_forgotten_by_morning_is_in_the_position_all_the_same(ibkr) -> None:
    async def story(scene) -> None:
        # given an order that fills while the gateway is cut off from IB
        await scene.start()
        name = await scene.order("buy", "7", "229.00")
        await scene.wait(2.0)
        scene.gateway.cut_off()
        scene.price("228.50", 12)
        await scene.wait(5.0)
        assert scene.executed == 7

        # when it restarts into a new day, of which yesterday's executions and ended orders are no part
        scene.gateway.go_down(is_new_day=True)
        scene.network.cut_all(30.0)
        await scene.wait(30.0)
        scene.gateway.come_back()
        await scene.until(lambda: scene.held() == 7, 600.0)
        await scene.wait(60.0)

        # then the account says what the venue says, and a person is told what could not be explained
        assert scene.booked == []
        assert any("the venue has 7, the books have 0" in one for one in scene.alerts)
        assert scene.executed == scene.held() == Decimal(7)
        assert scene.errors == []
        assert scene.ours(name).state is OrderState.EXPIRED

    ibkr.play(story)
