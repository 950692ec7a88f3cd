"""Binance 5xx and -1007: the order may or may not exist.

In public: Binance's documentation says of HTTP 5xx and of code -1007 that the execution status is unknown and must not be taken for a
failure; libraries and bots take it for one all the same, and send again.

Here: every such answer is a doubt, whatever its body says. The order is asked for by our id; it is found, or its absence is proven by
answers that are late enough; it is never sent again.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.core.order import OrderState
from tradewinds.sandbox.conversation import Answer

UNKNOWN = b'{"code":-1007,"msg":"Timeout waiting for response from backend server. Send status unknown; execution status unknown."}'
PAGE = b"<html><body>Bad gateway</body></html>"
ANSWERS = {"503 -1007": (503, UNKNOWN), "502": (502, PAGE), "500": (500, b""), "504": (504, PAGE)}


def _say_instead(scene, status: int, body: bytes, *, is_done: bool) -> list[str]:
    """The next order is answered by this; asked: what the venue was asked for it."""
    asked: list[str] = []

    def instead(question, ask) -> Answer:
        asked.append(question.query or question.body.decode())
        if len(asked) > 1:
            return ask(question)
        if is_done:
            ask(question)
        return Answer(status, body, {"content-type": "application/json"})

    scene.bend("POST /api/v3/order", instead)
    return asked


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_order_that_exists_is_found_and_its_fill_booked_once(binance, name: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        asked = _say_instead(scene, *ANSWERS[name], is_done=True)

        order = scene.want("buy", "0.05")
        await scene.until(lambda: order in scene.books.orders and scene.ours(order).state is OrderState.FILLED)
        await scene.wait(10.0)

        assert len(asked) == 1
        assert [one.status for one in scene.placed(order)] == ["filled"]
        assert (scene.executed, len(scene.booked)) == (Decimal("0.05"), len(scene.executions))
        scene.assert_books_are_right()

    binance.play(story)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_order_that_does_not_exist_is_proven_absent(binance, name: str) -> None:
    async def story(scene) -> None:
        await scene.start()
        asked = _say_instead(scene, *ANSWERS[name], is_done=False)

        order = scene.want("buy", "0.05")
        await scene.until(lambda: order in scene.books.orders and scene.ours(order).state is OrderState.UNKNOWN)
        doubted_s = scene.loop.time()
        await scene.until(lambda: scene.ours(order).has_ended)

        assert scene.ours(order).state is OrderState.ABSENT
        assert scene.loop.time() - doubted_s >= scene.account.engine.capability.absent_after_s
        assert (len(asked), scene.orders, scene.executed) == (1, [], 0)
        scene.assert_books_are_right()

    binance.play(story)


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_so_at_oanda(oanda, status: int, is_done: bool) -> None:
    asked: list[int] = []

    def instead(question, ask) -> Answer:
        asked.append(status)
        if len(asked) > 1:
            return ask(question)
        if is_done:
            ask(question)
        return Answer(status, PAGE, {})

    async def story(scene) -> None:
        scene.bend("POST */orders", instead)
        await scene.start()

        order = scene.want("buy", "5")
        await scene.until(lambda: order in scene.books.orders and scene.ours(order).has_ended)
        await scene.wait(20.0)

        assert scene.ours(order).state is (OrderState.FILLED if is_done else OrderState.ABSENT)
        assert (len(asked), scene.executed, scene.held()) == (1, *((5, 5) if is_done else (0, 0)))
        scene.assert_books_are_right()

    oanda.play(story)


def test_it_happens_where_what_is_unknown_is_sent_again(binance, mutant) -> None:
    async def story(scene) -> None:
        await scene.start()
        asked = _say_instead(scene, *ANSWERS["503 -1007"], is_done=True)
        order = scene.want("buy", "0.05")
        await scene.wait(10.0)

        # an id must differ among open orders only: what filled at once may be sent again under the same
        assert len(asked) == 2
        assert [one.status for one in scene.placed(order)] == ["filled", "filled"]
        assert scene.executed == Decimal("0.10")

    with mutant("blind_resend"):
        binance.play(story)
