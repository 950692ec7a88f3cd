"""Shorter bars into longer ones on session edges.

1. The calendar says where the longer bars begin and end; each short bar belongs to the one that contains it. Bars outside every session
   (extended hours) are left out; one that lies across an edge cannot be divided and is refused.
2. Only longer bars that lie wholly within the window count, so neither a first nor a last one is ever partial. Bars missing inside
   (an outage, minutes without a trade) do not matter: the rest makes the bar.
3. open first, high max, low min, close last, volumes and counts summed. Known when the last of its parts was known.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tradewinds.calendars.sessions import Calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.core.market import Interval
from tradewinds.core.observation import PROVENANCE

_FIRST, _MAX, _MIN, _LAST = "open", "high", "low", "close"
_SUMMED = ("volume", "quote_volume", "trades", "taker_base", "taker_quote")
_STATUS_BY_WEIGHT = ("ok", "resolved", "provisional", "held")
_TIMES = ("instrument", "start_ns", "event_ns")


def resample(
    frame: pl.DataFrame,
    calendar: Calendar,
    interval: str | Interval,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> pl.DataFrame:
    """Bars of the longer interval, sorted by (instrument, start_ns).

    frame: one row per instrument and start, as known at one instant. [start_ns, end_ns): the window over which the frame is complete;
    without it each instrument's own first start and last end, which loses the edges where quiet minutes are absent.
    `source` and `vendor` are kept where all parts share them, else null; `status` is the worst of the parts'.
    """
    length = Interval(interval) if isinstance(interval, str) else interval
    absent = [name for name in (*_TIMES, "known_ns") if name not in frame.columns]
    if absent:
        raise Rejected(f"resampling: columns {absent} are absent, expected instrument, start_ns, event_ns and known_ns")
    if frame.is_empty():
        return frame
    frame = frame.sort("instrument", "start_ns")
    _check_once(frame)
    bar = _bar_of(frame, calendar, length, start_ns, end_ns)
    inside = frame.with_columns(bar).filter(pl.col("_bar_start").is_not_null())
    names = [name for name in frame.columns if name not in _TIMES]
    longer = (
        inside.group_by("instrument", "_bar_start", "_bar_end", maintain_order=True)
        .agg(_rule(name, frame.schema[name]) for name in names)
        .rename({"_bar_start": "start_ns", "_bar_end": "event_ns"})
    )
    extents = frame.group_by("instrument").agg(pl.col("start_ns").min().alias("_from"), pl.col("event_ns").max().alias("_to"))
    whole = pl.lit(True)
    if start_ns is None:
        whole &= pl.col("start_ns") >= pl.col("_from")
    if end_ns is None:
        whole &= pl.col("event_ns") <= pl.col("_to")
    return longer.join(extents, on="instrument", how="left", maintain_order="left").filter(whole).select(frame.columns)


def _check_once(frame: pl.DataFrame) -> None:
    same = (pl.col("instrument") == pl.col("instrument").shift(1)) & (pl.col("start_ns") == pl.col("start_ns").shift(1))
    twice = frame.filter(same)
    if not twice.is_empty():
        row = twice.row(0, named=True)
        raise DataFault(f"resampling {row['instrument']}: two bars start at {text(row['start_ns'])}, expected each once")


def _bar_of(frame: pl.DataFrame, calendar: Calendar, length: Interval, start_ns: int | None, end_ns: int | None) -> list[pl.Series]:
    """For each row the start and end of the longer bar that contains it; null where none does."""
    begin, finish = frame["start_ns"].to_numpy(), frame["event_ns"].to_numpy()
    low = int(begin.min()) if start_ns is None else start_ns
    high = int(finish.max()) if end_ns is None else end_ns
    starts, ends = calendar.bar_edges(low, high, length)
    starts, ends = starts[ends <= high], ends[ends <= high]
    if len(starts) == 0:
        return [pl.Series(name, [None] * len(begin), dtype=pl.Int64) for name in ("_bar_start", "_bar_end")]
    at = np.searchsorted(starts, begin, side="right") - 1
    end_at = np.where(at >= 0, ends[at], np.iinfo(np.int64).min)
    inside = begin < end_at
    crosses = (inside & (finish > end_at)) | (np.searchsorted(starts, finish, side="left") - 1 > at)
    if crosses.any():
        row = frame.row(int(np.argmax(crosses)), named=True)
        raise Rejected(
            f"resampling {row['instrument']} to {length.name} on {calendar.name}: the bar {text(row['start_ns'])} to "
            f"{text(row['event_ns'])} lies across an edge, expected bars that divide the sessions"
        )
    values = (("_bar_start", starts), ("_bar_end", ends))
    return [pl.Series(name, np.where(inside, edges[at], 0)).set(pl.Series(~inside), None) for name, edges in values]


def _rule(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name).fill_nan(None) if kind.is_float() else pl.col(name)
    price = name.rpartition("_")[2]
    if name in ("known_ns", "captured_ns"):
        return column.max()
    if name in ("source", *PROVENANCE):
        return _shared(name)
    if name in _SUMMED:
        return pl.when(column.count() > 0).then(column.sum()).alias(name)
    if name in (price, f"bid_{price}", f"ask_{price}") and price in (_FIRST, _MAX, _MIN, _LAST):
        known = column.drop_nulls()
        return {_FIRST: known.first(), _MAX: known.max(), _MIN: known.min(), _LAST: known.last()}[price]
    raise Rejected(f"resampling: column {name!r}, expected prices, volumes and counts of bars")


def _shared(name: str) -> pl.Expr:
    if name == "status":
        return pl.col(name).cast(pl.Enum(_STATUS_BY_WEIGHT)).max().cast(pl.String)
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)
