from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tradewinds.core.instant import text
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.rhythm import decision_rows, rhythm
from tradewinds.trading.strategy import Strategy

Load = Callable[[str], Strategy]
Make = Callable[..., Any]

SMALL = {"window": 20, "skip": 5, "top": 2}


def _growing(days: int) -> np.ndarray:
    """Four coins that grow by 4, 3, 2 and 1 per mille a day; after day 60 in the opposite order."""
    speeds = np.array([0.004, 0.003, 0.002, 0.001])
    daily = np.where(np.arange(days)[:, None] < 60, speeds, speeds[::-1])
    return 100 * np.exp(np.cumsum(daily, axis=0))


def _month_ends(panel: Panel) -> np.ndarray:
    from tradewinds.calendars.sessions import calendar

    return decision_rows(rhythm("month end"), panel.times, panel.event_ns, calendar("24/7"))


def test_it_holds_the_strongest_in_equal_parts_from_month_end_on(example: Load, bars: Make, traded: Make) -> None:
    # given
    panel = bars(_growing(120))
    rows = _month_ends(panel)

    # when
    result = backtest(example("momentum"), traded(panel), panel, SMALL, Setup(Account(100_000)), decisions=rows)

    # then decided at the last close of January, filled at the first open of February; and so on
    assert [text(int(panel.event_ns[row]))[:10] for row in rows] == ["2024-02-01", "2024-03-01", "2024-04-01"]
    first = result.fills[result.fills["row"] == rows[0] + 1]
    assert first["instrument"].tolist() == [0, 1]
    assert first["amount"].tolist() == pytest.approx([50_000, 50_000], abs=1)
    # at the end of March the order had been the opposite one for a month: the two held are sold, the two others bought
    third = result.fills[result.fills["row"] == rows[2] + 1]
    assert {int(one["instrument"]): int(np.sign(one["quantity"])) for one in third} == {0: -1, 1: -1, 2: 1, 3: 1}


def test_what_does_not_trade_is_not_bought_and_its_share_stays_cash(example: Load, bars: Make, traded: Make) -> None:
    closes = _growing(40)
    closes[25:, [0, 2, 3]] = np.nan
    panel = bars(closes)

    result = backtest(example("momentum"), traded(panel), panel, SMALL, Setup(Account(100_000)), decisions=_month_ends(panel))

    assert result.fills["instrument"].tolist() == [1]
    assert result.fills["amount"][0] == pytest.approx(50_000, abs=1)


def test_it_sees_only_its_past(example: Load, bars: Make, sees_only_its_past: Make) -> None:
    generator = np.random.default_rng(2)
    panel = bars(100 * np.exp(np.cumsum(generator.normal(0, 0.03, (500, 8)), axis=0)))

    sees_only_its_past(example("momentum"), panel, SMALL, decisions=_month_ends(panel))


@pytest.mark.shared
def test_on_recorded_coins_it_holds_two_of_six(example: Load, recorded: Callable[..., Panel], traded: Make) -> None:
    panel = recorded(("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "AVAXUSDT", "LINKUSDT"), "1d")
    rows = _month_ends(panel)
    parameters = {"window": 252, "skip": 21, "top": 2}

    result = backtest(example("momentum"), traded(panel), panel, parameters, Setup(Account(1_000_000)), decisions=rows)
    held = np.zeros(6)
    for fill in result.fills[result.fills["row"] <= rows[-2] + 1]:
        held[fill["instrument"]] += fill["quantity"]

    close = panel.field("close")
    rise = close[rows[-2] - 21] / close[rows[-2] - 252]
    assert set(np.flatnonzero(held > 0).tolist()) == set(np.argsort(-rise)[:2].tolist())
    assert len(result.fills) > 60
