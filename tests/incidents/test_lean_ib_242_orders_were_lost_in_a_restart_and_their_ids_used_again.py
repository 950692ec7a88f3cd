"""Lean.Brokerages.InteractiveBrokers#242: orders lost in the gateway's restart, and their ids given to others.

In public: at 23:45 four orders went into a socket that the scheduled restart tore down a moment later. After it `nextValidId` was lower by
four, three new orders got the ids of lost ones, every callback was credited to both, and five minutes later the waits for the lost ones
expired and stopped the deployment.

Here: ids come from a store that only rises, whatever the gateway says; an order is known by `orderRef`, not by its number; a lost order
is asked for until it is proven that the venue never had it, and the account trades on.
"""

from __future__ import annotations

from decimal import Decimal

from tradewinds.brokers.ibkr_ids import MemoryIds
from tradewinds.core.order import OrderState


async def _four_lost_in_the_restart(scene) -> list[str]:
    """One order that was there before, then four that are written to a socket which dies."""
    await scene.start()
    await scene.order("buy", "1")
    scene.script.plan("timeout_not_accepted", "order", times=4)  # read from the socket, and lost
    lost = [scene.want("buy", "10", "229.00") for _ in range(4)]
    await scene.wait(0.5)
    first_lost = scene.gateway.next_id
    assert scene.script.struck("timeout_not_accepted") == 4
    assert [len(scene.placed(one)) for one in lost] == [0, 0, 0, 0]
    assert scene.stage.ids.last == first_lost + 3  # they left under four ids that the gateway never saw
    scene.gateway.go_down()
    scene.network.cut_all(20.0)
    scene.gateway.roll_ids_back(first_lost)
    await scene.wait(20.0)
    scene.gateway.come_back()
    return lost


async def _three_new(scene) -> list[str]:
    new = [scene.want("sell", str(size), "231.00", instrument="AAPL.XNAS") for size in (1, 2, 3)]
    await scene.wait(10.0)
    return new


def test_lost_orders_are_proven_absent_and_no_id_is_used_again(ibkr) -> None:
    async def story(scene) -> None:
        # given four orders lost in the restart, and a gateway whose next id fell
        lost = await _four_lost_in_the_restart(scene)
        await scene.until(lambda: all(scene.ours(one).state is OrderState.ABSENT for one in lost))

        # when three more are sent
        before = scene.stage.ids.last
        new = await _three_new(scene)

        # then they have ids of their own, and what the gateway says of them is said of them
        sent = {one.reference: one.order_id for one in scene.gateway.tickets.values()}
        assert sorted(sent[one] for one in new) == [before + 1, before + 2, before + 3]
        assert [scene.ours(one).state for one in new] == [OrderState.ACCEPTED] * 3
        scene.price("233.00")
        await scene.until(lambda: all(scene.ours(one).state is OrderState.FILLED for one in new))
        assert [scene.ours(one).filled for one in new] == [Decimal(1), Decimal(2), Decimal(3)]
        assert [scene.ours(one).filled for one in lost] == [Decimal(0)] * 4
        assert (scene.executed, scene.held()) == (Decimal(-5), Decimal(-5))
        scene.assert_books_are_right()

    ibkr.play(story)


def test_ids_are_used_again_where_the_gateway_says_which_is_next(ibkr, monkeypatch) -> None:
    def obedient(self: MemoryIds, at_least: int, client_order_id: str, now_ns: int) -> int:
        self.last = at_least if self.taken.get("restart") == at_least else max(self.last + 1, at_least)
        self.taken[client_order_id] = now_ns
        return self.last

    async def story(scene) -> None:
        lost = await _four_lost_in_the_restart(scene)
        await scene.until(lambda: all(scene.ours(one).state is OrderState.ABSENT for one in lost))
        reused = scene.gateway.next_id
        scene.stage.ids.taken["restart"] = reused
        assert reused <= scene.stage.ids.last
        new = await _three_new(scene)

        assert min(one.order_id for one in scene.gateway.tickets.values() if one.reference in new) == reused

    monkeypatch.setattr(MemoryIds, "take", obedient)
    ibkr.play(story)
