"""`StrategyPanel`: what a vector strategy sees, each row as of the end of its bar.

1. The driving bars are the panel's own arrays: nothing is copied, nothing can be written.
2. Prices are made comparable over splits and dividends by factors anchored at the first row; `raw` gives them as traded.
3. Other intervals and datasets are read as a staircase: at each row the newest fact that had ended and was known by the row's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import UNKNOWN_NS, Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE_FIELDS = frozenset({"open", "high", "low", "close"})
SHARE_FIELDS = frozenset({"volume", "taker_base"})


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Factors (times, instruments) that make values as traded comparable: 1.0 at the first row, changed by each split or dividend."""

    price: Floats
    volume: Floats

    def of(self, name: str) -> Floats | None:
        """The factors of a field, None for one that splits and dividends do not touch."""
        return self.price if name in PRICE_FIELDS else self.volume if name in SHARE_FIELDS else None

    def at(self, times: Ints, wanted: Ints) -> Anchor:
        """The factors that held at other times, both the starts of bars; 1.0 before the first."""
        rows = np.searchsorted(times, wanted, "right") - 1
        before = (rows < 0)[:, None]
        return Anchor(np.where(before, 1.0, self.price[rows]), np.where(before, 1.0, self.volume[rows]))

    def rows(self, first: int, last: int) -> Anchor:
        """Those of rows [first, last), anchored anew at the first of them."""
        return Anchor(self.price[first:last] / self.price[first], self.volume[first:last] / self.volume[first])


@dataclass(frozen=True, slots=True, eq=False)
class StrategyPanel:
    """Build it of a panel as traded. `decision_rows`: where targets count, None: everywhere. `others`: name -> panel.

    anchor: of the driving bars; other_anchors: of the others that hold prices, each (its times, its instruments).
    """

    bars: Panel
    others: Mapping[str, Panel] = field(default_factory=lambda: MappingProxyType({}))
    decision_rows: Ints | None = None
    anchor: Anchor | None = None
    other_anchors: Mapping[str, Anchor] = field(default_factory=lambda: MappingProxyType({}))
    _made: dict[tuple[str, ...], Floats] = field(default_factory=dict, init=False, repr=False)
    _steps: dict[str, Ints] = field(default_factory=dict, init=False, repr=False)

    @property
    def instruments(self) -> tuple[str, ...]:
        return self.bars.instruments

    @property
    def times(self) -> Ints:
        """(times,) where each bar starts."""
        return self.bars.times[:]

    @property
    def event_ns(self) -> Ints:
        """(times,) where each bar ends: the decision time of its row."""
        return self.bars.event_ns[:]

    @property
    def shape(self) -> tuple[int, int]:
        """(times, instruments)."""
        return self.bars.shape

    @property
    def is_point_in_time(self) -> bool:
        return self.bars.is_point_in_time and all(other.is_point_in_time for other in self.others.values())

    @property
    def decisions(self) -> Ints:
        """Rows at which targets count; targets of other rows are ignored."""
        rows = np.arange(len(self.bars.times)) if self.decision_rows is None else self.decision_rows.view()
        rows.setflags(write=False)
        return rows

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
        """(times, instruments), comparable over splits and dividends; raises Rejected naming the fields there are."""
        factors = None if self.anchor is None else self.anchor.of(name)
        if factors is None:
            return self.raw(name)
        if (name,) not in self._made:
            self._made[(name,)] = _frozen(self.bars.field(name) * factors)
        return self._made[(name,)][:]

    def raw(self, name: str) -> Floats:
        """(times, instruments) as traded."""
        return self.bars.field(name)[:]  # a view: whoever owns memory may make it writable again, a view of read-only memory may not

    def other(self, name: str, field: str) -> Floats:
        """(times, instruments of the other): its newest value as of each row's end, NaN before the first one known."""
        key = (name, field)
        if key not in self._made:
            panel = self._other(name)
            values, anchor = panel.field(field), self.other_anchors.get(name)
            factors = None if anchor is None else anchor.of(field)
            self._made[key] = _frozen(stairs(values if factors is None else values * factors, self.other_rows(name)))
        return self._made[key][:]

    def other_rows(self, name: str) -> Ints:
        """(times, instruments of the other): the row of it that `other` reads, -1 where none was known."""
        if name not in self._steps:
            self._steps[name] = as_of_rows(self._other(name), self.bars.event_ns)
            self._steps[name].setflags(write=False)
        return self._steps[name][:]

    def other_instruments(self, name: str) -> tuple[str, ...]:
        """The columns of `other`."""
        return self._other(name).instruments

    def window(self, first: int, last: int) -> StrategyPanel:
        """Rows [first, last) as they are seen live: anchored at `first`, and nothing of the others that became known after the end."""
        if not 0 <= first < last <= self.shape[0]:
            raise Rejected(f"strategy panel: rows {first} to {last}, expected rising ones within {self.shape[0]}")
        bars = self.bars
        cut = Panel(
            bars.instruments, bars.times[first:last], bars.event_ns[first:last], bars.known_ns[first:last],
            {name: values[first:last] for name, values in bars.fields.items()}, bars.view,
        )  # fmt: skip
        decisions = self.decision_rows
        if decisions is not None:
            decisions = decisions[(decisions >= first) & (decisions < last)] - first
        anchors = {name: Anchor(one.price / self.anchor.price[first], one.volume / self.anchor.volume[first])
                   for name, one in self.other_anchors.items()} if self.anchor is not None else {}  # fmt: skip
        anchor = None if self.anchor is None else self.anchor.rows(first, last)
        return StrategyPanel(cut, self.others, decisions, anchor, anchors)

    def _other(self, name: str) -> Panel:
        if name not in self.others:
            raise Rejected(f"strategy panel: {name!r}, expected one of the declared {sorted(self.others)}")
        return self.others[name]


