"""Bars of an interval that the lake does not hold, made from the finest ones that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import Interval
from tradewinds.core.market import bars as bars_of
from tradewinds.core.observation import Table
from tradewinds.history.panel import UNKNOWN_NS, Panel, panel_of_frame
from tradewinds.wiring.bars import FOREVER_NS, Reading, Span, bars_of_house
from tradewinds.wiring.market_facts import calendar_of, some

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.wiring.house import House

_PREFIX = "history/bars-"


def bars_or_finer(
    house: House, instruments: Sequence[str], interval: str, fields: Sequence[str], span: Span, reading: Reading
) -> tuple[Panel, list[str]]:
    """(the bars that start within the span, notes). Where no instrument has any bar of the interval, the finest that divides it are
    put together on the edges of each instrument's sessions; a bar is known when the last of its parts was. Nothing there: empty.
    """
    panel = bars_of_house(house, instruments, interval, fields, span, reading)
    if (panel.known_ns != UNKNOWN_NS).any():
        return panel, []
    for finer in _finer(house, interval):
        frame = _rows(house, Table(bars_of(finer)), instruments, span, reading)
        if not frame.is_empty():
            longer = _resampled(house, frame, instruments, interval)
            made = panel_of_frame(longer, fields, view=reading.view, instruments=instruments)
            whose = f"bars-{interval} of {some(list(instruments))}"
            note = f"{whose} are not in the lake: made from bars-{finer}; corrections of these that came later are not seen"
            return made, [note]
    return panel, []


def _finer(house: House, interval: str) -> list[str]:
    """Intervals in the lake that divide this one, the shortest first."""
    wanted = Interval(interval)
    length = wanted.ns or NS_PER_DAY
    found = []
    for name in house.lake.tables():
        if name.startswith(_PREFIX):
            one = Interval(name.removeprefix(_PREFIX))
            if one.ns and (one.ns < length or (one.ns == length and one.name != wanted.name)) and length % one.ns == 0:
                found.append((one.ns, one.name))
    return [name for _, name in sorted(found)]


def _rows(house: House, table: Table, instruments: Sequence[str], span: Span, reading: Reading) -> pl.DataFrame:
    """One row of each bar: as first known, or the latest."""
    import polars as pl

    as_of_ns = FOREVER_NS if reading.as_of_ns is None else reading.as_of_ns
    names = list(instruments)
    if reading.view == "latest":
        return house.lake.read(table, as_of_ns=as_of_ns, instruments=names, start_ns=span.start_ns, end_ns=span.end_ns)
    frame = house.lake.versions(table, instruments=names, start_ns=span.start_ns, end_ns=span.end_ns)
    first = frame.sort("known_ns", maintain_order=True).unique(["instrument", "start_ns"], keep="first", maintain_order=True)
    return first.filter(pl.col("known_ns") <= as_of_ns)


def _resampled(house: House, frame: pl.DataFrame, instruments: Sequence[str], interval: str) -> pl.DataFrame:
    import polars as pl

    from tradewinds.history.resample import resample
    from tradewinds.wiring.market_house import registered

    known, _ = registered(house, instruments)
    groups: dict[str, list[Instrument]] = {}
    for one in known:
        groups.setdefault(one.calendar or "", []).append(one)
    made = []
    for members in groups.values():
        mine = frame.filter(pl.col("instrument").is_in([one.id for one in members]))
        made.append(resample(mine, calendar_of(members), interval))
    return pl.concat(made)
