"""A venue that bans an address, one that returns to an earlier state, one that corrects a trade, and one whose clock is not ours.

In public: programs went on asking through a 418 and were banned for longer; exchanges restored a database and took trades back, then used
their ids again; TWS sends an execution anew under the next suffix when its price was wrong; orders were refused for hours with -1021.

Here: a ban is waited for as long as the venue says; what a venue has taken back is taken over from its holdings, aloud, also where ids
come twice; a corrected execution is a question to a person; the venue's time is measured, not assumed.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState
from tradewinds.sandbox.conversation import Answer

BANNED = Answer(418, b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1"}', {"retry-after": "120"})


def test_a_ban_is_waited_for(binance) -> None:
    async def story(scene) -> None:
        # given an order, and an address that is banned for two minutes
        await scene.start()
        name = await scene.order("buy", "0.05", "59000.00")
        end_s, asked = scene.loop.time() + 120.0, []

        def banned(question, ask) -> Answer:
            if scene.loop.time() >= end_s:
                return ask(question)
            asked.append(question.path)
            return BANNED

        scene.bend("*", banned)

        # when its cancel and another order are wanted
        scene.cancel(name)
        other = scene.want("buy", "0.05", "58000.00")
        await scene.until(lambda: scene.ours(name).has_ended, 300.0)
        await scene.wait(30.0)

        # then nobody asked on during the ban, the cancel was done after it, and the order, too old by then, did not leave
        assert 1 <= len(asked) <= 5
        assert scene.loop.time() > end_s
        assert scene.ours(name).state is OrderState.CANCELLED
        assert scene.ours(other).state is OrderState.ABSENT
        assert scene.placed(other) == []
        scene.assert_books_are_right()

    binance.play(story)


def test_what_a_venue_took_back_is_not_held(binance) -> None:
    async def story(scene) -> None:
        # given an order and a fill that the venue forgets when it returns to its state of before
        await scene.start()
        await scene.order("buy", "0.05")
        await scene.wait(5.0)
        exchange, wallet = scene.stage.exchange, scene.stage.venue.wallet
        taken, purse = exchange.snapshot(), wallet.snapshot()
        rests = await scene.order("buy", "0.02", "59000.00")
        await scene.order("buy", "0.03")
        await scene.wait(2.0)
        exchange.restore(taken)
        wallet.restore(purse)
        scene.network.cut_all(3.0)

        # when the connection is back
        await scene.wait(300.0)

        # then the books hold what the venue holds, and a person knows
        assert scene.held() == scene.stage.positions()[scene.first.id] == Decimal("100.04995")
        assert scene.ours(rests).state is OrderState.EXPIRED
        assert any("the venue knows it no more" in one for one in scene.alerts)

        # and a new fill under an id that was used before is no old one: at the latest the holdings say so
        again = await scene.order("buy", "0.01")
        await scene.wait(300.0)
        assert scene.ours(again).state is OrderState.FILLED
        assert scene.held() == scene.stage.positions()[scene.first.id] == Decimal("100.05994")
        assert scene.errors == []

    binance.play(story)


def test_a_corrected_execution_is_no_second_one(ibkr) -> None:
    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", "5")
        await scene.wait(2.0)

        scene.gateway.correct(1, Decimal("229.50"))
        await scene.wait(5.0)
        scene.kill()
        await scene.start()
        await scene.wait(5.0)

        assert scene.held() == 5
        assert len(scene.booked) == 1
        assert any("corrected to 5 at 229.5" in one for one in scene.alerts)
        assert scene.errors == []

    ibkr.play(story)


@pytest.mark.parametrize("skew_s", [-8.0, -0.9, 8.0, 3600.0])
def test_a_clock_that_is_not_the_venues_costs_no_order(binance, skew_s: float) -> None:
    async def story(scene) -> None:
        # given a machine whose clock jumps after the start
        await scene.start()
        right = scene.now_ns
        scene.now_ns = lambda: right() + int(skew_s * 1e9)

        first = await scene.order("buy", "0.05")
        await scene.until(lambda: scene.ours(first).has_ended)
        await scene.wait(5.0)
        second = await scene.order("sell", "0.05")
        await scene.until(lambda: scene.ours(second).has_ended)
        await scene.wait(20.0)

        assert [scene.ours(one).state for one in (first, second)] == [OrderState.FILLED] * 2
        assert scene.executed == 0
        scene.assert_books_are_right()

    binance.play(story)


@pytest.mark.parametrize("broker", ["binance", "oanda", "ibkr"])
def test_an_order_that_a_person_cancels_after_a_part_of_it_filled_has_that_part(scene, broker: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        price, tick, lot = scene.first.price, scene.first.tick, scene.first.lot
        name = await scene.order("buy", str(lot * 20), str(price - 500 * tick))
        await scene.wait(1.0)

        scene.price(str(price - 503 * tick), 7)
        scene.stage.exchange.cancel(scene.placed(name)[0].id, "by hand")
        await scene.until(lambda: scene.ours(name).has_ended)
        await scene.wait(5.0)

        assert scene.ours(name).state is OrderState.CANCELLED
        assert scene.ours(name).filled == lot * 7
        scene.assert_books_are_right()

    scene(broker).play(story)
