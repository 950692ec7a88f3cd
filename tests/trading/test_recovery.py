"""Start and comparison: every difference between the books and the venue is settled by rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderReport
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import Intent, OrderState, OrderTerms, Side, client_order_id
from tradewinds.trading.entry import Adjusted, Allot, CancelWanted, Claimed, Refused, Restarted, Started, Wanted

S = OrderState
BTC = Instrument("BTCUSDT.BINANCE", "spot", "USDT", "always", base="BTC")
PERP = Instrument("BTCUSDT.BINANCE_UM", "perpetual", "USDT", "always", base="BTC")


def state(order: Any) -> OrderState:
    found: OrderState = order.state
    return found


def adjusted(records: list[Any]) -> list[tuple[str, str, Decimal]]:
    return [(one.kind, one.what, one.quantity) for one in records if isinstance(one, Adjusted)]


def stranger(name: str, state: OrderState = S.ACCEPTED) -> OrderReport:
    return OrderReport(name, "v99", "ABC.LOCAL", state, 1)


def test_nothing_is_sent_before_the_first_comparison(bench: Any) -> None:
    it = bench()
    assert it.do(Restarted()) == []
    assert it.asked() == ["compare"]
    intent = Intent("main", "trend", it.now_ns, OrderTerms("ABC.LOCAL", "buy", Decimal(1)))

    (refused,) = it.do(Wanted((intent,), "test"))

    assert isinstance(refused, Refused)
    assert refused.refusal.rule == "starting"
    it.compare()
    it.do(Started("r1", "1", "live"), Wanted((intent,), "test"))
    assert it.asked() == ["submit"]


def test_one_comparison_at_a_time(bench: Any) -> None:
    it = bench()
    it.do(Restarted())
    it.hear(Link("up", "", 1), Link("data lost", "", 2))
    assert it.asked() == []

    it.compare()

    assert it.asked() == ["compare"]


def test_an_intent_found_at_a_start_was_perhaps_sent(bench: Any) -> None:
    it = bench()
    name = it.want().client_order_id

    it.restart()
    it.compare()
    assert state(it.books.orders[name]) is S.UNKNOWN
    it.wait(0.2)
    assert it.asked() == ["find"]
    it.answer(it.books.orders[name], S.FILLED, "10", ask="find")
    it.compare(fills=[it.fill(it.books.orders[name], "10")])

    assert state(it.books.orders[name]) is S.FILLED
    assert it.books.parts["trend"].quantity("ABC.LOCAL") == 10


def test_an_order_that_ended_while_we_were_away_is_asked_for(bench: Any) -> None:
    it = bench()
    gone, there = it.working(), it.working()

    it.restart()
    it.compare([it.report(it.books.orders[there.client_order_id], S.ACCEPTED)])

    assert [one.client_order_id for one in it.commands] == [gone.client_order_id]
    it.answer(it.books.orders[gone.client_order_id], S.CANCELLED, "0", ask="find")
    assert state(it.books.orders[gone.client_order_id]) is S.CANCELLED


def test_an_order_that_the_venue_forgot_counts_as_expired(bench: Any) -> None:
    it = bench()
    name = it.working().client_order_id
    it.wait(5)
    it.restart()
    it.compare()

    order = it.books.orders[name]
    it.answer(order, ask="find")
    it.wait(0.2)
    it.answer(order, ask="find")
    it.wait(0.2)
    it.compare()

    assert state(order) is S.EXPIRED


def test_a_cancel_wanted_before_the_crash_is_still_wanted(bench: Any) -> None:
    it = bench()
    name = it.want().client_order_id
    it.do(CancelWanted("person", "changed", name))

    it.restart()
    it.compare([it.report(it.books.orders[name], S.ACCEPTED)])

    assert it.asked() == ["cancel"]


def test_what_was_held_before_the_first_start_is_taken_over(bench: Any) -> None:
    it = bench()
    it.do(Restarted())

    records = it.compare(positions={"ABC.LOCAL": Decimal(7)}, cash={"USD": Decimal(1000)})

    assert adjusted(records) == [("position", "ABC.LOCAL", 7), ("cash", "USD", 1000)]
    assert it.books.whole.quantity("ABC.LOCAL") == it.books.parts[""].quantity("ABC.LOCAL") == 7
    assert it.alerts() == []


def by_hand(it: Any, name: str, side: Side, quantity: str) -> Fill:
    return Fill(name, "LOCAL", "", "ABC.LOCAL", side, Decimal(quantity), Decimal(100), "USD", it.now_ns)


def test_a_trade_by_hand_between_fills_and_holdings_of_the_opening_is_booked_once(bench: Any) -> None:
    # given 9 held before, and 1000 that somebody buys after the venue told of its fills and before it told what it holds
    it = bench()
    it.do(Restarted())
    assert it.compare(positions={"ABC.LOCAL": Decimal(1009)}, is_once=True) == []
    assert not it.engine.is_ready

    # when the venue is asked again, and tells of the fill
    it.wait(0.2)
    assert it.asked() == ["compare"]
    bought = by_hand(it, "hand-1", "buy", "1000")
    assert adjusted(it.compare(fills=[bought], positions={"ABC.LOCAL": Decimal(1009)}, is_once=True)) == []
    it.wait(0.5)
    made = it.compare(fills=[bought], positions={"ABC.LOCAL": Decimal(1009)}, is_once=True)

    # then only what was there before it is taken over
    assert adjusted(made) == [("position", "ABC.LOCAL", Decimal(9))]
    assert it.books.whole.quantity("ABC.LOCAL") == 1009
    assert it.engine.is_ready
    assert it.replayed().books == it.books


def test_a_position_that_is_closed_by_hand_during_the_opening_was_held_before(bench: Any) -> None:
    # given 9 held before, sold after the venue told of its fills: it holds nothing when it tells what it holds
    it = bench()
    it.do(Restarted())
    assert it.compare(is_once=True) == []

    # when the fill becomes known
    sold = by_hand(it, "hand-1", "sell", "9")
    it.compare(fills=[sold], positions={})

    # then the books are flat too
    assert it.books.whole.quantity("ABC.LOCAL") == 0
    assert it.engine.is_ready


def test_a_fill_that_is_told_while_the_holdings_are_on_their_way_is_not_taken_back(bench: Any) -> None:
    # given an opening whose second answer left the venue before a fill of which the stream has told
    it = bench()
    it.do(Restarted())
    it.compare(is_once=True)
    bought = by_hand(it, "hand-1", "buy", "5")
    it.hear(bought)

    # when that answer comes, and one that knows the fill
    assert adjusted(it.compare(positions={}, is_once=True)) == []
    it.compare(fills=[bought], positions={"ABC.LOCAL": Decimal(5)})

    # then it is held, and nothing was
    assert it.books.whole.quantity("ABC.LOCAL") == 5
    assert not any(isinstance(one, Adjusted) for entry in it.entries for one in entry.records)


def test_a_restart_in_the_middle_of_an_opening_begins_it_anew(bench: Any) -> None:
    it = bench()
    it.do(Restarted())
    it.compare(positions={"ABC.LOCAL": Decimal(9)}, is_once=True)

    it.restart()
    assert it.compare(positions={"ABC.LOCAL": Decimal(9)}, is_once=True) == []
    made = it.compare(positions={"ABC.LOCAL": Decimal(9)}, is_once=True)

    assert adjusted(made) == [("position", "ABC.LOCAL", Decimal(9))]


def test_an_account_in_which_something_always_moves_is_opened_after_five_comparisons(bench: Any) -> None:
    it = bench()
    it.do(Restarted())
    for usd in (1, 2, 3, 4):
        assert it.compare(cash={"USD": Decimal(usd)}, is_once=True) == []

    made = it.compare(cash={"USD": Decimal(5)}, is_once=True)

    assert adjusted(made) == [("cash", "USD", Decimal(5))]
    assert it.engine.is_ready


def test_a_difference_is_believed_only_after_it_stayed_the_same(bench: Any) -> None:
    it = bench()
    it.compare()
    there = {"ABC.LOCAL": Decimal(5)}

    assert adjusted(it.compare(positions=there)) == []
    assert adjusted(it.compare(positions=there)) == []
    records = it.compare(positions=there)

    assert adjusted(records) == [("position", "ABC.LOCAL", 5)]
    assert len(it.alerts()) == 1
    assert adjusted(it.compare(positions=there)) == []


def test_a_late_fill_explains_a_difference(bench: Any) -> None:
    it = bench()
    it.compare()
    order = it.working()

    it.compare([it.report(order, S.ACCEPTED)], positions={"ABC.LOCAL": Decimal(4)})
    it.hear(it.fill(order, "4"))
    records = it.compare([it.report(order, S.PARTIALLY_FILLED, "4")], positions={"ABC.LOCAL": Decimal(4)})

    assert adjusted(records) == []


def test_no_difference_is_believed_while_an_order_of_its_instrument_is_in_doubt(bench: Any) -> None:
    it = bench()
    it.compare()
    it.fail(it.want(), "unknown")

    found = [adjusted(it.compare(positions={"ABC.LOCAL": Decimal(10)})) for _ in range(5)]

    assert found == [[]] * 5


def test_an_order_by_hand_is_adopted_and_its_fills_are_nobodys(bench: Any) -> None:
    it = bench()
    it.compare()

    it.hear(stranger("web_1"), stranger("web_1"))
    assert list(it.books.foreign) == ["v99"]
    assert len(it.alerts("warning")) == 1
    it.do(CancelWanted("person", "please", "v99"))
    assert it.asked() == ["cancel"]
    it.compare()

    assert it.books.foreign == {}


def test_an_order_with_an_id_of_ours_that_the_journal_does_not_know_freezes_its_instrument(bench: Any) -> None:
    it = bench()
    it.compare()
    name = client_order_id("main", "lost", 1, "ABC.LOCAL", 0, 0)

    it.hear(stranger(name))
    assert len(it.alerts()) == 1
    intent = Intent("main", "trend", it.now_ns, OrderTerms("ABC.LOCAL", "buy", Decimal(1)))
    (refused,) = it.do(Wanted((intent,), "test"))
    assert refused.refusal.rule == "frozen"
    it.hear(stranger(name, S.CANCELLED))

    it.do(Wanted((intent,), "test"))
    assert it.asked() == ["submit"]


def test_orders_of_the_guard_become_ours_and_are_asked_for(bench: Any) -> None:
    it = bench()
    it.compare()
    other = bench()
    sent = other.want(strategy="guard").approved
    it.hear(stranger(sent.client_order_id))

    it.do(Claimed((sent,), "guard"))
    it.wait(0.2)

    assert it.books.quarantine == {}
    assert it.asked() == ["find"]


def test_spot_balances_become_positions_and_a_commission_in_the_asset_is_no_difference(bench: Any) -> None:
    it = bench(holds="balances", currency="USDT", instruments={BTC.id: BTC})
    it.do(Restarted())

    opened = it.compare(positions={}, cash={"BTC": Decimal(2), "USDT": Decimal(500)})
    assert adjusted(opened) == [("position", BTC.id, 2), ("cash", "USDT", 500)]

    order = it.working("1", name=BTC.id)
    it.hear(it.fill(order, "1", commission=Decimal("0.001"), commission_currency="BTC"))
    it.books.whole.add_cash("USD", Decimal(100))  # the bench's fills are in USD: none of it is at this venue
    records = it.compare(positions={}, cash={"BTC": Decimal("2.999"), "USDT": Decimal(500)})

    assert adjusted(records) == []
    assert it.books.held(BTC.id) == Decimal("2.999")


def test_a_perpetual_moves_gains_only(bench: Any) -> None:
    it = bench(instruments={PERP.id: PERP}, currency="USD")
    it.do(Restarted())
    it.compare(cash={"USD": Decimal(1000)})
    for quantity, side, price in (("1", "buy", "100"), ("1", "buy", "120"), ("1", "sell", "130")):
        it.hear(it.fill(it.working(quantity, side=side, name=PERP.id), quantity, price))

    # Entry at the average of 110: one sold at 130 gained 20.
    assert [adjusted(it.compare(cash={"USD": Decimal(1020)})) for _ in range(4)] == [[]] * 4


def test_funding_becomes_cash_with_a_reason_and_a_large_one_is_told(bench: Any) -> None:
    it = bench()
    it.compare(cash={"USD": Decimal(1000)})

    small = [adjusted(it.compare(cash={"USD": Decimal("999.5")})) for _ in range(2)]
    assert small == [[], [("cash", "USD", Decimal("-0.5"))]]
    assert it.alerts() == []
    for _ in range(2):
        it.compare(cash={"USD": Decimal(500)})

    assert len(it.alerts()) == 1
    assert it.books.parts[""].cash["USD"] == it.books.whole.cash["USD"] == 500


def test_capital_counts_from_the_allotment_and_cash_stays_the_brokers(bench: Any) -> None:
    it = bench(currency="USD")
    it.compare(cash={"USD": Decimal(1000)})

    it.do(Allot("trend", "USD", Decimal(300), "person"))

    assert it.engine.worth.equity("trend") == 300
    assert it.engine.worth.equity() == 1000
    assert it.books.whole.cash["USD"] == 1000


def test_a_trade_by_hand_while_nothing_is_open_is_found_though_nothing_tells_of_it(bench: Any) -> None:
    it = bench()
    it.do(Restarted())
    it.compare()

    asked = []
    for _ in range(6):
        it.wait(60)
        asked.append(it.asked())
    assert asked == [[], [], [], [], ["compare"], []]

    found: list[tuple[str, str, Decimal]] = []
    for wait_s in (0.2, 0.5, 0):
        found += adjusted(it.compare(positions={"ABC.LOCAL": Decimal(7)}))
        it.wait(wait_s)
    assert found == [("position", "ABC.LOCAL", Decimal(7))]


def test_while_orders_are_open_the_venue_is_compared_with_each_minute(bench: Any) -> None:
    it = bench()
    it.do(Restarted())
    it.compare()
    it.working()

    it.wait(60)

    assert it.asked() == ["compare"]
