"""ccxt#2599, #7411: a time-out, and the order was placed all the same.

In public: a slow exchange did not answer within ten seconds; the program took the time-out for "not sent" and recorded nothing. More often
than not the order had been placed. Without an answer there was no id to ask with; and when the order had filled at once, a look at the
open orders did not show it either.

Here: the order has a name of our own before it leaves, in the journal and at the venue; after a time-out it is asked for by that name,
among orders open and ended, and its fills are asked for.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState


@pytest.mark.parametrize(("limit", "state", "status"), [(None, "filled", "filled"), ("59000.00", "accepted", "new")])
def test_after_the_time_out_the_order_is_found_by_our_name(binance, limit: str | None, state: str, status: str) -> None:
    async def story(scene) -> None:
        # given a venue that takes the order and never answers, and a stream that says nothing
        scene.deafen()
        await scene.start()
        await scene.wait(5.0)
        scene.script.plan("timeout_accepted", "POST /api/v3/order")

        # when it is wanted
        name = scene.want("buy", "0.05", limit)
        await scene.until(lambda: name in scene.books.orders and scene.ours(name).state.value == state)
        await scene.wait(5.0)

        # then the venue has it once, and so have we
        assert scene.script.struck("timeout_accepted") == 1
        assert [one.status for one in scene.placed(name)] == [status]
        assert scene.executed == (Decimal("0.05") if limit is None else 0)
        assert len(scene.booked) == len(scene.executions)
        scene.assert_books_are_right(still_open=0 if limit is None else 1)

    binance.play(story)


def test_a_request_that_arrives_after_everybody_gave_it_up_is_found_too(binance) -> None:
    async def story(scene) -> None:
        # given a request that lies on the way for some seconds, while the process dies and is started again
        await scene.start()
        scene.script.plan("late_arrival", "POST /api/v3/order")
        name = scene.want("buy", "0.05")
        await scene.until(lambda: scene.script.struck("late_arrival"))
        scene.kill()
        assert scene.orders == []

        # when the new one asks for it before it has arrived
        await scene.start()
        await scene.until(lambda: scene.placed(name))
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(10.0)

        # then it is not taken for absent
        assert (len(scene.placed(name)), scene.executed) == (1, Decimal("0.05"))
        scene.assert_books_are_right()

    binance.play(story)


def test_it_happens_where_a_time_out_means_not_sent(binance, mutant) -> None:
    async def story(scene) -> None:
        scene.deafen()
        await scene.start()
        await scene.wait(5.0)
        scene.script.plan("timeout_accepted", "POST /api/v3/order")
        name = scene.want("buy", "0.05")
        await scene.until(lambda: name in scene.books.orders and scene.ours(name).has_ended)

        assert scene.ours(name).state is not OrderState.FILLED
        assert scene.executed == Decimal("0.05")

    with mutant("unknown_is_rejected"):
        binance.play(story)
