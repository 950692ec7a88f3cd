"""Feature functions; LEAKY and CLEAN: (name, function, lookback)."""

import numpy as np


def return_to_tomorrow(panel, params):
    return np.vstack([panel.close[1:] / panel.close[:-1] - 1, np.zeros((1, panel.shape[1]))])


def standardised_over_all(panel, params):
    change = np.diff(np.log(panel.close), axis=0, prepend=np.nan)
    return (change - np.nanmean(change, axis=0)) / np.nanstd(change, axis=0)


def principal_component_of_all(panel, params):
    change = np.nan_to_num(np.diff(np.log(panel.close), axis=0, prepend=0.0)[:, :2])
    _, vectors = np.linalg.eigh(np.cov(change[1:].T))
    return change @ np.abs(vectors[:, -1])


def five_day_return(panel, params):
    out = np.full(panel.shape, np.nan)
    out[5:] = np.log(panel.close[5:] / panel.close[:-5])
    return out


def range_of_the_bar(panel, params):
    return np.log(panel.high / panel.low)


def against_the_others(panel, params):
    change = np.full(panel.shape, np.nan)
    change[1:] = panel.close[1:] / panel.close[:-1] - 1
    return change - np.nanmean(np.where(np.isnan(change), 0.0, change), axis=1, keepdims=True)


LEAKY = [
    ("return_to_tomorrow", return_to_tomorrow, 1),
    ("standardised_over_all", standardised_over_all, 2),
    ("principal_component_of_all", principal_component_of_all, 2),
]
CLEAN = [
    ("five_day_return", five_day_return, 6),
    ("range_of_the_bar", range_of_the_bar, 1),
    ("against_the_others", against_the_others, 2),
]
