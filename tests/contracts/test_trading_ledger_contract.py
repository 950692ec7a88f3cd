"""What the projection of a journal promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.errors import Invariant
from tradewinds.core.order import Intent, OrderState, OrderTerms
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.stores.ledger import Ledger
from tradewinds.stores.ledger_trading import Cash, Held, Step, TradingLedger
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Alerted, Booked, Changed, Decided, Entry, Ticked, Wanted
from tradewinds.trading.evening import Break
from tradewinds.trading.journal import GENESIS, chained, decode

NOW_NS = 1_800_000_000_000_000_000
DAY = date(2027, 1, 15)


@pytest.fixture
def trading(ledger: Ledger) -> TradingLedger:
    return ledger.trading


def _approved() -> tuple[Entry, str]:
    quote = Quote(Decimal(99), Decimal(100), Decimal(5), Decimal(5))
    broker = DirectBroker(Exchange(lambda: NOW_NS, lambda symbol: quote), "main")
    intent = Intent("main", "trend", NOW_NS, OrderTerms("ABC.LOCAL", "buy", Decimal("0.00000812"), "limit", Decimal("100000.5")))
    return Engine(Books("main"), Gate(), broker.capability).handle(NOW_NS, Wanted((intent,), "test")).entry, intent.client_order_id


def _steps(*entries: Entry, after: int = 0, last: bytes = GENESIS) -> list[Step]:
    return [Step(one.sequence, one.hash, decode(one.body)) for one in chained(entries, after, last)]


def _day() -> list[Step]:
    """An order approved, then accepted, then filled."""
    entry, name = _approved()
    fill = Fill("7", "LOCAL", name, "ABC.LOCAL", "buy", Decimal("0.00000812"), Decimal("100000"), "USD", NOW_NS + 5)
    return _steps(
        entry,
        Entry(NOW_NS + 2, Ticked(), (Changed(name, OrderState.SENT), Changed(name, OrderState.ACCEPTED, "", "v1"))),
        Entry(NOW_NS + 6, Ticked(), (Booked(fill, "trend"), Changed(name, OrderState.FILLED))),
    )


def test_an_order_and_its_fill_are_seen_with_every_digit(trading: TradingLedger) -> None:
    held = [Held("trend", "ABC.LOCAL", Decimal("0.00000812"), Decimal("100000"))]

    assert trading.take("main", _day(), held, [Cash("trend", "USD", Decimal("-0.812"))]) == 3

    (order,) = trading.rows("order", "main")
    assert (order["state"], order["filled"], order["quantity"]) == ("filled", Decimal("0.00000812"), Decimal("0.00000812"))
    assert (order["limit_price"], order["venue_order_id"], order["sequence"]) == (Decimal("100000.5"), "v1", 3)
    (fill,) = trading.rows("fill", "main")
    assert (fill["price"], fill["strategy"], fill["sequence"]) == (Decimal(100000), "trend", 3)
    (position,) = trading.rows("position", "main")
    assert (position["instrument"], position["quantity"]) == ("ABC.LOCAL", Decimal("0.00000812"))
    (cash,) = trading.rows("cash", "main")
    assert cash["amount"] == Decimal("-0.812")


def test_steps_that_are_there_are_passed_over(trading: TradingLedger) -> None:
    steps = _day()
    trading.take("main", steps[:2], [], [])

    assert trading.take("main", steps, [], []) == 1
    assert trading.take("main", steps, [], []) == 0
    assert trading.projected("main") == 3
    (order,) = trading.rows("order", "main")
    assert (order["state"], order["filled"]) == ("filled", Decimal("0.00000812"))


def test_projecting_step_by_step_gives_what_projecting_at_once_does(trading: TradingLedger) -> None:
    for step in _day():
        trading.take("main", [step], [], [])
    piecewise = {table: trading.rows(table, "main") for table in ("order", "fill", "decision", "event")}
    trading.forget("main")
    assert trading.rows("order", "main") == []

    trading.take("main", _day(), [], [])

    assert {table: trading.rows(table, "main") for table in ("order", "fill", "decision", "event")} == piecewise


def test_a_gap_is_a_bug_and_writes_nothing(trading: TradingLedger) -> None:
    steps = _day()
    trading.take("main", steps[:1], [], [])

    with pytest.raises(Invariant, match="step 3, expected 2"):
        trading.take("main", steps[2:], [], [])

    assert trading.projected("main") == 1


def test_decisions_and_alerts_are_rows_of_their_own(trading: TradingLedger) -> None:
    records = (Decided("trend", NOW_NS, {"ABC.LOCAL": "0.1"}), Decided("pairs", NOW_NS, {}), Alerted("critical", "look here"))

    trading.take("main", _steps(Entry(NOW_NS, Ticked(), records)), [], [])

    assert [(row["number"], row["strategy"], row["targets"]) for row in trading.rows("decision", "main")] == [
        (0, "trend", {"ABC.LOCAL": "0.1"}),
        (1, "pairs", {}),
    ]
    (event,) = trading.rows("event", "main")
    assert (event["kind"], event["severity"], event["text"]) == ("alert", "critical", "look here")


def test_breaks_of_a_day_replace_those_found_before(trading: TradingLedger) -> None:
    first = Break("cash", "USD", "100", "99")
    trading.write_breaks("main", DAY, [first, Break("position", "ABC.LOCAL", "1", "2")], NOW_NS)

    trading.write_breaks("main", DAY, [first], NOW_NS + 1)

    (row,) = trading.rows("break", "main")
    assert (row["kind"], row["subject"], row["ours"], row["theirs"], row["found_ns"]) == ("cash", "USD", "100", "99", NOW_NS + 1)


def test_accounts_do_not_meet(trading: TradingLedger) -> None:
    trading.take("main", _day(), [], [])
    trading.take("other", _day(), [], [])
    trading.forget("main")

    assert trading.rows("order", "main") == []
    assert len(trading.rows("order", "other")) == 1
