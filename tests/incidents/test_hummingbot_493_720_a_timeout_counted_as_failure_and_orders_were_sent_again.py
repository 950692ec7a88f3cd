"""hummingbot#493, #720: a time-out counted as failure, and the order was there twice.

In public: creating an order at Binance timed out; the bot took the time-out for a failure, dropped the order and placed the next set. The
old ones worked on for days, unmanaged, beside the new.

Here: a time-out is a doubt. While it lasts the instrument is frozen, so a strategy that wants its quote again does not get a second one;
the doubt ends by asking the venue, and then the first order is the one that works.
"""

from __future__ import annotations

from tradewinds.core.order import OrderState


async def _quoting(scene, seconds: int) -> None:
    """A market maker: each second, where none of its orders works or is on its way, it wants its bid anew."""
    for _ in range(seconds):
        if not any(not one.has_ended for one in scene.books.orders.values()):
            scene.want("buy", "0.05", "59000.00")
        await scene.wait(1.0)


async def _eager(scene, seconds: int) -> None:
    """A strategy that takes an order of which it knows nothing for gone."""
    for _ in range(seconds):
        if all(one.has_ended or one.state is OrderState.UNKNOWN for one in scene.books.orders.values()):
            scene.want("buy", "0.05", "59000.00")
        await scene.wait(1.0)


def test_one_bid_stays_one_bid(binance) -> None:
    async def story(scene) -> None:
        # given a venue that takes the order and does not answer
        await scene.start()
        scene.script.plan("timeout_accepted", "POST /api/v3/order")

        # when the strategy wants its bid, second by second
        await _quoting(scene, 30)

        # then the venue has one
        assert scene.script.struck("timeout_accepted") == 1
        assert [one.status for one in scene.orders] == ["new"]
        assert [one.state for one in scene.books.orders.values()] == [OrderState.ACCEPTED]
        scene.assert_books_are_right(still_open=1)

    binance.play(story)


def test_a_strategy_that_does_not_look_is_held_back_while_the_doubt_lasts(binance) -> None:
    async def story(scene) -> None:
        # given an order that is taken and not answered, of which the stream says nothing either
        scene.deafen()
        await scene.start()
        scene.script.plan("timeout_accepted", "POST /api/v3/order")
        scene.script.plan("timeout_not_accepted", "GET /api/v3/order", times=2)

        # when the strategy goes on wanting it
        await _eager(scene, 40)

        # then it was refused because of the doubt, and nothing was sent
        assert scene.script.struck("timeout_accepted") == 1
        assert {rule for rule, _ in scene.refusals} == {"frozen"}
        assert len(scene.orders) == 1
        scene.assert_books_are_right(still_open=1)

    binance.play(story)


def test_it_happens_where_a_timeout_is_a_rejection(binance, mutant) -> None:
    async def story(scene) -> None:
        scene.deafen()
        await scene.start()
        scene.script.plan("timeout_accepted", "POST /api/v3/order")
        await _quoting(scene, 40)

        assert [one.status for one in scene.orders] == ["new", "new"]

    with mutant("unknown_is_rejected"):
        binance.play(story)
