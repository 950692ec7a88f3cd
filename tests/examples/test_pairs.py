from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.strategy import Strategy

Load = Callable[[str], Strategy]
Make = Callable[..., Any]

SMALL = {"length": 10, "entry": 2.0, "exit": 0.5, "size": 0.4}


def _gap(jump_at: int, back_at: int, days: int = 60) -> np.ndarray:
    """Two prices near 100; the first stands 10 % higher from `jump_at` on, until `back_at`."""
    first = 100 + 0.2 * np.cos(np.arange(days) * 2.0)
    first[jump_at:back_at] *= 1.1
    return np.column_stack([first, np.full(days, 100.0)])


def test_the_dear_one_is_sold_and_the_other_bought_until_they_meet(example: Load, bars: Make, traded: Make) -> None:
    # given a gap that opens at row 30: its z-score among 10 bars is 3 there (one value of ten stands apart: (10 - 1) / sqrt(9))
    panel = bars(_gap(30, 60))

    # when
    result = backtest(example("pairs"), traded(panel), panel, SMALL, Setup(Account(100_000)))

    # then both legs fill at the open of row 31, each 40 % of the equity
    entry = result.fills[:2]
    assert entry["row"].tolist() == [31, 31]
    assert np.sign(entry["quantity"]).tolist() == [-1, 1]
    assert entry["amount"].tolist() == pytest.approx([-40_000, 40_000], abs=120)
    # and both are gone at the open after the gap has become the rule: z within half a deviation
    leave = result.fills[2:4]
    assert (leave["quantity"] == -entry["quantity"]).all()
    assert len(set(leave["row"].tolist())) == 1
    assert 31 < leave["row"][0] <= 41


def test_a_gap_that_closes_at_once_is_a_gain(example: Load, bars: Make, traded: Make) -> None:
    panel = bars(_gap(30, 33))

    result = backtest(example("pairs"), traded(panel), panel, SMALL, Setup(Account(100_000)))

    # sold at 110 % and bought back at 100 %: about a tenth of 40 % ...
    assert result.equity[33] - 100_000 == pytest.approx(40_000 * (1 - 1 / 1.1), rel=0.05)


def test_it_sees_only_the_bars_it_declares(example: Load, bars: Make, sees_only_its_past: Make) -> None:
    generator = np.random.default_rng(3)
    common = np.cumsum(generator.normal(0, 0.02, 800))
    panel = bars(100 * np.exp(np.column_stack([common + generator.normal(0, 0.01, 800), common])))

    sees_only_its_past(example("pairs"), panel)


def test_three_instruments_are_no_pair(example: Load, bars: Make, traded: Make) -> None:
    panel = bars(np.full((80, 3), 10.0))

    with pytest.raises(Rejected, match="strategy pairs: raised ValueError: 3 instruments, expected a pair"):
        backtest(example("pairs"), traded(panel), panel)


@pytest.mark.shared
def test_on_recorded_coins_both_legs_are_always_opposite(example: Load, recorded: Callable[..., Panel], traded: Make) -> None:
    panel = recorded(("ETHUSDT", "BTCUSDT"), "1d")

    result = backtest(example("pairs"), traded(panel), panel, None, Setup(Account(1_000_000)))
    held = np.zeros((len(panel.times), 2))
    for fill in result.fills:
        held[fill["row"] :, fill["instrument"]] += fill["quantity"]

    assert len(result.fills) > 80
    assert (np.sign(held[:, 0]) == -np.sign(held[:, 1])).all()
