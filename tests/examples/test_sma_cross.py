from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.strategy import Strategy

Load = Callable[[str], Strategy]
Make = Callable[..., Any]


def test_it_buys_when_the_fast_average_is_above_and_sells_when_it_is_not(example: Load, bars: Make, traded: Make) -> None:
    # given closes of which the averages of 2 and 5 can be told by hand
    closes = [10.0, 10, 10, 10, 10, 12, 14, 14, 8, 6, 6]
    # fast:                        10  11  13  14  11  7  6
    # slow:                        10 10.4 11.2 12 11.6 10.8 9.6
    panel = bars(closes)

    # when
    result = backtest(example("sma_cross"), traded(panel), panel, {"fast": 2, "slow": 5}, Setup(Account(1000), (BasisPoints(100),)))

    # then bought at the open after the first row above (row 5), sold after the first that is not (row 8: 11 < 11.6)
    assert result.first_row == 4
    assert result.fills["row"].tolist() == [6, 9]
    assert result.fills["price"].tolist() == [12.0, 8.0]
    assert result.fills["commission"].tolist() == pytest.approx([0.12, 0.08])
    assert result.final_equity == pytest.approx(1000 - 4 - 0.2)


def test_it_sees_only_its_past(example: Load, bars: Make, sees_only_its_past: Make) -> None:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.02, 600)))

    sees_only_its_past(example("sma_cross"), bars(closes))


def test_a_period_out_of_range_is_refused_by_name(example: Load, bars: Make, traded: Make) -> None:
    panel = bars(np.full(100, 10.0))

    with pytest.raises(Rejected, match="strategy sma_cross: parameter fast: 1, expected a whole number from 2 to 200"):
        backtest(example("sma_cross"), traded(panel), panel, {"fast": 1})


def test_a_sweep_leaves_out_pairs_that_make_no_sense(example: Load) -> None:
    strategy = example("sma_cross")

    assert strategy.is_valid is not None
    assert strategy.is_valid(strategy.params({"fast": 10, "slow": 30}))
    assert not strategy.is_valid(strategy.params({"fast": 30, "slow": 30}))


@pytest.mark.shared
def test_on_recorded_bitcoin_it_trades_at_every_crossing(example: Load, recorded: Callable[..., Panel], traded: Make) -> None:
    # given hourly bars since 2022
    panel = recorded(("BTCUSDT",), "1h")
    close = panel.field("close")[:, 0]

    # when
    result = backtest(example("sma_cross"), traded(panel), panel, None, Setup(Account(1_000_000)))

    # then every change of side, counted another way, is a fill at the next open
    fast, slow = (np.convolve(close, np.ones(length) / length, "valid") for length in (20, 50))
    is_above = fast[30:] > slow
    rows = 49 + np.flatnonzero(np.diff(np.concatenate([[False], is_above]).astype(int)) != 0)
    rows = rows[rows < len(close) - 1]
    assert len(rows) > 500
    assert result.fills["row"].tolist() == (rows + 1).tolist()
    np.testing.assert_array_equal(result.fills["price"], panel.field("open")[rows + 1, 0])
