"""The folder of one Airflow: its secrets, its settings, and the state file by which others find it, stop it, and clear up after it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from tradewinds.app.airflow_client import Client
from tradewinds.core.errors import Rejected

DAGS = Path(__file__).parents[1] / "airflow" / "dags"
STOP_S_MAX = 30.0
USER = "admin"
_STATE = "airflow.json"
# Start times of processes are read back with this much error.
_SAME_S = 1.0
_KEYS: Mapping[str, Callable[[], str]] = {
    "password": lambda: secrets.token_urlsafe(24),
    "jwt": lambda: secrets.token_urlsafe(48),
    "fernet": lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "broker": lambda: secrets.token_urlsafe(32),
}


@dataclass(slots=True)
class State:
    """What runs: the launcher's process id, the port, the components, and when the leader of each session began.

    workers, broker_url: the Celery workers, and where they take their tasks from; none with the LocalExecutor.
    """

    launcher: int
    port: int
    metadata: str = ""
    components: dict[str, int] = field(default_factory=dict)
    leaders: dict[str, float] = field(default_factory=dict)
    workers: int = 0
    broker_url: str = field(default="", repr=False)

    def add(self, pid: int) -> None:
        """Remembers a process that leads a session."""
        import psutil  # type: ignore[import-untyped]  # it ships no types

        with suppress(psutil.NoSuchProcess):
            self.leaders[str(pid)] = psutil.Process(pid).create_time()

    def write(self, folder: Path) -> None:
        """Writes it where `read_state` finds it."""
        write_private(folder / _STATE, json.dumps(asdict(self)))

    @property
    def is_running(self) -> bool:
        """Whether the launcher lives and is the process that was recorded, not a later one with its number."""
        return _is_same(self.launcher, self.leaders.get(str(self.launcher)))

    def processes(self) -> list[int]:
        """Live processes of the recorded sessions. A later session with a recycled number has a leader that began at another time."""
        import psutil

        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                leader = os.getsid(process.pid)
                begun = self.leaders.get(str(leader))
                if begun is None or process.status() == psutil.STATUS_ZOMBIE or process.create_time() < begun - _SAME_S:
                    continue
                if not psutil.pid_exists(leader) or _is_same(leader, begun, or_zombie=True):
                    found.append(process.pid)
        return found


def read_state(folder: Path) -> State | None:
    """The recorded state, None when there is none that can be read."""
    try:
        return State(**json.loads((folder / _STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def find(folder: Path) -> Client | None:
    """A client of the Airflow that runs in this folder, None when none does."""
    state = read_state(folder)
    if state is None or not state.is_running:
        return None
    return client_of(folder, state)


def client_of(folder: Path, state: State) -> Client:
    """A client of what the state says that runs in this folder."""
    from tradewinds.app.airflow_executor import worker_health

    workers = partial(worker_health, state.broker_url, state.workers) if state.workers else None
    return Client(address(state.port), USER, keys(folder)["password"], workers)


def stop(folder: Path) -> bool:
    """Ends the Airflow that another process started in this folder; False when none ran."""
    state = read_state(folder)
    if state is None or not state.is_running:
        return False
    import psutil

    launcher = psutil.Process(state.launcher)
    launcher.send_signal(signal.SIGTERM)
    try:
        launcher.wait(STOP_S_MAX)
    except psutil.TimeoutExpired:
        launcher.kill()
        launcher.wait()
    clear(folder)
    return True


def clear(folder: Path) -> None:
    """Ends what a killed Airflow left behind in this folder, after checking that it is ours; refuses while one runs."""
    state = read_state(folder)
    if state is None:
        return
    if state.is_running:
        raise Rejected(f"airflow in {folder}: already runs as process {state.launcher}, expected none; `tradewinds down` stops it")
    postmaster = _postmaster(folder)
    deadline = time.monotonic() + STOP_S_MAX
    while (left := [pid for pid in state.processes() if pid != postmaster]) and time.monotonic() < deadline:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        Event().wait(0.05)
    if postmaster is not None and postmaster in state.processes():
        from tradewinds.stores.embedded_postgres import EmbeddedPostgres

        EmbeddedPostgres(folder / "metadata").stop()
    (folder / _STATE).unlink(missing_ok=True)


def dag_folders(workspace: str | None) -> tuple[Path, ...]:
    """Where DAG files are read from: the shipped ones, and those in the folder `dags` of the workspace where there is one."""
    own = None if workspace is None else Path(workspace) / "dags"
    return (DAGS,) if own is None or not own.is_dir() else (DAGS, own.absolute())


def address(port: int) -> str:
    """The address of its pages and its REST interface."""
    return f"http://127.0.0.1:{port}"


def keys(folder: Path) -> dict[str, str]:
    """The folder's password and keys, made at the first call; only their owner can read them."""
    place = folder / "secrets.json"
    found: dict[str, str] = json.loads(place.read_text()) if place.is_file() else {}
    if not found.keys() >= _KEYS.keys():
        folder.mkdir(parents=True, exist_ok=True)
        found = {**{name: make() for name, make in _KEYS.items()}, **found}
        write_private(folder / "passwords.json", json.dumps({USER: found["password"]}))
        write_private(place, json.dumps(found))
    return found


def settings(folder: Path, port: int, execution_port: int, dags: Sequence[Path], parallelism: int) -> dict[str, str]:
    """Airflow's settings as its environment variables."""
    known = keys(folder)
    bundles = [
        {"name": _bundle(place), "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(place)}}
        for place in dags
    ]
    chosen = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(parallelism),
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": str(parallelism),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(dags[0]),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__DEFAULT_TASK_RETRY_DELAY": "30",
        # Provider plugins, our timetable among them, are loaded only when providers are not discovered lazily.
        "CORE__LAZY_DISCOVER_PROVIDERS": "False",
        "CORE__FERNET_KEY": known["fernet"],
        "CORE__EXECUTION_API_SERVER_URL": f"{address(execution_port)}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__BASE_URL": address(port),
        "API_AUTH__JWT_SECRET": known["jwt"],
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        # The launcher prepares the schema while the api-server comes up.
        "DATABASE__CHECK_MIGRATIONS": "False",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        # A task's supervisor sleeps up to this long after its task has ended; the default of 5 s starves four slots.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.05",
        "LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
    }
    plain = {"AIRFLOW_HOME": str(folder), "DO_NOT_TRACK": "true", "OPENBLAS_NUM_THREADS": "1"}
    return {**{f"AIRFLOW__{name}": value for name, value in chosen.items()}, **plain}


def write_private(place: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    draft = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(place)


def _bundle(place: Path) -> str:
    return "tradewinds" if place == DAGS else f"{place.parent.name}-{place.name}"


def _postmaster(folder: Path) -> int | None:
    try:
        state = (folder / "postmaster").read_text()
    except OSError:
        return None
    return int(state) if state.isdigit() else None


def _is_same(pid: int, begun: float | None, *, or_zombie: bool = False) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        is_alive = or_zombie or process.status() != psutil.STATUS_ZOMBIE
        return bool(is_alive and begun is not None and abs(process.create_time() - begun) < _SAME_S)
    except psutil.Error:
        return False
