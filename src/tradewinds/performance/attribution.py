"""Where the profit came from: by instrument, by kind of cost, by long and short. Every split adds up to the change of equity.

1. What a fill or a charge moved is converted at the rate of its own row; what is held at the end at the last close and rate.
2. Cash that stayed in another currency was revalued since: `currency` = sum of flow x (last rate - rate of its row).
3. price = profit by price moves before slippage; slippage, commission and charges are costs (negative) or income.
4. Whatever the account's equity shows beyond that is `unexplained`: 0 but for rounding, or a bug.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.performance.exposure import held_before, quantities
from tradewinds.performance.track_record import CASH, Floats, TrackRecord
from tradewinds.performance.trades import last_prices, round_trips

ACCOUNT = "account"
"""What belongs to no instrument or to no side: interest on cash, revalued cash."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Money in account currency. profit = sum of by_instrument = sum of by_kind = sum of by_side, each with its `unexplained`.

    by_instrument: price, costs and charges of each, and `account`. by_kind: price, slippage, commission, each kind of charge, currency.
    by_side: long, short, `account`.
    """

    profit: float
    by_instrument: Mapping[str, float]
    by_kind: Mapping[str, float]
    by_side: Mapping[str, float]
    unexplained: float


def attribution(record: TrackRecord, episodes: NDArray[np.void] | None = None) -> Attribution:
    """Of the whole record. episodes: its round trips from flat to flat, where they are known already."""
    trips = round_trips(record, "episode") if episodes is None else episodes
    log, charges, last = record.fills, record.charges, record.last_row - 1
    width = len(record.instruments)
    worth = record.multiplier[log.instrument]
    rate = _rates(record, log.row, log.instrument)
    amount = log.quantity * log.price * worth * rate
    commission, slippage = log.commission * rate, log.slippage * rate
    charge_rate = _rates(record, charges.row, charges.instrument)
    charged = charges.amount * charge_rate
    held = quantities(record, np.array([last]))[0]
    mark = last_prices(record)
    final = np.where(
        held != 0.0, held * np.nan_to_num(mark) * record.multiplier * record.rates[-1 if len(record.rates) == 1 else last], 0.0
    )

    revalued = (_rates(record, np.full(len(log.row), last), log.instrument) - rate) * -(log.quantity * log.price * worth + log.commission)
    charges_revalued = (_rates(record, np.full(len(charges.row), last), charges.instrument) - charge_rate) * charges.amount

    by_kind = {
        "price": math.fsum(final) - math.fsum(amount) + math.fsum(slippage),
        "slippage": 0.0 - math.fsum(slippage),
        "commission": 0.0 - math.fsum(commission),
    }
    for code, name in enumerate(charges.kinds):
        if (charges.kind == code).any():
            by_kind[name] = math.fsum(charged[charges.kind == code])
    by_kind["currency"] = math.fsum(revalued) + math.fsum(charges_revalued)

    own = charges.instrument != CASH
    each = final.copy()
    np.add.at(each, log.instrument, revalued - amount - commission)
    np.add.at(each, charges.instrument[own], charged[own] + charges_revalued[own])
    traded = np.zeros(width, np.bool_)
    traded[log.instrument] = traded[charges.instrument[own]] = True
    by_instrument: dict[str, float] = {}
    for index in np.flatnonzero(traded):  # a portfolio's books may hold one instrument each in a column of its own
        name = record.instruments[index]
        by_instrument[name] = by_instrument.get(name, 0.0) + float(each[index])
    by_instrument[ACCOUNT] = math.fsum(charged[~own])

    profit = float(record.equity[last]) - record.capital
    return Attribution(
        profit, by_instrument, by_kind, _by_side(record, trips, charged, by_kind["currency"]), profit - math.fsum(by_kind.values())
    )  # fmt: skip


def _by_side(record: TrackRecord, trips: NDArray[np.void], charged: Floats, currency: float) -> dict[str, float]:
    """Round trips by their side; a charge belongs to the side that stood before its row's fills."""
    charges = record.charges
    sign = np.zeros(len(charges.row))
    own = np.flatnonzero(charges.instrument != CASH)
    sign[own] = np.sign(held_before(record, charges.row[own], charges.instrument[own]))
    sides = {}
    for name, side in (("long", 1), ("short", -1)):
        sides[name] = math.fsum(trips["net"][trips["side"] == side]) + math.fsum(charged[sign == side])
    sides[ACCOUNT] = math.fsum(charged[sign == 0]) + currency
    return sides


def _rates(
    record: TrackRecord, rows: np.ndarray[tuple[int], np.dtype[np.int64]], instruments: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Floats:
    """Account currency per unit, of each flow; 1 for what is the account's own."""
    if not len(rows):
        return np.empty(0)
    at = rows if len(record.rates) > 1 else np.zeros(len(rows), np.int64)
    return np.where(instruments == CASH, 1.0, record.rates[at, np.maximum(instruments, 0)])
