"""Events, costs and accounts: what cash, lots and equity are after each of them, in numbers that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import DELISTING, DIVIDEND, EVENT, EVENTS, FUNDING, REASONS, RENAME, SPLIT, STATUSES, TOUCHES
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import (
    Account,
    BasisPoints,
    Borrow,
    Financing,
    HalfSpread,
    PerTrade,
    PerUnit,
    Setup,
    Tiers,
    VolumeShare,
)  # fmt: skip
from tradewinds.simulation.simulator import Simulator

NAN = float("nan")
DAY = 86_400_000_000_000


def market(
    closes: Any, *, events: Any = (), currencies: tuple[str, ...] = ("USD",), rates: Any = None, volume: float = 1000.0, **rules: Any
) -> Market:
    """Bars that open, and stay, at their close; a column for each instrument. events: (row, instrument, kind, value)."""
    close = np.array(closes, dtype=np.float64).reshape(len(closes), -1)
    times = np.arange(len(close), dtype=np.int64) * DAY
    fields = {name: close.copy() for name in ("open", "high", "low", "close")} | {"volume": np.where(np.isnan(close), NAN, volume)}
    names = tuple(f"I{at}.SIM" for at in range(close.shape[1]))
    panel = Panel(names, times, times + DAY, np.repeat((times + DAY)[:, None], close.shape[1], axis=1), fields)
    instruments = [
        Instrument(name, "equity", currencies[at % len(currencies)], "XNYS", **{"lot": Decimal(1)} | rules) for at, name in enumerate(names)
    ]
    happened = np.array([(row, at, kind, value, NAN) for row, at, kind, value in events], EVENT)
    return market_of_panel(panel, instruments, rates=rates, events=happened)


def posted(run: Simulator) -> list[tuple[int, str, float]]:
    return [(int(one["row"]), EVENTS[one["kind"]], round(float(one["amount"]), 6)) for one in run.postings]


@pytest.mark.parametrize(("units", "paid"), [(10.0, 25.0), (-10.0, -25.0)])
def test_a_dividend_is_paid_to_longs_and_by_shorts(units: float, paid: float) -> None:
    run = Simulator(market([100, 100, 97.5], events=[(2, 0, DIVIDEND, 2.5)]), Setup())
    run.submit(0, 1 if units > 0 else -1, abs(units))

    run.advance(3)

    assert posted(run) == [(2, "dividend", paid)]
    assert run.equity_now == 100_000.0


def test_a_split_changes_lots_orders_and_prices_and_pays_the_fraction() -> None:
    run = Simulator(market([100, 100, 40, 40], events=[(2, 0, SPLIT, 2.5)]), Setup())
    run.submit(0, 1, 3.0)
    run.advance(1)
    stop, limit = run.submit(0, -1, 3.0, "stop", stop=90.0), run.submit(0, 1, 4.0, "limit", limit=50.0)

    run.advance(3)

    assert run.quantity(0) == 7.0
    assert posted(run) == [(2, "split", 0.0), (2, "cash in lieu", 20.0)]
    assert run.postings["quantity"].tolist() == [4, 0]
    assert (run.order(stop)["quantity"], run.order(stop)["stop"]) == (7, 36.0)
    assert (run.order(limit)["quantity"], run.order(limit)["limit"]) == (10, 20.0)
    assert run.equity_now == 100_000.0
    assert run.average_price(0) == pytest.approx(40.0)


def test_a_dividend_of_the_day_of_a_split_is_paid_on_the_old_shares() -> None:
    run = Simulator(market([100, 50], events=[(1, 0, SPLIT, 2.0), (1, 0, DIVIDEND, 1.0)]), Setup())
    run.submit(0, 1, 10.0)

    run.advance(2)

    assert posted(run)[0] == (1, "dividend", 10.0)
    assert run.quantity(0) == 20.0


@pytest.mark.parametrize(("value", "cash"), [(NAN, 100_000.0), (30.0, 99_300.0)])
def test_a_delisting_pays_out_and_ends_the_orders(value: float, cash: float) -> None:
    run = Simulator(market([100, 100, NAN, NAN], events=[(2, 0, DELISTING, value)]), Setup(costs=(PerTrade(0.0),)))
    run.submit(0, 1, 10.0)
    run.advance(2)
    left = run.submit(0, -1, 10.0, "limit", limit=200.0)

    run.advance(4)

    assert (run.quantity(0), run.cash(), run.equity_now) == (0.0, cash, cash)
    assert TOUCHES[run.fills["touch"][1]] == "delisting"
    assert REASONS[run.order(left)["reason"]] == "delisted"
    refused = run.order(run.submit(0, 1, 1.0))
    assert (STATUSES[refused["status"]], REASONS[refused["reason"]]) == ("refused", "no price")


def test_a_rename_changes_nothing_and_funding_is_paid_by_longs() -> None:
    run = Simulator(market([100, 100, 110], events=[(2, 0, FUNDING, 0.001), (2, 0, RENAME, NAN)]), Setup())
    run.submit(0, 1, 10.0)

    run.advance(3)

    assert posted(run) == [(2, "funding", -1.0)]


def test_days_cost_borrow_financing_and_interest() -> None:
    costs = (Borrow(0.0365, ("I1.SIM",)), Financing(long=0.073, short=0.0))
    run = Simulator(market([[100, 100]] * 3), Setup(Account(100_000.0, interest=0.00365), costs))
    run.submit(0, 1, 10.0)
    run.submit(1, -1, 10.0)

    run.advance(2)

    assert posted(run) == [(1, "interest", 1.0), (1, "financing", -0.2), (1, "borrow", -0.1)]


@pytest.mark.parametrize(
    ("costs", "commission", "price"),
    [
        ((BasisPoints(10),), 10.0, 100.0),
        ((BasisPoints(10), PerTrade(2)), 12.0, 100.0),
        ((PerUnit(0.005, minimum=1.0),), 1.0, 100.0),
        ((PerUnit(2.0, minimum=1.0, maximum=0.01),), 100.0, 100.0),
        ((BasisPoints(1, minimum=5.0), PerUnit(0.01)), 6.0, 100.0),
        ((HalfSpread(bps=10), BasisPoints(10)), 10.01, 100.1),
        ((HalfSpread(price=0.5),), 0.0, 100.5),
        ((VolumeShare(impact=0.1, power=2.0),), 0.0, 100.1),  # a tenth of the volume: 100 x 0.1 x 0.01
        ((Tiers(((0, 2, 4), (1_000_000, 1, 2))),), 4.0, 100.0),
    ],
)  # fmt: skip
def test_a_fill_costs_what_its_objects_say(costs: Any, commission: float, price: float) -> None:
    run = Simulator(market([100, 100]), Setup(costs=costs))
    run.submit(0, 1, 100.0)

    run.advance(2)

    assert (run.fills["commission"][0], run.fills["price"][0]) == (pytest.approx(commission), pytest.approx(price))
    assert run.fills["slippage"][0] == pytest.approx((price - 100.0) * 100)


def test_a_resting_limit_pays_the_maker_fee_and_no_spread() -> None:
    panel_market = market([100, 100])
    low = np.array([[100.0], [98.0]])
    run = Simulator(replace(panel_market, low=low), Setup(costs=(BasisPoints(10, maker=-1), HalfSpread(bps=50))))
    run.advance(1)
    run.submit(0, 1, 100.0, "limit", limit=99.0)

    run.advance(2)

    assert (run.fills["price"][0], run.fills["commission"][0], run.fills["is_maker"][0]) == (99.0, pytest.approx(-0.99), 1)


def test_tiers_go_by_the_turnover_of_the_days_before() -> None:
    run = Simulator(market([100] * 6), Setup(costs=(Tiers(((0, 2, 10), (15_000, 1, 5)), days=3),)))
    for row in range(1, 6):
        run.submit(0, 1 if row % 2 else -1, 100.0)
        run.advance(row)

    assert run.fills["commission"].tolist() == [10.0, 10.0, 5.0, 5.0, 5.0]


def test_a_cash_account_trims_targets_refuses_orders_and_never_owes() -> None:
    run = Simulator(market([[100, 50]] * 4), Setup(Account(1_000.0, kind="cash"), (BasisPoints(100),)))
    run.advance(1)
    run.target(0, 1.0, "weights")
    much, short = run.submit(1, 1, 30.0), run.submit(1, -1, 5.0)

    run.advance(2)

    assert run.quantity(0) == 9.0
    assert run.cash() == pytest.approx(1_000 - 909)
    assert [REASONS[run.order(one)["reason"]] for one in (much, short)] == ["cash", "no short sale"]
    run.target(0, 1.0, "weights")
    assert run.open_orders() == []


def test_a_cash_account_buys_the_currency_that_it_lacks() -> None:
    bars = market([[100, 100]] * 3, currencies=("USD", "EUR"), rates={"EUR": np.array([1.0, 1.25, 1.2])})
    run = Simulator(bars, Setup(Account(10_000.0, kind="cash")))
    run.submit(1, 1, 10.0)

    run.advance(1)
    assert (run.cash(), run.cash("EUR")) == (9_000.0, 0.0)
    run.advance(2)

    assert posted(run) == [(0, "exchange", -1000.0), (0, "exchange", 1000.0)]
    assert run.equity_now == 9_000.0 + 10 * 100 * 1.25


def test_leverage_limits_what_a_target_may_open_and_reducing_goes_first() -> None:
    run = Simulator(market([[100, 100]] * 4), Setup(Account(1_000.0, leverage=2.0)))
    run.advance(1)
    run.target(0, 3.0, "weights")
    run.advance(2)
    assert run.quantity(0) == 20.0

    run.target(1, 2.0, "weights")
    run.target(0, 0.0, "weights")
    run.advance(3)

    assert (run.quantity(0), run.quantity(1)) == (0.0, 20.0)


def test_rejecting_accounts_refuse_a_target_whole_and_try_again_when_it_changes() -> None:
    targets = np.array([[11.0], [11.0], [11.0], [9.0], [9.0]])
    run = Simulator(market([100] * 5), Setup(Account(1_000.0, short_cash="reject")))

    run.run(targets)

    assert [STATUSES[one] for one in run.orders["status"]] == ["refused", "filled"]
    assert run.quantity(0) == 9.0


def test_a_margin_call_closes_everything_at_the_next_open() -> None:
    run = Simulator(market([100, 100, 60, 55, 55]), Setup(Account(1_000.0, leverage=2.0, maintenance=0.25)))
    run.run(np.full((5, 1), 20.0))

    assert run.fills["row"].tolist() == [1, 3]
    assert TOUCHES[run.fills["touch"][1]] == "liquidation"
    assert (run.quantity(0), run.equity_now) == (0.0, 100.0)


def test_an_account_below_zero_ends_the_run_with_bar_and_value() -> None:
    run = Simulator(market([100, 100, 40, 40]), Setup(Account(1_000.0, leverage=2.0)))

    with pytest.raises(Rejected, match=r"equity -200\.00 USD at 1970-01-04.*bar 2"):
        run.run(np.full((4, 1), 20.0))

    assert run.books.state["failed_row"][0] == 2


def test_an_infinite_target_is_refused_with_bar_and_value() -> None:
    targets = np.ones((3, 1))
    targets[1, 0] = np.inf

    with pytest.raises(Rejected, match=r"target inf of I0\.SIM .*bar 1"):
        Simulator(market([100] * 3), Setup()).run(targets)


def test_orders_below_the_minimum_notional_are_refused_and_lots_rounded_down() -> None:
    run = Simulator(market([100] * 3, lot=Decimal("0.1"), minimum_notional=Decimal(50)), Setup())
    run.advance(1)

    small, odd = run.submit(0, 1, 0.49), run.submit(0, 1, 0.79)
    run.advance(2)

    assert REASONS[run.order(small)["reason"]] == "below minimum"
    assert (run.order(odd)["quantity"], run.quantity(0)) == (7, pytest.approx(0.7))
