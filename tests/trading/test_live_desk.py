"""The live desk: what a strategy asks becomes intents, exits follow their entry, mates shrink, and all of it survives a restart."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.account import Fill
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ORDER_KINDS, ApprovedOrder, OrderKind, OrderState
from tradewinds.core.order import Intent as Order
from tradewinds.risk.limits import Gate
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Allotted, Approved, Booked, Changed
from tradewinds.trading.intent import Intent
from tradewinds.trading.live_desk import LiveDesk, on_tick
from tradewinds.trading.own_book import OwnBook

NOW_NS = 1_795_392_000_000_000_000
MINUTE_NS = 60_000_000_000
ABC = Instrument("ABC.XNAS", "equity", "USD", "XNYS", tick=Decimal("0.01"), lot=Decimal(1))
ALL = frozenset(ORDER_KINDS)
PLAIN: frozenset[OrderKind] = frozenset({"market", "limit"})


class Nothing:
    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *about: Decimal(0) if name in ("position", "working") else None


class Table:
    """A desk, the books behind it, and bars of one instrument that move time on."""

    def __init__(self, kinds: frozenset[OrderKind] = ALL, books: Books | None = None) -> None:
        self.books = Books("main") if books is None else books
        self.own = OwnBook("s", (ABC,), "USD")
        self.desk = LiveDesk("main", self.own, "units", kinds, sends_reduce_only=True)
        self.books.apply(NOW_NS, [Allotted("s", "USD", Decimal(1000))])
        self.fills = 0

    def bar(self, minute: int, high: float = 101.0, low: float = 99.0, close: float = 100.0) -> list[Order]:
        """The end of a bar: what became of the orders; what leaves for it."""
        self.own.look(self.books, np.array([close]), {})
        self.desk.begin(NOW_NS + minute * MINUTE_NS)
        self.desk.settle(np.array([high]), np.array([low]))
        return list(self.desk.intents)

    def sent(self) -> list[Order]:
        """What leaves when the decision ends is approved and accepted by the venue."""
        left = list(self.desk.intents)
        for intent in left:
            verdict = Gate().judge(intent, Nothing(), NOW_NS)  # answers everything that is asked
            assert isinstance(verdict, ApprovedOrder)
            name = intent.client_order_id
            self.books.apply(NOW_NS, [Approved(verdict), Changed(name, OrderState.SENT), Changed(name, OrderState.ACCEPTED)])
        self.desk.intents = []
        return left

    def fill(self, order: Order, quantity: str, price: str = "100") -> None:
        self.fills += 1
        terms, name = order.terms, order.client_order_id
        one = Fill(str(self.fills), "X", name, terms.instrument, terms.side, Decimal(quantity), Decimal(price), "USD", NOW_NS)
        self.books.apply(NOW_NS, [Booked(one, "s")])
        whole = self.books.orders[name].filled == terms.quantity
        self.books.apply(NOW_NS, [Changed(name, OrderState.FILLED if whole else OrderState.PARTIALLY_FILLED)])

    def cancelled(self, order: Order) -> None:
        self.books.apply(
            NOW_NS, [Changed(order.client_order_id, OrderState.CANCEL_SENT), Changed(order.client_order_id, OrderState.CANCELLED)]
        )


def bracket(table: Table) -> None:
    """An entry of 10 with a stop at 95 and a take-profit at 105."""
    group = table.desk.new_group()
    parent = table.desk.submit(0, Intent("buy", 10.0))
    table.desk.submit(0, Intent("sell", 10.0, stop=95.0, is_reduce_only=True), parent=parent, group=group)
    table.desk.submit(0, Intent("sell", 10.0, limit=105.0, is_reduce_only=True), parent=parent, group=group, kind="take_profit")


def test_exits_wait_for_their_entry_and_are_sent_for_what_it_filled() -> None:
    table = Table()
    table.bar(1)
    bracket(table)
    (entry,) = table.sent()

    assert table.bar(2) == []
    table.fill(entry, "6")
    assert table.bar(3) == []
    table.cancelled(entry)
    exits = table.bar(4)

    assert [(one.terms.kind, one.terms.quantity, one.terms.is_reduce_only) for one in exits] == [
        ("stop", Decimal(6), True),
        ("take_profit", Decimal(6), True),
    ]
    assert [one.leg for one in exits] == [0, 1]


def test_exits_of_an_entry_that_never_filled_end_with_it() -> None:
    table = Table()
    table.bar(1)
    bracket(table)
    (entry,) = table.sent()
    table.cancelled(entry)

    assert table.bar(2) == []
    assert table.desk.open_orders(None) == ()


def test_a_fill_of_one_makes_the_other_smaller_once_its_cancel_is_certain() -> None:
    table = Table()
    table.bar(1)
    group = table.desk.new_group()
    table.desk.submit(0, Intent("buy", 10.0, limit=95.0), group=group)
    table.desk.submit(0, Intent("buy", 10.0, stop=105.0), group=group)
    limit, stop = table.sent()

    table.fill(limit, "4", "95")
    assert table.bar(2) == []
    assert table.desk.cancels == [stop.client_order_id]
    table.cancelled(stop)
    (again,) = table.bar(3)
    table.sent()
    table.fill(limit, "6", "95")
    table.bar(4)

    assert (again.terms.quantity, again.terms.kind, again.revision, again.decision_ns) == (Decimal(6), "stop", 1, stop.decision_ns)
    assert again.client_order_id != stop.client_order_id
    assert set(table.desk.cancels) == {again.client_order_id}


def test_an_order_that_is_cancelled_in_the_decision_that_asked_for_it_never_leaves() -> None:
    table = Table()
    table.bar(1)
    number = table.desk.submit(0, Intent("buy", 3.0))

    assert table.desk.cancel(number) is True
    assert table.desk.cancel(number) is False
    assert (table.desk.intents, table.desk.cancels) == ([], [])
    with pytest.raises(Rejected, match="one of 1 orders"):
        table.desk.cancel(7)


def test_a_cancel_is_asked_again_until_the_order_has_ended() -> None:
    table = Table()
    table.bar(1)
    number = table.desk.submit(0, Intent("buy", 3.0, limit=90.0))
    (order,) = table.sent()

    table.bar(2)
    table.desk.cancel(number)
    first = list(table.desk.cancels)
    table.bar(3)
    second = list(table.desk.cancels)
    table.cancelled(order)
    table.bar(4)

    assert first == second == [order.client_order_id]
    assert table.desk.cancels == []


def test_a_trailing_stop_by_fraction_is_watched_and_follows_the_best_price() -> None:
    table = Table()
    table.bar(1)
    table.desk.submit(0, Intent("sell", 5.0, trail=0.1, is_trail_fraction=True))

    assert table.sent() == []
    assert table.bar(2, high=120.0, low=110.0) == []
    (order,) = table.bar(3, high=110.0, low=107.9)

    assert (order.terms.kind, order.terms.side, order.terms.quantity) == ("market", "sell", Decimal(5))


def test_a_stop_limit_that_the_broker_cannot_hold_becomes_a_limit_when_touched() -> None:
    table = Table(PLAIN)
    table.bar(1)
    table.desk.submit(0, Intent("buy", 5.0, stop=103.0, limit=103.456))

    assert table.sent() == []
    assert table.bar(2, high=102.99) == []
    (order,) = table.bar(3, high=103.0)

    assert (order.terms.kind, order.terms.limit) == ("limit", Decimal("103.45"))


def test_what_waits_and_works_survives_a_restart() -> None:
    table = Table()
    table.bar(1)
    bracket(table)
    (entry,) = table.sent()
    kept = json.loads(json.dumps(table.desk.kept()))

    again = Table(books=table.books)
    again.desk.bring_back(kept)
    again.fill(entry, "10")
    exits = again.bar(2)

    assert again.desk.kept()["count"] == 3
    assert [one.terms.kind for one in exits] == ["stop", "take_profit"]
    with pytest.raises(DataFault, match="cannot be read"):
        again.desk.bring_back({"count": 1})


def test_the_account_is_that_of_the_strategy_alone() -> None:
    table = Table()
    table.bar(1)
    table.desk.submit(0, Intent("buy", 4.0))
    (order,) = table.sent()
    table.fill(order, "4", "90")
    other = Fill("o", "X", "", ABC.id, "buy", Decimal(50), Decimal(100), "USD", NOW_NS)
    table.books.apply(NOW_NS, [Booked(other, "somebody else")])
    table.bar(2, close=110.0)

    assert (table.desk.quantity(0), table.desk.average_price(0)) == (4.0, 90.0)
    assert (table.desk.cash(None), table.desk.equity()) == (640.0, 1080.0)


def test_nonsense_is_refused_by_value() -> None:
    table = Table()
    table.bar(1)

    with pytest.raises(Rejected, match="at least one lot of 1"):
        table.desk.submit(0, Intent("buy", 0.5))
    with pytest.raises(Rejected, match="market and limit orders only"):
        table.desk.submit(0, Intent("buy", 5.0, stop=101.0, tif="ioc"))
    with pytest.raises(Rejected, match="a finite number"):
        table.desk.target(0, math.inf, None)
    with pytest.raises(Rejected, match="expected one of units"):
        table.desk.target(0, 1.0, "dozens")  # type: ignore[arg-type]  # the point


def test_prices_stand_on_ticks_and_a_hair_is_forgiven() -> None:
    cent = Decimal("0.01")

    assert on_tick(100.004, cent, is_up=True) == Decimal("100.01")
    assert on_tick(100.006, cent, is_up=False) == Decimal("100.00")
    assert on_tick(100.30000000000001, cent, is_up=True) == Decimal("100.30")
    assert on_tick(0.00000812, None, is_up=True) == Decimal("0.00000812")
