"""The same work on three executors: the scheduler's own processes, one Celery worker, two Celery workers; a slot each, a slot a core.

1. A night of research of 100 instruments, bars to page: a chain, in which little can go side by side.
2. A training of 4 models with 3 folds each, all started at once: 12 mapped tasks that share nothing, 4 that plan and 4 that gather them.
3. The law: of the same work, seconds on one worker over seconds on two; and what Airflow itself costs a task, from tasks that do
   nothing beside the seconds that they took.

Executors take turns, each in an Airflow and a copy of the workspace of its own. With fewer cores than workers they share what is there.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import night
from benchmarks import night_house as made
from tradewinds.app.airflow_client import TaskState
from tradewinds.app.airflow_process import Airflow
from tradewinds.jobs.config import AirflowConfig

SIZE = made.Size(instruments=100, years=2, train_sessions=200, test_sessions=60)
SMALL = made.Size(instruments=20, years=2, train_sessions=200, test_sessions=60)
MODELS, FOLDS = 4, 3
MODEL = """\
research: us
label: {{kind: forward_return, horizon: 5}}
learner: {{kind: lightgbm, params: {{rounds: {rounds}, num_threads: 1}}}}
train_sessions: {train}
test_sessions: {test}
folds_max: {folds}
schedule: "0 6 1 1 *"
"""
ROUNDS = 150
EXECUTORS = {
    "local, 2 slots": AirflowConfig(slots=2),
    "celery, 1 worker": AirflowConfig(executor="celery", slots=1, celery_workers=1),
    "celery, 2 workers": AirflowConfig(executor="celery", slots=2, celery_workers=2),
}
WAIT_S_MAX = 600.0
POLL_S = 0.2


def run(quick: bool = False) -> dict[str, Any]:
    """Figures, and no reach: on a machine of two cores nothing is won by more workers than those."""
    size = SMALL if quick else SIZE
    skipped = [name for name in EXECUTORS if name.startswith("celery") and shutil.which("redis-server") is None]
    chosen = [name for name in EXECUTORS if name not in skipped]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-executors-") as folder:
        for name in chosen:
            # The lake's files name no folder, so that a workspace made once could be copied; the models' database does, so it is made anew.
            place = Path(folder) / str(len(found)) / "workspace"
            place.mkdir(parents=True)
            _made(place, size)
            found[name] = _measured(place.parent, place, EXECUTORS[name])
    return {
        "figures": {
            "instruments": size.instruments, "years": size.years, "models": MODELS, "folds": FOLDS, "skipped": skipped,
            "by_executor": found, "law": _law(found),
        },
        "reach": {},
    }  # fmt: skip


def _made(place: Path, size: made.Size) -> None:
    made.make(place, size)
    for number in range(MODELS):
        text = MODEL.format(rounds=ROUNDS + number, train=size.train_sessions, test=size.test_sessions, folds=FOLDS)
        (place / "models" / f"many_{number}.yaml").write_text(text, encoding="utf-8")
    day = made.sessions_of(size)[-2]
    house = night.house_of(place, day)
    made.fill(house.lake, size)
    night.prepared_by(house, str(day))
    house.close()


def _measured(folder: Path, place: Path, executor: AirflowConfig) -> dict[str, Any]:
    with Airflow(folder / "airflow", environment=night.environment_of(place), executor=executor, is_durable=False) as airflow:
        airflow.wait_until_healthy()
        started_s = airflow.phases["healthy"]
        ended = night.followed(airflow)
        trained_s, tasks = trained(airflow, [f"many_{number}" for number in range(MODELS)], made.LAST)
    house = night.house_of(place, made.LAST)
    night.check(house)
    house.close()
    spent = sum(task.seconds for task in tasks if task.seconds is not None)
    return {
        "healthy_s": started_s, "night_s": max(ended.values()), "night_ended_after_s": ended, "training_s": trained_s,
        "training_tasks": len(tasks), "training_inside_tasks_s": round(spent, 1),
        "slots": executor.slots, "slot_seconds_a_task_beside_it": round((trained_s * executor.slots - spent) / len(tasks), 2),
        "processes_left": len(airflow.processes_left()),
    }  # fmt: skip


def trained(airflow: Airflow, models: Sequence[str], day: date, wait_s: float = WAIT_S_MAX) -> tuple[float, list[TaskState]]:
    """Train the models of those names side by side; seconds from the first trigger to the last end, and the tasks that ran."""
    begun = time.perf_counter()
    conf = {"partition": str(day), "params": {"ask": False}}
    runs = [(f"train_{name}", airflow.trigger(f"train_{name}", conf)) for name in models]
    waiting = list(runs)
    while waiting:
        for dag_id, run_id in list(waiting):
            state = airflow.run(dag_id, run_id).state
            if state == "failed":
                raise RuntimeError(f"{dag_id} failed under Airflow")
            if state == "success":
                waiting.remove((dag_id, run_id))
        if time.perf_counter() - begun > wait_s:
            raise RuntimeError(f"training has not ended after {wait_s:g} s: {waiting}")
        time.sleep(POLL_S)
    taken = round(time.perf_counter() - begun, 1)
    return taken, [task for dag_id, run_id in runs for task in airflow.tasks(dag_id, run_id) if task.state == "success"]


def _law(found: dict[str, Any]) -> dict[str, float]:
    one, two, local = (found.get(name) for name in ("celery, 1 worker", "celery, 2 workers", "local, 2 slots"))
    law: dict[str, float] = {}
    if one and two:
        law |= {f"{part}_one_over_two_workers": round(one[f"{part}_s"] / two[f"{part}_s"], 2) for part in ("night", "training")}
    if local and two:
        law |= {f"{part}_two_workers_over_local": round(two[f"{part}_s"] / local[f"{part}_s"], 2) for part in ("night", "training")}
    return law


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
