from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.report.comparison import compare
from tradewinds.simulation.result import Result

Run = Callable[..., Result]


def test_runs_are_drawn_over_each_other_from_one(run: Run) -> None:
    up, flat = run([100.0, 100.0, 110.0, 121.0], [500.0] * 4), run([100.0, 100.0, 110.0, 121.0], [0.0] * 4)

    sheet = compare({"held": up, "<flat>": flat})
    tip = json.loads(unescape(re.search(r'data-tip="([^"]*)"', sheet.figure("growth").html).group(1)))

    assert [one["n"] for one in tip["s"]] == ["held", "<flat>"]
    assert tip["s"][0]["y"] == [1, 0.9995, 1.0495, 1.1045]  # 500 coins at 100 cost 50 of commission on 100,000
    assert tip["s"][1]["y"] == [1, 1, 1, 1]
    assert "<flat>" not in sheet.html
    assert "+10.45%" in sheet.html


def test_runs_of_different_length_share_one_axis(run: Run) -> None:
    long, short = run(np.linspace(100, 110, 10), np.ones(10)), run(np.linspace(100, 110, 4), np.ones(4))

    sheet = compare({"long": long, "short": short})
    tip = json.loads(unescape(re.search(r'data-tip="([^"]*)"', sheet.figure("growth").html).group(1)))

    assert tip["s"][1]["y"][4:] == [None] * 6
    assert len(tip["x"]) == 10


def test_a_run_is_wholly_alike_to_itself(wavy: Result) -> None:
    drawn = compare({"a": wavy, "b": wavy}).figure("alike").html

    assert re.findall(r"<td[^>]*>([^<]*)</td>", drawn) == ["1.00"] * 4


@pytest.mark.parametrize("number", [0, 7])
def test_none_or_too_many_runs_are_refused(run: Run, number: int) -> None:
    result = run([1.0, 2.0], [0.0, 0.0])

    with pytest.raises(Rejected, match=f"comparison: {number} runs, expected 1 to 6"):
        compare({str(k): result for k in range(number)})
