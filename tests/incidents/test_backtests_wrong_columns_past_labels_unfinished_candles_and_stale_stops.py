"""Backtests that were wrong in public: MBATS #1, #2, #6, and stops at yesterday's price.

In public: a feed mapped the columns of its bars to the wrong names, so strategies bought highs for opens; the label that a model was to
predict was the return that had just been, so it "predicted" what it was shown; the candle that was still being made was stored as final
and never replaced; stops filled at the last price of yesterday although the market opened far below it.

Here: in their own rooms, the import, the look-ahead detector, what a vendor's answer becomes, and the simulation kernel.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.instrument import Instrument
from tradewinds.core.observation import Payload, Pull
from tradewinds.history.panel import Panel
from tradewinds.sandbox.application import make_world
from tradewinds.sandbox.binance_spot import spot_venue
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.conversation import Question
from tradewinds.simulation.lookahead import check_feature
from tradewinds.simulation.lookahead_market import feature_scene
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.simulation.validation import train_rows
from tradewinds.vendors.binance_rest import BinanceRest
from tradewinds.wire.http import HttpClient
from tradewinds.wiring.bars import bars_of_files

DAY_NS = 86_400_000_000_000


@pytest.mark.parametrize(
    "order",
    [("open", "high", "low", "close", "volume"), ("close", "volume", "low", "high", "open"), ("volume", "low", "open", "close", "high")],
)
def test_each_column_arrives_under_its_own_name_whatever_their_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    # given bars of five different numbers, in columns of any order
    bar = {"open": "101.5", "high": "107.25", "low": "99.125", "close": "103.75", "volume": "1234"}
    lines = [",".join(("date", *order)), ",".join(("2024-01-02", *(bar[one] for one in order)))]
    (tmp_path / "AAPL.csv").write_text("\n".join([*lines, lines[1].replace("01-02", "01-03")]) + "\n")

    # when a strategy's panel is made of them
    panel, _ = bars_of_files(tmp_path / "AAPL.csv", "1d", ("AAPL.XNAS",))

    # then it sees each under its name
    assert {name: float(panel.field(name)[0, 0]) for name in bar} == {name: float(value) for name, value in bar.items()}


def test_a_label_is_what_nobody_could_know_yet_and_a_past_return_is_none() -> None:
    def future_return(panel, params):
        """What comes after the bar: a label."""
        found = np.full(panel.shape, np.nan)
        found[:-1] = panel.close[1:] / panel.close[:-1] - 1.0
        return found

    def past_return(panel, params):
        """The same with the sign of its shift wrong: what a model would be shown and asked for."""
        found = np.full(panel.shape, np.nan)
        found[1:] = panel.close[1:] / panel.close[:-1] - 1.0
        return found

    label = check_feature("label", future_return, feature_scene(2, 1), lookback=2)
    leaked = check_feature("label", past_return, feature_scene(2, 1), lookback=2)

    # what the detector finds nothing about was known at the time, hence is no label; what it finds may not be a feature
    assert {one.kind for one in label.findings} >= {"future"}
    assert leaked.is_clean


def test_rows_whose_label_reaches_into_the_test_are_not_trained_on() -> None:
    kept = train_rows(0, 20, [(10, 14)], lookback=3, horizon=2, embargo=1)

    # labels look two rows ahead, features two rows back, and one row is let pass after
    assert np.flatnonzero(~kept).tolist() == list(range(8, 19))


def test_the_candle_that_is_being_made_is_not_stored() -> None:
    # given the local Binance at 12:34:56, which answers with the minute that is under way
    venue = spot_venue(make_world(SandboxConfig(now_ns=parse("2025-03-14T12:34:56Z"), symbols=("BTCUSDT",))))
    said = venue.answer(Question("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=3"))
    assert said.status == 200
    assert said.body.count(b"],[") == 2
    pull = Pull("binance_rest", "bars-1m", "/api/v3/klines", {"symbol": "BTCUSDT"})

    # when the answer becomes rows
    with HttpClient(venue.world.clock, sleep=lambda seconds: None, random=random.Random(7)) as http:
        rest = BinanceRest(http)
        now = rest.parse(Payload(pull, bytes(said.body), parse("2025-03-14T12:34:56Z")))
        late = rest.parse(Payload(pull, bytes(said.body), parse("2025-03-14T12:36:00Z")))

    # then the minute that is not over is left out; only an answer that was captured later holds it
    assert now["event_ns"].to_list() == [parse("2025-03-14T12:33:00Z"), parse("2025-03-14T12:34:00Z")]
    assert len(late) == 3
    assert late["event_ns"].max() - now["event_ns"].max() == NS_PER_MINUTE


def _held_with_a_stop(*bars: tuple[float, float, float, float]) -> tuple[Simulator, int]:
    """Ten held from 100 on, and a stop at 98 that is placed at the close of the first bar; then these bars (open, high, low, close)."""
    first = (100.0, 101.0, 99.0, 100.0)
    rows = np.array([(*bar, 1000.0) for bar in (first, first, *bars)])
    times = np.arange(len(rows), dtype=np.int64) * DAY_NS
    fields = {name: rows[:, [at]].copy() for at, name in enumerate(("open", "high", "low", "close", "volume"))}
    panel = Panel(("AAPL.XNAS",), times, times + DAY_NS, (times + DAY_NS)[:, None].copy(), fields)
    market = market_of_panel(panel, [Instrument("AAPL.XNAS", "equity", "USD", "XNYS", lot=Decimal(1))])
    run = Simulator(market, Setup(Account(1_000_000.0)))
    run.submit(0, 1, 10.0, when="open")
    run.advance(2)
    return run, run.submit(0, -1, 10.0, "stop", stop=98.0)


def test_a_stop_that_the_market_jumped_over_fills_where_the_market_is() -> None:
    run, stop = _held_with_a_stop((90.0, 92.0, 88.0, 91.0))

    run.advance(3)

    fill = next(one for one in run.fills if one["order"] == stop)
    assert fill["price"] == 90.0  # neither the stop's 98 nor yesterday's close of 100
    assert run.equity[2] == 1_000_000.0 - 10 * 10.0


def test_a_stop_does_not_fill_on_a_day_without_a_price() -> None:
    nan = float("nan")
    run, stop = _held_with_a_stop((nan, nan, nan, nan), (80.0, 81.0, 79.0, 80.0))

    run.advance(3)
    assert not any(one["order"] == stop for one in run.fills)
    run.advance(4)

    fill = next(one for one in run.fills if one["order"] == stop)
    assert (fill["row"], fill["price"]) == (3, 80.0)
