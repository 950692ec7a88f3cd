"""Vector strategies that keep to the past, of kinds that were not looked at while the detector was written."""

import numpy as np

from tradewinds.factors.indicator import (
    adx,
    cci,
    highest,
    ichimoku,
    keltner,
    linearreg_slope,
    lowest,
    mfi,
    obv,
    rolling_sum,
    rsi,
    sma,
    stddev,
    stoch,
    willr,
    wma,
    zscore,
)  # fmt: skip
from tradewinds.trading.strategy import Choice, Float, vector


@vector(lookback=41, targets="weights")
def volatility_target(panel, params):
    change = np.full(panel.shape, np.nan)
    change[1:] = np.log(panel.close[1:] / panel.close[:-1])
    risk = stddev(change, 40) * np.sqrt(252)
    return np.nan_to_num(np.minimum(0.1 / np.maximum(risk, 0.05), 1.0)) / panel.shape[1]


@vector(lookback=30)
def pair_of_the_first_two(panel, params):
    ratio = np.log(panel.close[:, 0] / panel.close[:, min(1, panel.shape[1] - 1)])
    score = np.nan_to_num(zscore(ratio, 30))
    out = np.zeros(panel.shape)
    out[:, 0] = np.where(score > 1.5, -1.0, np.where(score < -1.5, 1.0, 0.0))
    return out


@vector(lookback=300)
def two_day_rsi(panel, params):
    return np.where(rsi(panel.close, 2) < 10, 1.0, np.where(rsi(panel.close, 2) > 90, 0.0, np.nan))


@vector(lookback=350)
def outside_the_keltner_channel(panel, params):
    band = keltner(panel.high, panel.low, panel.close)
    return np.where(panel.close > band.upper, 1.0, np.where(panel.close < band.lower, -1.0, 0.0))


@vector(lookback=80)
def above_the_cloud(panel, params):
    cloud = ichimoku(panel.high, panel.low)
    return np.where(panel.close > np.maximum(cloud.span_a, cloud.span_b), 1.0, 0.0)


@vector()
def long_before_the_weekend(panel, params):
    weekday = (panel.event_ns // (86_400 * 10**9) + 4) % 7
    return np.repeat(np.where(weekday >= 4, 1.0, 0.0)[:, None], panel.shape[1], axis=1)


@vector(lookback=6, targets="weights")
def against_the_crowd(panel, params):
    change = np.zeros(panel.shape)
    change[5:] = panel.close[5:] / panel.close[:-5] - 1
    change = np.nan_to_num(change)
    return -(change - change.mean(axis=1, keepdims=True))


@vector(lookback=2)
def fades_the_gap(panel, params):
    before = np.vstack([panel.close[:1], panel.close[:-1]])
    gap = panel.open / before - 1
    return np.where(gap > 0.005, -1.0, np.where(gap < -0.005, 1.0, 0.0))


@vector(lookback=20)
def volume_spike(panel, params):
    usual = sma(panel.volume, 20)
    return np.where((panel.volume > 2 * usual) & (panel.close > panel.open), 1.0, np.nan)


@vector(lookback=40)
def trailing_regression(panel, params):
    return np.sign(np.nan_to_num(linearreg_slope(panel.close, 40)))


@vector(lookback=61, targets="weights", rhythm="week end")
def least_variance_of_sixty_bars(panel, params):
    out = np.zeros(panel.shape)
    change = np.full(panel.shape, 0.0)
    change[1:] = np.nan_to_num(np.log(panel.close[1:] / panel.close[:-1]))
    for row in panel.decisions[panel.decisions >= 60]:
        cov = np.atleast_2d(np.cov(change[row - 59 : row + 1].T)) + 1e-6 * np.eye(panel.shape[1])
        inverse = np.linalg.inv(cov)
        out[row] = inverse.sum(axis=1) / inverse.sum()
    return out


@vector(parameters={"decay": Float(0.9, 0.5, 0.99)}, lookback=80)
def weights_that_fade(panel, params):
    out = np.zeros(panel.shape)
    weights = params.decay ** np.arange(80)
    for row in range(79, panel.shape[0]):
        window = np.nan_to_num(panel.close[row - 79 : row + 1][::-1])
        out[row] = np.sign(np.nan_to_num(panel.close[row] - weights @ window / weights.sum()))
    return out


@vector(lookback=20)
def stochastic_turn(panel, params):
    k, d = stoch(panel.high, panel.low, panel.close, 14, 3, 3)
    return np.where((k > d) & (k < 40), 1.0, np.where((k < d) & (k > 60), -1.0, 0.0))


@vector(lookback=20)
def channel_index(panel, params):
    value = cci(panel.high, panel.low, panel.close, 20)
    return np.where(value > 100, 1.0, np.where(value < -100, -1.0, 0.0))


@vector(lookback=15)
def money_flow(panel, params):
    return np.where(mfi(panel.high, panel.low, panel.close, panel.volume, 14) < 30, 1.0, 0.0)


@vector(lookback=14)
def williams(panel, params):
    return np.where(willr(panel.high, panel.low, panel.close, 14) > -20, 1.0, 0.0)


@vector(lookback=470)
def strong_trend_only(panel, params):
    return np.where(adx(panel.high, panel.low, panel.close, 14) > 25, 1.0, 0.0)


@vector(lookback=26)
def range_contraction(panel, params):
    width = highest(panel.high, 5) - lowest(panel.low, 5)
    return np.where(width <= lowest(np.nan_to_num(width, nan=1e9), 20), 1.0, np.nan)


@vector(lookback=11)
def change_of_balance(panel, params):
    volume = obv(panel.close, panel.volume)
    out = np.zeros(panel.shape)
    out[10:] = np.sign(np.nan_to_num(volume[10:] - volume[:-10]))
    return out


@vector(lookback=10)
def weighted_average(panel, params):
    return np.where(panel.close > wma(panel.close, 10), 1.0, -1.0)


@vector(prices="raw", targets="notional", lookback=3)
def fixed_money_after_a_dip(panel, params):
    close = panel.raw("close")
    fell = np.zeros(panel.shape, dtype=bool)
    fell[2:] = (close[2:] < close[1:-1]) & (close[1:-1] < close[:-2])
    return np.where(fell, 1_000.0, 0.0)


@vector(datasets=("filings",), targets="weights")
def filings_by_their_publication(panel, params):
    return np.tanh(np.nan_to_num(panel.other("filings", "profit"))) / 4


@vector(datasets=("filings",))
def ranks_of_filings(panel, params):
    profit = np.nan_to_num(panel.other("filings", "profit"))
    return np.where(profit >= np.median(profit, axis=1, keepdims=True), 1.0, -1.0)


@vector(other_intervals=("1w",), lookback=5)
def daily_dip_in_a_weekly_rise(panel, params):
    rising = panel.other("1w", "close") > panel.other("1w", "open")
    return np.where(rising & (panel.close < sma(panel.close, 5)), 1.0, 0.0)


@vector(parameters={"mode": Choice(("both", "long"))}, lookback=12)
def up_days_out_of_ten(panel, params):
    up = np.full(panel.shape, 0.0)
    up[1:] = np.where(panel.close[1:] > panel.close[:-1], 1.0, 0.0)
    count = np.round(rolling_sum(up, 10))
    return np.where(count >= 6, 1.0, 0.0 if params.mode == "long" else -1.0)
