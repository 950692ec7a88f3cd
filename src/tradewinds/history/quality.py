"""Quality of bars: what one vendor's rows say about themselves, before anyone else is asked.

`check_bars` is cheap enough to stand in the way of a bulk load. It never changes data: a real crash is a finding of severity warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.market import interval_of
from tradewinds.core.observation import Dataset, Finding, Severity
from tradewinds.history.quality_bars import BarLimits, Bars, Fault, bar_faults, gap_before

__all__ = ["BarLimits", "check_bars", "stretches"]

NEEDED = ("instrument", "start_ns", "open", "high", "low", "close", "volume")
SEVERITY: dict[str, Severity] = {"impossible": "error", "conflict": "error", "future": "error", "duplicate": "info", "revised": "info"}


def check_bars(
    rows: pl.DataFrame,
    dataset: Dataset | str,
    *,
    vendor: str,
    now_ns: int | None = None,
    expected: NDArray[np.int64] | None = None,
    limits: BarLimits | None = None,
    follows: Mapping[str, int] = MappingProxyType({}),
) -> list[Finding]:
    """Findings about one vendor's bars of one or many instruments, in any order of instruments.

    rows: instrument, start_ns, open, high, low, close, volume; event_ns, known_ns and quote_volume are looked at where they stand.
    expected: sorted start_ns of every bar there should be. Without it gaps are looked for between bars of less than a day,
    as in a market that never closes; daily bars have none then. follows: the end of the bars already known of an instrument,
    by name: these rows go on from there, and what is missing between is a gap too.
    """
    name = dataset if isinstance(dataset, str) else dataset.name
    absent = [column for column in NEEDED if column not in rows.columns]
    if absent:
        raise Rejected(f"quality of {name} from {vendor}: columns {absent} are missing, found {rows.columns}")
    limits = limits or BarLimits()
    interval = interval_of(name)
    interval_ns = None if interval is None or interval.is_daily_or_longer else interval.ns
    found: list[Finding] = []
    parts = stretches(rows)
    if len(parts) > len({instrument for instrument, _, _ in parts}):
        rows = rows.sort("instrument", maintain_order=True)
        parts = stretches(rows)
    for instrument, low, high in parts:
        bars = _bars(rows[low:high])
        faults = bar_faults(bars, limits, interval_ns=interval_ns, expected=expected, now_ns=now_ns)
        if interval_ns is not None and expected is None and instrument in follows:
            faults += gap_before(bars, follows[instrument], interval_ns)
        found += [_finding(fault, vendor, instrument, name) for fault in faults]
    return found


def stretches(rows: pl.DataFrame) -> list[tuple[str, int, int]]:
    """(instrument, first row, row after the last) of each stretch of one instrument."""
    names = rows["instrument"]
    if rows.height == 0:
        return []
    if bool((names == names[0]).all()):
        return [(str(names[0]), 0, rows.height)]
    changes = (names != names.shift()).fill_null(True).arg_true().to_list()
    return [(str(names[low]), low, high) for low, high in zip(changes, [*changes[1:], rows.height], strict=True)]


def _bars(part: pl.DataFrame) -> Bars:
    def number(column: str) -> NDArray[np.float64]:
        series = part[column]
        values: NDArray[np.float64] = (series if series.dtype == pl.Float64 else series.cast(pl.Float64)).to_numpy()
        return values

    def instant(column: str) -> NDArray[np.int64]:
        values: NDArray[np.int64] = part[column].to_numpy()
        return values

    is_quoted = "quote_volume" in part.columns and part["quote_volume"].null_count() == 0
    return Bars(
        start=instant("start_ns"),
        open=number("open"),
        high=number("high"),
        low=number("low"),
        close=number("close"),
        volume=number("volume"),
        event=instant("event_ns") if "event_ns" in part.columns else None,
        known=instant("known_ns") if "known_ns" in part.columns else None,
        quote_volume=number("quote_volume") if is_quoted else None,
        has_volume=part["volume"].null_count() < part.height,
    )


def _finding(fault: Fault, vendor: str, instrument: str, dataset: str) -> Finding:
    assert fault.start_ns is not None
    severity = SEVERITY.get(fault.kind, "warning")
    return Finding(vendor, instrument, dataset, fault.start_ns, fault.kind, fault.detail, fault.field, fault.end_ns, severity)
