"""Excursions: how far the price went for and against a round trip while it was held (MFE, MAE), as fractions of the entry price.

The bars from entry to exit count, by their highs and lows: the exit's only when the exit was at its close, the entry's only when the entry
was not at its close. The exit price always counts. Source: Sweeney, Maximum Adverse Excursion (1996).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.performance.track_record import Bools, Floats, Ints

_STEP = 32
_NO_PYRAMID = (np.empty((0, 1)), np.zeros(1, np.int64))


def add_excursions(trips: NDArray[np.void], high: Floats, low: Floats, late: Bools) -> None:
    """Fill `mfe` and `mae`; late: (trips, 2) whether entry and exit were at their bar's close. NaN without a price."""
    is_long = int(trips["bars"].sum()) > high.size  # more than reading every price once
    tops, starts = _pyramid(high, 1.0) if is_long else _NO_PYRAMID
    bottoms, _ = _pyramid(low, -1.0) if is_long else _NO_PYRAMID
    _excursions(trips, high, low, tops, bottoms, starts, late)


@compiled
def _excursions(trips: NDArray[np.void], high: Floats, low: Floats, tops: Floats, bottoms: Floats, starts: Ints, late: Bools) -> None:
    for at in range(len(trips)):
        trip = trips[at]
        begin = trip.entry_row + (1 if late[at, 0] else 0)
        end = trip.exit_row + (1 if late[at, 1] else 0)
        top = max(_extreme(high, tops, starts, begin, end, trip.instrument, 1.0), _or_infinite(trip.exit_price, -1.0))
        bottom = min(_extreme(low, bottoms, starts, begin, end, trip.instrument, -1.0), _or_infinite(trip.exit_price, 1.0))
        if trip.entry_price == 0.0 or np.isinf(top):
            trip.mfe = trip.mae = np.nan
            continue
        best, worst = (top, bottom) if trip.side > 0 else (bottom, top)
        trip.mfe = max(trip.side * (best - trip.entry_price) / abs(trip.entry_price), 0.0)
        trip.mae = min(trip.side * (worst - trip.entry_price) / abs(trip.entry_price), 0.0)


@inlined
def _or_infinite(price: float, sign: float) -> float:
    return sign * np.inf if np.isnan(price) else price


@compiled
def _extreme(prices: Floats, heights: Floats, starts: Ints, begin: int, end: int, column: int, sign: float) -> float:
    """The highest (sign 1) or lowest (-1) price of rows [begin, end) of a column; infinite where there is none.

    Where `_pyramid` was built it climbs: 32 rows at level 1, 1024 at level 2 and so on.
    """
    found = -np.inf
    values, offset, level = prices, 0, 0
    while begin < end:
        is_top = level == len(starts) - 1
        while begin < end and (is_top or begin % _STEP != 0):
            found = max(found, _signed(values[offset + begin, column], sign))
            begin += 1
        while begin < end and end % _STEP != 0:
            end -= 1
            found = max(found, _signed(values[offset + end, column], sign))
        begin //= _STEP
        end //= _STEP
        if begin < end:
            level += 1
            values, offset = heights, starts[level]
    return sign * found


@inlined
def _signed(value: float, sign: float) -> float:
    return -np.inf if np.isnan(value) else sign * value


def _pyramid(prices: Floats, sign: float) -> tuple[Floats, Ints]:
    """Extremes of 32, 1024, … rows, level after level (rows, instruments), and where each level starts; level 0 is `prices`."""
    sizes = []
    rows = prices.shape[0] // _STEP
    while rows:
        sizes.append(rows)
        rows //= _STEP
    starts = np.concatenate([[0, 0], np.cumsum(sizes)[:-1]]).astype(np.int64) if sizes else np.zeros(1, np.int64)
    heights = np.empty((sum(sizes), prices.shape[1]))
    _stack(prices, heights, starts, np.asarray(sizes, np.int64), sign)
    return heights, starts


@compiled
def _stack(prices: Floats, heights: Floats, starts: Ints, sizes: Ints, sign: float) -> None:
    for level in range(len(sizes)):
        below, offset = (prices, 0) if level == 0 else (heights, starts[level])
        for row in range(sizes[level]):
            for column in range(prices.shape[1]):
                found = -np.inf
                for step in range(_STEP):
                    found = max(found, _signed(below[offset + row * _STEP + step, column], sign))
                heights[starts[level + 1] + row, column] = sign * found
