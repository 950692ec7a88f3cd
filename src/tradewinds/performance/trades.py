"""Round trips: fills matched into trades that began and ended, and what they say about a strategy.

Two matchings:
- `episode`: from flat to flat, at average cost; adding and reducing stay within it. A fill through zero ends one and begins the next.
- `fifo`: each closing fill meets the oldest open lots; one round trip for each meeting.

1. Splits change quantities and the prices they were bought at. What a split leaves of less than a lot is gone: its cost counts as lost
   here, and the cash in lieu of it is a charge of the account.
2. Profit is in the account's currency, each fill at the rate of its own row, so it contains what the currency did meanwhile.
3. What is still open at the end stands last, marked at the last close, flagged `is_open`.
4. Excursions (MFE, MAE) are added by `excursions.py`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.core.errors import Rejected
from tradewinds.performance.excursions import add_excursions
from tradewinds.performance.track_record import Bools, Floats, Ints, TrackRecord

Matching = Literal["episode", "fifo"]
MATCHINGS: tuple[Matching, ...] = ("episode", "fifo")

ROUND_TRIP = np.dtype(
    [
        ("instrument", "i4"),
        ("side", "i1"),  # +1 long, -1 short
        ("is_open", "i1"),  # marked at the last close instead of closed
        ("entry_row", "i8"),
        ("exit_row", "i8"),  # the last row when it is open
        ("bars", "i8"),  # exit_row - entry_row
        ("quantity", "f8"),  # units entered in all, positive, in units at the exit where a split came between
        ("entry_price", "f8"),  # average, per unit at the exit
        ("exit_price", "f8"),  # average
        ("cost", "f8"),  # what was entered, absolute, account currency
        ("gross", "f8"),  # profit before commission, account currency
        ("commission", "f8"),
        ("slippage", "f8"),  # within the gross already
        ("net", "f8"),  # gross - commission
        ("fraction", "f8"),  # net / cost; NaN when the cost is 0
        ("mfe", "f8"),  # best price move while it was held, at least 0
        ("mae", "f8"),  # worst, at most 0
    ],
    align=True,
)

_RUNNING = np.dtype(
    [
        ("side", "f8"),
        ("held", "f8"),  # units, positive
        ("largest", "f8"),
        ("units_in", "f8"),
        ("value_in", "f8"),  # units x price
        ("cash_in", "f8"),  # account currency
        ("units_out", "f8"),
        ("value_out", "f8"),
        ("cash_out", "f8"),
        ("commission", "f8"),
        ("slippage", "f8"),
        ("entry_row", "i8"),
        ("is_late", "i1"),
    ],
    align=True,
)
"""An episode that has begun, one an instrument; side 0: none."""

_HAIR = 1e-6  # of a lot: ratios such as 1:3 come as rounded floats
_FLAT = 1e-9  # of the largest quantity held: what is left below it is nothing


def round_trips(record: TrackRecord, matching: Matching = "episode") -> NDArray[np.void]:
    """ROUND_TRIP: closed ones in order of their exits, then the open ones by instrument.

    An open one whose instrument never had a close has NaN exit price and profit.
    """
    if matching not in MATCHINGS:
        raise Rejected(f"round trips: matching {matching!r}, expected one of {', '.join(MATCHINGS)}")
    log = record.fills
    trips = np.zeros(2 * len(log.row) + len(record.instruments), ROUND_TRIP)
    last = record.last_row - 1
    marks = last_prices(record)
    arrays = (log.row, log.instrument, log.quantity, log.price, log.commission, log.slippage, log.ratio, log.is_at_close)
    match = _episodes if matching == "episode" else _lots
    running = np.zeros(len(record.instruments), _RUNNING)
    late = np.zeros((len(trips), 2), np.bool_)  # whether entry and exit were at their bar's close
    used = match(*arrays, record.multiplier, record.lot, record.rates, marks, last, running, trips, late)
    found = trips[:used]
    add_excursions(found, record.high, record.low, late)
    return found


def last_prices(record: TrackRecord) -> Floats:
    """(instruments,) the newest close that counts, in today's units where a split came after it; NaN where there is none."""
    log = record.fills
    return np.asarray(_last_prices(record.close, record.last_row, log.row, log.instrument, log.ratio), np.float64)


