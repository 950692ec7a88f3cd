"""The kernel's own equity against what is told of it: with splits, dividends, a delisting, two currencies, halts and costs."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.performance.attribution import attribution
from tradewinds.performance.exposure import holdings
from tradewinds.performance.track_record import Charges, FillLog, TrackRecord
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import DELISTING, DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import Account, BasisPoints, Borrow, HalfSpread, Setup
from tradewinds.simulation.track import track_record
from tradewinds.trading.strategy import vector

DAY = 86_400_000_000_000
MONDAY = 1_704_067_200_000_000_000  # 2024-01-01
TIMES = 120


@vector(lookback=1)
def follow(panel: object, params: object) -> object:
    """Whatever the field `wanted` says."""
    return panel.field("wanted")  # type: ignore[attr-defined] # the panel of a strategy


def simulated(seed: int) -> Result:
    generator = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.02, (TIMES, 3)), axis=0))
    close[60:, 0] /= 1.5  # a split of 3 for 2
    open_ = close * np.exp(generator.normal(0, 0.005, close.shape))
    halted = generator.random(close.shape) < 0.1
    halted[60:63, 0] = True  # and it does not trade at first
    halted[100:, 1] = True
    fields = {"open": open_, "high": np.maximum(open_, close) * 1.01, "low": np.minimum(open_, close) * 0.99, "close": close}
    fields = {name: np.where(halted, np.nan, values) for name, values in fields.items()}
    fields["volume"] = np.where(halted, np.nan, 1e6)
    wanted = generator.integers(-60, 61, close.shape).astype(float)
    wanted[generator.random(close.shape) < 0.7] = np.nan
    fields["wanted"] = wanted
    starts = MONDAY + DAY * np.arange(TIMES)
    ids = ("A.XNAS", "B.XNAS", "C.XETR")
    panel = Panel(ids, starts, starts + DAY, np.repeat((starts + DAY)[:, None], 3, axis=1), fields)
    events = np.array(
        [(40, 0, DIVIDEND, 0.5, np.nan), (60, 0, SPLIT, 1.5, np.nan), (70, 2, DIVIDEND, 0.7, np.nan), (100, 1, DELISTING, np.nan, np.nan)],
        EVENT,
    )
    instruments = [
        Instrument("A.XNAS", "equity", "USD", "XNYS", lot=Decimal(1)), Instrument("B.XNAS", "equity", "USD", "XNYS", lot=Decimal(1)),
        Instrument("C.XETR", "equity", "EUR", "XETR", lot=Decimal(1)),
    ]  # fmt: skip
    rates = {"EUR": 1.1 * np.exp(np.cumsum(generator.normal(0, 0.005, TIMES)))}
    market = market_of_panel(panel, instruments, currency="USD", rates=rates, events=events)
    setup = Setup(account=Account(100_000, "USD", kind="margin"), costs=(BasisPoints(5), HalfSpread(bps=3), Borrow(0.05)))
    return backtest(follow, market, panel, {}, setup)


@pytest.mark.parametrize("seed", range(5))
def test_profit_is_told_to_the_last_cent(seed: int) -> None:
    result = simulated(seed)

    record = track_record(result)
    told = attribution(record)

    assert len(result.fills) > 50
    assert told.profit == result.equity[-1] - 100_000
    assert told.unexplained == pytest.approx(0.0, abs=1e-6)
    for parts in (told.by_instrument, told.by_kind, told.by_side):
        assert math.fsum(parts.values()) == pytest.approx(told.profit, abs=1e-6)
    assert {"dividend", "borrow"} <= set(told.by_kind)


@pytest.mark.parametrize("seed", range(5))
def test_holdings_are_the_kernel_s(seed: int) -> None:
    result = simulated(seed)
    record = track_record(result)

    held = holdings(record, np.arange(TIMES))

    assert held.quantity[-1].tolist() == result.quantity.tolist()


def test_every_bar_is_marked_as_the_kernel_marks_it() -> None:
    """Told up to any bar, nothing is unexplained: also where a split or a delisting meets a halt."""
    record = track_record(simulated(1))

    for last_row in range(2, TIMES + 1):
        told = attribution(until(record, last_row))
        assert told.unexplained == pytest.approx(0.0, abs=1e-6), last_row


def until(record: TrackRecord, last_row: int) -> TrackRecord:
    kept, charged = record.fills.row < last_row, record.charges.row < last_row
    fills = FillLog(**{name: getattr(record.fills, name)[kept] for name in FillLog.__slots__})
    charges = record.charges
    part = Charges(charges.row[charged], charges.instrument[charged], charges.kind[charged], charges.amount[charged], charges.kinds)
    return replace(record, fills=fills, charges=part, last_row=last_row)
