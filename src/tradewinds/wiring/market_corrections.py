"""What an event strategy learns later: versions of cells that followed the first one, and first versions that came too late for their bar.

The market and the panel hold first-known values. Each correction here has the time at which it became known, and a view applies it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.market import bars as bars_of
from tradewinds.core.observation import Table
from tradewinds.history.panel import Panel
from tradewinds.trading.columns import Corrections, corrections_of_pack
from tradewinds.wiring.bars import fresh_pack

if TYPE_CHECKING:
    from tradewinds.wiring.house import House
    from tradewinds.wiring.market import Prepared, Wanted

MEMBER = "member"  # is made here and corrected by nobody


def corrections_of(house: House, prepared: Prepared, wanted: Wanted) -> dict[str, Corrections]:
    """Of the driving bars and of the other intervals, by interval; none for the latest view, which holds them already."""
    if wanted.reading.view == "latest":
        return {}
    late = _late(prepared)
    found = {}
    for interval in (prepared.interval, *wanted.other_intervals):
        panel = prepared.panel if interval == prepared.interval else prepared.others[interval]
        later = _until(_later(house, panel, interval, wanted), wanted.reading.as_of_ns)
        whole = _merged(late, later) if interval == prepared.interval else later
        if len(whole.known_ns):
            found[interval] = whole
    return found


def _later(house: House, panel: Panel, interval: str, wanted: Wanted) -> Corrections:
    table = Table(bars_of(interval))
    fields = [name for name in panel.fields if name != MEMBER]
    pack = fresh_pack(house, table, fields, wanted.reading)
    if pack is not None and set(panel.instruments) <= set(pack.instruments):
        return corrections_of_pack(pack, panel, fields)
    import polars as pl

    frame = house.lake.versions(
        table, instruments=list(panel.instruments), start_ns=int(panel.times[0]), end_ns=int(panel.times[-1]) + 1
    ).sort("known_ns", maintain_order=True)
    frame = frame.filter(~pl.struct("instrument", "start_ns").is_first_distinct())
    place = {name: column for column, name in enumerate(panel.instruments)}
    rows = np.searchsorted(panel.times, frame["start_ns"].to_numpy())
    inside = np.flatnonzero(np.append(panel.times, -1)[rows] == frame["start_ns"].to_numpy())
    columns = np.array([place[name] for name in frame["instrument"]], dtype=np.int64)
    values = {name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()[inside] for name in fields}
    return Corrections(frame["known_ns"].to_numpy()[inside], rows[inside], columns[inside], values)


def _late(prepared: Prepared) -> Corrections:
    """First versions that the panel leaves out because they came after the next bar had begun; the market holds them."""
    market, panel = prepared.market, prepared.panel
    rows, columns = np.nonzero(np.isnan(panel.close) & ~np.isnan(market.close))
    known = panel.known_ns[rows, columns]
    order = np.argsort(known, kind="stable")
    rows, columns = rows[order], columns[order]
    values: dict[str, NDArray[np.float64]] = {
        name: getattr(market, name)[rows, columns] for name in ("open", "high", "low", "close", "volume")
    }
    return Corrections(known[order], rows, columns, values)


def _merged(first: Corrections, then: Corrections) -> Corrections:
    """Both in the order in which they became known; fields that only one of them has stay as they are in the other."""
    known = np.concatenate([first.known_ns, then.known_ns])
    order = np.argsort(known, kind="stable")
    names = [name for name in then.values if name in first.values]
    return Corrections(
        known[order],
        np.concatenate([first.rows, then.rows])[order],
        np.concatenate([first.columns, then.columns])[order],
        {name: np.concatenate([first.values[name], then.values[name]])[order] for name in names},
    )


def _until(found: Corrections, as_of_ns: int | None) -> Corrections:
    if as_of_ns is None:
        return found
    last = int(np.searchsorted(found.known_ns, as_of_ns, "right"))
    values: Mapping[str, NDArray[np.float64]] = {name: each[:last] for name, each in found.values.items()}
    return Corrections(found.known_ns[:last], found.rows[:last], found.columns[:last], values)
