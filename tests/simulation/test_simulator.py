"""One kernel however it is driven: arrays or bar by bar, with logs or without, again after a reset, in several pieces."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.factors import indicator
from tradewinds.history.panel import Panel
from tradewinds.simulation.ahead import compile_all
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import EVENT, SPLIT
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Fills, HalfSpread, Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.strategy import vector

DAY = 86_400_000_000_000
SETUP = Setup(Account(100_000.0, leverage=4.0), (BasisPoints(3), HalfSpread(bps=2)))


def panel(rows: int, width: int, seed: int = 3, **changed: Any) -> Panel:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, (rows, width)), axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    times = np.arange(rows, dtype=np.int64) * DAY
    fields = {
        "open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close,
        "volume": np.full(close.shape, 1e6),
    } | changed  # fmt: skip
    return Panel(tuple(f"I{at}.SIM" for at in range(width)), times, times + DAY, np.repeat((times + DAY)[:, None], width, axis=1), fields)


def market(rows: int, width: int, **given: Any) -> Market:
    bars = panel(rows, width)
    return market_of_panel(bars, [Instrument(name, "equity", "USD", "XNYS", lot=Decimal(1)) for name in bars.instruments], **given)


def targets(rows: int, width: int) -> Any:
    return np.random.default_rng(5).choice([0.0, 10.0, -5.0, np.nan], (rows, width), p=[0.1, 0.1, 0.05, 0.75])


@pytest.mark.parametrize("width", [1, 7])
@pytest.mark.parametrize("fills", [Fills(), Fills(at="same_close"), Fills(latency_bars=2), Fills(participation=1e-5)])
def test_arrays_and_bar_by_bar_give_the_same_bytes(width: int, fills: Fills) -> None:
    bars, wanted = market(300, width), targets(300, width)
    setup = Setup(SETUP.account, SETUP.costs, fills)
    whole, pieces, single = (Simulator(bars, setup) for _ in range(3))

    whole.run(wanted)
    for first in range(0, 300, 70):
        pieces.run(wanted, first, min(300, first + 70))
    assert whole.orders.tobytes() == pieces.orders.tobytes()
    assert whole.fills.tobytes() == pieces.fills.tobytes()
    assert whole.equity.tobytes() == pieces.equity.tobytes()

    if width == 1:
        for row in range(300):
            single.advance(row + 1)
            single.target(0, float(wanted[row, 0]))
        np.testing.assert_array_equal(single.fills, whole.fills)
        assert single.equity.tobytes() == whole.equity.tobytes()


def test_a_reset_simulator_repeats_itself_to_the_byte() -> None:
    bars, wanted = market(200, 3), targets(200, 3)
    run = Simulator(bars, SETUP)
    run.run(wanted)
    before = (run.orders.tobytes(), run.fills.tobytes(), run.equity.tobytes(), run.books.cash.tobytes())

    run.reset()
    assert (run.row, run.quantity(0), run.cash(), run.open_orders()) == (0, 0.0, 100_000.0, [])
    run.run(wanted)

    assert (run.orders.tobytes(), run.fills.tobytes(), run.equity.tobytes(), run.books.cash.tobytes()) == before


@pytest.mark.parametrize("width", [1, 3])
def test_without_logs_and_curve_the_same_money_is_made_in_memory_that_does_not_grow(width: int) -> None:
    bars, wanted = market(400, width), targets(400, width)
    kept, lean = Simulator(bars, SETUP), Simulator(bars, SETUP, keeps_equity=False, keeps_log=False, samples=[10, 250, 399])

    kept.run(wanted, 5)
    lean.run(wanted, 5)

    assert lean.equity_now == kept.equity_now
    assert lean.sampled().tolist() == kept.equity[[10, 250, 399]].tolist()
    assert lean.sampled([250]).tolist() == kept.sampled([250]).tolist()
    assert (lean.trips, lean.fill_count) == (kept.trips, kept.fill_count)
    assert lean.drawdown == pytest.approx(kept.drawdown, abs=1e-15)
    assert len(lean.fills) == len(lean.orders) == len(lean.equity) == 0
    assert lean.books.state["fresh"][0] <= 2 * width
    with pytest.raises(Rejected, match="were not sampled"):
        lean.sampled([11])


def test_logs_grow_while_a_run_goes_on() -> None:
    bars = market(4_000, 2)
    wanted = np.tile(np.array([[1.0, 0.0], [0.0, 1.0]]), (2_000, 1))
    run = Simulator(bars, SETUP)

    run.run(wanted)

    assert len(run.orders) == 2 * 4_000 - 1
    assert run.orders["id"].tolist() == list(range(1, 8_000))
    assert (run.orders["status"][:-2] == 2).all()


def test_targets_of_an_instrument_that_has_not_traded_yet_wait_for_its_first_close() -> None:
    bars = panel(6, 1)
    fields = {name: np.where(np.arange(6)[:, None] < 3, np.nan, values) for name, values in bars.fields.items()}
    late = market_of_panel(panel(6, 1, **fields), [Instrument("I0.SIM", "equity", "USD", "XNYS", lot=Decimal(1))])
    run = Simulator(late, SETUP)

    run.run(np.ones((6, 1)))

    assert run.fills["row"].tolist() == [4]


def test_a_target_in_units_is_restored_after_a_split() -> None:
    happened = np.array([(5, 0, SPLIT, 2.0, np.nan)], EVENT)
    run = Simulator(market(10, 1, events=happened), SETUP)

    run.run(np.full((10, 1), 10.0))

    assert run.fills["quantity"].tolist() == [10, -10]
    assert run.quantity(0) == 10.0


@pytest.mark.parametrize("width", [1, 2])
def test_a_single_target_is_put_right_by_the_next_array_of_targets_even_an_unchanged_one(width: int) -> None:
    bars = market(8, width)
    simulator = Simulator(bars, Setup(Account(100_000.0)))
    ones = np.ones((8, width))

    simulator.run(ones, 0, 3)
    simulator.target(0, 5.0)
    simulator.run(ones, 3, 8)

    assert [(int(one["row"]), int(one["quantity"])) for one in simulator.fills if one["instrument"] == 0] == [(1, 1), (3, 4), (4, -4)]
    assert simulator.quantity(0) == 1.0


def test_orders_of_the_strategys_own_are_put_right_by_the_next_array_of_targets() -> None:
    bars = market(6, 1)
    run = Simulator(bars, SETUP)
    run.submit(0, 1, 4.0)

    run.run(np.full((6, 1), 10.0))

    assert run.fills["quantity"].tolist() == [4, 6]


@pytest.mark.parametrize("shape", [(5, 1), (6, 2)])
def test_targets_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(Rejected, match="expected contiguous float64"):
        Simulator(market(6, 1), SETUP).run(np.ones(shape))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("close", 0.0, "close 0.0"),
        ("open", -3.0, "open -3.0"),
        ("high", 1.0, "high 1.0"),
        ("low", np.nan, "low nan"),
        ("volume", -1.0, "-1.0"),
    ],
)
def test_impossible_bars_are_refused_with_instrument_and_value(field: str, value: float, told: str) -> None:
    values = panel(4, 2).fields[field].copy()
    values[2, 1] = value
    bars = panel(4, 2, **{field: values})

    with pytest.raises(DataFault, match=rf"I1\.SIM at 1970-01-03.*{told}"):
        market_of_panel(bars, [Instrument(name, "equity", "USD", "XNYS") for name in bars.instruments])


@pytest.mark.parametrize("event", [(9, 0, SPLIT, 2.0), (1, 4, SPLIT, 2.0), (1, 0, SPLIT, -1.0), (1, 0, 77, 1.0), (1, 0, SPLIT, np.nan)])
def test_impossible_events_are_refused(event: tuple[int, int, int, float]) -> None:
    with pytest.raises(Rejected, match="market: event"):
        market(4, 1, events=np.array([(*event, np.nan)], EVENT))


def test_a_market_without_bars_overlapping_ones_and_missing_rates_are_refused() -> None:
    bars = panel(4, 1)
    one = Instrument("I0.SIM", "equity", "EUR", "XETR")

    with pytest.raises(Rejected, match="no rate of EUR"):
        market_of_panel(bars, [one])
    with pytest.raises(Rejected, match="rates of EUR"):
        market_of_panel(bars, [one], rates={"EUR": np.array([1.0, np.nan, 1.0, 1.0])})
    with pytest.raises(DataFault, match="0 times"):
        market_of_panel(bars.last(0), [one])
    with pytest.raises(Rejected, match="expected those of the panel"):
        market_of_panel(bars, [Instrument("X.SIM", "equity", "USD", "XETR")])
    long = Panel(bars.instruments, bars.times, bars.times + 2 * DAY, bars.known_ns, dict(bars.fields))
    with pytest.raises(DataFault, match="do not overlap"):
        market_of_panel(long, [one], rates={"EUR": np.ones(4)})


def test_what_is_compiled_ahead_is_all_that_a_first_backtest_calls() -> None:
    def kinds() -> dict[str, int]:
        """How many kinds of arguments each compiled function of the project has been compiled for."""
        modules = [module for name, module in sys.modules.items() if name.startswith("tradewinds.")]
        found = {
            f"{each.__module__}.{name}": each for module in modules for name, each in vars(module).items() if hasattr(each, "signatures")
        }
        return {name: len(each.signatures) for name, each in found.items()}

    @vector(lookback=10)
    def crossing(seen: Any, params: Any) -> Any:
        bars = (seen.high, seen.low, seen.close)
        spread = indicator.atr(*bars, 5) + indicator.stddev(seen.close, 5) + indicator.highest(seen.high, 4) - indicator.lowest(seen.low, 4)
        return np.where(indicator.sma(seen.close, 3) > indicator.ema(seen.close, 9) + 0 * spread, indicator.rsi(seen.close, 4), 0.0)

    compile_all()
    before = kinds()
    results = [backtest(crossing, market(60, width), panel(60, width), None, SETUP) for width in (1, 2)]

    assert all(len(one.fills) > 1 for one in results)
    assert before["tradewinds.simulation.kernel_late.follow_late"] == 1
    assert {name: count for name, count in kinds().items() if count != before.get(name, 0)} == {}
