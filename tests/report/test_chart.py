from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pytest

from tradewinds.core.instant import parse
from tradewinds.report.chart import Axis, Layer, figure, number_axis, time_axis
from tradewinds.report.chart_line import Series, area, line, path, time_figure
from tradewinds.report.chart_mark import Candles, Grid, bar, bar_figure, candles, heat_figure, histogram, row_figure, scatter

DAY = 86_400_000_000_000


def _times(count: int) -> np.ndarray:
    return parse("2024-01-01") + np.arange(count) * DAY


def test_values_map_to_pixels_of_the_stretched_view_box() -> None:
    x, y = Axis(0.0, 10.0), Axis(100.0, 200.0)

    drawn = path(x, y, np.array([0.0, 5.0, 10.0]), np.array([100.0, 150.0, 200.0]), 220)

    assert drawn == "M0.0 220.0L500.0 110.0 1000.0 0.0"


def test_a_line_breaks_where_there_is_no_value_and_a_lone_point_is_a_dot() -> None:
    x, y = Axis(0.0, 4.0), Axis(0.0, 1.0)

    drawn = path(x, y, np.arange(5.0), np.array([0.0, 1.0, np.nan, 1.0, np.nan]), 100)

    assert drawn == "M0.0 100.0L250.0 0.0M750.0 0.0L750.0 0.0"


def test_an_area_goes_down_to_zero_or_to_the_nearer_end() -> None:
    x = Axis(0.0, 1.0)

    inside = area(x, Axis(-1.0, 1.0), np.array([0.0, 1.0]), np.array([1.0, -1.0]), "s1", 100)
    above = area(x, Axis(5.0, 6.0), np.array([0.0, 1.0]), np.array([6.0, 5.5]), "s1", 100)

    assert 'd="M0.0 50.0L0.0 0.0 1000.0 100.0 1000.0 50.0Z"' in inside.stretched
    assert 'd="M0.0 100.0L0.0 0.0 1000.0 50.0 1000.0 100.0Z"' in above.stretched


def test_an_axis_of_one_value_puts_it_in_the_middle_of_a_round_range() -> None:
    axis = number_axis(np.array([5.0, 5.0]))

    assert (axis.low, axis.high) == pytest.approx((4.94, 5.06))
    assert float(axis.at(5.0)) == pytest.approx(0.5)


def test_an_axis_without_finite_values_still_stands() -> None:
    axis = number_axis(np.array([np.nan, np.inf]))

    assert (axis.low, axis.high) == (0.0, 1.0)


def test_percent_marks_read_as_percent() -> None:
    axis = number_axis(np.array([-0.123, 0.05]), is_percent=True, includes=(0.0,))

    assert [label for _, label in axis.ticks] == ["\u221215%", "\u221210%", "\u22125%", "0%", "5%"]


def test_marks_of_time_stand_at_their_share_of_the_width() -> None:
    x = time_axis(parse("2024-01-01"), parse("2025-01-01"), 12)

    drawn = figure("f", "T", x, number_axis(np.array([0.0, 1.0])), [Layer()]).html

    assert re.search(r'x="49\.73%" y="237">2024-07<', drawn)  # 182 of 366 days


def test_the_values_under_the_pointer_are_the_data() -> None:
    drawn = time_figure("f", "T", _times(3), [Series("Equity", np.array([1.5, np.nan, 1_234_567.891]))]).html

    tip = json.loads(unescape(re.search(r'data-tip="([^"]*)"', drawn).group(1)))

    assert tip["x"] == [1_704_067_200, 86_400, 86_400]
    assert tip["s"] == [{"n": "Equity", "f": "n", "y": [1.5, None, 1_234_568]}]
    assert (tip["lo"], tip["hi"]) == (1_704_067_200, 1_704_240_000)


def test_two_lines_share_their_places_and_have_a_legend() -> None:
    times = _times(5000)
    first, second = np.sin(np.arange(5000) / 50.0), np.zeros(5000)
    second[777] = 9.0

    drawn = time_figure("f", "T", times, [Series("a<b", first), Series("c", second, "s2")]).html
    tip = json.loads(unescape(re.search(r'data-tip="([^"]*)"', drawn).group(1)))

    assert len(tip["x"]) <= 1204
    assert len(tip["s"][0]["y"]) == len(tip["s"][1]["y"]) == len(tip["x"])
    assert 9 in tip["s"][1]["y"]
    assert "a&lt;b" in drawn
    assert "a<b" not in drawn


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan, np.nan])])
def test_nothing_to_draw_is_said(values: np.ndarray) -> None:
    drawn = time_figure("f", "T", _times(len(values)), [Series("a", values)]).html

    assert "Nothing to draw" in drawn
    assert "<svg" not in drawn


