from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tradewinds.core.errors import Rejected
from tradewinds.factors.transform import demean, neutralise, rank, winsorise, zscore

Floats = NDArray[np.float64]
NAN = np.nan


def row(*values: float) -> Floats:
    return np.array([values], dtype=np.float64)


def test_rank_is_the_place_from_0_to_1_and_ties_share_their_mean() -> None:
    assert rank(row(30.0, 10.0, NAN, 20.0, 40.0))[0].tolist() == pytest.approx([2 / 3, 0.0, NAN, 1 / 3, 1.0], nan_ok=True)
    assert rank(row(5.0, 5.0, 1.0)).tolist() == [[0.75, 0.75, 0.0]]
    assert rank(row(7.0, NAN))[0].tolist() == pytest.approx([0.5, NAN], nan_ok=True)


def test_ranks_within_groups_are_those_of_each_group_alone() -> None:
    chance = np.random.default_rng(3)
    values = np.round(chance.normal(size=(50, 40)), 1)
    values[chance.random((50, 40)) < 0.1] = NAN
    groups = chance.integers(0, 4, (50, 40)).astype(np.float64)
    groups[:, 5] = NAN

    found = rank(values, groups=groups)

    for code in range(4):
        inside = groups == code
        alone = rank(np.where(inside, values, NAN))
        assert np.allclose(found[inside], alone[inside], equal_nan=True)
    assert np.isnan(found[:, 5]).all()


def test_ranks_agree_with_scipy() -> None:
    values = np.round(np.random.default_rng(9).normal(size=(30, 25)), 1)

    expected = (stats.rankdata(values, axis=1) - 1.0) / 24.0

    assert np.allclose(rank(values), expected)


def test_ranks_tell_apart_what_differs_in_the_last_bit_alone() -> None:
    chance = np.random.default_rng(1)
    values = 1.0 + chance.integers(-40, 40, (20, 300)) * 2.0**-52
    values[:, ::7] *= -1.0
    values[:, ::11] = NAN
    values[:, 3], values[:, 4], values[:, 5], values[:, 6] = 0.0, -0.0, 5e-324, -5e-324

    known = ~np.isnan(values[0])
    expected = (stats.rankdata(values[:, known], axis=1) - 1.0) / (known.sum() - 1.0)

    assert np.allclose(rank(values)[:, known], expected, atol=1e-15)
    assert np.isnan(rank(values)[:, ~known]).all()


def test_zscore_has_mean_0_and_sample_deviation_1() -> None:
    assert zscore(row(1.0, 2.0, 3.0)).tolist() == [[-1.0, 0.0, 1.0]]
    assert zscore(row(1.0, 1.0, NAN, 3.0, 3.0), groups=row(0, 0, 0, 1, 1))[0].tolist() == pytest.approx([NAN] * 5, nan_ok=True)
    assert zscore(row(1.0, 5.0, 9.0, 10.0, 20.0, 30.0), groups=row(0, 0, 0, 7, 7, 7)).tolist() == [[-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]]


@pytest.mark.parametrize("transform", [zscore, lambda x: neutralise(x, x)])
def test_a_constant_row_is_not_known_or_nothing(transform: object) -> None:
    found = transform(row(0.1, 0.1, 0.1, 0.1))  # type: ignore[operator]  # one of the two above

    assert np.isnan(found).all() or np.abs(found).max() < 1e-15


def test_demean_takes_the_mean_of_the_row_or_of_the_group() -> None:
    assert demean(row(1.0, 2.0, NAN, 6.0))[0].tolist() == pytest.approx([-2.0, -1.0, NAN, 3.0], nan_ok=True)
    assert demean(row(1.0, 2.0, 6.0, 8.0), groups=row(1, 1, 2, NAN))[0].tolist() == pytest.approx([-0.5, 0.5, 0.0, NAN], nan_ok=True)


def test_winsorise_cuts_at_the_quantiles() -> None:
    values = np.r_[np.arange(101.0), NAN][None, :]

    found = winsorise(values, 0.05)

    assert (np.nanmin(found), np.nanmax(found)) == (5.0, 95.0)
    assert found[0, 50] == 50.0
    assert np.isnan(found[0, 101])
    assert winsorise(values, 0.0)[0, :101].tolist() == values[0, :101].tolist()


def test_winsorise_agrees_with_numpys_quantiles() -> None:
    values = np.random.default_rng(4).normal(size=(20, 37))

    low, high = np.quantile(values, [0.07, 0.93], axis=1)

    assert np.allclose(winsorise(values, 0.07), np.clip(values, low[:, None], high[:, None]))


def test_neutralise_leaves_what_least_squares_leaves() -> None:
    chance = np.random.default_rng(8)
    values, first, second = chance.normal(size=(3, 15, 60))
    groups = np.tile(np.arange(60) % 4, (15, 1)).astype(np.float64)
    values[3, 7] = first[4, 9] = groups[5, 11] = NAN

    found = neutralise(values, first, second, groups=groups)

    for t in range(15):
        known = ~np.isnan(values[t] + first[t] + groups[t])
        design = np.column_stack([first[t], second[t], *(groups[t] == code for code in range(4))])[known].astype(np.float64)
        expected = values[t, known] - design @ np.linalg.lstsq(design, values[t, known], rcond=None)[0]
        assert np.allclose(found[t, known], expected, atol=1e-12)
        assert np.isnan(found[t, ~known]).all()


def test_a_regressor_that_follows_from_the_others_counts_for_nothing() -> None:
    values, first = np.random.default_rng(8).normal(size=(2, 5, 40))

    assert np.allclose(neutralise(values, first, 3.0 * first - 2.0, np.full(first.shape, 7.0)), neutralise(values, first), atol=1e-12)


def test_a_row_with_no_more_cells_than_regressors_is_not_known() -> None:
    values, first = np.full((1, 5), NAN), np.ones((1, 5))
    values[0, 2] = 3.0

    assert np.isnan(neutralise(values, first)).all()


def test_only_members_count_and_others_are_not_known() -> None:
    mask = np.array([[True, True, False, True]])

    assert rank(row(1.0, 2.0, 1.5, 3.0), mask=mask)[0].tolist() == pytest.approx([0.0, 0.5, NAN, 1.0], nan_ok=True)
    assert demean(row(1.0, 2.0, 99.0, 3.0), mask=mask)[0].tolist() == pytest.approx([-1.0, 0.0, NAN, 1.0], nan_ok=True)


def test_groups_may_be_any_whole_numbers() -> None:
    assert demean(row(1.0, 3.0, 5.0, 9.0), groups=row(45103010, 45103010, -7, -7)).tolist() == [[-1.0, 1.0, -2.0, 2.0]]


def test_wrong_shapes_and_fractions_are_refused() -> None:
    with pytest.raises(Rejected, match="mask of shape"):
        rank(row(1.0, 2.0), mask=np.ones((1, 3), dtype=np.bool_))
    with pytest.raises(Rejected, match="fraction"):
        winsorise(row(1.0), 0.5)
    with pytest.raises(Rejected, match="shape"):
        rank(np.ones(3))
