"""ib_insync#130, #80: orders lost at a reconnect, and order ids used twice.

In public: after a disconnect and a new connection the client's list of trades was empty, although an order of before had filled meanwhile
(#130); a rejected order's id was handed out again, and TWS answered 103, duplicate order id (#80).

Here: nothing is kept in the client: the journal knows the orders, and after every connection open orders, executions and completed orders
are asked for. Ids rise over restarts; where TWS has used one all the same (103), the order goes out under the next.
"""

from __future__ import annotations

from decimal import Decimal

from tradewinds.brokers.ibkr_ids import MemoryIds
from tradewinds.brokers.ibkr_line import Line
from tradewinds.core.order import OrderState


def test_what_happened_between_two_connections_is_known(ibkr) -> None:
    async def story(scene) -> None:
        # given three orders, and a connection that breaks
        await scene.start()
        fills = await scene.order("buy", "5", "229.00")
        ends = await scene.order("buy", "6", "228.00")
        stays = await scene.order("buy", "7", "200.00")
        scene.network.cut_all(10.0)

        # when one fills, one is cancelled by a person, and the connection is made again
        scene.price("228.90")
        scene.stage.exchange.cancel(scene.placed(ends)[0].id, "by hand")
        await scene.wait(30.0)

        # then each is known as what it is
        states = [scene.ours(one).state for one in (fills, ends, stays)]
        assert states == [OrderState.FILLED, OrderState.CANCELLED, OrderState.ACCEPTED]
        assert (scene.executed, scene.held()) == (Decimal(5), Decimal(5))
        scene.assert_books_are_right(still_open=1)

    ibkr.play(story)


def test_an_id_that_was_used_is_not_used_again_and_the_order_is_there_once(ibkr) -> None:
    async def story(scene) -> None:
        # given a store of ids that was lost, and a gateway that counts from one again
        await scene.start()
        await scene.order("buy", "1")
        await scene.order("buy", "2")
        scene.kill()
        scene.stage.ids = MemoryIds()
        used = scene.gateway.next_id
        scene.gateway.next_id = 1

        # when the next order is wanted
        await scene.start()
        name = await scene.order("buy", "3")
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(5.0)

        # then it went out under an id of its own
        assert next(one.order_id for one in scene.gateway.tickets.values() if one.reference == name) >= used
        assert len(scene.placed(name)) == 1
        assert (scene.executed, scene.held()) == (Decimal(6), Decimal(6))
        scene.assert_books_are_right()

    ibkr.play(story)


def test_it_happens_where_the_clients_memory_is_all_there_is(ibkr, monkeypatch) -> None:
    async def nothing(self: Line) -> list[object]:
        return []

    async def story(scene) -> None:
        await scene.start()
        fills = await scene.order("buy", "5", "229.00")
        for question in ("open_orders", "executions", "completed_orders"):
            monkeypatch.setattr(Line, question, nothing)
        scene.network.cut_all(10.0)
        scene.price("228.90")
        await scene.wait(120.0)

        assert scene.executed == 5
        assert scene.ours(fills).state is not OrderState.FILLED
        assert scene.booked == []

    ibkr.play(story)
