from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.report.thin import group_edges, kept_rows


def test_a_short_line_keeps_every_point() -> None:
    assert kept_rows(np.arange(10.0), 20).tolist() == list(range(10))


def test_of_each_group_the_lowest_and_the_highest_stay() -> None:
    values = np.array([1.0, 9.0, 2.0, 3.0, -5.0, 4.0, 4.0, 4.0])

    rows = kept_rows(values, 4)

    assert rows.tolist() == [0, 1, 4, 5, 7]  # groups [0, 4) and [4, 8), and the ends


@given(seed=st.integers(0, 2**32 - 1), times=st.integers(300, 900), points=st.integers(4, 100), gaps=st.floats(0.0, 1.0))
def test_extremes_survive_and_points_stay_few(seed: int, times: int, points: int, gaps: float) -> None:
    generator = np.random.default_rng(seed)
    values = np.where(generator.random(times) < gaps, np.nan, generator.normal(size=times))

    rows = kept_rows(values, points)

    assert len(rows) <= points + 2
    assert (np.diff(rows) > 0).all()
    assert rows[0] == 0
    assert rows[-1] == len(values) - 1
    if not np.isnan(values).all():
        assert np.nanmax(values[rows]) == np.nanmax(values)
        assert np.nanmin(values[rows]) == np.nanmin(values)


def test_a_million_points_become_a_few_and_a_lone_spike_survives() -> None:
    values = np.zeros(1_000_000)
    values[123_456] = -7.0

    rows = kept_rows(values)

    assert len(rows) <= 1202
    assert 123_456 in rows


def test_a_gap_of_whole_groups_stays_a_gap() -> None:
    values = np.arange(1000.0)
    values[300:700] = np.nan

    rows = kept_rows(values, 100)

    assert np.isnan(values[rows]).sum() == 20  # of 50 groups of 20 rows, 20 hold nothing


def test_edges_cut_rows_evenly() -> None:
    assert group_edges(10, 3).tolist() == [0, 3, 6, 10]
    assert group_edges(2, 5).tolist() == [0, 1, 2]
