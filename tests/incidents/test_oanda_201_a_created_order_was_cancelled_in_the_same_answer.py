"""OANDA 201: an order that was created and cancelled in the same answer.

In public: OANDA answers 201 Created to an order that it took in and cancelled at once (no liquidity for a fill-or-kill, a halted
instrument, no margin): `orderCreateTransaction` and `orderCancelTransaction` stand side by side. Who reads the status code books an open
order that does not exist, waits for its fill, or sends its stop for a position that never came.

Here: the answer's end is the order's end, with the venue's reason; nothing is held, and the strategy may want it again.
"""

from __future__ import annotations

import json

from tradewinds.core.order import OrderState
from tradewinds.sandbox.conversation import Answer


def test_an_order_that_is_cancelled_as_it_is_created_has_ended(oanda) -> None:
    async def story(scene) -> None:
        # given a venue that offers 12 units
        await scene.start()
        scene.price("1.08500", 12)
        answers = []
        scene.bend("POST */orders", lambda question, ask: answers.append(ask(question)) or answers[-1])

        # when 20 are wanted, all or nothing
        name = await scene.order("buy", "20")
        await scene.wait(2.0)

        # then the venue said 201, created and cancelled, and our order has ended with its reason
        (answer,) = answers
        said = json.loads(answer.body)
        assert answer.status == 201
        assert {"orderCreateTransaction", "orderCancelTransaction"} <= set(said)
        assert scene.ours(name).state is OrderState.CANCELLED
        assert "INSUFFICIENT_LIQUIDITY" in scene.ours(name).reason
        assert (scene.executed, scene.held(), len(scene.booked)) == (0, 0, 0)
        scene.assert_books_are_right()

        # and what is wanted next is not held back
        next_one = await scene.order("buy", "10")
        await scene.until(lambda: scene.ours(next_one).state is OrderState.FILLED)
        await scene.until(lambda: scene.held() == 10)
        scene.assert_books_are_right()

    oanda.play(story)


def test_an_order_that_fills_in_part_and_is_cancelled_in_the_same_answer_has_its_part(oanda) -> None:
    async def story(scene) -> None:
        await scene.start()
        scene.price("1.08500", 12)

        name = await scene.order("buy", "20", time_in_force="ioc")
        await scene.until(lambda: scene.held() == 12)

        assert scene.ours(name).state is OrderState.EXPIRED
        assert scene.ours(name).filled == 12
        scene.assert_books_are_right()

    oanda.play(story)


def test_it_happens_where_only_the_creation_is_read(oanda) -> None:
    def without_its_end(question, ask) -> Answer:
        answer = ask(question)
        said = json.loads(answer.body)
        said.pop("orderCancelTransaction", None)
        return Answer(answer.status, json.dumps(said).encode(), answer.headers)

    async def story(scene) -> None:
        # given an answer of which the end is not read, and a stream that says nothing
        scene.deafen()
        await scene.start()
        scene.price("1.08500", 12)
        scene.bend("POST */orders", without_its_end)

        name = await scene.order("buy", "20")

        # then an order works in our books that does not exist; only asking the venue puts that right
        assert scene.ours(name).state is OrderState.ACCEPTED
        assert scene.working() == []
        await scene.until(lambda: scene.ours(name).state is OrderState.CANCELLED)

    oanda.play(story)
