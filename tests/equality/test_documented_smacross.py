"""A documented result of another engine comes out of ours to its printed digits: backtesting.py's SmaCross on GOOG.

1. Crosses are decided on whole cents. A cross is strict on both days, as that engine's `crossover` is.
2. At a cross the position is turned: what is held is closed and all the money goes into the other side at the next open. "All" is worked
   out there at the fill price, which no decision at a close knows; so the quantity that is asked for here is worked out with that price,
   from the cash that our simulator has.
3. What is still held goes at the open of the last bar in the documented case (`finalize_trades`) and is kept in the recorded runs;
   the figures count closed trades.
4. Its figures have definitions of their own; they are computed here as it defines them, from our trades and our equity.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import math
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.simulation.simulator import Simulator

NS_PER_DAY = 86_400_000_000_000
CAPITAL = 10_000.0


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One trade as that engine lists it; size is signed, fraction is of the entry amount and after commission."""

    size: int
    entry_row: int
    exit_row: int
    entry_price: float
    exit_price: float
    commission: float

    @property
    def profit(self) -> float:
        return self.size * (self.exit_price - self.entry_price) - self.commission

    @property
    def fraction(self) -> float:
        return math.copysign(1, self.size) * (self.exit_price / self.entry_price - 1) - self.commission / (
            abs(self.size) * self.entry_price
        )


@dataclass(frozen=True, slots=True)
class Run:
    """What our engine did: days, closes, equity at each close, round trips."""

    days: list[date]
    close: NDArray[np.float64]
    equity: NDArray[np.float64]
    trips: list[RoundTrip]


def test_the_documented_case_comes_out_to_its_printed_digits(shared: Path) -> None:
    expected = json.loads((shared / "known/backtesting_py/documented_test_compute_stats.json").read_text())["expected"]

    found = _figures(_run(shared, 10, 30, 0.0, is_finalised=True), slow=30)

    assert found["# Trades"] == 66
    assert round(found["Equity Final [$]"], 2) == 51422.99
    assert {name for name, value in expected.items() if isinstance(value, str)} == {
        name for name, value in found.items() if _is_days(value)
    }
    for name, value in expected.items():
        if isinstance(value, str):
            assert f"{found[name].days} days" == value, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-8), name


@pytest.mark.parametrize("commission", ["0", "0.002"])
def test_every_trade_of_the_recorded_runs_is_ours_and_so_is_the_equity_of_every_day(shared: Path, commission: str) -> None:
    folder = shared / "known/backtesting_py"
    trades = list(csv.DictReader((folder / f"GOOG_smacross_10_20_comm{commission}_trades.csv").read_text().splitlines()))
    equity = list(csv.reader(_unzipped(folder / f"GOOG_smacross_10_20_comm{commission}_equity.csv.gz").splitlines()))[1:]

    run = _run(shared, 10, 20, float(commission))

    assert len(run.trips) == len(trades) == 93
    for ours, theirs in zip(run.trips, trades, strict=True):
        assert (ours.size, ours.entry_row, ours.exit_row) == (int(theirs["Size"]), int(theirs["EntryBar"]), int(theirs["ExitBar"]))
        assert (ours.entry_price, ours.exit_price) == (float(theirs["EntryPrice"]), float(theirs["ExitPrice"]))
        assert ours.profit == pytest.approx(float(theirs["PnL"]), abs=1e-6)
        assert ours.commission == pytest.approx(float(theirs["Commission"]), abs=1e-6)
        assert ours.fraction == pytest.approx(float(theirs["ReturnPct"]), abs=1e-12)
    assert [day.isoformat() for day in run.days] == [row[0] for row in equity]
    assert run.equity == pytest.approx([float(row[1]) for row in equity], abs=1e-6)


