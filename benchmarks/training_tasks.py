"""2,000 features and 10 models as tasks of a real Airflow: what `training` measures in one process, here through the DAGs that people run.

1. Two books over the same bars with 1,000 and 2,000 features; a ridge and a LightGBM model learn from each, and eight more from the larger.
   Features of every session are computed beforehand by their job; their seconds by size are part of the law.
2. Under the scheduler's own processes: the two models of each size, one size after the other, then all ten models of the larger at once:
   each a DAG with a task that plans, one a fold, and one that learns from all and registers.
3. On two Celery workers: the ten models at once.
4. The law: exponents of the seconds inside tasks in the number of features, of the time in all in the number of models, and what a task
   costs beside the seconds inside it.

Executors have two slots each. Rows of different executors were taken one after the other: on a busy machine their seconds do not compare.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import executors, night
from benchmarks import night_house as made
from benchmarks.training import ROUNDS, exponent, expressions
from tradewinds.app.airflow_client import TaskState
from tradewinds.app.airflow_process import Airflow
from tradewinds.jobs.config import AirflowConfig
from tradewinds.wiring.house import run_job

BOOK = """\
  us{count}:
    calendar: XNYS
    since: {since}
    instruments: [{names}]
    features:
{features}
"""
LEARNERS = {"ridge": "{kind: ridge}", "trees": f"{{kind: lightgbm, params: {{rounds: {ROUNDS}, num_threads: 1}}}}"}
FOLDS = 2
WAIT_S_MAX = 2_400.0
WHOLE_FEATURES, WHOLE_MODELS = 20_000, 100


@dataclass(frozen=True, slots=True)
class Part:
    """How much of it: features of the largest book, models that learn from it, the house."""

    features: int
    models: int
    size: made.Size

    @property
    def books(self) -> list[int]:
        """Features of each book, the largest last."""
        return [self.features // 2, self.features]

    @property
    def largest(self) -> list[str]:
        """The models of the largest book."""
        return [f"{_kind(number)}_{self.features}_{number}" for number in range(self.models)]


FULL = Part(2_000, 10, made.Size(instruments=50, years=1, train_sessions=60, test_sessions=20))
QUICK = Part(40, 4, made.Size(instruments=20, years=1, train_sessions=60, test_sessions=20))
MODELS_FEW = 2


def run(quick: bool = False) -> dict[str, Any]:
    """Figures and the law; there is no reach to meet."""
    part = QUICK if quick else FULL
    has_celery = shutil.which("redis-server") is not None and not quick
    with tempfile.TemporaryDirectory(prefix="bench-training-tasks-") as folder:
        place = Path(folder) / "workspace"
        _make(place, part)
        computed = _features(place, part)
        local = _local(Path(folder) / "airflow", place, part)
        celery = _celery(Path(folder) / "celery", place, part) if has_celery else None
    return {
        "figures": {
            "features": part.features, "models": part.models, "instruments": part.size.instruments, "folds": FOLDS,
            "sessions": len(made.sessions_of(part.size)), "load": os.getloadavg(), "features_of_all_sessions_s": computed,
            "local, 2 slots": local, "celery, 2 workers": celery or "no redis-server on PATH",
            "law": _law(part, computed, local),
        },
        "reach": {},
    }  # fmt: skip


def _make(place: Path, part: Part) -> None:
    (place / "models").mkdir(parents=True)
    names = ", ".join(made.names_of(part.size))
    since = made.LAST.replace(year=made.LAST.year - part.size.years)
    books = ""
    for count in part.books:
        features = "\n".join(f"      f{number}: {text!r}" for number, text in enumerate(expressions(count)))
        books += BOOK.format(count=count, since=since, names=names, features=features)
    (place / "tradewinds.yaml").write_text(f"research:\n{books}schedules: {{}}\n", encoding="utf-8")
    models = {f"{_kind(number)}_{count}_{number}": count for count in part.books[:-1] for number in range(MODELS_FEW)}
    for name, count in (models | dict.fromkeys(part.largest, part.features)).items():
        text = made.MODEL.format(learner=LEARNERS[name.partition("_")[0]], train=part.size.train_sessions, test=part.size.test_sessions)
        (place / "models" / f"{name}.yaml").write_text(text.replace("research: us", f"research: us{count}"), encoding="utf-8")


def _kind(number: int) -> str:
    return "ridge" if number % 2 else "trees"


def _features(place: Path, part: Part) -> dict[str, float]:
    """Fill the lake, and compute the features of every session before the last: seconds by their number."""
    days = made.sessions_of(part.size)
    house = night.house_of(place, days[-2])
    made.fill(house.lake, part.size)
    taken = {}
    for count in part.books:
        begun = time.perf_counter()
        run_job("research.features", str(days[-2]), {"research": f"us{count}"}, house=house)
        taken[str(count)] = round(time.perf_counter() - begun, 2)
    house.close()
    return taken


def _local(folder: Path, place: Path, part: Part) -> dict[str, Any]:
    with Airflow(folder, environment=night.environment_of(place), executor=AirflowConfig(slots=2), is_durable=False) as airflow:
        airflow.wait_until_healthy()
        by_features: dict[str, dict[str, Any]] = {}
        for count in part.books:
            few = [f"{_kind(number)}_{count}_{number}" for number in range(MODELS_FEW)]
            by_features[str(count)] = _trained(airflow, few, part, -2)
        return {
            "two_models_by_features": by_features,
            "all_models": _trained(airflow, part.largest, part, -3), "processes_left": len(airflow.processes_left()),
        }  # fmt: skip


def _celery(folder: Path, place: Path, part: Part) -> dict[str, Any]:
    executor = AirflowConfig(executor="celery", slots=2, celery_workers=2)
    with Airflow(folder, environment=night.environment_of(place), executor=executor, is_durable=False) as airflow:
        airflow.wait_until_healthy()
        return {"all_models": _trained(airflow, part.largest, part, -4)}


def _trained(airflow: Airflow, models: Sequence[str], part: Part, session: int) -> dict[str, Any]:
    """session: each time another one, so that what is published is new."""
    day = made.sessions_of(part.size)[session]
    taken, tasks = executors.trained(airflow, models, day, WAIT_S_MAX)
    spent = sum(_inside(tasks).values())
    found: dict[str, Any] = {
        "seconds": taken, "tasks": len(tasks), "inside_tasks_s": round(spent, 1), "inside_by_task_s": _inside(tasks),
        "slot_seconds_a_task_beside_it": round((taken * 2 - spent) / len(tasks), 2), "load": os.getloadavg()[0],
    }  # fmt: skip
    print(f"{len(models)} models of {models[0].split('_')[1]} features: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def _inside(tasks: Sequence[TaskState]) -> dict[str, float]:
    """Seconds inside tasks, by their name."""
    found: dict[str, float] = {}
    for task in tasks:
        found[task.name] = round(found.get(task.name, 0.0) + (task.seconds or 0.0), 2)
    return found


def _law(part: Part, computed: Mapping[str, float], local: Mapping[str, Any]) -> dict[str, Any]:
    few, every = local["two_models_by_features"], local["all_models"]
    inside = {int(count): found["inside_tasks_s"] for count, found in few.items()}
    in_features = exponent(inside)
    more_models = math.log(every["seconds"] / few[str(part.features)]["seconds"]) / math.log(part.models / MODELS_FEW)
    folded = WHOLE_MODELS / part.models * every["inside_tasks_s"] * (WHOLE_FEATURES / part.features) ** in_features
    beside = WHOLE_MODELS / part.models * every["tasks"] * every["slot_seconds_a_task_beside_it"]
    return {
        "exponent_in_features_of_seconds_inside_tasks": in_features,
        "exponent_in_features_of_computing_them": exponent({int(count): taken for count, taken in computed.items()}),
        "exponent_in_models_of_time_in_all": round(more_models, 2),
        "slot_seconds_a_task_beside_it": every["slot_seconds_a_task_beside_it"],
        "whole_slot_hours_inside_tasks": round(folded / 3_600, 1), "whole_slot_hours_beside_them": round(beside / 3_600, 2),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
