"""Several strategies on one account: each decides for itself, the cash is shared, the books add up to the account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.portfolio import Book, backtest_portfolio, book_profit, units_held
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import Account, BasisPoints, Fills, PerTrade, Setup
from tradewinds.trading.columns import Corrections
from tradewinds.trading.strategy import Strategy, TargetUnit, event

HOUR_NS = 3_600_000_000_000
SETUP = Setup(Account(10_000.0, "USD"))


def panel(*closes: list[float]) -> Panel:
    """Bars of an hour that open at the close before; instruments I0, I1, ..."""
    close = np.array(closes, dtype=np.float64).T
    opened = np.vstack([close[:1], close[:-1]])
    times = np.arange(len(close), dtype=np.int64) * HOUR_NS
    ends = times + HOUR_NS
    fields = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    fields["volume"] = np.full(close.shape, 1e6)
    names = tuple(f"I{at}.XNAS" for at in range(close.shape[1]))
    return Panel(names, times, ends, np.repeat(ends[:, None], close.shape[1], axis=1), fields)


def market(bars: Panel, events: list[tuple[int, int, int, float]] | None = None, currency: str = "USD") -> Market:
    instruments = [Instrument(name, "equity", currency, "24/7", lot=Decimal(1)) for name in bars.instruments]
    happened = np.array([(row, column, kind, value, np.nan) for row, column, kind, value in events or []], dtype=EVENT)
    rates = None if currency == "USD" else {currency: np.linspace(1.0, 2.0, len(bars.times), dtype=np.float64)}
    return market_of_panel(bars, instruments, events=happened, currency="USD", rates=rates)


def holding(target: float, targets: TargetUnit = "weights") -> Strategy:
    """Wants the same of every instrument, always."""
    return Strategy("holding", "vector", lambda seen, params: np.full(seen.shape, target), targets=targets)


class AlternatingCode:
    """All in on even bars, out on odd ones."""

    def __init__(self, params: Any) -> None:
        self.seen: list[float] = []
        self.bar = 0

    def on_bar(self, view: Any) -> float:
        self.bar += 1
        return 1.0 if self.bar % 2 else 0.0


class IdleCode:
    def __init__(self, params: Any) -> None: ...

    def on_bar(self, view: Any) -> None: ...


ALTERNATING = event(targets="weights", name="alternating")(AlternatingCode)
IDLE = event(name="idle")(IdleCode)


def adds_up(result: Result) -> None:
    """The capital and what every book earned are the account's equity at each close."""
    inside = slice(result.first_row, result.last_row)
    whole = result.setup.account.capital + book_profit(result).sum(axis=1)
    np.testing.assert_allclose(whole[inside], result.equity[inside], rtol=0, atol=1e-6)


def test_a_weight_is_of_the_books_allocation_times_the_whole_equity() -> None:
    bars = panel([100.0, 100.0, 110.0, 110.0], [50.0, 50.0, 50.0, 50.0])
    books = [Book("one", holding(1.0), allocation=0.5, instruments=("I0.XNAS",)),
             Book("two", holding(1.0), allocation=0.3, instruments=("I1.XNAS",))]  # fmt: skip

    result = backtest_portfolio("both", books, market(bars), bars, SETUP)

    # 0.5 x 10,000 / 100 = 50 shares; 0.3 x 10,000 / 50 = 60. At 110 the account is worth 10,500: 47 shares of I0 are half of it, 63 of I1.
    assert [(int(one["book"]), int(one["quantity"])) for one in result.fills] == [(0, 50), (1, 60), (0, -3), (1, 3)]
    assert book_profit(result)[-1].tolist() == [500.0, 0.0]
    assert result.books == ("one", "two")
    adds_up(result)


def test_two_books_may_hold_the_same_instrument_against_each_other() -> None:
    bars = panel([100.0, 100.0, 120.0])
    books = [Book("long", holding(10.0, "units"), allocation=0.5), Book("short", holding(-4.0, "units"), allocation=0.5)]

    result = backtest_portfolio("both", books, market(bars), bars, SETUP)

    assert result.market.ids == ("I0.XNAS", "I0.XNAS")
    assert result.quantity.tolist() == [10, -4]
    assert result.column_books == (0, 1)
    told = result.to_dict()
    assert told["instruments"] == ["I0.XNAS"]
    assert told["held"] == {"I0.XNAS (long)": 10.0, "I0.XNAS (short)": -4.0}
    assert book_profit(result)[-1].tolist() == [200.0, -80.0]
    assert result.final_equity == 10_120.0


def test_one_book_with_all_the_equity_is_the_strategy_by_itself() -> None:
    bars = panel([100.0, 101.0, 99.0, 104.0, 103.0], [20.0, 21.0, 22.0, 21.0, 20.0])
    alone = backtest(holding(0.4), market(bars), bars, setup=SETUP)

    result = backtest_portfolio("alone", [Book("only", holding(0.4))], market(bars), bars, SETUP)

    assert result.market.close is not None
    np.testing.assert_array_equal(result.equity, alone.equity)
    assert result.fingerprint.orders == alone.fingerprint.orders


