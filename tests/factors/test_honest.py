"""Planted leaks are caught, and honest factors pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.expression import parse
from tradewinds.factors.factor import Factor
from tradewinds.factors.honest import check_factor

Floats = NDArray[np.float64]
Leaf = Callable[[Floats], Floats]


@pytest.fixture
def fields() -> dict[str, Floats]:
    close = 10.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, (900, 5)), axis=0))
    close[:50, 2] = np.nan
    close[700:, 3] = np.nan
    return {"close": close, "volume": close * 1e4, "sector": np.tile(np.arange(5.0) % 2, (900, 1))}


def factor_of(leaf: Leaf, lookback: int) -> Factor:
    def compute(given: Mapping[str, Floats]) -> Floats:
        return leaf(given["close"])

    return Factor("own", ("close",), lookback, compute)


def next_return(close: Floats) -> Floats:
    out = np.full(close.shape, np.nan)
    out[:-1] = close[1:] / close[:-1] - 1.0
    return out


def filled_backward(close: Floats) -> Floats:
    out = close.copy()
    for row in range(len(out) - 2, -1, -1):
        out[row] = np.where(np.isnan(out[row]), out[row + 1], out[row])
    return out


LEAKS: dict[str, Leaf] = {
    "the return of tomorrow": next_return,
    "scaled by the mean of all sessions": lambda close: close / np.nanmean(close, axis=0),
    "the rank in its whole history": lambda close: np.argsort(np.argsort(close, axis=0), axis=0) / len(close),
    "gaps filled from behind": filled_backward,
    "only those that survive": lambda close: np.where(np.isnan(close[-1]), np.nan, close),
    "centred window": lambda close: np.apply_along_axis(np.convolve, 0, close, np.ones(5) / 5, "same"),
}


@pytest.mark.parametrize("name", sorted(LEAKS))
def test_a_planted_leak_is_caught(name: str, fields: dict[str, Floats]) -> None:
    with pytest.raises(Rejected, match="changes with what came after it"):
        check_factor(factor_of(LEAKS[name], 5), fields)


def test_a_lookback_that_is_too_short_is_caught(fields: dict[str, Floats]) -> None:
    def since_ten(close: Floats) -> Floats:
        out = np.full(close.shape, np.nan)
        out[10:] = close[10:] / close[:-10] - 1.0
        return out

    check_factor(factor_of(since_ten, 10), fields)
    with pytest.raises(Rejected, match="expected its lookback to be 9"):
        check_factor(factor_of(since_ten, 9), fields)


@pytest.mark.parametrize("text", ["rank(-reversal(5))", "zscore(momentum(100, 21))", "rsi(14)", "neutralise(beta(60), sector)", "obv()"])
def test_factors_of_the_library_pass(text: str, fields: dict[str, Floats]) -> None:
    check_factor(parse(text), fields)


def test_too_little_to_try_it_on_is_refused(fields: dict[str, Floats]) -> None:
    with pytest.raises(Rejected, match="tried on 100 sessions, expected more than its lookback of 252"):
        check_factor(parse("momentum()"), {"close": fields["close"][:100]})
