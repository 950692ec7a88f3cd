"""The trades and the equity of backtesting.py's SmaCross on GOOG through our formulas: where its statistics agree and where not."""

from __future__ import annotations

import csv
import gzip
import json
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tradewinds.performance import ratios
from tradewinds.performance.returns import drawdowns, returns_of
from tradewinds.performance.summary import Summary, of
from tradewinds.performance.track_record import TrackRecord, fill_log
from tradewinds.performance.trade_stats import kelly, profit_factor, system_quality
from tradewinds.performance.trades import round_trips

pytestmark = pytest.mark.shared

DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Case:
    stats: dict[str, float]
    trades: list[dict[str, str]]
    record: TrackRecord

    @property
    def summary(self) -> Summary:
        return of(self.record, benchmark=self.record.close[:, 0], periods_per_year=252.0)


@pytest.fixture(params=["comm0", "comm0.002"])
def case(request: pytest.FixtureRequest, shared: Path) -> Case:
    stem = shared / f"known/backtesting_py/GOOG_smacross_10_20_{request.param}"
    stats = json.loads(Path(f"{stem}_stats.json").read_text())
    with Path(f"{stem}_trades.csv").open() as lines:
        trades = list(csv.DictReader(lines))
    with gzip.open(f"{stem}_equity.csv.gz", "rt") as lines:
        equity = np.array([float(row["Equity"]) for row in csv.DictReader(lines)])
    with (shared / "equities/backtesting_py/GOOG.csv").open() as lines:
        bars = list(csv.DictReader(lines))
    days = np.array([(date.fromisoformat(row[""]) - date(1970, 1, 1)).days for row in bars], np.int64)
    high, low, close = (np.array([[float(row[name])] for row in bars]) for name in ("High", "Low", "Close"))
    fills = []  # of one row the closing fill comes first
    for trade in trades:
        size, fee = float(trade["Size"]), float(trade["Commission"])
        entry, leave = float(trade["EntryPrice"]), float(trade["ExitPrice"])
        part = fee * entry / (entry + leave)  # charged as a fraction of the amount
        fills.append((int(trade["EntryBar"]), 1, size, entry, part))
        fills.append((int(trade["ExitBar"]), 0, -size, leave, fee - part))
    # The last trade is still open: it is in the equity and not in the list of trades.
    is_free = request.param == "comm0"
    fills.append((2087, 2, 101.0 if is_free else 69.0, 702.24, 0.0 if is_free else 69.0 * 702.24 * 0.002))
    row, _, quantity, price, commission = (np.array(column) for column in zip(*sorted(fills), strict=True))
    log = fill_log(row, np.zeros(len(row), np.int64), quantity, price, commission)
    record = TrackRecord(
        instruments=("GOOG.XNAS",), end_ns=days * DAY + DAY, session=days, equity=equity, capital=10_000.0, first_row=0,
        last_row=len(days), fills=log, high=high, low=low, close=close, multiplier=np.ones(1), rates=np.ones((1, 1)), lot=np.ones(1),
    )  # fmt: skip
    return Case(stats, trades, record)


@pytest.mark.parametrize("matching", ["episode", "fifo"])
def test_every_trade_comes_out_of_the_fills(case: Case, matching: str) -> None:
    trips = round_trips(case.record, matching)  # type: ignore[arg-type] # a parameter of the test

    assert trips["is_open"].tolist() == [0] * 93 + [1]
    trips = trips[:93]
    assert (trips["side"] * trips["quantity"]).tolist() == [float(trade["Size"]) for trade in case.trades]
    assert trips["entry_row"].tolist() == [int(trade["EntryBar"]) for trade in case.trades]
    assert trips["exit_row"].tolist() == [int(trade["ExitBar"]) for trade in case.trades]
    assert trips["net"].tolist() == pytest.approx([float(trade["PnL"]) for trade in case.trades], abs=1e-8)
    assert trips["fraction"].tolist() == pytest.approx([float(trade["ReturnPct"]) for trade in case.trades], abs=1e-12)


