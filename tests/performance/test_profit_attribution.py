"""Realised profit by factor, instrument, cost and specific: by hand, exactly summing, and on pyfolio's example."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.profit_attribution import ProfitAttribution, profit_attribution
from tradewinds.performance.session_profit import session_profit
from tradewinds.performance.track_record import CASH, Charges, Floats, TrackRecord, fill_log


def test_one_session_by_hand() -> None:
    # 1000 in A (exposure 1), -500 in B (exposure 2); the market makes 2 %. A makes 30, B (short) loses 25, commission 1.5, borrow 0.5.
    found = profit_attribution(
        np.array([3.0]), np.array([[1000.0, -500.0]]), np.array([[30.0, -25.0]]), np.array([[[1.0], [2.0]]]), np.array([[0.02]]),
        {"commission": np.array([-1.5]), "borrow": np.array([-0.5])}, factors=["market"], instruments=["A.X", "B.X"],
    )  # fmt: skip

    assert found.by_factor.tolist() == [[0.0]]
    assert found.common.tolist() == [[20.0, -20.0]]
    assert found.specific.tolist() == [5.0]
    assert found.unexplained.tolist() == [0.0]
    totals = found.totals()
    assert totals.by_cost == {"commission": -1.5, "borrow": -0.5}
    assert totals.by_instrument == {"A.X": 30.0, "B.X": -25.0}
    assert totals.by_specific == {"A.X": 10.0, "B.X": -5.0}


def test_what_the_account_shows_and_no_line_explains_is_specific_and_told_apart() -> None:
    found = profit_attribution(
        np.array([12.0]), np.array([[100.0]]), np.array([[10.0]]), np.array([[[np.nan]]]), np.array([[0.5]]), {}, factors=["f"],
        instruments=["A.X"],
    )  # fmt: skip

    assert found.by_factor.tolist() == [[0.0]]  # an exposure that is not known counts as none
    assert found.specific.tolist() == [12.0]
    assert found.unexplained.tolist() == [2.0]


def _drawn(seed: int, sessions: int, width: int, count: int, scale: float) -> ProfitAttribution:
    generator = np.random.default_rng(seed)
    gains = generator.normal(size=(sessions, width)) * scale
    costs = {"commission": -generator.random(sessions) * scale * 1e-3, "financing": generator.normal(size=sessions) * scale * 1e-5}
    profit = gains.sum(axis=1) + costs["commission"] + costs["financing"]
    return profit_attribution(
        profit, generator.normal(size=(sessions, width)) * scale * 30, gains, generator.normal(size=(sessions, width, count)),
        generator.normal(size=(sessions, count)) * 0.01, costs, factors=[f"f{k}" for k in range(count)],
        instruments=[f"S{n}.X" for n in range(width)],
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    seed=some.integers(0, 2**32 - 1), sessions=some.integers(1, 40), width=some.integers(1, 30), count=some.integers(0, 6),
    scale=some.sampled_from([1e-6, 1.0, 1e9]),
)  # fmt: skip
def test_every_split_sums_to_the_profit(seed: int, sessions: int, width: int, count: int, scale: float) -> None:
    found = _drawn(seed, sessions, width, count, scale)
    totals = found.totals()
    size = max(abs(totals.profit), *(abs(part) for part in (*totals.by_factor.values(), *totals.by_instrument.values())), 1e-300)

    for t in range(sessions):
        parts = (*found.by_factor[t], *found.by_cost[t], found.specific[t])
        assert abs(math.fsum(parts) - found.profit[t]) <= 1e-12 * max(abs(part) for part in parts)
    assert abs(math.fsum((*totals.by_factor.values(), *totals.by_cost.values(), totals.specific)) - totals.profit) <= 1e-12 * size
    assert abs(math.fsum((*totals.by_instrument.values(), *totals.by_cost.values(), totals.unexplained)) - totals.profit) <= 1e-12 * size
    specific = math.fsum((*totals.by_specific.values(), totals.unexplained))
    assert specific == pytest.approx(totals.specific, abs=1e-9 * size)


def test_linked_returns_sum_to_the_compounded_one() -> None:
    found = _drawn(3, 250, 10, 4, 1.0)

    linked = found.linked(10_000.0)

    assert linked.total == pytest.approx(
        float(np.prod(1 + found.profit / (10_000 + np.cumsum(found.profit) - found.profit))) - 1, rel=1e-12
    )
    parts = (*linked.by_factor.values(), *linked.by_cost.values(), linked.specific)
    assert abs(math.fsum(parts) - linked.total) <= 1e-12 * max(abs(part) for part in parts)


def test_two_sessions_are_linked_by_hand() -> None:
    # +10 % all by the factor, then -10 % all specific, of 100: -1 % in all.
    # Each session counts by ln(1 + r) / r over ln(1 + R) / R.
    found = profit_attribution(
        np.array([10.0, -11.0]), np.array([[100.0], [110.0]]), np.array([[10.0], [-11.0]]), np.ones((2, 1, 1)),
        np.array([[0.1], [0.0]]), {}, factors=["f"], instruments=["A.X"],
    )  # fmt: skip

    linked = found.linked(100.0)

    whole = math.log(0.99) / -0.01
    assert linked.total == pytest.approx(-0.01)
    assert linked.by_factor == {"f": pytest.approx(0.1 * math.log(1.1) / 0.1 / whole)}
    assert linked.specific == pytest.approx(-0.1 * math.log(0.9) / -0.1 / whole)
    with pytest.raises(DataFault, match=r"equity falls to -0\.5"):
        found.linked(0.5)


def test_what_does_not_fit_is_refused() -> None:
    fine = np.zeros(2), np.zeros((2, 1)), np.zeros((2, 1)), np.zeros((2, 1, 1)), np.zeros((2, 1))
    with pytest.raises(DataFault, match=r"exposures of shape \(2, 1, 2\), expected \(2, 1, 1\)"):
        profit_attribution(*fine[:3], np.zeros((2, 1, 2)), fine[4], {}, factors=["f"], instruments=["A.X"])
    with pytest.raises(DataFault, match="gains with 1 values that are no numbers"):
        profit_attribution(fine[0], fine[1], np.array([[np.inf], [0.0]]), *fine[3:], {}, factors=["f"], instruments=["A.X"])


def _record() -> TrackRecord:
    """10 A bought at the first close for 10; 5 sold in row 2 at 12 (slippage 1 within it, commission 0.5); 2 dividends' worth in row 3."""
    close = np.array([[10.0], [11.0], [13.0], [12.0]])
    log = fill_log(
        np.array([0, 2]), np.array([0, 0]), np.array([10.0, -5.0]), np.array([10.0, 12.0]), np.array([0.0, 0.5]), np.array([0.0, 1.0]),
        np.array([True, False]),
    )  # fmt: skip
    equity = np.array([1000.0, 1010.0, 1024.5, 1021.5])
    charges = Charges(np.array([3]), np.array([CASH]), np.array([0]), np.array([2.0]), ("interest",))
    return TrackRecord(
        instruments=("A.X",), end_ns=np.arange(1, 5) * 86_400_000_000_000, session=np.arange(4), equity=equity, capital=1000.0, first_row=0,
        last_row=4, fills=log, high=close, low=close, close=close, multiplier=np.ones(1), rates=np.ones((1, 1)), lot=np.ones(1),
        charges=charges,
    )  # fmt: skip


