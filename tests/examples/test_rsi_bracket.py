from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradewinds.factors.indicator import atr, rsi
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import CANCELLED, FILLED
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.strategy import Strategy

Load = Callable[[str], Strategy]
Make = Callable[..., Any]

WARM_UP = 214  # bars of RSI and ATR with a length of 14 until the beginning weighs a millionth


def _falling(after: list[float]) -> np.ndarray:
    """A market that swings by a half around 100, then falls by 1 a bar for 8 bars, then does `after`."""
    quiet = 100 + 0.5 * np.sin(np.arange(WARM_UP + 20))
    fall = quiet[-1] - np.arange(1.0, 9.0)
    return np.concatenate([quiet, fall, after])


def test_a_fall_is_bought_with_stop_and_profit_measured_in_true_ranges(example: Load, bars: Make, traded: Make) -> None:
    # given
    panel = bars(_falling([92.0] * 3), wick=0.25)
    result = backtest(example("rsi_bracket"), traded(panel), panel, None, Setup(Account(100_000)))

    # when
    close, high, low = (panel.field(name)[:, 0] for name in ("close", "high", "low"))
    index, spread = rsi(close, 14), atr(high, low, close, 14)
    row = int(np.flatnonzero(index[result.first_row :] < 30)[0]) + result.first_row
    entry, stop, profit = result.orders[:3]

    # then decided at the first close with an index below 30, filled at the next open
    assert result.first_row + 1 >= WARM_UP - 15
    assert [int(one["decided_row"]) for one in (entry, stop, profit)] == [row] * 3
    assert result.fills["row"][0] == row + 1
    assert result.fills["price"][0] == close[row]
    assert stop["stop"] == pytest.approx(close[row] - 2 * spread[row])
    assert profit["limit"] == pytest.approx(close[row] + 3 * spread[row])
    # and the stop costs a hundredth of the account, to the lot
    risked = entry["quantity"] * 0.001 * 2 * spread[row]
    assert risked == pytest.approx(1000, abs=0.001 * 2 * spread[row])


@pytest.mark.parametrize(("after", "touched"), [(60.0, 1), (120.0, 2)], ids=["stop", "profit"])
def test_the_exit_that_fills_first_cancels_the_other(example: Load, bars: Make, traded: Make, after: float, touched: int) -> None:
    # given a fall that ends with the bar that is bought, and a jump two bars later
    closes = _falling([])
    row = int(np.flatnonzero(rsi(closes, 14) < 30)[0])
    panel = bars([*closes[: row + 1], closes[row], after, after])

    # when
    result = backtest(example("rsi_bracket"), traded(panel), panel, None, Setup(Account(100_000)))
    statuses = result.orders["status"][:3].tolist()

    # then
    assert statuses[0] == FILLED
    assert statuses[touched] == FILLED
    assert statuses[3 - touched] == CANCELLED
    assert result.fills["row"][:2].tolist() == [row + 1, row + 2]
    assert result.fills["quantity"][:2].sum() == 0


def test_nothing_is_bought_while_something_is_held(example: Load, bars: Make, traded: Make) -> None:
    generator = np.random.default_rng(4)
    panel = bars(100 * np.exp(np.cumsum(generator.normal(0, 0.01, 3000))), wick=0.2)

    result = backtest(example("rsi_bracket"), traded(panel), panel)
    held = np.cumsum(result.fills["quantity"])

    assert len(result.fills) > 20
    assert (held >= 0).all()
    assert (held[1::2] == 0).all()  # each purchase is followed by the sale of all of it


def test_the_future_changes_no_order(example: Load, bars: Make, forgets_the_future: Make) -> None:
    generator = np.random.default_rng(4)
    panel = bars(100 * np.exp(np.cumsum(generator.normal(0, 0.01, 1500))), wick=0.2)

    forgets_the_future(example("rsi_bracket"), panel, (400, 777, 1200))


def test_a_market_that_stands_still_is_left_alone(example: Load, bars: Make, traded: Make) -> None:
    panel = bars(np.full(400, 50.0))

    assert len(backtest(example("rsi_bracket"), traded(panel), panel).orders) == 0


@pytest.mark.shared
def test_on_recorded_bitcoin_every_purchase_follows_a_low_index(example: Load, recorded: Callable[..., Panel], traded: Make) -> None:
    panel = recorded(("BTCUSDT",), "1h")
    result = backtest(example("rsi_bracket"), traded(panel), panel, None, Setup(Account(100_000, kind="cash")))

    index = rsi(panel.field("close")[:, 0], 14)
    entries = result.orders[result.orders["parent"] == 0]

    assert len(entries) > 100
    assert (index[entries["decided_row"]] < 30).all()
