"""A worker that ends under its task, by a crash of compiled code or for want of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewinds.engines.child import ChildWork
from tradewinds.engines.local import LocalEngine
from tradewinds.engines.ray import RayEngine
from tradewinds.simulation.search import Grid, space_of
from tradewinds.simulation.sweep import Task, trials
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.sweep import packed_work


@pytest.mark.parametrize("kind", ["processes", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_worker_that_dies_takes_its_configuration_along_and_no_other(
    kind: str, work: SweepWork, strategy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWINDS_TEST_CRASH", "1")
    parcel = packed_work(work, strategy_file, tmp_path / "parcel")
    with LocalEngine(ChildWork(parcel.folder), 2) if kind == "processes" else RayEngine(parcel, 2) as engine:
        grid = Grid(space_of(work.strategy, {"fast": range(12, 18), "slow": (20,)}))
        found = {trial.parameters["fast"]: trial for trial in trials(grid, engine, block=6)}

    failed = {fast: trial.failure.kind for fast, trial in found.items() if trial.failure is not None}
    assert failed == {13: "Rejected", 14: "Rejected", 15: "WorkerLost"}
    assert found[17].figures is not None


@pytest.mark.ray
def test_a_cluster_of_our_own_listens_on_the_loopback_only_and_ends_with_the_engine(
    work: SweepWork, strategy_file: Path, tmp_path: Path
) -> None:
    task = Task(0, {"fold": 0, "proposals": [[0, {"fast": 2, "slow": 20}]]})
    with RayEngine(packed_work(work, strategy_file, tmp_path / "parcel"), 1) as engine:
        outcomes = list(engine.map([task]))
        import ray  # after the engine, which says where it listens before it is imported

        addresses = {node["NodeManagerAddress"] for node in ray.nodes()}

    assert outcomes[0].failure is None
    assert addresses == {"127.0.0.1"}
    assert not ray.is_initialized()
