"""The pack: what research and backtests read. Read-only, memory-mapped columns by instrument, and a recent window by time.

Every value is the one first known, with the list of later corrections beside it, so that nothing read here knows the
future unless `view="latest"` was named. `PackStore` finds, builds and retires vintages; `Pack` reads one.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.observation import Table
from tradewinds.stores.lake_files import file_fault
from tradewinds.stores.pack_format import TIMES, Array, Header, Slot, Stored, instrument_slots, read_header, recent_slots

if TYPE_CHECKING:
    from tradewinds.stores.lake import FileLake

View = Literal["first", "latest"]


@dataclass(frozen=True, slots=True)
class Corrections:
    """Later versions in order of the time they became known. `rows` are positions in the first-known arrays (flat, for the window)."""

    rows: Array
    known_ns: Array
    values: dict[str, Array]

    def between(self, after_ns: int | None, until_ns: int | None) -> slice:
        """The corrections that became known in (after_ns, until_ns]."""
        low = 0 if after_ns is None else int(np.searchsorted(self.known_ns, after_ns, "right"))
        high = len(self.known_ns) if until_ns is None else int(np.searchsorted(self.known_ns, until_ns, "right"))
        return slice(low, max(low, high))

    def apply(self, column: str, values: Array, *, after_ns: int | None = None, until_ns: int | None = None) -> int:
        """Write the corrections of a column known in (after_ns, until_ns] into a writable array; returns how many there were.

        An event loop calls this with the previous and the present time, and sees each correction when it became known.
        """
        chosen = self.between(after_ns, until_ns)
        values.reshape(-1)[self.rows[chosen]] = self.values[column][chosen]
        return int(chosen.stop - chosen.start)


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent window: values[column] is (times, instruments), NaN where a cell has no fact. First known, as everywhere."""

    start_ns: Array
    instruments: tuple[str, ...]
    values: dict[str, Array]
    corrections: Corrections

    def last(self, span_ns: int) -> slice:
        """The positions of the times in the last `span_ns` of the window."""
        return slice(int(np.searchsorted(self.start_ns, self.start_ns[-1] - span_ns, "right")), len(self.start_ns))


class Pack:
    """One vintage of one table. Arrays are views of the mapped file: read-only, and valid after the vintage is retired."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.folder = folder
        self.header = header
        self._stored = {stored.name: stored for stored in header.instruments}
        self._maps: dict[str, tuple[dict[str, Array], Corrections]] = {}

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self._stored)

    @property
    def columns(self) -> tuple[str, ...]:
        """The value columns; `start_ns`, `event_ns` and `known_ns` can be read as well."""
        return self.header.columns

    def read(self, instrument: str, column: str, *, view: View = "first") -> Array:
        """One column of one instrument in order of time, float64 (int64 for the three times).

        view="latest" applies every correction of this vintage: not point-in-time. It copies only where there are corrections.
        """
        arrays, corrections = self._mapped(instrument)
        if column not in arrays:
            raise Rejected(f"pack {self.header.table} {self.header.vintage}: column {column!r}, expected one of {[*TIMES, *self.columns]}")
        return _viewed(arrays[column], column, corrections, view)

    def as_of(self, instrument: str, column: str, as_of_ns: int) -> Array:
        """One column as it was known at as_of_ns; rows first known later are left out. A copy."""
        arrays, corrections = self._mapped(instrument)
        values = self.read(instrument, column).copy()
        if column in corrections.values:
            corrections.apply(column, values, until_ns=as_of_ns)
        known: Array = values[arrays["known_ns"] <= as_of_ns]
        return known

    def corrections(self, instrument: str) -> Corrections:
        """The later versions of the instrument's facts."""
        return self._mapped(instrument)[1]

    def span(self, instrument: str, start_ns: int | None = None, end_ns: int | None = None) -> slice:
        """The positions of the facts that start in [start_ns, end_ns)."""
        start = self._mapped(instrument)[0]["start_ns"]
        low = 0 if start_ns is None else int(np.searchsorted(start, start_ns))
        return slice(low, len(start) if end_ns is None else int(np.searchsorted(start, end_ns)))

    def recent(self, *, view: View = "first") -> Recent:
        """The time-major window over all instruments, for cross-sections."""
        stored = self.header.recent
        first, later, _ = recent_slots(self.columns, stored.rows, len(self._stored), stored.corrections)
        buffer = self._map(stored)
        shape = (stored.rows, len(self._stored))
        corrections = _corrections(buffer, later, "cell", self.columns)
        values = {name: _viewed(_array(buffer, first[name]), name, corrections, view).reshape(shape) for name in self.columns}
        return Recent(_array(buffer, first["start_ns"]), self.instruments, values, corrections)

    def verify(self) -> int:
        """Hash every file of the vintage; returns the bytes read, raises Unreadable naming the first file that changed."""
        total = 0
        for stored in (*self.header.instruments, self.header.recent):
            path = self.folder / stored.file
            try:
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    size = file.tell()
            except OSError as error:
                raise Unreadable(f"pack file {path}: {error}, expected {stored.size} bytes") from error
            if (digest, size) != (stored.sha256, stored.size):
                raise Unreadable(f"pack file {path}: {size} bytes hash to {digest}, expected {stored.size} bytes and {stored.sha256}")
            total += size
        return total

    def _mapped(self, instrument: str) -> tuple[dict[str, Array], Corrections]:
        found = self._maps.get(instrument)
        if found is None:
            stored = self._stored.get(instrument)
            if stored is None:
                count = len(self._stored)
                raise Missing(f"pack {self.header.table} {self.header.vintage}: {instrument!r}, expected one of its {count} instruments")
            first, later, _ = instrument_slots(self.columns, stored.rows, stored.corrections)
            buffer = self._map(stored)
            arrays = {name: _array(buffer, slot) for name, slot in first.items()}
            found = self._maps[instrument] = (arrays, _corrections(buffer, later, "row", ("event_ns", *self.columns)))
        return found

    def _map(self, stored: Stored) -> memoryview:
        path = self.folder / stored.file
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != stored.size:
                    raise Unreadable(f"pack file {path}: {size} bytes, expected {stored.size}; build the vintage again")
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else memoryview(b"")
        except OSError as error:
            raise file_fault("mapping", str(path), error) from error


