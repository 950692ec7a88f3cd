"""A sweep: many configurations of one strategy over one market, and what each left behind.

1. A search proposes configurations; they are cut into blocks, one task each.
2. An engine runs the tasks wherever it likes and gives their results back as they finish. What crosses is plain data (JSON's kinds),
   so that a thread, a process, a Ray actor and a container are the same to the sweep.
3. A block that is lost with its worker is repeated one configuration at a time, so that only the guilty one fails.
4. Trials are streamed; nothing here keeps them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import count, islice
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Invariant, Rejected, TradewindsError
from tradewinds.simulation.search import Proposal, Search, Value

Floats = NDArray[np.float64]

BLOCK = 32  # configurations of one task


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed: the class of the error, and its message."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Figures:
    """A configuration in numbers, from its equity at session ends. Fractions; `volatility`, `sharpe` and `sortino` are annualised.

    drawdown: the deepest, positive. skewness, kurtosis (3: normal) and sharpe_session are of returns from session to session.
    NaN where undefined. commission, slippage and turnover in account currency.
    """

    sessions: int
    equity: float
    total_return: float
    yearly_return: float
    volatility: float
    sharpe: float
    sortino: float
    drawdown: float
    calmar: float
    sharpe_session: float
    skewness: float
    kurtosis: float
    fills: int
    commission: float
    slippage: float
    turnover: float


FIGURES = tuple(field.name for field in fields(Figures))
_NUMBERS = attrgetter(*FIGURES)
OBJECTIVES = {"sharpe": "sharpe", "sortino": "sortino", "calmar": "calmar", "return": "total_return"}


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One configuration that was tried. `fold`: the span it ran over. Either `figures` or `failure` is there.

    sets: (sets, 3) count, sum and sum of squares of session returns over each set of sessions that the sweep's work names.
    returns: (sessions,) only where they were asked for.
    """

    number: int
    parameters: Mapping[str, Value]
    fold: int = 0
    figures: Figures | None = None
    sets: Floats | None = None
    failure: Failure | None = None
    returns: Floats | None = None

    def score(self, objective: str) -> float | None:
        """What the objective says of it, None where it failed or is undefined (a configuration that never traded has no Sharpe ratio)."""
        if self.figures is None:
            return None
        value = float(getattr(self.figures, OBJECTIVES[checked_objective(objective)]))
        return value if np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one call of a worker; payload in JSON's kinds. `number` tells tasks of one engine apart."""

    number: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: its value in JSON's kinds, or why it failed."""

    number: int
    value: Any = None
    failure: Failure | None = None


class TaskFailed(TradewindsError):
    """A task raised in a worker elsewhere, or its worker was lost (kind `WorkerLost`)."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Work(Protocol):
    """What workers do. `open` is called once in each worker; the function it answers, once for each task's payload."""

    def open(self) -> Callable[[Any], Any]: ...


class Engine(Protocol):
    """Runs tasks. Built around its work; `close` ends its workers.

    map: outcomes as they finish; tasks are drawn as workers become free and those whose numbers are in `done` are left out. A task that
    raises gives a failed outcome and nothing else. Leaving the iterator early abandons the tasks that are under way.
    """

    @property
    def workers(self) -> int: ...

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]: ...

    def close(self) -> None: ...


def worker_lost(how: str) -> Failure:
    """The failure of a task whose worker ended under it."""
    return Failure("WorkerLost", f"worker: {how}, expected an answer; killed, out of memory, or a crash of compiled code")


