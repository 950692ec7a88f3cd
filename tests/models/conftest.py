"""A made market: 20 instruments over 700 days whose returns two days after a decision follow the feature `true` as it was then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.models.label import Label, label_of
from tradewinds.models.sample import Sample, sample_of

DAY_NS = 86_400_000_000_000

NAMES = ("true", "noise_1", "noise_2", "noise_3")


@dataclass(frozen=True)
class Market:
    """times: (T,). prices: (T, N). features: (T, N, 4)."""

    times: NDArray[np.int64]
    prices: NDArray[np.float64]
    features: NDArray[np.float64]

    @property
    def universe(self) -> tuple[str, ...]:
        return tuple(f"I{number}.XNYS" for number in range(self.prices.shape[1]))

    def label(self, **spec: object) -> Label:
        return label_of({"kind": "forward_return", "horizon": 5, **spec}, self.times, self.prices)

    def sample(self, **spec: object) -> Sample:
        return sample_of(NAMES, self.universe, self.times, self.features, self.label(**spec))


def made_market(seed: int, *, times: int = 700, instruments: int = 20, strength: float = 0.002) -> Market:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(times, instruments, len(NAMES)))
    returns = rng.normal(0.0, 0.01, (times, instruments))
    returns[2:] += strength * features[:-2, :, 0]
    return Market(np.arange(1, times + 1) * DAY_NS, 100.0 * np.exp(np.cumsum(returns, axis=0)), features)


@pytest.fixture(scope="session")
def market() -> Market:
    return made_market(1)


@pytest.fixture(scope="session")
def sample(market: Market) -> Sample:
    return market.sample()
