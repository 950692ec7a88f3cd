"""The rows of every vendor side by side: one dense block of (vendor, cell), a cell being one instrument and one bar.

1. Rows not yet known at the as-of time are left out.
2. Of the rows of one vendor and cell the last known one stands; the others were duplicates, or were revised.
3. Cells are sorted by (instrument, start); neighbours of one instrument are neighbours in the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    usable: the row is there and possible. instrument: index into `instruments`.
    """

    vendors: tuple[str, ...]
    instruments: tuple[str, ...]
    rows: pl.DataFrame
    instrument: Ints
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
        return self.row >= 0

    @property
    def impossible_price(self) -> Bools:
        """Prices that no bar can have: not finite, not positive, or outside of their own high and low."""
        o, h, low, c = self.price
        with np.errstate(invalid="ignore"):
            good = (low > 0) & (h < np.inf) & (h >= np.maximum(o, c)) & (low <= np.minimum(o, c))
        return self.present & ~good

    @property
    def impossible_volume(self) -> Bools:
        with np.errstate(invalid="ignore"):
            good = (self.volume >= 0) & (self.volume < VOLUME_MAX)
        return self.present & ~good

    def is_neighbour(self, step: int) -> Bools:
        """Whether the cell `step` places on (back where negative) exists and belongs to the same instrument."""
        found = np.zeros(self.size, dtype=bool)
        k = abs(step)
        if k < self.size:
            same = self.instrument[k:] == self.instrument[:-k]
            found[: self.size - k] = same if step > 0 else False
            if step < 0:
                found[k:] = same
        return found


def cells(rows_by_vendor: Mapping[str, pl.DataFrame], as_of_ns: int | None = None) -> Cells:
    """Every vendor's rows in one block, as they were known at `as_of_ns` (all where it is None).

    Raises Rejected where a frame lacks a column or no vendor is given.
    """
    if not rows_by_vendor:
        raise Rejected("reconciliation: no vendor, expected the rows of at least one")
    vendors = tuple(sorted(rows_by_vendor))
    rows = _stacked(rows_by_vendor, vendors, as_of_ns)
    keys = rows.select("instrument", "start_ns").unique().sort("instrument", "start_ns")
    instruments = tuple(keys["instrument"].unique(maintain_order=True))
    keys = keys.with_row_index("_cell")
    codes = rows.join(keys, on=["instrument", "start_ns"], how="left", maintain_order="left")["_cell"].to_numpy().astype(np.int64)
    n, v = keys.height, len(vendors)
    flat = rows["_vendor"].to_numpy().astype(np.int64) * n + codes
    values = {name: rows[name].to_numpy() for name in (*PRICES, "volume", "_split")}
    known = rows["known_ns"].to_numpy()

    same_cell = np.zeros(len(flat), dtype=bool)
    same_cell[1:] = flat[1:] == flat[:-1]
    equal = same_cell.copy()
    for series in values.values():
        both_nan = np.isnan(series[1:]) & np.isnan(series[:-1])
        equal[1:] &= (series[1:] == series[:-1]) | both_nan
    same_time = same_cell.copy()
    same_time[1:] &= known[1:] == known[:-1]

    def block(fill: float, dtype: type, series: NDArray[np.generic]) -> NDArray[np.generic]:
        out = np.full(v * n, fill, dtype=dtype)
        out[flat] = series  # rows are sorted by known time: the last one stands
        return out.reshape(v, n)

    def marked(mask: Bools) -> Bools:
        out = np.zeros(v * n, dtype=bool)
        out[flat[mask]] = True
        return out.reshape(v, n)

    first = np.full(v * n, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first, flat, known)
    event = np.zeros(n, dtype=np.int64)
    event[codes] = rows["event_ns"].to_numpy()
    index_of = {name: k for k, name in enumerate(instruments)}
    last_ambiguous = same_time & ~equal
    newest = np.full(v * n, np.iinfo(np.int64).min, dtype=np.int64)
    np.maximum.at(newest, flat, known)
    return Cells(
        vendors=vendors,
        instruments=instruments,
        rows=rows.drop("_vendor", "_split", "_currency"),
        instrument=np.array([index_of[name] for name in keys["instrument"]], dtype=np.int64),
        start=keys["start_ns"].to_numpy().astype(np.int64),
        event=event,
        row=block(-1, np.int64, np.arange(len(flat))),  # type: ignore[arg-type]  # the block is of the type asked for
        known=block(0, np.int64, known),  # type: ignore[arg-type]  # as above
        first=first.reshape(v, n),
        price=np.stack([block(np.nan, np.float64, values[p]) for p in PRICES]),  # type: ignore[arg-type]  # as above
        volume=block(np.nan, np.float64, values["volume"]),  # type: ignore[arg-type]  # as above
        split=block(np.nan, np.float64, values["_split"]),  # type: ignore[arg-type]  # as above
        currency=block(-1, np.int64, rows["_currency"].to_numpy().astype(np.int64)),  # type: ignore[arg-type]  # as above
        duplicate=marked(equal),
        revised=marked(same_cell & ~equal & ~same_time),
        ambiguous=marked(last_ambiguous & (known == newest[flat])),
    )


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
    return rows.with_columns(
        *[pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in (*PRICES, "volume")],
        *[pl.col(name).cast(pl.Int64) for name in ("start_ns", "event_ns", "known_ns")],
        split.fill_null(float("nan")).alias("_split"),
        # Equal text has an equal number; only equality is asked of it.
        currency.str.to_uppercase().rank("dense").fill_null(-1).cast(pl.Int64).alias("_currency"),
    ).sort("_vendor", "instrument", "start_ns", "known_ns", *PRICES, "volume", "_split", "_currency")
