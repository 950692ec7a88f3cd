"""hummingbot#493, #720: a time-out counted as failure, and the order was there twice.

In public: creating an order at Binance timed out; the bot took the time-out for a failure, dropped the order and placed the next set; the
old ones worked on for days beside the new (#493). A bot was stopped while its network was away; when it came back, two equal orders went
out on the same side, three times in a row (#720).

Here: a time-out is a doubt. While it lasts the instrument is frozen, so a strategy that wants its quote again does not get a second one;
the doubt ends by asking the venue. What was wanted while the venue was away leaves within seconds or never, and not at all once somebody
has stopped trading.
"""

from __future__ import annotations

from tradewinds.core.order import OrderState
from tradewinds.trading.entry import Controlled


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


def test_what_was_wanted_while_the_venue_was_away_does_not_pile_up(binance) -> None:
    async def story(scene) -> None:
        # given a venue that is away for a minute, in which a quote is wanted again and again
        await scene.start()
        scene.network.cut_all(60.0)
        wanted = []
        for _ in range(12):
            wanted.append(scene.want("buy", "0.05", "59000.00"))
            await scene.wait(5.0)

        # when it is back
        await scene.wait(60.0)

        # then at most what was wanted in its last seconds has left, and every other one has ended without having been there
        placed = [one for one in wanted if scene.placed(one)]
        assert set(placed) <= set(wanted[-3:])
        ended = [scene.ours(one).state for one in wanted if one in scene.books.orders and one not in placed]
        assert set(ended) == {OrderState.ABSENT}
        assert len(scene.orders) == len(placed)
        scene.assert_books_are_right(still_open=len(placed))

    binance.play(story)


def test_who_stopped_trading_gets_no_order_when_the_network_is_back(binance) -> None:
    async def story(scene) -> None:
        # given orders that cannot leave, because the network is away
        await scene.start()
        scene.network.cut_all(8.0)
        await scene.wait(1.0)
        wanted = [scene.want("buy", "0.05", "59000.00") for _ in range(2)]
        await scene.wait(2.0)

        # when a person stops trading, and the network comes back
        scene.put(Controlled("halt", "person", "stopped", epoch=1))
        await scene.wait(60.0)

        # then nothing was sent, then or later
        assert scene.orders == []
        assert all(scene.ours(one).has_ended for one in wanted)
        scene.want("buy", "0.05", "59000.00")
        await scene.wait(5.0)
        assert scene.orders == []
        assert scene.refusals[-1][0] == "halt"
        scene.assert_books_are_right()

    binance.play(story)
