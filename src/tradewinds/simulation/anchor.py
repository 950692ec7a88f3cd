"""Factors that make the prices of a market comparable over its splits and dividends, anchored at its first row.

1. A split of `value` new shares per old multiplies later prices by `value` and divides later volumes by it.
2. A dividend multiplies later prices by 1 / (1 - cash / close of the last bar before, as traded).

What is seen as of a row is the anchored price over the factor of that row: no event later than it counts. Source of 2: the total-return
convention of CRSP, as in `history.adjust`.
"""

from __future__ import annotations

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import text
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import DIVIDEND, SPLIT
from tradewinds.simulation.market import Market
from tradewinds.trading.panel import Anchor


def anchor_of(market: Market) -> Anchor | None:
    """(times, instruments) factors; None where nothing was split and nothing paid."""
    events = market.events[np.isin(market.events["kind"], (SPLIT, DIVIDEND))]
    if not len(events):
        return None
    price, volume = np.ones(market.shape), np.ones(market.shape)
    for event in events:
        row, column, value = int(event["row"]), int(event["instrument"]), float(event["value"])
        if event["kind"] == SPLIT:
            price[row:, column] *= value
            volume[row:, column] /= value
        else:
            price[row:, column] /= 1.0 - value / _close_before(market, row, column, value)
    return Anchor(price, volume)


def anchor_of_other(market: Market, anchor: Anchor, other: Panel) -> Anchor | None:
    """The factors at the rows of another interval of the same instruments; None where its instruments are others."""
    return anchor.at(market.start_ns, other.times) if other.instruments == market.ids else None


def _close_before(market: Market, row: int, column: int, cash: float) -> float:
    closes = market.close[:row, column]
    traded = np.flatnonzero(~np.isnan(closes))
    close = float(closes[traded[-1]]) if len(traded) else np.inf  # paid before the first bar: nothing seen has to be made comparable
    if not cash < close:
        raise DataFault(
            f"market: dividend {cash:g} of {market.ids[column]} at {text(int(market.start_ns[row]))}, "
            f"expected less than the close of {close:g} before"
        )
    return close
