"""The same night on two Celery workers and a Redis, all started by us: same tables, nothing left running."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import polars as pl
import psutil
import pytest

from tradewinds.app.airflow_folder import find, keys, read_state
from tradewinds.app.airflow_process import Airflow
from tradewinds.core.errors import Transient
from tradewinds.jobs.config import AirflowConfig
from tradewinds.jobs.research_tables import signals_table
from tradewinds.wiring.house import House, run_job

pytest.importorskip("celery", reason="the celery extra is not installed")
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="NO redis-server on PATH: Celery workers are not tested here"),
]

NIGHT = str(date(2024, 1, 3))
STEPS = ("features", "risk_model", "predict", "signals", "report")
MARKET = {"market": "XNYS"}
PUBLICATION = (("plan", MARKET), ("capture", MARKET | {"vendor": "made"}), ("quality", MARKET | {"vendor": "made"}), ("reconcile", MARKET))
BESIDE = ("broker", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything."""
    return tmp_path_factory.mktemp("celery")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, research_workspace: Callable[[Path], dict[str, str]]) -> Path:
    """A workspace of the same content whose night ran in this process, without Airflow."""
    folder = tmp_path_factory.mktemp("alone")
    research_workspace(folder)
    return folder


@pytest.fixture(scope="module")
def airflow(place: Path, research_workspace: Callable[[Path], dict[str, str]]) -> Iterator[Airflow]:
    """The one Airflow of this file: two workers of one slot each."""
    environment = research_workspace(place)
    executor = AirflowConfig(executor="celery", celery_workers=2, slots=2)
    with Airflow(place / "airflow", environment=environment, executor=executor, is_durable=False) as started:
        started.wait_until_healthy()
        yield started
    assert started.processes_left() == []


def _until(is_so: Callable[[], bool]) -> None:
    """Waits for another process; the test's own time limit ends it."""
    pause = threading.Event()
    while not is_so():
        pause.wait(0.1)


def _has_reported(airflow: Airflow) -> bool:
    found = {step: [run.state for run in airflow.runs(f"{step}_us")] for step in STEPS}
    assert not any("failed" in states for states in found.values()), found
    return found["report"] == ["success"]


def _signals(house: House) -> pl.DataFrame:
    rows = house.lake.read(signals_table("us"), as_of_ns=house.clock.now_ns())
    return rows.drop("captured_ns").sort("instrument", "start_ns")


def test_broker_and_workers_stand_in_the_health_of_the_platform(airflow: Airflow) -> None:
    client = find(airflow.folder)
    assert client is not None
    with client:
        health, unhealthy = client.health(), client.unhealthy()

    assert {name: health[name] for name in BESIDE} == dict.fromkeys(BESIDE, "healthy")
    assert unhealthy == []


def test_the_same_night_on_two_workers_publishes_the_same_rows(
    airflow: Airflow, place: Path, alone: Path, house_at: Callable[[Path], House]
) -> None:
    published = airflow.wait("equities_nightly_xnys", airflow.trigger("equities_nightly_xnys", {"partition": NIGHT}), timeout_s=120)
    _until(lambda: _has_reported(airflow))
    house = house_at(alone)
    for step, params in (*PUBLICATION, ("publish", MARKET)):
        run_job(f"equities.{step}", NIGHT, params, house=house)
    for step in STEPS:
        run_job(f"research.{step}", NIGHT, house=house)

    states = {step: [(run.state, run.kind) for run in airflow.runs(f"{step}_us")] for step in STEPS}
    logs = [(place / "airflow" / "logs" / f"worker-{number}.log").read_text() for number in (1, 2)]
    assert published.state == "success", airflow.tasks("equities_nightly_xnys", published.run_id)
    assert list(states.values()) == [[("success", "asset_triggered")]] * len(STEPS)
    assert all(log.count("Executing workload in Celery") > 0 for log in logs)
    assert _signals(house_at(place)).height == 12
    assert _signals(house_at(place)).equals(_signals(house))


def test_the_broker_hears_nobody_from_outside_and_nobody_without_its_password(airflow: Airflow) -> None:
    state = read_state(airflow.folder)
    assert state is not None
    port = int(state.broker_url.rpartition(":")[2].partition("/")[0])

    heard = {one.laddr.ip for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.laddr.port == port}
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(b"KEYS *\r\n")
        answer = line.recv(100)

    password = keys(airflow.folder)["broker"].encode()
    told = [file for file in (airflow.folder / "logs").rglob("*.log") if password in file.read_bytes()]
    shown = [process.pid for process in psutil.process_iter(["cmdline"]) if password.decode() in " ".join(process.info["cmdline"] or [])]
    assert heard == {"127.0.0.1"}
    assert answer.startswith(b"-NOAUTH")
    assert (airflow.folder / "airflow.json").stat().st_mode & 0o777 == 0o600
    assert (told, shown) == ([], [])


@pytest.mark.parametrize("victim", ["worker-1", "broker"])
def test_a_worker_or_a_broker_that_is_killed_comes_back_and_tasks_run_again(airflow: Airflow, victim: str) -> None:
    def pid() -> int:
        state = read_state(airflow.folder)
        assert state is not None
        return state.components[victim]

    killed = pid()

    os.kill(killed, signal.SIGKILL)
    _until(lambda: pid() != killed)
    airflow.wait_until_healthy()
    run = airflow.wait("features_us", airflow.trigger("features_us", {"partition": NIGHT}), timeout_s=120)

    assert run.state == "success", airflow.tasks("features_us", run.run_id)


def test_workers_over_metadata_in_sqlite_are_refused_in_words(tmp_path: Path) -> None:
    asked = Airflow(
        tmp_path / "airflow", database=f"sqlite:///{tmp_path}/airflow.db", executor=AirflowConfig(executor="celery"), preload=()
    )

    with asked, pytest.raises(Transient, match="executor celery with metadata in SQLite, expected PostgreSQL"):
        asked.wait_until_healthy()
    assert asked.processes_left() == []
