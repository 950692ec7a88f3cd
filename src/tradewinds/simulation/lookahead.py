"""The look-ahead detector: does a strategy, or a feature, use anything that nobody knew at the time?

1. It decides twice on the same data, once having seen other prices in between, and on a shorter past before and after it saw the whole:
   answers must repeat.
2. At cuts drawn at random, where its decisions change, where bars are missing and before splits and dividends: what it decided up to then
   on the data cut there must be what it decided on all of them.
3. The future after a cut is scaled, shuffled and emptied: decisions before must stay. So with facts about the past not yet known.
4. Decided on windows of the declared lookback, answers must be those of the whole history (vector strategies and features).
5. Filled at the close that it decides by, a strategy trades at a price that it could not yet know.
6. An event strategy written down halfway and taken up by a new object must go on as if nothing had happened.
7. Its code must read no clock, no unseeded chance and no machine.

Numbers count as equal within 1e-9 of the larger, in test 4 within 1e-3 (a recursive average never forgets all of its past).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.lookahead_decider import (
    Decided,
    Decider,
    Difference,
    EventDecider,
    FeatureDecider,
    Values,
    VectorDecider,
    decider_of,
    values_difference,
)
from tradewinds.simulation.lookahead_finding import Finding, Kind, Verdict
from tradewinds.simulation.lookahead_market import made_scene
from tradewinds.simulation.lookahead_scene import (
    HOW,
    Scene,
    altered,
    between,
    checked,
    cut,
    steady,
    with_late_facts_altered,
    with_own_bar_altered,
)
from tradewinds.simulation.lookahead_source import hidden_inputs
from tradewinds.simulation.rules import Setup
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, Strategy

CUTS = 14
ODD_CUTS = 3
LOOKBACK_ROWS = 24
LOOKBACK_TOLERANCE = 1e-3
SAME_BAR_ROWS = 40
ROWS_MAX = 3_000  # more rows are not looked at: a leak does not wait that long


def check_strategy(
    strategy: Strategy,
    scene: Scene | None = None,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    seed: int = 0,
) -> Verdict:
    """Check a declared strategy, on a made market where no scene is given. The same seed makes the same cuts.

    Raises Rejected where the strategy cannot run at all.
    """
    params = strategy.params(parameters)
    chosen = setup or Setup()
    stage = _shortened(checked(scene), strategy.lookback_bars(params)) if scene is not None else _stage(strategy, params, chosen, seed)
    decider = decider_of(strategy, params, stage, chosen)
    check = _Check(strategy.name, decider, stage, seed)
    check.run()
    if isinstance(decider, VectorDecider):
        check.look_back(strategy.lookback_bars(params), lambda bars: VectorDecider(replace(strategy, lookback=bars), params, stage))
    else:
        check.write_down(decider)
    if chosen.fills.at == "same_close":
        check.same_bar()
    check.hidden(strategy.code)
    return check.verdict()


def decisions_digest(
    strategy: Strategy,
    scene: Scene | None = None,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    seed: int = 0,
) -> str:
    """SHA-256 of everything that it decides; two processes must come to the same one."""
    params, chosen = strategy.params(parameters), setup or Setup()
    stage = _shortened(checked(scene), strategy.lookback_bars(params)) if scene is not None else _stage(strategy, params, chosen, seed)
    return decider_of(strategy, params, stage, chosen).decide(stage).digest()


def check_feature(
    name: str,
    function: Callable[[StrategyPanel, Any], Any],
    scene: Scene,
    parameters: Mapping[str, Any] | None = None,
    *,
    lookback: int = 1,
    seed: int = 0,
) -> Verdict:
    """Check a function `(panel, params) -> (times, ...)` that feeds a strategy or a model. lookback: bars that a value looks at."""
    params = Params(**(parameters or {}))
    stage = _shortened(checked(scene), lookback)
    decider = FeatureDecider(name, function, params, lookback)
    check = _Check(name, decider, stage, seed)
    check.run()
    if lookback > 1:
        check.look_back(lookback, lambda bars: FeatureDecider(name, function, params, bars))
    check.hidden(function)
    return check.verdict()


class _Check:
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


def _stage(strategy: Strategy, params: Params, setup: Setup, seed: int) -> Scene:
    """The first made market on which the strategy runs: of three instruments, one or two."""
    last: Rejected | None = None
    for width in (3, 1, 2) if strategy.kind == "vector" else (1, 3, 2):
        try:
            scene = made_scene(strategy, params, width, seed)
            decider_of(strategy, params, scene, setup).decide(cut(scene, scene.times - 1))
            return scene
        except Rejected as error:
            last = last or error
    assert last is not None
    raise last


def _shortened(scene: Scene, lookback: int) -> Scene:
    rows = ROWS_MAX + lookback
    return scene if scene.times <= rows else between(scene, 0, rows)
