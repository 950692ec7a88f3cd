"""Training on Ray from the DAGs of a real Airflow: one mapped task hands all folds to a cluster of its own; the model is the worker's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tradewinds.app.airflow_process import Airflow
from tradewinds.wiring.house import House

pytestmark = [pytest.mark.airflow, pytest.mark.ray, pytest.mark.timeout(600)]

BEFORE = "2024-01-02"
QUIETLY = {"partition": BEFORE, "params": {"ask": False}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything."""
    return tmp_path_factory.mktemp("on-ray")


@pytest.fixture(scope="module")
def airflow(place: Path, research_workspace: Callable[[Path], dict[str, str]]) -> Iterator[Airflow]:
    """An Airflow over two models that learn the same: `trend` in the task's process, `far` on Ray."""
    if find_spec("ray") is None:  # imported here, it would listen beyond the loopback in the engines' own tests
        pytest.skip("Ray is absent: tradewinds[ray]")
    environment = research_workspace(place)
    words = (place / "models" / "trend.yaml").read_text().removesuffix("}")
    (place / "models" / "far.yaml").write_text(f"{words}, engine: {{kind: ray, workers: 2}}}}")
    with Airflow(place / "airflow", environment=environment, is_durable=False) as started:
        yield started
    assert started.processes_left() == []


def test_the_mapped_task_hands_its_folds_to_ray_and_the_model_is_the_workers(
    airflow: Airflow, place: Path, house_at: Callable[[Path], House]
) -> None:
    runs = {name: airflow.trigger(f"train_{name}", QUIETLY) for name in ("trend", "far")}
    states = {name: airflow.wait(f"train_{name}", run_id, timeout_s=480).state for name, run_id in runs.items()}

    folds = {
        name: sorted(task.label for task in airflow.tasks(f"train_{name}", run_id) if task.name == "out_of_sample.fold")
        for name, run_id in runs.items()
    }
    models = house_at(place).models
    assert states == {"trend": "success", "far": "success"}
    assert folds == {"trend": ["fold 0", "fold 1", "fold 2"], "far": ["folds 0 to 2"]}
    assert models.resolve("models:/far@challenger").sha256 == models.resolve("models:/trend@challenger").sha256