class PackStore:
    """The vintages of all tables under a local folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def build(
        self,
        lake: FileLake,
        table: Table,
        *,
        as_of_ns: int,
        columns: tuple[str, ...] | None = None,
        start_ns: int | None = None,
        recent_ns: int | None = None,
    ) -> Header:
        """Make the vintage of what the lake knew at as_of_ns and switch to it; unchanged instruments cost a hard link.

        columns: default every float and int column. start_ns: leave out facts that start earlier. recent_ns: length of
        the window, default 2 days, or 380 where partitions are years (260 sessions). The same again builds nothing.
        """
        from tradewinds.stores.pack_build import build

        return build(self.root / table.name, lake, table, as_of_ns=as_of_ns, columns=columns, start_ns=start_ns, recent_ns=recent_ns)

    def vintages(self, table: Table) -> list[str]:
        """The names of the vintages, oldest knowledge first."""
        return [header.vintage for header in self._headers(table)]

    def current(self, table: Table) -> str | None:
        """The name of the vintage that `open` takes, None before the first build."""
        try:
            return (self.root / table.name / "current").read_text("ascii").strip()
        except FileNotFoundError:
            return None

    def open(self, table: Table, vintage: str | None = None) -> Pack:
        """The current vintage, or the one named."""
        name = vintage or self.current(table)
        folder = self.root / table.name / (name or "")
        if name is None or not folder.is_dir() or "/" in name or name.startswith("."):
            raise Missing(f"pack {table.name}: vintage {vintage or 'current'}, expected one of {self.vintages(table)}")
        return Pack(folder, read_header(folder))

    def retain(self, table: Table, *, keep: int) -> list[str]:
        """Remove all but the `keep` newest vintages (never the current one); returns the names of those removed."""
        from tradewinds.stores.pack_build import remove_vintages

        if keep < 1:
            raise Rejected(f"pack {table.name}: keep {keep}, expected one or more")
        current = self.current(table)
        surplus = [name for name in self.vintages(table)[:-keep] if name != current]
        remove_vintages(self.root / table.name, surplus)
        return surplus

    def _headers(self, table: Table) -> list[Header]:
        folder = self.root / table.name
        if not folder.is_dir():
            return []
        found = [read_header(each) for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
        return sorted(found, key=lambda header: (header.as_of_ns, sum(header.versions.values()), header.vintage))


def _array(buffer: memoryview, slot: Slot) -> Array:
    return np.frombuffer(buffer, dtype="<i8" if slot.is_time else "<f8", count=slot.count, offset=slot.offset if slot.count else 0)


def _corrections(buffer: memoryview, slots: dict[str, Slot], position: str, columns: tuple[str, ...]) -> Corrections:
    values = {name: _array(buffer, slots[name]) for name in columns}
    return Corrections(_array(buffer, slots[position]), _array(buffer, slots["known_ns"]), values)


def _viewed(values: Array, column: str, corrections: Corrections, view: View) -> Array:
    if view == "first" or column not in corrections.values or not len(corrections.rows):
        return values
    if view != "latest":
        raise Rejected(f"pack view: {view!r}, expected first or latest")
    latest = values.copy()
    corrections.apply(column, latest)
    latest.flags.writeable = False
    return latest
