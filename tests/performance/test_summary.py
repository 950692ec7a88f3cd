"""The figures of a run: from equity and fills to one summary, its parts, and the quick one of sweeps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.attribution import ACCOUNT, attribution
from tradewinds.performance.capacity import capacity, days_to_trade
from tradewinds.performance.exposure import holdings
from tradewinds.performance.returns import returns_of
from tradewinds.performance.summary import of
from tradewinds.performance.track_record import CASH, Charges, FillLog, Floats, TrackRecord, fill_log, with_splits

DAY = 86_400_000_000_000
MONDAY = 1_704_067_200_000_000_000  # 2024-01-01


def record(log: FillLog, close: Floats, equity: Floats, capital: float = 1000.0, **other: object) -> TrackRecord:
    times, width = close.shape
    made = TrackRecord(
        instruments=tuple(f"I{index}.X" for index in range(width)), end_ns=MONDAY + DAY * np.arange(1, times + 1),
        session=np.arange(times), equity=equity, capital=capital, first_row=0, last_row=times, fills=log, high=close, low=close,
        close=close, multiplier=np.ones(width), rates=np.ones((1, width)), lot=np.ones(width),
    )  # fmt: skip
    return replace(made, **other)


NO_FILLS = fill_log(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def held_through(values: list[float]) -> TrackRecord:
    """Ten bought at the first close, so that equity is ten times the price."""
    equity = np.array(values)
    log = fill_log(np.array([0]), np.array([0]), np.array([10.0]), equity[:1] / 10, is_at_close=np.array([True]))
    return record(log, equity[:, None] / 10, equity, values[0])


def test_a_summary_of_five_days() -> None:
    summary = of(held_through([1000.0, 1100.0, 990.0, 1089.0, 1306.8]), periods_per_year=4.0)
    returns = np.array([0.1, -0.1, 0.1, 0.2])

    assert (summary.periods, summary.capital, summary.final, summary.peak) == (4, 1000.0, 1306.8, 1306.8)
    assert summary.profit == pytest.approx(306.8)
    assert summary.total_return == pytest.approx(0.3068)
    assert summary.annual_return == pytest.approx(0.3068)  # four periods are the year
    assert summary.volatility == pytest.approx(2 * returns.std(ddof=1))
    assert summary.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 2)
    assert summary.sortino == pytest.approx(returns.mean() / 0.05 * 2)
    assert summary.max_drawdown == pytest.approx(-0.1)
    assert summary.calmar == pytest.approx(3.068)
    assert summary.longest_drawdown_ns == 3 * DAY
    assert summary.ulcer == pytest.approx(math.sqrt((0.01 + 0.0001) / 4))
    assert summary.positive_periods == 0.75
    assert (summary.annualisation.periods_per_year, summary.annualisation.source) == (4.0, "given")
    assert summary.exposure.time == 1.0
    assert summary.exposure.gross_average == 1.0
    assert summary.attribution.by_kind["price"] == pytest.approx(306.8)
    assert (summary.trades.count, summary.trades.open) == (0, 1)
    assert summary.comparison is None


def test_the_account_begins_with_its_capital() -> None:
    # Filled at the close of the first row for a commission of 10: the loss belongs to the first period.
    made = held_through([1000.0, 1000.0, 1000.0])
    paid = replace(made, equity=np.array([990.0, 990.0, 990.0]))

    assert of(paid).total_return == pytest.approx(-0.01)
    assert of(paid).worst_period == pytest.approx(-0.01)


def test_a_risk_free_rate_is_spread_over_the_periods() -> None:
    summary = of(held_through([1000.0, 1100.0, 990.0, 1089.0, 1306.8]), periods_per_year=4.0, risk_free=0.2)

    returns = np.array([0.1, -0.1, 0.1, 0.2]) - 0.05
    assert summary.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 2)


def test_a_benchmark_of_its_own_prices_has_beta_one() -> None:
    made = held_through([1000.0, 1100.0, 990.0, 1089.0, 1306.8])

    compared = of(made, benchmark=made.close[:, 0]).comparison

    assert compared is not None
    assert compared.beta == pytest.approx(1.0)
    assert compared.tracking_error == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(DataFault, match="benchmark: 2 levels, expected one for each of the 5 bars"):
        of(made, benchmark=np.ones(2))
    with pytest.raises(DataFault, match=r"benchmark: level nan in row 3, expected a positive number"):
        of(made, benchmark=np.array([1.0, 2.0, 3.0, np.nan, 5.0]))


def test_an_account_that_does_nothing_has_no_ratios() -> None:
    summary = of(record(NO_FILLS, np.full((5, 1), 10.0), np.full(5, 1000.0)))

    assert (summary.total_return, summary.volatility, summary.max_drawdown, summary.exposure.time) == (0.0, 0.0, 0.0, 0.0)
    assert summary.sharpe is summary.sortino is summary.calmar is summary.omega is summary.skewness is None
    assert summary.exposure.turnover == 0.0
    assert summary.average_drawdown is None


def test_a_single_bar_is_summed_up_too() -> None:
    summary = of(record(NO_FILLS, np.full((1, 1), 10.0), np.array([1000.0])))

    assert (summary.periods, summary.total_return, summary.max_drawdown) == (0, 0.0, 0.0)
    assert summary.annual_return is summary.cagr is summary.volatility is summary.exposure.turnover is None


def test_ruin_leaves_the_loss_and_no_ratios() -> None:
    summary = of(held_through([1000.0, 500.0, -100.0, 50.0]))

    assert summary.is_ruined
    assert summary.total_return == pytest.approx(-0.95)
    assert summary.max_drawdown == pytest.approx(-1.1)
    assert summary.sharpe is summary.annual_return is summary.cagr is summary.calmar is summary.volatility is None


def test_equity_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(DataFault, match="equity nan in row 1, expected a finite number in every row that counts"):
        record(NO_FILLS, np.ones((3, 1)), np.array([1.0, np.nan, 1.0]))
    with pytest.raises(Rejected, match=r"rows \[2, 2\) of 3"):
        record(NO_FILLS, np.ones((3, 1)), np.ones(3), first_row=2, last_row=2)
    with pytest.raises(Rejected, match=r"expected \(3, 1\)"):
        record(NO_FILLS, np.ones((3, 1)), np.ones(3), high=np.ones((2, 1)))


def test_holdings_time_in_market_and_turnover() -> None:
    close = np.array([[10.0, np.nan], [10.0, 20.0], [12.0, np.nan], [12.0, 25.0], [12.0, 25.0]])
    log = fill_log(np.array([1, 1, 3]), np.array([0, 1, 0]), np.array([50.0, -10.0, -50.0]), np.array([10.0, 20.0, 12.0]))
    made = record(log, close, np.full(5, 1000.0))

    held = holdings(made, np.array([0, 2, 4]))
    summary = of(made, periods_per_year=4.0)

    assert held.quantity.tolist() == [[0.0, 0.0], [50.0, -10.0], [0.0, -10.0]]
    assert held.value.tolist() == [[0.0, 0.0], [600.0, -200.0], [0.0, -250.0]]  # priced at the last close, 20, on the day it did not trade
    assert summary.exposure.time == 0.8
    assert summary.exposure.gross_highest == 0.8
    assert summary.exposure.net_average == pytest.approx((0.3 + 0.4 - 0.25 - 0.25) / 5)
    assert summary.exposure.traded == 1300.0
    assert summary.exposure.turnover == pytest.approx(0.65)


def test_a_position_that_is_split_is_held_in_new_units() -> None:
    log = with_splits(
        fill_log(np.array([0]), np.array([0]), np.array([10.0]), np.array([40.0])), np.array([2]), np.array([0]), np.array([4.0])
    )
    made = record(log, np.array([[40.0], [40.0], [10.0]]), np.full(3, 1000.0))

    assert holdings(made, np.array([1, 2])).quantity[:, 0].tolist() == [10.0, 40.0]
    assert holdings(made, np.array([1, 2])).value[:, 0].tolist() == [400.0, 400.0]


def test_profit_is_told_by_instrument_by_kind_and_by_side() -> None:
    # Euro at 1.0, then 1.2. Bought 10 euro shares at 10 (commission 2, slippage 1 of it), short 5 dollar shares at 20, both still held.
    close = np.array([[10.0, 20.0], [11.0, 22.0]])
    rates = np.array([[1.0, 1.0], [1.2, 1.0]])
    log = fill_log(
        np.array([0, 0]), np.array([0, 1]), np.array([10.0, -5.0]), np.array([10.0, 20.0]), np.array([2.0, 0.0]), np.array([1.0, 0.0])
    )
    charges = Charges(np.array([1, 1]), np.array([1, CASH]), np.array([1, 0]), np.array([-3.0, 4.0]), ("interest", "borrow"))
    # Cash: -102 euro, 1100 dollars less 3 plus 4. Worth: 110 euro, -110 dollars.
    equity = 1000 + 100 - 3 + 4 - 102 * 1.2 + 110 * 1.2 - 110
    made = record(log, close, np.array([998.0, equity]), rates=rates, charges=charges)

    found = attribution(made)

    assert found.profit == pytest.approx(0.6)
    assert found.by_kind == pytest.approx(
        {"price": 10 * 11 * 1.2 - 100 - 10 + 1, "slippage": -1, "commission": -2, "interest": 4, "borrow": -3, "currency": -102 * 0.2}
    )
    assert found.by_instrument == pytest.approx({"I0.X": (110 - 102) * 1.2, "I1.X": -13.0, ACCOUNT: 4.0})
    assert found.by_side == pytest.approx({"long": 132 - 100 - 2, "short": -10 - 3, ACCOUNT: 4 - 20.4})
    assert found.unexplained == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_way_of_telling_the_profit_adds_up_to_it(seed: int) -> None:
    generator = np.random.default_rng(seed)
    times, width, count = 30, 3, 40
    close = np.round(50 + np.cumsum(generator.normal(size=(times, width)), axis=0), 2)
    rates = np.column_stack([np.ones(times), 1 + 0.01 * generator.normal(size=(times, 2))])
    rows, instruments = np.sort(generator.integers(0, times, count)), generator.integers(0, width, count)
    quantities = generator.integers(1, 10, count) * generator.choice([-1.0, 1.0], count)
    log = fill_log(rows, instruments, quantities, close[rows, instruments], generator.random(count), generator.random(count))
    charges = Charges(
        np.sort(generator.integers(1, times, 10)), generator.integers(-1, width, 10), generator.integers(0, 2, 10),
        generator.normal(size=10), ("dividend", "borrow"),
    )  # fmt: skip
    # The account by its own bookkeeping: cash by instrument's currency, positions at the close.
    equity = np.empty(times)
    for row in range(times):
        done, charged = log.row <= row, charges.row <= row
        worth = 1000.0 + charges.amount[charged & (charges.instrument == CASH)].sum()
        for one in range(width):
            mine = done & (log.instrument == one)
            cash = -(log.quantity * log.price + log.commission)[mine].sum() + charges.amount[charged & (charges.instrument == one)].sum()
            worth += (cash + log.quantity[mine].sum() * close[row, one]) * rates[row, one]
        equity[row] = worth
    made = record(log, close, equity, rates=rates, charges=charges)

    found = attribution(made)

    assert found.unexplained == pytest.approx(0.0, abs=1e-8)
    for parts in (found.by_instrument, found.by_kind, found.by_side):
        assert math.fsum(parts.values()) == pytest.approx(equity[-1] - 1000.0, abs=1e-8)


def test_days_to_trade_at_a_tenth_of_the_volume() -> None:
    days = days_to_trade(np.array([1000.0, -500.0, 0.0, 10.0]), np.array([10_000.0, 1000.0, 0.0, 0.0]), 0.1)

    assert days[:3].tolist() == [1.0, 5.0, 0.0]
    assert np.isnan(days[3])
    with pytest.raises(Rejected, match="participation 0, expected one between 0 and 1"):
        days_to_trade(np.ones(1), np.ones(1), 0)


def test_capacity_by_participation_and_by_impact() -> None:
    # Prices alternate by 1 %; 10 of a volume of 1000 are bought on the 20th day and sold on the 24th.
    close = np.where(np.arange(30) % 2, 101.0, 100.0)[:, None]
    log = fill_log(np.array([20, 24]), np.array([0, 0]), np.array([10.0, -10.0]), np.array([100.0, 100.0]))
    made = record(log, close, np.append(np.full(29, 1000.0), 1100.0))

    found = capacity(made, np.full((30, 1), 1000.0))

    assert found.at_participation == pytest.approx(5000.0)  # 1 % of the volume now, 5 % at five times the capital
    deviation = [np.std(close[1 + at - 20 : at, 0] / close[at - 20 : at - 1, 0] - 1, ddof=1) for at in (20, 24)]
    cost = 1000 * 0.1 * sum(deviation)
    assert found.impact_cost == pytest.approx(cost, rel=0.01)
    assert found.break_even == pytest.approx(1000 * (100 / (found.impact_cost or 0)) ** 2)
    assert found.most_profit_at == pytest.approx((found.break_even or 0) * 4 / 9)
    assert found.most == pytest.approx((found.most_profit_at or 0) / 1000 * 100 / 3)
    assert found.unmeasured == 0


def test_capacity_of_what_does_not_trade_is_unknown() -> None:
    made = record(NO_FILLS, np.ones((3, 1)), np.full(3, 1000.0))

    found = capacity(made, np.zeros((3, 1)))

    assert found.at_participation is found.break_even is found.most_profit_at is found.impact_cost is None
    with pytest.raises(DataFault, match=r"volume of shape \(2, 1\), expected \(3, 1\)"):
        capacity(made, np.zeros((2, 1)))


def test_a_losing_strategy_carries_no_money() -> None:
    close = np.where(np.arange(30) % 2, 101.0, 100.0)[:, None]
    log = fill_log(np.array([20]), np.array([0]), np.array([10.0]), np.array([100.0]))

    found = capacity(record(log, close, np.append(np.full(29, 1000.0), 900.0)), np.full((30, 1), 1000.0))

    assert (found.break_even, found.most_profit_at, found.most) == (0.0, 0.0, 0.0)


def test_returns_of_an_account_follow_its_samples() -> None:
    made = held_through([1000.0, 1100.0, 990.0])
    summary = of(made)

    assert (summary.best_period, summary.worst_period) == (pytest.approx(returns_of(made.equity).max()), pytest.approx(-0.1))


def test_everything_that_a_summary_needs_can_be_compiled_ahead() -> None:
    from tradewinds.performance import excursions, exposure, returns, summary, trades

    summary.compile_all()

    for function in (
        returns._spans, trades._episodes, trades._lots, trades._last_prices, excursions._excursions, excursions._stack, exposure._sides,
        exposure._before, exposure._held, exposure._time_in_market, exposure._priced,
    ):  # fmt: skip
        assert function.signatures, function