def test_event_and_vector_strategies_trade_side_by_side() -> None:
    bars = panel([100.0, 100.0, 110.0, 110.0, 121.0])
    books = [Book("held", holding(1.0), allocation=0.5), Book("turned", ALTERNATING, allocation=0.5)]

    result = backtest_portfolio("both", books, market(bars), bars, SETUP)

    turned = result.fills[result.fills["book"] == 1]
    assert turned["quantity"].tolist() == [50, -50, 47, -47]  # half of 10,500 at 110
    assert turned["price"].tolist() == [100.0, 100.0, 110.0, 110.0]
    adds_up(result)


def test_an_event_strategy_alone_in_a_portfolio_trades_as_it_does_by_itself() -> None:
    bars = panel([100.0, 103.0, 110.0, 107.0, 121.0, 119.0])
    setup = Setup(Account(10_000.0, "USD"), (BasisPoints(5),))
    alone = backtest(ALTERNATING, market(bars), bars, setup=setup)

    result = backtest_portfolio("alone", [Book("only", ALTERNATING)], market(bars), bars, setup)

    np.testing.assert_array_equal(result.equity, alone.equity)
    assert result.fills["quantity"].tolist() == alone.fills["quantity"].tolist()


def test_an_event_strategy_sees_its_own_columns_fills_and_share_of_the_equity() -> None:
    seen: list[tuple[Any, ...]] = []

    class Watching:
        def __init__(self, params: Any) -> None:
            pass

        def on_fill(self, view: Any, fill: Any) -> None:
            seen.append((fill.instrument, fill.quantity))

        def on_bar(self, view: Any) -> None:
            seen.append((view.instruments, view.close, view.equity, view.quantity(), len(view.open_orders())))
            if view.row == 0:
                view.buy(2)

    bars = panel([100.0, 100.0, 100.0], [10.0, 10.0, 12.0])
    books = [Book("other", holding(1.0), allocation=0.75, instruments=("I0.XNAS",)),
             Book("own", event()(Watching), allocation=0.25, instruments=("I1.XNAS",))]  # fmt: skip

    backtest_portfolio("both", books, market(bars), bars, SETUP)

    assert seen == [
        (("I1.XNAS",), 10.0, 2500.0, 0.0, 0),
        ("I1.XNAS", 2.0),
        (("I1.XNAS",), 10.0, 2500.0, 2.0, 0),
        (("I1.XNAS",), 12.0, 2501.0, 2.0, 0),
    ]


def test_a_book_sees_the_corrections_of_its_own_columns_when_they_were_known() -> None:
    seen: list[tuple[Any, ...]] = []

    class Looks:
        def __init__(self, params: Any) -> None: ...

        def on_bar(self, view: Any) -> None:
            seen.append((view.history("close", 2).tolist(), view.other("1d", "close")))

    looks = event(name="looks", interval="1h", lookback=2, other_intervals=("1d",))(Looks)
    bars, days = panel([10.0, 11.0, 12.0], [20.0, 21.0, 22.0]), panel([1.0], [2.0])
    # given that the third bar's end tells another second close of both instruments, and another first day of the second one
    first, second = np.zeros(2, np.int64), np.array([0, 1])
    later = {
        "1h": Corrections(np.full(2, 3 * HOUR_NS), first + 1, second, {"close": np.array([11.5, 21.5])}),
        "1d": Corrections(np.full(1, 3 * HOUR_NS), first[:1], second[1:], {"close": np.array([2.5])}),
    }
    books = [Book("one", holding(1.0), allocation=0.5),
             Book("two", looks, allocation=0.5, instruments=("I1.XNAS",), corrections=later)]  # fmt: skip

    backtest_portfolio("both", books, market(bars), bars, SETUP, others={"1d": days})

    assert seen == [([20.0, 21.0], 2.0), ([21.5, 22.0], 2.5)]


@pytest.mark.parametrize("kind", ["event", "vector"])
def test_targets_of_one_bar_that_reduce_go_first_in_a_book_as_alone(kind: str) -> None:
    class Turns:
        """All in I1, then all in I0: what is sold pays for what is bought."""

        def __init__(self, params: Any) -> None: ...

        def on_bar(self, view: Any) -> Any:
            return np.array([0.0, 1.0] if view.row == 0 else [1.0, 0.0])

    bars = panel([100.0, 100.0, 100.0], [100.0, 100.0, 100.0])
    wanted = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    turns = event(targets="weights", name="turns")(Turns) if kind == "event" else None
    book = Book("turns", turns or Strategy("turns", "vector", lambda seen, params: wanted, targets="weights"), allocation=0.6)
    idle = Book("idle", IDLE, allocation=0.4, instruments=("I1.XNAS",))
    setup = Setup(Account(10_000.0, "USD", kind="cash"), fills=Fills(at="same_close"))

    result = backtest_portfolio("both", [book, idle], market(bars), bars, setup)

    # At the close of the second bar I1 is sold first; with I0 bought first there would be cash for 40 only.
    assert [(int(one["row"]), int(one["instrument"]), int(one["quantity"])) for one in result.fills] == [
        (0, 1, 60),
        (1, 1, -60),
        (1, 0, 60),
    ]


