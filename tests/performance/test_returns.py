"""Sampling, annualisation, drawdowns, tables and rolling figures."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.returns import (
    annualisation,
    calendar_returns,
    drawdown_series,
    drawdowns,
    returns_of,
    rolling_beta,
    rolling_return,
    rolling_sharpe,
    rolling_volatility,
    sample_rows,
)
from tradewinds.performance.track_record import Floats, Ints

DAY = 86_400_000_000_000


def ends(*days: str) -> Ints:
    return np.array([int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000_000 for day in days])


def closes_of(first: date, count: int, *, weekdays: tuple[int, ...]) -> Ints:
    """21:00 UTC of so many days of the week."""
    days = [day for step in range(3 * count) if (day := first + timedelta(step)).weekday() in weekdays][:count]
    return ends(*(f"{day}T21:00" for day in days))


def test_an_account_is_sampled_at_its_first_row_and_at_session_ends() -> None:
    session = np.array([1, 1, 1, 2, 2, 5, 5])

    assert sample_rows(session, 0, 7).tolist() == [0, 2, 4, 6]
    assert sample_rows(session, 1, 6).tolist() == [1, 2, 4, 5]  # the last session is not over, and counts as far as it went
    assert sample_rows(session, 2, 7).tolist() == [2, 4, 6]
    assert sample_rows(session, 3, 4).tolist() == [3]


def test_returns_end_with_ruin() -> None:
    returns = returns_of(np.array([100.0, 110.0, 55.0, -5.0, 20.0]))

    assert returns[:2] == pytest.approx([0.1, -0.5])
    assert np.isnan(returns[2:]).all()


@pytest.mark.parametrize(
    ("at_ns", "factor", "source"),
    [
        (closes_of(date(2020, 1, 1), 600, weekdays=(0, 1, 2, 3, 4)), 261.0, "counted over 2.3 years"),
        (closes_of(date(2020, 1, 1), 400, weekdays=tuple(range(7))), 365.0, "counted over 1.1 years"),
        (closes_of(date(2020, 1, 1), 30, weekdays=(0, 1, 2, 3, 4)), 252.0, "by weekdays in the data, less than a year"),
        (closes_of(date(2020, 1, 1), 30, weekdays=tuple(range(7))), 365.0, "by weekdays in the data, less than a year"),
        (closes_of(date(2020, 1, 1), 30, weekdays=(6, 0, 1, 2, 3, 4)), 313.0, "by weekdays in the data, less than a year"),
        (closes_of(date(2020, 1, 1), 20, weekdays=(2,)), 52.0, "by the gaps in the data, less than a year"),
        (ends("2020-01-31", "2020-02-29", "2020-03-31"), 12.0, "by the gaps in the data, less than a year"),
        (ends("2020-01-31"), 252.0, "assumed: fewer than two samples"),
    ],
)
def test_a_year_has_as_many_periods_as_the_data_says(at_ns: Ints, factor: float, source: str) -> None:
    found = annualisation(at_ns)

    assert (found.periods_per_year, found.source) == (factor, source)


def test_a_year_may_be_given() -> None:
    assert annualisation(ends("2020-01-31"), 12.0).source == "given"
    with pytest.raises(Rejected, match="annualising: 0 periods a year, expected a positive number"):
        annualisation(ends("2020-01-31"), 0)


def test_drawdowns_have_a_start_a_trough_and_a_recovery() -> None:
    samples = np.array([100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 90.0, 119.0])
    at_ns = np.arange(8) * DAY

    deepest, other = drawdowns(samples, at_ns)

    assert (deepest.depth, deepest.start, deepest.trough, deepest.recovery) == (-0.5, 4, 5, None)
    assert deepest.duration_ns == 3 * DAY  # to the last sample
    assert (other.start, other.trough, other.recovery, other.recovery_ns) == (0, 1, 3, 3 * DAY)
    assert other.depth == pytest.approx(-0.1)
    assert drawdowns(samples, at_ns, 1) == (deepest,)
    assert drawdowns(np.array([1.0, 2.0, 2.0, 3.0]), at_ns[:4]) == ()


def test_drawdowns_want_a_time_for_each_sample() -> None:
    with pytest.raises(DataFault, match="drawdowns: 3 samples at 2 times"):
        drawdowns(np.array([1.0, 2.0, 3.0]), np.array([1, 2]))


@given(arrays.arrays(np.float64, st.integers(2, 60), elements=st.integers(1, 9).map(float)))
def test_every_sample_below_the_peak_is_in_one_drawdown(samples: Floats) -> None:
    found = drawdowns(samples, np.arange(len(samples)))

    below = set()
    for one in found:
        last = len(samples) if one.recovery is None else one.recovery
        inside = set(range(one.start + 1, last))
        assert not below & inside
        assert drawdown_series(samples)[list(inside)].min() == one.depth
        below |= inside
    assert below == set(np.flatnonzero(drawdown_series(samples) < 0).tolist())


def test_months_and_years_compound_from_the_last_sample_before_them() -> None:
    at_ns = ends("2023-12-29T21:00", "2024-01-02T21:00", "2024-01-31T21:00", "2024-03-28T21:00", "2025-01-02T21:00")

    table = calendar_returns(np.array([100.0, 110.0, 121.0, 60.5, 66.55]), at_ns)

    assert table.years == (2024, 2025)
    assert table.months[0, [0, 2]] == pytest.approx([0.21, -0.5])
    assert np.isnan(table.months[0, [1, 3]]).all()
    assert table.months[1, 0] == pytest.approx(0.1)
    assert table.totals == pytest.approx([-0.395, 0.1])


def test_a_sample_at_midnight_belongs_to_the_day_that_it_ends() -> None:
    table = calendar_returns(np.array([100.0, 150.0]), ends("2024-01-01", "2024-02-01"))

    assert table.months[0, 0] == 0.5
    assert calendar_returns(np.array([100.0]), ends("2024-01-01")).years == ()


def test_rolling_figures_are_those_of_each_window() -> None:
    returns = np.array([0.01, -0.02, 0.03, 0.01, 0.01, 0.01])
    theirs = np.array([0.02, -0.04, 0.06, 0.02, 0.05, 0.05])

    assert np.isnan(rolling_volatility(returns, 3, 252)[:2]).all()
    assert rolling_volatility(returns, 3, 252)[2] == pytest.approx(np.std(returns[:3], ddof=1) * math.sqrt(252))
    assert rolling_sharpe(returns, 3, 252)[3] == pytest.approx(np.mean(returns[1:4]) / np.std(returns[1:4], ddof=1) * math.sqrt(252))
    assert np.isnan(rolling_sharpe(returns, 3, 252)[5])  # nothing moved
    assert rolling_return(returns, 2)[1] == pytest.approx(1.01 * 0.98 - 1)
    assert rolling_beta(returns, theirs, 4)[3] == pytest.approx(0.5)
    assert np.isnan(rolling_return(returns, 7)).all()
    with pytest.raises(Rejected, match="a window of 1 returns, expected at least 2"):
        rolling_return(returns, 1)
