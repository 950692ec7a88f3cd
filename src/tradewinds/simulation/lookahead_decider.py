"""What a strategy or a feature decides on a scene, in a form that can be compared row by row.

A vector strategy and a feature answer arrays; of an event strategy every target, order and cancellation is written down with its row.
Numbers are equal within TOLERANCE of the larger: sums over arrays of other lengths may differ in their last bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.backtest import first_decision, seen_panel
from tradewinds.simulation.event import EventRun
from tradewinds.simulation.lookahead_scene import Scene
from tradewinds.simulation.rules import Setup
from tradewinds.trading import decide
from tradewinds.trading.intent import Intent
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.state import dump, restore
from tradewinds.trading.strategy import Params, Strategy

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
Ask = tuple[int, str, tuple[object, ...]]  # row, instrument, what was asked


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row at which two answers differ, and what they were there."""

    row: int
    instrument: str
    before: object
    after: object


class Decided(Protocol):
    """Answers on one scene."""

    def difference(self, other: Any, rows: int) -> Difference | None:
        """The first difference in rows [0, rows)."""
        ...

    def active_rows(self) -> NDArray[np.int64]:
        """Rows at which something new was decided."""
        ...

    def digest(self) -> str:
        """SHA-256 of all answers."""
        ...


class Decider(Protocol):
    """Something that decides on scenes."""

    first: int

    def decide(self, scene: Scene, rows: int | None = None) -> Decided:
        """All answers, or those of rows [0, rows) where later ones can be left out; raises Rejected where it raises."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Answers of a vector strategy or a feature: (times, columns)."""

    values: Floats
    columns: tuple[str, ...]

    def difference(self, other: Values, rows: int) -> Difference | None:
        return values_difference(self, other, rows, TOLERANCE)

    def active_rows(self) -> NDArray[np.int64]:
        known = np.nan_to_num(self.values, nan=-1e300)
        return np.flatnonzero((known[1:] != known[:-1]).any(axis=1)) + 1

    def digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.values).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Asks:
    """Answers of an event strategy in order."""

    asks: tuple[Ask, ...]

    def difference(self, other: Asks, rows: int) -> Difference | None:
        mine, others = [one for one in self.asks if one[0] < rows], [one for one in other.asks if one[0] < rows]
        for left, right in zip(mine, others, strict=False):
            if left[:2] != right[:2] or not _is_equal(left[2], right[2]):
                at = min(left, right, key=lambda one: one[0])
                return Difference(at[0], at[1], *(_said(one) if one[0] == at[0] else "nothing" for one in (left, right)))
        if len(mine) == len(others):
            return None
        longer = mine if len(mine) > len(others) else others
        extra = longer[min(len(mine), len(others))]
        return Difference(extra[0], extra[1], *(_said(extra) if longer is side else "nothing" for side in (mine, others)))

    def active_rows(self) -> NDArray[np.int64]:
        last: dict[str, tuple[object, ...]] = {}
        rows = []
        for row, instrument, asked in self.asks:
            if last.get(instrument) != asked or asked[0] != "target":
                rows.append(row)
            last[instrument] = asked
        return np.array(sorted(set(rows)), dtype=np.int64)

    def digest(self) -> str:
        return hashlib.sha256(repr(self.asks).encode()).hexdigest()


class VectorDecider:
    """Asks a vector strategy; rows at which it may not decide are 0."""

    def __init__(self, strategy: Strategy, params: Params, scene: Scene) -> None:
        self.strategy, self.params = strategy, params
        self.first = first_decision(strategy, params, scene.market, None)

    def decide(self, scene: Scene, rows: int | None = None) -> Values:
        seen = seen_panel(self.strategy, scene.market, scene.panel, others=scene.others, decisions=scene.decisions)
        targets = decide.decide_all(self.strategy, seen, self.params)
        if scene.decisions is not None:
            kept = np.zeros(targets.shape)
            kept[scene.decisions] = targets[scene.decisions]
            targets = kept
        return Values(targets, scene.market.ids)


