"""200 features of 500 instruments over ten years, beside the same in pandas, and beside what TA-Lib and polars have of them.

The features are twelve families of windows, some of them ranked or scaled across instruments; each family comes in many lengths. pandas
takes long enough that it computes `PANDAS_EACH` lengths of a family; its time is scaled by the number of lengths, because a
rolling function of pandas takes the same time for every length. Every family is compared cell by cell with pandas before anything is timed.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import talib
from numpy.typing import NDArray

from benchmarks import market_data as market
from tradewinds.factors.features import FeatureSet, feature_set
from tradewinds.history.panel import Panel

Floats = NDArray[np.float64]
Frame = pd.DataFrame

NS_PER_DAY = 86_400_000_000_000
PANDAS_EACH = 2  # lengths of each family


@dataclass(frozen=True, slots=True)
class Prices:
    """What the features are computed of, as an array and as pandas frames (times, instruments)."""

    close: Frame
    volume: Frame
    returns: Frame
    market: pd.Series


@dataclass(frozen=True, slots=True)
class Family:
    """One feature in many lengths; `text` holds {n}."""

    text: str
    lengths: tuple[int, ...]
    by_pandas: Callable[[Prices, int], Frame]


def _least(n: int) -> int:
    return math.ceil(0.75 * n)


def _row_zscore(x: Frame) -> Frame:
    return x.sub(x.mean(axis=1), axis=0).div(x.std(axis=1), axis=0)


def _row_rank(x: Frame) -> Frame:
    return x.rank(axis=1).sub(1).div(x.count(axis=1) - 1, axis=0)


def _winsorised(x: Frame) -> Frame:
    return x.clip(x.quantile(0.025, axis=1), x.quantile(0.975, axis=1), axis=0)


def _beta(p: Prices, n: int) -> Frame:
    """By sums of products, five times faster than pandas' own rolling covariance."""
    own, other = p.returns, p.market
    both = own.mul(other, axis=0).rolling(n, min_periods=_least(n)).mean()
    squares, level = ((other * other).rolling(n, min_periods=_least(n)).mean(), other.rolling(n, min_periods=_least(n)).mean())
    return both.sub(own.rolling(n, min_periods=_least(n)).mean().mul(level, axis=0)).div(squares - level**2, axis=0)


def _dollar_volume(p: Prices, n: int) -> Frame:
    return (p.close * p.volume).rolling(n, min_periods=_least(n)).mean().apply(np.log)


def _skew(p: Prices, n: int) -> Frame:
    return p.returns.rolling(n, min_periods=n).skew() * ((n - 2) / math.sqrt(n * (n - 1)))