@compiled
def _last_prices(close: Floats, last_row: int, row: Ints, instrument: Ints, ratio: Floats) -> Floats:
    found, since = np.full(close.shape[1], np.nan), np.zeros(close.shape[1], np.int64)
    for column in range(close.shape[1]):
        for at in range(last_row - 1, -1, -1):
            if not np.isnan(close[at, column]):
                found[column] = close[at, column]
                since[column] = at
                break
    for at in range(len(row)):
        if not np.isnan(ratio[at]) and row[at] > since[instrument[at]]:
            found[instrument[at]] /= ratio[at]
    return found


@inlined
def _rate(rates: Floats, row: int, instrument: int) -> float:
    rate: float = rates[row if rates.shape[0] > 1 else 0, instrument]
    return rate


@inlined
def kept_units(quantity: float, lot: float) -> float:
    """What a split leaves: whole lots, towards zero."""
    if lot <= 0:
        return quantity
    lots = abs(quantity) / lot
    kept: float = np.sign(quantity) * np.floor(lots + _HAIR) * lot
    return kept


@compiled
def _episodes(
    row: Ints, instrument: Ints, quantity: Floats, price: Floats, commission: Floats, slippage: Floats, ratio: Floats, at_close: Bools,
    multiplier: Floats, lot: Floats, rates: Floats, marks: Floats, last: int,
    running: NDArray[np.void], trips: NDArray[np.void], late: Bools,
) -> int:  # fmt: skip
    used = 0
    for at in range(len(row)):
        one = running[instrument[at]]
        if not np.isnan(ratio[at]):
            if one.side != 0.0:
                one.held = kept_units(one.held * ratio[at], lot[instrument[at]])
                one.largest *= ratio[at]
                one.units_in *= ratio[at]
                one.units_out *= ratio[at]
                if one.held == 0.0:
                    _end_episode(one, trips[used], instrument[at], row[at], False)
                    late[used, 0] = one.is_late
                    used += 1
            continue
        left = abs(quantity[at])
        side = np.sign(quantity[at])
        rate = _rate(rates, row[at], instrument[at])
        worth = price[at] * multiplier[instrument[at]] * rate
        fee, slip = commission[at] * rate, slippage[at] * rate
        if one.side == -side and left > 0.0:
            is_through = left >= one.held - _FLAT * one.largest
            part = one.held if is_through else left
            share = min(part / left, 1.0)
            if is_through and left - part <= _FLAT * one.largest:
                share = 1.0
            one.held -= part
            _leave(one, part, price[at], part * worth, fee * share, slip * share)
            left -= part
            fee *= 1.0 - share
            slip *= 1.0 - share
            if is_through:
                _end_episode(one, trips[used], instrument[at], row[at], False)
                late[used, 0] = one.is_late
                late[used, 1] = at_close[at]
                used += 1
            if share == 1.0:
                continue
        if left <= 0.0:
            continue
        if one.side == 0.0:
            one.side = side
            one.entry_row = row[at]
            one.is_late = at_close[at]
        one.held += left
        one.largest = max(one.largest, one.held)
        one.units_in += left
        one.value_in += left * price[at]
        one.cash_in += left * worth
        one.commission += fee
        one.slippage += slip
    for index in range(len(marks)):
        one = running[index]
        if one.side != 0.0:
            worth = marks[index] * multiplier[index] * _rate(rates, last, index)
            _leave(one, one.held, marks[index], one.held * worth, 0.0, 0.0)
            late[used, 0] = one.is_late
            late[used, 1] = True
            _end_episode(one, trips[used], index, last, True)
            used += 1
    return used


@inlined
def _leave(one: Any, units: float, price: float, cash: float, commission: float, slippage: float) -> None:
    one.units_out += units
    one.value_out += units * price
    one.cash_out += cash
    one.commission += commission
    one.slippage += slippage


@inlined
def _end_episode(one: Any, trip: Any, instrument: int, row: int, is_open: bool) -> None:
    trip.quantity = one.units_in
    trip.entry_price = one.value_in / one.units_in
    trip.exit_price = one.value_out / one.units_out
    trip.cost = abs(one.cash_in)
    trip.gross = one.side * (one.cash_out - one.cash_in)
    trip.commission = one.commission
    trip.slippage = one.slippage
    _finish(trip, instrument, one.side, one.entry_row, row, is_open)
    one.side = one.held = one.largest = one.units_in = one.value_in = one.cash_in = 0.0
    one.units_out = one.value_out = one.cash_out = one.commission = one.slippage = 0.0


@inlined
def _finish(trip: Any, instrument: int, side: float, entry_row: int, exit_row: int, is_open: bool) -> None:
    trip.instrument = instrument
    trip.side = np.int8(side)
    trip.is_open = np.int8(is_open)
    trip.entry_row = entry_row
    trip.exit_row = exit_row
    trip.bars = exit_row - entry_row
    trip.net = trip.gross - trip.commission
    trip.fraction = trip.net / trip.cost if trip.cost > 0.0 else np.nan