@pytest.mark.parametrize("commission", ["0", "0.002"])
def test_every_figure_of_the_recorded_runs_is_ours(shared: Path, commission: str) -> None:
    expected = json.loads((shared / f"known/backtesting_py/GOOG_smacross_10_20_comm{commission}_stats.json").read_text())

    found = _figures(_run(shared, 10, 20, float(commission)), slow=20)

    compared = {name for name in expected if name in found}
    assert set(expected) - compared == {"Start", "End", "_engine", "_params"}
    for name in compared:
        if isinstance(expected[name], str):
            assert f"{found[name].days} days 00:00:00" == expected[name], name
        else:
            assert found[name] == pytest.approx(expected[name], rel=1e-9), name


def _run(shared: Path, fast: int, slow: int, commission: float, *, is_finalised: bool = False) -> Run:
    days, market = _goog(shared)
    cents = np.rint(market.close[:, 0] * 100).astype(np.int64)
    total = np.concatenate([[0], np.cumsum(cents)])
    rows = np.arange(len(cents))
    means = [np.where(rows >= n - 1, total[rows + 1] - total[np.maximum(rows + 1 - n, 0)], 0) for n in (fast, slow)]
    gap = means[0] * slow - means[1] * fast  # of the sign of the difference of the two means
    simulator = Simulator(market, Setup(Account(CAPITAL, leverage=1_000.0), (BasisPoints(commission * 10_000),)))
    for row in range(slow, len(cents) - 1):  # a decision on the last bar has no next open
        if gap[row - 1] * gap[row] >= 0:
            if is_finalised and row == len(cents) - 2:
                simulator.advance(row + 1)
                _close(simulator)
            continue
        simulator.advance(row + 1)
        _turn(simulator, 1 if gap[row] > 0 else -1, float(market.open[row + 1, 0]), commission)
    simulator.advance(len(cents))
    fills = [(int(f["row"]), int(f["quantity"]), float(f["price"]), float(f["commission"])) for f in simulator.fills]
    trips = [
        RoundTrip(size, entry, exit_, price, paid, first + second)
        for (entry, size, price, first), (exit_, _, paid, second) in zip(fills[::2], fills[1::2], strict=False)
    ]
    return Run(days, market.close[:, 0], np.array(simulator.equity), trips)


def _close(simulator: Simulator) -> None:
    held = simulator.quantity(0)
    simulator.submit(0, -1 if held > 0 else 1, abs(held))


def _turn(simulator: Simulator, side: int, price: float, commission: float) -> None:
    held = simulator.quantity(0)
    cash = simulator.cash() + held * price - abs(held) * price * commission
    if held:
        _close(simulator)
    quantity = cash * (1 - sys.float_info.epsilon) // (price + price * commission)
    simulator.submit(0, side, quantity)


def _goog(shared: Path) -> tuple[list[date], Market]:
    rows = list(csv.reader((shared / "equities/backtesting_py/GOOG.csv").read_text().splitlines()))[1:]
    days = [date.fromisoformat(row[0]) for row in rows]
    starts = np.array([(day - date(1970, 1, 1)).days * NS_PER_DAY for day in days])
    values = np.array([[float(value) for value in row[1:]] for row in rows])
    fields = {name: values[:, [at]].copy() for at, name in enumerate(("open", "high", "low", "close", "volume"))}
    panel = Panel(("GOOG.XNAS",), starts, starts + NS_PER_DAY, (starts + NS_PER_DAY)[:, None], fields)
    return days, market_of_panel(panel, [Instrument("GOOG.XNAS", "equity", "USD", "XNAS", lot=Decimal(1))])


