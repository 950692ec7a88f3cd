"""How much is luck: the numbers printed in the papers, noise that is told from skill, and resampling that repeats with its seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.bootstrap import block_length, interval, stationary_indices, superior_ability
from tradewinds.performance.overfitting import block_statistics, overfitting
from tradewinds.performance.sharpe import (
    average_correlation,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_error,
    sharpe_probability,
)
from tradewinds.performance.track_record import Floats


def noise(seed: int, trials: int, periods: int = 1000) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


def test_the_numerical_example_of_the_deflated_sharpe_ratio() -> None:
    """Bailey & Lopez de Prado (2014): 5 years of 250 days, 2.5 a year, best of 100 trials whose ratios have a variance of 1/2 a year."""
    ratio, deviation = 2.5 / math.sqrt(250), math.sqrt(0.5 / 250)

    assert expected_maximum(100, deviation) == pytest.approx(0.1132, abs=0.00005)
    assert deflated_sharpe(ratio, 1250, 100, deviation, -3, 10) == pytest.approx(0.9004, abs=0.00005)
    assert deflated_sharpe(ratio, 1250, 46, deviation, -3, 10) == pytest.approx(0.9505, abs=0.00005)
    assert deflated_sharpe(ratio, 1250, 88, deviation) == pytest.approx(0.9505, abs=0.00005)  # were it normal


def test_the_numerical_examples_of_the_probabilistic_sharpe_ratio() -> None:
    """Bailey & Lopez de Prado (2012): 24 months at 0.458 a month, then with skewness -2.448 and kurtosis 10.164."""
    assert sharpe_probability(0.458, 24) == pytest.approx(0.982, abs=0.0005)
    assert sharpe_probability(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=0.0005)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_how_long_two_a_year_must_last_to_be_above_one(periods: int, years: float) -> None:
    """The paper's table of minimum track records at 95 %."""
    found = minimum_track_record(2 / math.sqrt(periods), above=1 / math.sqrt(periods)) / periods

    assert found == pytest.approx(years, abs=0.005)


def test_a_minimum_track_record_reaches_its_confidence() -> None:
    periods = minimum_track_record(0.1, -0.5, 5.0, confidence=0.9)

    assert sharpe_probability(0.1, round(periods), -0.5, 5.0) == pytest.approx(0.9, abs=0.001)
    assert minimum_track_record(2 / 12**0.5, -0.72, 5.78, above=1 / 12**0.5) / 12 == pytest.approx(4.99, abs=0.005)
    assert math.isnan(minimum_track_record(0.1, above=0.1))
    with pytest.raises(Rejected, match="confidence 1, expected one between 0 and 1"):
        minimum_track_record(0.1, confidence=1)


def test_the_expected_maximum_is_that_of_simulated_trials() -> None:
    drawn = np.random.default_rng(7).normal(size=(4000, 50)).max(axis=1).mean()

    assert expected_maximum(50, 1.0) == pytest.approx(drawn, rel=0.02)
    assert expected_maximum(1, 1.0) == 0.0
    with pytest.raises(Rejected, match=r"0\.5 trials, expected at least 1"):
        expected_maximum(0.5, 1.0)


def test_the_standard_error_is_that_of_simulated_records() -> None:
    drawn = np.random.default_rng(3).normal(0.1, 1.0, (4000, 250))
    ratios = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)

    assert sharpe_error(0.1, 250) == pytest.approx(ratios.std(), rel=0.03)


def test_the_best_of_noise_is_not_deflated_into_skill_but_an_edge_is() -> None:
    lucky = skilled = 0
    for seed in range(20):
        trials = noise(seed, 50)
        for edge in (0.0, 0.0025):
            trials[:, 7] += edge
            ratios = trials.mean(axis=0) / trials.std(axis=0, ddof=1)
            chance = deflated_sharpe(float(ratios.max()), 1000, 50, float(np.delete(ratios, 7).std(ddof=1)))
            lucky += edge == 0 and chance > 0.95
            skilled += edge > 0 and chance > 0.95

    assert lucky <= 2
    assert skilled >= 18


def test_correlated_trials_are_fewer() -> None:
    common = np.random.default_rng(1).normal(size=(2000, 1))
    own = np.random.default_rng(2).normal(size=(2000, 40))

    found = average_correlation(common + own)  # 1 / (1 + 1)

    assert found == pytest.approx(0.5, abs=0.03)
    assert found == pytest.approx((np.corrcoef((common + own).T).sum() - 40) / (40 * 39))
    assert effective_trials(40, 0.5) == 20.5
    assert effective_trials(40, -0.2) == 40
    assert effective_trials(40, 1.0) == 1.0
    assert effective_trials(1, 0.5) == 1
    assert math.isnan(average_correlation(np.ones((10, 3))))


def test_a_short_or_still_record_has_no_probability() -> None:
    assert math.isnan(probabilistic_sharpe(np.array([0.01, 0.02])))
    assert math.isnan(probabilistic_sharpe(np.full(10, 0.01)))


