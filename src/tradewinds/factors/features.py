"""`FeatureSet`: named factors computed together; `Features`: what comes out, with the time at which each cell was known.

1. All terms of all features are evaluated in one walk: what two features share is computed once.
2. `compute(panel, since_ns=...)` answers only sessions from there on, of the `lookback` rows before them; the values are those of a
   computation over everything, to the bit. Recursive indicators begin afresh every SEGMENT_STEPS, at instants that only time decides.
3. A cell is known when the last cell of the inputs that it read was: of its own instrument for windows, of all for steps across.
4. Where the panel has no close, the instrument has no feature and does not count in steps across: it did not trade, or is gone.
5. What cannot be computed is NaN, and stands in `gaps` with its reason. Infinite values are read as NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.factors.expression import parse
from tradewinds.factors.factor import Factor
from tradewinds.factors.gap import Gap, gaps_of
from tradewinds.factors.steps import MONTH
from tradewinds.factors.term import MEMBERS, Term, evaluate, first_row
from tradewinds.history.panel import UNKNOWN_NS, Panel

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mapped = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]

SEGMENT_STEPS = 730  # two years of days
NOTHING = np.iinfo(np.int64).min
GROUPS = 8  # of features, that a pool takes one by one; what groups share is computed once in each


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Values (times, instruments, features), NaN where not known; in memory each feature lies in one piece.

    times, event_ns: (times,) where each session starts and ends; known_ns: (times, instruments), UNKNOWN_NS where no input was known or
    the instrument did not trade.
    """

    names: tuple[str, ...]
    instruments: tuple[str, ...]
    times: Ints
    event_ns: Ints
    known_ns: Ints
    values: Floats
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.instruments), len(self.names))
        if self.values.shape != shape or self.known_ns.shape != shape[:2] or self.event_ns.shape != shape[:1]:
            raise Rejected(f"features: values {self.values.shape} and known_ns {self.known_ns.shape}, expected {shape}")

    def feature(self, name: str) -> Floats:
        """(times, instruments) of one feature; raises Rejected naming those there are."""
        if name not in self.names:
            raise Rejected(f"features: {name!r}, expected one of {', '.join(self.names)}")
        return self.values[:, :, self.names.index(name)]

    def to_polars(self) -> pl.DataFrame:
        """Long by session and instrument, wide by feature: instrument, start_ns, event_ns, known_ns and the names; null where NaN.

        Cells of which nothing is known are absent: an instrument that is gone leaves no rows.
        """
        import polars as pl  # where frames are wanted

        row, column = np.nonzero(self.known_ns != UNKNOWN_NS)
        return pl.DataFrame(
            {
                "instrument": pl.Series(np.array(self.instruments, dtype=object)[column], dtype=pl.String),
                "start_ns": self.times[row],
                "event_ns": self.event_ns[row],
                "known_ns": self.known_ns[row, column],
                **{name: pl.Series(self.feature(name)[row, column]).fill_nan(None) for name in self.names},
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSet:
    """Features by name. Build it with `feature_set` from expressions."""

    name: str
    factors: Mapping[str, Factor]
    lookback: int = field(init=False)
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.factors:
            raise Rejected(f"feature set {self.name}: no features, expected at least one")
        object.__setattr__(self, "lookback", max(one.lookback for one in self.factors.values()))
        object.__setattr__(self, "inputs", tuple(dict.fromkeys(name for one in self.factors.values() for name in one.inputs)))

    def begins(self, times: Ints, row: int) -> int:
        """The first row of sessions (times) that the values of `row` and later ones are made of."""
        edges = edges_of(times)
        return max(0, first_row([one.steps for one in self.factors.values()], row, lambda at: int(edges[edges <= max(at, 0)][-1])))

    def compute(
        self, panel: Panel, *, since_ns: int | None = None, universe: NDArray[np.bool_] | None = None, mapped: Mapped = map
    ) -> Features:  # fmt: skip
        """The features of every session of the panel, or of those that start at `since_ns` or later.

        universe: (times, instruments) of the panel, True for members: only they count in steps across instruments.
        mapped: runs a function over numbers as `map` does; that of a thread pool uses all cores, for nearly everything runs without the
        interpreter's lock.
        Raises Rejected for inputs that are no field of the panel.
        """
        absent = [name for name in self.inputs if name not in panel.fields and name != MONTH]
        if absent:
            raise Rejected(f"feature set {self.name}: fields {absent} are absent, expected them among {', '.join(sorted(panel.fields))}")
        first = 0 if since_ns is None else int(np.searchsorted(panel.times, since_ns))
        terms = [one.steps for one in self.factors.values()]
        edges, begin = edges_of(panel.times), self.begins(panel.times, first)
        fields = {name: panel.fields[name][begin:] for name in self.inputs if name in panel.fields}
        if MONTH in self.inputs and MONTH not in fields:
            fields[MONTH] = np.repeat(months_of(panel.times[begin:])[:, None], len(panel.instruments), axis=1)
        if universe is not None and universe.shape != panel.shape:
            raise Rejected(f"feature set {self.name}: a universe of shape {universe.shape}, expected {panel.shape}")
        trades = np.isfinite(panel.fields["close"][begin:]) if "close" in panel.fields else np.ones(panel.known_ns[begin:].shape, np.bool_)
        members = trades if universe is None else trades & universe[begin:]
        if not members.all():
            fields[MEMBERS] = members.astype(np.float64)
        block = np.empty((len(self.factors), len(panel.times) - first, len(panel.instruments)))
        afresh = (edges - begin).tolist()
        groups = 1 if mapped is map else min(GROUPS, len(terms))
        near = sorted(range(len(terms)), key=lambda at: _window(terms[at]))
        cuts = [len(terms) * number // groups for number in range(groups + 1)]

        def evaluated(number: int) -> None:
            some = near[cuts[number] : cuts[number + 1]]
            evaluate([terms[at] for at in some], fields, [block[at] for at in some], edges=afresh, begin=first - begin)

        for _ in mapped(evaluated, range(groups)):
            pass
        absent_cells = np.flatnonzero(~trades[first - begin :])
        for one in block:
            one.reshape(-1)[absent_cells] = np.nan
        values = np.moveaxis(block, 0, 2)
        known = np.where(trades, _known(panel.known_ns[begin:], self), UNKNOWN_NS)[first - begin :]
        gaps = gaps_of(tuple(self.factors.items()), values, fields, panel.instruments, np.logical_and.reduce(trades[-1:]))
        return Features(tuple(self.factors), panel.instruments, panel.times[first:], panel.event_ns[first:], known, values, gaps)


def feature_set(
    name: str, expressions: Mapping[str, str | Factor], *, own: Mapping[str, Callable[..., Factor]] = MappingProxyType({})
) -> FeatureSet:
    """A set of expressions (or factors) by feature name; raises Rejected naming the feature whose text is wrong."""
    factors = {}
    for feature, one in expressions.items():
        try:
            factors[feature] = parse(one, name=feature, own=own) if isinstance(one, str) else one
        except Rejected as error:
            raise Rejected(f"feature set {name}: {feature}: {error}") from None
    return FeatureSet(name, MappingProxyType(factors))


def with_columns(panel: Panel, columns: Mapping[str, tuple[Floats, Ints]]) -> Panel:
    """The panel with further fields, each values and known_ns (times, instruments): a cell is known when the last of its fields was.

    known_ns of a column counts only where its value is known; raises Rejected for a field that is there already.
    """
    twice = sorted(set(columns) & set(panel.fields))
    if twice:
        raise Rejected(f"panel: fields {twice} are there already, expected other names")
    known = panel.known_ns.copy()
    for values, since in columns.values():
        has = ~np.isnan(values) & (since != UNKNOWN_NS)
        known = np.where(has & ((known == UNKNOWN_NS) | (since > known)), since, known)
    fields = {**panel.fields, **{name: np.array(values) for name, (values, _) in columns.items()}}
    return Panel(panel.instruments, panel.times, panel.event_ns, known, fields, panel.view)


def punctual(panel: Panel, decided_ns: Ints) -> Panel:
    """The panel without cells that were not known when their session's decision was made; decided_ns: (times,).

    What a night saw: one late cell would else make every feature that reads it known late, of all instruments where it is ranked.
    """
    if decided_ns.shape != panel.times.shape:
        raise Rejected(f"panel: {decided_ns.shape} decisions, expected {panel.times.shape} (times,)")
    in_time = panel.known_ns <= decided_ns[:, None]
    known = np.where(in_time, panel.known_ns, UNKNOWN_NS)
    fields = {name: np.where(in_time, values, np.nan) for name, values in panel.fields.items()}
    return Panel(panel.instruments, panel.times, panel.event_ns, known, fields, panel.view)


def _window(term: Term) -> str:
    """The window that a term is made of, so that features of one window come into one group."""
    while term.reach == 0 and term.parts:
        term = max(term.parts, key=lambda part: part.lookback)
    return term.text


def edges_of(times: Ints) -> Ints:
    """(edges,) rising rows where recursive steps begin afresh: the first of each SEGMENT_STEPS steps of time since 1970, and row 0.

    A step is the least distance of two times, in whole days where it is longer than half a day: summer time shifts sessions by an hour.
    """
    if len(times) < 2:
        return np.zeros(1, np.int64)
    step = int(np.diff(times).min())
    step = round(step / NS_PER_DAY) * NS_PER_DAY if step > NS_PER_DAY // 2 else step
    block = times // (step * SEGMENT_STEPS)
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(block[1:] != block[:-1]) + 1])


def months_of(times: Ints) -> Floats:
    """Calendar months, 1 to 12, of instants (UTC)."""
    months = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return months.astype(np.float64)


def _known(known_ns: Ints, asked: FeatureSet) -> Ints:
    """The latest known time of what each cell reads, by the longest lookback of the set; UNKNOWN_NS where nothing was known."""
    latest = np.empty_like(known_ns)
    latest_known(known_ns, asked.lookback + 1, latest)
    if any(one.steps.reads_across for one in asked.factors.values()):
        latest = np.where(latest == NOTHING, NOTHING, latest.max(axis=1, keepdims=True, initial=NOTHING))
    return np.where(latest == NOTHING, UNKNOWN_NS, latest)


@compiled
def latest_known(known_ns: Ints, rows: int, out: Ints) -> None:
    """Greatest of the last `rows` rows that is known, NOTHING where none is: a later one that is as great ends the search of an older."""
    for j in range(known_ns.shape[1]):
        best = at = -1
        for t in range(len(known_ns)):
            value = known_ns[t, j]
            if value != UNKNOWN_NS and (at < 0 or value >= best):
                best, at = value, t
            elif at >= 0 and at <= t - rows:
                at = -1
                for back in range(t - rows + 1, t + 1):
                    other = known_ns[back, j]
                    if other != UNKNOWN_NS and (at < 0 or other >= best):
                        best, at = other, back
            out[t, j] = best if at >= 0 else NOTHING


def session(features: Features, start_ns: int) -> Floats:
    """(instruments, features) of one session; raises Rejected where the features have none that starts then."""
    at = int(np.searchsorted(features.times, start_ns))
    if at == len(features.times) or features.times[at] != start_ns:
        raise Rejected(f"features: session {text(start_ns)}, expected one of their {len(features.times)}")
    found: Floats = features.values[at]
    return found
