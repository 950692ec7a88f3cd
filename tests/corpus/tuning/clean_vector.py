"""Vector strategies that keep to the past."""

import numpy as np

from tradewinds.factors.indicator import (
    above,
    atr,
    bbands,
    crossed_above,
    donchian,
    ema,
    highest,
    lowest,
    macd,
    roc,
    rsi,
    sma,
    stddev,
    td_sequential,
    zscore,
)  # fmt: skip
from tradewinds.trading.strategy import Int, vector


@vector(parameters={"fast": Int(10, 2, 50), "slow": Int(30, 5, 200)}, lookback=lambda p: p.slow)
def sma_cross(panel, params):
    return np.where(above(sma(panel.close, params.fast), sma(panel.close, params.slow)), 1.0, 0.0)


@vector(lookback=220)
def ema_cross_with_warm_up(panel, params):
    return np.where(above(ema(panel.close, 8), ema(panel.close, 20)), 1.0, -1.0)


@vector(lookback=260)
def rsi_reversal(panel, params):
    strength = rsi(panel.close, 14)
    return np.where(strength < 35, 1.0, np.where(strength > 65, -1.0, 0.0))


@vector(lookback=21)
def breakout_of_yesterdays_channel(panel, params):
    upper = highest(panel.high, 20)
    before = np.vstack([np.full((1, panel.shape[1]), np.nan), upper[:-1]])
    return np.where(panel.close > before, 1.0, np.nan)


@vector(lookback=20, targets="weights")
def band_reversal(panel, params):
    score = zscore(panel.close, 20)
    return np.clip(np.nan_to_num(-score) / 3, -1, 1) / panel.shape[1]


@vector(lookback=2)
def yesterdays_direction(panel, params):
    before = np.roll(panel.close, 1, axis=0)
    before[0] = np.nan
    return np.where(panel.close > before, 1.0, 0.0)


@vector(lookback=61, targets="weights", rhythm="month end")
def momentum_of_the_best(panel, params):
    change = roc(panel.close, 60)
    best = change >= np.nanmax(np.where(np.isnan(change), -1e9, change), axis=1, keepdims=True)
    return np.where(best, 1.0, 0.0)


@vector()
def buy_and_hold(panel, params):
    return np.ones(panel.shape)


@vector(lookback=15, targets="weights")
def inverse_volatility(panel, params):
    spread = stddev(panel.close, 15) / panel.close
    weights = np.where(spread > 0, 0.002 / spread, 0.0)
    return np.clip(np.nan_to_num(weights), 0, 0.3)


@vector(lookback=250)
def macd_sign(panel, params):
    return np.sign(np.nan_to_num(macd(panel.close).line))


@vector(lookback=10)
def typical_price_average(panel, params):
    typical = (panel.high + panel.low + panel.close) / 3
    total = np.zeros(panel.shape)
    for back in range(10):
        total[9:] += typical[9 - back : len(typical) - back]
    return np.where(typical > total / 10, 1.0, 0.0)


@vector(lookback=3, targets="weights")
def ranks_across_instruments(panel, params):
    change = np.zeros(panel.shape)
    change[2:] = panel.close[2:] / panel.close[:-2] - 1
    order = np.argsort(np.argsort(np.nan_to_num(change, nan=-9.0), axis=1), axis=1)
    return order / (10.0 + panel.shape[1])


@vector(lookback=5)
def seeded_noise_filter(panel, params):
    noise = np.random.default_rng(7).normal(size=5)
    weights = np.abs(noise) / np.abs(noise).sum()
    out = np.full(panel.shape, np.nan)
    for row in range(4, panel.shape[0]):
        out[row] = np.sign(panel.close[row] - weights @ panel.close[row - 4 : row + 1])
    return np.nan_to_num(out)


@vector(datasets=("surprise",))
def reads_facts_as_they_become_known(panel, params):
    return np.sign(np.nan_to_num(panel.other("surprise", "score")))


@vector(other_intervals=("1w",))
def weekly_trend(panel, params):
    return np.where(panel.close > panel.other("1w", "close"), 1.0, 0.0)


@vector(lookback=300)
def atr_stop_distance(panel, params):
    width = atr(panel.high, panel.low, panel.close, 14) / panel.close
    return np.where(width < 0.03, 1.0, 0.5)


@vector(lookback=20)
def donchian_middle(panel, params):
    return np.where(panel.close > donchian(panel.high, panel.low, 20).middle, 1.0, -1.0)


@vector(lookback=31)
def entry_only_on_a_cross(panel, params):
    signal = crossed_above(sma(panel.close, 10), sma(panel.close, 30))
    return np.where(signal, 1.0, np.nan)


@vector(lookback=20)
def low_of_twenty(panel, params):
    return np.where(panel.close <= lowest(panel.low, 20) * 1.01, 1.0, 0.0)


@vector(lookback=1)
def body_of_the_bar(panel, params):
    return np.sign(np.nan_to_num(panel.close - panel.open))


@vector(lookback=25)
def band_width(panel, params):
    bands = bbands(panel.close, 20)
    return np.where((bands.upper - bands.lower) / bands.middle > 0.1, 0.0, 1.0)


@vector(lookback=480)
def expanding_mean(panel, params):
    known = np.nan_to_num(panel.close)
    count = np.maximum(np.cumsum(~np.isnan(panel.close), axis=0), 1)
    return np.where(panel.close > np.cumsum(known, axis=0) / count, 1.0, 0.0) * (np.arange(panel.shape[0])[:, None] >= 10_000)


@vector(lookback=14)
def exhausted_setups(panel, params):
    counts = td_sequential(panel.high, panel.low, panel.close)
    return np.where(counts.buy_setup == 9, 1.0, np.where(counts.sell_setup == 9, -1.0, np.nan))
