"""The rows of every vendor side by side: one dense block of (vendor, cell), a cell being one instrument and one bar.

1. Rows not yet known at the as-of time are left out.
2. Of the rows of one vendor and cell the last known one stands; the others were duplicates, or were revised.
3. Cells are sorted by (instrument, start); neighbours of one instrument are neighbours in the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.market import PRICES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEEDED = ("instrument", "start_ns", "event_ns", "known_ns", *PRICES, "volume")
VOLUME_MAX = float(2**63)


@dataclass(frozen=True, slots=True)
class Cells:
    """Vendors' latest rows. Arrays are (vendors, cells) or (cells,); `price` is (4, vendors, cells), open, high, low, close.

    row: index into `rows`, -1 where the vendor has none. known, first: when the latest and the first version were known.
    split: new shares per old share that the vendor states, NaN where it states nothing.
    instrument: index into `instruments`. replay: which replay a cell belongs to, 0 outside of replays; cells of different
    replays never meet.
    """

    vendors: tuple[str, ...]
    instruments: tuple[str, ...]
    rows: pl.DataFrame
    instrument: Ints
    replay: Ints
    start: Ints
    event: Ints
    row: Ints
    known: Ints
    first: Ints
    price: Floats
    volume: Floats
    split: Floats
    currency: Ints
    duplicate: Bools
    revised: Bools
    ambiguous: Bools

    @property
    def size(self) -> int:
        return len(self.start)

    @property
    def present(self) -> Bools:
        there: Bools = self.row >= 0
        return there

    @property
    def impossible_price(self) -> Bools:
        """Prices that no bar can have: not finite, not positive, or outside of their own high and low."""
        o, h, low, c = self.price
        with np.errstate(invalid="ignore"):
            good = (low > 0) & (h < np.inf) & (h >= np.maximum(o, c)) & (low <= np.minimum(o, c))
        found: Bools = self.present & ~good
        return found

    @property
    def impossible_volume(self) -> Bools:
        with np.errstate(invalid="ignore"):
            good = (self.volume >= 0) & (self.volume < VOLUME_MAX)
        found: Bools = self.present & ~good
        return found

    def is_neighbour(self, step: int) -> Bools:
        """Whether the cell `step` places on (back where negative) exists and belongs to the same instrument."""
        found = np.zeros(self.size, dtype=np.bool_)
        k = abs(step)
        if k < self.size:
            same = self.instrument[k:] == self.instrument[:-k]
            found[: self.size - k] = same if step > 0 else False
            if step < 0:
                found[k:] = same
        return found


def cells(rows_by_vendor: Mapping[str, pl.DataFrame], as_of_ns: int | None = None) -> Cells:
    """Every vendor's rows in one block, as they were known at `as_of_ns` (all where it is None).

    A column `replay` keeps rows of different replays apart. Raises Rejected where a frame lacks a column or no vendor is given.
    """
    if not rows_by_vendor:
        raise Rejected("reconciliation: no vendor, expected the rows of at least one")
    vendors = tuple(sorted(rows_by_vendor))
    rows = _stacked(rows_by_vendor, vendors, as_of_ns)
    identity = ["_replay", "instrument", "start_ns"]
    keys = rows.select(identity).unique().sort(identity).with_row_index("_cell")
    courses = keys.select("_replay", "instrument").unique(maintain_order=True)
    begins = keys.select((pl.struct("_replay", "instrument") != pl.struct("_replay", "instrument").shift()).fill_null(True)).to_series()
    cell = rows.join(keys, on=identity, how="left", maintain_order="left")["_cell"].to_numpy().astype(np.int64)
    place = _Places(rows["_vendor"].to_numpy().astype(np.int64) * keys.height + cell, (len(vendors), keys.height))
    values = {name: rows[name].to_numpy() for name in (*PRICES, "volume", "_split")}
    known = rows["known_ns"].to_numpy()
    same_cell, same_time, equal = _repeated(place.flat, known, list(values.values()))
    newest = place.latest(known, np.int64(np.iinfo(np.int64).min)).ravel()[place.flat]
    event = np.zeros(keys.height, dtype=np.int64)
    event[cell] = rows["event_ns"].to_numpy()
    return Cells(
        vendors=vendors,
        instruments=tuple(courses["instrument"]),
        rows=rows.drop("_vendor", "_split", "_currency", "_replay"),
        instrument=np.cumsum(begins.to_numpy()).astype(np.int64) - 1,
        replay=keys["_replay"].to_numpy().astype(np.int64),
        start=keys["start_ns"].to_numpy().astype(np.int64),
        event=event,
        row=place.latest(np.arange(rows.height, dtype=np.int64), np.int64(-1)),
        known=place.latest(known, np.int64(0)),
        first=place.latest(known[::-1], np.int64(np.iinfo(np.int64).max), backwards=True),
        price=np.stack([place.latest(values[p], np.float64(np.nan)) for p in PRICES]),
        volume=place.latest(values["volume"], np.float64(np.nan)),
        split=place.latest(values["_split"], np.float64(np.nan)),
        currency=place.latest(rows["_currency"].to_numpy().astype(np.int64), np.int64(-1)),
        duplicate=place.marked(equal),
        revised=place.marked(same_cell & ~equal & ~same_time),
        ambiguous=place.marked(same_time & ~equal & (known == newest)),
    )


Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each row stands in the block of (vendors, cells); rows are sorted by known time within a place."""

    flat: Ints
    shape: tuple[int, int]

    def latest(self, values: NDArray[Number], absent: Number, *, backwards: bool = False) -> NDArray[Number]:
        """The last row's value of each place; `backwards`: values come in reverse, so that the first row's stands."""
        out = np.full(self.shape[0] * self.shape[1], absent, dtype=values.dtype)
        out[self.flat[::-1] if backwards else self.flat] = values
        return out.reshape(self.shape)

    def marked(self, mask: Bools) -> Bools:
        out = np.zeros(self.shape[0] * self.shape[1], dtype=np.bool_)
        out[self.flat[mask]] = True
        return out.reshape(self.shape)


