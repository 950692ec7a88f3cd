"""Bars as a panel, as traded: from the pack where it is fresh, else from the lake, or from plain files without any house.

1. A pack counts as fresh when it was built from the partitions that the lake holds now; it is memory-mapped, and polars stays unread.
2. Otherwise the lake is read, first known values by default.
3. Files are read by the tolerant reader of `data import`; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND
from tradewinds.core.market import Interval
from tradewinds.core.market import bars as bars_of
from tradewinds.core.observation import Payload, Pull, Table
from tradewinds.history.panel import Panel, View, panel_of_frame, panel_of_pack
from tradewinds.wiring.market_facts import FILE_VENUE

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.stores.pack import Pack
    from tradewinds.wiring.house import House

FOREVER_NS = 2**62  # later than every known time; the lake refuses none
HEAD_BYTES = 65_536  # enough lines to see how far apart bars are
_USUAL = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h")


@dataclass(frozen=True, slots=True)
class Reading:
    """How history is read: first known values (point in time) or the latest, as of an instant where one is named."""

    view: View = "first"
    as_of_ns: int | None = None


def bars_of_house(house: House, instruments: Sequence[str], interval: str, fields: Sequence[str], span: Span, reading: Reading) -> Panel:
    """The bars that start within the span; an instrument without any is all NaN."""
    table = Table(bars_of(interval))
    pack = fresh_pack(house, table, fields, reading)
    if pack is not None:
        held = set(pack.instruments)
        panel = panel_of_pack(_Cut(pack, span), [name for name in instruments if name in held], fields, view=reading.view)
        return _seen(_widened(panel, instruments), reading)
    return dataset_panel(house, table, fields, span, reading, instruments)


def dataset_panel(
    house: House, table: Table, fields: Sequence[str] | None, span: Span, reading: Reading, instruments: Sequence[str] | None = None
) -> Panel:
    """Any table of the lake as a panel; fields None: its numbers."""
    between = {"instruments": instruments, "start_ns": span.start_ns, "end_ns": span.end_ns}
    as_of_ns = FOREVER_NS if reading.as_of_ns is None else reading.as_of_ns
    if reading.view == "latest":
        return panel_of_frame(house.lake.read(table, as_of_ns=as_of_ns, **between), fields, view="latest", instruments=instruments)  # type: ignore[arg-type]  # the mapping's values have one type each
    frame = house.lake.versions(table, **between)  # type: ignore[arg-type]  # as above
    return _seen(panel_of_frame(frame, fields, instruments=instruments), reading)


@dataclass(frozen=True, slots=True)
class Span:
    """Facts that start in [start_ns, end_ns); None: from the first, to the last."""

    start_ns: int | None = None
    end_ns: int | None = None


def bars_of_files(place: Path, interval: str | None, instruments: Sequence[str]) -> tuple[Panel, str]:
    """(bars of every file, the interval): `interval` None is read off the times.

    Of one file without a column of symbols the one named instrument is meant, else its name: GOOG.csv holds GOOG.FILE. In a folder the
    instrument's symbol is the file's name; subfolders are not looked into, but one that is named as the interval stands for the folder.
    Raises DataFault where a file cannot be read, Missing where an instrument has none.
    """
    import polars as pl

    if interval is not None and (place / interval).is_dir():
        place = place / interval
    chosen = interval or _interval_of_files(place)
    frames = _frames(place, chosen, instruments)
    frame = pl.concat([one for one in frames if one.height] or frames)
    found = sorted(frame["instrument"].unique())
    names = tuple(instruments) or tuple(found)
    absent = [name for name in names if name not in found]
    if absent:
        raise Missing(f"bars of {place}: no row of {absent[0]}, expected one of {', '.join(found[:5]) or 'none'}")
    fields = [name for name in ("open", "high", "low", "close", "volume") if name in frame.columns]
    panel = panel_of_frame(frame.filter(pl.col("instrument").is_in(names)), fields, instruments=names)
    if 0 in panel.shape:
        raise Missing(f"bars of {place}: no row in it, expected at least one bar")
    return panel, chosen


class _Cut:
    """The part of a pack that starts within a span, as a panel reads it."""

    def __init__(self, pack: Pack, span: Span) -> None:
        self._pack = pack
        self._span = span

    def read(self, instrument: str, column: str, *, view: View = "first") -> NDArray[Any]:
        return self._pack.read(instrument, column, view=view)[self._slice(instrument)]

    def corrections(self, instrument: str) -> _CutCorrections:
        later, inside = self._pack.corrections(instrument), self._slice(instrument)
        kept = (later.rows >= inside.start) & (later.rows < inside.stop)
        return _CutCorrections(later.rows[kept] - inside.start, later.known_ns[kept])

    def _slice(self, instrument: str) -> slice:
        return self._pack.span(instrument, self._span.start_ns, self._span.end_ns)


@dataclass(frozen=True, slots=True)
class _CutCorrections:
    rows: NDArray[Any]
    known_ns: NDArray[Any]


def fresh_pack(house: House, table: Table, fields: Sequence[str], reading: Reading) -> Pack | None:
    """The table's pack where it holds what the lake holds now and answers this reading, else None."""
    from tradewinds.stores.lake_log import entry_version
    from tradewinds.stores.pack import PackStore

    store = PackStore(house.storage_place(house.config.storage.pack, "pack"))
    if store.current(table) is None or (reading.view == "latest" and reading.as_of_ns is not None):
        return None
    pack = store.open(table)
    files = house.files_of_lake()
    numbers = {
        partition: max((number for name in files.names(f"{table.name}/_log/{partition}") if (number := entry_version(name))), default=0)
        for partition in files.folders(f"{table.name}/_log")
    }
    is_whole = pack.header.start_ns is None and set(fields) <= set(pack.columns)
    is_late_enough = reading.as_of_ns is None or reading.as_of_ns <= pack.header.as_of_ns
    return pack if is_whole and is_late_enough and {key: one for key, one in numbers.items() if one} == pack.header.versions else None