def test_sessions_of_a_track_record_by_hand() -> None:
    found = session_profit(_record(), np.arange(4))

    # Row 2: 10 x 2 made by the close less 5 x 1 that was sold below it, and the slippage of 1 is a cost and no gain.
    assert found.values[:, 0].tolist() == [100.0, 110.0, 65.0]
    assert found.gains[:, 0].tolist() == [10.0, 16.0, -5.0]
    assert {name: cost.tolist() for name, cost in found.costs.items()} == {
        "commission": [0.0, -0.5, 0.0], "slippage": [0.0, -1.0, 0.0], "interest": [0.0, 0.0, 2.0],
    }  # fmt: skip
    split = profit_attribution(
        found.profit, found.values, found.gains, np.zeros((3, 1, 0)), np.zeros((3, 0)), found.costs, factors=[], instruments=["A.X"]
    )
    assert split.unexplained.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(Rejected, match="1 rows, expected two or more"):
        session_profit(_record(), np.array([0]))


@pytest.mark.shared
def test_pyfolio_s_example_is_all_common(shared: Path) -> None:
    folder = shared / "known/pyfolio"

    def numbers(name: str) -> Floats:
        with (folder / name).open() as lines:
            return np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(lines))[1:]])

    positions, factor_returns, residuals = numbers("positions.csv"), numbers("factor_returns.csv"), numbers("residuals.csv")
    with (folder / "returns.csv").open() as lines:
        returns = np.array([float(row[1]) for row in csv.reader(lines)])
    with (folder / "factor_loadings.csv").open() as lines:
        loadings = np.array([[float(row[2]), float(row[3])] for row in list(csv.reader(lines))[1:]]).reshape(504, 2, 2)
    values = positions[:, :2] / positions.sum(axis=1, keepdims=True)  # of an equity of 1 every day
    gains = values * (np.einsum("tnk,tk->tn", loadings, factor_returns) + residuals)

    found = profit_attribution(
        returns, values, gains, loadings, factor_returns, {}, factors=["materials", "financials"], instruments=["19001.X", "19002.X"]
    )

    assert found.specific == pytest.approx(residuals[:, 0], abs=1e-10)
    assert found.unexplained == pytest.approx(np.zeros(504), abs=1e-10)
    assert found.by_factor.sum(axis=1) == pytest.approx(returns, abs=1e-10)
    assert found.by_factor == pytest.approx(factor_returns, abs=1e-12)  # both stocks have exposure 1 to both factors
