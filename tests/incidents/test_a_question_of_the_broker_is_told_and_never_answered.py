"""Questions of the broker ("are you sure?"): shown to a person, never accepted by the program (EasyIB, roboquant).

In public: wrappers of Interactive Brokers' APIs answered every precaution with yes, among them "this order is 40 times your usual size".

Here: an order that TWS holds until somebody confirms stays pending in the books, its question is a critical alert with the venue's words,
nothing confirms it, and a person's yes or no at the venue's own screen is what ends it.
"""

from __future__ import annotations

import pytest

from tradewinds.core.order import OrderState

QUESTION = (383, "The following order exceeds the Size Limit of 500. Do you want to submit it?")


async def _held(scene) -> tuple[str, int]:
    """An order about which TWS asks, and its number there."""
    await scene.start()
    scene.gateway.asks = lambda ticket: QUESTION if ticket.quantity > 500 else None
    name = scene.want("buy", "600", "229.00")
    await scene.until(lambda: scene.gateway.tickets)
    await scene.wait(30.0)
    (ticket,) = scene.gateway.tickets.values()
    return name, ticket.perm_id


def test_the_question_is_told_and_the_order_waits(ibkr) -> None:
    async def story(scene) -> None:
        name, _ = await _held(scene)

        assert scene.orders == []  # it has not reached the exchange
        assert any(one.startswith("critical") and "Do you want to submit it?" in one for one in scene.alerts)
        assert not scene.ours(name).has_ended
        assert (scene.executed, scene.held()) == (0, 0)
        assert scene.is_running

    ibkr.play(story)


@pytest.mark.parametrize(("answer", "state"), [("confirm", OrderState.ACCEPTED), ("refuse", OrderState.CANCELLED)])
def test_a_persons_answer_at_the_venue_decides(ibkr, answer: str, state: OrderState) -> None:
    async def story(scene) -> None:
        name, perm_id = await _held(scene)

        getattr(scene.gateway, answer)(perm_id)
        await scene.until(lambda: scene.ours(name).state is state)
        await scene.wait(5.0)

        assert [one.status for one in scene.placed(name)] == (["new"] if answer == "confirm" else [])
        scene.assert_books_are_right(still_open=1 if answer == "confirm" else 0)

    ibkr.play(story)