def as_of_rows(panel: Panel, at_ns: Ints) -> Ints:
    """(instants, instruments): the last row of the panel that had ended and was known at each of the rising instants, -1: none.

    A row can be read from max(event, known) on. Rows become readable out of order when one is late; the newest by its event time is
    read, so that a late old one never replaces a newer one: the running maximum of rows in the order in which they become readable.
    """
    readable = np.maximum(panel.known_ns, panel.event_ns[:, None])
    out = np.empty((len(at_ns), panel.shape[1]), np.int64)
    for column in range(panel.shape[1]):
        if column and np.array_equal(readable[:, column], readable[:, column - 1]):
            out[:, column] = out[:, column - 1]
            continue
        out[:, column] = _newest(readable[:, column], at_ns)
    return out


def stairs(values: Floats, rows: Ints) -> Floats:
    """values (rows, columns) read at rows (times, columns) that never fall, NaN where -1."""
    out = np.empty(rows.shape)
    for column in range(rows.shape[1]):
        there = int(np.searchsorted(rows[:, column], 0))  # -1 before the first that is known
        out[:there, column] = np.nan
        out[there:, column] = values[rows[there:, column], column]
    return out


def _newest(readable_ns: Ints, at_ns: Ints) -> Ints:
    """(instants,) the newest row that is readable at each of the rising instants."""
    is_in_order = not (readable_ns[1:] < readable_ns[:-1]).any()
    order = None if is_in_order else np.argsort(readable_ns, kind="stable")
    moments = readable_ns if order is None else readable_ns[order]
    held = int(np.searchsorted(moments, UNKNOWN_NS))  # cells that hold nothing are never read
    first = np.searchsorted(at_ns, moments[:held])  # the instant from which on each can be read
    last = np.cumsum(np.bincount(first, minlength=len(at_ns) + 1)[: len(at_ns)]) - 1
    if order is None:
        return last
    return np.append(np.maximum.accumulate(order), -1)[last]


def _frozen(values: Floats) -> Floats:
    values.setflags(write=False)
    return values
