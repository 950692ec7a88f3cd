"""The journal's day beside the broker's statement: every planted difference is one named break, and an equal day has none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import Holdings, OrderReport
from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Adjusted, Answered, Compare, Entry, Ticked, Wanted
from tradewinds.trading.evening import Break, OurDay, Statement, breaks, day_of
from tradewinds.trading.settlement import Difference

DAY_NS = 86_400 * 1_000_000_000
START_NS = 20_000 * DAY_NS
NOON_NS = START_NS + DAY_NS // 2
QUOTE = Quote(Decimal(99), Decimal(100), Decimal(5), Decimal(5))


def _entries() -> tuple[list[Entry], str]:
    """One order of three, bought whole at noon."""
    broker = DirectBroker(Exchange(lambda: NOON_NS, lambda symbol: QUOTE), "main")
    engine = Engine(Books("main"), Gate(), broker.capability)
    intent = Intent("main", "trend", NOON_NS, OrderTerms("ABC.LOCAL", "buy", Decimal(3)))
    name = intent.client_order_id
    fill = Fill("1", "LOCAL", name, "ABC.LOCAL", "buy", Decimal(3), Decimal(100), "USD", NOON_NS, commission=Decimal("0.3"))
    wanted = engine.handle(NOON_NS, Wanted((intent,), "test"))
    report = OrderReport(name, "7", "ABC.LOCAL", OrderState.FILLED, NOON_NS, Decimal(3), fills=(fill,))
    answered = engine.handle(NOON_NS + 1, Answered("submit", name, report))
    return [wanted.entry, answered.entry], name


@pytest.fixture
def day() -> OurDay:
    return day_of(_entries()[0], START_NS, START_NS + DAY_NS)


def _statement(day: OurDay) -> Statement:
    (name,) = day.orders
    order = OrderReport(name, "7", "ABC.LOCAL", OrderState.FILLED, NOON_NS, Decimal(3))
    held = Holdings({"ABC.LOCAL": Decimal(3)}, {"USD": Decimal("-300.3")})
    return Statement("main", START_NS, START_NS + DAY_NS, (order,), tuple(day.fills.values()), held)


def test_a_day_that_agrees_has_no_break(day: OurDay) -> None:
    assert day.entries == 2
    assert breaks(day, _statement(day)) == ()


def test_a_fill_that_only_the_broker_knows_is_a_break(day: OurDay) -> None:
    statement = _statement(day)
    other = replace(statement.fills[0], id="2", client_order_id="")

    found = breaks(day, replace(statement, fills=(*statement.fills, other)))

    assert found == (Break("fill unknown to us", "2", "", "buy 3 ABC.LOCAL at 100"),)


def test_a_fill_that_only_we_know_is_a_break(day: OurDay) -> None:
    found = breaks(day, replace(_statement(day), fills=()))

    assert found == (Break("fill unknown to the broker", "1", "buy 3 ABC.LOCAL at 100", ""),)


def test_another_price_and_another_fee_are_breaks_of_their_kinds(day: OurDay) -> None:
    statement = _statement(day)
    (fill,) = statement.fills

    dearer = breaks(day, replace(statement, fills=(replace(fill, price=Decimal(101)),)))
    costlier = breaks(day, replace(statement, fills=(replace(fill, commission=Decimal("0.4")),)))

    assert dearer == (Break("fill differs", "1", "buy 3 ABC.LOCAL at 100", "buy 3 ABC.LOCAL at 101"),)
    assert costlier == (Break("fee differs", "1", "0.3 USD", "0.4 USD"),)


def test_orders_that_one_side_does_not_know_are_breaks(day: OurDay) -> None:
    statement = _statement(day)
    (name,) = day.orders
    by_hand = OrderReport("", "8", "ABC.LOCAL", OrderState.ACCEPTED, NOON_NS, Decimal(0))

    found = breaks(day, replace(statement, orders=(by_hand,)))

    assert found == (
        Break("order unknown to the broker", name, "filled", ""),
        Break("order unknown to us", "venue order 8", "", "accepted ABC.LOCAL"),
    )


def test_another_state_and_another_quantity_are_breaks(day: OurDay) -> None:
    statement = _statement(day)
    (name,) = day.orders
    half = replace(statement.orders[0], state=OrderState.CANCELLED, filled=Decimal("1.5"))

    found = breaks(day, replace(statement, orders=(half,)))

    assert found == (Break("order state", name, "filled", "cancelled"), Break("order filled", name, "3", "1.5"))


def test_what_is_held_must_be_equal(day: OurDay) -> None:
    differs = Difference("position", "ABC.LOCAL", Decimal(3), Decimal("2.999"))

    found = breaks(day, _statement(day), [differs])

    assert found == (Break("position", "ABC.LOCAL", "3", "2.999"),)


def test_a_position_that_was_taken_over_in_the_day_is_a_break_and_funding_is_none(day: OurDay) -> None:
    entries, _ = _entries()
    opening = Entry(NOON_NS, Ticked(), (Adjusted("OLD.LOCAL", Decimal(9), "held before the first start"), Compare("1", NOON_NS)))
    later = Entry(
        NOON_NS + 2,
        Ticked(),
        (Adjusted("ABC.LOCAL", Decimal(-1), "unexplained"), Adjusted("USD", Decimal("-0.5"), "moved without a fill", "cash")),
    )

    found = day_of([opening, *entries, later], START_NS, START_NS + DAY_NS)

    assert breaks(found, _statement(day)) == (Break("position taken over", "ABC.LOCAL", "", "-1: unexplained"),)
    assert [one.quantity for one in found.moved] == [Decimal("-0.5")]


def test_an_order_that_never_reached_the_venue_is_no_break() -> None:
    broker = DirectBroker(Exchange(lambda: NOON_NS, lambda symbol: QUOTE), "main")
    engine = Engine(Books("main"), Gate(), broker.capability)
    intent = Intent("main", "trend", NOON_NS, OrderTerms("ABC.LOCAL", "buy", Decimal(3)))
    entries = [
        engine.handle(NOON_NS, Wanted((intent,), "test")).entry,
        engine.handle(NOON_NS, Answered("submit", intent.client_order_id, doubt="rejected", detail="no")).entry,
    ]

    day = day_of(entries, START_NS, START_NS + DAY_NS)

    assert day.orders[intent.client_order_id].state is OrderState.REJECTED
    assert breaks(day, Statement("main", START_NS, START_NS + DAY_NS, (), ())) == ()


def test_fills_and_orders_of_other_days_do_not_count() -> None:
    entries, _ = _entries()

    tomorrow = day_of(entries, START_NS + DAY_NS, START_NS + 2 * DAY_NS)

    assert (tomorrow.orders, tomorrow.fills, tomorrow.entries) == ({}, {}, 0)
