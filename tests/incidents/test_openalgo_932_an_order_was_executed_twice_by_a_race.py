"""openalgo#932: an order for one became two by a race.

In public: a market order was handed to two executors, the immediate one and the one that listens to ticks; a tick arrived between the two
and the same order id was executed twice. Bought 1, held -2.

Here: a fill reaches the books by three ways at once (the answer to the order, the user stream, the list of executions), in any order and
each perhaps twice, and is booked by the venue's own id once; an intent that is wanted twice in the same step is one order.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.trading.entry import Wanted

SIZES = {"binance": "0.05", "oanda": "10", "ibkr": "5"}


@pytest.mark.parametrize("broker", sorted(SIZES))
def test_one_fill_told_in_every_way_and_twice_is_booked_once(scene, broker: str) -> None:
    size = Decimal(SIZES[broker])

    async def story(scene) -> None:
        # given a stream that tells everything twice, and out of order
        await scene.start()
        scene.script.plan("duplicate", "stream", times=8)
        scene.script.plan("reorder", "stream", times=2)

        # when an order fills, and its executions are asked for again and again
        name = await scene.order("buy", str(size))
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        for _ in range(3):
            scene.stage.restart()
            await scene.wait(20.0)

        # then the venue has one order, and the journal every execution once
        assert scene.script.struck("duplicate") >= 1
        assert len(scene.orders) == 1
        assert len(scene.booked) == len(scene.executions)
        assert (scene.executed, scene.part("trend")) == (size, size)
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_an_intent_that_is_wanted_twice_at_once_is_one_order(binance) -> None:
    async def story(scene) -> None:
        await scene.start()
        terms = OrderTerms(scene.first.id, "buy", Decimal("0.05"))
        intent = Intent("main", "trend", scene.now_ns(), terms)

        scene.put(Wanted((intent, intent), "trend"))
        scene.put(Wanted((intent,), "trend"))
        await scene.wait(5.0)

        assert len(scene.orders) == 1
        assert [rule for rule, _ in scene.refusals] == ["duplicate", "duplicate"]
        assert scene.executed == Decimal("0.05")
        scene.assert_books_are_right()

    binance.play(story)


def test_it_happens_where_a_fill_is_known_by_the_way_it_came(binance, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", "0.05")
        await scene.wait(5.0)

        assert scene.executed == Decimal("0.05")
        assert sum(one.fill.quantity for one in scene.booked) == Decimal("0.10")

    with mutant("fill_booked_twice"):
        binance.play(story)