def test_figures_of_trades_agree(case: Case) -> None:
    stats, trades = case.stats, case.summary.trades
    fraction = round_trips(case.record)["fraction"][:93]

    assert trades.count == stats["# Trades"]
    assert 100 * (trades.strike_rate or 0) == pytest.approx(stats["Win Rate [%]"])
    assert trades.sqn == pytest.approx(stats["SQN"])
    assert trades.kelly == pytest.approx(stats["Kelly Criterion"])
    assert 100 * (trades.best_fraction or 0) == pytest.approx(stats["Best Trade [%]"])
    assert 100 * (trades.worst_fraction or 0) == pytest.approx(stats["Worst Trade [%]"])
    assert 100 * (trades.expectancy_fraction or 0) == pytest.approx(stats["Expectancy [%]"])
    # Theirs sums returns of trades where ours sums money; and its average trade is a geometric mean.
    assert profit_factor(fraction) == pytest.approx(stats["Profit Factor"])
    assert 100 * math.expm1(float(np.log1p(fraction).mean())) == pytest.approx(stats["Avg. Trade [%]"])
    assert trades.profit_factor != pytest.approx(stats["Profit Factor"])


def test_figures_of_equity_agree(case: Case) -> None:
    stats, summary = case.stats, case.summary

    assert summary.final == pytest.approx(stats["Equity Final [$]"])
    assert summary.peak == pytest.approx(stats["Equity Peak [$]"])
    assert 100 * summary.total_return == pytest.approx(stats["Return [%]"])
    assert 100 * summary.max_drawdown == pytest.approx(stats["Max. Drawdown [%]"])
    assert 100 * (summary.average_drawdown or 0) == pytest.approx(stats["Avg. Drawdown [%]"])
    assert (summary.longest_drawdown_ns or 0) / DAY == int(str(stats["Max. Drawdown Duration"]).split()[0])
    durations = [one.duration_ns for one in drawdowns(case.record.equity, case.record.end_ns)]
    assert math.ceil(np.mean(durations) / DAY) == int(str(stats["Avg. Drawdown Duration"]).split()[0])  # rounded up
    assert summary.attribution.unexplained == pytest.approx(0.0, abs=1e-6)
    assert sum(summary.attribution.by_instrument.values()) == pytest.approx(summary.profit)
    assert -summary.attribution.by_kind["commission"] == pytest.approx(stats.get("Commissions [$]", 0.0), abs=100)


def test_annual_figures_agree_but_for_the_sharpe_ratio(case: Case) -> None:
    """Theirs divides the annual return by the deviation of a compounded year; ours is mean over deviation."""
    stats, summary = case.stats, case.summary
    returns = returns_of(case.record.equity)
    annual, deviation = ratios.annual_return(returns, 252.0), ratios.compound_volatility(returns, 252.0)

    assert 100 * annual == pytest.approx(stats["Return (Ann.) [%]"])
    assert 100 * deviation == pytest.approx(stats["Volatility (Ann.) [%]"])
    assert annual / deviation == pytest.approx(stats["Sharpe Ratio"])
    assert 100 * (summary.cagr or 0) == pytest.approx(stats["CAGR [%]"], abs=0.05)
    assert summary.annual_return == pytest.approx(annual)
    assert summary.calmar == pytest.approx(stats["Calmar Ratio"])
    assert (summary.sharpe or 0) > stats["Sharpe Ratio"]
    assert annual / (ratios.downside_deviation(returns) * math.sqrt(252)) == pytest.approx(stats["Sortino Ratio"])


def test_system_quality_and_kelly_read_money(case: Case) -> None:
    profits = np.array([float(trade["PnL"]) for trade in case.trades])

    assert system_quality(profits) == pytest.approx(case.stats["SQN"])
    assert kelly(profits) == pytest.approx(case.stats["Kelly Criterion"])
