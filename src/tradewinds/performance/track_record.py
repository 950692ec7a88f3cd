"""`TrackRecord`: one finished history of trading as plain arrays, which every figure of this room is computed from.

Money is in the account's currency unless a name says otherwise; rows are positions in one time axis of bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CASH = -1
"""The instrument of a charge that belongs to none (interest on cash)."""


@dataclass(frozen=True, slots=True, eq=False)
class FillLog:
    """Fills in the order in which they happened. All arrays (fills,).

    quantity: units, signed, positive bought. price: in the instrument's currency, slippage within it. commission, slippage: in the
    instrument's currency, positive lost. is_at_close: the fill happened at its bar's close. ratio: new units per old where the row is
    a split and no fill (its quantity is 0), else NaN; a split stands before the fills of its row (`with_splits`).
    """

    row: Ints
    instrument: Ints
    quantity: Floats
    price: Floats
    commission: Floats
    slippage: Floats
    is_at_close: Bools
    ratio: Floats

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self.__slots__}
        if len(set(lengths.values())) != 1:
            raise Rejected(f"fill log: arrays of lengths {lengths}, expected one length")
        if len(self.row) and np.any(np.diff(self.row) < 0):
            at = int(np.flatnonzero(np.diff(self.row) < 0)[0])
            raise DataFault(f"fill log: row {self.row[at + 1]} after row {self.row[at]}, expected rows that never fall")


@dataclass(frozen=True, slots=True, eq=False)
class Charges:
    """Cash that moved without a fill, in the instrument's currency, positive received. Arrays (charges,); kind points into `kinds`."""

    row: Ints
    instrument: Ints  # CASH: of the account itself, in its currency
    kind: Ints
    amount: Floats
    kinds: tuple[str, ...] = ()


def no_charges() -> Charges:
    """Charges of an account that was never charged."""
    return Charges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecord:
    """What a run left behind.

    end_ns, session, equity: (times,); equity at each bar's close. Only rows [first_row, last_row) count; at the close of `first_row` the
    account stands at `capital`. high, low, close: (times, instruments) as traded, in the instrument's currency, NaN where not traded.
    rates: (times or 1, instruments) account currency per unit of the instrument's. multiplier, lot: (instruments,).
    """

    instruments: tuple[str, ...]
    end_ns: Ints
    session: Ints
    equity: Floats
    capital: float
    first_row: int
    last_row: int
    fills: FillLog
    high: Floats
    low: Floats
    close: Floats
    multiplier: Floats
    rates: Floats
    lot: Floats
    charges: Charges = field(default_factory=no_charges)
    currency: str = "USD"

    def __post_init__(self) -> None:
        for name in ("high", "low", "close", "multiplier", "rates", "lot"):  # one layout, so that code is compiled once
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float64))
        times = len(self.end_ns)
        if not 0 <= self.first_row < self.last_row <= times:
            raise Rejected(f"track record: rows [{self.first_row}, {self.last_row}) of {times}, expected at least one within them")
        shapes = {name: getattr(self, name).shape for name in ("high", "low", "close")}
        if set(shapes.values()) != {(times, len(self.instruments))}:
            raise Rejected(f"track record: prices of shapes {shapes}, expected ({times}, {len(self.instruments)}) (times, instruments)")
        equity = self.equity[self.first_row : self.last_row]
        if not np.isfinite(equity).all():
            at = self.first_row + int(np.flatnonzero(~np.isfinite(equity))[0])
            raise DataFault(f"track record: equity {self.equity[at]} in row {at}, expected a finite number in every row that counts")


def fill_log(
    row: Ints,
    instrument: Ints,
    quantity: Floats,
    price: Floats,
    commission: Floats | None = None,
    slippage: Floats | None = None,
    is_at_close: Bools | None = None,
) -> FillLog:
    """A log of these arrays, (fills,) each; what is left out is zero or False."""
    count = len(row)

    def floats(values: Floats | None, default: float) -> Floats:
        return np.full(count, default) if values is None else np.ascontiguousarray(values, dtype=np.float64)

    return FillLog(
        np.ascontiguousarray(row, dtype=np.int64),
        np.ascontiguousarray(instrument, dtype=np.int64),
        floats(quantity, 0.0),
        floats(price, 0.0),
        floats(commission, 0.0),
        floats(slippage, 0.0),
        np.zeros(count, np.bool_) if is_at_close is None else np.ascontiguousarray(is_at_close, dtype=np.bool_),
        np.full(count, np.nan),
    )


def with_splits(log: FillLog, row: Ints, instrument: Ints, ratio: Floats) -> FillLog:
    """The log with splits (splits,) put before the fills of their rows. ratio: new units per old."""
    if not len(row):
        return log
    bad = np.flatnonzero(~(np.isfinite(ratio) & (ratio > 0)))
    if len(bad):
        raise DataFault(f"split in row {int(row[bad[0]])}: ratio {ratio[bad[0]]}, expected a positive number of new units per old")
    splits = fill_log(row, instrument, np.zeros(len(row)), np.zeros(len(row)))
    rank = np.concatenate([np.zeros(len(row), np.int64), np.ones(len(log.row), np.int64)])
    order = np.lexsort((rank, np.concatenate([splits.row, log.row])))
    merged = {name: np.concatenate([getattr(splits, name), getattr(log, name)])[order] for name in FillLog.__slots__}
    merged["ratio"] = np.concatenate([np.asarray(ratio, np.float64), log.ratio])[order]
    return FillLog(**merged)
