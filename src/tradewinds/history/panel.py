"""`Panel`: instruments by time, the way research reads history.

A field is a float64 array (times, instruments), NaN where nothing is known. Two readings exist:

    first    every cell holds the value that was known first; what backtests, training and parity read
    latest   every cell holds its last correction; must be asked for, and the result says `is_point_in_time` False

Nothing is filled in: a halted or missing bar is NaN until `filled` is called with a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text

if TYPE_CHECKING:
    import polars as pl

View = Literal["first", "latest"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN_NS = np.iinfo(np.int64).max  # known_ns of a cell that holds nothing: later than any as-of
_TIMES = ("start_ns", "event_ns", "known_ns")


class PackCorrections(Protocol):
    """Later versions in the order they became known: `rows` are positions in the first-known arrays."""

    @property
    def rows(self) -> NDArray[Any]: ...

    @property
    def known_ns(self) -> NDArray[Any]: ...


class PackReader(Protocol):
    """What a panel needs of packed history (`stores.pack.Pack`): columns of one instrument in order of time.

    start_ns, event_ns and known_ns (of the first version) are int64 and can be read like the fields, which are float64.
    """

    def read(self, instrument: str, column: str, *, view: View = "first") -> NDArray[Any]: ...

    def corrections(self, instrument: str) -> PackCorrections: ...


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Build it with `panel_of_frame` or `panel_of_pack`; its arrays are read-only.

    times: (times,) where each interval starts; event_ns: (times,) where it ends (the latest end among the instruments);
    known_ns: (times, instruments), UNKNOWN_NS where a cell holds nothing.
    """

    instruments: tuple[str, ...]
    times: Ints
    event_ns: Ints
    known_ns: Ints
    fields: Mapping[str, Floats]
    view: View = "first"

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.instruments))
        wrong = [name for name, values in self.fields.items() if values.shape != shape]
        if wrong or self.known_ns.shape != shape or self.event_ns.shape != self.times.shape:
            raise Rejected(f"panel: {wrong or 'times'} do not have {shape[0]} times by {shape[1]} instruments")
        if len(set(self.instruments)) != shape[1] or not bool((self.times[1:] > self.times[:-1]).all()):
            raise Rejected("panel: instruments or times stand there twice or times do not rise, expected each once and in order")
        for values in (self.times, self.event_ns, self.known_ns, *self.fields.values()):
            values.setflags(write=False)
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))

    @property
    def is_point_in_time(self) -> bool:
        """Whether every cell is what somebody at the time could first have seen."""
        return self.view == "first"

    @property
    def shape(self) -> tuple[int, int]:
        """(times, instruments)."""
        return len(self.times), len(self.instruments)

    @property
    def open(self) -> Floats:
        return self.field("open")

    @property
    def high(self) -> Floats:
        return self.field("high")

    @property
    def low(self) -> Floats:
        return self.field("low")

    @property
    def close(self) -> Floats:
        return self.field("close")

    @property
    def volume(self) -> Floats:
        return self.field("volume")

    def field(self, name: str) -> Floats:
        """The values (times, instruments) of one field; raises Rejected naming the fields there are."""
        if name not in self.fields:
            raise Rejected(f"panel: field {name!r}, expected one of {', '.join(sorted(self.fields))}")
        return self.fields[name]

    def as_of(self, instant_ns: int) -> Panel:
        """What was known at the instant: later-known cells become NaN and times with nothing known at the end are cut off.

        Refused for the latest view, whose cells hold values from after the instant.
        """
        if not self.is_point_in_time:
            raise Rejected(f"panel as of {text(instant_ns)}: it holds latest values, expected view first")
        known = self.known_ns <= instant_ns
        rows = int(np.flatnonzero(known.any(axis=1))[-1]) + 1 if known.any() else 0
        seen = known[:rows]
        return replace(
            self,
            times=self.times[:rows],
            event_ns=self.event_ns[:rows],
            known_ns=np.where(seen, self.known_ns[:rows], UNKNOWN_NS),
            fields={name: np.where(seen, values[:rows], np.nan) for name, values in self.fields.items()},
        )

    def select(self, instruments: Sequence[str]) -> Panel:
        """The named instruments in the given order."""
        at = {name: index for index, name in enumerate(self.instruments)}
        absent = [name for name in instruments if name not in at]
        if absent:
            raise Rejected(f"panel: instruments {absent} are absent, expected some of {len(at)}, such as {list(self.instruments[:3])}")
        order = [at[name] for name in instruments]
        fields = {name: values[:, order] for name, values in self.fields.items()}
        return replace(self, instruments=tuple(instruments), known_ns=self.known_ns[:, order], fields=fields)

    def window(self, start_ns: int, end_ns: int) -> Panel:
        """The intervals that start in [start_ns, end_ns)."""
        low, high = np.searchsorted(self.times, [start_ns, end_ns]).tolist()
        return self._rows(low, max(low, high))

    def last(self, count: int) -> Panel:
        """The last `count` times, or all when there are fewer."""
        if count < 0:
            raise Rejected(f"panel: last {count} times, expected at least 0")
        return self._rows(max(0, len(self.times) - count), len(self.times))

    def align(self, times: Ints) -> Panel:
        """The same instruments at the given rising start times; NaN at times that the panel does not have."""
        wanted = np.array(times, dtype=np.int64)
        at = np.searchsorted(self.times, wanted)
        inside = at < len(self.times)
        has = inside & (np.r_[self.times, 0][np.where(inside, at, -1)] == wanted)
        source = at[has]
        known = np.full((len(wanted), len(self.instruments)), UNKNOWN_NS)
        known[has] = self.known_ns[source]
        event = wanted.copy()
        event[has] = self.event_ns[source]
        fields = {}
        for name, values in self.fields.items():
            fields[name] = np.full(known.shape, np.nan)
            fields[name][has] = values[source]
        return replace(self, times=wanted, event_ns=event, known_ns=known, fields=fields)

    def returns(self, field: str = "close", *, periods: int = 1, is_log: bool = False) -> Floats:
        """(times, instruments) returns as fractions over `periods` rows; NaN where either end is missing or not positive."""
        if periods < 1:
            raise Rejected(f"panel returns: {periods} periods, expected at least 1")
        values = self.field(field)
        out = np.full(values.shape, np.nan)
        if len(values) > periods:
            usable = np.where(values > 0, values, np.nan)
            ratio = usable[periods:] / usable[:-periods]
            out[periods:] = np.log(ratio) if is_log else ratio - 1.0
        return out

    def filled(self, field: str, *, limit: int) -> Floats:
        """The field carried forward over at most `limit` rows without a value; never before an instrument's first value."""
        if limit < 1:
            raise Rejected(f"panel: filling {field} over {limit} rows, expected a limit of at least 1")
        values = self.field(field)
        rows = np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
        carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
        return np.where((last >= 0) & (rows - last <= limit), carried, np.nan)

    def to_polars(self) -> pl.DataFrame:
        """The cells that hold something, long: instrument, start_ns, event_ns, known_ns and the fields, by instrument and start."""
        import polars as pl  # where frames are wanted: a backtest over a pack starts without it

        column, row = np.nonzero((self.known_ns != UNKNOWN_NS).T)
        return pl.DataFrame(
            {
                "instrument": pl.Series(np.array(self.instruments, dtype=object)[column], dtype=pl.String),
                "start_ns": self.times[row],
                "event_ns": self.event_ns[row],
                "known_ns": self.known_ns[row, column],
                **{name: values[row, column] for name, values in self.fields.items()},
            }
        )

    def _rows(self, low: int, high: int) -> Panel:
        fields = {name: values[low:high] for name, values in self.fields.items()}
        return replace(self, times=self.times[low:high], event_ns=self.event_ns[low:high], known_ns=self.known_ns[low:high], fields=fields)


