"""Ray where a cluster has less room than was asked for, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from tradewinds.core.errors import Transient
from tradewinds.engines.ray import RayEngine
from tradewinds.simulation.sweep import Task
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.sweep import packed_work

pytestmark = pytest.mark.ray


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster on the loopback that somebody else started, with room for one worker."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = pytest.importorskip("ray", reason="Ray is absent: tradewinds[ray]")
    ray.init(address="local", num_cpus=1, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


def test_one_worker_does_everything_where_there_is_no_room_for_the_other(
    one_core: None, work: SweepWork, strategy_file: Path, tmp_path: Path
) -> None:
    tasks = [Task(number, {"fold": 0, "proposals": [[number, {"fast": 2 + number, "slow": 20}]]}) for number in range(4)]

    with RayEngine(packed_work(work, strategy_file, tmp_path / "parcel"), 2) as engine:
        outcomes = {outcome.number: outcome.failure for outcome in engine.map(tasks)}

    assert outcomes == dict.fromkeys(range(4))


def test_an_address_at_which_nobody_listens_is_an_error_of_ours_at_once(work: SweepWork, strategy_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is absent: tradewinds[ray]")
    with (
        RayEngine(packed_work(work, strategy_file, tmp_path / "parcel"), 1, address="127.0.0.1:9") as engine,
        pytest.raises(Transient, match=r"engine ray: no cluster \(ConnectionRefusedError: .*\), expected one that answers at 127.0.0.1:9"),
    ):
        list(engine.map([Task(0, {})]))


def test_a_cluster_that_fails_while_it_begins_leaves_no_process(
    work: SweepWork, strategy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = pytest.importorskip("ray", reason="Ray is absent: tradewinds[ray]")
    begins = ray.init

    def dies(**settings: Any) -> None:
        begins(**settings)
        assert any("gcs_server" in " ".join(one.cmdline()) for one in psutil.Process().children(recursive=True))
        raise RuntimeError("the node died")

    monkeypatch.setattr(ray, "init", dies)
    with (
        RayEngine(packed_work(work, strategy_file, tmp_path / "parcel"), 1) as engine,
        pytest.raises(Transient, match="RuntimeError: the node died"),
    ):
        list(engine.map([Task(0, {})]))

    assert not ray.is_initialized()
    assert [words for one in psutil.Process().children(recursive=True) if "ray" in (words := " ".join(one.cmdline()))] == []
