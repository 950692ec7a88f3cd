"""Feature functions not looked at while the detector was written; LEAKY and CLEAN: (name, function, lookback, datasets)."""

import numpy as np

from tradewinds.factors.indicator import correl, realised_volatility


def highest_of_the_next_week(panel, params):
    out = np.full(panel.shape, np.nan)
    for row in range(panel.shape[0] - 1):
        out[row] = np.fmax.reduce(panel.high[row + 1 : row + 6], axis=0) / panel.close[row] - 1
    return out


def volume_from_least_to_most(panel, params):
    low, high = np.nanmin(panel.volume, axis=0), np.nanmax(panel.volume, axis=0)
    return (panel.volume - low) / (high - low)


def ranks_of_all_days(panel, params):
    return np.argsort(np.argsort(np.nan_to_num(panel.close), axis=0), axis=0).astype(float)


def estimate_before_it_was_published(panel, params):
    facts = panel.others["estimates"]
    at = np.searchsorted(facts.event_ns, panel.event_ns, "right") - 1
    return np.where(at[:, None] >= 0, facts.field("earnings")[np.maximum(at, 0)], np.nan)


def mean_of_the_side(panel, params):
    change = np.nan_to_num(np.diff(panel.close, axis=0, prepend=panel.close[:1]))
    following = np.vstack([change[1:], change[-1:]])
    return np.where(change > 0, following[change > 0].mean(), following[change <= 0].mean())


def yearly_volatility(panel, params):
    return realised_volatility(panel.close, 20, 252.0)


def correlation_of_price_and_volume(panel, params):
    return correl(panel.close, panel.volume, 30)


def estimate_as_published(panel, params):
    return panel.other("estimates", "earnings")


def parkinson(panel, params):
    return np.square(np.log(panel.high / panel.low)) / (4 * np.log(2.0))


def share_of_the_turnover(panel, params):
    turnover = np.nan_to_num(panel.close * panel.volume)
    return turnover / turnover.sum(axis=1, keepdims=True)


LEAKY = [
    ("highest_of_the_next_week", highest_of_the_next_week, 1),
    ("volume_from_least_to_most", volume_from_least_to_most, 1),
    ("ranks_of_all_days", ranks_of_all_days, 1),
    ("estimate_before_it_was_published", estimate_before_it_was_published, 1, {"estimates": ["earnings"]}),
    ("mean_of_the_side", mean_of_the_side, 2),
]
CLEAN = [
    ("yearly_volatility", yearly_volatility, 21),
    ("correlation_of_price_and_volume", correlation_of_price_and_volume, 30),
    ("estimate_as_published", estimate_as_published, 1, {"estimates": ["earnings"]}),
    ("parkinson", parkinson, 1),
    ("share_of_the_turnover", share_of_the_turnover, 1),
]
