"""What every engine owes a sweep, over the real work of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewinds.engines.child import ChildWork
from tradewinds.engines.local import LocalEngine
from tradewinds.engines.ray import RayEngine
from tradewinds.simulation.search import Bayesian, space_of
from tradewinds.simulation.sweep import Engine, Outcome, Task, record_of, trials
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.strategy_file import load_strategy
from tradewinds.wiring.sweep import packed_work

ENGINES = ("threads", "processes", pytest.param("ray", marks=pytest.mark.ray), "batch")
Make = Callable[..., Engine]


@pytest.fixture(params=ENGINES, scope="module")
def engine(
    request: pytest.FixtureRequest, work: SweepWork, strategy_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    made = _made(request.param, work, strategy_file, tmp_path_factory.mktemp("engine"), request)
    yield made
    made.close()


def _made(kind: str, work: SweepWork, strategy_file: Path, folder: Path, request: pytest.FixtureRequest) -> Any:
    if kind == "threads":
        return LocalEngine(work, 2)
    parcel = packed_work(work, strategy_file, folder / "parcel")
    if kind == "processes":
        return LocalEngine(ChildWork(parcel.folder), 2)
    if kind == "ray":
        return RayEngine(parcel, 2)
    return request.getfixturevalue("module_cloud").engine(parcel)


def _tasks(*fasts: int) -> list[Task]:
    return [Task(number, {"fold": 0, "proposals": [[number, {"fast": fast, "slow": 20}]]}) for number, fast in enumerate(fasts)]


def test_results_are_those_of_the_work_itself_whatever_the_engine(engine: Engine, work: SweepWork) -> None:
    tasks = _tasks(2, 3, 5, 8)
    alone = work.open()

    outcomes = {outcome.number: outcome.value for outcome in engine.map(tasks)}

    assert outcomes == {task.number: alone(task.payload) for task in tasks}
    assert outcomes[0][0]["figures"]["fills"] > 0


def test_a_configuration_that_raises_fails_alone_and_keeps_its_error(engine: Engine) -> None:
    outcomes = {outcome.number: outcome.value[0] for outcome in engine.map(_tasks(2, 13, 14, 5))}

    assert outcomes[1]["failure"][0] == "Rejected"
    assert "fast 13, expected luckier numbers" in outcomes[1]["failure"][1]
    assert outcomes[2]["failure"][0] == "Rejected"
    assert "shape (3, 3), expected (300, 1)" in outcomes[2]["failure"][1]
    assert "failure" not in outcomes[0]
    assert "failure" not in outcomes[3]


def test_a_task_that_raises_outside_any_configuration_gives_a_failed_outcome_and_the_engine_goes_on(engine: Engine) -> None:
    broken = Task(7, {"fold": 5, "proposals": []})

    outcomes = {outcome.number: outcome for outcome in engine.map([broken, *_tasks(2)])}

    assert outcomes[7].failure is not None
    assert outcomes[7].failure.kind == "IndexError"
    assert outcomes[0].failure is None


def test_tasks_that_are_done_are_left_out_and_a_second_round_uses_the_same_workers(engine: Engine) -> None:
    first = {outcome.number for outcome in engine.map(_tasks(2, 3, 5, 8), done={0, 2})}
    second = {outcome.number for outcome in engine.map(_tasks(2, 3, 5, 8), done={1, 3})}

    assert (first, second) == ({1, 3}, {0, 2})


def test_the_order_of_tasks_changes_nothing_but_the_order_of_outcomes(engine: Engine) -> None:
    tasks = _tasks(2, 3, 5, 8)

    forward = {outcome.number: outcome.value for outcome in engine.map(tasks)}
    backward = {outcome.number: outcome.value for outcome in engine.map(tasks[::-1])}

    assert forward == backward


def test_an_adaptive_search_finds_the_same_configurations_on_every_engine(engine: Engine, work: SweepWork) -> None:
    space = space_of(work.strategy, {"fast": range(2, 12), "slow": range(12, 40)})

    def found(on: Engine) -> list[Any]:
        return sorted((trial.number, record_of(trial)) for trial in trials(Bayesian(space, 20, seed=3), on))

    with LocalEngine(work, 1) as alone:
        assert found(engine) == found(alone)


def test_leaving_the_iterator_early_abandons_the_rest(work: SweepWork) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[Task]:
        for task in _tasks(*[2] * 1_000):
            drawn.append(task.number)
            yield task

    with LocalEngine(work, 2) as engine:
        first = next(iter(engine.map(endless())))
        again = [outcome.number for outcome in engine.map(_tasks(3))]

    assert isinstance(first, Outcome)
    assert len(drawn) < 10
    assert again == [0]


def test_an_error_in_the_tasks_reaches_the_caller(work: SweepWork) -> None:
    def broken() -> Iterator[Task]:
        yield from _tasks(2)
        raise ValueError("no more tasks")

    with LocalEngine(work, 2) as engine, pytest.raises(ValueError, match="no more tasks"):
        list(engine.map(broken()))


def test_ctrl_c_ends_a_sweep_over_processes_at_once_and_leaves_none_behind(strategy_file: Path, tmp_path: Path, work: SweepWork) -> None:
    slow_file = tmp_path / "slow.py"
    slow_file.write_text(strategy_file.read_text().replace('print("a', 'import time; time.sleep(600); print("a'))
    slow = SweepWork(load_strategy(slow_file), work.market, work.panel, work.setup, work.spans)
    parcel = packed_work(slow, slow_file, tmp_path / "parcel")
    code = (
        "import os, signal, sys, threading\nfrom pathlib import Path\n"
        "from tradewinds.engines import child\nfrom tradewinds.engines.local import LocalEngine\n"
        "from tradewinds.simulation.sweep import Task\n"
        "started = child.Child._started\n"
        "def announced(self):\n    process = started(self)\n    print(process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    return process\n"
        "child.Child._started = announced\n"
        "task = Task(0, {'fold': 0, 'proposals': [[0, {'fast': 2, 'slow': 20}]]})\n"
        "try:\n    with LocalEngine(child.ChildWork(Path(sys.argv[1])), 1) as engine:\n        list(engine.map([task]))\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(parcel.folder)], capture_output=True, text=True, timeout=60, check=True)

    pid, said = done.stdout.split()
    assert said == "interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