def trials(
    search: Search,
    engine: Engine,
    *,
    objective: str = "sharpe",
    fold: int = 0,
    block: int = BLOCK,
    known: Mapping[int, Trial] | None = None,
) -> Iterator[Trial]:
    """Try what the search proposes; trials as they finish, those in `known` (by number) given back without running them.

    Raises Rejected where a known trial has other parameters than the search proposes under its number.
    """
    have, numbers = known or {}, count()
    if not search.is_adaptive:
        yield from _tried(search.ask(), have, engine, numbers, fold, block)
        return
    while batch := list(search.ask()):
        size = max(1, min(block, -(-len(batch) // max(1, 2 * engine.workers))))
        told = []
        for trial in _tried(iter(batch), have, engine, numbers, fold, size):
            told.append((trial.number, trial.score(objective)))
            yield trial
        search.tell(told)


def run_one(engine: Engine, proposal: Proposal, *, fold: int) -> Trial:
    """One configuration over one span, with its session returns."""
    payload = {"fold": fold, "proposals": [[proposal.number, dict(proposal.parameters)]], "keeps_returns": True}
    outcome = next(iter(engine.map([Task(0, payload)])))
    if outcome.failure is not None:
        return Trial(proposal.number, proposal.parameters, fold, failure=outcome.failure)
    return trial_of(outcome.value[0])


def checked_objective(objective: str) -> str:
    """The objective; raises Rejected where it is unknown."""
    if objective not in OBJECTIVES:
        raise Rejected(f"sweep: objective {objective!r}, expected one of {', '.join(OBJECTIVES)}")
    return objective


def record_of(trial: Trial) -> dict[str, Any]:
    """A trial in JSON's kinds, exact: what crosses between workers and stands in the journal."""
    record: dict[str, Any] = {"number": trial.number, "fold": trial.fold, "parameters": dict(trial.parameters)}
    if trial.figures is not None:
        record["figures"] = {name: value if value == value else None for name, value in zip(FIGURES, _NUMBERS(trial.figures), strict=True)}
    if trial.failure is not None:
        record["failure"] = [trial.failure.kind, trial.failure.message]
    for name in ("sets", "returns"):
        values = getattr(trial, name)
        if values is not None:
            record[name] = base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()
    return record


def trial_of(record: Mapping[str, Any]) -> Trial:
    """The trial of a record."""
    figures = record.get("figures")
    failure = record.get("failure")
    sets, returns = _floats(record.get("sets")), _floats(record.get("returns"))
    return Trial(
        record["number"],
        record["parameters"],
        record["fold"],
        None if figures is None else figures_of(figures),
        None if sets is None else sets.reshape(-1, 3),
        None if failure is None else Failure(*failure),
        returns,
    )


def figures_of(values: Mapping[str, Any]) -> Figures:
    """Figures of numbers by name, None standing for what is undefined."""
    known: dict[str, Any] = {name: float("nan") if values[name] is None else values[name] for name in FIGURES}
    return Figures(**known)


def failure_of(error: BaseException) -> Failure:
    """The failure that an error is."""
    if isinstance(error, TaskFailed):
        return error.failure
    return Failure(type(error).__name__, str(error) or type(error).__name__)


def _floats(text: str | None) -> Floats | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)


def _tried(
    proposals: Iterator[Proposal], known: Mapping[int, Trial], engine: Engine, numbers: Iterator[int], fold: int, block: int
) -> Iterator[Trial]:
    found: list[Trial] = []
    yield from _through(_unknown(proposals, known, found), engine, numbers, fold, block, found)
    yield from _drained(found)


def _unknown(proposals: Iterator[Proposal], known: Mapping[int, Trial], found: list[Trial]) -> Iterator[Proposal]:
    """The proposals not tried yet; trials of the others are put aside in `found`."""
    for proposal in proposals:
        trial = known.get(proposal.number)
        if trial is None:
            yield proposal
        elif dict(trial.parameters) != dict(proposal.parameters):
            raise Rejected(
                f"sweep: configuration {proposal.number} was {dict(trial.parameters)}, now it is {dict(proposal.parameters)}; "
                "expected the same search as before, or a new folder"
            )
        else:
            found.append(trial)


def _through(
    proposals: Iterator[Proposal], engine: Engine, numbers: Iterator[int], fold: int, block: int, found: list[Trial]
) -> Iterator[Trial]:
    """Trials of the proposals, and in between those put aside in `found`, so that they never pile up."""
    under_way: dict[int, Sequence[Proposal]] = {}
    lost: list[Proposal] = []
    for outcome in engine.map(_tasks(proposals, numbers, fold, block, under_way)):
        yield from _drained(found)
        tried = under_way.pop(outcome.number)
        if outcome.failure is None:
            yield from map(trial_of, outcome.value)
        elif len(tried) == 1:
            yield Trial(tried[0].number, tried[0].parameters, fold, failure=outcome.failure)
        else:
            lost += tried
    if lost:
        yield from _through(iter(lost), engine, numbers, fold, 1, found)
    if under_way:
        raise Invariant(f"sweep: {len(under_way)} tasks never came back, expected an outcome of each")


def _tasks(
    proposals: Iterator[Proposal], numbers: Iterator[int], fold: int, block: int, under_way: dict[int, Sequence[Proposal]]
) -> Iterator[Task]:
    while several := tuple(islice(proposals, block)):
        number = next(numbers)
        under_way[number] = several
        yield Task(number, {"fold": fold, "proposals": [[one.number, dict(one.parameters)] for one in several]})


def _drained(found: list[Trial]) -> Iterator[Trial]:
    while found:
        yield found.pop(0)
