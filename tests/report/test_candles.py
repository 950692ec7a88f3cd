from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import numpy as np

from tradewinds.performance.trades import round_trips
from tradewinds.report.candles import CANDLES, trip_figures, window_figure, window_of
from tradewinds.report.trips import DOTS_MAX, excursion_figures, trip_rows
from tradewinds.simulation.result import Result
from tradewinds.simulation.track import track_record

Run = Callable[..., Result]


def test_bars_join_to_coarser_ones_as_a_person_would(run: Run) -> None:
    # given 280 bars, so two to a candle; closes 0, 1, 2, ... and opens at the close before
    market = run(np.arange(280.0) + 100, np.zeros(280)).market

    window = window_of(market, 0, 0, 280)

    assert len(window.edges) == CANDLES + 1
    assert window.bars.open[:3].tolist() == [100.0, 101.0, 103.0]
    assert window.bars.close[:3].tolist() == [101.0, 103.0, 105.0]
    assert window.bars.high[:3].tolist() == [101.0, 103.0, 105.0]
    assert window.bars.low[:3].tolist() == [100.0, 101.0, 103.0]


def test_a_candle_takes_its_open_and_close_from_the_bars_that_traded(run: Run) -> None:
    # given two bars to a candle, closes 100, 101, ...: both closes of the third candle are missing, and the second one of the fourth
    closes = np.arange(280.0) + 100
    closes[[4, 5, 7]] = np.nan

    window = window_of(run(closes, np.zeros(280)).market, 0, 0, 280)

    assert window.bars.open[2] == 103.0
    assert np.isnan(window.bars.close[2])
    assert (window.bars.open[3], window.bars.close[3]) == (106.0, 106.0)  # the open of its second bar, the close of its first
    assert (window.bars.open[4], window.bars.close[4]) == (108.0, 109.0)


def test_pictures_show_the_best_the_worst_and_the_whole(run: Run) -> None:
    # given three round trips: bought at 100 and sold at 110, 100 and 90, 100 and 101
    closes = np.repeat([100.0, 110.0, 100.0, 90.0, 100.0, 101.0, 101.0], 5)
    targets = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0], 5)
    result = run(closes, targets)
    record = track_record(result)
    trips = round_trips(record)

    figures = trip_figures(result.market, record, trips)

    titles = [one.title for one in figures]
    assert titles[0].startswith("Best: long C0.BINANCE, +")
    assert titles[1].startswith("Worst: long C0.BINANCE, \u2212")
    assert titles[-1] == "Whole period: C0.BINANCE"
    assert len({one.name for one in figures}) == len(figures)
    arrows = re.findall(r'class="arrow (buy|sell)"[^>]*data-t="([^"]*)"', figures[-1].html)
    assert [style for style, _ in arrows] == ["buy"] * 3 + ["sell"] * 3
    assert all("bought 1 at" in unescape(text) for style, text in arrows if style == "buy")


def test_too_many_fills_are_said_and_not_drawn(run: Run) -> None:
    result = run(100 + np.sin(np.arange(600)), np.where(np.arange(600) % 2 == 0, 1.0, 0.0))
    record = track_record(result)

    drawn = window_figure("f", "T", result.market, record, window_of(result.market, 0, 0, 600)).html

    assert "Too many fills to mark each." in drawn
    assert 'class="arrow' not in drawn


def test_dots_of_many_trips_are_evenly_chosen_with_both_ends(run: Run) -> None:
    generator = np.random.default_rng(5)
    closes = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, 4000)))
    result = run(closes, np.where(np.arange(4000) % 4 < 2, 1.0, 0.0))
    record = track_record(result)
    trips = round_trips(record)
    closed = trips[trips["is_open"] == 0]

    drawn = excursion_figures(record, trips)[0].html

    assert drawn.count("<circle") == DOTS_MAX
    for extreme in (closed["fraction"].min(), closed["fraction"].max()):
        assert f"{abs(extreme) * 100:.2f}%" in unescape(drawn)
    assert f"{DOTS_MAX} of {len(closed)} are drawn" in drawn.replace(",", "")


def test_the_table_lists_best_and_worst_in_order(wavy: Result) -> None:
    record = track_record(wavy)
    trips = round_trips(record)

    rows = trip_rows(record, trips)
    nets = [float(row[8].replace("\u2212", "-").replace(",", "")) for row in rows]

    assert len(rows) == 12
    assert nets == sorted(nets, reverse=True)
    assert nets[0] == round(float(trips["net"].max()), 2)
    assert nets[-1] == round(float(trips["net"].min()), 2)
