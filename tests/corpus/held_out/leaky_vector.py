"""Vector strategies that look ahead by means that were not looked at while the detector was written."""

import numpy as np

from tradewinds.factors.indicator import roc, sma, zscore
from tradewinds.trading.strategy import Choice, Int, vector

_ANSWERS = {}


@vector()
def smooth_by_fourier(panel, params):
    out = np.zeros(panel.shape)
    for column in range(panel.shape[1]):
        spectrum = np.fft.rfft(np.nan_to_num(panel.close[:, column]))
        spectrum[20:] = 0
        out[:, column] = np.where(np.gradient(np.fft.irfft(spectrum, len(panel.close))) > 0, 1.0, -1.0)
    return out


@vector(lookback=9)
def centred_windows(panel, params):
    windows = np.lib.stride_tricks.sliding_window_view(panel.close, 9, axis=0)
    out = np.zeros(panel.shape)
    out[4:-4] = np.sign(np.nan_to_num(panel.close[4:-4] - windows.mean(axis=2)))
    return -out


@vector(targets="weights")
def model_fitted_on_everything(panel, params):
    change = np.nan_to_num(np.diff(panel.close, axis=0, prepend=panel.close[:1]) / panel.close)
    lagged, following = change[:-1].reshape(-1), change[1:].reshape(-1)
    design = np.column_stack([lagged, lagged**2, np.ones(len(lagged))])
    fitted = np.linalg.lstsq(design, following, rcond=None)[0]
    return np.clip((fitted[0] * change + fitted[1] * change**2 + fitted[2]) * 20, -1, 1)


@vector()
def barrier_labels_as_signal(panel, params):
    out = np.zeros(panel.shape)
    for row in range(panel.shape[0]):
        path = panel.close[row : row + 10] / panel.close[row]
        up, down = (path > 1.03).any(axis=0), (path < 0.97).any(axis=0)
        out[row] = np.where(up & ~down, 1.0, np.where(down & ~up, -1.0, 0.0))
    return out


@vector()
def fills_only_gaps_backward(panel, params):
    filled = panel.close.copy()
    for row in range(len(filled) - 2, -1, -1):
        filled[row] = np.where(np.isnan(filled[row]), filled[row + 1], filled[row])
    return np.where(filled > 1.02 * np.nan_to_num(panel.open, nan=60.0), 1.0, 0.0)


@vector()
def keeps_the_first_answer(panel, params):
    kept = _ANSWERS.setdefault("sma", sma(panel.close, 1))
    return np.where(kept[: panel.shape[0]] > panel.open, 1.0, 0.0)


@vector()
def zigzag_that_repaints(panel, params):
    out = np.zeros(panel.shape)
    for column in range(panel.shape[1]):
        prices = np.nan_to_num(panel.close[:, column])
        turns, direction, extreme = [0], 1, 0
        for row in range(1, len(prices)):
            if (prices[row] - prices[extreme]) * direction > 0:
                extreme = row
            elif abs(prices[row] / max(prices[extreme], 1e-9) - 1) > 0.05:
                turns.append(extreme)
                direction, extreme = -direction, row
        for start, end in zip(turns, [*turns[1:], len(prices)], strict=True):
            out[start:end, column] = 1.0 if prices[min(end, len(prices) - 1)] > prices[start] else -1.0
    return out


@vector()
def out_before_the_end(panel, params):
    left = panel.event_ns[-1] - panel.event_ns
    return np.repeat(np.where(left < 30 * 86_400 * 10**9, 0.0, 1.0)[:, None], panel.shape[1], axis=1)


@vector(targets="weights")
def only_the_winner_of_the_history(panel, params):
    first = panel.close[np.argmax(~np.isnan(panel.close), axis=0), np.arange(panel.shape[1])]
    gain = panel.close[-1] / first
    return np.where(np.arange(panel.shape[1]) == np.nanargmax(gain), 1.0, 0.0) * np.ones(panel.shape)


@vector(lookback=5)
def slice_one_too_far(panel, params):
    out = np.zeros(panel.shape)
    for row in range(5, panel.shape[0]):
        out[row] = np.where(panel.close[row] < panel.close[row - 4 : row + 2].mean(axis=0), 1.0, 0.0)
    return out


@vector(lookback=2)
def central_difference(panel, params):
    return np.sign(np.nan_to_num(np.gradient(panel.close, axis=0)))


@vector()
def drawdown_that_is_to_come(panel, params):
    worst = np.minimum.accumulate(np.nan_to_num(panel.low, nan=1e9)[::-1], axis=0)[::-1]
    return np.where(worst < panel.close * 0.9, 0.0, 1.0)


@vector(targets="weights")
def volume_as_share_of_all(panel, params):
    return np.nan_to_num(panel.volume / np.nansum(panel.volume, axis=0)) * 50


