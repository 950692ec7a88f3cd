"""nautilus_trader#4564: a modify during a loss of connectivity became two live orders at Interactive Brokers.

In public: a protective stop was modified in place (same order id) while TWS had lost IB. IB made a new working order with a new permId of
it and left the original alive. On reconnect both were replayed, the stale one last; a cancel took one of them; six hours later the other
filled and flipped the position, and its fill was refused by an order that counted as cancelled.

Here: while the line is down no change leaves. A change carries a name of its own, which the venue keeps (`orderRef`), so that both orders
are known when both work; a person is told, the older one is cancelled, and a fill is booked to the order that it belongs to, whenever.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState
from tradewinds.trading.entry import ReplaceWanted

SIX_HOURS_S = 6 * 3600.0
CLIENT = 17


def _cheaper(scene, name: str, limit: str) -> None:
    terms = replace(scene.ours(name).approved.terms, limit=Decimal(limit))
    scene.put(ReplaceWanted(name, terms, "trend", "follow the price"))


async def _cut_off_and_back(scene, order_id: int) -> None:
    """IB is lost and comes back, and has forgotten which working order has this id: a change of it is a new order, the old one stays."""
    scene.gateway.cut_off()
    await scene.wait(2.0)
    scene.gateway._by_client.pop((CLIENT, order_id))
    scene.gateway.roll_ids_back(order_id)
    scene.gateway.restore()
    await scene.wait(2.0)


async def _hours_later_it_fills(scene) -> None:
    scene.tick_s = 5.0
    await scene.wait(SIX_HOURS_S)
    scene.price("227.00", 1000)
    await scene.wait(60.0)


def test_both_orders_are_known_and_the_fill_of_the_stale_one_is_booked(ibkr) -> None:
    async def story(scene) -> None:
        # given a resting order, and a change of it of which IB makes a second order
        await scene.start()
        old = await scene.order("buy", "100", "229.00")
        await _cut_off_and_back(scene, next(iter(scene.gateway.tickets.values())).order_id)
        _cheaper(scene, old, "228.00")
        await scene.wait(5.0)
        assert [(one.limit, one.status) for one in scene.orders] == [(Decimal("229.00"), "new"), (Decimal("228.00"), "new")]
        new = scene.ours(old).replaced_by

        # when hours pass and the price comes down to both
        await _hours_later_it_fills(scene)

        # then it was seen and said long before, one of them was cancelled, and the other's fill is in the books
        assert any("both work; the first is cancelled" in one for one in scene.alerts)
        assert sorted(one.status for one in scene.orders) == ["cancelled", "filled"]
        filled = next(one for one in scene.orders if one.status == "filled")
        assert scene.ours(filled.client_id).state is OrderState.FILLED
        assert {one.client_id for one in scene.orders} == {old, new}
        assert (scene.executed, scene.held()) == (Decimal(100), Decimal(100))
        scene.assert_books_are_right()

    ibkr.play(story)


def test_no_change_leaves_while_the_line_is_down(ibkr) -> None:
    async def story(scene) -> None:
        await scene.start()
        name = await scene.order("buy", "100", "229.00")

        scene.gateway.cut_off()
        await scene.wait(1.0)
        _cheaper(scene, name, "228.00")
        await scene.wait(5.0)
        scene.gateway.restore()
        await scene.wait(5.0)

        assert [(one.limit, one.status) for one in scene.orders] == [(Decimal("229.00"), "new")]
        assert scene.ours(name).state is OrderState.ACCEPTED
        assert any("not sent" in one for one in scene.alerts)
        scene.assert_books_are_right(still_open=1)

    ibkr.play(story)


def test_an_order_whose_change_did_not_leave_can_be_changed_later(ibkr) -> None:
    async def story(scene) -> None:
        # given a change that could not leave
        await scene.start()
        name = await scene.order("buy", "100", "229.00")
        scene.gateway.cut_off()
        await scene.wait(1.0)
        _cheaper(scene, name, "228.00")
        await scene.wait(5.0)
        scene.gateway.restore()
        await scene.wait(5.0)

        # when it is wanted again
        _cheaper(scene, name, "227.50")
        await scene.wait(5.0)

        # then the venue has one order, at the new limit
        assert [(one.limit, one.status) for one in scene.orders] == [(Decimal("227.50"), "new")]
        assert scene.ours(name).state is OrderState.REPLACED
        scene.assert_books_are_right(still_open=1)

    ibkr.play(story)


def test_it_happens_where_a_change_is_a_new_order_and_the_old_one_counts_as_gone(ibkr, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        old = await scene.order("buy", "100", "229.00")
        _cheaper(scene, old, "228.00")
        await scene.wait(0.5)
        scene.price("227.00", 1000)
        await scene.wait(30.0)

        assert scene.executed == 200

    with mutant("replace_leaves_the_old_for_good"):
        ibkr.play(story)


@pytest.mark.parametrize("fault", ["timeout_accepted", "timeout_not_accepted", "late_arrival", "partial_answer", "server_error"])
@pytest.mark.parametrize(("broker", "request_of"), [("binance", "POST /api/v3/order*"), ("oanda", "PUT */orders/*")])
def test_a_change_in_doubt_leaves_one_order_which_the_books_know(scene, broker: str, request_of: str, fault: str) -> None:
    async def story(scene) -> None:
        # given a change of which nobody knows whether it was done
        await scene.start()
        price, tick = scene.first.price, scene.first.tick
        name = await scene.order("buy", str(scene.first.lot * 5), str(price - 500 * tick))
        await scene.wait(2.0)
        scene.script.plan(fault, request_of)
        _cheaper(scene, name, str(price - 600 * tick))
        await scene.wait(90.0)
        assert scene.script.struck(fault) == 1

        # then one order works, and the books know at which limit
        (at_venue,) = scene.working()
        (in_books,) = scene.books.open.values()
        assert in_books.approved.terms.limit == at_venue.limit

        # and it can be changed again, and fills once
        _cheaper(scene, in_books.client_order_id, str(price - 700 * tick))
        await scene.wait(20.0)
        assert [one.limit for one in scene.working()] == [price - 700 * tick]
        scene.price(str(price - 800 * tick), 12)
        await scene.until(lambda: scene.part("trend") == scene.first.lot * 5)
        await scene.wait(5.0)
        scene.assert_books_are_right()

    scene(broker).play(story)


@pytest.mark.parametrize("broker", ["binance", "oanda", "ibkr"])
def test_a_process_that_dies_in_a_change_finds_one_order(scene, broker: str) -> None:
    async def story(scene) -> None:
        # given a process that dies in the moment in which the venue has made its change
        await scene.start()
        price, tick = scene.first.price, scene.first.tick
        name = await scene.order("buy", str(scene.first.lot * 5), str(price - 500 * tick))
        await scene.wait(2.0)

        def dies(order, execution) -> None:
            if order.limit == price - 600 * tick and scene.is_running:
                scene.kill()

        scene.stage.exchange.listeners.append(dies)
        _cheaper(scene, name, str(price - 600 * tick))
        await scene.until(lambda: not scene.is_running)
        scene.stage.exchange.listeners.remove(dies)

        # when it is started again
        await scene.start()
        await scene.wait(60.0)

        # then the venue has one, and so have the books
        assert [one.limit for one in scene.working()] == [price - 600 * tick]
        assert len(scene.books.open) == 1
        scene.price(str(price - 700 * tick), 12)
        await scene.until(lambda: scene.part("trend") == scene.first.lot * 5)
        await scene.wait(5.0)
        scene.assert_books_are_right()

    scene(broker).play(story)