def _seen(panel: Panel, reading: Reading) -> Panel:
    return panel if reading.as_of_ns is None or reading.view != "first" else panel.as_of(reading.as_of_ns)


def _widened(panel: Panel, instruments: Sequence[str]) -> Panel:
    """The panel with a column for every named instrument; those without bars hold nothing."""
    if panel.instruments == tuple(instruments):
        return panel
    from tradewinds.history.panel import UNKNOWN_NS

    at = {name: index for index, name in enumerate(panel.instruments)}
    shape = (len(panel.times), len(instruments))
    known = np.full(shape, UNKNOWN_NS)
    fields = {name: np.full(shape, np.nan) for name in panel.fields}
    for column, name in enumerate(instruments):
        if name in at:
            known[:, column] = panel.known_ns[:, at[name]]
            for field, values in panel.fields.items():
                fields[field][:, column] = values[:, at[name]]
    return Panel(tuple(instruments), panel.times, panel.event_ns, known, fields, panel.view)


class _NoNetwork:
    """Stands where a vendor wants a client: files are read by us, so nobody asks it anything."""


def _frames(place: Path, interval: str, instruments: Sequence[str]) -> list[pl.DataFrame]:
    from tradewinds.vendors.bar_files import BarFiles

    frames = []
    for path in _files(place):
        content = _named(path.read_bytes())
        options = {"interval": interval, **_whose(path, content, place.is_dir(), instruments)}
        vendor = BarFiles(_NoNetwork(), base_url=str(path), options=options)  # type: ignore[arg-type]  # parsing asks no network
        pull = Pull(vendor.name, vendor.datasets()[0].name, path.name)
        frames.append(vendor.parse(Payload(pull, content, 0)))
    return frames


def _files(place: Path) -> list[Path]:
    from tradewinds.vendors.bar_files import SUFFIXES

    if place.is_file():
        return [place]
    found = sorted(path for path in place.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()) if place.is_dir() else []
    if not found:
        raise Missing(f"bars: nothing to read at {place}, expected a file or a folder with {', '.join(SUFFIXES)}")
    return found


def _named(content: bytes) -> bytes:
    """A table whose first column has no name, as frames with an index are written, gets one."""
    return b"time" + content if content.startswith(b",") else content


def _head(path: Path) -> bytes:
    """The first lines of a text file, the whole of any other."""
    content = _named(path.read_bytes())
    return content[: content.rfind(b"\n", 0, HEAD_BYTES) + 1] or content if path.suffix.lower() in (".csv", ".txt") else content


def _whose(path: Path, content: bytes, is_folder: bool, instruments: Sequence[str]) -> dict[str, str]:
    """The option that says whose bars they are; a file with a column of symbols says it itself."""
    head = content[:4096].splitlines()[0].decode("utf-8", "replace").lower() if content else ""
    names = {cell.strip().strip('"\ufeff') for cell in head.split(",")}
    symbol = path.name.split(".")[0].upper()
    venues = {name.rpartition(".")[0]: name.rpartition(".")[2] for name in instruments}
    if names & {"symbol", "ticker"}:
        return {"venue": next(iter(venues.values()), FILE_VENUE)}
    if not is_folder and len(instruments) == 1:
        return {"instrument": instruments[0]}
    return {"instrument": f"{symbol}.{venues.get(symbol, FILE_VENUE)}"}


def _interval_of_files(place: Path) -> str:
    """The interval of the first file: the most common distance between its times."""
    from tradewinds.vendors.bar_files import BarFiles

    path = _files(place)[0]
    vendor = BarFiles(_NoNetwork(), base_url=str(path), options={"interval": "1s", "instrument": "A.FILE"})  # type: ignore[arg-type]  # as above
    try:
        frame = vendor.parse(Payload(Pull(vendor.name, "bars-1s", path.name), _head(path), 0))
    except DataFault:
        return "1d"  # the times are dates in some form of their own; the reader of days says what is wrong with them, if anything is
    steps = np.diff(np.unique(frame["start_ns"].to_numpy()))
    if not len(steps):
        return "1d"
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[np.argmax(counts)])
    if step >= NS_PER_DAY:
        return "1w" if step >= 7 * NS_PER_DAY else "1d"
    if step % NS_PER_SECOND:
        raise Rejected(f"bars of {path}: {step} ns between most of them, expected whole seconds; say --interval")
    named = {Interval(name).ns: name for name in _USUAL}
    return named.get(step) or (f"{step // NS_PER_MINUTE}m" if step % NS_PER_MINUTE == 0 else f"{step // NS_PER_SECOND}s")
