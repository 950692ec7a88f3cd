from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tradewinds.core.errors import Rejected
from tradewinds.factors.evaluate import (
    buckets,
    coefficient_summary,
    evaluate,
    forward_returns,
    information_coefficient,
    quantile_returns,
    quantile_turnover,
    rank_autocorrelation,
)

Floats = NDArray[np.float64]
NAN = np.nan


def test_forward_returns_begin_after_the_session_and_end_with_the_data() -> None:
    close = np.array([[100.0], [110.0], [121.0], [60.5]])

    assert forward_returns(close, 1)[:, 0].tolist() == pytest.approx([0.1, -0.5, NAN, NAN], nan_ok=True)
    assert forward_returns(close, 2)[:, 0].tolist() == pytest.approx([-0.45, NAN, NAN, NAN], nan_ok=True)
    assert forward_returns(close, 1, delay=0)[:, 0].tolist() == pytest.approx([0.1, 0.1, -0.5, NAN], nan_ok=True)
    assert np.isnan(forward_returns(close, 9)).all()


def test_a_forward_return_does_not_move_with_its_own_session_or_any_before() -> None:
    close = np.random.default_rng(1).uniform(1.0, 2.0, (40, 3))
    before = close.copy()
    before[:21] = 77.0

    assert np.array_equal(forward_returns(before, 5)[20:], forward_returns(close, 5)[20:], equal_nan=True)


def test_missing_and_impossible_closes_give_no_return() -> None:
    close = np.array([[1.0, 1.0, 1.0], [NAN, 0.0, np.inf], [2.0, 2.0, 2.0]])

    assert np.isnan(forward_returns(close, 1, delay=0)).all()


def test_the_coefficient_of_a_session_is_scipys() -> None:
    chance = np.random.default_rng(5)
    values, forward = np.round(chance.normal(size=(2, 12, 30)), 1)
    values[chance.random((12, 30)) < 0.2] = NAN
    forward[chance.random((12, 30)) < 0.2] = NAN

    ranks, plain = information_coefficient(values, forward), information_coefficient(values, forward, kind="pearson")

    for t in range(12):
        both = ~np.isnan(values[t] + forward[t])
        assert ranks[t] == pytest.approx(stats.spearmanr(values[t, both], forward[t, both]).statistic)
        assert plain[t] == pytest.approx(stats.pearsonr(values[t, both], forward[t, both]).statistic)


def test_a_coefficient_by_hand() -> None:
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    forward = np.array([[0.01, 0.03, 0.02, 0.05, 0.04]])

    # Spearman: 1 - 6 * (0 + 1 + 1 + 1 + 1) / (5 * 24)
    assert information_coefficient(values, forward)[0] == pytest.approx(0.8)
    # The ranks of the forward returns are themselves times 100.
    assert information_coefficient(values, forward, kind="pearson")[0] == pytest.approx(0.8)


def test_too_few_instruments_or_nothing_that_differs_give_no_coefficient() -> None:
    assert np.isnan(information_coefficient(np.array([[1.0, 2.0, NAN]]), np.array([[1.0, 2.0, 3.0]])))
    assert np.isnan(information_coefficient(np.ones((1, 5)), np.arange(5.0)[None, :]))


def test_the_summary_is_a_t_test_of_the_mean() -> None:
    values = np.array([0.1, -0.05, 0.2, NAN, 0.15, 0.0])

    found = coefficient_summary(values)

    known = values[~np.isnan(values)]
    assert (found.mean, found.sessions, found.positive) == (pytest.approx(0.08), 5, 0.6)
    assert found.ratio == pytest.approx(0.08 / known.std(ddof=1))
    assert found.t_value == pytest.approx(stats.ttest_1samp(known, 0.0).statistic)


def test_overlap_widens_the_error_by_newey_and_wests_weights() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0, 5.0])

    # Away from 3: -2 -1 1 0 2; squares 10, of neighbours 2 - 1 + 0 + 0 = 1; weight 1 - 1/2: 10 + 2 * 0.5 * 1 = 11.
    assert coefficient_summary(values, overlap=1).t_value == pytest.approx(3.0 / np.sqrt(11.0 / 4.0 / 5.0))


def test_an_empty_or_single_summary_is_unknown_and_no_error() -> None:
    assert np.isnan(coefficient_summary(np.array([NAN])).mean)
    assert coefficient_summary(np.array([0.25])).mean == 0.25
    assert np.isnan(coefficient_summary(np.array([0.25])).t_value)


