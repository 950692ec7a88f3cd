"""nautilus_trader#3176, #3046, #3023: what a restart did to orders, fills and positions.

In public: with a persistent cache every restart against Interactive Brokers made orders anew under random ids to explain the position that
was there already (#3176); fills of the cache were applied a second time and their trade ids collided (#3046); a position that the venue
said was flat was skipped at the comparison, so the cache kept it (#3023).

Here: a restart replays the journal, which sends nothing; executions that the gateway tells again are known by their ids; what happened
while nobody ran is booked once; and flat at the venue is flat in the books.
"""

from __future__ import annotations

from decimal import Decimal

from tradewinds.core.order import OrderState
from tradewinds.live.account import AccountLoop
from tradewinds.trading.entry import Adjusted


async def _restart(scene) -> None:
    scene.kill()
    await scene.wait(1.0)
    await scene.start()
    await scene.wait(5.0)


def test_restarts_send_nothing_and_book_no_fill_twice(ibkr) -> None:
    async def story(scene) -> None:
        # given a position, and an order that works
        await scene.start()
        await scene.order("buy", "5")
        resting = await scene.order("sell", "2", "240.00")
        await scene.until(lambda: len(scene.booked) == 1)

        # when the process is killed and started three times
        for _ in range(3):
            await _restart(scene)

        # then the venue has the same two orders, and the journal the same one fill
        assert [one.status for one in scene.orders] == ["filled", "new"]
        assert len(scene.booked) == 1
        assert scene.ours(resting).state is OrderState.ACCEPTED
        assert (scene.executed, scene.held()) == (Decimal(5), Decimal(5))
        scene.assert_books_are_right(still_open=1)

    ibkr.play(story)


def test_a_position_that_was_closed_while_nobody_ran_is_flat(ibkr) -> None:
    async def story(scene) -> None:
        # given a position and the limit that closes it
        await scene.start()
        await scene.order("buy", "5")
        closing = await scene.order("sell", "5", "231.00")
        await scene.until(lambda: scene.held() == 5)

        # when the process dies, the limit fills, and it is started again
        scene.kill()
        scene.price("232.00")
        assert scene.executed == 0
        await scene.start()
        await scene.wait(5.0)

        # then both sides are flat, by the fill of that order and by no adjustment
        assert scene.held() == 0
        assert scene.ours(closing).state is OrderState.FILLED
        assert [one.what for one in scene.records(Adjusted) if one.kind == "position"] == []
        scene.assert_books_are_right()

    ibkr.play(story)


def test_a_position_that_the_venue_does_not_list_any_more_is_flat_too(ibkr) -> None:
    async def story(scene) -> None:
        # given a position
        await scene.start()
        await scene.order("buy", "5")
        await scene.until(lambda: scene.held() == 5)

        # when a person closes it while nobody runs, and the gateway forgets the day's executions
        scene.kill()
        scene.stage.order_by_hand(scene.first, "sell", Decimal(5), None)
        await scene.wait(5.0)
        scene.gateway.go_down(is_new_day=True)
        scene.gateway.come_back()
        await scene.start()
        await scene.until(lambda: scene.held() == 0)

        # then the books take over what the venue says, aloud
        (adjusted,) = [one for one in scene.records(Adjusted) if one.kind == "position"]
        assert (adjusted.what, adjusted.quantity) == ("AAPL.XNAS", Decimal(-5))
        assert any("the venue has 0, the books have 5" in one for one in scene.alerts)
        assert scene.errors == []

    ibkr.play(story)


def test_it_happens_where_a_start_sends_again_what_it_finds_unanswered(ibkr, monkeypatch) -> None:
    opens = AccountLoop._open

    async def sends_again(self) -> None:
        await opens(self)
        for order in list(self.engine.books.open.values()):
            await self._broker.submit(order.approved)

    monkeypatch.setattr(AccountLoop, "_open", sends_again)

    async def story(scene) -> None:
        # given an order that leaves the process in the moment in which it dies
        await scene.start()
        name = scene.want("buy", "5")
        await scene.kill_when_placed(name)

        # when it is started again
        await scene.wait(1.0)
        await scene.start()
        await scene.wait(5.0)

        assert len(scene.placed(name)) == 2
        assert scene.executed == 10

    ibkr.play(story)


def test_the_order_that_left_in_the_moment_of_death_is_there_once(ibkr) -> None:
    async def story(scene) -> None:
        await scene.start()
        name = scene.want("buy", "5")
        await scene.kill_when_placed(name)

        await scene.wait(1.0)
        await scene.start()
        await scene.wait(5.0)

        assert len(scene.placed(name)) == 1
        assert scene.ours(name).state is OrderState.FILLED
        assert (scene.executed, scene.held()) == (Decimal(5), Decimal(5))
        scene.assert_books_are_right()

    ibkr.play(story)
