"""Walk-forward and purged cross-validation on rows that a reader can count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.simulation.validation import blocks, judged, purged, train_rows, walk_forward


def _daily(count: int) -> tuple[Any, Any]:
    """Sessions of one row each, rows 0 to count - 1."""
    rows = np.arange(count)
    return rows, rows


def test_an_anchored_walk_forward_trains_on_everything_before_and_tests_the_next_part() -> None:
    folds = walk_forward(*_daily(50), 2, train_parts=3)

    assert [(f.train_first, f.train_last, f.test_first, f.test_last) for f in folds] == [(0, 30, 30, 40), (0, 40, 40, 50)]


def test_a_rolling_walk_forward_trains_on_the_last_parts_only() -> None:
    folds = walk_forward(*_daily(50), 2, is_anchored=False, train_parts=3)

    assert [(f.train_first, f.train_last, f.test_first, f.test_last) for f in folds] == [(0, 30, 30, 40), (10, 40, 40, 50)]


def test_a_walk_forward_leaves_purged_rows_out_between_training_and_test() -> None:
    folds = walk_forward(*_daily(50), 2, train_parts=3, purge=4)

    assert [(f.train_last, f.test_first) for f in folds] == [(26, 30), (36, 40)]


def test_a_walk_forward_cuts_between_sessions_never_inside_one() -> None:
    starts, ends = np.array([0, 3, 4, 9, 12]), np.array([2, 3, 8, 11, 20])

    folds = walk_forward(starts, ends, 2, train_parts=1)

    assert [(f.train_first, f.train_last, f.test_first, f.test_last) for f in folds] == [(0, 4, 4, 12), (0, 12, 12, 21)]


def test_purging_leaves_out_what_is_held_into_the_test_or_looks_back_at_it() -> None:
    # Test rows 8..11. Held 2 rows: 6 and 7 reach into it. Looking back 3 rows at rows up to 13, where test decisions are still held: to 15.
    # One row of embargo: 16.
    kept = train_rows(0, 20, [(8, 12)], lookback=3, horizon=2, embargo=1)

    assert np.flatnonzero(kept).tolist() == [0, 1, 2, 3, 4, 5, 17, 18, 19]


def test_without_lookback_and_holding_only_the_test_itself_is_left_out() -> None:
    kept = train_rows(0, 6, [(2, 4)], lookback=1, horizon=0, embargo=0)

    assert np.flatnonzero(kept).tolist() == [0, 1, 4, 5]


@pytest.mark.parametrize(("lookback", "horizon"), [(1, 0), (1, 3), (4, 0), (5, 2)])
def test_no_kept_row_shares_information_with_a_test_row_and_no_further_row_is_lost(lookback: int, horizon: int) -> None:
    tests = [(10, 15), (30, 33)]
    kept = train_rows(0, 50, tests, lookback=lookback, horizon=horizon, embargo=0)

    for row in range(50):
        held = set(range(row, row + horizon + 1))
        seen = set(range(row - lookback + 1, row + 1))
        shares = False
        for a, b in tests:
            test_held = {one + step for one in range(a, b) for step in range(horizon + 1)}
            shares |= bool(held & test_held) or (row >= a and bool(seen & test_held))
        assert kept[row] == (not shares), row


def test_each_group_is_tested_once_in_k_fold() -> None:
    plan = purged(*_daily(20), 4, lookback=2, horizon=1, embargo=1)

    assert plan.groups == ((0, 5), (5, 10), (10, 15), (15, 20))
    assert plan.splits == ((0,), (1,), (2,), (3,))
    assert plan.paths == 1
    assert np.flatnonzero(plan.members[4 + 1]).tolist() == [0, 1, 2, 3, 13, 14, 15, 16, 17, 18, 19]  # 4 is held, 10..12 look back, remember


def test_two_of_six_groups_at_once_make_fifteen_splits_and_five_paths() -> None:
    plan = purged(*_daily(60), 6, tested=2)

    assert len(plan.splits) == 15
    assert plan.paths == 5
    assert plan.members.shape == (21, 60)
    assert (plan.members[:6].sum(axis=1) == 10).all()
    assert (plan.members[6:].sum(axis=1) == 40).all()


def test_a_session_with_one_purged_row_is_not_trained_on() -> None:
    starts, ends = np.array([0, 10, 20, 30]), np.array([9, 19, 29, 39])

    plan = purged(starts, ends, 4, horizon=1)

    assert plan.members[4:].tolist() == [
        [False, False, True, True],  # row 10 is one on which decisions of row 9 are held
        [False, False, False, True],
        [True, False, False, False],
        [True, True, False, False],
    ]


def test_a_split_with_nothing_left_to_train_on_is_refused_with_the_numbers() -> None:
    with pytest.raises(DataFault, match="50 rows of lookback, 0 of holding and 0 of embargo"):
        purged(*_daily(20), 2, lookback=50)


def test_the_choice_of_each_split_is_looked_up_where_it_was_not_made() -> None:
    # Two configurations over four sessions in two groups: the first gains in group 0 and loses in group 1, the second the reverse.
    plan = purged(*_daily(8), 2)
    good, bad = [0.02, 0.01, 0.02, 0.01], [-0.01, -0.02, -0.01, -0.02]
    returns = np.array([good + bad, bad + good])
    sets = np.array([[[m.sum(), row[m].sum(), (row[m] ** 2).sum()] for m in plan.members] for row in returns])

    found = judged(sets, plan)

    assert found.chosen.tolist() == [1, 0]  # split 0 tests group 0 and trains on group 1, where the second one gains
    ratio = np.mean(good) / np.std(good, ddof=1)
    assert found.inside.tolist() == pytest.approx([ratio, ratio])
    assert found.outside.tolist() == pytest.approx([-ratio, -ratio])
    assert found.paths.tolist() == pytest.approx([np.mean(bad + bad) / np.std(bad + bad, ddof=1)])


def test_paths_put_every_group_together_once() -> None:
    generator = np.random.default_rng(0)
    plan = purged(*_daily(40), 4, tested=2)
    row = generator.normal(0.001, 0.01, 40)
    sets = np.array([[[m.sum(), row[m].sum(), (row[m] ** 2).sum()] for m in plan.members]])

    found = judged(sets, plan)

    assert found.paths.tolist() == pytest.approx([row.mean() / row.std(ddof=1)] * 3)


def test_a_configuration_without_a_ratio_is_never_chosen() -> None:
    plan = purged(*_daily(8), 2)
    moving = np.array([0.01, -0.02, 0.01, -0.02] * 2)
    returns = np.array([np.zeros(8), moving, np.full(8, np.nan)])
    sets = np.array([[[m.sum(), row[m].sum(), (row[m] ** 2).sum()] for m in plan.members] for row in returns])

    assert judged(sets, plan).chosen.tolist() == [1, 1]


def test_an_objective_that_is_no_sum_over_sessions_is_refused() -> None:
    with pytest.raises(Rejected, match="objective 'calmar', expected sharpe or return"):
        judged(np.zeros((1, 4, 3)), purged(*_daily(8), 2), by="calmar")


def test_blocks_are_neighbouring_even_in_number_and_cover_every_session_once() -> None:
    assert blocks(70).shape == (12, 70)
    assert (blocks(70).sum(axis=0) == 1).all()
    assert blocks(70).sum(axis=1).tolist() == [6] * 10 + [5] * 2
    assert [len(blocks(count)) for count in (0, 3, 4, 7, 8, 33)] == [0, 0, 2, 2, 4, 12]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"folds": 1}, "1 folds, expected from 2"),
        ({"folds": 4, "tested": 4}, "4 of 4 folds tested at once"),
        ({"folds": 4, "lookback": 0}, "lookback 0"),
        ({"folds": 4, "embargo": -1}, "embargo -1"),
    ],
)
def test_impossible_numbers_are_refused(asked: dict[str, int], said: str) -> None:
    with pytest.raises(Rejected, match=said):
        purged(*_daily(20), asked.pop("folds"), **asked)


def test_too_few_sessions_for_the_parts_are_a_fault_of_the_data() -> None:
    with pytest.raises(DataFault, match="3 sessions for 5 parts"):
        walk_forward(*_daily(3), 2, train_parts=3)
