"""The exchange below every local venue: what fills, at what price, and what is told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND, parse
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder

D = Decimal


class Place:
    """An exchange whose clock and price a test moves."""

    def __init__(self) -> None:
        self.now_ns = parse("2025-03-14T12:00:00Z")
        self.at(100, 101)
        self.exchange = Exchange(lambda: self.now_ns, lambda symbol: self.quote)

    def at(self, bid: float, ask: float, size: float = 10) -> None:
        self.quote = Quote(D(str(bid)), D(str(ask)), D(str(size)), D(str(size)))

    def later(self, seconds: int = 1) -> None:
        self.now_ns += seconds * NS_PER_SECOND
        self.exchange.match()

    def order(self, side: Any, quantity: float, kind: Any = "limit", client_id: str = "", **more: Any) -> VenueOrder:
        terms: dict[str, Any] = {
            name: D(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value for name, value in more.items()
        }
        return self.exchange.place(VenueOrder("main", client_id, "X", side, kind, D(str(quantity)), **terms))


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_market_order_takes_the_other_side_at_once(place: Place) -> None:
    order = place.order("buy", 4, "market")
    assert (order.status, order.filled, order.quote_filled) == ("filled", D(4), D(404))
    assert not place.exchange.executions[0].is_maker


def test_a_limit_that_rests_fills_as_a_maker_at_its_own_price(place: Place) -> None:
    order = place.order("buy", 4, limit=99)
    place.at(97, 98)
    place.later()
    done = place.exchange.executions[0]
    assert (order.status, done.price, done.is_maker) == ("filled", D(99), True)


def test_a_limit_that_crosses_takes_the_better_price_and_the_rest_makes(place: Place) -> None:
    order = place.order("buy", 15, limit=102)
    place.later()
    found = [(one.quantity, one.price, one.is_maker) for one in place.exchange.executions]
    assert found == [(D(10), D(101), False), (D(5), D(102), True)]
    assert order.status == "filled"


def test_what_one_order_took_is_not_there_for_the_next_until_it_is_offered_anew(place: Place) -> None:
    first, second = place.order("buy", 8, limit=101), place.order("buy", 8, limit=101)
    assert (first.filled, second.filled) == (D(8), D(2))
    place.exchange.match()
    assert second.filled == D(2)
    place.later()
    assert second.status == "filled"


def test_an_immediate_order_ends_with_what_it_got(place: Place) -> None:
    order = place.order("buy", 15, limit=101, time_in_force="ioc")
    assert (order.status, order.filled, order.reason) == ("expired", D(10), "immediate or cancel")


@pytest.mark.parametrize(("quantity", "status"), [(10, "filled"), (11, "expired")])
def test_fill_or_kill_fills_whole_or_not_at_all(place: Place, quantity: int, status: str) -> None:
    order = place.order("sell", quantity, limit=100, time_in_force="fok")
    assert order.status == status
    assert order.filled in (0, quantity)


def test_fill_or_kill_counts_what_others_have_taken(place: Place) -> None:
    place.order("sell", 5, "market")
    assert place.order("sell", 6, limit=100, time_in_force="fok").filled == 0


def test_a_stop_waits_until_it_is_touched_and_then_takes(place: Place) -> None:
    order = place.order("sell", 3, "stop", stop=95)
    place.at(96, 97)
    place.later()
    assert (order.status, order.is_triggered) == ("new", False)
    place.at(94, 95)
    place.later()
    assert (order.status, place.exchange.executions[0].price, place.exchange.executions[0].is_maker) == ("filled", D(94), False)
    assert [one.what for one in place.exchange.log] == ["placed", "triggered", "filled"]


def test_a_stop_limit_that_was_jumped_over_rests_and_then_makes(place: Place) -> None:
    order = place.order("sell", 3, "stop_limit", stop=95, limit=94)
    place.at(90, 91)
    place.later()
    assert (order.status, order.is_triggered) == ("new", True)
    place.at(94, 95)
    place.later()
    done = place.exchange.executions[0]
    assert (order.status, done.price, done.is_maker) == ("filled", D(94), True)


def test_take_profit_starts_when_the_price_is_good(place: Place) -> None:
    order = place.order("sell", 3, "take_profit", stop=110)
    place.at(90, 91)
    place.later()
    assert order.status == "new"
    place.at(111, 112)
    place.later()
    assert (order.status, place.exchange.executions[0].price) == ("filled", D(111))


def test_a_trailing_stop_follows_the_best_price_and_never_back(place: Place) -> None:
    order = place.order("sell", 3, "trailing_stop", trail=5)
    for bid, stop in ((100, 95), (108, 103), (104, 103)):
        place.at(bid, bid + 1)
        place.later()
        assert (order.stop, order.status) == (D(stop), "new")
    place.at(103, 104)
    place.later()
    assert (order.status, place.exchange.executions[0].price) == ("filled", D(103))


def test_the_direct_broker_hands_a_trailing_stop_on_with_its_distance(place: Place) -> None:
    terms = OrderTerms("X", "sell", D(3), "trailing_stop", trail=D(5))
    order = ApprovedOrder(Intent("main", "trend", 1, terms), 2)
    report = asyncio.run(DirectBroker(place.exchange, "main").submit(order))
    found = place.exchange.named("main", order.client_order_id)
    assert report.state is OrderState.ACCEPTED
    assert found is not None
    assert (found.trail, found.stop, found.status) == (D(5), D(95), "new")


def test_a_trailing_stop_by_rate_waits_for_its_activation(place: Place) -> None:
    order = place.order("buy", 3, "trailing_stop", trail_rate=0.1, activation=90)
    assert order.stop is None
    place.at(79, 80)
    place.later()
    assert order.stop == D("88.0")
    place.at(89, 90)
    place.later()
    assert order.status == "filled"


def test_a_day_order_ends_with_its_day(place: Place) -> None:
    order = place.order("buy", 4, limit=90, time_in_force="day")
    place.later(12 * 3600 - 1)
    assert order.status == "new"
    place.later(1)
    assert (order.status, place.now_ns % NS_PER_DAY) == ("expired", 0)


def test_an_order_ends_when_it_said_it_would(place: Place) -> None:
    order = VenueOrder("main", "", "X", "buy", "limit", D(1), D(90), expires_ns=place.now_ns + 60 * NS_PER_SECOND)
    place.exchange.place(order)
    place.later(60)
    assert order.status == "expired"


def test_reduce_only_never_turns_a_position(place: Place) -> None:
    place.order("buy", 4, "market")
    place.later()
    order = place.order("sell", 9, limit=100, is_reduce_only=True)
    assert (order.filled, place.exchange.position("main", "X")) == (D(4), D(0))
    place.later()
    assert (order.status, order.reason) == ("expired", "reduce only")


def test_post_only_does_not_take(place: Place) -> None:
    assert place.order("buy", 1, limit=101, is_post_only=True).status == "expired"
    assert place.order("buy", 1, limit=100, is_post_only=True).status == "new"


def test_an_amended_order_keeps_its_number_and_takes_where_it_now_crosses(place: Place) -> None:
    order = place.order("buy", 4, limit=99)
    assert place.exchange.amend(order.id, quantity=D(6), limit=D(101))
    assert (order.status, place.exchange.executions[0].price, place.exchange.executions[0].is_maker) == ("filled", D(101), False)
    assert not place.exchange.amend(order.id, quantity=D(9))


def test_an_amendment_below_what_is_filled_changes_nothing(place: Place) -> None:
    order = place.order("buy", 15, limit=101)
    assert not place.exchange.amend(order.id, quantity=D(10))
    assert (order.quantity, order.status) == (D(15), "partial")


def test_a_cancel_ends_what_works_and_nothing_else(place: Place) -> None:
    order = place.order("buy", 4, limit=99)
    assert place.exchange.cancel(order.id) is order
    assert place.exchange.cancel(order.id) is None
    assert place.exchange.working("main") == []


def test_positions_know_their_average_and_what_closing_gained(place: Place) -> None:
    place.order("buy", 4, "market")
    place.at(109, 110)
    place.order("buy", 4, "market")
    assert place.exchange.average("main", "X") == D("105.5")
    place.at(120, 121)
    place.order("sell", 10, "market")
    assert place.exchange.position("main", "X") == D(-2)
    assert place.exchange.average("main", "X") == D(120)
    assert place.exchange.realised["main", "X"] == D("116.0")
    assert place.exchange.executions[-1].realised == D("116.0")


def test_the_log_holds_every_change_in_order(place: Place) -> None:
    order = place.order("buy", 15, limit=101, client_id="a")
    place.exchange.cancel(order.id)
    assert [(one.what, one.status, one.filled) for one in place.exchange.log] == [
        ("placed", "new", D(0)),
        ("filled", "partial", D(10)),
        ("cancelled", "cancelled", D(10)),
    ]
    assert {one.client_id for one in place.exchange.log} == {"a"}


def test_listeners_hear_each_change_once(place: Place) -> None:
    heard: list[tuple[str, bool]] = []
    place.exchange.listeners.append(lambda order, done: heard.append((order.status, done is not None)))
    place.order("buy", 4, "market")
    assert heard == [("new", False), ("filled", True)]


def test_orders_of_one_client_id_are_all_known(place: Place) -> None:
    first, second = place.order("buy", 1, limit=90, client_id="a"), place.order("buy", 1, limit=90, client_id="a")
    assert place.exchange.named("main", "a") is second
    assert place.exchange.all_named("main", "a") == [first, second]
    assert place.exchange.named("other", "a") is None


def test_a_restored_venue_has_lost_what_came_after_but_the_log_has_not(place: Place) -> None:
    kept = place.order("buy", 15, limit=101, client_id="kept")
    taken = place.exchange.snapshot()
    place.later()
    lost = place.order("buy", 1, limit=90, client_id="lost")
    assert kept.status == "filled"
    place.exchange.restore(taken)
    assert place.exchange.named("main", "lost") is None
    found = place.exchange.named("main", "kept")
    assert found is not None
    assert (found.status, found.filled, place.exchange.position("main", "X")) == ("partial", D(10), D(10))
    assert len(place.exchange.executions_of(found.id)) == 1
    assert lost.client_id in {one.client_id for one in place.exchange.log}
    place.later()
    assert found.status == "filled"


def test_ids_that_roll_back_leave_out_what_is_taken(place: Place) -> None:
    place.exchange.first_id = 100
    ids = [place.order("buy", 1, limit=90).id for _ in range(2)]
    place.exchange.roll_ids_back(99)
    assert ids == [100, 101]
    assert [place.order("buy", 1, limit=90).id for _ in range(2)] == [99, 102]


def test_a_stop_that_its_account_cannot_pay_for_expires_when_touched(place: Place) -> None:
    place.exchange.affords = lambda order: False
    order = place.order("buy", 1, "stop", stop=105)
    place.at(105, 106)
    place.later()
    assert (order.status, order.reason, order.filled) == ("expired", "rejected when triggered", D(0))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["market", "limit", "stop"]),
        st.integers(1, 40),
        st.integers(90, 110),
        st.sampled_from(["gtc", "ioc", "fok"]),
        st.integers(90, 110),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_is_asked_the_books_add_up(steps: list[tuple[Any, Any, int, int, Any, int]]) -> None:
    place = Place()
    for side, kind, quantity, price, time_in_force, bid in steps:
        at: dict[str, Any] = {"limit": {"limit": price}, "stop": {"stop": price}, "market": {}}[kind]
        place.order(side, quantity, kind, time_in_force=time_in_force, **at)
        place.at(bid, bid + 1)
        place.later()
    exchange = place.exchange
    net = sum((one.quantity if one.side == "buy" else -one.quantity for one in exchange.executions), D(0))
    assert net == exchange.position("main", "X")
    for order in exchange.orders.values():
        assert sum((one.quantity for one in exchange.executions_of(order.id)), D(0)) == order.filled <= order.quantity
        assert (order.status == "filled") == (order.left == 0)
        for one in exchange.executions_of(order.id):
            assert order.limit is None or (one.price <= order.limit if order.side == "buy" else one.price >= order.limit)
    assert len(exchange.executions) == sum(one.what == "filled" for one in exchange.log)
