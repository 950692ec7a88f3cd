"""How much money a strategy carries: days to trade, the capital at which it asks too much of the volume, and where impact eats the edge.

Impact is the square-root law: trading a share x of a day's volume moves the price by Y x (daily deviation) x sqrt(x), Y near 1.
So at k times the capital profit grows like k and its impact cost like k^1.5:

    profit(k) = k G - k^1.5 I      breaks even at k = (G / I)^2, is highest at k = (2 G / (3 I))^2

Sources: Almgren et al., Direct Estimation of Equity Market Impact (2005); Grinold & Kahn, Active Portfolio Management, ch. 16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.track_record import Floats, TrackRecord

IMPACT = 1.0
"""Y of the square-root law; measured between 0.5 and 1.5 over markets and decades."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Capital in account currency; None where nothing limits it (no fill), or no impact can be told (no volume, no deviation).

    at_participation: at which the share of fills that ask for more than `participation` of their session's volume reaches `tolerance`.
    break_even: at which impact eats the whole profit; most_profit: at which profit less impact is highest, `most` by then.
    unmeasured: fills in sessions without volume, left out.
    """

    participation: float
    tolerance: float
    at_participation: float | None
    break_even: float | None
    most_profit_at: float | None
    most: float | None
    impact_cost: float | None  # at today's capital
    unmeasured: int


def days_to_trade(quantity: Floats, volume_per_day: Floats, participation: float) -> Floats:
    """(instruments,) days until quantity (units, signed) is traded at that share of the volume of a day; NaN where nothing trades."""
    _check("participation", participation)
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.abs(quantity) / (volume_per_day * participation)
    return np.asarray(np.where(volume_per_day > 0, days, np.where(quantity == 0, 0.0, np.nan)), np.float64)


def capacity(
    record: TrackRecord, volume: Floats, *, participation: float = 0.05, tolerance: float = 0.05, impact: float = IMPACT
) -> Capacity:
    """Of the whole record. volume: (times, instruments) units, NaN or 0 where nothing traded.

    Volume and deviation are of the session of the fill: deviation of daily closes over the 21 sessions before it.
    """
    _check("participation", participation)
    _check("tolerance", tolerance)
    if volume.shape != record.close.shape:
        raise DataFault(f"capacity: volume of shape {volume.shape}, expected {record.close.shape} (times, instruments)")
    log = record.fills
    at = np.flatnonzero(log.quantity != 0)
    day, closes, volumes = _by_session(record, volume)
    asked = np.abs(log.quantity[at]) / np.where(
        volumes[day[log.row[at]], log.instrument[at]] > 0, volumes[day[log.row[at]], log.instrument[at]], np.nan
    )
    known = np.isfinite(asked)
    rates = record.rates[log.row[at] if len(record.rates) > 1 else np.zeros(len(at), np.int64), log.instrument[at]]
    amount = np.abs(log.quantity[at]) * log.price[at] * record.multiplier[log.instrument[at]] * rates
    spread = _deviations(closes)[day[log.row[at]], log.instrument[at]]
    cost = impact * amount * spread * np.sqrt(asked)
    measured = np.isfinite(cost)
    total = math.fsum(cost[measured])
    profit = float(record.equity[record.last_row - 1]) - record.capital
    has_edge = total > 0 and profit > 0
    scale = (2.0 * profit / (3.0 * total)) ** 2 if has_edge else 0.0
    return Capacity(
        participation=participation,
        tolerance=tolerance,
        at_participation=record.capital * participation / float(np.quantile(asked[known], 1.0 - tolerance)) if known.any() else None,
        break_even=record.capital * (profit / total) ** 2 if has_edge else (0.0 if total > 0 else None),
        most_profit_at=record.capital * scale if total > 0 else None,
        most=scale * profit - scale**1.5 * total if total > 0 else None,
        impact_cost=total if measured.any() else None,
        unmeasured=int((~known).sum()),
    )


def _by_session(record: TrackRecord, volume: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Which session each row is in, from 0; the last close and the volume of each (sessions, instruments)."""
    starts = np.concatenate([[True], record.session[1:] != record.session[:-1]])
    day = np.cumsum(starts) - 1
    volumes = np.add.reduceat(np.nan_to_num(volume), np.flatnonzero(starts), axis=0)
    ends = np.concatenate([np.flatnonzero(starts)[1:] - 1, [len(day) - 1]])
    return day, record.close[ends], volumes


def _deviations(closes: Floats, window: int = 21) -> Floats:
    """(sessions, instruments) sample deviation of the daily returns of the sessions before each; NaN with fewer than 5 of them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = closes[1:] / closes[:-1] - 1.0
    found = np.full(closes.shape, np.nan)
    known = np.isfinite(returns)
    counts = np.vstack([np.zeros((1, closes.shape[1])), np.cumsum(known, axis=0)])
    sums = np.vstack([np.zeros((1, closes.shape[1])), np.cumsum(np.where(known, returns, 0.0), axis=0)])
    squares = np.vstack([np.zeros((1, closes.shape[1])), np.cumsum(np.where(known, returns**2, 0.0), axis=0)])
    last = np.arange(1, len(closes)) - 1  # returns known before session s are the first s - 1
    first = np.maximum(last - window, 0)
    count = counts[last] - counts[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (sums[last] - sums[first]) / count
        variance = (squares[last] - squares[first] - count * mean**2) / (count - 1)
    found[1:] = np.where(count >= 5, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    return found


def _check(what: str, value: float) -> None:
    if not 0 < value < 1:
        raise Rejected(f"capacity: {what} {value}, expected one between 0 and 1")