def test_noise_is_overfit_about_half_of_the_time() -> None:
    found = [overfitting(block_statistics(noise(seed, 20), 8)).probability for seed in range(60)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_an_edge_is_not_overfit() -> None:
    trials = noise(1, 50)
    trials[:, 7] += 0.002

    found = overfitting(block_statistics(trials, 16))

    assert found.probability < 0.02
    assert found.loss < 0.02
    assert (found.trials, found.blocks, len(found.ranks)) == (50, 16, 12_870)
    assert (found.logits[found.ranks > 0.5] > 0).all()


def test_what_wins_one_half_of_two_and_loses_the_other_is_overfit() -> None:
    good, bad = np.array([0.01, 0.03]), np.array([-0.03, -0.01])
    trials = np.stack([np.concatenate([good, bad]), np.concatenate([bad, good]), np.array([0.001, -0.001, 0.001, -0.001])], axis=1)

    found = overfitting(block_statistics(trials, 2))

    assert found.probability == 1.0
    assert found.loss == 1.0
    assert found.ranks.tolist() == [0.25, 0.25]  # last of three: 1 / (3 + 1)
    assert found.inside == pytest.approx([2**0.5, 2**0.5])
    assert found.outside == pytest.approx([-(2**0.5), -(2**0.5)])


def test_statistics_of_blocks_are_count_sum_and_sum_of_squares() -> None:
    found = block_statistics(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), 2)

    assert found.tolist() == [[[3.0, 6.0, 14.0], [2.0, 9.0, 41.0]]]


def test_trials_that_are_ruined_are_left_out_and_counted() -> None:
    sets = block_statistics(noise(4, 10), 4)
    sets[3, 2, 1] = np.nan

    found = overfitting(sets)

    assert (found.trials, found.dropped) == (9, 1)
    with pytest.raises(DataFault, match="1 of 10 trials have finite statistics, expected at least 2"):
        overfitting(np.where(np.arange(10)[:, None, None] > 0, np.nan, sets))


def test_trials_that_all_stand_still_are_all_alike() -> None:
    found = overfitting(block_statistics(np.zeros((40, 5)), 4))

    assert found.ranks.tolist() == [0.5] * 6
    assert found.probability == 1.0  # the chosen one does not beat the median
    assert math.isnan(found.slope)


@pytest.mark.parametrize("blocks", [3, 0, 22])
def test_blocks_that_do_not_halve_are_refused(blocks: int) -> None:
    with pytest.raises(Rejected, match=f"{blocks} blocks, expected an even number from 2 to 20"):
        overfitting(np.zeros((5, blocks, 3)))
    with pytest.raises(Rejected, match="10 periods in 6 blocks, expected at least 2 periods a block"):
        block_statistics(np.zeros((10, 2)), 6)


def test_pieces_of_the_bootstrap_have_their_mean_length() -> None:
    indices = stationary_indices(20_000, 10.0, np.random.default_rng(0))

    jumps = (np.diff(indices) % 20_000) != 1
    assert 1 / jumps.mean() == pytest.approx(10, rel=0.05)
    assert set(indices) <= set(range(20_000))


def test_an_interval_repeats_with_its_seed_and_holds_the_truth() -> None:
    def found(seed: int, record: int) -> tuple[float, float]:
        returns = np.random.default_rng(record).normal(0.0005, 0.01, 1000)
        made = interval(returns, "mean", np.random.default_rng(seed), periods_per_year=252, samples=300)
        return made.low, made.high

    assert found(1, 1) == found(1, 1) != found(2, 1)
    held = [low <= 0.0005 <= high for low, high in (found(0, record) for record in range(40))]
    assert sum(held) >= 35  # 95 % of 40 is 38


def test_the_error_of_a_mean_is_that_of_independent_returns() -> None:
    returns = np.random.default_rng(5).normal(0.0, 0.01, 2000)

    made = interval(returns, "mean", np.random.default_rng(0), periods_per_year=252, block=1.0)

    assert made.error == pytest.approx(returns.std() / math.sqrt(2000), rel=0.08)
    assert made.estimate == returns.mean()


@pytest.mark.parametrize("statistic", ["sharpe", "annual_return", "max_drawdown"])
def test_other_figures_have_intervals_too(statistic: str) -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.01, 500)

    made = interval(returns, statistic, np.random.default_rng(0), periods_per_year=252, samples=200)  # type: ignore[arg-type] # a parameter

    assert made.low < made.high
    assert made.error > 0


def test_the_block_length_is_the_theory_s_for_an_autoregression() -> None:
    shocks = np.random.default_rng(4).normal(size=5000)
    series = np.zeros(5000)
    for at in range(1, 5000):
        series[at] = 0.5 * series[at - 1] + shocks[at]

    # G = 4 s, g(0) = 3 s: (2 x 16 / 18 x 5000) ^ (1 / 3)
    assert block_length(series) == pytest.approx((16 / 9 * 5000) ** (1 / 3), rel=0.15)
    assert block_length(shocks) < 4
    assert block_length(np.ones(50)) == 1.0


def test_no_strategy_of_noise_is_superior_but_one_with_an_edge_is() -> None:
    chances = [superior_ability(noise(seed, 20, 300), np.random.default_rng(0), samples=200).consistent for seed in range(20)]
    assert sum(chance < 0.05 for chance in chances) <= 4

    trials = noise(5, 50)
    trials[:, 3] += 0.002
    found = superior_ability(trials, np.random.default_rng(0), samples=300)
    assert found.best == 3
    assert found.lower <= found.consistent <= found.upper < 0.01


def test_what_cannot_be_resampled_is_refused() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(DataFault, match="9 returns, expected at least 10"):
        interval(np.zeros(9), "mean", generator, periods_per_year=252)
    with pytest.raises(Rejected, match="statistic 'median', expected one of mean, sharpe, annual_return, max_drawdown"):
        interval(np.zeros(20), "median", generator, periods_per_year=252)  # type: ignore[arg-type] # that is the point
    with pytest.raises(DataFault, match="no resample of 20 returns has a sharpe"):
        interval(np.zeros(20), "sharpe", generator, periods_per_year=252)
    with pytest.raises(DataFault, match="no strategy ever differs from the benchmark"):
        superior_ability(np.zeros((20, 2)), generator)
    with pytest.raises(Rejected, match=r"pieces of 0\.5 of 20 periods"):
        stationary_indices(20, 0.5, generator)