def test_buckets_are_equal_parts_and_their_returns_are_means() -> None:
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, NAN]])
    forward = np.array([[0.01, 0.03, 0.05, 0.05, 0.02, 0.04, 0.06, 0.08, 0.10, NAN, 0.99]])

    placed = buckets(values, 5)

    assert placed[0].tolist() == pytest.approx([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, NAN], nan_ok=True)
    assert quantile_returns(placed, forward, 5)[0].tolist() == pytest.approx([0.02, 0.05, 0.03, 0.07, 0.10])


def test_buckets_within_groups_split_each_group() -> None:
    values = np.array([[1.0, 2.0, 30.0, 40.0]])

    assert buckets(values, 2, groups=np.array([[0.0, 0.0, 1.0, 1.0]]))[0].tolist() == [0, 1, 0, 1]


def test_turnover_is_the_share_of_a_bucket_that_is_new() -> None:
    placed = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, NAN]])

    assert quantile_turnover(placed, 2)[1].tolist() == [0.5, 0.5]
    assert quantile_turnover(placed, 2)[2].tolist() == [0.0, 0.0]
    assert quantile_turnover(placed, 2, rows=2)[2].tolist() == [0.0, 0.5]
    assert np.isnan(quantile_turnover(placed, 2)[0]).all()


def test_autocorrelation_is_of_ranks() -> None:
    values = np.array([[1.0, 2.0, 3.0], [10.0, 200.0, 3000.0], [3.0, 2.0, 1.0]])

    assert rank_autocorrelation(values).tolist() == pytest.approx([NAN, 1.0, -1.0], nan_ok=True)
    assert rank_autocorrelation(values, rows=2)[2] == pytest.approx(-1.0)


@pytest.fixture(scope="module")
def skilled() -> tuple[Floats, Floats]:
    """A factor that knows a tenth of the next session's return, which nobody can: planted."""
    chance = np.random.default_rng(7)
    moves = chance.normal(0.0, 0.01, (600, 80))
    close = 50.0 * np.cumprod(1.0 + moves, axis=0)
    hint = np.full(moves.shape, NAN)
    hint[:-2] = moves[2:]
    return hint + chance.normal(0.0, 0.1, moves.shape), close


def test_a_planted_hint_is_found_at_its_horizon_and_fades_as_it_must(skilled: tuple[Floats, Floats]) -> None:
    values, close = skilled

    found = evaluate(values, close, horizons=(1, 5), groups=np.tile(np.arange(80.0) % 4, (600, 1)))

    assert found.summaries[1].mean == pytest.approx(0.1, abs=0.02)
    assert found.summaries[1].t_value > 10.0
    assert found.summaries[5].mean == pytest.approx(0.1 / np.sqrt(5.0), abs=0.02)
    means = np.nanmean(found.bucket_returns[1], axis=0)
    assert means[4] > means[2] > means[0]
    assert np.nanmean(found.long_short(1)) == pytest.approx(means[4] - means[0])
    assert sorted(found.by_group) == [0, 1, 2, 3]
    assert abs(float(np.nanmean(found.autocorrelation))) < 0.02
    assert found.coverage[0] == 1.0
    assert found.coverage[-1] == 0.0


def test_noise_is_not_found(skilled: tuple[Floats, Floats]) -> None:
    noise = np.random.default_rng(70).normal(size=skilled[1].shape)

    assert abs(evaluate(noise, skilled[1], horizons=(1,)).summaries[1].t_value) < 3.0


def test_a_mask_leaves_out_what_is_no_member(skilled: tuple[Floats, Floats]) -> None:
    values, close = skilled
    mask = np.ones(values.shape, dtype=np.bool_)
    mask[:, 40:] = False

    found = evaluate(values, close, horizons=(1,), mask=mask)

    assert np.allclose(found.coefficients[1], evaluate(values[:, :40], close[:, :40], horizons=(1,)).coefficients[1], equal_nan=True)


def test_what_makes_no_sense_is_refused() -> None:
    close = np.ones((5, 4))
    with pytest.raises(Rejected, match="horizon 0"):
        forward_returns(close, 0)
    with pytest.raises(Rejected, match="rising"):
        evaluate(close, close, horizons=(5, 1))
    with pytest.raises(Rejected, match="quantiles: 1"):
        buckets(close, 1)
    with pytest.raises(Rejected, match="shapes"):
        information_coefficient(close, np.ones((5, 3)))
