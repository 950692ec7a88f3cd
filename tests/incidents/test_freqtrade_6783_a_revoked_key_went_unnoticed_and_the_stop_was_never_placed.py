"""freqtrade#6783: a revoked API key went unnoticed, so the stop was never placed.

In public: Binance keys without a fixed address live for 90 days. When one had run out, entries, exits and stops failed with lines in a
log for days; a position with a stop at 25 % was found at -89 %.

Here: the first answer that refuses the key is a critical alert and closes the gate with that reason; the process lives on, and with a key
that is taken again it trades again.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.brokers.ccxt_broker import CcxtBroker
from tradewinds.campaign.at_oanda import TOKEN
from tradewinds.core.order import OrderState

SIZES = {"binance": ("0.05", "55000.00"), "oanda": ("10", "1.00000")}


@pytest.mark.parametrize("broker", sorted(SIZES))
def test_the_stop_that_cannot_be_placed_is_said_at_once(scene, broker: str) -> None:
    size, stop = SIZES[broker]

    async def story(scene) -> None:
        # given a position, and a key that is revoked
        await scene.start()
        await scene.order("buy", size)
        await scene.until(lambda: scene.part("trend") != 0)
        _refuse(scene, broker, is_refused=True)

        # when its stop is wanted
        _stop(scene, size, stop)
        await scene.wait(10.0)

        # then the venue has none, which a person knows by now, and the journal says why
        assert not scene.working()
        assert any(one.startswith("critical") and "refused key" in one for one in scene.alerts)
        ended = [one.state for one in scene.books.orders.values()][1:]
        assert all(one in (OrderState.REJECTED, OrderState.ABSENT) for one in ended)

        # and whatever is wanted while it is so is refused by rule
        scene.want("sell", size)
        await scene.wait(1.0)
        assert scene.refusals[-1][0] == "link"
        assert "refused key" in scene.refusals[-1][1]

        # when the key is taken again
        _refuse(scene, broker, is_refused=False)
        await scene.until(lambda: scene.books.link == "up", 600.0)
        _stop(scene, size, stop)
        await scene.until(scene.working)

        # then the stop is there
        assert [one.status for one in scene.working()] == ["new"]
        scene.assert_books_are_right(still_open=1)

    scene(broker).play(story)


def test_a_key_that_is_revoked_while_nothing_is_sent_is_noticed_all_the_same(binance) -> None:
    async def story(scene) -> None:
        # given an order that works, and a strategy that wants nothing
        await scene.start()
        await scene.order("buy", "0.05", "59000.00")
        await scene.wait(5.0)
        scene.stage.refuse_key(is_refused=True)

        # when minutes pass
        await scene.wait(300.0)

        # then a person was told
        assert any(one.startswith("critical") and "refused key" in one for one in scene.alerts)

    binance.play(story)


@pytest.mark.parametrize("broker", sorted(SIZES))
def test_a_stream_that_is_refused_after_a_cut_says_so_until_the_key_is_taken(scene, broker: str) -> None:
    async def story(scene) -> None:
        # given a cut, after which the key is refused
        await scene.start()
        await scene.wait(5.0)
        _refuse(scene, broker, is_refused=True)
        scene.network.cut_all(1.0)

        # then it is the key that is named, not the line, and no order leaves
        for _ in range(6):
            await scene.wait(20.0)
            assert scene.books.link == "refused key"
        scene.want("buy", SIZES[broker][0])
        await scene.wait(1.0)
        assert scene.refusals[-1][0] == "link"

        # and with a key that is taken trading goes on
        _refuse(scene, broker, is_refused=False)
        await scene.until(lambda: scene.books.link == "up", 600.0)
        name = await scene.order("buy", SIZES[broker][0])
        await scene.until(lambda: scene.ours(name).state is OrderState.FILLED)
        await scene.wait(2.0)
        scene.assert_books_are_right()

    scene(broker).play(story)


def test_it_happens_where_nobody_is_told_that_the_key_is_refused(binance, monkeypatch) -> None:
    monkeypatch.setattr(CcxtBroker, "say", lambda self, state, detail: None)

    async def story(scene) -> None:
        await scene.start()
        await scene.order("buy", "0.05")
        scene.stage.refuse_key(is_refused=True)
        scene.want("sell", "0.05", kind="stop", stop=Decimal("55000.00"))
        await scene.wait(3600.0)

        # the position stands without its stop, and nothing critical was said
        assert (scene.part("trend") > 0, scene.working()) == (True, [])
        assert not any(one.startswith("critical") for one in scene.alerts)

    binance.play(story)


def _refuse(scene, broker: str, *, is_refused: bool) -> None:
    """The key is taken no more, or again, and no connection breaks over it."""
    if broker == "binance":
        scene.stage.refuse_key(is_refused=is_refused)
    elif is_refused:
        scene.stage.venue.tokens.pop(TOKEN)
    else:
        scene.stage.venue.tokens[TOKEN] = (scene.stage.account,)


def _stop(scene, size: str, stop: str) -> None:
    scene.want("sell", size, kind="stop", stop=Decimal(stop))
