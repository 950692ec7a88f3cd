"""A real Airflow on this machine: start it, ask it, stop it, and leave nothing running.

`Airflow(folder)` owns one folder: its configuration, secrets (mode 0600), logs, and the metadata database, an embedded PostgreSQL or,
where that cannot run, SQLite. The components run below one launcher process (`tradewinds.airflow.launcher`), which ends them when this
process ends, however it ends. `airflow_client` asks a running Airflow; `airflow_folder` finds the one that another process started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tradewinds.app.airflow_client import Client, Run, TaskState
from tradewinds.app.airflow_executor import checked, slots_each, stand_broker, worker_name
from tradewinds.app.airflow_executor import settings as executor_settings
from tradewinds.app.airflow_folder import DAGS, STOP_S_MAX, State, address, clear, client_of, keys, settings
from tradewinds.core.errors import Rejected, Transient
from tradewinds.jobs.config import AirflowConfig

START_S_MAX = 120.0
GRACE_S = 6.0
POLL_S = 0.1
_STORES = ("tradewinds.wiring.house", "tradewinds.stores.lake", "tradewinds.stores.raw", "tradewinds.stores.ledger", "tradewinds.wire.http")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Which database holds Airflow's metadata, and why that one."""

    kind: str
    why: str


class Airflow:
    """One Airflow in one folder. Nothing starts before `start`; as a context manager it starts and stops."""

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        dags: Sequence[Path] = (DAGS,),
        database: str | None = None,
        port: int | None = None,
        executor: AirflowConfig | None = None,
        preload: Sequence[str] | None = None,
        is_durable: bool = True,
        is_detached: bool = False,
    ) -> None:
        """environment: added to ours for every component and task. database: an address instead of the embedded one.
        executor: where tasks run and how many at once; None means in four processes of the scheduler.
        preload: modules that tasks need, imported once before the components fork; None means jobs, stores and vendors.
        is_durable: whether the embedded database waits for the disk; a demonstration need not.
        is_detached: whether it outlives this process, until `airflow_folder.stop` or a signal ends it.
        """
        self.folder = folder.absolute()
        self.phases: dict[str, float] = {}
        self.metadata: Metadata | None = None
        self._environment = dict(environment or {})
        self._dags = tuple(dags)
        self._database = database
        self._port = port
        self._executor = executor or AirflowConfig()
        self._preload = preload
        self._is_durable = is_durable
        self._is_detached = is_detached
        self._launcher: subprocess.Popen[str] | None = None
        self._client: Client | None = None
        self._begun = 0.0
        self._state: State | None = None
        self._trouble: list[str] = []
        self._has_stopped = threading.Event()

    def __enter__(self) -> Airflow:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of its pages and its REST interface."""
        return address(self._port or 0)

    @property
    def password(self) -> str:
        """The password of the user `admin`."""
        return keys(self.folder)["password"]

    @property
    def client(self) -> Client:
        """Its REST interface; raises Rejected before `start`."""
        if self._client is None:
            raise Rejected(f"airflow in {self.folder}: not started, expected start() before the first question")
        return self._client

    def start(self) -> None:
        """Starts the launcher and returns at once; `trigger` and `wait_until_healthy` wait for what they need.

        Raises Rejected where what the executor needs is not here.
        """
        is_celery = checked(self._executor).executor == "celery"
        clear(self.folder)
        self._begun = time.monotonic()
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self._port = self._port or _free_port()
        execution_port = _free_port()
        broker, broker_url = self._broker() if is_celery else (None, "")
        order = {
            "folder": str(self.folder),
            "port": self._port,
            "execution_port": execution_port,
            "grace_s": GRACE_S,
            "is_attached": not self._is_detached,
            "database": self._database,
            "is_durable": self._is_durable,
            "preload": list(_preload() if self._preload is None else self._preload),
            "broker": None if broker is None else str(broker),
            "workers": [worker_name(number + 1) for number in range(self._executor.celery_workers)] if is_celery else [],
            "worker_slots": slots_each(self._executor),
        }
        environment = {
            **os.environ,
            **settings(self.folder, self._port, execution_port, self._dags, self._executor.slots),
            **(executor_settings(self._executor, broker_url) if is_celery else {}),
            **self._environment,
            "TRADEWINDS_AIRFLOW_ORDER": json.dumps(order),
        }
        with (self.folder / "logs" / "launcher.log").open("ab") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "tradewinds.airflow.launcher"],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._state = State(self._launcher.pid, self._port)
        if is_celery:
            self._state.workers, self._state.broker_url = self._executor.celery_workers, broker_url
        self._client = client_of(self.folder, self._state)
        self._remember(self._launcher.pid, "")
        threading.Thread(target=self._listen, args=(self._launcher.stdout,), daemon=True).start()

    def wait_until_healthy(self, timeout_s: float = START_S_MAX) -> None:
        """Returns when all components, workers too, report that they are healthy; raises Transient naming those that do not."""
        self._until(lambda: not self.client.unhealthy(), timeout_s, lambda: f"the health is {self.client.health()}")
        self._phase("healthy")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, timeout_s: float = START_S_MAX) -> str:
        """Starts a run of a DAG and returns its id, as soon as Airflow is up and knows the DAG."""
        run_ids: list[str] = []

        def is_accepted() -> bool:
            run_id = self.client.trigger(dag_id, conf or {})
            run_ids.extend([run_id] if run_id is not None else [])
            return bool(run_ids)

        self._until(is_accepted, timeout_s, lambda: f"the DAG {dag_id} did not appear; import errors: {self.client.import_errors()}")
        self._phase("first run accepted")
        return run_ids[0]

    def run(self, dag_id: str, run_id: str) -> Run:
        """The state of a run."""
        return self.client.run(dag_id, run_id)

    def runs(self, dag_id: str) -> list[Run]:
        """All runs of a DAG, oldest first."""
        return self.client.runs(dag_id)

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """The state of every task of a run, mapped ones one by one."""
        return self.client.tasks(dag_id, run_id)

    def wait(
        self, dag_id: str, run_id: str, timeout_s: float = 600.0, progress: Callable[[Run, list[TaskState]], None] | None = None
    ) -> Run:
        """Returns the run when it has ended. `progress` is called whenever the state of a task changed."""
        last: list[TaskState] = []

        def has_ended() -> bool:
            run = self.client.run(dag_id, run_id)
            if progress is not None:
                tasks = self.client.tasks(dag_id, run_id)
                if tasks != last:
                    last[:] = tasks
                    progress(run, tasks)
            return run.has_ended

        self._until(has_ended, timeout_s, lambda: f"run {dag_id}/{run_id} is {self.client.run(dag_id, run_id).state}, expected an end")
        self._phase("first run ended")
        return self.client.run(dag_id, run_id)

    def stop(self) -> None:
        """Ends every process and returns when none is left; safe to call twice."""
        launcher, self._launcher = self._launcher, None
        if self._client is not None:
            self._client.close()
            self._client = None
        if launcher is None:
            return
        begun = time.monotonic()
        launcher.send_signal(signal.SIGTERM)
        try:
            launcher.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()
        if launcher.stdin is not None:
            launcher.stdin.close()
        self._has_stopped.wait(STOP_S_MAX)
        clear(self.folder)
        self.phases["stopped"] = round(time.monotonic() - begun, 2)

    def processes_left(self) -> list[int]:
        """Process ids of whatever this Airflow started and that still runs."""
        return [] if self._state is None else self._state.processes()

    def _broker(self) -> tuple[Path | None, str]:
        """The configuration file of the broker to start, None where it is the user's own, and its address."""
        if self._executor.broker_url is not None:
            return None, self._executor.broker_url
        return stand_broker(self.folder, _free_port(), keys(self.folder)["broker"])

    def _until(self, is_so: Callable[[], bool], timeout_s: float, complaint: Callable[[], str]) -> None:
        deadline = time.monotonic() + timeout_s
        pause = threading.Event()
        while time.monotonic() < deadline:
            if self._launcher is None or self._launcher.poll() is not None:
                raise Transient(f"airflow in {self.folder}: ended early, expected it to run; {self._last_words()}")
            with suppress(Transient):
                if is_so():
                    return
            pause.wait(POLL_S)
        try:
            said = complaint()
        except Transient as error:
            said = str(error)
        raise Transient(f"airflow in {self.folder}: after {timeout_s:.0f} s {said}; {self._last_words()}")

    def _last_words(self) -> str:
        log = self.folder / "logs" / "launcher.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
        return "; ".join([*self._trouble[-3:], lines[-1] if lines else "no log", f"logs in {log.parent}"])

    def _phase(self, name: str) -> None:
        self.phases.setdefault(name, round(time.monotonic() - self._begun, 2))

    def _listen(self, pipe: IO[str]) -> None:
        """Reads what the launcher says, until it ends."""
        with pipe:
            for line in pipe:
                with suppress(json.JSONDecodeError):
                    self._hear(json.loads(line))
        self._has_stopped.set()

    def _hear(self, said: dict[str, Any]) -> None:
        event = said.get("event")
        if event == "metadata":
            self.metadata = Metadata(said["kind"], said["why"])
            self._phase("database")
            if said["pid"] is not None:
                self._remember(said["pid"], "")
        elif event == "component":
            self._remember(said["pid"], said["name"])
        elif event == "died":
            self._trouble.append(f"{said['name']} died with code {said['code']}")
        elif event in ("imported", "migrated", "forked"):
            self._phase(event)

    def _remember(self, pid: int, component: str) -> None:
        """Notes a process that leads a session, and which component it is, where others can find it."""
        assert self._state is not None
        if component:
            self._state.components[component] = pid
        self._state.metadata = "" if self.metadata is None else self.metadata.kind
        self._state.add(pid)
        self._state.write(self.folder)


def _preload() -> list[str]:
    """What tasks import first."""
    from tradewinds.jobs.catalog import JOBS
    from tradewinds.vendors.registry import VENDORS

    places = sorted({place.partition(":")[0] for place in (*JOBS.values(), *VENDORS.values())})
    return [*_STORES, *places]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