def _repeated(flat: Ints, known: Ints, values: list[Floats]) -> tuple[Bools, Bools, Bools]:
    """Of each row against the row before: (same place, also the same known time, same place and equal values)."""
    same_cell = np.zeros(len(flat), dtype=np.bool_)
    same_cell[1:] = flat[1:] == flat[:-1]
    same_time, equal = same_cell.copy(), same_cell.copy()
    same_time[1:] &= known[1:] == known[:-1]
    for column in values:
        both_nan = np.isnan(column[1:]) & np.isnan(column[:-1])
        equal[1:] &= (column[1:] == column[:-1]) | both_nan
    return same_cell, same_time, equal


def _stacked(rows_by_vendor: Mapping[str, pl.DataFrame], vendors: tuple[str, ...], as_of_ns: int | None) -> pl.DataFrame:
    """All rows, sorted by vendor, cell, known time and then values, so that the order of input never matters."""
    parts = []
    for k, vendor in enumerate(vendors):
        frame = rows_by_vendor[vendor]
        missing = sorted(set(NEEDED) - set(frame.columns))
        if missing:
            raise Rejected(f"reconciliation of {vendor}: columns {missing} are missing, found {frame.columns}")
        if as_of_ns is not None:
            frame = frame.filter(pl.col("known_ns") <= as_of_ns)
        parts.append(frame.with_columns(pl.lit(k, dtype=pl.Int32).alias("_vendor")))
    rows = pl.concat(parts, how="diagonal_relaxed")
    split = pl.col("split_factor").cast(pl.Float64) if "split_factor" in rows.columns else pl.lit(None, dtype=pl.Float64)
    currency = pl.col("currency").cast(pl.String) if "currency" in rows.columns else pl.lit(None, dtype=pl.String)
    replay = pl.col("replay").cast(pl.Int64) if "replay" in rows.columns else pl.lit(0, dtype=pl.Int64)
    return rows.with_columns(
        *[pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in (*PRICES, "volume")],
        *[pl.col(name).cast(pl.Int64) for name in ("start_ns", "event_ns", "known_ns")],
        replay.alias("_replay"),
        split.fill_null(float("nan")).alias("_split"),
        # Equal text has an equal number; only equality is asked of it.
        currency.str.to_uppercase().rank("dense").fill_null(-1).cast(pl.Int64).alias("_currency"),
    ).sort("_vendor", "_replay", "instrument", "start_ns", "known_ns", *PRICES, "volume", "_split", "_currency")
