"""Indicators on whole arrays: (times,) or (times, instruments) in, the same shape out, NaN until enough bars are there.

A row whose inputs hold a NaN is a bar that did not trade: values are computed over the bars that did, and are NaN at that row.
Results may be shared between askers and are then read-only: copy before writing. `incremental.py` has the same names per bar.
The families: `average`, `oscillator`, `band`, `level`, `cross`; all of TA-Lib by name through `talib_function`.
"""

from __future__ import annotations

from tradewinds.factors.average import (
    dema,
    ema,
    highest,
    hma,
    ht_trendline,
    kama,
    linearreg,
    linearreg_angle,
    linearreg_intercept,
    linearreg_slope,
    lowest,
    midpoint,
    rolling_sum,
    sar,
    sma,
    tema,
    trima,
    tsf,
    typical_price,
    vwma,
    wilder,
    wma,
)  # fmt: skip
from tradewinds.factors.band import (
    atr,
    bbands,
    donchian,
    ichimoku,
    keltner,
    natr,
    realised_volatility,
    stddev,
    supertrend,
    trange,
    var,
    vwap,
    zscore,
)  # fmt: skip
from tradewinds.factors.cross import above, crossed_above, crossed_below
from tradewinds.factors.level import support_resistance, td_sequential
from tradewinds.factors.oscillator import (
    ad,
    adosc,
    adx,
    aroon,
    beta,
    bop,
    cci,
    cmo,
    correl,
    macd,
    mfi,
    minus_di,
    mom,
    obv,
    plus_di,
    ppo,
    roc,
    rsi,
    stoch,
    stochf,
    stochrsi,
    trix,
    ultosc,
    willr,
)  # fmt: skip
from tradewinds.factors.talib_door import TalibCall, talib_function, talib_functions

__all__ = [
    "TalibCall", "above", "ad", "adosc", "adx", "aroon", "atr", "bbands", "beta", "bop", "cci", "cmo", "correl", "crossed_above",
    "crossed_below", "dema", "donchian", "ema", "highest", "hma", "ht_trendline", "ichimoku", "kama", "keltner", "linearreg",
    "linearreg_angle", "linearreg_intercept", "linearreg_slope", "lowest", "macd", "mfi", "midpoint", "minus_di", "mom", "natr", "obv",
    "plus_di", "ppo", "realised_volatility", "roc", "rolling_sum", "rsi", "sar", "sma", "stddev", "stoch", "stochf", "stochrsi",
    "supertrend", "support_resistance", "talib_function", "talib_functions", "td_sequential", "tema", "trange", "trima", "trix", "tsf",
    "typical_price", "ultosc", "var", "vwap", "vwma", "wilder", "willr", "wma", "zscore",
]  # fmt: skip
