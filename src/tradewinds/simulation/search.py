"""Which configurations a sweep tries: a grid, seeded draws, or a Bayesian search that learns from what came of the earlier ones.

1. A `Space` holds one axis per parameter: values by position, so that a grid of billions costs nothing until it is walked.
2. A search is asked for proposals and told their scores. The same space and seed give the same proposals with the same numbers,
   however many workers run them and in whatever order they finish: scores are told in whole batches, sorted by number.
3. Where the strategy says that a configuration makes no sense (`is_valid`), a grid leaves it out and a draw is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.trading.strategy import Choice, Float, Int, Model, Parameter, Strategy

Value = str | int | float | bool
Score = float | None  # None: the configuration failed

BATCH = 16  # proposals of a Bayesian search between two tellings; fixed, so that results do not depend on the workers
STEPS_MAX = 1_000_000  # values of one axis
DRAWS_MAX = 1_000  # in search of one valid configuration that was not drawn yet


@dataclass(frozen=True, slots=True)
class Proposal:
    """One configuration to try. `number` is stable: the same search gives it to the same parameters every time."""

    number: int
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of one parameter, by position; `values` is a range, or the values themselves."""

    name: str
    values: Sequence[Value]

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= STEPS_MAX:
            raise Rejected(f"parameter {self.name}: {len(self.values)} values, expected from 1 to {STEPS_MAX}")


