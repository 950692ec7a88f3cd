"""From a simulation's result to the plain arrays that `performance` measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.performance.track_record import CASH, Charges, TrackRecord, fill_log, with_splits
from tradewinds.simulation.books import AT_CLOSE, EVENTS, INTEREST, SPLIT
from tradewinds.simulation.market import Market

if TYPE_CHECKING:
    from tradewinds.simulation.result import Result


def track_record(result: Result) -> TrackRecord:
    """The arrays of a result: quantities in units, splits among the fills, charges beside them."""
    market = result.market
    lot = np.array([1.0 if one.lot is None else float(one.lot) for one in market.instruments])
    multiplier = np.array([float(one.multiplier) for one in market.instruments])
    fills = result.fills
    log = fill_log(
        fills["row"], fills["instrument"], fills["quantity"] * lot[fills["instrument"]], fills["price"],
        fills["commission"], fills["slippage"], fills["touch"] == AT_CLOSE,
    )  # fmt: skip
    events = market.events
    # What was split up to the first row was split in the prices already.
    split = events[(events["kind"] == SPLIT) & (events["row"] > result.first_row) & (events["row"] < result.last_row)]
    postings = result.postings
    owner = np.where(postings["kind"] == INTEREST, CASH, postings["instrument"]).astype(np.int64)
    return TrackRecord(
        instruments=market.ids,
        end_ns=market.end_ns,
        session=market.session,
        equity=result.equity,
        capital=result.setup.account.capital,
        first_row=result.first_row,
        last_row=result.last_row,
        fills=with_splits(log, split["row"].astype(np.int64), split["instrument"].astype(np.int64), split["value"]),
        high=market.high,
        low=market.low,
        close=market.close,
        multiplier=multiplier,
        rates=instrument_rates(market),
        lot=lot,
        charges=Charges(postings["row"].astype(np.int64), owner, postings["kind"].astype(np.int64), postings["amount"].copy(), EVENTS),
        currency=result.setup.account.currency,
    )


def instrument_rates(market: Market) -> NDArray[np.float64]:
    """(times or 1, instruments) account currency per unit of each instrument's."""
    return market.rates[:, [market.currencies.index(one.currency) for one in market.instruments]]
