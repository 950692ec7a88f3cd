"""The judge: what it calls lost, duplicated, unexplained and stuck."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tradewinds.campaign.oracle import Venue, judge
from tradewinds.core.account import Fill
from tradewinds.core.order import ApprovedOrder, Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.exchange import Exchange, Quote, VenueOrder
from tradewinds.trading.books import Books
from tradewinds.trading.entry import Approved, Booked, Changed, Entry, Record, Ticked

INTENT = Intent("main", "trend", 1, OrderTerms("AAA.LOCAL", "buy", Decimal(3)))
NAME = INTENT.client_order_id


class Nothing:
    """A situation in which nothing is held."""

    def position(self, instrument: str) -> Decimal:
        return Decimal(0)

    def working(self, instrument: str) -> Decimal:
        return Decimal(0)

    def price(self, instrument: str) -> Decimal | None:
        return None

    def price_ns(self, instrument: str) -> int | None:
        return None

    def rate(self, instrument: str) -> Decimal | None:
        return None


def _approved() -> Approved:
    order = Gate().judge(INTENT, Nothing(), 1)
    assert isinstance(order, ApprovedOrder)
    return Approved(order)


def _filled(fill_id: str = "1") -> Booked:
    return Booked(Fill(fill_id, "LOCAL", NAME, "AAA.LOCAL", "buy", Decimal(3), Decimal(100), "USD", 1), "trend")


def _judged(records: Sequence[Record], placed: int) -> tuple[int, int, int, int]:
    exchange = Exchange(lambda: 1, lambda symbol: Quote(Decimal(99), Decimal(100), Decimal(9), Decimal(9)))
    for _ in range(placed):
        exchange.place(VenueOrder("main", NAME, "AAA.LOCAL", "buy", "market", Decimal(3)))
    books, entries = Books("main"), [Entry(1, Ticked(), tuple(records))]
    for entry in entries:
        books.apply(entry.time_ns, entry.records)
    positions = {"AAA.LOCAL": exchange.position("main", "AAA.LOCAL")}
    verdict = judge(
        books, entries, Venue(tuple(exchange.orders.values()), tuple(exchange.executions), positions), {"AAA.LOCAL": "AAA.LOCAL"}
    )
    return len(verdict.lost), len(verdict.duplicated), len(verdict.unexplained), len(verdict.stuck)


def test_an_order_that_filled_once_and_is_booked_once_is_clean() -> None:
    records: list[Record] = [_approved(), Changed(NAME, OrderState.SENT), _filled(), Changed(NAME, OrderState.FILLED)]

    assert _judged(records, 1) == (0, 0, 0, 0)


def test_a_fill_that_is_not_booked_is_lost_and_leaves_a_position_unexplained() -> None:
    records: list[Record] = [_approved(), Changed(NAME, OrderState.SENT), Changed(NAME, OrderState.FILLED)]

    assert _judged(records, 1) == (1, 0, 1, 0)


def test_two_orders_at_the_venue_for_one_of_ours_are_a_duplicate() -> None:
    records: list[Record] = [_approved(), Changed(NAME, OrderState.SENT), _filled("1"), _filled("2"), Changed(NAME, OrderState.FILLED)]

    assert _judged(records, 2) == (0, 1, 0, 0)


def test_an_order_without_an_end_is_lost_and_stuck() -> None:
    assert _judged([_approved(), Changed(NAME, OrderState.SENT)], 0) == (1, 0, 0, 1)
