"""TD Sequential, and support and resistance from pivots; both known only from bars that have passed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.factors.columns import computed, whole

Floats = NDArray[np.float64]

SETUP_BARS = 9
COUNTDOWN_BARS = 13
FLIP_BACK = 4
COUNTDOWN_BACK = 2
QUALIFIER = 8


class TdSequential(NamedTuple):
    """Counts, 0 where none runs: setups 1 to 9, countdowns 1 to 13. A buy setup of 9 or a buy countdown of 13 says that a fall is tired."""

    buy_setup: Floats
    sell_setup: Floats
    buy_countdown: Floats
    sell_countdown: Floats


class Levels(NamedTuple):
    """The nearest level at or below and at or above the close; NaN where none is known."""

    support: Floats
    resistance: Floats


def td_sequential(high: Floats, low: Floats, close: Floats) -> TdSequential:
    """DeMark's setups and countdowns; NaN for the first five bars. The rules, for buying (selling mirrors them):

    1. A flip: the close before stood at or above the one four bars before it, this one stands below. It starts a setup at 1.
    2. A setup grows with each further close below the close four bars before, and ends otherwise or after 9.
    3. From a setup's ninth bar on, a countdown grows with each close at or below the low two bars before, bars need not follow each other.
       The thirteenth counts only when its low is at or below the close of the eighth.
    4. A countdown ends with 13, with a complete setup of the other side, or when a bar's true low (the lower of its low and the close
       before) stands above the highest true high of the setup. A new setup of its own side starts it again.

    Source: T. R. DeMark, The New Science of Technical Analysis (1994), ch. 7; J. Perl, DeMark Indicators (2008).
    """
    return TdSequential(*computed("td_sequential", lambda i, o: _sequential(*i, *o), (high, low, close), 4, ()))


def support_resistance(high: Floats, low: Floats, close: Floats, left: int = 5, right: int = 5, kept: int = 20) -> Levels:
    """Levels from the last `kept` pivots of each kind.

    A pivot high is above the `left` highs before and not below the `right` after it, so it is known `right` bars later and never before.
    Pivot highs and lows both serve as support below the close and as resistance above: a broken level changes sides.
    """
    before, after, count = whole("support_resistance", left), whole("support_resistance", right), whole("support_resistance", kept)
    return Levels(
        *computed(
            "support_resistance", lambda i, o: _levels(i[0], i[1], i[2], before, after, count, o[0], o[1]), (high, low, close), 2,
            (before, after, count),
        )
    )  # fmt: skip


@compiled
def _sequential(
    high: Floats, low: Floats, close: Floats, buy_setup: Floats, sell_setup: Floats, buy_countdown: Floats, sell_countdown: Floats
) -> None:
    _one_side(high, low, close, 1.0, buy_setup, sell_setup, buy_countdown)
    _one_side(high, low, close, -1.0, sell_setup, buy_setup, sell_countdown)


@compiled
def _one_side(high: Floats, low: Floats, close: Floats, side: float, setup: Floats, other: Floats, countdown: Floats) -> None:
    """side 1.0: buying; -1.0: selling, by looking at mirrored prices. `other` is used to count the other side's setup."""
    times = len(close)
    first = FLIP_BACK + 1
    own = against = count = 0
    is_running = False
    edge = eighth = 0.0
    for t in range(times):
        if t < first:
            setup[t] = other[t] = countdown[t] = np.nan
            continue
        now, before = side * (close[t] - close[t - FLIP_BACK]), side * (close[t - 1] - close[t - 1 - FLIP_BACK])
        own = _setup(own, now < 0.0, before >= 0.0)
        against = _setup(against, now > 0.0, before <= 0.0)
        setup[t], other[t] = own, against
        shown = 0
        if own == SETUP_BARS:
            is_running, count = True, 0
            edge = -np.inf
            for back in range(t - SETUP_BARS + 1, t + 1):
                top = high[back] if side > 0.0 else -low[back]
                edge = max(edge, top, side * close[back - 1])
        bottom = low[t] if side > 0.0 else -high[t]
        reference = low[t - COUNTDOWN_BACK] if side > 0.0 else -high[t - COUNTDOWN_BACK]
        if is_running and (against == SETUP_BARS or min(bottom, side * close[t - 1]) > edge):
            is_running = False
        if is_running and side * close[t] <= reference:
            if count < COUNTDOWN_BARS - 1 or bottom <= eighth:
                count += 1
            if count == QUALIFIER:
                eighth = side * close[t]
        if is_running:
            shown = count
            is_running = count < COUNTDOWN_BARS
        countdown[t] = shown


@compiled
def _setup(count: int, is_on: bool, is_flip: bool) -> int:
    """The next count of a setup: starts at a flip, grows while on, starts anew only at a flip."""
    if not is_on:
        return 0
    if is_flip:
        return 1
    return count + 1 if 0 < count < SETUP_BARS else 0


@compiled
def _levels(
    high: Floats, low: Floats, close: Floats, left: int, right: int, kept: int, support: Floats, resistance: Floats
) -> None:  # fmt: skip
    levels = np.full(2 * kept, np.nan)
    highs = lows = 0
    for t in range(len(close)):
        at = t - right
        if at >= left:
            is_high = is_low = True
            for back in range(at - left, at):
                is_high &= high[back] < high[at]
                is_low &= low[back] > low[at]
            for ahead in range(at + 1, t + 1):
                is_high &= high[ahead] <= high[at]
                is_low &= low[ahead] >= low[at]
            if is_high:
                levels[highs % kept] = high[at]
                highs += 1
            if is_low:
                levels[kept + lows % kept] = low[at]
                lows += 1
        below = above = np.nan
        for one in levels:
            if one <= close[t] and not below >= one:
                below = one
            if one >= close[t] and not above <= one:
                above = one
        support[t], resistance[t] = below, above
