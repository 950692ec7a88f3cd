"""The summary of the day with an account that traded, and with one whose service is in trouble."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.errors import OutcomeUnknown
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.order import Intent, OrderTerms
from tradewinds.people.alert import Alert
from tradewinds.people.alert_message import summary_text
from tradewinds.risk.limits import Gate
from tradewinds.sandbox.direct import DirectBroker
from tradewinds.sandbox.exchange import Exchange, Quote
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.stores.ledger_trading import Held, Step
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Booked, Entry, Ticked, Wanted
from tradewinds.trading.journal import GENESIS, chained, decode
from tradewinds.wiring.accounts import journal_path
from tradewinds.wiring.alerting_summary import day_of
from tradewinds.wiring.house import House

DAY = date(2026, 11, 20)


def _fill(number: int, side: Any, quantity: str, price: str, at_ns: int, order: str) -> Booked:
    given = Fill(
        str(number), "LOCAL", order, "ABC.LOCAL", side, Decimal(quantity), Decimal(price), "USD", at_ns, commission=Decimal("0.5"),
        commission_currency="USD",
    )  # fmt: skip
    return Booked(given, "trend")


@pytest.fixture
def house(make_house: Any, clock: Any) -> House:
    """Three bought at 100, two days ago; one sold at 90 then and one at 112.5 today: -10 and +12.5."""
    made: House = make_house("accounts: {main: {broker: paper, currency: USD}, other: {broker: paper, currency: USD}}")
    now_ns, before_ns = clock.now_ns(), clock.now_ns() - 2 * NS_PER_DAY
    quote = Quote(Decimal(99), Decimal(100), Decimal(5), Decimal(5))
    broker = DirectBroker(Exchange(lambda: now_ns, lambda symbol: quote), "main")
    intent = Intent("main", "trend", before_ns, OrderTerms("ABC.LOCAL", "buy", Decimal(3)))
    bought = Engine(Books("main"), Gate(), broker.capability).handle(before_ns, Wanted((intent,), "test")).entry
    name = intent.client_order_id
    entries = [
        bought,
        Entry(before_ns, Ticked(), (_fill(1, "buy", "3", "100", before_ns, name), _fill(2, "sell", "1", "90", before_ns + 5, "x"))),
        Entry(now_ns, Ticked(), (_fill(3, "sell", "1", "112.5", now_ns - 5, "y"),)),
    ]
    chain = chained(entries, 0, GENESIS)
    place = journal_path(made.home, "main")
    place.parent.mkdir(parents=True, exist_ok=True)
    journal = open_sqlite_journal(place)
    journal.append(chain)
    journal.close()
    steps = [Step(one.sequence, one.hash, decode(one.body)) for one in chain]
    made.ledger.trading.take("main", steps, [Held("trend", "ABC.LOCAL", Decimal("1.00"), Decimal(100))], [])
    return made


def test_profit_of_the_day_and_in_all_stands_beside_what_is_held_and_open(house: House, clock: Any) -> None:
    alert = Alert("critical", "breaks", "main", "1 break")
    house.alerts.raise_(alert, Alert("info", "crossing", "ABC.LOCAL", "news"))

    lines = summary_text(day_of(house, DAY)).splitlines()

    assert lines == [
        "main: 12.5 USD realised in 24 h, 2.5 in all, commissions 1.5",
        "other: nothing traded yet",
        "Positions: main 1 ABC.LOCAL",
        "Held values: 0; waiting for approval: 0; open alerts: 1",
        f"- {alert.id} critical breaks main",
    ]


def test_what_cannot_be_had_is_named_and_the_rest_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise OutcomeUnknown("gains: the trading service gave no answer, expected one within 5 s")

    monkeypatch.setattr("tradewinds.wiring.desk.trade.gains", silent)

    lines = summary_text(day_of(house, DAY)).splitlines()

    assert lines[0] == "Positions: main 1 ABC.LOCAL"
    assert lines[-1] == "Not known: profit (gains: the trading service gave no answer, expected one within 5 s)"
