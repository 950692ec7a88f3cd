"""Training whose fits run on Ray: the same rows, the same model, bit for bit, as in the process of the job."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import DataFault, Invariant, Rejected, Transient
from tradewinds.jobs.research_config import EngineConfig
from tradewinds.jobs.train_fit import engine_of, fit
from tradewinds.models.learner import files_hash
from tradewinds.models.sample import Sample
from tradewinds.simulation.sweep import Failure
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.training import fits, opened, told

MakeHouse = Callable[..., House]

NIGHT = "2024-01-03"
MORNING = "2024-01-04T06:00:00Z"
RIDGE = {"kind": "ridge"}
TREES = {"kind": "lightgbm", "params": {"rounds": 5}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of Ray on the loopback with two cores, found by what asks for one of its own."""
    change = pytest.MonkeyPatch()
    change.setenv("RAY_USAGE_STATS_ENABLED", "0")
    change.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = pytest.importorskip("ray", reason="Ray is absent: tradewinds[ray]")
    ray.init(address="local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()
    change.undo()


@pytest.fixture
def sample() -> Sample:
    """2,000 rows of 200 features: enough for linear algebra to share its sums among threads, which changes their last bits."""
    draw = np.random.default_rng(3)
    times = np.repeat(np.arange(100) * 10**9, 20)
    return Sample(
        tuple(f"f{number}" for number in range(200)), tuple(f"S{number}" for number in range(20)), times, np.tile(np.arange(20), 100),
        draw.normal(size=(2_000, 200)), draw.normal(size=2_000), times + 1, times + 3 * 10**9, np.ones(2_000),
    )  # fmt: skip


@pytest.mark.ray
@pytest.mark.parametrize("learner", [RIDGE, TREES])
def test_a_fit_on_ray_gives_the_bytes_of_a_fit_here(cluster: None, sample: Sample, learner: dict[str, Any]) -> None:
    halves = [np.arange(1_000), np.arange(1_000, 2_000)]

    there = dict(fits(EngineConfig(kind="ray", workers=2), learner, sample, halves))

    assert {number: files_hash(files) for number, files in there.items()} == {
        number: files_hash(fit(learner, sample, rows)) for number, rows in enumerate(halves)
    }
    assert files_hash(there[0]) != files_hash(there[1])


@pytest.mark.ray
def test_what_a_fit_raises_on_ray_is_raised_here(cluster: None, sample: Sample) -> None:
    with pytest.raises(DataFault, match="ridge: 0 rows"):
        list(fits(EngineConfig(kind="ray", workers=1), RIDGE, sample, [np.arange(0)]))


@pytest.mark.ray
def test_a_model_trained_on_ray_is_the_one_trained_by_the_worker(
    cluster: None, trained: House, make_house: MakeHouse, book_yaml: str, tmp_path: Path
) -> None:
    before = trained.models.resolve("models:/trend@champion")
    on_ray = make_house(f"{book_yaml}\nengine: {{kind: ray, workers: 2}}\n", now=MORNING)

    (shard,) = run_job("train.plan", NIGHT, house=on_ray)["detail"]["shards"]
    folds = run_job("train.fold", NIGHT, shard["params"], house=on_ray)
    again = run_job("train.run", NIGHT, house=on_ray)

    assert shard == {"label": "folds 0 to 2", "params": {"model": "trend", "folds": [0, 1, 2]}}
    assert (folds["state"], folds["rows_published"], folds["rows_restated"]) == ("nothing", 0, 0)  # the worker foretold the same
    assert again["detail"]["sha256"] == before.sha256


def test_what_a_worker_opens_answers_with_the_files_of_each_training(sample: Sample) -> None:
    run = opened({"learner": RIDGE, "sample": sample, "trainings": [np.arange(1_000)]})

    assert list(run(0)) == ["model.json"]
    assert run(0) == run(0)


def test_a_model_may_have_an_engine_of_its_own(make_house: MakeHouse, book_yaml: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "here.yaml").write_text("{research: us, engine: {kind: worker}}")
    (tmp_path / "models" / "there.yaml").write_text("{research: us}")
    house = make_house(f"{book_yaml}\nengine: {{kind: ray, address: 'ray://head:10001'}}\n", now=MORNING)
    context = house.context("test", "")

    assert engine_of(context, house.config.models["here"]).kind == "worker"
    assert engine_of(context, house.config.models["there"]).address == "ray://head:10001"


def test_without_ray_the_package_to_install_is_named(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Rejected, match=r"engine ray: Ray is not installed, expected pip install \"tradewinds\[ray\]\""):
        list(fits(EngineConfig(kind="ray"), RIDGE, sample, [np.arange(10)]))


@pytest.mark.parametrize(
    ("kind", "expected"), [("DataFault", DataFault), ("Rejected", Rejected), ("WorkerLost", Transient), ("ZeroDivisionError", Invariant)]
)
def test_a_failure_of_a_worker_is_the_error_that_says_what_to_do_next(kind: str, expected: type[Exception]) -> None:
    assert type(told(Failure(kind, "something"))) is expected
