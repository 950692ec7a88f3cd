"""Where tasks run: what is refused before anything starts, and what Airflow and our own broker are told."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tradewinds.app import airflow_executor
from tradewinds.app.airflow_executor import checked, settings, slots_each, stand_broker
from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AirflowConfig
from tradewinds.wiring.settings import load_config

CELERY = AirflowConfig(executor="celery")
VERSIONS = {"celery": "5.6.3", "apache-airflow-providers-celery": "3.26.0", "redis": "6.4.0"}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What seems to be installed; a test takes away or changes."""
    versions = dict(VERSIONS)

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(airflow_executor, "version", version)
    monkeypatch.setattr(airflow_executor.shutil, "which", lambda name: f"/usr/bin/{name}")
    return versions


def test_four_tasks_at_once_in_the_scheduler_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "tradewinds.yaml").write_text("airflow: {executor: celery, slots: 6, celery_workers: 3}")

    plain = load_config(None, {"TRADEWINDS_HOME": str(tmp_path)}).airflow
    told = load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_AIRFLOW__BROKER_URL": "redis://:secret@cache:6379/0"}).airflow

    assert (plain.executor, plain.slots) == ("local", 4)
    assert (told.executor, told.slots, told.celery_workers, told.broker_url) == ("celery", 6, 3, "redis://:secret@cache:6379/0")
    assert "secret" not in repr(told)
    with pytest.raises(Rejected, match=r"airflow\.executor"):
        load_config(None, {"TRADEWINDS_AIRFLOW__EXECUTOR": "kubernetes"})


@pytest.mark.parametrize("absent", sorted(VERSIONS))
def test_celery_without_its_extra_is_refused_with_the_command_that_installs_it(installed: dict[str, str], absent: str) -> None:
    del installed[absent]

    with pytest.raises(Rejected, match=rf"executor celery without the package {absent}, .*pip install 'tradewinds\[celery\]'"):
        checked(CELERY)


def test_a_celery_that_airflows_provider_cannot_work_with_is_refused(installed: dict[str, str]) -> None:
    installed["celery"] = "5.7.0"

    with pytest.raises(Rejected, match=r"celery 5\.7\.0, expected one below 5\.7"):
        checked(CELERY)


def test_celery_without_a_redis_is_refused_unless_one_is_named(installed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_executor.shutil, "which", lambda name: None)
    named = AirflowConfig(executor="celery", broker_url="redis://cache:6379/0")

    assert checked(named) is named
    with pytest.raises(Rejected, match="without `redis-server` on PATH"):
        checked(CELERY)


@pytest.mark.parametrize("config", [AirflowConfig(slots=0), AirflowConfig(executor="celery", celery_workers=0)])
def test_no_slot_and_no_worker_are_refused(config: AirflowConfig) -> None:
    with pytest.raises(Rejected, match="expected at least 1 of each"):
        checked(config)


def test_workers_share_the_slots_and_take_one_task_at_a_time() -> None:
    config = AirflowConfig(executor="celery", slots=5, celery_workers=2)

    told = settings(config, "redis://127.0.0.1:7000/0")

    assert slots_each(config) == 3
    assert told["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert told["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "3"
    assert told["AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER"] == "1"


def test_our_own_broker_hears_the_loopback_alone_and_its_password_is_its_owners(tmp_path: Path) -> None:
    place, url = stand_broker(tmp_path, 7001, "a-password")

    assert url == "redis://:a-password@127.0.0.1:7001/0"
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert {"bind 127.0.0.1", "port 7001", "requirepass a-password", "appendonly yes"} <= set(place.read_text().splitlines())
