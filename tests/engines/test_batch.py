"""What is particular to AWS Batch: shares, retries, cancelling, and what its refusals become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.engines.parcel import Parcel
from tradewinds.simulation.sweep import Task
from tradewinds.simulation.sweep_work import SweepWork
from tradewinds.wiring.sweep import engine_of, packed_work


@pytest.fixture
def parcel(work: SweepWork, strategy_file: Path, tmp_path: Path) -> Parcel:
    return packed_work(work, strategy_file, tmp_path / "parcel")


def _tasks(*fasts: int) -> list[Task]:
    return [Task(number, {"fold": 0, "proposals": [[number, {"fast": fast, "slow": 20}]]}) for number, fast in enumerate(fasts)]


def test_an_array_job_has_an_index_per_share_and_the_documented_command(cloud: Any, parcel: Parcel) -> None:
    with cloud.engine(parcel) as engine:
        outcomes = list(engine.map(_tasks(2, 3, 5)))

    assert [job["arrayProperties"] for job in cloud.submitted] == [{"size": 2}]
    assert cloud.submitted[0]["containerOverrides"]["command"][:4] == ["python", "-m", "tradewinds.engines.worker", "array"]
    assert sorted(outcome.number for outcome in outcomes) == [0, 1, 2]


def test_an_index_that_was_lost_is_submitted_again_alone(cloud: Any, parcel: Parcel) -> None:
    cloud.lost = {1: 1}

    with cloud.engine(parcel) as engine:
        outcomes = list(engine.map(_tasks(2, 3, 5)))

    assert [job.get("arrayProperties") for job in cloud.submitted] == [{"size": 2}, None]
    assert {outcome.number: outcome.failure for outcome in outcomes} == {0: None, 1: None, 2: None}


def test_an_index_that_is_lost_three_times_fails_and_the_others_stand(cloud: Any, parcel: Parcel) -> None:
    cloud.lost = {0: 99}

    with cloud.engine(parcel) as engine:
        outcomes = {outcome.number: outcome for outcome in engine.map(_tasks(2, 3))}

    assert len(cloud.submitted) == 3
    assert outcomes[0].failure is not None
    assert outcomes[0].failure.kind == "WorkerLost"
    assert "ended 3 times" in outcomes[0].failure.message
    assert outcomes[1].failure is None


def test_leaving_the_sweep_cancels_the_job_that_runs(cloud: Any, parcel: Parcel) -> None:
    cloud.runs_containers = False

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with cloud.engine(parcel, pause=interrupted) as engine, pytest.raises(KeyboardInterrupt):
        list(engine.map(_tasks(2, 3)))

    assert len(cloud.terminated) == 1


def test_a_queue_that_is_not_there_is_a_refusal_that_names_it(cloud: Any, parcel: Parcel) -> None:
    with cloud.engine(parcel, queue="nowhere") as engine, pytest.raises(Rejected, match="submitting a job in queue nowhere"):
        list(engine.map(_tasks(2)))


def test_a_place_that_is_no_bucket_is_refused(work: SweepWork, strategy_file: Path, tmp_path: Path) -> None:
    options = {"place": "/tmp/here", "queue": "q", "definition": "d"}

    with pytest.raises(Rejected, match="expected s3://BUCKET/PREFIX"):
        engine_of("batch", work, strategy_file, tmp_path / "parcel", options=options)


def test_an_engine_on_batch_names_the_option_that_is_missing(work: SweepWork, strategy_file: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="engine batch without its queue"):
        engine_of("batch", work, strategy_file, tmp_path / "parcel", options={"place": "s3://bucket/sweeps"})
