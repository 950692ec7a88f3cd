"""Labels lie strictly after their decisions, by what they declare and by what they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.models.label import Label, check_future, forward_return, label_of, triple_barrier

DAY_NS = 86_400_000_000_000

TIMES = np.arange(1, 9) * DAY_NS
PRICES = np.array([[100.0], [110.0], [121.0], [133.1], [133.1], [66.55], [66.55], [66.55]])


def past_return(market: Any, bars: int) -> Label:
    """What a strategy called MBATS trained on: the return up to the decision, under the name and span of a forward one."""
    honest = market.label(horizon=bars)
    values = np.full(market.prices.shape, np.nan)
    values[bars:] = market.prices[bars:] / market.prices[:-bars] - 1.0
    return replace(honest, values=np.where(np.isfinite(honest.values), values, np.nan))


def test_a_forward_return_begins_a_bar_after_its_decision() -> None:
    label = forward_return(TIMES, PRICES, horizon=2)

    assert label.values[0, 0] == pytest.approx(133.1 / 110.0 - 1.0)
    assert label.starts_ns[0] == 2 * DAY_NS
    assert label.ends_ns[0, 0] == 4 * DAY_NS
    assert np.isnan(label.values[5:]).all()
    assert np.isfinite(label.values[:5]).all()


def test_a_triple_barrier_ends_where_the_first_barrier_is_met() -> None:
    prices = np.array([[100.0], [101.0], [100.0], [100.5], [103.0], [103.0], [90.0], [90.0], [90.0]])
    times = np.arange(1, 10) * DAY_NS

    label = triple_barrier(times, prices, horizon=3, profit=1.0, stop=1.0, volatility_bars=2)
    sides = triple_barrier(times, prices, horizon=3, profit=1.0, stop=1.0, volatility_bars=2, value="side")

    # at row 2 the volatility is that of +1 % and -0.99 %, 1.41 %; the entry at 100.5 gains 2.49 % one bar later
    assert label.values[2, 0] == pytest.approx(103.0 / 100.5 - 1.0)
    assert label.ends_ns[2, 0] == 5 * DAY_NS
    assert sides.values[2, 0] == 1.0
    # entered at 103, nothing happens, then 90: the stop
    assert label.ends_ns[3, 0] == 7 * DAY_NS
    assert sides.values[3, 0] == -1.0


def test_the_end_of_the_span_comes_before_its_time_only_where_a_barrier_was_met(market: Any) -> None:
    label = triple_barrier(market.times, market.prices, horizon=10)
    sides = triple_barrier(market.times, market.prices, horizon=10, value="side")

    known = np.isfinite(label.values)
    last = (np.arange(len(market.times))[:, None] + 11) * DAY_NS + DAY_NS
    assert (label.ends_ns[known & (sides.values == 0)] == np.broadcast_to(last, known.shape)[known & (sides.values == 0)]).all()
    assert (label.ends_ns[known] <= np.broadcast_to(last, known.shape)[known]).all()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "past_return", "horizon": 5}, "label: kind 'past_return', expected one of forward_return, triple_barrier"),
        ({"kind": "forward_return", "horizon": -5}, "forward return: over -5 bars, expected 1 to 10000 bars after the decision"),
        ({"kind": "forward_return", "horizon": 5, "delay": -5}, "forward return: delay -5, expected a whole number of bars of at least 0"),
        ({"kind": "forward_return", "horizon": 5, "shift": 1}, "label forward_return: 'shift', expected one of delay, horizon"),
    ],
)
def test_a_label_that_is_declared_over_the_past_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected, match=said):
        label_of(spec, TIMES, PRICES)


def test_a_span_before_the_decision_is_refused() -> None:
    with pytest.raises(Rejected, match=r"label of the decision at 1970-01-06.*spans 1970-01-01.* to 1970-01-06.*after the decision"):
        Label("return", 5, TIMES, TIMES - 5 * DAY_NS, TIMES[:, None], np.array([[np.nan]] * 4 + [[0.1]] * 4))


@pytest.mark.parametrize("bars", [1, 5, 20])
def test_the_past_return_under_the_name_of_a_forward_one_is_refused(market: Any, bars: int) -> None:
    with pytest.raises(Rejected, match=r"follows the return of the bar \d+ before its decision .* expected a label made of later bars"):
        check_future(past_return(market, bars), market.prices)


@pytest.mark.parametrize("shift", [2, 3, 4, 6])
def test_a_label_that_was_shifted_into_the_past_is_refused_however_little_of_it_is_known(market: Any, shift: int) -> None:
    honest = market.label()
    values = np.full(honest.values.shape, np.nan)
    values[shift:] = honest.values[:-shift]

    with pytest.raises(Rejected, match="expected a label made of later bars"):
        check_future(replace(honest, values=np.where(np.isfinite(honest.values), values, np.nan)), market.prices)


@pytest.mark.parametrize("kind", ["forward_return", "triple_barrier"])
@pytest.mark.parametrize("horizon", [1, 5, 20])
@pytest.mark.parametrize("delay", [0, 1])
def test_an_honest_label_passes(market: Any, kind: str, horizon: int, delay: int) -> None:
    found = check_future(label_of({"kind": kind, "horizon": horizon, "delay": delay}, market.times, market.prices), market.prices)

    assert found.explained < 0.05
    assert np.abs(found.correlation[found.offsets <= 0]).max() < 0.1