@compiled
def _lots(
    row: Ints, instrument: Ints, quantity: Floats, price: Floats, commission: Floats, slippage: Floats, ratio: Floats, at_close: Bools,
    multiplier: Floats, lot: Floats, rates: Floats, marks: Floats, last: int,
    running: NDArray[np.void], trips: NDArray[np.void], late: Bools,
) -> int:  # fmt: skip
    count = len(row)
    after = np.full(count, -1)  # the next open lot of the instrument; a lot is named by the fill that opened it
    held, factor = np.zeros(count), np.ones(count)  # units left, in today's units; today's units per unit bought
    first, newest = np.full(len(marks), -1), np.full(len(marks), -1)
    used = 0
    for at in range(count):
        index = instrument[at]
        if not np.isnan(ratio[at]):
            _split_lots(index, ratio[at], lot[index], first, after, held, factor)
            continue
        left = abs(quantity[at])
        one = first[index]
        while one >= 0 and quantity[one] * quantity[at] < 0.0 and left > 0.0:
            part = held[one] if left >= held[one] - _FLAT * abs(quantity[at]) else left
            if part > 0.0:
                used = _meet(
                    one, at, part, price[at], abs(quantity[at]), index, row[at], False, at_close[at], row, quantity, price, commission,
                    slippage, at_close, factor, multiplier, rates, trips, late, used,
                )  # fmt: skip
            left = max(left - part, 0.0)
            held[one] -= part
            if held[one] <= _FLAT * abs(quantity[one]) * factor[one]:
                one = first[index] = after[one]
        if left > _FLAT * abs(quantity[at]):
            held[at] = left
            if first[index] < 0:
                first[index] = at
            else:
                after[newest[index]] = at
            newest[index] = at
    for index in range(len(marks)):
        one = first[index]
        while one >= 0:
            if held[one] > 0.0:
                used = _meet(
                    one, -1, held[one], marks[index], 0.0, index, last, True, True, row, quantity, price, commission, slippage, at_close,
                    factor, multiplier, rates, trips, late, used,
                )  # fmt: skip
            one = after[one]
    return used


@inlined
def _split_lots(index: int, ratio: float, lot: float, first: Ints, after: Ints, held: Floats, factor: Floats) -> None:
    """The remainder of less than a lot is taken from the oldest lots."""
    total = 0.0
    one = first[index]
    while one >= 0:
        held[one] *= ratio
        factor[one] *= ratio
        total += held[one]
        one = after[one]
    surplus = total - kept_units(total, lot)
    one = first[index]
    while one >= 0 and surplus > 0.0:
        part = min(surplus, held[one])
        held[one] -= part
        surplus -= part
        one = after[one]


@inlined
def _meet(
    one: int, at: int, part: float, exit_price: float, exit_units: float, index: int, exit_row: int, is_open: bool, is_late: bool,
    row: Ints, quantity: Floats, price: Floats, commission: Floats, slippage: Floats, at_close: Bools, factor: Floats,
    multiplier: Floats, rates: Floats, trips: NDArray[np.void], late: Bools, used: int,
) -> int:  # fmt: skip
    """Close `part` units of the lot opened by fill `one` with fill `at` (or the mark where it stays open)."""
    trip = trips[used]
    side = np.sign(quantity[one])
    rate_in, rate_out = _rate(rates, row[one], index), _rate(rates, exit_row, index)
    share_in = part / (abs(quantity[one]) * factor[one])
    share_out = 0.0 if is_open else part / exit_units
    fee_out = 0.0 if is_open else commission[at] * rate_out * share_out
    slip_out = 0.0 if is_open else slippage[at] * rate_out * share_out
    entry_price = price[one] / factor[one]
    cash_in = part * entry_price * multiplier[index] * rate_in
    trip.quantity = part
    trip.entry_price = entry_price
    trip.exit_price = exit_price
    trip.cost = abs(cash_in)
    trip.gross = side * (part * exit_price * multiplier[index] * rate_out - cash_in)
    trip.commission = commission[one] * rate_in * share_in + fee_out
    trip.slippage = slippage[one] * rate_in * share_in + slip_out
    late[used, 0] = at_close[one]
    late[used, 1] = is_late
    _finish(trip, index, side, row[one], exit_row, is_open)
    return used + 1
