"""The tests of the look-ahead detector, one check in progress; `lookahead.py` says what they are and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.lookahead_decider import Decided, Decider, Difference, EventDecider, Values, values_difference
from tradewinds.simulation.lookahead_finding import Finding, Kind, Verdict
from tradewinds.simulation.lookahead_scene import (
    HOW,
    Scene,
    altered,
    between,
    cut,
    steady,
    with_late_facts_altered,
    with_own_bar_altered,
)
from tradewinds.simulation.lookahead_source import hidden_inputs

CUTS = 14
ODD_CUTS = 3
LOOKBACK_ROWS = 24
LOOKBACK_TOLERANCE = 1e-3
SAME_BAR_ROWS = 40


class Check:
    """One check in progress; findings gather, one of each kind."""

    def __init__(self, name: str, decider: Decider, scene: Scene, seed: int) -> None:
        self.name, self.decider, self.scene = name, decider, scene
        self.chance = np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.whole: Decided | None = None

    def run(self) -> None:
        """Tests 1 to 3."""
        if not (self.scene.panel.is_point_in_time and all(one.is_point_in_time for one in self.scene.others.values())):
            self.findings.append(Finding("latest view", "the panel holds latest values"))
        early = cut(self.scene, self._floor())
        first, first_error = self._tried(early)
        self.whole = self.decider.decide(self.scene)
        if not self._repeats(self.whole, first, early):
            return
        for row in self._cuts(self.whole):
            if any(one.kind in ("future", "known later") for one in self.findings):
                break
            self._try_cut(row)
        if first is None and not self.findings:
            self._add("future", f"on the data cut off after bar {self._floor()} it raised: {first_error}", None)

    def look_back(self, bars: int, made: Callable[[int], Decider]) -> None:
        """Test 4."""
        if any(one.kind in ("future", "known later", "not repeatable") for one in self.findings):
            return
        stage = steady(self.scene)
        whole = self.decider.decide(stage)
        assert isinstance(whole, Values)
        rows = self._rows_of(whole, LOOKBACK_ROWS, bars - 1)
        found = next(self._short(stage, whole, rows, bars), None)
        if found is None:
            return
        self.findings.append(
            Finding(
                "lookback", f"{bars} bars instead of the whole history", found.row, int(stage.market.end_ns[found.row]), found.instrument,
                found.before, found.after, self._needed(stage, whole, rows, bars),
            )
        )  # fmt: skip

    def write_down(self, decider: EventDecider) -> None:
        """Test 6."""
        if self.findings or self.whole is None:
            return
        row = (decider.first + self.scene.times) // 2
        try:
            difference = self.whole.difference(decider.decide_restored(self.scene, row), self.scene.times)
        except Rejected as error:
            self._add("state", str(error), None)
            return
        if difference is not None:
            self._add("state", f"taken up by a new object after bar {row}", difference)

    def same_bar(self) -> None:
        """Test 5: with fills at the same close, a decision must not depend on it."""
        assert self.whole is not None
        for row in self._rows_of(self.whole, SAME_BAR_ROWS, self.decider.first):
            changed, _ = self._tried(with_own_bar_altered(self.scene, row), row + 1)
            difference = None if changed is None else self.whole.difference(changed, row + 1)
            if difference is not None:
                self._add("same bar", f"with another close of bar {row}", difference)
                return

    def hidden(self, code: Callable[..., Any] | type) -> None:
        """Test 7."""
        self.findings += [Finding("hidden input", f"it reads {what}") for what in hidden_inputs(code)]

    def verdict(self) -> Verdict:
        decisions = 0 if self.whole is None else len(self.whole.active_rows())
        return Verdict(self.name, tuple(self.findings), self.scene.times, decisions)

    def _repeats(self, whole: Decided, first: Decided | None, early: Scene) -> bool:
        """Test 1."""
        self._tried(altered(self.scene, -1, "scaled", self.chance))
        again, error = self._tried(self.scene)
        difference = None if again is None else whole.difference(again, self.scene.times)
        if again is None or difference is not None:
            self._add("not repeatable", f"asked again{f', it raised: {error}' if error else ''}", difference)
            return False
        if first is not None:
            later, error = self._tried(early)
            difference = None if later is None else first.difference(later, early.times)
            if later is None or difference is not None:
                self._add("not repeatable", f"asked again about the past{f', it raised: {error}' if error else ''}", difference)
                return False
        return True

    def _try_cut(self, row: int) -> None:
        """Tests 2 and 3 at one row."""
        assert self.whole is not None
        seen = row + 1
        if self.scene.others:
            changed, _ = self._tried(with_late_facts_altered(self.scene, row, self.chance), seen)
            difference = None if changed is None else self.whole.difference(changed, seen)
            if difference is not None:
                self._add("known later", f"with other values of facts not yet known at the end of bar {row}", difference)
                return
        shorter, error = self._tried(cut(self.scene, row))
        if shorter is None:
            self._add("future", f"on the data cut off after bar {row} it raised: {error}", None)
            return
        difference = self.whole.difference(shorter, seen)
        if difference is not None:
            self._add("future", f"on the data cut off after bar {row}", difference)
            return
        for how in HOW:
            changed, _ = self._tried(altered(self.scene, row, how, self.chance), seen)
            difference = None if changed is None else self.whole.difference(changed, seen)
            if difference is not None:
                self._add("future", f"with everything after bar {row} {how}", difference)
                return

    def _tried(self, scene: Scene, rows: int | None = None) -> tuple[Decided | None, str]:
        try:
            with np.errstate(all="ignore"):  # an emptied future divides by nothing; that is no news
                return self.decider.decide(scene, rows), ""
        except Rejected as error:
            return None, str(error)

    def _floor(self) -> int:
        """The earliest cut: enough bars for the lookback, and some more."""
        return min(max(self.decider.first + 5, self.scene.times // 4), self.scene.times - 2)

    def _cuts(self, whole: Decided) -> list[int]:
        floor, last = self._floor(), self.scene.times - 1
        absent = np.flatnonzero(np.isnan(self.scene.panel.field("close")).any(axis=1))
        odd = [part[(part >= floor) & (part < last)] for part in (absent, self.scene.market.events["row"] - 1)]
        drawn = [self.chance.choice(part, min(ODD_CUTS, len(part)), replace=False) for part in odd]
        return sorted({*self._rows_of(whole, CUTS, floor), *(int(row) for part in drawn for row in part)})

    def _rows_of(self, whole: Decided, count: int, floor: int) -> list[int]:
        """Rows to look at, rising: half of them where decisions change, or just before, the others anywhere."""
        rows = np.arange(floor, self.scene.times - 1) if self.scene.decisions is None else self.scene.decisions
        possible = rows[(rows >= floor) & (rows < self.scene.times - 1)]
        active = np.concatenate([whole.active_rows(), whole.active_rows() - 1])
        lively = np.intersect1d(possible, active)
        chosen = [self.chance.choice(part, min(count // 2, len(part)), replace=False) for part in (lively, possible) if len(part)]
        return sorted({int(row) for part in chosen for row in part})

    def _short(self, stage: Scene, whole: Values, rows: list[int], bars: int) -> Iterator[Difference]:
        """Differences between the whole history's answers and those on windows of `bars`."""
        for row in rows:
            if row < bars - 1:
                continue
            part, error = self._tried(between(stage, row - bars + 1, row + 1))
            if part is None:
                yield Difference(row, "", whole.values[row].tolist(), f"it raised: {error}")
                continue
            assert isinstance(part, Values)
            expected, found = Values(whole.values[row : row + 1], whole.columns), Values(part.values[-1:], part.columns)
            difference = values_difference(expected, found, 1, LOOKBACK_TOLERANCE)
            if difference is not None:
                yield replace(difference, row=row)

    def _needed(self, stage: Scene, whole: Values, rows: list[int], bars: int) -> int | None:
        """The shortest window that suffices on the rows that have it, by doubling and halving; None where none does."""
        low, high = bars, 2 * bars
        last = max(rows) + 1
        while high < last and next(self._short(stage, whole, [row for row in rows if row >= high - 1], high), None) is not None:
            low, high = high, 2 * high
        if high >= last:
            return None
        usable = [row for row in rows if row >= high - 1]
        while high - low > 1:
            middle = (low + high) // 2
            if next(self._short(stage, whole, usable, middle), None) is None:
                high = middle
            else:
                low = middle
        return high

    def _add(self, kind: Kind, how: str, difference: Difference | None) -> None:
        if difference is None:
            self.findings.append(Finding(kind, how))
            return
        ends: NDArray[np.int64] = self.scene.market.end_ns
        self.findings.append(
            Finding(kind, how, difference.row, int(ends[difference.row]), difference.instrument, difference.before, difference.after)
        )
