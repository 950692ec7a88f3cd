"""Duplicate and late fills, partial fills, a cancel that loses against a fill, and an order looked up by our id after a crash.

In public these are the ordinary bad moments of every venue: a fill is told after the order's end, or twice; half an order fills while its
cancel is on the way; a process dies between sending and hearing. Whoever believes one message books too little, or twice.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState

CROSSED = {"binance": ("0.20", "60005.00", "59990.00"), "oanda": ("20", "1.08450", "1.08400"), "ibkr": ("20", "229.90", "229.80")}


def _own(one) -> Decimal:
    return one.fill.quantity


@pytest.mark.parametrize("broker", sorted(CROSSED))
def test_a_cancel_that_crosses_a_partial_fill_keeps_what_was_filled(scene, broker: str) -> None:
    size, _, _ = CROSSED[broker]

    async def story(scene) -> None:
        # given an order that rests below the market, twice as large as what will be offered
        await scene.start()
        middle = scene.first.price
        limit = middle - 20 * scene.first.tick
        name = await scene.order("buy", size, str(limit))
        await scene.wait(2.0)

        # when its cancel leaves, and the price comes down in the moment in which it is on its way
        scene.cancel(name)
        scene.price(str(limit - 3 * scene.first.tick), 7)
        await scene.until(lambda: scene.ours(name).has_ended)
        await scene.wait(5.0)

        # then the part is booked, and the rest is gone on both sides
        (order,) = scene.placed(name)
        assert 0 < order.filled < order.quantity
        assert order.status == "cancelled"
        assert scene.ours(name).state is OrderState.CANCELLED
        assert scene.ours(name).filled == order.filled == sum(map(_own, scene.booked), Decimal(0))
        scene.assert_books_are_right()

    scene(broker).play(story)


@pytest.mark.parametrize("broker", sorted(CROSSED))
def test_a_cancel_that_comes_too_late_ends_in_a_fill(scene, broker: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        limit = scene.first.price - 20 * scene.first.tick
        lots = scene.first.lot * 5
        name = await scene.order("buy", str(lots), str(limit))
        await scene.wait(2.0)

        scene.cancel(name)
        scene.price(str(limit - 3 * scene.first.tick), 12)
        await scene.until(lambda: scene.ours(name).has_ended)
        await scene.wait(5.0)

        assert [one.status for one in scene.placed(name)] == ["filled"]
        assert scene.ours(name).state is OrderState.FILLED
        assert scene.part("trend") == scene.executed == lots
        scene.assert_books_are_right()

    scene(broker).play(story)


@pytest.mark.parametrize("broker", sorted(CROSSED))
def test_fills_that_come_late_and_twice_are_booked_once(scene, broker: str) -> None:
    size, _, _ = CROSSED[broker]

    async def story(scene) -> None:
        # given an order that fills in several parts, on a stream that holds messages back and repeats them
        await scene.start()
        limit = scene.first.price - 20 * scene.first.tick
        name = await scene.order("buy", size, str(limit))
        scene.script.plan("reorder", "stream", times=3)
        scene.script.plan("duplicate", "stream", times=6)

        for step in range(4):
            scene.price(str(limit - (2 + step) * scene.first.tick), 6)
            await scene.wait(1.5)
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(5.0)

        assert len(scene.executions) >= 3
        assert len(scene.booked) == len(scene.executions)
        assert scene.part("trend") == scene.executed == Decimal(size)
        assert scene.script.struck("duplicate") >= 1
        scene.assert_books_are_right()

    scene(broker).play(story)


@pytest.mark.parametrize("broker", sorted(CROSSED))
def test_an_order_of_which_the_process_died_is_found_by_our_id(scene, broker: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        limit = scene.first.price - 2000 * scene.first.tick
        name = scene.want("buy", str(scene.first.lot * 5), str(limit))
        await scene.kill_when_placed(name)

        await scene.wait(1.0)
        await scene.start()
        await scene.until(lambda: scene.ours(name).state is OrderState.ACCEPTED)
        scene.cancel(name)
        await scene.until(lambda: scene.ours(name).has_ended)

        assert [one.status for one in scene.placed(name)] == ["cancelled"]
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_it_happens_where_a_part_counts_as_the_whole(ibkr, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        name = await scene.order("buy", "20", "229.90")
        scene.price("229.80", 7)
        await scene.until(lambda: scene.ours(name).filled)
        await scene.wait(0.2)

        assert scene.ours(name).state is OrderState.FILLED
        assert scene.placed(name)[0].status == "partial"

    with mutant("partial_is_filled"):
        ibkr.play(story)
