"""Indicators bar by bar: the names and values of `indicator.py`, for event strategies.

    average = Sma(20)
    value = average.update(bar.close)    # NaN until 20 bars were there

Each has `update`, `value` (the last answer), `is_ready`, `state()` (JSON values) and `restore(state)`. Those that never quite forget have
`warmup(error)`: the bars after which what came before them weighs at most `error`.
"""

from __future__ import annotations

from tradewinds.factors.incremental_average import Ema, Highest, Lowest, Mom, Roc, Sma, Smoothing, Wilder, Wma
from tradewinds.factors.incremental_band import (
    Atr,
    Bbands,
    Donchian,
    Ichimoku,
    Keltner,
    Natr,
    RealisedVolatility,
    Stddev,
    Trange,
    Vwap,
    Zscore,
)  # fmt: skip
from tradewinds.factors.incremental_level import SupportResistance, TdSequential
from tradewinds.factors.incremental_oscillator import Adx, Cci, Macd, Mfi, Obv, Rsi, Stoch, Willr
from tradewinds.factors.incremental_state import Incremental

__all__ = [
    "Adx", "Atr", "Bbands", "Cci", "Donchian", "Ema", "Highest", "Ichimoku", "Incremental", "Keltner", "Lowest", "Macd", "Mfi", "Mom",
    "Natr", "Obv", "RealisedVolatility", "Roc", "Rsi", "Sma", "Smoothing", "Stddev", "Stoch", "SupportResistance", "TdSequential",
    "Trange", "Vwap", "Wilder", "Willr", "Wma", "Zscore",
]  # fmt: skip
