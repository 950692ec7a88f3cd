"""ccxt#5612: precision, and twice the size.

In public: an amount went through a library's rules of precision and arrived at the exchange at twice its size, another one than the one
that the risk rules had seen.

Here: an approved size is sent as it is or not at all. The client library's rounding is used as a check: where it would change a single
digit, the order is refused before it leaves.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest

from tradewinds.brokers import ccxt_messages
from tradewinds.core.order import OrderState


@pytest.mark.parametrize("size", ["0.015", "0.019999999", "0.000001", "0.1234567"])
def test_a_size_that_would_become_another_is_not_sent(binance, size: str) -> None:
    async def story(scene) -> None:
        # given a venue that counts in steps of 0.00001 coins
        await scene.start()

        # when a size is wanted
        name = scene.want("buy", size)
        await scene.until(lambda: name in scene.books.orders and scene.ours(name).has_ended)
        await scene.wait(2.0)

        # then it arrives digit by digit, or it does not arrive
        sent = [one.quantity for one in scene.placed(name)]
        assert sent in ([], [Decimal(size)])
        if not sent:
            assert scene.ours(name).state is OrderState.REJECTED
        assert (Decimal(size) % Decimal("0.00001") == 0) == bool(sent)
        scene.assert_books_are_right()

    binance.play(story)


@pytest.mark.parametrize("limit", ["59000.004", "59000.009"])
def test_a_price_that_would_become_another_is_not_sent(binance, limit: str) -> None:
    async def story(scene) -> None:
        await scene.start()

        name = scene.want("buy", "0.05", limit)
        await scene.until(lambda: name in scene.books.orders and scene.ours(name).has_ended)

        assert scene.placed(name) == []
        assert "expected a multiple of the market's step" in scene.ours(name).reason
        scene.assert_books_are_right()

    binance.play(story)


def test_it_happens_where_what_the_library_makes_of_it_is_sent(binance, monkeypatch) -> None:
    def doubled(what: str, name: str, value: Decimal, symbol: str, rounded) -> str:
        """A step of 0.02 in place of 0.01, rounded up."""
        step = Decimal("0.02") if name == "quantity" else Decimal("0.01")
        return str((value / step).to_integral_value(ROUND_CEILING) * step)

    async def story(scene) -> None:
        await scene.start()
        name = scene.want("buy", "0.01")
        await scene.wait(5.0)

        assert [one.quantity for one in scene.placed(name)] == [Decimal("0.02")]
        assert any("filled 0.02" in one and "expected at most 0.01" in one for one in scene.alerts)

    monkeypatch.setattr(ccxt_messages, "_exact", doubled)
    binance.play(story)
