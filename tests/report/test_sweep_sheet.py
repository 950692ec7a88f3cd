from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.report.sweep_sheet import GROUPS_MAX, Segment, SweepFigures, sweep_sheet


def _grid(**fields: object) -> SweepFigures:
    parameters = [{"fast": fast, "slow": slow, "kind": "a"} for fast in (5, 10) for slow in (20, 30, 40)]
    given: dict[str, object] = {"strategy": "cross", "parameters": parameters, "values": np.array([0.1, 0.2, 0.3, 0.4, np.nan, 1.5])}
    return SweepFigures(**given | fields)  # type: ignore[arg-type]  -- fields of several kinds


def _cells(html: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]*)</td>", html)


def test_the_map_has_a_cell_for_each_pair_and_leaves_out_what_failed() -> None:
    drawn = sweep_sheet(_grid()).figure("map").html

    assert re.findall(r'<th scope="col">([^<]*)</th>', drawn) == ["5", "10"]
    assert re.findall(r'<th scope="row">([^<]*)</th>', drawn) == ["20", "30", "40"]
    assert _cells(drawn) == ["0.10", "0.40", "0.20", "", "0.30", "1.50"]


def test_named_axes_decide_what_goes_where() -> None:
    drawn = sweep_sheet(_grid(axes=("fast", "slow"))).figure("map").html

    assert re.findall(r'<th scope="row">([^<]*)</th>', drawn) == ["5", "10"]


def test_many_values_are_joined_and_a_cell_is_their_median() -> None:
    parameters = [{"a": a, "b": b} for a in range(28) for b in (0, 1)]
    values = np.array([float(one["a"]) for one in parameters])

    drawn = sweep_sheet(SweepFigures("s", parameters, values)).figure("map").html
    heads = re.findall(r'<th scope="row">([^<]*)</th>', drawn)

    assert len(heads) == GROUPS_MAX
    assert heads[0] == "0\u20131"
    assert _cells(drawn)[:2] == ["0.50", "0.50"]


def test_luck_is_said_in_words() -> None:
    html = unescape(sweep_sheet(_grid(luck_maximum=1.42, deflated=0.31, overfitting=0.56, interval=(-0.1, 1.2))).html)

    assert "After 6 tries the best one is not convincing: confidence 31.0%, wanted 95%." in html
    assert "Picking the best is no better than picking blindly: probability of overfitting 56%." in html
    assert "1.50 with fast 10, kind a, slow 40" in html
    assert "\u22120.10 to 1.20" in html
    assert "best under luck" in html


def test_a_convincing_sweep_has_no_warning_and_an_untested_one_has() -> None:
    assert '<div class="warnings"' not in sweep_sheet(_grid(luck_maximum=0.2, deflated=0.99, overfitting=0.05)).html
    assert "No test of luck was made" in sweep_sheet(_grid()).html


def test_segments_and_failures_are_listed_and_escaped() -> None:
    segment = Segment(
        parse("2020-01-01"), parse("2021-01-01"), parse("2021-01-01"), parse("2021-07-01"), {"fast": 5, "slow": 20}, 1.25, -0.5
    )

    html = sweep_sheet(_grid(segments=(segment,), failures=(("fast 10, slow 30", "ZeroDivisionError: <b>"),))).html

    assert "2021-01-01 to 2021-07-01" in html
    assert "\u22120.50 (chosen at 1.25)" in html
    assert "ZeroDivisionError: &lt;b&gt;" in html


@pytest.mark.parametrize("parameters", [[], [{"a": 1}], [{"a": 1}, {"a": 2}], [{}, {}]])
def test_without_two_parameters_there_is_no_map_and_still_a_page(parameters: list[dict[str, int]]) -> None:
    html = sweep_sheet(SweepFigures("s", parameters, np.full(len(parameters), np.nan))).html

    assert "A map needs two parameters that vary." in html
    assert "No configuration has a value." in html
    assert "nan" not in re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.S)


def test_the_same_sweep_gives_the_same_bytes() -> None:
    assert sweep_sheet(_grid()).html == sweep_sheet(_grid()).html


def test_values_must_fit_their_configurations() -> None:
    with pytest.raises(Rejected, match="sweep of cross: 6 configurations and 1 values"):
        _grid(values=np.array([1.0]))