@vector(lookback=60)
def best_length_by_hindsight(panel, params):
    def gain(length):
        side = np.nan_to_num(np.sign(panel.close - sma(panel.close, length)))
        return np.nansum(side[:-1] * np.diff(panel.close, axis=0))

    best = max((5, 10, 20, 40, 60), key=gain)
    return np.sign(np.nan_to_num(panel.close - sma(panel.close, best)))


@vector()
def plays_only_what_ends_well(panel, params):
    middle = len(panel.close) // 2
    ends_well = panel.close[-1] > panel.close[middle]
    return np.where(ends_well, 1.0, -1.0) * np.ones(panel.shape)


@vector(lookback=3)
def outliers_cut_by_all_data(panel, params):
    change = np.diff(panel.close, axis=0, prepend=panel.close[:1])
    limit = 1.5 * np.nanstd(change, axis=0)
    return np.nan_to_num(np.clip(change, -limit, limit)) / 10


@vector()
def roll_that_wraps(panel, params):
    before = np.roll(panel.close, 5, axis=0)
    return np.where(panel.close > before, 1.0, 0.0) * 1.0


@vector(targets="weights")
def there_and_back_smoothing(panel, params):
    smooth = np.nan_to_num(panel.close).copy()
    for row in range(1, len(smooth)):
        smooth[row] = 0.8 * smooth[row - 1] + 0.2 * smooth[row]
    for row in range(len(smooth) - 2, -1, -1):
        smooth[row] = 0.8 * smooth[row + 1] + 0.2 * smooth[row]
    return np.clip((smooth / panel.close - 1) * 5, -1, 1)


@vector(lookback=7)
def vote_of_the_neighbours(panel, params):
    side = np.sign(np.nan_to_num(panel.close - panel.open))
    votes = sum(np.roll(side, shift, axis=0) for shift in range(-3, 4))
    return np.sign(votes)


@vector(rhythm="week end")
def next_bar_of_each_decision(panel, params):
    out = np.zeros(panel.shape)
    after = np.minimum(panel.decisions + 1, len(panel.close) - 1)
    out[panel.decisions] = np.sign(np.nan_to_num(panel.close[after] - panel.close[panel.decisions]))
    return out


@vector()
def percentile_among_all_prices(panel, params):
    out = np.zeros(panel.shape)
    for column in range(panel.shape[1]):
        ordered = np.sort(panel.close[:, column])
        out[:, column] = np.searchsorted(ordered, panel.close[:, column]) / len(ordered)
    return np.where(out < 0.2, 1.0, np.where(out > 0.8, -1.0, 0.0))


@vector(targets="weights")
def weekday_effect_of_all_years(panel, params):
    change = np.diff(panel.close, axis=0, prepend=panel.close[:1]) / panel.close
    weekday = (panel.times // (86_400 * 10**9)) % 7
    means = np.stack([np.nanmean(change[weekday == day], axis=0) for day in range(7)])
    return means[weekday] * 20


@vector(targets="weights")
def covariance_of_the_whole(panel, params):
    change = np.nan_to_num(np.diff(np.log(panel.close), axis=0))
    inverse = np.linalg.inv(np.cov(change.T) + 1e-8 * np.eye(panel.shape[1]))
    weights = inverse.sum(axis=1) / inverse.sum()
    return np.repeat(weights[None, :], panel.shape[0], axis=0)


@vector(parameters={"bars": Int(50, 2, 100), "kind": Choice(("mean", "median"))}, lookback=5)
def declares_five_and_takes_fifty(panel, params):
    return np.sign(np.nan_to_num(zscore(panel.close, params.bars)))


@vector(lookback=20)
def sum_since_the_beginning(panel, params):
    pressure = np.cumsum(np.nan_to_num((panel.close - panel.open) * panel.volume), axis=0)
    return np.where(pressure > sma(pressure, 20), 1.0, 0.0) * np.where(pressure > 0, 1.0, 0.5)


@vector(datasets=("filings",))
def newest_filing_of_all(panel, params):
    newest = panel.others["filings"].field("profit")[-1]
    return np.sign(np.nan_to_num(newest)) * np.ones(panel.shape)


@vector(datasets=("filings",), targets="weights")
def filings_lined_up_by_row(panel, params):
    facts = panel.others["filings"]
    at = np.searchsorted(facts.times, panel.times, "right") - 1
    return np.tanh(np.nan_to_num(facts.field("profit")[at])) / 3


@vector(lookback=11)
def seed_of_the_machine(panel, params):
    import os

    seed = int.from_bytes(os.urandom(4), "little")
    return np.sign(np.nan_to_num(roc(panel.close, 10))) * np.random.default_rng(seed).choice([0.5, 1.0])
