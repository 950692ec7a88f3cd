"""Vector strategies that look ahead, each in its own way."""

import numpy as np

from tradewinds.factors.indicator import bbands, ema, rsi, sma, stddev
from tradewinds.trading.strategy import Int, vector


@vector()
def buys_before_it_rises(panel, params):
    tomorrow = np.roll(panel.close, -1, axis=0)
    return np.where(tomorrow > panel.close, 1.0, 0.0)


@vector()
def shifted_return(panel, params):
    returns = np.zeros(panel.shape)
    returns[:-1] = panel.close[1:] / panel.close[:-1] - 1
    return np.sign(np.nan_to_num(returns))


@vector(targets="weights", lookback=21)
def scaled_by_the_whole_mean(panel, params):
    score = (panel.close - np.nanmean(panel.close, axis=0)) / np.nanstd(panel.close, axis=0)
    return np.clip(-score, -1, 1) / 3


@vector(targets="weights")
def scaled_to_the_whole_range(panel, params):
    low, high = np.nanmin(panel.close, axis=0), np.nanmax(panel.close, axis=0)
    return 1.0 - (panel.close - low) / (high - low)


@vector(lookback=11)
def centred_average(panel, params):
    kernel = np.ones(11) / 11
    centred = np.column_stack([np.convolve(np.nan_to_num(one), kernel, mode="same") for one in panel.close.T])
    return np.where(panel.close < centred, 1.0, 0.0)


@vector()
def sells_the_high_of_all_time(panel, params):
    return np.where(panel.close >= np.nanmax(panel.close, axis=0) * 0.98, -1.0, 1.0)


@vector(lookback=5)
def fills_backward(panel, params):
    signal = np.full(panel.shape, np.nan)
    signal[::5] = np.sign(panel.close[::5] - panel.open[::5])
    for row in range(len(signal) - 2, -1, -1):
        signal[row] = np.where(np.isnan(signal[row]), signal[row + 1], signal[row])
    return signal


@vector()
def tomorrows_open_gap(panel, params):
    gap = np.vstack([panel.open[1:], panel.open[-1:]]) / panel.close
    return np.where(gap > 1.002, 1.0, 0.0)


@vector(parameters={"ahead": Int(3, 1, 10)})
def average_drawn_ahead(panel, params):
    average = sma(panel.close, 5)
    drawn = np.vstack([average[params.ahead :], np.full((params.ahead, panel.shape[1]), np.nan)])
    return np.where(drawn > panel.close, 1.0, 0.0)


@vector()
def regression_on_everything(panel, params):
    rows = np.arange(panel.shape[0])
    out = np.zeros(panel.shape)
    for column in range(panel.shape[1]):
        known = ~np.isnan(panel.close[:, column])
        slope, start = np.polyfit(rows[known], panel.close[known, column], 1)
        out[:, column] = np.where(panel.close[:, column] < start + slope * rows, 1.0, -1.0)
    return out


@vector()
def threshold_of_all_returns(panel, params):
    returns = np.diff(panel.close, axis=0, prepend=panel.close[:1])
    return np.where(returns < np.nanquantile(returns, 0.1, axis=0), 1.0, 0.0)


@vector(lookback=15)
def peaks_known_at_once(panel, params):
    out = np.zeros(panel.shape)
    for row in range(2, panel.shape[0] - 2):
        window = panel.high[row - 2 : row + 3]
        out[row] = np.where(panel.high[row] >= np.fmax.reduce(window, axis=0), -1.0, 0.0)
    return out


@vector()
def weekly_close_at_its_start(panel, params):
    weeks = np.arange(panel.shape[0]) // 7
    last = np.array([np.flatnonzero(weeks == week)[-1] for week in weeks])
    return np.where(panel.close[last] > panel.open, 1.0, 0.0)


@vector(lookback=20)
def best_of_the_next_days(panel, params):
    out = np.zeros(panel.shape)
    for row in range(panel.shape[0]):
        ahead = panel.close[row : row + 3]
        out[row] = np.where(np.fmax.reduce(ahead, axis=0) > panel.close[row] * 1.01, 1.0, 0.0)
    return out


@vector(targets="weights")
def ranked_over_time(panel, params):
    order = np.argsort(np.argsort(panel.close, axis=0), axis=0)
    return 1.0 - order / panel.shape[0]


@vector(lookback=20)
def reversed_average(panel, params):
    backward = sma(np.ascontiguousarray(panel.close[::-1]), 10)[::-1]
    return np.where(backward > panel.close, 1.0, 0.0)


@vector()
def knows_the_last_price(panel, params):
    last = panel.close[-1]
    return np.where(panel.close < np.nan_to_num(last, nan=1e9), 1.0, -1.0)


@vector(lookback=1)
def lookback_of_one_for_twenty(panel, params):
    return np.where(panel.close > sma(panel.close, 20), 1.0, 0.0)


@vector(lookback=20)
def ema_with_its_length_as_lookback(panel, params):
    return np.where(panel.close > ema(panel.close, 20), 1.0, 0.0)


@vector(lookback=15)
def rsi_without_warm_up(panel, params):
    return (rsi(panel.close, 14) - 50.0) / 50.0


@vector(lookback=10)
def half_of_its_band(panel, params):
    bands = bbands(panel.close, 20)
    return np.where(panel.close < bands.lower, 1.0, np.where(panel.close > bands.upper, -1.0, np.nan_to_num(bands.middle * 0)))


@vector()
def random_each_time(panel, params):
    return np.random.default_rng().choice([0.0, 1.0], panel.shape)


_SEEN = []


@vector()
def counts_its_calls(panel, params):
    _SEEN.append(1)
    return np.full(panel.shape, float(len(_SEEN) % 5))


@vector(targets="weights", lookback=20)
def volatility_of_the_future(panel, params):
    spread = stddev(panel.close, 10)
    spread = np.vstack([spread[9:], np.repeat(spread[-1:], 9, axis=0)])
    return np.nan_to_num(0.01 * panel.close / spread)


@vector(datasets=("surprise",))
def reads_facts_by_their_date(panel, params):
    facts = panel.others["surprise"]
    rows = np.searchsorted(facts.event_ns, panel.event_ns, "right") - 1
    return np.sign(np.nan_to_num(facts.field("score")[np.maximum(rows, 0)]))


@vector(lookback=3)
def bridges_gaps_by_interpolation(panel, params):
    rows = np.arange(panel.shape[0])
    bridged = panel.close.copy()
    for column in range(panel.shape[1]):
        known = ~np.isnan(panel.close[:, column])
        bridged[:, column] = np.interp(rows, rows[known], panel.close[known, column])
    before = np.vstack([bridged[:1], bridged[:-1]])
    return np.where(bridged > before, 1.0, 0.0)
