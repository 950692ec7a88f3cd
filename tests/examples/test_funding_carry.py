from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import EVENT, FUNDING
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.strategy import Strategy

Load = Callable[[str], Strategy]
Make = Callable[..., Any]

HOUR = 3_600_000_000_000
IDS = ("BTCUSDT.BINANCE", "BTCUSDT.BINANCE_UM")
SMALL = {"hours": 8, "enter": 0.10, "leave": 0.02, "size": 0.4}
LOW, HIGH = 0.00001, 0.0005  # 1.1 % and 55 % a year


def _funding(rates: list[float], start_ns: int) -> Panel:
    """A rate every eight hours, known a second after it is paid; another perpetual stands before ours."""
    at = start_ns + np.arange(len(rates), dtype=np.int64) * 8 * HOUR
    known = np.repeat((at + 1_000_000_000)[:, None], 2, axis=1)
    values = np.column_stack([np.full(len(rates), 0.9), rates])
    return Panel(("AAAUSDT.BINANCE_UM", IDS[1]), at, at, known, {"rate": values})


def _events(rates: list[float]) -> np.ndarray:
    events = np.zeros(len(rates), EVENT)
    events["row"] = np.arange(len(rates)) * 8
    events["instrument"], events["kind"], events["value"], events["price"] = 1, FUNDING, rates, np.nan
    return events


def _case(bars: Make, traded: Make, rates: list[float]) -> tuple[Panel, Market, Panel]:
    panel = bars(np.full((len(rates) * 8, 2), 100.0), step_ns=HOUR, ids=IDS)
    return panel, traded(panel, events=_events(rates)), _funding(rates, int(panel.times[0]))


def test_it_enters_when_rates_are_high_collects_and_leaves(example: Load, bars: Make, traded: Make) -> None:
    # given two low rates, three high ones from hour 16 on, then low ones again from hour 40 on
    panel, market, funding = _case(bars, traded, [LOW, LOW, HIGH, HIGH, HIGH, LOW, LOW, LOW])

    # when
    result = backtest(example("funding_carry"), market, panel, SMALL, Setup(Account(100_000)), others={"funding": funding})

    # then the average of 8 hours passes 10 % a year with the second hour that knows the high rate: (6 x 1.1 + 2 x 55) / 8 = 14.5 %;
    # the rate of hour 16 is known at the end of row 16, so decided at row 17 and filled at the open of row 18
    assert result.fills["row"][:2].tolist() == [18, 18]
    assert result.fills["quantity"][:2].tolist() == [400_000, -400_000]  # lots of a thousandth: 400 coins at 100
    # the short perpetual receives 0.05 % of 40,000 at hours 24 and 32, and the low rate at 40 and, just before it is bought back, at 48
    received = result.postings["amount"].tolist()
    assert received[:2] == pytest.approx([20.0, 20.0])
    assert result.postings["row"].tolist() == [24, 32, 40, 48]
    assert received[2:] == pytest.approx([0.4, 0.4])
    # below 2 % only once all 8 hours know the low rate: decided at row 47, and flat from 48 on
    assert result.fills["row"][2:].tolist() == [48, 48]
    assert result.quantity.tolist() == [0, 0]
    assert result.final_equity == pytest.approx(100_040.8)


def test_it_takes_the_rate_of_its_own_perpetual(example: Load, bars: Make, traded: Make) -> None:
    # the other perpetual in the dataset pays 90 % every eight hours all along
    panel, market, funding = _case(bars, traded, [LOW] * 6)

    result = backtest(example("funding_carry"), market, panel, SMALL, None, others={"funding": funding})

    assert len(result.fills) == 0


def test_price_moves_cancel(example: Load, bars: Make, traded: Make) -> None:
    rates = [LOW, LOW, *[HIGH] * 8]
    moves = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 80)))
    panel = bars(np.column_stack([moves, moves]), step_ns=HOUR, ids=IDS)
    market, funding = traded(panel, events=_events(rates)), _funding(rates, int(panel.times[0]))

    result = backtest(example("funding_carry"), market, panel, SMALL, Setup(Account(100_000)), others={"funding": funding})

    assert result.final_equity - 100_000 == pytest.approx(result.postings["amount"].sum())


def test_it_sees_only_rates_known_by_then(example: Load, bars: Make, sees_only_its_past: Make) -> None:
    generator = np.random.default_rng(6)
    rates = (0.0002 + generator.normal(0, 0.0003, 60)).tolist()
    panel = bars(np.full((480, 2), 100.0), step_ns=HOUR, ids=IDS)

    sees_only_its_past(example("funding_carry"), panel, SMALL, others={"funding": _funding(rates, int(panel.times[0]))})
