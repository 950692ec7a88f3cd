"""How plausible a reading of disputed cells is as a piece of its instrument's time series.

The usual overnight move (close to open), the usual move within a session (open to close) and the usual volume are measured
robustly on the undisputed cells before the dispute. A reading's path runs from the last undisputed cell before to the first one
after it. Moves are judged with Student's t of three degrees of freedom, because crashes are real; the logarithm of volume
with eight. Prices and volumes are compared after splits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.history.reconcile_cells import Bools, Cells, Floats, Ints
from tradewinds.history.reconcile_limits import Limits

USUAL_MOVE = 0.02  # where there is no past to measure from
USUAL_VOLUME_SPREAD = 0.5
LEAST_MOVE = 1e-3
LEAST_VOLUME_SPREAD = 0.25
OBSERVATIONS_MIN = 8
RANGE_PER_MOVE = 1.67  # range over standard deviation of a random walk: Parkinson (1980), square root of 4 log 2
REPEAT = -6.0  # log-odds that four prices repeat to the last digit; volume repeats with odds of one in the volume


@dataclass(frozen=True, slots=True)
class Series:
    """The undisputed course of every instrument, in logarithms after splits; NaN in disputed cells."""

    instrument: Ints
    open: Floats
    close: Floats
    volume: Floats
    shares: Floats  # log of the cumulative split factor: log price + shares and log volume - shares are comparable through time


@dataclass(frozen=True, slots=True)
class Usual:
    """Robust scales at one place of the series."""

    overnight: float
    within: float
    volume: float
    volume_spread: float
    volume_step: float


def series(block: Cells, price: Floats, volume: Floats, choice: Ints, settled: Bools, shares: Floats) -> Series:
    """The course through the settled cells, taking each from its chosen vendor."""
    at = np.arange(block.size)
    take = np.where(choice >= 0, choice, 0)
    blank = ~settled | (choice < 0)
    opens, closes = price[0, take, at] + shares, price[3, take, at] + shares
    volumes = volume[take, at] - shares
    for values in (opens, closes, volumes):
        values[blank] = np.nan
    return Series(block.instrument, opens, closes, volumes, shares)


def usual(course: Series, at: int, limits: Limits) -> Usual:
    """Scales measured on the window of cells before `at`."""
    low = max(0, at - limits.window)
    low += int(np.searchsorted(course.instrument[low:at], course.instrument[at]))
    o, c, v = course.open[low:at], course.close[low:at], course.volume[low:at]
    overnight, within = o[1:] - c[:-1], c - o
    traded = v[np.isfinite(v)]
    enough = len(traded) >= OBSERVATIONS_MIN
    middle = float(np.median(traded)) if enough else math.nan
    spread = 1.4826 * float(np.median(np.abs(traded - middle))) if enough else USUAL_VOLUME_SPREAD
    steps = np.abs(np.diff(traded))
    step = 1.4826 * float(np.median(steps)) if enough else USUAL_VOLUME_SPREAD
    return Usual(_scale(overnight), _scale(within), middle, max(spread, LEAST_VOLUME_SPREAD), max(step, LEAST_VOLUME_SPREAD))


def _scale(moves: Floats) -> float:
    seen = moves[np.isfinite(moves)]
    if len(seen) < OBSERVATIONS_MIN:
        return USUAL_MOVE
    return max(1.4826 * float(np.median(np.abs(seen))), LEAST_MOVE)


def move_odds(move: float, scale: float) -> float:
    """Log-density of a move, up to a constant."""
    return 0.0 if math.isnan(move) else -2.0 * math.log1p((move / scale) ** 2 / 3.0)


def volume_odds(apart: float, scale: float) -> float:
    """Log-density of a difference of logarithms of volume, up to a constant; nothing traded (infinite) is taken as far out."""
    if math.isnan(apart):
        return 0.0
    z = 12.0 if math.isinf(apart) else apart / scale
    return -4.5 * math.log1p(z * z / 8.0)


def repeat_odds(volume: float) -> float:
    """Log-odds that a bar repeats the one beside it to the last digit of five numbers. volume: its logarithm."""
    return REPEAT - max(0.0, volume)


def path_odds(course: Series, path: list[tuple[int, float, float, float, float]], normal: Usual) -> float:
    """Log-odds of a reading: `path` holds (cell, open, close, volume, range) in logarithms after splits, in order.

    range: from low to high, the smallest that any vendor states. After a wild bar a wild move is no surprise.
    """
    first, last = path[0][0], path[-1][0]
    close, overnight, volume, total, level = (
        anchor(course, course.close, first, -1),
        normal.overnight,
        anchor(course, course.volume, first, -1),
        0.0,
        0.0,
    )
    for _, o, c, v, spread in path:
        within = max(normal.within, spread / RANGE_PER_MOVE)
        total += move_odds(o - close, overnight) + move_odds(c - o, within) + volume_odds(v - volume, normal.volume_step)
        level += volume_odds(v - normal.volume, normal.volume_spread) / len(path)
        close, volume = c, v
        overnight = max(normal.overnight, spread / RANGE_PER_MOVE * min(1.0, normal.overnight / normal.within))
    total += move_odds(anchor(course, course.open, last, 1) - close, overnight)
    return total + level + volume_odds(anchor(course, course.volume, last, 1) - volume, normal.volume_step)


def anchor(course: Series, values: Floats, at: int, step: int) -> float:
    """The last settled value before (the first one after) a cell, NaN where there is none within five cells."""
    for k in range(1, 6):
        j = at + k * step
        if not 0 <= j < len(values) or course.instrument[j] != course.instrument[at]:
            return math.nan
        if math.isfinite(values[j]):
            return float(values[j])
    return math.nan