@dataclass(frozen=True, slots=True)
class Space:
    """What may be tried of a strategy: `axes` are walked value by value, the `free` parameters are drawn within their ranges."""

    strategy: Strategy
    axes: tuple[Axis, ...]
    free: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many configurations the axes span, those that make no sense among them."""
        return math.prod(len(axis.values) for axis in self.axes)

    def at(self, index: int) -> dict[str, Value]:
        """The configuration at a position of the grid; the last axis turns fastest."""
        found: dict[str, Value] = {}
        for axis in reversed(self.axes):
            index, position = divmod(index, len(axis.values))
            found[axis.name] = axis.values[position]
        return dict(reversed(found.items()))

    def is_valid(self, parameters: Mapping[str, Value]) -> bool:
        """Whether the strategy has no objection before it is run."""
        check = self.strategy.is_valid
        return check is None or bool(check(self.strategy.params(parameters)))


class Search(Protocol):
    """What gives proposals. `ask` answers the next batch, nothing when it is through; an adaptive one wants each batch told first."""

    @property
    def is_adaptive(self) -> bool: ...

    @property
    def size(self) -> int:
        """At most so many proposals will come."""
        ...

    def ask(self) -> Iterator[Proposal]: ...

    def tell(self, scores: Iterable[tuple[int, Score]]) -> None: ...


class Grid:
    """Every configuration of a space, in order."""

    is_adaptive = False

    def __init__(self, space: Space) -> None:
        if space.free:
            raise Rejected(f"grid: parameter {space.free[0]} is without a step, expected --grid {space.free[0]}=LOW:HIGH:STEP or a list")
        self._space = space
        self._is_done = False

    @property
    def size(self) -> int:
        return self._space.size

    def ask(self) -> Iterator[Proposal]:
        if self._is_done:
            return
        self._is_done = True
        for index in range(self._space.size):
            parameters = self._space.at(index)
            if self._space.is_valid(parameters):
                yield Proposal(index, parameters)

    def tell(self, scores: Iterable[tuple[int, Score]]) -> None:
        """Nothing to learn."""


class Random:
    """Seeded draws without repetition. A small space may be exhausted before `trials` are drawn; then fewer come."""

    is_adaptive = False

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        _check_trials(trials)
        self._space = space
        self._trials = trials
        self._generator = np.random.default_rng(seed)
        self._is_done = False

    @property
    def size(self) -> int:
        return self._trials if self._space.free else min(self._trials, self._space.size)

    def ask(self) -> Iterator[Proposal]:
        if self._is_done:
            return
        self._is_done = True
        seen: set[int] = set()
        for number in range(self.size):
            parameters = self._draw(seen)
            if parameters is None:
                return
            yield Proposal(number, parameters)

    def tell(self, scores: Iterable[tuple[int, Score]]) -> None:
        """Nothing to learn."""

    def _draw(self, seen: set[int]) -> dict[str, Value] | None:
        for _ in range(DRAWS_MAX):
            index = int(self._generator.integers(self._space.size))
            parameters = self._space.at(index)
            for name in self._space.free:
                parameters[name] = _drawn(self._space.strategy.parameters[name], self._generator)
            if (self._space.free or index not in seen) and self._space.is_valid(parameters):
                seen.add(index)
                return parameters
        return None


class Bayesian:
    """Optuna's tree-structured Parzen estimator, seeded, asked and told in batches of BATCH.

    A configuration that failed is told as failed; one that makes no sense is never proposed.
    """

    is_adaptive = True

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        _check_trials(trials)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._trials = trials
        self._asked: dict[int, Any] = {}
        self._next = 0
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=BATCH, constant_liar=True)
        )

    @property
    def size(self) -> int:
        return self._trials

    def ask(self) -> Iterator[Proposal]:
        assert not self._asked, "every batch is told before the next"
        for _ in range(min(BATCH, self._trials - self._next)):
            found = self._ask_valid()
            if found is None:
                self._trials = self._next
                return
            trial, parameters = found
            self._asked[self._next] = trial
            self._next += 1
            yield Proposal(self._next - 1, parameters)

    def tell(self, scores: Iterable[tuple[int, Score]]) -> None:
        import optuna

        for number, score in sorted(scores):
            trial = self._asked.pop(number)
            if score is None or not math.isfinite(score):
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(trial, score)

    def _ask_valid(self) -> tuple[Any, dict[str, Value]] | None:
        import optuna

        for _ in range(DRAWS_MAX):
            trial = self._study.ask()
            parameters: dict[str, Value] = {}
            for axis in self._space.axes:
                parameters[axis.name] = _suggested_axis(trial, axis)
            for name in self._space.free:
                parameters[name] = _suggested(trial, name, self._space.strategy.parameters[name])
            if self._space.is_valid(parameters):
                return trial, parameters
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None


def space_of(strategy: Strategy, grid: Mapping[str, Sequence[Value]] | None = None, *, is_gridded: bool = True) -> Space:
    """The space of a strategy's parameters: the given values, else the declared range by its step.

    is_gridded: False lets number parameters without given values vary freely within their range; True walks them by their step and
    leaves one without a step at its default. Where values are given for some parameters of a gridded space, the others stay at
    their defaults. Raises Rejected for an unknown parameter or a value out of its range.
    """
    given = dict(grid or {})
    unknown = sorted(set(given) - set(strategy.parameters))
    if unknown:
        raise Rejected(f"strategy {strategy.name}: parameter {unknown[0]!r}, expected one of {sorted(strategy.parameters)}")
    axes, free = [], []
    for name, declared in strategy.parameters.items():
        if name in given:
            axes.append(_checked_axis(strategy, name, declared, given[name]))
        elif is_gridded and (given or (isinstance(declared, Float) and declared.step is None)):
            axes.append(Axis(name, (declared.default,)))
        elif isinstance(declared, Float) and declared.step is None:
            free.append(name)
        else:
            axes.append(Axis(name, _declared_values(declared)))
    if not is_gridded or given or not axes or any(len(axis.values) > 1 for axis in axes):
        return Space(strategy, tuple(axes), tuple(free))
    raise Rejected(f"strategy {strategy.name}: no parameter has a range with a step, expected one, or --grid NAME=LOW:HIGH:STEP")


def grid_values(text: str, declared: Parameter) -> Sequence[Value]:
    """The values of `LOW:HIGH:STEP` (both ends included), `LOW:HIGH` or `a,b,c`. Raises Rejected where it is none of them."""
    if isinstance(declared, Model):
        return tuple(text.split(","))
    if ":" in text and not isinstance(declared, Choice):
        parts = [_number(part, text) for part in text.split(":")]
        if len(parts) not in (2, 3):
            raise Rejected(f"grid {text!r}, expected LOW:HIGH or LOW:HIGH:STEP")
        step = parts[2] if len(parts) == 3 else (declared.step or 1)
        return _steps(parts[0], parts[1], step, is_whole=isinstance(declared, Int))
    if isinstance(declared, Choice):
        return tuple(_option(part, declared) for part in text.split(","))
    return tuple(_number(part, text) for part in text.split(","))


def _checked_axis(strategy: Strategy, name: str, declared: Parameter, values: Sequence[Value]) -> Axis:
    what = f"strategy {strategy.name}: parameter {name}"
    axis = Axis(name, values)
    checked = [values[0], values[-1]] if isinstance(values, range) else values
    found = tuple(declared.checked(what, value) for value in checked)
    if len(set(values)) != len(values):
        raise Rejected(f"{what}: {list(values)[:10]}, expected each value once")
    return axis if isinstance(values, range) else Axis(name, found)


def _declared_values(declared: Parameter) -> Sequence[Value]:
    if isinstance(declared, Model):
        return (declared.default,)
    if isinstance(declared, Choice):
        return declared.options
    return _steps(declared.low, declared.high, declared.step or 1, is_whole=isinstance(declared, Int))


def _steps(low: float, high: float, step: float, *, is_whole: bool) -> Sequence[Value]:
    if not step > 0 or high < low:
        raise Rejected(f"grid {low:g}:{high:g}:{step:g}, expected LOW:HIGH:STEP that rises")
    if is_whole and all(float(one).is_integer() for one in (low, high, step)):
        return range(int(low), int(high) + 1, int(step))
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > STEPS_MAX:
        raise Rejected(f"grid {low:g}:{high:g}:{step:g}: {count} values, expected at most {STEPS_MAX}")
    return tuple(min(round(low + index * step, 12), high) for index in range(count))


def _number(part: str, text: str) -> int | float:
    try:
        return int(part)
    except ValueError:
        pass
    try:
        return float(part)
    except ValueError:
        raise Rejected(f"grid {text!r}: {part!r}, expected a number") from None


def _option(part: str, declared: Choice) -> Value:
    for option in declared.options:
        if str(option) == part:
            return option
    raise Rejected(f"grid: {part!r}, expected one of {list(declared.options)}")


def _drawn(declared: Parameter, generator: np.random.Generator) -> float:
    assert isinstance(declared, Float)
    if declared.is_log and declared.low > 0:
        drawn = math.exp(generator.uniform(math.log(declared.low), math.log(declared.high)))
    else:
        drawn = generator.uniform(declared.low, declared.high)
    return min(max(drawn, declared.low), declared.high)


def _suggested_axis(trial: Any, axis: Axis) -> Value:
    """Numbers that rise are suggested by position, so that the estimator knows which are near each other."""
    values = axis.values
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (values[0], values[-1])):
        position: int = trial.suggest_int(axis.name, 0, len(values) - 1)
        return values[position]
    chosen: Value = trial.suggest_categorical(axis.name, list(values))
    return chosen


def _suggested(trial: Any, name: str, declared: Parameter) -> float:
    assert isinstance(declared, Float)
    return float(trial.suggest_float(name, declared.low, declared.high, log=declared.is_log and declared.low > 0))


def _check_trials(trials: int) -> None:
    if trials < 1:
        raise Rejected(f"search: {trials} trials, expected at least 1")