def _families(scale: int) -> tuple[Family, ...]:
    """scale: 1 for the 200 features, 5 for a fifth of them."""

    def of(count: int, begin: int, step: int) -> tuple[int, ...]:
        return tuple(range(begin, begin + step * count, step))[:: min(scale, count)]

    return (
        Family("returns(close, {n})", of(25, 1, 10), lambda p, n: p.close / p.close.shift(n) - 1),
        Family("volatility({n})", of(25, 10, 10), lambda p, n: p.returns.rolling(n, min_periods=_least(n)).std()),
        Family("close / mean(close, {n}) - 1", of(25, 5, 10), lambda p, n: p.close / p.close.rolling(n, min_periods=_least(n)).mean() - 1),
        Family("close / highest(close, {n})", of(20, 10, 12), lambda p, n: p.close / p.close.rolling(n, min_periods=_least(n)).max()),
        Family("close / lowest(close, {n})", of(10, 10, 25), lambda p, n: p.close / p.close.rolling(n, min_periods=_least(n)).min()),
        Family("rank(returns(close, {n}))", of(25, 1, 10), lambda p, n: _row_rank(p.close / p.close.shift(n) - 1)),
        Family("zscore(volatility({n}))", of(20, 10, 10), lambda p, n: _row_zscore(p.returns.rolling(n, min_periods=_least(n)).std())),
        Family(
            "zscore(winsorise(momentum({n}, 3)))", of(15, 11, 15),
            lambda p, n: _row_zscore(_winsorised(p.close.shift(3) / p.close.shift(n) - 1)),
        ),
        Family("beta({n})", of(10, 30, 22), _beta),
        Family(
            "amihud({n})", of(10, 5, 20),
            lambda p, n: (p.returns.abs() / (p.close * p.volume)).rolling(n, min_periods=_least(n)).mean() * 1e6,
        ),
        Family("dollar_volume({n})", of(10, 5, 20), _dollar_volume),
        Family("skew({n})", of(5, 21, 50), _skew),
    )  # fmt: skip


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 60 instruments, 600 sessions, a fifth of the features."""
    times, width, scale, rounds = (600, 60, 5, 1) if quick else (2520, 500, 1, 3)
    panel, prices = made(times, width)
    families = _families(scale)
    features = feature_set("bench", {one.text.format(n=n): one.text.format(n=n) for one in families for n in one.lengths})
    features.compute(made(300, 4)[0])  # compiled before it is timed
    _agree(families, panel, prices)
    alone = min(_seconds(lambda: features.compute(panel)) for _ in range(rounds))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        own = min(_seconds(lambda: features.compute(panel, mapped=pool.map)) for _ in range(rounds))
    floor = min(_seconds(lambda: np.empty((len(features.factors), times, width)).fill(1.0)) for _ in range(rounds))
    last = int(panel.times[-1])
    night = min(_seconds(lambda: features.compute(panel, since_ns=last)) for _ in range(rounds + 2))
    many = _many(count := 200 if quick else 2_000)
    tenth = min(_seconds(lambda: many.compute(panel, since_ns=last)) for _ in range(rounds))
    pandas = _pandas_seconds(families, prices)
    beside = _beside(panel, rounds)
    number = len(features.factors)
    return {
        "figures": {
            "features": number, "all_s": round(own, 3), "all_one_thread_s": round(alone, 3), "one_more_night_s": round(night, 4),
            "cells_per_s": round(number * times * width / own), "floor_memory_written_once_s": round(floor, 3),
            "night_of_many_features": count, "night_of_many_s": round(tenth, 3),
            "night_of_20000_extrapolated_s": round(tenth / count * 20_000, 2),
        },
        "peers": {"pandas_scaled_s": round(pandas, 2)} | {name: round(value, 3) for name, value in beside.items()},
        "reach": {
            "faster_than_pandas": market.reach(pandas / own, 10.0, at_least=True),
            "windows_to_polars_alone": market.reach(beside["own_windows_s"] / beside["polars_windows_s"], 1.0),
            "windows_to_talib_alone": market.reach(beside["own_windows_s"] / beside["talib_windows_s"], 1.0),
        },
        "machine": market.machine() | {"instruments": width, "sessions": times, "rounds": rounds},
    }  # fmt: skip


def made(times: int, width: int) -> tuple[Panel, Prices]:
    """A panel of walks and the same in pandas."""
    chance = np.random.default_rng(market.SEED)
    close = 50.0 * np.exp(np.cumsum(chance.normal(0.0, 0.02, (times, width)), axis=0))
    volume = np.round(1e6 * chance.random((times, width))) + 1.0
    start = np.arange(times, dtype=np.int64) * NS_PER_DAY
    known = np.repeat(start[:, None] + NS_PER_DAY, width, axis=1)
    panel = Panel(tuple(f"S{i:04d}" for i in range(width)), start, start + NS_PER_DAY, known, {"close": close, "volume": volume})
    returns = pd.DataFrame(close).pct_change(fill_method=None)
    return panel, Prices(pd.DataFrame(close), pd.DataFrame(volume), returns, returns.mean(axis=1))


def _many(count: int) -> FeatureSet:
    """So many features of short windows. A night of more of them takes longer in proportion: each step is walked by itself."""
    kinds = (
        "rank(returns(close, {n}))", "zscore(volatility({n}))", "close / mean(close, {n}) - 1", "zscore(winsorise(momentum({n}, 3)))",
        "rank(amihud({n}))", "close / highest(close, {n})", "rank(dollar_volume({n}))", "beta({n})",
    )  # fmt: skip
    texts = [kind.format(n=n) for n in range(5, 5 + count // len(kinds)) for kind in kinds]
    return feature_set("many", {text: text for text in texts})


def _agree(families: tuple[Family, ...], panel: Panel, prices: Prices) -> None:
    for one in families:
        n = one.lengths[len(one.lengths) // 2]
        ours = feature_set("one", {"x": one.text.format(n=n)}).compute(panel).feature("x")
        theirs = one.by_pandas(prices, n).to_numpy()
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        assert both[-1].all(), one.text
        assert np.allclose(ours[both], theirs[both], rtol=1e-6, atol=1e-9), one.text


def _pandas_seconds(families: tuple[Family, ...], prices: Prices) -> float:
    total = 0.0
    kept: list[Frame] = []  # ours are kept as well: memory that is written for the first time costs both sides
    for one in families:
        chosen = one.lengths[:: max(1, len(one.lengths) // PANDAS_EACH)][:PANDAS_EACH]
        begin = time.perf_counter()
        kept += [one.by_pandas(prices, n) for n in chosen]
        total += (time.perf_counter() - begin) / len(chosen) * len(one.lengths)
    return total


def _beside(panel: Panel, rounds: int) -> dict[str, float]:
    """Mean, deviation, highest and lowest of the close over five lengths: what TA-Lib and polars have themselves."""
    close, lengths = panel.close, (10, 20, 60, 120, 250)
    wide = pl.DataFrame({name: close[:, index] for index, name in enumerate(panel.instruments)})
    texts = [f"{kind}(close, {n})" for kind in ("mean", "deviation", "highest", "lowest") for n in lengths]
    windows: FeatureSet = feature_set("windows", {text: text for text in texts})
    windows.compute(panel)
    columns = [np.ascontiguousarray(close[:, index]) for index in range(close.shape[1])]

    def by_talib() -> list[Floats]:
        calls: list[Any] = [talib.SMA, talib.STDDEV, talib.MAX, talib.MIN]
        return [np.column_stack([call(one, n) for one in columns]) for call in calls for n in lengths]

    def by_polars() -> list[pl.DataFrame]:
        each = pl.all()
        kinds = (each.rolling_mean, each.rolling_std, each.rolling_max, each.rolling_min)
        return [wide.select(kind(n)) for kind in kinds for n in lengths]

    return {
        "own_windows_s": min(_seconds(lambda: windows.compute(panel)) for _ in range(rounds)),
        "talib_windows_s": min(_seconds(by_talib) for _ in range(rounds)),
        "polars_windows_s": min(_seconds(by_polars) for _ in range(rounds)),
    }


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(run()))