def _unzipped(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def _is_days(value: object) -> bool:
    return isinstance(value, timedelta)


def _figures(run: Run, slow: int) -> dict[str, object]:
    """Figures by that engine's names and definitions; returns compound over the days and a year has 252 of them."""
    equity, trips = run.equity, run.trips
    daily = equity[1:] / equity[:-1] - 1
    profits, fractions = np.array([one.profit for one in trips]), np.array([one.fraction for one in trips])
    lengths = [run.days[one.exit_row] - run.days[one.entry_row] for one in trips]
    mean = math.exp(np.log1p(daily).sum() / len(daily)) - 1
    yearly = (1 + mean) ** 252 - 1
    # Of compounded returns: the variance of a product of independent factors.
    volatility = math.sqrt((daily.var(ddof=1) + (1 + mean) ** 2) ** 252 - (1 + mean) ** 504)
    growth, market = np.log(equity[1:] / equity[:-1]), np.log(run.close[1:] / run.close[:-1])
    covariance = np.cov(growth, market)
    beta = covariance[0, 1] / covariance[1, 1]
    depth = 1 - equity / np.maximum.accumulate(equity)
    falls = _falls(depth, run.days)
    wins, losses = profits[profits > 0], profits[profits < 0]
    share = len(wins) / len(trips)
    held = np.zeros(len(equity), dtype=bool)
    for one in trips:
        held[one.entry_row : one.exit_row + 1] = True
    duration, hold = run.days[-1] - run.days[0], run.close[-1] / run.close[slow - 1] - 1
    commissions = sum(one.commission for one in trips)
    gained = equity[-1] / equity[0] - 1
    return {
        "# Trades": len(trips),
        "Alpha [%]": (gained - beta * hold) * 100,
        "Avg. Drawdown Duration": _up(sum((length for length, _ in falls), timedelta()) / len(falls)),
        "Avg. Drawdown [%]": -100 * float(np.mean([deepest for _, deepest in falls])),
        "Avg. Trade Duration": _up(sum(lengths, timedelta()) / len(lengths)),
        "Avg. Trade [%]": 100 * (math.exp(np.log1p(fractions).sum() / len(fractions)) - 1),
        "Best Trade [%]": 100 * fractions.max(),
        "Beta": beta,
        "Buy & Hold Return [%]": 100 * hold,
        "CAGR [%]": 100 * ((equity[-1] / equity[0]) ** (365.25 / duration.days) - 1),
        "Calmar Ratio": yearly / depth.max(),
        "Duration": duration,
        "Equity Final [$]": float(equity[-1]),
        "Equity Peak [$]": float(equity.max()),
        "Expectancy [%]": 100 * fractions.mean(),
        "Exposure Time [%]": 100 * held.mean(),
        "Kelly Criterion": share - (1 - share) / (wins.mean() / -losses.mean()),
        "Max. Drawdown Duration": max(length for length, _ in falls),
        "Max. Drawdown [%]": -100 * depth.max(),
        "Max. Trade Duration": max(lengths),
        "Profit Factor": fractions[fractions > 0].sum() / -fractions[fractions < 0].sum(),
        "Return (Ann.) [%]": 100 * yearly,
        "Return [%]": 100 * gained,
        "SQN": math.sqrt(len(trips)) * profits.mean() / profits.std(ddof=1),
        "Sharpe Ratio": yearly / volatility,
        "Sortino Ratio": yearly / (math.sqrt(np.mean(np.minimum(daily, 0) ** 2)) * math.sqrt(252)),
        "Volatility (Ann.) [%]": 100 * volatility,
        "Win Rate [%]": 100 * share,
        "Worst Trade [%]": 100 * fractions.min(),
    } | ({"Commissions [$]": commissions} if commissions else {})


def _falls(depth: NDArray[np.float64], days: list[date]) -> list[tuple[timedelta, float]]:
    """(length, depth) of every stretch between two peaks that are more than a day apart; the last day counts as a peak."""
    peaks = sorted({*np.flatnonzero(depth == 0).tolist(), len(depth) - 1})
    return [
        (days[after] - days[before], float(depth[before : after + 1].max()))
        for before, after in itertools.pairwise(peaks)
        if after > before + 1
    ]


def _up(length: timedelta) -> timedelta:
    """To whole days, upward."""
    return timedelta(days=math.ceil(length / timedelta(days=1)))
