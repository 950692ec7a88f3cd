"""Lean.Brokerages.InteractiveBrokers#246, #247: a missed second factor, and days of orders rejected in silence.

In public: the weekly restart on Sunday asked nobody for the second factor. The connection stayed down; from Monday's open every order and
every request for history was rejected with a line in a log, the algorithm ran on, and a user noticed after 14 hours and more.

Here: a gateway that stays away is `locked out`: a critical alert at once, every order refused with that reason in the journal, nothing
sent later that was wanted then, and trading again as soon as a person has logged in.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewinds.brokers.ibkr import IbkrBroker
from tradewinds.campaign import at_tws
from tradewinds.core.broker import Link
from tradewinds.core.order import OrderState

DAYS_S = 3 * 86_400.0


def test_three_locked_out_days_are_said_at_once_and_send_nothing_afterwards(ibkr, monkeypatch) -> None:
    monkeypatch.setattr(at_tws, "PATIENCE", replace(at_tws.PATIENCE, again_s_max=300.0))

    async def story(scene) -> None:
        # given a position, and a gateway that waits for a second factor
        await scene.start()
        await scene.order("buy", "5")
        scene.gateway.go_down(mode="locked out")
        scene.network.cut_all()

        # when a quarter of an hour has passed
        await scene.wait(900.0)

        # then a person knows
        assert any(one.startswith("critical") and "locked out" in one for one in scene.alerts)

        # when orders are wanted for three days
        scene.tick_s = 60.0
        wanted = []
        for _ in range(6):
            wanted.append(scene.want("sell", "5"))
            await scene.wait(DAYS_S / 6)

        # then each was refused with the reason, and the venue has none of them
        assert [rule for rule, _ in scene.refusals] == ["link"] * 6
        assert all("locked out" in reason for _, reason in scene.refusals)
        assert [len(scene.placed(one)) for one in wanted] == [0] * 6
        assert scene.is_running

        # when somebody has logged in
        scene.gateway.come_back()
        await scene.wait(600.0)

        # then nothing that was wanted then is sent, and what is wanted now is
        assert scene.executed == Decimal(5)
        now = await scene.order("sell", "5")
        await scene.until(lambda: scene.ours(now).state is OrderState.FILLED)
        assert (scene.executed, scene.held()) == (0, 0)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_orders_wanted_before_the_lock_out_is_noticed_do_not_leave_later(ibkr) -> None:
    async def story(scene) -> None:
        await scene.start()
        scene.gateway.go_down(mode="locked out")
        scene.network.cut_all()
        await scene.wait(1.0)
        name = scene.want("buy", "5")
        await scene.wait(120.0)
        scene.gateway.come_back()
        await scene.wait(60.0)

        assert scene.placed(name) == []
        assert scene.ours(name).state is OrderState.ABSENT
        assert any(name in one for one in scene.alerts)
        scene.assert_books_are_right()

    ibkr.play(story)


def test_it_happens_where_nobody_hears_of_the_connection(ibkr, monkeypatch) -> None:
    tell = IbkrBroker._tell
    monkeypatch.setattr(at_tws, "PATIENCE", replace(at_tws.PATIENCE, again_s_max=300.0))
    monkeypatch.setattr(IbkrBroker, "_tell", lambda self, told: None if isinstance(told, Link) else tell(self, told))

    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", "5")
        scene.gateway.go_down(mode="locked out")
        scene.network.cut_all()
        scene.tick_s = 60.0
        for _ in range(6):
            scene.want("sell", "5")
            await scene.wait(3600.0)

        # six orders came to nothing, and nobody was told that a person has to log in
        assert scene.executed == 5
        assert "link" not in {rule for rule, _ in scene.refusals}
        assert not any("locked out" in one for one in scene.alerts)

    ibkr.play(story)
