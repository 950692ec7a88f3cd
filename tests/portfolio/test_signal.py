"""Scores become signals and expected returns."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.portfolio.signal import combined, decayed, expected_returns, ranks, zscores

NONE = np.nan


def test_ranks_are_evenly_spaced_and_ties_share_their_mean() -> None:
    found = ranks(np.array([3.0, 1.0, NONE, 2.0, 2.0, 9.0]))

    assert found[[0, 1, 3, 4, 5]].tolist() == [0.5, -1.0, -0.25, -0.25, 1.0]
    assert np.isnan(found[2])


def test_a_single_score_ranks_in_the_middle() -> None:
    assert ranks(np.array([5.0])).tolist() == [0.0]


def test_zscores_have_mean_zero_and_are_cut() -> None:
    found = zscores(np.array([1.0, 2.0, 3.0, NONE]))
    cut = zscores(np.array([0.0] * 50 + [1e6]))

    assert found[:3] == pytest.approx([-1.2247449, 0.0, 1.2247449])
    assert np.isnan(found[3])
    assert cut[-1] == 3.0


def test_equal_scores_say_nothing() -> None:
    assert zscores(np.array([0.1, 0.1, 0.1])).tolist() == [0.0, 0.0, 0.0]


def test_a_score_weighs_half_as_much_after_its_half_life() -> None:
    history = np.array([[4.0, 4.0], [NONE, NONE], [1.0, NONE]])

    found = decayed(history, half_life=2)

    # 4 two sessions ago weighs a half, 1 now weighs one: (2 + 1) / 1.5. The second has no score now.
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1])


def test_where_a_model_has_no_view_the_other_carries_its_weight() -> None:
    scores = np.array([[1.0, 1.0, NONE], [3.0, NONE, NONE]])

    found = combined(scores, np.array([1.0, 3.0]))

    assert found[:2].tolist() == [2.5, 1.0]
    assert np.isnan(found[2])


def test_a_negative_weight_turns_a_model_round() -> None:
    assert combined(np.array([[2.0], [1.0]]), np.array([1.0, -1.0])).tolist() == [0.5]


def test_an_expected_return_is_skill_times_volatility_times_score() -> None:
    found = expected_returns(np.array([2.0, -1.0, NONE]), np.array([0.01, 0.02, 0.01]), 0.05)

    assert found[:2] == pytest.approx([0.001, -0.001])
    assert np.isnan(found[2])


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: decayed(np.zeros((2, 1)), 0.0), "half_life 0.0, expected sessions above 0"),
        (lambda: combined(np.zeros((2, 1)), np.zeros(2)), "expected at least one that is not 0"),
        (lambda: expected_returns(np.zeros(1), np.zeros(1), 1.5), "information coefficient 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(ask: object, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        ask()  # type: ignore[operator]  # a function without arguments