def test_a_bar_stands_between_zero_and_its_value() -> None:
    x, y = Axis(0.0, 4.0), Axis(-1.0, 1.0)

    up, down = bar(x, y, 1.0, 2.0, 0.5, "t", height=100).fixed, bar(x, y, 2.0, 3.0, -0.5, "t", height=100).fixed

    assert 'class="bar up" x="25.00%" width="25.00%" y="25.0" height="25.0"' in up
    assert 'class="bar down" x="50.00%" width="25.00%" y="50.0" height="25.0"' in down


def test_bars_print_their_values_and_leave_out_what_is_zero_or_unknown() -> None:
    drawn = bar_figure("f", "T", ["2022", "2023", "2024"], np.array([0.1, 0.0, np.nan]), is_percent=True).html

    assert re.findall(r'data-t="([^"]*)"', drawn) == ["2022: 10.00%"]
    assert drawn.count("<rect") == 1


def test_a_histogram_counts_every_value_once() -> None:
    values = np.concatenate([np.linspace(-1, 1, 500), [50.0, np.nan]])

    drawn = histogram("f", "T", values).html
    counts = [int(text.rsplit(": ", 1)[1]) for text in re.findall(r'data-t="([^"]*)"', drawn)]

    assert sum(counts) == 501


@pytest.mark.parametrize("values", [np.array([0.01]), np.zeros(9), np.full(3, 1e-300)])
def test_a_histogram_of_one_value_is_drawn(values: np.ndarray) -> None:
    assert histogram("f", "T", values).html.count('class="bar') == 1


def test_candles_have_wicks_from_low_to_high_and_bodies_from_open_to_close() -> None:
    x, y = Axis(0.0, 2.0), Axis(0.0, 100.0)
    bars = Candles(np.array([20.0, np.nan]), np.array([90.0, np.nan]), np.array([10.0, np.nan]), np.array([80.0, np.nan]))

    drawn = candles(x, y, bars, 100).stretched

    assert '<path class="wick up" d="M250.0 10.0V90.0"/>' in drawn
    assert '<path class="body up" d="M75.0 20.0h350.0v60.0h-350.0z"/>' in drawn
    assert '<path class="body down" d=""/>' in drawn


def test_dots_stand_at_their_values_and_tell_them() -> None:
    drawn = scatter(Axis(-1.0, 1.0), Axis(0.0, 2.0), np.array([0.0, np.nan]), np.array([0.5, 1.0]), ["up", "up"], ['"x"', "y"], 100).fixed

    assert drawn == '<circle class="dot up" cx="50.00%" cy="75.0" r="3.2" data-t="&quot;x&quot;"/>'


def test_cells_print_their_number_and_show_their_sign_by_colour() -> None:
    grid = Grid(("2024",), ("Jan", "Feb", "Mar", "Year"), np.array([[0.1, -0.05, np.nan, 0.0]]))

    drawn = heat_figure("f", "T", grid, is_percent=True, is_last_apart=True).html

    assert re.findall(r"<td[^>]*>([^<]*)</td>", drawn) == ["10.0", "\u22125.0", "", "0.0"]
    assert drawn.count("--c:var(--up)") == 2
    assert drawn.count("--c:var(--down)") == 1
    assert 'class="apart"' in drawn


def test_lying_bars_are_as_long_as_their_share_of_the_largest() -> None:
    drawn = row_figure("f", "T", ["price", "commission"], np.array([200.0, -50.0]), ["+200", "-50"]).html

    assert re.findall(r'class="(up|down)" style="width:([\d.]+)%"', drawn) == [("up", "100.0"), ("down", "25.0")]


def test_a_line_layer_names_its_style() -> None:
    drawn = line(Axis(0.0, 1.0), Axis(0.0, 1.0), np.array([0.0, 1.0]), np.array([0.0, 1.0]), "s3", 10).stretched

    assert drawn == '<path class="line s3" d="M0.0 10.0L1000.0 0.0"/>'
