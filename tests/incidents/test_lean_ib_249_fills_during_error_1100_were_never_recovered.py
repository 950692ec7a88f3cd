"""Lean.Brokerages.InteractiveBrokers#249: fills during error 1100 were never recovered.

In public: code 1100 came in the middle of a batch of fills at the open. What was told after it was dropped, and when the line was back
nobody asked for executions (`reqExecutions`): positions were there at the broker that the algorithm did not know, for good.

Here: with every way in which the line can come back (1101, 1102, a new connection) executions, open orders and positions are asked for
before anything else is sent.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.brokers.ibkr_line import Line
from tradewinds.brokers.ibkr_told import Executed
from tradewinds.core.order import OrderState


async def _fill_while_cut_off(scene) -> list[str]:
    """Three limits fill, in five executions, while the gateway has lost IB."""
    await scene.start()
    names = [await scene.order("buy", size, "229.00") for size in ("10", "20", "15")]
    scene.gateway.cut_off()
    await scene.wait(1.0)
    scene.price("228.50", 18)
    await scene.wait(20.0)
    assert [one.status for one in scene.orders] == ["filled", "filled", "filled"]
    assert len(scene.executions) >= 4
    return names


@pytest.mark.parametrize("is_data_lost", [True, False], ids=["1101", "1102"])
def test_fills_that_nobody_told_are_asked_for(ibkr, is_data_lost: bool) -> None:
    async def story(scene) -> None:
        # given fills that happened while the gateway was cut off from IB
        names = await _fill_while_cut_off(scene)
        assert scene.held() == 0

        # when the line is back
        scene.gateway.restore(is_data_lost=is_data_lost)
        await scene.until(lambda: scene.held() == 45, 30.0)

        # then every order has its fills, and the journal every execution once
        assert [scene.ours(one).state for one in names] == [OrderState.FILLED] * 3
        assert len(scene.booked) == len(scene.executions)
        assert scene.executed == Decimal(45)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_fills_while_the_connection_itself_was_gone_are_asked_for(ibkr) -> None:
    async def story(scene) -> None:
        await scene.start()
        name = await scene.order("buy", "10", "229.00")
        scene.network.cut_all(5.0)
        scene.price("228.50", 18)
        assert scene.executed == 10

        await scene.until(lambda: scene.held() == 10, 60.0)

        assert scene.ours(name).state is OrderState.FILLED
        scene.assert_books_are_right()

    ibkr.play(story)


def test_it_happens_where_executions_are_asked_for_at_the_start_only(ibkr, monkeypatch) -> None:
    async def nobody_asks(self: Line) -> list[Executed]:
        return []

    async def story(scene) -> None:
        names = await _fill_while_cut_off(scene)
        monkeypatch.setattr(Line, "executions", nobody_asks)
        scene.gateway.restore()
        await scene.wait(600.0)

        assert scene.executed == 45
        assert [scene.ours(one).filled for one in names] == [0, 0, 0]
        assert scene.booked == []

    ibkr.play(story)
