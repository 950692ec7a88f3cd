"""What is trained on shares nothing with what it is tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.models.sample import Sample
from tradewinds.models.split import Split, WalkForward, combinatorial, walk_forward

DAY_NS = 86_400_000_000_000


def rows(days: list[int], starts: list[int], lengths: list[int]) -> Sample:
    times = np.sort(np.array(days, np.int64)) * DAY_NS
    begin = times + np.array(starts, np.int64) * DAY_NS
    count = len(times)
    return Sample(
        ("x",), ("A",), times, np.zeros(count, np.int64), np.ones((count, 1)), np.zeros(count), begin,
        begin + np.array(lengths, np.int64) * DAY_NS, np.ones(count),
    )  # fmt: skip


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    count = draw(st.integers(20, 80))

    def numbers(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    return rows(numbers(0, 60), numbers(0, 3), numbers(1, 12))


def overlaps(sample: Sample, split: Split) -> int:
    """Pairs of a trained and a tested row whose times from decision to the label's end meet."""
    a, b = sample.take(split.train), sample.take(split.test)
    return int(((a.times[:, None] < b.label_end_ns) & (b.times < a.label_end_ns[:, None])).sum())


@given(samples(), st.integers(5, 40), st.integers(1, 20), st.sampled_from(["rolling", "expanding"]), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_no_label_that_is_trained_on_meets_one_that_is_tested(sample: Sample, train: int, test: int, window: Any, embargo: int) -> None:
    try:
        splits = walk_forward(sample, WalkForward(train, test, window, embargo))
    except DataFault:
        return

    for split in splits:
        assert overlaps(sample, split) == 0
        assert sample.label_end_ns[split.train].max() <= sample.times[split.test].min()
    tested = np.concatenate([split.test for split in splits])
    assert (tested == np.arange(tested[0], len(sample))).all()


@given(samples(), st.integers(3, 6), st.integers(1, 2), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_no_label_of_a_combination_meets_one_that_it_tests(sample: Sample, groups: int, tested: int, embargo: int) -> None:
    try:
        splits = list(combinatorial(sample, groups, tested=tested, embargo=embargo))
    except DataFault:
        return

    for split in splits:
        assert overlaps(sample, split) == 0
        assert len(split.train) + len(split.test) + split.purged == len(sample)


def test_folds_of_a_walk_are_those_a_reader_expects() -> None:
    sample = rows(list(range(10)), [0] * 10, [2] * 10)

    first, second = walk_forward(sample, WalkForward(train=5, test=3))

    # the label of day 3 ends on day 5, where the test begins; that of day 4 ends after it
    assert first.train.tolist() == [0, 1, 2, 3]
    assert first.test.tolist() == [5, 6, 7]
    assert first.purged == 1
    assert second.train.tolist() == [3, 4, 5, 6]
    assert second.test.tolist() == [8, 9]


def test_an_embargo_keeps_more_days_between() -> None:
    sample = rows(list(range(10)), [0] * 10, [2] * 10)

    (split,) = walk_forward(sample, WalkForward(train=6, test=4, window="expanding", embargo=2))

    assert split.train.tolist() == [0, 1, 2]
    assert split.test.tolist() == [6, 7, 8, 9]


def test_an_embargo_after_a_tested_stretch_drops_what_looks_back_into_it() -> None:
    sample = rows(list(range(12)), [0] * 12, [1] * 12)

    first, second, third = combinatorial(sample, 3, tested=1, embargo=2)

    assert first.train.tolist() == [6, 7, 8, 9, 10, 11]
    assert second.train.tolist() == [0, 1, 2, 3, 10, 11]
    assert third.train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_history_too_short_is_said() -> None:
    sample = rows(list(range(10)), [0] * 10, [2] * 10)

    with pytest.raises(DataFault, match="10 decisions, expected more than the 504 to train on"):
        walk_forward(sample)
    with pytest.raises(DataFault, match="fold 0 has 0 of 1 rows left to train on"):
        walk_forward(sample, WalkForward(train=1, test=5))
    with pytest.raises(Rejected, match="walk-forward: test 0, expected a whole number of decisions of at least 1"):
        WalkForward(test=0)