class FeatureDecider:
    """Asks a function `(panel, params) -> (times, ...)`; columns are numbered where they are not the instruments."""

    def __init__(self, name: str, function: Callable[[StrategyPanel, Any], Any], params: object, lookback: int) -> None:
        self.name, self.function, self.params, self.first = name, function, params, lookback - 1

    def decide(self, scene: Scene, rows: int | None = None) -> Values:
        try:
            answer = self.function(StrategyPanel(scene.panel, dict(scene.others), scene.decisions), self.params)
            values = np.asarray(answer, dtype=np.float64)
        except Exception as error:
            raise Rejected(f"feature {self.name}: raised {type(error).__name__}: {error}; expected an array (times, ...)") from error
        if values.ndim == 0 or len(values) != scene.times:
            raise Rejected(f"feature {self.name}: an array of shape {values.shape}, expected ({scene.times}, ...)")
        flat = np.array(values.reshape(scene.times, -1))
        ids = scene.market.ids
        return Values(flat, ids if flat.shape[1] == len(ids) else tuple(f"column {at}" for at in range(flat.shape[1])))


class EventDecider:
    """Runs an event strategy through the simulation and writes down what it asks for."""

    def __init__(self, strategy: Strategy, params: Params, scene: Scene, setup: Setup) -> None:
        self.strategy, self.params, self.setup = strategy, params, setup
        self.first = first_decision(strategy, params, scene.market, None)

    def decide(self, scene: Scene, rows: int | None = None) -> Asks:
        run, desk = self._run(scene)
        run.run(scene.times if rows is None else rows)
        return Asks(tuple(desk.asks))

    def decide_restored(self, scene: Scene, row: int) -> Asks:
        """All answers, where the strategy's object is written down after bar `row` and a new one goes on from that text."""
        run, desk = self._run(scene)
        run.run(row + 1)
        text = dump(run.code)
        run.code = self.strategy.code(self.params)
        restore(run.code, text)
        run.run(scene.times)
        return Asks(tuple(desk.asks))

    def _run(self, scene: Scene) -> tuple[EventRun, _WrittenDesk]:
        seen = seen_panel(self.strategy, scene.market, scene.panel, others=scene.others, decisions=scene.decisions)
        run = EventRun(self.strategy, self.params, scene.market, seen, self.setup, self.first)
        desk = _WrittenDesk(run._desk, run.view, scene.market.ids)
        run._desk = run.view._desk = desk  # type: ignore[assignment]  # answers everything that a simulated desk does
        return run, desk


class _WrittenDesk:
    """A desk that writes down what is asked of it and passes it on."""

    def __init__(self, desk: Any, view: Any, ids: tuple[str, ...]) -> None:
        self.asks: list[Ask] = []
        self._inner, self._view, self._ids = desk, view, ids

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def target(self, column: int, value: float, unit: Any) -> None:
        self._inner.target(column, value, unit)
        if value == value:
            self.asks.append((self._view.row, self._ids[column], ("target", float(value), unit)))

    def submit(self, column: int, intent: Intent, **terms: Any) -> int:
        order: int = self._inner.submit(column, intent, **terms)
        prices = (intent.limit, intent.stop, intent.trail)
        self.asks.append((self._view.row, self._ids[column], (intent.side, intent.quantity, *prices, intent.tif, intent.when, intent.tag)))
        return order

    def cancel(self, order: int) -> bool:
        self.asks.append((self._view.row, "", ("cancel", order)))
        done: bool = self._inner.cancel(order)
        return done


def decider_of(strategy: Strategy, params: Params, scene: Scene, setup: Setup) -> VectorDecider | EventDecider:
    """The decider of a declared strategy; raises Rejected where the scene is too short for its lookback."""
    return VectorDecider(strategy, params, scene) if strategy.kind == "vector" else EventDecider(strategy, params, scene, setup)


def values_difference(left: Values, right: Values, rows: int, tolerance: float) -> Difference | None:
    """The first row below `rows` at which they differ by more than the tolerance of the larger; NaN equals NaN."""
    if left.values.shape[1] != right.values.shape[1]:
        return Difference(0, "", f"{left.values.shape[1]} columns", f"{right.values.shape[1]} columns")
    one, two = left.values[:rows], right.values[:rows]
    with np.errstate(invalid="ignore"):
        same = (np.abs(one - two) <= tolerance * np.maximum(np.abs(one), np.abs(two)) + 1e-14) | (one == two)
    same |= np.isnan(one) & np.isnan(two)
    if same.all():
        return None
    row, column = (int(at) for at in np.argwhere(~same)[0])
    return Difference(row, left.columns[column], float(one[row, column]), float(two[row, column]))


def _is_equal(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    if len(left) != len(right):
        return False
    for one, two in zip(left, right, strict=True):
        if isinstance(one, float) and isinstance(two, float):
            if abs(one - two) > TOLERANCE * max(abs(one), abs(two)):
                return False
        elif one != two:
            return False
    return True


def _said(ask: Ask) -> str:
    return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in ask[2] if part not in (None, "gtc", "any", 0))
