"""What every broker must do when something goes wrong: lost answers, refusals, keys, cuts, restarts, hands; see `test_broker_contract`."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.broker import Link, OrderRef, OrderReport
from tradewinds.core.errors import OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.core.order import ApprovedOrder, OrderState

S = OrderState
needs = pytest.mark.needs


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


# Doubt


@needs("wire")
async def test_an_order_that_arrived_and_whose_answer_was_lost_is_in_doubt_and_then_found(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order()
    desk.lose("lose answer")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order)
    found = await desk.reached(order, S.FILLED)
    assert (found.filled, desk.house.placed(order.client_order_id)) == (desk.house.size, 1)


@needs("wire")
async def test_an_order_that_was_lost_on_the_way_is_in_doubt_and_then_found_nowhere(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order()
    desk.lose("lose request")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order)
    assert await desk.find(order) is None
    assert desk.house.placed(order.client_order_id) == 0


@needs("answers")
async def test_half_an_answer_is_no_answer(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    desk.lose("half")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order)
    assert (await desk.find(order)).state is S.ACCEPTED


@needs("answers")
@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_error_of_the_venue_s_own_says_nothing_of_what_became_of_the_order(desk: Any, status: int, is_done: bool) -> None:
    broker = await desk.open()
    order = desk.resting()
    desk.say(status, "<html>try later</html>", after=is_done)
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order)
    found = await desk.find(order)
    assert (found is not None) is is_done
    assert desk.house.placed(order.client_order_id) == is_done


@needs("answers")
@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", "{}", "<html>", '"done"', "[[]]"])
async def test_an_answer_that_cannot_be_read_is_a_doubt(desk: Any, body: str) -> None:
    broker = await desk.open()
    desk.say(200, body)
    with pytest.raises(OutcomeUnknown):
        await broker.submit(desk.resting())


@needs("wire")
async def test_an_order_that_took_too_long_is_in_doubt(desk: Any) -> None:
    broker = await desk.open(timeout_s=0.4)
    order = desk.resting()
    if hasattr(desk.house, "lose_request"):
        desk.lose("lose request")
    else:
        desk.wire.hold(desk.house.order_line)
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order)
    assert desk.house.placed(order.client_order_id) == 0


@needs("answers")
async def test_an_order_in_doubt_is_never_sent_again_by_itself(desk: Any) -> None:
    broker = await desk.open()
    desk.wire.seen.clear()
    desk.lose("lose answer")
    with pytest.raises(OutcomeUnknown):
        await broker.submit(desk.resting())
    await asyncio.sleep(0.1)
    assert len([line for line in desk.wire.seen if desk.house.order_line in line]) == 1


@needs("wire")
async def test_a_question_that_cannot_be_asked_may_be_asked_again(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    await desk.wire.leave()
    await asyncio.sleep(0.05)
    for ask in (lambda: broker.find(ref(order)), broker.open_orders, broker.holdings, lambda: broker.fills("")):
        with pytest.raises(Transient):
            await ask()
    await desk.wire.listen()
    assert (await desk.find(order)).state is S.ACCEPTED


@needs("wire")
async def test_where_no_connection_is_made_nothing_was_sent(desk: Any) -> None:
    broker = await desk.open()
    await desk.wire.leave()
    await asyncio.sleep(0.05)
    order = desk.resting()
    with pytest.raises(Transient):
        await broker.submit(order)
    assert desk.house.placed(order.client_order_id) == 0


@needs("wire")
async def test_a_venue_that_is_not_there_lets_nothing_be_sent(desk: Any) -> None:
    broker = await desk.prepared()
    await desk.wire.leave()
    try:
        await broker.open(desk.told.append)
    except TradewindsError as error:
        assert isinstance(error, Transient)  # noqa: PT017 - it may also go on trying
    with pytest.raises(Transient):
        await broker.submit(desk.resting())
    assert desk.house.orders() == 0


@needs("wire")
async def test_before_it_is_open_a_broker_sends_nothing(desk: Any) -> None:
    broker = await desk.prepared()
    order = desk.resting()
    for ask in (lambda: broker.submit(order), lambda: broker.find(ref(order)), broker.holdings, broker.open_orders):
        with pytest.raises(Transient):
            await ask()
    assert desk.house.orders() == 0


# Refusals


@needs("answers")
async def test_a_refusal_is_told_in_the_venue_s_own_words(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    status, body, words = desk.house.says["refusal"]
    desk.say(status, body)
    with pytest.raises(Rejected, match=words):
        await broker.submit(order)
    assert await desk.find(order) is None


@needs("answers")
async def test_too_many_requests_mean_that_it_was_not_done(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    status, body, words = desk.house.says["throttle"]
    desk.say(status, body, Retry_After="3")
    with pytest.raises(Transient, match=words) as said:
        await broker.submit(order)
    assert said.value.retry_after_s == 3
    assert desk.house.placed(order.client_order_id) == 0


@needs("clock")
async def test_a_clock_that_differs_is_compared_and_the_next_order_goes(desk: Any) -> None:
    broker = await desk.open()
    status, body, words = desk.house.says["clock"]
    desk.say(status, body)
    with pytest.raises(Transient, match=words):
        await broker.submit(desk.resting())
    assert (await broker.submit(desk.resting())).state is S.ACCEPTED


@needs("status", "answers")
async def test_a_status_that_nobody_knows_is_unknown(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    desk.wire.say("GET ", 200, desk.house.says["status"] % order.client_order_id)
    found = await broker.find(ref(order))
    assert (found.state, found.client_order_id) == (S.UNKNOWN, order.client_order_id)


@needs("status", "answers")
@pytest.mark.parametrize("body", ["", "{", "[]", "null", "{}", '{"orders": 7}', '[{"orderId": null}]'])
async def test_an_answer_to_a_question_that_cannot_be_read_is_never_not_found(desk: Any, body: str) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    desk.wire.say("GET ", 200, body)
    with pytest.raises(Transient):
        await broker.find(ref(order))


# Keys


@needs("key")
async def test_a_wrong_key_is_refused_at_the_door_and_never_shown(desk: Any) -> None:
    broker = await desk.prepared(**desk.house.bad_key)
    with pytest.raises(Rejected) as said:
        await broker.open(desk.told.append)
    shown = f"{said.value} {said.value!r} {broker!r} {vars(broker) if hasattr(broker, '__dict__') else ''} {desk.told}"
    assert [one for one in desk.house.secrets if one in shown] == []


@needs("withdrawing key")
async def test_a_key_that_may_withdraw_is_refused_at_the_door(desk: Any) -> None:
    broker = await desk.prepared(**desk.house.withdrawing)
    with pytest.raises(Rejected, match="withdraw"):
        await broker.open(desk.told.append)
    with pytest.raises(Transient):
        await broker.submit(desk.resting())


@needs("key")
async def test_a_key_that_was_revoked_is_said_and_nothing_is_sent_with_it(desk: Any) -> None:
    broker = await desk.open()
    desk.house.revoke()
    order = desk.resting()
    with pytest.raises((Rejected, Transient)):
        await broker.submit(order)
    await desk.until(lambda: "refused key" in desk.links)
    assert desk.house.placed(order.client_order_id) == 0


async def test_secrets_stand_in_no_words(desk: Any) -> None:
    broker = await desk.open()
    words = [repr(broker), str(broker)]
    venue = desk.house.instrument.partition(".")[2]
    for refused in (broker.cancel(ref(desk.resting())), broker.submit(desk.order("buy", instrument=f"NOSUCH.{venue}"))):
        try:
            await refused
        except (TradewindsError, KeyError) as error:
            words += [str(error), repr(error)]
    words += [repr(one) for one in desk.told]
    assert [one for one in desk.house.secrets if any(one in each for each in words)] == []


# The line


@needs("wire", "stream")
async def test_a_cut_is_told_and_so_is_the_return(desk: Any) -> None:
    await desk.open()
    await desk.wire.cut()
    await desk.until(lambda: desk.links.count("up") >= 2)
    assert desk.links[0] == "up"
    assert desk.links[1] in ("down", "restarting", "data lost")


@needs("wire")
async def test_what_filled_while_the_line_was_cut_is_on_the_page(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    page = await desk.fills()
    await desk.wire.leave()
    desk.house.price(desk.house.far_bid, desk.house.far_bid)
    await desk.wire.listen()
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size
    later = await desk.fills(page.cursor)
    assert [one.client_order_id for one in later.fills] == [order.client_order_id]


@needs("wire")
async def test_orders_can_be_sent_again_after_a_cut(desk: Any) -> None:
    broker = await desk.open()
    await desk.wire.cut()
    await desk.asked(broker.holdings)
    order = desk.resting()
    assert (await desk.asked(lambda: broker.submit(order))).state is S.ACCEPTED
    assert desk.house.placed(order.client_order_id) == 1


@needs("restart")
async def test_orders_outlive_a_restart_of_the_venue(desk: Any) -> None:
    broker = await desk.open()
    order, later = desk.resting(), desk.resting()
    await broker.submit(order)
    desk.house.restart()
    await asyncio.sleep(0.05)
    assert (await desk.find(order)).state is S.ACCEPTED
    assert (await desk.asked(lambda: broker.submit(later))).state is S.ACCEPTED
    assert {one.client_order_id for one in await desk.asked(broker.open_orders)} == {order.client_order_id, later.client_order_id}


# Hands


@needs("hand", "hand is told")
async def test_a_fill_of_an_order_by_hand_is_told_under_no_id_of_ours(desk: Any) -> None:
    await desk.open()
    desk.house.by_hand("buy", desk.house.size)
    async with asyncio.timeout(8):
        while not (await desk.fills()).fills:
            await asyncio.sleep(0.02)
    fills = (await desk.fills()).fills
    assert [(one.quantity, one.instrument) for one in fills] == [(desk.house.size, desk.house.instrument)]
    assert not fills[0].client_order_id.startswith("tw")


@needs("hand", "stream")
async def test_a_cancel_by_hand_is_told(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    report = await broker.submit(order)
    desk.house.cancel_by_hand(report.venue_order_id)
    await desk.until(lambda: S.CANCELLED in desk.states_of(order))
    assert await desk.asked(broker.open_orders) == ()


@needs("hand")
async def test_what_hands_bought_is_held(desk: Any) -> None:
    broker = await desk.open()
    before = await desk.asked(broker.holdings)
    desk.house.by_hand("buy", desk.house.size)
    after = await desk.asked(broker.holdings)
    moved = after.quantity(desk.house.instrument) or after.cash[desk.house.base] - before.cash[desk.house.base]
    assert desk.house.size * Decimal("0.999") <= moved <= desk.house.size


# Closing


async def test_closing_leaves_the_orders_where_they_are(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    await broker.close()
    await desk.open()
    (found,) = await desk.asked(desk.broker.open_orders)
    assert (found.client_order_id, found.state) == (order.client_order_id, S.ACCEPTED)


async def test_after_closing_nothing_is_told(desk: Any) -> None:
    broker = await desk.open()
    await broker.submit(desk.resting())
    await broker.close()
    told = len(desk.told)
    if "hand" not in desk.house.LACKS:
        desk.house.by_hand("buy", desk.house.size)
    await asyncio.sleep(0.05)
    assert len(desk.told) == told


async def test_a_new_broker_finds_and_cancels_what_an_earlier_one_sent(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    filled = await desk.bought()
    await broker.close()
    broker = await desk.open()
    assert (await desk.find(filled)).state is S.FILLED
    assert (await desk.asked(lambda: broker.cancel(ref(order)))).state is S.CANCELLED
    assert [one.client_order_id for one in (await desk.fills()).fills] == [filled.client_order_id]


@needs("wire")
async def test_a_broker_that_was_closed_sends_nothing(desk: Any) -> None:
    broker = await desk.open()
    await broker.close()
    with pytest.raises(Transient):
        await broker.submit(desk.resting())
    assert desk.house.orders() == 0


async def test_everything_that_is_told_has_a_time(desk: Any) -> None:
    await desk.open()
    await desk.bought()
    for one in desk.told:
        at_ns = one.at_ns if isinstance(one, Link) else one.event_ns
        assert isinstance(at_ns, int)
        assert at_ns > 0
        if isinstance(one, OrderReport):
            assert one.filled is None or isinstance(one.filled, Decimal)
