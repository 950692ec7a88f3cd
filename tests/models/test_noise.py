"""Where there is nothing to know, no more than chance allows is found: at most 68 of 1,000 at the 5 % level, the 99 % binomial band."""

from __future__ import annotations

import math

import numpy as np

from tradewinds.models.label import label_of
from tradewinds.models.promotion import Rule, promotion
from tradewinds.models.sample import sample_of
from tradewinds.models.significance import noise_passes_max
from tradewinds.models.split import WalkForward, walk_forward
from tradewinds.models.train import train_folds
from tradewinds.performance.sharpe import probabilistic_sharpe

DAY_NS = 86_400_000_000_000
HOW = WalkForward(train=60, test=60)
TRIALS = 1_000


def test_of_a_thousand_models_of_noise_at_most_68_pass() -> None:
    passed = proposed = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        prices = 100.0 * np.exp(np.cumsum(rng.standard_t(4, (190, 10)) * 0.01, axis=0))
        times = np.arange(1, 191) * DAY_NS
        label = label_of({"kind": "forward_return", "horizon": 3}, times, prices)
        sample = sample_of(("a", "b"), tuple("ABCDEFGHIJ"), times, rng.normal(size=(190, 10, 2)), label)
        found = train_folds(sample, {"kind": "ridge"}, walk_forward(sample, HOW))
        passed += found.score().p <= 0.05
        proposed += promotion(found, None, Rule(sessions_min=20), trials=20).is_proposed

    assert passed <= noise_passes_max(TRIALS) == 68
    assert passed >= 32  # a test that nothing passes would prove nothing
    assert proposed <= 10  # one in four hundred, where twenty were tried


def test_of_a_thousand_strategies_of_noise_at_most_68_pass() -> None:
    passed = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        returns = rng.standard_t(4, 500) * 0.01
        held = np.sign(np.convolve(rng.normal(size=504), np.ones(5), "valid"))  # turned over every few days, knowing nothing
        passed += probabilistic_sharpe(held * returns) >= 0.95

    assert passed <= noise_passes_max(TRIALS)
    assert passed >= 32


def test_the_band_is_the_binomials() -> None:
    def share(k: int) -> float:
        ways = math.lgamma(1001) - math.lgamma(k + 1) - math.lgamma(1001 - k)
        return math.exp(ways + k * math.log(0.05) + (1000 - k) * math.log(0.95))

    assert sum(share(k) for k in range(32, 69)) > 0.99 > sum(share(k) for k in range(34, 67))
