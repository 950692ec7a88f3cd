"""What every broker must do with orders, sizes, ids, cancels, fills and holdings, one sentence a case.

A case runs at the house of each broker (`broker_cases/`), its local venue over real sockets. `needs` names what a case takes for granted:
where a broker refuses that, the refusal is seen instead; where its local venue does not have it, the case skips and says why.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.broker import OrderRef
from tradewinds.core.errors import OutcomeUnknown, Rejected
from tradewinds.core.order import ApprovedOrder, OrderState

S = OrderState
needs = pytest.mark.needs
WORKING = (S.ACCEPTED, S.PARTIALLY_FILLED)


def ref(order: ApprovedOrder, venue_order_id: str = "") -> OrderRef:
    return OrderRef(order.client_order_id, venue_order_id, order.terms.instrument)


# Kinds


async def test_a_market_order_to_buy_fills_at_the_offer(desk: Any) -> None:
    await desk.open()
    order = await desk.bought()
    (fill,) = (await desk.fills()).fills
    assert (fill.side, fill.quantity, fill.price) == ("buy", desk.house.size, desk.house.ask)
    assert (fill.client_order_id, fill.instrument, fill.currency) == (order.client_order_id, desk.house.instrument, desk.house.currency)


async def test_a_market_order_to_sell_fills_at_the_bid(desk: Any) -> None:
    await desk.open()
    desk.house.price(desk.house.bid, desk.house.bid)  # a bar opens at one price
    await desk.bought(side="sell")
    (fill,) = (await desk.fills()).fills
    assert (fill.side, fill.quantity, fill.price) == ("sell", desk.house.size, desk.house.bid)


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_limit_order_far_from_the_market_rests_with_its_terms(desk: Any, side: str) -> None:
    broker = await desk.open()
    order = desk.resting(side)
    report = await broker.submit(order)
    found = await desk.find(order)
    assert (report.state, found.state, found.filled) == (S.ACCEPTED, S.ACCEPTED, 0)
    if found.terms is not None:
        assert found.terms == order.terms


async def test_a_limit_order_that_crosses_never_pays_more_than_its_limit(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("buy", limit=desk.house.ask + 100 * desk.house.tick)
    await broker.submit(order)
    await desk.reached(order, S.FILLED)
    (fill,) = (await desk.fills()).fills
    assert fill.price == desk.house.ask


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_resting_limit_order_fills_at_its_price_when_the_market_comes(desk: Any, side: str) -> None:
    broker = await desk.open()
    order = desk.resting(side)
    await broker.submit(order)
    price = order.terms.limit
    desk.house.price(price, price)
    await desk.reached(order, S.FILLED)
    (fill,) = (await desk.fills()).fills
    assert (fill.price, fill.quantity) == (price, desk.house.size)


@needs("stop")
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_stop_order_waits_for_its_price_and_then_fills(desk: Any, side: str) -> None:
    broker = await desk.open()
    stop = desk.house.far_ask if side == "buy" else desk.house.far_bid
    order = desk.order(side, kind="stop", stop=stop)
    await broker.submit(order)
    assert (await desk.find(order)).state is S.ACCEPTED
    desk.house.price(stop, stop)
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size


@needs("stop limit")
async def test_a_stop_limit_order_rests_at_its_limit_after_its_stop(desk: Any) -> None:
    broker = await desk.open()
    far, limit = desk.house.far_ask, desk.house.far_bid
    order = desk.order("buy", kind="stop_limit", stop=far, limit=limit)
    await broker.submit(order)
    desk.house.price(far, far)
    assert (await desk.find(order)).state is S.ACCEPTED
    desk.house.price(limit, limit)
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size


@needs("take profit")
async def test_a_take_profit_order_waits_until_the_price_is_good(desk: Any) -> None:
    broker = await desk.open()
    await desk.bought()
    order = desk.order("sell", kind="take_profit", limit=desk.house.far_ask)
    await broker.submit(order)
    assert (await desk.find(order)).state is S.ACCEPTED
    desk.house.price(desk.house.far_ask, desk.house.far_ask)
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size


@needs("trailing stop")
async def test_a_trailing_stop_follows_the_price_up_and_fills_on_the_way_down(desk: Any) -> None:
    broker = await desk.open()
    house = desk.house
    order = desk.order("sell", kind="trailing_stop", trail=100 * house.tick)
    await broker.submit(order)
    house.price(house.far_ask, house.far_ask)
    house.price(house.far_ask - 50 * house.tick, house.far_ask - 50 * house.tick)
    assert (await desk.find(order)).state is S.ACCEPTED
    house.price(house.far_ask - 150 * house.tick, house.far_ask - 150 * house.tick)
    assert (await desk.reached(order, S.FILLED)).filled == house.size


# Parts and times in force


async def partly(desk: Any, parts: int = 3, **terms: Any) -> ApprovedOrder:
    """An order three times as large as what is on offer, of which one part has filled."""
    house = desk.house
    limit = house.ask
    order: ApprovedOrder = desk.order("buy", parts * house.size, limit=limit, **terms)
    house.price(house.far_ask, house.far_ask, house.size)
    await desk.broker.submit(order)
    house.price(limit, limit, house.size)
    return order


async def test_an_order_larger_than_the_offer_fills_in_parts_that_add_up(desk: Any) -> None:
    await desk.open()
    order = await partly(desk)
    found = await desk.reached(order, S.PARTIALLY_FILLED)
    assert found.filled in (desk.house.size, 2 * desk.house.size)
    for _ in range(4):
        desk.house.advance(1)
        desk.house.turn()
    await desk.reached(order, S.FILLED)
    fills = [one for one in (await desk.fills()).fills if one.client_order_id == order.client_order_id]
    assert len(fills) >= 2
    assert sum(one.quantity for one in fills) == 3 * desk.house.size


@needs("at once")
async def test_an_ioc_order_takes_what_is_there_and_ends(desk: Any) -> None:
    broker = await desk.open()
    house = desk.house
    house.price(house.bid, house.ask, house.size)
    order = desk.order("buy", 3 * house.size, limit=house.ask, time_in_force="ioc")
    await broker.submit(order)
    found = await desk.reached(order, S.CANCELLED, S.EXPIRED)
    assert found.filled == house.size
    assert order.client_order_id not in [one.client_order_id for one in await broker.open_orders()]


async def test_an_ioc_order_that_finds_nothing_ends_without_a_fill(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting(time_in_force="ioc")
    await broker.submit(order)
    found = await desk.reached(order, S.CANCELLED, S.EXPIRED)
    assert found.filled == 0
    assert (await desk.fills()).fills == ()


@needs("fok")
async def test_a_fok_order_fills_whole(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("buy", limit=desk.house.ask + 100 * desk.house.tick, time_in_force="fok")
    await broker.submit(order)
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size


@needs("fok")
async def test_a_fok_order_larger_than_the_offer_fills_not_at_all(desk: Any) -> None:
    broker = await desk.open()
    house = desk.house
    house.price(house.bid, house.ask, house.size)
    order = desk.order("buy", 3 * house.size, limit=house.ask + 100 * house.tick, time_in_force="fok")
    await broker.submit(order)
    assert not (await desk.reached(order, S.CANCELLED, S.EXPIRED)).filled
    assert (await desk.fills()).fills == ()


async def test_a_gtc_order_works_on_the_next_day(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    desk.house.advance(86_400)
    desk.house.turn()
    assert (await desk.find(order)).state is S.ACCEPTED


@needs("day")
async def test_a_day_order_ends_with_its_day(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting(time_in_force="day")
    await broker.submit(order)
    assert (await desk.find(order)).state is S.ACCEPTED
    desk.house.advance(86_400)
    desk.house.turn()
    assert not (await desk.reached(order, S.CANCELLED, S.EXPIRED)).filled


@needs("reduce only")
async def test_an_order_that_only_reduces_never_opens(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("sell", is_reduce_only=True)
    try:
        await broker.submit(order)
        assert not (await desk.reached(order)).filled
    except Rejected:
        pass
    assert (await desk.fills()).fills == ()
    assert (await desk.asked(broker.holdings)).quantity(desk.house.instrument) == 0


@needs("reduce only")
async def test_an_order_that_only_reduces_closes_what_is_held(desk: Any) -> None:
    broker = await desk.open()
    await desk.bought()
    order = desk.order("sell", is_reduce_only=True)
    await broker.submit(order)
    assert (await desk.reached(order, S.FILLED)).filled == desk.house.size
    assert (await desk.asked(broker.holdings)).quantity(desk.house.instrument) == 0


# Numbers


async def test_prices_reach_the_venue_to_the_last_digit(desk: Any) -> None:
    broker = await desk.open()
    for instrument, price, quantity in desk.house.fine:
        desk.house.price(price * Decimal("1.04"), price * Decimal("1.04"), instrument=instrument)
        order = desk.order("buy", quantity, instrument=instrument, limit=price)
        await broker.submit(order)
        found = await desk.find(order)
        assert (found.state, found.instrument) == (S.ACCEPTED, instrument)
        if found.terms is not None:
            assert (found.terms.limit, found.terms.quantity) == (price, quantity)


async def test_the_smallest_step_more_is_kept_to_the_last_digit(desk: Any) -> None:
    await desk.open()
    quantity = desk.house.size + desk.house.lot
    await desk.bought(quantity)
    (fill,) = (await desk.fills()).fills
    assert fill.quantity == quantity


@needs("odd numbers")
async def test_a_price_between_two_ticks_is_refused_and_nothing_works(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("buy", limit=desk.house.odd_price)
    try:
        report = await broker.submit(order)
    except Rejected:
        pass
    else:
        assert report.state is S.REJECTED
    assert not [one for one in await desk.asked(broker.open_orders) if one.state in WORKING]


@needs("odd numbers")
async def test_a_size_between_two_lots_is_refused_and_never_rounded(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("buy", desk.house.odd_size, limit=desk.house.far_bid)
    try:
        report = await broker.submit(order)
    except Rejected:
        pass
    else:
        assert report.state is S.REJECTED
    assert not [one for one in await desk.asked(broker.open_orders) if one.state in WORKING]


@needs("odd numbers")
async def test_a_size_below_the_least_is_refused(desk: Any) -> None:
    broker = await desk.open()
    order = desk.order("buy", desk.house.too_small, limit=desk.house.far_bid)
    try:
        report = await broker.submit(order)
    except Rejected:
        pass
    else:
        assert report.state is S.REJECTED
    assert not [one for one in await desk.asked(broker.open_orders) if one.state in WORKING]


@needs("size limits")
async def test_a_size_above_the_most_is_refused(desk: Any) -> None:
    broker = await desk.open()
    with pytest.raises(Rejected):
        await broker.submit(desk.order("buy", desk.house.too_large, limit=desk.house.far_bid))
    assert await broker.open_orders() == ()


@needs("unknown instrument")
async def test_an_instrument_that_nobody_knows_is_refused_by_name(desk: Any) -> None:
    broker = await desk.open()
    venue = desk.house.instrument.partition(".")[2]
    with pytest.raises(Rejected, match="NOSUCH"):
        await broker.submit(desk.order("buy", instrument=f"NOSUCH.{venue}"))
    assert desk.house.orders() == 0


@needs("funds")
async def test_an_order_that_the_account_cannot_pay_is_refused_and_changes_nothing(desk: Any) -> None:
    broker = await desk.open()
    desk.house.price(desk.house.bid, desk.house.ask, 10 * desk.house.poor_size)
    order = desk.order("buy", desk.house.poor_size * (10 if desk.house.name == "binance_um" else 1))
    try:
        assert (await broker.submit(order)).state in (S.REJECTED, S.CANCELLED)
    except Rejected as error:
        assert order.client_order_id in str(error)  # noqa: PT017 - either form of refusal will do
    assert (await desk.fills()).fills == ()


@needs("closed market")
async def test_a_market_order_while_the_market_is_closed_is_over_at_once_and_says_why(desk: Any) -> None:
    broker = await desk.open()
    desk.house.close_market()
    report = await broker.submit(desk.order("buy"))
    assert (report.state, report.filled) == (S.CANCELLED, 0)
    assert "HALTED" in report.reason


async def test_sizes_that_binary_numbers_cannot_hold_add_up_exactly(desk: Any) -> None:
    broker = await desk.open()
    before = (await desk.asked(broker.holdings)).cash.get(desk.house.base, Decimal(0))
    sizes = [desk.house.size + desk.house.lot * n for n in (1, 2, 3)]
    for size in sizes:
        await desk.bought(size)
    fills = (await desk.fills()).fills
    assert [one.quantity for one in fills] == sizes
    held = await desk.asked(broker.holdings)
    got = held.quantity(desk.house.instrument) or held.cash[desk.house.base] - before
    paid = sum(one.commission for one in fills if one.commission_currency == desk.house.base)
    assert got == sum(sizes) - paid


# Ids


async def test_our_id_stands_at_the_venue_once(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    report = await broker.submit(order)
    assert report.client_order_id == order.client_order_id
    assert desk.house.placed(order.client_order_id) == 1


async def test_a_working_order_is_found_right_after_it_was_sent(desk: Any) -> None:
    broker = await desk.open()
    for _ in range(3):
        order = desk.resting()
        await broker.submit(order)
        found = await broker.find(ref(order))
        assert found is not None
        assert (found.client_order_id, found.instrument, found.state) == (order.client_order_id, desk.house.instrument, S.ACCEPTED)


async def test_a_filled_order_is_found_with_what_it_filled(desk: Any) -> None:
    await desk.open()
    order = await desk.bought()
    found = await desk.find(order)
    assert (found.state, found.filled, found.client_order_id) == (S.FILLED, desk.house.size, order.client_order_id)


async def test_a_cancelled_order_is_found_under_our_id(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    await broker.cancel(ref(order))
    found = await desk.find(order)
    assert (found.state, found.client_order_id) == (S.CANCELLED, order.client_order_id)


@needs("unknown instrument")
async def test_a_refused_order_is_unknown_or_refused_and_never_working(desk: Any) -> None:
    broker = await desk.open()
    order = asked_of_nobody(desk)
    with pytest.raises(Rejected):
        await broker.submit(order)
    try:
        found = await broker.find(ref(order))
    except Rejected:
        return  # the instrument itself is not known
    assert found is None or found.state is S.REJECTED


def asked_of_nobody(desk: Any) -> ApprovedOrder:
    """An order that no broker takes."""
    venue = desk.house.instrument.partition(".")[2]
    order: ApprovedOrder = desk.order("buy", instrument=f"NOSUCH.{venue}")
    return order


async def test_an_order_that_was_never_sent_is_found_nowhere(desk: Any) -> None:
    broker = await desk.open()
    assert await broker.find(ref(desk.resting())) is None


@needs("numbers")
async def test_an_order_is_found_by_the_number_that_the_venue_gave_it(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    report = await broker.submit(order)
    found = await broker.find(OrderRef("", report.venue_order_id, desk.house.instrument))
    assert found is not None
    assert (found.venue_order_id, found.client_order_id) == (report.venue_order_id, order.client_order_id)


@needs("unique ids")
async def test_the_same_order_sent_again_makes_no_second_one(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    with pytest.raises((Rejected, OutcomeUnknown)):
        await broker.submit(order)
    assert desk.house.placed(order.client_order_id) == 1
    assert (await desk.find(order)).state is S.ACCEPTED


async def test_orders_sent_at_the_same_time_all_arrive_under_their_own_ids(desk: Any) -> None:
    broker = await desk.open()
    orders = [desk.resting() for _ in range(5)]
    reports = await asyncio.gather(*(broker.submit(one) for one in orders))
    assert [one.client_order_id for one in reports] == [one.client_order_id for one in orders]
    assert len({one.venue_order_id for one in reports}) == 5
    assert [desk.house.placed(one.client_order_id) for one in orders] == [1] * 5


# Cancels


async def test_a_cancelled_order_works_no_more(desk: Any) -> None:
    broker = await desk.open()
    order, other = desk.resting(), desk.resting()
    for one in (order, other):
        await broker.submit(one)
    report = await broker.cancel(ref(order))
    assert (report.state, report.client_order_id) == (S.CANCELLED, order.client_order_id)
    assert [one.client_order_id for one in await desk.asked(broker.open_orders)] == [other.client_order_id]


async def test_a_filled_order_cannot_be_cancelled(desk: Any) -> None:
    broker = await desk.open()
    order = await desk.bought()
    with suppress(Rejected):
        assert (await broker.cancel(ref(order))).state is S.FILLED
    assert (await desk.find(order)).state is S.FILLED


async def test_an_order_that_the_venue_does_not_know_cannot_be_cancelled(desk: Any) -> None:
    broker = await desk.open()
    with pytest.raises(Rejected):
        await broker.cancel(ref(desk.resting()))


async def test_a_second_cancel_is_refused_and_the_order_stays_cancelled(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    await broker.cancel(ref(order))
    with suppress(Rejected):
        assert (await broker.cancel(ref(order))).state is S.CANCELLED
    assert (await desk.find(order)).state is S.CANCELLED


async def test_a_cancel_keeps_what_was_filled(desk: Any) -> None:
    broker = await desk.open()
    order = await partly(desk)
    filled = (await desk.reached(order, S.PARTIALLY_FILLED)).filled
    await broker.cancel(ref(order))
    found = await desk.find(order)
    assert (found.state, found.filled) == (S.CANCELLED, filled)
    assert sum(one.quantity for one in (await desk.fills()).fills) == filled


# Replacing


@needs("replace")
async def test_a_replacement_changes_the_price(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    by = desk.order("buy", limit=desk.house.far_bid + desk.house.tick)
    report = await broker.replace(ref(order), by)
    assert report.client_order_id == by.client_order_id
    (working,) = await desk.asked(broker.open_orders)
    assert (working.client_order_id, working.terms.limit) == (by.client_order_id, by.terms.limit)


@needs("replace")
async def test_a_replacement_changes_the_quantity(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    by = desk.resting("buy", 2 * desk.house.size)
    await broker.replace(ref(order), by)
    (working,) = await desk.asked(broker.open_orders)
    assert (working.client_order_id, working.terms.quantity) == (by.client_order_id, 2 * desk.house.size)


@needs("replace")
async def test_what_was_replaced_is_over_and_what_replaced_it_is_found(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    by = desk.resting("buy", 2 * desk.house.size)
    await broker.replace(ref(order), by)
    old = await desk.find(order)
    assert old is None or old.state in (S.REPLACED, S.CANCELLED)
    assert (await desk.find(by)).state is S.ACCEPTED


@needs("replace")
async def test_a_filled_order_is_not_replaced(desk: Any) -> None:
    broker = await desk.open()
    order = await desk.bought()
    with pytest.raises((Rejected, OutcomeUnknown)):
        await broker.replace(ref(order), desk.resting())
    assert await desk.asked(broker.open_orders) == ()


@needs("replace")
async def test_a_replacement_of_an_order_that_began_to_fill_never_asks_for_more(desk: Any) -> None:
    broker = await desk.open()
    house = desk.house
    order = await partly(desk)
    filled = (await desk.reached(order, S.PARTIALLY_FILLED)).filled
    by = desk.resting("buy", house.size)
    try:
        await broker.replace(ref(order), by)
    except (Rejected, OutcomeUnknown):
        found = await desk.find(order)
        assert (found.state, desk.house.placed(by.client_order_id)) == (S.PARTIALLY_FILLED, 0)
        return
    house.price(house.far_bid, house.far_bid, 10 * house.size)
    assert (await desk.reached(by, S.FILLED)).filled == house.size
    assert sum(one.quantity for one in (await desk.fills()).fills) == filled + house.size


# What works


async def test_nothing_works_at_first(desk: Any) -> None:
    broker = await desk.open()
    assert await desk.asked(broker.open_orders) == ()


async def test_the_open_orders_are_those_that_work(desk: Any) -> None:
    broker = await desk.open()
    resting = [desk.resting("buy"), desk.resting("sell")]
    for one in resting:
        await broker.submit(one)
    await desk.bought()
    found = await desk.asked(broker.open_orders)
    assert {one.client_order_id for one in found} == {one.client_order_id for one in resting}
    assert {one.state for one in found} == {S.ACCEPTED}


@needs("hand")
async def test_an_order_placed_by_hand_is_among_the_open_ones_under_no_id_of_ours(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    number = desk.house.by_hand("buy", desk.house.size, desk.house.far_bid)
    found = {one.client_order_id == order.client_order_id: one for one in await desk.asked(broker.open_orders)}
    assert set(found) == {True, False}
    assert not found[False].client_order_id.startswith("tw")
    assert number.endswith(found[False].venue_order_id) or found[False].venue_order_id


# Fills


@needs("commission")
async def test_a_fill_carries_its_commission_and_the_currency_of_it(desk: Any) -> None:
    await desk.open()
    await desk.bought()
    (fill,) = (await desk.fills()).fills
    assert fill.commission > 0
    assert fill.commission_currency in (desk.house.base, desk.house.currency)


@needs("commission in base")
async def test_a_commission_paid_in_what_was_bought_makes_the_balance_smaller_than_the_order(desk: Any) -> None:
    broker = await desk.open()
    before = (await broker.holdings()).cash["BTC"]
    await desk.bought()
    (fill,) = (await desk.fills()).fills
    assert (fill.commission, fill.commission_currency) == (Decimal("0.00001"), "BTC")
    assert (await broker.holdings()).cash["BTC"] == before + desk.house.size - Decimal("0.00001")


async def test_the_first_page_holds_every_fill_oldest_first(desk: Any) -> None:
    await desk.open()
    orders = []
    for _ in range(3):
        orders.append((await desk.bought()).client_order_id)
        desk.house.advance(60)
    fills = (await desk.fills("")).fills
    assert [one.client_order_id for one in fills] == orders
    assert [one.event_ns for one in fills] == sorted(one.event_ns for one in fills)


async def test_a_page_after_a_cursor_brings_what_came_later(desk: Any) -> None:
    await desk.open()
    first = await desk.bought()
    page = await desk.fills()
    second = await desk.bought()
    later = await desk.fills(page.cursor)
    known = {one.id for one in page.fills}
    assert [one.client_order_id for one in page.fills] == [first.client_order_id]
    assert [one.client_order_id for one in later.fills if one.id not in known] == [second.client_order_id]


async def test_a_page_without_news_brings_nothing_unknown_and_keeps_its_cursor(desk: Any) -> None:
    await desk.open()
    await desk.bought()
    page = await desk.fills()
    again = await desk.fills(page.cursor)
    assert {one.id for one in again.fills} <= {one.id for one in page.fills}
    assert again.cursor == page.cursor


async def test_many_fills_come_whole_from_whatever_cursor(desk: Any) -> None:
    await desk.open()
    orders = []
    for _ in range(8):
        orders.append((await desk.bought()).client_order_id)
        desk.house.turn()
    seen: dict[str, str] = {}
    cursor = ""
    for _ in range(3):
        page = await desk.fills(cursor)
        seen |= {one.id: one.client_order_id for one in page.fills}
        cursor = page.cursor
    assert list(seen.values()) == orders


@needs("stream")
async def test_a_fill_that_is_told_has_the_same_key_on_the_page(desk: Any) -> None:
    await desk.open()
    order = await desk.bought()
    await desk.until(lambda: bool(desk.fills_of(order)))
    (told,), (paged,) = desk.fills_of(order), (await desk.fills()).fills
    assert (told.id, told.venue, told.quantity, told.price) == (paged.id, paged.venue, paged.quantity, paged.price)


async def test_a_fill_bears_the_time_of_the_venue(desk: Any) -> None:
    await desk.open()
    desk.house.advance(120)
    before_ns = desk.house.now_ns()
    await desk.bought()
    (fill,) = (await desk.fills()).fills
    assert before_ns - 1_000_000_000 < fill.event_ns <= desk.house.now_ns()


async def test_a_report_bears_the_time_of_the_venue(desk: Any) -> None:
    broker = await desk.open()
    desk.house.advance(120)
    report = await broker.submit(desk.resting())
    assert desk.house.now_ns() - 180 * 10**9 <= report.event_ns <= desk.house.now_ns()


@needs("stream")
async def test_the_end_of_an_order_is_told_without_asking(desk: Any) -> None:
    broker = await desk.open()
    order = desk.resting()
    await broker.submit(order)
    desk.house.price(desk.house.far_bid, desk.house.far_bid)
    await desk.until(lambda: bool(desk.fills_of(order)))
    await desk.reached(order, S.FILLED)
    assert sum(one.quantity for one in desk.fills_of(order)) == desk.house.size


# Holdings


async def test_what_was_bought_is_held(desk: Any) -> None:
    broker = await desk.open()
    before = await desk.asked(broker.holdings)
    await desk.bought()
    after = await desk.asked(broker.holdings)
    moved = after.quantity(desk.house.instrument) or after.cash[desk.house.base] - before.cash[desk.house.base]
    assert desk.house.size * Decimal("0.999") <= moved <= desk.house.size


async def test_what_was_bought_and_sold_is_no_longer_held(desk: Any) -> None:
    broker = await desk.open()
    await desk.bought()
    await desk.bought(side="sell")
    assert (await desk.asked(broker.holdings)).quantity(desk.house.instrument) == 0


@needs("short")
async def test_what_was_sold_without_being_held_is_a_negative_position(desk: Any) -> None:
    broker = await desk.open()
    await desk.bought(side="sell")
    assert (await desk.asked(broker.holdings)).positions == {desk.house.instrument: -desk.house.size}


@needs("balances")
async def test_balances_are_told_whole_what_orders_lock_included(desk: Any) -> None:
    broker = await desk.open()
    before = (await broker.holdings()).cash
    await broker.submit(desk.resting())
    assert (await broker.holdings()).cash == before
    assert (await broker.holdings()).positions == {}


# What the broker says of itself


async def test_the_capability_says_what_is_refused(desk: Any) -> None:
    capability = (await desk.prepared()).capability
    kinds = {"stop": "stop", "stop limit": "stop_limit", "take profit": "take_profit", "trailing stop": "trailing_stop"}
    refused = {word for word, kind in kinds.items() if kind not in capability.kinds}
    refused |= {word for word in ("day", "fok") if word not in capability.times_in_force}
    refused |= set() if capability.can_replace else {"replace"}
    assert refused == set(desk.house.REFUSES) - {"reduce only"}
    assert ("balances" not in desk.house.LACKS) is (capability.holds == "balances")
    assert capability.absent_after_s > 0
