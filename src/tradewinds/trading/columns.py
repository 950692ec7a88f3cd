"""`Columns`: the bars and facts that an event strategy's view reads, with corrections applied when they became known.

1. Driving bars and others lie in arrays (rows, instruments) as first known.
2. A correction is written when the decision time reaches its known time; arrays that have corrections are private copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.trading.panel import Anchor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Later versions of cells of one panel, in the order in which they became known; all (corrections,).

    rows, columns: of the panel. values: field -> the new value.
    """

    known_ns: Ints
    rows: Ints
    columns: Ints
    values: Mapping[str, Floats]

    def __post_init__(self) -> None:
        shapes = {len(part) for part in (self.known_ns, self.rows, self.columns, *self.values.values())}
        if len(shapes) != 1 or bool((np.diff(self.known_ns) < 0).any()):
            raise Rejected(f"corrections: lengths {sorted(shapes)}, expected one length, in the order in which they became known")

    def select(self, columns: Sequence[int]) -> Corrections:
        """Those of some columns of the panel, numbered as they stand there."""
        place = {column: at for at, column in enumerate(columns)}
        kept = np.flatnonzero(np.isin(self.columns, list(place)))
        numbers = np.array([place[column] for column in self.columns[kept].tolist()], np.int64)
        return Corrections(self.known_ns[kept], self.rows[kept], numbers, {name: each[kept] for name, each in self.values.items()})

    def before(self, row: int) -> Corrections:
        """Those of the panel's rows before `row`."""
        kept = np.flatnonzero(self.rows < row)
        values = {name: each[kept] for name, each in self.values.items()}
        return Corrections(self.known_ns[kept], self.rows[kept], self.columns[kept], values)


class Columns:
    """One panel as a view reads it. `advance` applies what became known; `fields` are read-only views."""

    __slots__ = ("_applied", "_corrections", "_writable", "anchor", "fields", "instruments", "next_ns", "readable_ns", "rows_at")

    def __init__(
        self, panel: Panel, *, corrections: Corrections | None = None, anchor: Anchor | None = None, rows_at: Ints | None = None
    ) -> None:
        self.instruments = panel.instruments
        self.anchor = anchor
        self.rows_at = rows_at  # (times of the driving bars, instruments): the row to be read at each, -1: none; None: the driving bars
        self.readable_ns = np.empty(0, np.int64) if rows_at is None else np.maximum(panel.known_ns, panel.event_ns[:, None])
        self._corrections = corrections
        self._applied = 0
        corrected = corrections.values if corrections is not None else {}
        if corrections is not None and bool((corrections.known_ns < panel.known_ns[corrections.rows, corrections.columns]).any()):
            raise Rejected("corrections: one is known before the first version of its cell, expected it later")
        self._writable = {name: panel.field(name).copy() for name in corrected}
        self.fields: dict[str, Floats] = {name: self._writable.get(name, values)[:] for name, values in panel.fields.items()}
        for values in self.fields.values():
            values.setflags(write=False)
        self.next_ns = int(corrections.known_ns[0]) if corrections is not None and len(corrections.known_ns) else NEVER_NS

    def advance(self, now_ns: int) -> None:
        """Write the corrections that are known by now."""
        if now_ns < self.next_ns:
            return
        assert self._corrections is not None
        known = self._corrections.known_ns
        last = int(np.searchsorted(known, now_ns, "right"))
        for at in range(self._applied, last):  # one by one: of two corrections of a cell the later one stays
            row, column = int(self._corrections.rows[at]), int(self._corrections.columns[at])
            for name, values in self._corrections.values.items():
                self._writable[name][row, column] = values[at]
        self._applied = last
        self.next_ns = int(known[last]) if last < len(known) else NEVER_NS

    def field(self, name: str) -> Floats:
        """(rows, instruments) as known now; raises Rejected naming the fields."""
        if name not in self.fields:
            raise Rejected(f"view: field {name!r}, expected one of {', '.join(sorted(self.fields))}")
        return self.fields[name]


class PackedCorrections(Protocol):
    """Later versions of one instrument's facts as packed history holds them; rows are positions in its first-known arrays."""

    @property
    def rows(self) -> NDArray[Any]: ...

    @property
    def known_ns(self) -> NDArray[Any]: ...

    @property
    def values(self) -> Mapping[str, NDArray[Any]]: ...


class CorrectedPack(Protocol):
    """What is needed of packed history (`stores.pack.Pack`)."""

    def read(self, instrument: str, column: str) -> NDArray[Any]: ...

    def corrections(self, instrument: str) -> PackedCorrections: ...


def corrections_of_pack(pack: CorrectedPack, panel: Panel, fields: Sequence[str]) -> Corrections:
    """The corrections of a panel's cells in the order in which they became known, from the pack that the panel was read of."""
    known, rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    values: dict[str, list[Floats]] = {name: [np.empty(0)] for name in fields}
    for column, instrument in enumerate(panel.instruments):
        packed = pack.corrections(instrument)
        starts = np.asarray(pack.read(instrument, "start_ns"))[packed.rows]
        at = np.searchsorted(panel.times, starts)
        inside = np.flatnonzero((at < len(panel.times)) & (np.append(panel.times, -1)[np.minimum(at, len(panel.times))] == starts))
        known.append(np.asarray(packed.known_ns)[inside])
        rows.append(at[inside])
        columns.append(np.full(len(inside), column))
        for name in fields:
            values[name].append(np.asarray(packed.values[name], dtype=np.float64)[inside])
    moments = np.concatenate(known)
    order = np.argsort(moments, kind="stable")
    return Corrections(
        moments[order],
        np.concatenate(rows)[order],
        np.concatenate(columns)[order],
        {name: np.concatenate(parts)[order] for name, parts in values.items()},
    )