def test_an_infinite_target_beside_an_event_strategy_is_refused_with_bar_and_value() -> None:
    bars = panel([100.0, 100.0])

    with pytest.raises(Rejected, match=r"target inf of I0\.XNAS at 1970-01-01T01:00:00Z \(bar 0\)"):
        backtest_portfolio(
            "both", [Book("one", holding(np.inf), allocation=0.5), Book("two", IDLE, allocation=0.5)], market(bars), bars, SETUP
        )


def test_books_with_different_kinds_of_targets_share_one_account() -> None:
    bars = panel([100.0, 100.0, 100.0])
    books = [Book("units", holding(3.0, "units"), allocation=0.2), Book("weights", holding(1.0), allocation=0.2),
             Book("money", holding(700.0, "notional"), allocation=0.2)]  # fmt: skip
    assert backtest_portfolio("mixed", books, market(bars), bars, SETUP).quantity.tolist() == [3, 20, 7]


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_books_add_up_over_costs_splits_dividends_and_moving_rates(currency: str) -> None:
    chance = np.random.default_rng(7)
    closes = [np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.02, 60))), 2).tolist() for _ in range(3)]
    bars = panel(*closes)
    halved = {name: values.copy() for name, values in bars.fields.items()}
    for name in ("open", "high", "low", "close"):
        halved[name][20:, 1] /= 2
    halved["open"][20, 1] = halved["close"][20, 1]
    halved["high"][20, 1] = halved["low"][20, 1] = halved["close"][20, 1]
    bars = Panel(bars.instruments, bars.times, bars.event_ns, bars.known_ns, halved)
    weights = chance.uniform(-0.5, 0.6, (60, 3))
    moving = Strategy("moving", "vector", lambda seen, params: weights[:, : seen.shape[1]], targets="weights")
    events = [(20, 1, SPLIT, 2.0), (30, 0, DIVIDEND, 0.5)]
    setup = Setup(Account(100_000.0, "USD", leverage=3.0), (BasisPoints(5), PerTrade(1.0)))
    books = [Book("a", moving, allocation=0.6), Book("b", moving, allocation=0.3, instruments=("I1.XNAS", "I2.XNAS"))]

    result = backtest_portfolio("many", books, market(bars, events, currency), bars, setup)

    assert len(result.postings) > 0
    assert result.market.shape == (60, 5)
    assert units_held(result, 1)[-1] == result.quantity[1]
    adds_up(result)


def test_interest_on_the_accounts_cash_belongs_to_no_book() -> None:
    bars = panel([100.0] * 50)
    books = [Book("a", holding(0.5), allocation=0.5), Book("b", holding(0.2), allocation=0.5)]

    result = backtest_portfolio("two", books, market(bars), bars, Setup(Account(10_000.0, "USD", interest=0.05)))

    paid = float(result.postings["amount"].sum())
    assert paid > 1.0
    assert book_profit(result)[-1].tolist() == [0.0, 0.0]
    assert result.final_equity == pytest.approx(10_000.0 + paid)


def test_the_same_portfolio_leaves_the_same_fingerprint_and_another_allocation_another() -> None:
    bars = panel([100.0, 101.0, 102.0])

    def whole(allocation: float) -> str:
        return backtest_portfolio("one", [Book("b", holding(1.0), allocation=allocation)], market(bars), bars, SETUP).fingerprint.whole

    assert whole(0.5) == whole(0.5) != whole(0.6)


@pytest.mark.parametrize(
    ("books", "told"),
    [
        ([], "no books, expected at least one"),
        (
            [Book("a", holding(1.0), allocation=0.7), Book("b", holding(1.0), allocation=0.7)],
            "allocations add up to 1.4, expected at most 1",
        ),
        ([Book("a", holding(1.0), allocation=0.1), Book("a", holding(1.0), allocation=0.1)], "expected each name once"),
        ([Book("a", holding(1.0), instruments=("X.XNAS",))], r"X\.XNAS of book a, expected one of I0\.XNAS"),
    ],
)
def test_a_portfolio_that_cannot_be_is_refused(books: list[Book], told: str) -> None:
    bars = panel([100.0, 101.0])
    with pytest.raises(Rejected, match=told):
        backtest_portfolio("bad", books, market(bars), bars, SETUP)


def test_an_allocation_is_a_fraction() -> None:
    with pytest.raises(Rejected, match=r"allocation 1\.5, expected a fraction above 0 and up to 1"):
        Book("a", holding(1.0), allocation=1.5)
