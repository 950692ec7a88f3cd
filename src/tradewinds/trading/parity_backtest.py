"""Decisions that were recorded beside those of the vectorised backtest over the same bars.

A window and a whole history give the same decisions, but not the same last digits: a sum that runs over a year rounds elsewhere than one
over a window, and a recursive average remembers its beginning. Hence targets are equal within `EPSILON` of their size, and where a
decision hangs on two numbers that are as good as equal it is called a tie: the window's last prices, moved by `EPSILON` either way,
give both answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.core.market import Interval
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.trading.decide import decide_all, decide_window
from tradewinds.trading.entry import BarsClosed, Decided, Entry
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.parity import ABSENT, Difference, Why

Floats = NDArray[np.float64]

EPSILON = 1e-9
BAR_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Backtested:
    """What came of the comparison of one strategy. decisions: recorded ones that the backtest decided too, or should have."""

    strategy: str
    decisions: int
    decisions_equal: int
    differences: tuple[Difference, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every decision agrees; a tie is no disagreement."""
        return all(one.why == "tie" for one in self.differences)


def compare(hosted: Hosted, recorded: Sequence[Decided], bars: Panel, late: Mapping[str, set[int]] | None = None) -> Backtested:
    """Recorded decisions of a vector strategy beside those over the whole of `bars`, as traded, with the lookback before the first.

    late: instrument -> ends of bars that came after their row was decided on, or that only the history has. Raises Rejected for an
    event strategy, which has no vectorised run.
    """
    strategy = hosted.strategy
    if strategy.kind != "vector":
        raise Rejected(f"strategy {hosted.name}: of kind {strategy.kind}, expected a vector strategy: replay compares the others")
    seen = StrategyPanel(bars.select([one.id for one in hosted.instruments]))
    targets = decide_all(strategy, seen, hosted.params)
    rows = {int(end): row for row, end in enumerate(bars.event_ns)}
    equal, differences = 0, []
    for one in recorded:
        row = rows.get(one.decision_ns)
        if row is None:
            reason: Why = "data arrived late" if late else "unknown"
            differences.append(Difference(one.decision_ns, "decision", hosted.name, "", "decided", "no bar ends then", reason))
            continue
        found = _differing(hosted, seen, one, targets[row], row, late or {})
        equal += not found
        differences += found
    return Backtested(hosted.name, len(recorded), equal, tuple(differences))


def panel_of_entries(entries: Iterable[Entry], interval: str, instruments: Sequence[str]) -> tuple[Panel, dict[str, set[int]]]:
    """The journalled bars of one interval as a panel, each cell as it was first told; and the ends of those that came late."""
    cells: dict[int, dict[str, tuple[float, ...]]] = {}
    late: dict[str, set[int]] = {}
    newest = -1
    for entry in entries:
        if not isinstance(entry.input, BarsClosed) or entry.input.interval != interval:
            continue
        end_ns = entry.input.end_ns
        for bar in entry.input.bars:
            row = cells.setdefault(end_ns, {})
            if bar.instrument in row:
                continue
            row[bar.instrument] = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.known_ns)
            if end_ns <= newest and not entry.input.is_warm_up:
                late.setdefault(bar.instrument, set()).add(end_ns)
        newest = max(newest, end_ns)
    if not cells:
        raise DataFault(f"journal: no bars of {interval}, expected those that strategies decided on")
    ends = np.array(sorted(cells))
    length = Interval(interval).ns
    starts = ends - length if length else np.r_[ends[0] - 1, ends[:-1]]
    values = {name: np.full((len(ends), len(instruments)), np.nan) for name in BAR_FIELDS}
    known = np.full((len(ends), len(instruments)), UNKNOWN_NS)
    for at, end in enumerate(ends.tolist()):
        for column, name in enumerate(instruments):
            cell = cells[end].get(name)
            if cell is not None:
                known[at, column] = int(cell[5])
                for field, value in zip(BAR_FIELDS, cell, strict=False):
                    values[field][at, column] = value
    return Panel(tuple(instruments), starts, ends, known, values), late


def decisions_of(entries: Iterable[Entry], strategy: str) -> list[Decided]:
    """What a strategy decided, in order."""
    return [one for entry in entries for one in entry.records if isinstance(one, Decided) and one.strategy == strategy]


def _differing(
    hosted: Hosted, seen: StrategyPanel, recorded: Decided, targets: Floats, row: int, late: Mapping[str, set[int]]
) -> list[Difference]:
    found = []
    for column, name in enumerate(seen.instruments):
        then = float(recorded.targets.get(name, "nan"))
        now = float(targets[column])
        if not _agree(then, now):
            why = _why(hosted, seen, row, column, then, late)
            said = recorded.targets.get(name, ABSENT)
            found.append(Difference(recorded.decision_ns, "decision", hosted.name, name, said, repr(now), why))
    return found


def _why(hosted: Hosted, seen: StrategyPanel, row: int, column: int, then: float, late: Mapping[str, set[int]]) -> Why:
    first = max(0, row + 1 - hosted.window_bars)
    ends = {int(end) for end in seen.event_ns[first : row + 1]}
    if any(ends & late.get(name, set()) for name in seen.instruments):
        return "data arrived late"
    if row + 1 < hosted.lookback_bars:
        return "unknown"
    for sign in (-1.0, 1.0):
        moved = _moved(seen.bars, first, row, column, sign)
        if _agree(then, float(decide_window(hosted.strategy, StrategyPanel(moved), hosted.params)[column])):
            return "tie"
    return "unknown"


def _moved(bars: Panel, first: int, row: int, column: int, sign: float) -> Panel:
    """The window with the last prices of one instrument moved by a hair."""
    fields = {}
    for name, values in bars.fields.items():
        fields[name] = values[first : row + 1].copy()
        if name != "volume":
            fields[name][-1, column] *= 1.0 + sign * EPSILON
    return Panel(bars.instruments, bars.times[first : row + 1], bars.event_ns[first : row + 1], bars.known_ns[first : row + 1], fields)


def _agree(then: float, now: float) -> bool:
    if math.isnan(then) or math.isnan(now):
        return math.isnan(then) and math.isnan(now)
    return abs(then - now) <= EPSILON * max(1.0, abs(then), abs(now))


def said(one: Backtested) -> dict[str, object]:
    """As JSON."""
    return {
        "strategy": one.strategy, "decisions": one.decisions, "decisions_equal": one.decisions_equal, "is_equal": one.is_equal,
        "differences": [{"at": text(each.time_ns), "instrument": each.instrument, "recorded": each.recorded, "backtest": each.replayed,
                         "why": each.why} for each in one.differences],
    }  # fmt: skip