def panel_of_frame(
    versions: pl.DataFrame,
    fields: Sequence[str] | None = None,
    *,
    view: View = "first",
    instruments: Sequence[str] | None = None,
) -> Panel:
    """A panel of a long frame that may hold several versions of a fact.

    fields: the numeric columns to take, all where it is None. instruments: the columns of the panel in order, those of the frame
    sorted where it is None; one without rows is all NaN.
    """
    import polars as pl

    from tradewinds.history.asof import first_known, latest_known

    _check_view(view)
    absent = [name for name in ("instrument", *_TIMES, *(fields or ())) if name not in versions.columns]
    if absent:
        raise Rejected(f"panel of a frame: columns {absent} are absent, expected instrument, {', '.join(_TIMES)} and the fields")
    frame = first_known(versions) if view == "first" else latest_known(versions, UNKNOWN_NS)
    names = [name for name in frame.columns if name not in (*_TIMES, "captured_ns") and frame.schema[name].is_numeric()]
    chosen = list(fields) if fields is not None else names
    order = tuple(frame["instrument"].unique().sort() if instruments is None else instruments)
    place = pl.DataFrame({"instrument": order, "_column": range(len(order))}, schema={"instrument": pl.String, "_column": pl.Int64})
    placed = frame.join(place, on="instrument", how="inner", maintain_order="left")
    cells = _Cells(placed["_column"].to_numpy(), *(placed[name].to_numpy() for name in _TIMES))
    values = {name: placed[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in chosen}
    return _assembled(order, cells, values, view)


def panel_of_pack(pack: PackReader, instruments: Sequence[str], fields: Sequence[str], *, view: View = "first") -> Panel:
    """A panel of packed history, in the given order; the pack refuses instruments and fields that it does not hold."""
    _check_view(view)
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in ("column", *_TIMES, *fields)}
    for index, instrument in enumerate(instruments):
        for name in ("start_ns", "event_ns", *fields):
            columns[name].append(pack.read(instrument, name, view=view))
        known = pack.read(instrument, "known_ns")
        if view == "latest":
            later = pack.corrections(instrument)
            known = known.copy()
            known[later.rows] = later.known_ns  # in the order they became known, so that the last one stays
        columns["known_ns"].append(known)
        columns["column"].append(np.full(len(known), index))
    flat: dict[str, NDArray[Any]] = {name: np.concatenate(parts) if parts else np.empty(0, np.int64) for name, parts in columns.items()}
    cells = _Cells(flat["column"], *(flat[name] for name in _TIMES))
    return _assembled(tuple(instruments), cells, {name: flat[name] for name in fields}, view)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Where each cell of a long form goes, all (cells,): the column of its instrument, and its times."""

    column: Ints
    start_ns: Ints
    event_ns: Ints
    known_ns: Ints


def _check_view(view: str) -> None:
    if view not in ("first", "latest"):
        raise Rejected(f"panel: view {view!r}, expected first or latest")


def _assembled(instruments: tuple[str, ...], cells: _Cells, values: Mapping[str, Floats], view: View) -> Panel:
    times = np.unique(cells.start_ns)
    shape = (len(times), len(instruments))
    row = np.searchsorted(times, cells.start_ns)
    twice = np.bincount(row * len(instruments) + cells.column, minlength=0) > 1
    if twice.any():
        at = divmod(int(np.argmax(twice)), len(instruments))
        raise DataFault(f"panel: {instruments[at[1]]} has two cells that start at {text(int(times[at[0]]))}, expected one")
    event, known = times.copy(), np.full(shape, UNKNOWN_NS)
    np.maximum.at(event, row, cells.event_ns)
    known[row, cells.column] = cells.known_ns
    fields = {}
    for name, flat in values.items():
        fields[name] = np.full(shape, np.nan)
        fields[name][row, cells.column] = flat
    return Panel(instruments, times, event, known, fields, view)
