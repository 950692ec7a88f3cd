"""freqtrade#13399 and its start-up check: recovery attached the wrong fill, and an order not found counted as cancelled.

In public: a position ended by its stop and was reversed on the same pair within seconds. The recovery of the new trade looked for orders
from ten seconds before it, found the stop of the old one, attached that fill to the new trade, and crashed in a loop. At the start any
order that the exchange did not find (yet) was booked as cancelled.

Here: a fill belongs to the order whose id it carries, not to one that is near in time; the side and the instrument must be the order's;
and "not found" proves nothing before the receive window has passed and the fills have been looked through.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewinds.core.order import OrderState
from tradewinds.trading.entry import Booked
from tradewinds.trading.tracking import Tracking


async def _stopped_and_reversed_while_deaf(scene) -> tuple[str, str, str]:
    """Long 0.05, sold by the exit, sold short of it again at once; the process dies before it has heard of the last two."""
    await scene.start()
    entry = await scene.order("buy", "0.05")
    await scene.until(lambda: scene.ours(entry).state is OrderState.FILLED)
    scene.script.plan("timeout_accepted", "POST /api/v3/order", times=2)
    exits = scene.want("sell", "0.05")
    reverse = scene.want("sell", "0.03", strategy="reversal")
    await scene.until(lambda: len(scene.executions) == 3)
    scene.kill()
    assert scene.script.struck("timeout_accepted") == 2
    return entry, exits, reverse


def test_each_fill_goes_to_the_order_that_made_it(binance) -> None:
    async def story(scene) -> None:
        # given an exit and a reversal in the same moment, of which the journal knows only that they were to be sent
        scene.deafen()
        entry, exits, reverse = await _stopped_and_reversed_while_deaf(scene)

        # when the process is started again
        await scene.start()
        await scene.until(lambda: not scene.books.open)
        await scene.wait(5.0)

        # then three orders are filled by three executions, each by its own
        assert [scene.ours(one).filled for one in (entry, exits, reverse)] == [Decimal("0.05"), Decimal("0.05"), Decimal("0.03")]
        by_order = {one.fill.client_order_id: (one.fill.side, one.fill.quantity) for one in scene.booked}
        assert by_order[exits] == ("sell", Decimal("0.05"))
        assert by_order[reverse] == ("sell", Decimal("0.03"))
        assert [scene.part("trend"), scene.part("reversal")] == [Decimal(0), Decimal("-0.03")]
        scene.assert_books_are_right()

    binance.play(story)


def test_a_fill_of_the_other_side_is_never_credited(binance, monkeypatch) -> None:
    async def story(scene) -> None:
        # given a recovery that says of the newest order's fills that they are the entry's
        scene.deafen()
        entry, _, reverse = await _stopped_and_reversed_while_deaf(scene)
        book = Tracking.book

        def attached(self: Tracking, fill) -> None:
            book(self, replace(fill, client_order_id=entry) if fill.client_order_id == reverse else fill)

        monkeypatch.setattr(Tracking, "book", attached)

        # when the process is started again
        await scene.start()
        await scene.wait(60.0)

        # then the entry keeps what it bought, the fill is in nobody's book, and a person knows
        assert scene.ours(entry).filled == Decimal("0.05")
        assert any("booked to nobody's book" in one for one in scene.alerts)
        assert scene.books.whole.quantity("BTCUSDT.BINANCE") == Decimal("99.97")

    binance.play(story)


def test_an_order_that_is_not_found_yet_is_not_booked_as_cancelled(binance) -> None:
    async def story(scene) -> None:
        # given an order that is still on its way when its process dies
        await scene.start()
        scene.script.plan("late_arrival", "POST /api/v3/order")
        name = scene.want("buy", "0.05", "59000.00")
        await scene.until(lambda: scene.script.struck("late_arrival"))
        scene.kill()

        # when the new one starts and the venue says that it knows no such order
        await scene.start()
        assert scene.placed(name) == []
        assert not scene.ours(name).has_ended

        # then it is found once it has arrived
        await scene.until(lambda: scene.ours(name).state is OrderState.ACCEPTED)
        assert len(scene.placed(name)) == 1
        scene.assert_books_are_right(still_open=1)

    binance.play(story)


def test_it_happens_where_not_found_is_believed_at_once(binance, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        scene.script.plan("late_arrival", "POST /api/v3/order")
        name = scene.want("buy", "0.05", "59000.00")
        await scene.until(lambda: scene.script.struck("late_arrival"))
        scene.kill()
        await scene.start()
        await scene.wait(10.0)

        assert scene.ours(name).has_ended
        assert [one.status for one in scene.placed(name)] == ["new"]

    with mutant("not_found_at_once_for_good"):
        binance.play(story)


def test_it_happens_where_whatever_is_near_in_time_is_credited(binance, monkeypatch) -> None:
    async def story(scene) -> None:
        scene.deafen()
        await _stopped_and_reversed_while_deaf(scene)

        def near(self: Tracking, fill) -> None:
            if fill.key not in self.step.books.booked:
                last = list(self.step.books.orders.values())[-1]
                self.step.emit(Booked(replace(fill, client_order_id=last.client_order_id), last.strategy))

        monkeypatch.setattr(Tracking, "book", near)
        await scene.start()
        await scene.wait(10.0)

        assert scene.part("reversal") != Decimal("-0.03")
        assert scene.verdict().unexplained or scene.verdict().duplicated or scene.verdict().lost

    binance.play(story)
