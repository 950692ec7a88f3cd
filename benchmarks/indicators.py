"""Indicators over a million bars, over 100 instruments, bar by bar and in a sweep, beside TA-Lib, polars and pandas."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import talib
from numpy.typing import NDArray

from benchmarks import market_data as market
from tradewinds.factors import incremental as per_bar
from tradewinds.factors import indicator as ta

Floats = NDArray[np.float64]


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: a tenth of the bars."""
    bars, wide, rounds = (100_000, 10_000, 5) if quick else (1_000_000, 100_000, 7)
    chance = np.random.default_rng(market.SEED)
    one = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 4e-4, bars))), 2)
    many = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 4e-4, (wide, 100)), axis=0)), 2)
    long = market.alternated_ms(_one_instrument(one), rounds=rounds)
    panel = market.alternated_ms(_many_instruments(many), rounds=rounds)
    kept = market.alternated_ms(_sweep(one[:100_000]), rounds=3)
    each = _per_bar(one[:100_000])
    own = {name: value for name, value in (long | panel | kept).items() if name.startswith("own")}
    return {
        "figures": {name: round(value, 3) for name, value in (own | each).items()},
        "peers": {name: round(value, 3) for name, value in (long | panel).items() if not name.startswith("own")},
        "reach": {
            "sma_1m_to_talib": market.reach(long["own_sma_ms"] / long["talib_sma_ms"], 2.0),
            "sma_100_instruments_to_polars": market.reach(panel["own_sma_100_ms"] / panel["polars_sma_100_ms"], 0.5),
            "kept_results_to_computing_anew": market.reach(kept["own_sweep_kept_ms"] / kept["own_sweep_anew_ms"], 0.7),
        },
        "machine": market.machine() | {"bars": bars, "instruments": 100, "wide_bars": wide, "rounds": rounds},
    }


def _one_instrument(close: Floats) -> dict[str, Callable[[int], Any]]:
    series, frame = pd.Series(close), pl.Series(close)
    high, low = close * 1.001, close * 0.999
    return {
        "own_sma_ms": lambda n: ta.sma(close, 20 + n),
        "talib_sma_ms": lambda n: talib.SMA(close, 20 + n),
        "polars_sma_ms": lambda n: frame.rolling_mean(20 + n),
        "pandas_sma_ms": lambda n: series.rolling(20 + n).mean(),
        "own_ema_ms": lambda n: ta.ema(close, 20 + n),
        "talib_ema_ms": lambda n: talib.EMA(close, 20 + n),
        "pandas_ema_ms": lambda n: series.ewm(span=20 + n, adjust=False).mean(),
        "own_rsi_ms": lambda n: ta.rsi(close, 14 + n),
        "talib_rsi_ms": lambda n: talib.RSI(close, 14 + n),
        "own_atr_ms": lambda n: ta.atr(high, low, close, 14 + n),
        "talib_atr_ms": lambda n: talib.ATR(high, low, close, 14 + n),
        "own_stddev_ms": lambda n: ta.stddev(close, 20 + n),
        "talib_stddev_ms": lambda n: talib.STDDEV(close, 20 + n),
        "pandas_stddev_ms": lambda n: series.rolling(20 + n).std(ddof=0),
    }


def _many_instruments(close: Floats) -> dict[str, Callable[[int], Any]]:
    frame = pd.DataFrame(close)
    columns = pl.DataFrame(close)
    gaps = close.copy()
    gaps[: len(close) // 3, ::2] = np.nan

    def by_talib(n: int) -> Floats:
        return np.column_stack([talib.SMA(np.ascontiguousarray(close[:, column]), 20 + n) for column in range(close.shape[1])])

    return {
        "own_sma_100_ms": lambda n: ta.sma(close, 20 + n),
        "own_sma_100_with_late_listings_ms": lambda n: ta.sma(gaps, 20 + n),
        "own_ema_100_ms": lambda n: ta.ema(close, 20 + n),
        "own_rsi_100_ms": lambda n: ta.rsi(close, 14 + n),
        "own_stddev_100_ms": lambda n: ta.stddev(close, 20 + n),
        "own_highest_100_ms": lambda n: ta.highest(close, 20 + n),
        "own_cci_100_by_column_ms": lambda n: ta.cci(close, close, close, 20 + n),
        "talib_sma_100_ms": by_talib,
        "polars_sma_100_ms": lambda n: columns.select(pl.all().rolling_mean(20 + n)),
        "pandas_sma_100_ms": lambda n: frame.rolling(20 + n).mean(),
    }


def _sweep(close: Floats) -> dict[str, Callable[[int], Any]]:
    """A grid of 20 by 20 averages of one close: on an array that nobody can write, each length is computed once."""
    fixed = close.copy()
    fixed.setflags(write=False)

    def swept(values: Floats) -> int:
        return sum(int(ta.sma(values, fast)[-1] > ta.sma(values, slow)[-1]) for fast in range(5, 25) for slow in range(30, 50))

    return {"own_sweep_kept_ms": lambda n: swept(fixed), "own_sweep_anew_ms": lambda n: swept(close)}


def _per_bar(close: Floats) -> dict[str, float]:
    """Nanoseconds per update in plain Python, the best of five passes, the loop's own share included."""
    values = close.tolist()
    updates: dict[str, Callable[[float], object]] = {
        "sma": per_bar.Sma(20).update, "ema": per_bar.Ema(20).update, "rsi": per_bar.Rsi(14).update,
        "stddev": per_bar.Stddev(20).update, "macd": per_bar.Macd().update,
    }  # fmt: skip
    found = {}
    for name, update in updates.items():
        passes = []
        for _ in range(5):
            begin = time.perf_counter()
            for value in values:
                update(value)
            passes.append(time.perf_counter() - begin)
        found[f"{name}_update_ns"] = min(passes) / len(values) * 1e9
    return found


if __name__ == "__main__":
    print(json.dumps(run()))
