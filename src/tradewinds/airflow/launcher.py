"""One warm process that runs Airflow's components: `python -m tradewinds.airflow.launcher`, started by `app.airflow_process`.

1. Start the metadata's PostgreSQL in a thread while the imports run, which take four seconds and are then paid once for all.
2. Fork the api-server, in two processes of which one serves people and one serves tasks: each prepares its routes for seconds, while
   this process creates the schema. Then fork the other three, and the Celery workers where tasks run on some; their broker goes first.
3. Watch: restart a component that died, at most RESTARTS_MAX times within RESTARTS_WITHIN_S; say on standard output, in JSON lines,
   what happened.
4. Stop when told (SIGTERM, SIGINT) or when the process that started us is gone (standard input closes), so that nothing outlives it:
   SIGTERM to each component, SIGKILL after the grace to whatever is left in their sessions, then the database.

Each component leads its own session, by which everything it started can be found, and ends when this process is killed (Linux).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESTARTS_MAX, RESTARTS_WITHIN_S = 3, 600.0
POLL_S = 0.2
KILL_WAIT_S = 2.0
WARM_UP_ATTEMPTS_MAX = 300
GC_AT_START = (50_000, 20, 20)
GC_RUNNING = (5_000, 10, 10)  # a component lives for months: rarer looks for garbage would be a heap that grows for hours between two
_API = ("api-server", "--host", "127.0.0.1", "--workers", "1")
COMPONENTS: dict[str, tuple[str, ...]] = {
    "execution-api": (*_API, "--apps", "execution", "--port", "{execution_port}"),
    "api-server": (*_API, "--apps", "core", "--port", "{port}"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
BROKER = "broker"
_WARM_CELERY = ("airflow.providers.celery.executors.celery_executor", "airflow.providers.celery.cli.celery_command", "celery.worker")
_BEFORE_DATABASE = ("sqlalchemy", "alembic.command", "fastapi", "pendulum", "httpx", "jinja2", "psycopg2", "asyncpg", "psutil")
_WARM = (
    "airflow",
    "airflow.utils.db",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.cli.commands.api_server_command",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.processor",
    "airflow.api_fastapi.app",
    "tradewinds.airflow.dag_factory",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What the starter asks for, one JSON object in the environment variable `TRADEWINDS_AIRFLOW_ORDER`."""

    folder: Path
    port: int
    execution_port: int
    grace_s: float
    is_attached: bool
    database: str | None
    is_durable: bool
    preload: tuple[str, ...]
    broker: str | None
    workers: tuple[str, ...]
    worker_slots: int

    @property
    def components(self) -> dict[str, tuple[str, ...]]:
        """Airflow's words for each component, in the order in which they start."""
        words = ("celery", "worker", "--skip-serve-logs", "--without-mingle", "--without-gossip", "--concurrency", str(self.worker_slots))
        workers = {
            name.partition("@")[0]: (*words, "--celery-hostname", name, "--pid", str(self.folder / f"{name.partition('@')[0]}.pid"))
            for name in self.workers
        }
        return COMPONENTS | workers


@dataclass(slots=True)
class House:
    """The running components by name."""

    order: Order
    pids: dict[str, int] = field(default_factory=dict)
    sessions: list[int] = field(default_factory=list)
    deaths: dict[str, list[float]] = field(default_factory=dict)
    parser: Any = None


def main() -> int:
    """Runs until told to stop; returns the exit code."""
    # Much is made and little thrown away while modules load: looking for garbage every 700 objects costs a fifth of the start.
    gc.set_threshold(*GC_AT_START)
    order = _order(json.loads(os.environ.pop("TRADEWINDS_AIRFLOW_ORDER")))
    _adopt_orphans()
    stop_asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_asked.set())
    house = House(order)
    with _database(order) as url:
        try:
            _start(house, url, stop_asked)
            _watch(house, stop_asked)
        finally:
            _stop(house)
    _say("stopped")
    return 0


def _order(told: dict[str, Any]) -> Order:
    return Order(
        folder=Path(told["folder"]),
        port=told["port"],
        execution_port=told["execution_port"],
        grace_s=told["grace_s"],
        is_attached=told["is_attached"],
        database=told["database"],
        is_durable=told["is_durable"],
        preload=tuple(told["preload"]),
        broker=told["broker"],
        workers=tuple(told["workers"]),
        worker_slots=told["worker_slots"],
    )


def _say(event: str, **what: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **what}) + "\n")
        sys.stdout.flush()


@contextlib.contextmanager
def _database(order: Order) -> Iterator[str]:
    """The metadata's address: the one that was asked for, else an embedded PostgreSQL, else SQLite, and says which and why."""
    if order.database is not None:
        _say("metadata", kind=order.database.partition(":")[0], why="as configured", pid=None)
        _import(_BEFORE_DATABASE)
        yield order.database
        return
    started: list[Any] = []
    failed: list[BaseException] = []

    def start() -> None:
        try:
            from tradewinds.stores.embedded_postgres import EmbeddedPostgres

            server = EmbeddedPostgres(order.folder / "metadata", durable=order.is_durable)
            server.start()
            started.append(server)
            server.create_database("airflow")
        except Exception as error:  # noqa: BLE001 -- whatever the reason, SQLite serves instead, and the reason is told
            failed.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    _import(_BEFORE_DATABASE)
    thread.join()
    try:
        if failed:
            _say("metadata", kind="sqlite", why=f"the embedded PostgreSQL cannot run here: {failed[0]}", pid=None)
            yield f"sqlite:///{order.folder / 'airflow.db'}"
        else:
            postmaster = (started[0].place.data / "postmaster.pid").read_text().split()[0]
            (order.folder / "postmaster").write_text(postmaster)
            _say("metadata", kind="postgresql", why="embedded", pid=int(postmaster))
            os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = started[0].url("airflow", driver="postgresql+asyncpg")
            yield started[0].url("airflow", driver="postgresql+psycopg2")
    finally:
        for server in started:
            server.stop()


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def _start(house: House, url: str, stop_asked: threading.Event) -> None:
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url
    if house.order.workers and url.startswith("sqlite"):
        raise SystemExit("airflow: executor celery with metadata in SQLite, expected PostgreSQL")
    if house.order.broker is not None:
        _fork(house, BROKER)
    _import((*_WARM, *_WARM_CELERY) if house.order.workers else _WARM)
    from airflow.cli.cli_parser import get_parser
    from airflow.plugins_manager import get_timetables_plugins
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()  # type: ignore[no-untyped-call]  # airflow leaves it untyped
    get_timetables_plugins()
    house.parser = get_parser()
    _say("imported")
    gc.collect()
    gc.freeze()
    _prepare_schema(house)
    _say("migrated")
    _preload(house.order.preload)
    for name in house.order.components:
        if name not in house.pids and not stop_asked.is_set():
            _fork(house, name)
    _say("forked")


def _preload(names: tuple[str, ...]) -> None:
    """What tasks need, imported while the api-server comes up. A module that fails here fails again in the task that wants it."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            _say("not preloaded", name=name, why=str(error))
    from tradewinds.airflow.shipped import drawing

    drawing()  # fills the caches that every reading of the DAG files uses
    gc.collect()
    gc.freeze()


def _prepare_schema(house: House) -> None:
    """Creates or upgrades the metadata. The api-server may come up beside the first creation, never beside an upgrade."""
    from airflow.utils import db

    from airflow import settings

    # The public functions import every migration first: seconds that a new or a current schema need not pay.
    with settings.get_session()() as session:  # type: ignore[no-untyped-call]  # airflow leaves it untyped
        current = db._get_current_revision(session)  # type: ignore[no-untyped-call]  # airflow leaves it untyped
    newest = db._REVISION_HEADS_MAP[_latest(db._REVISION_HEADS_MAP)]
    if current in (None, newest):
        _fork(house, "execution-api")
        _fork(house, "api-server")
    if current is None:
        db.initdb()
    elif current != newest:
        db.upgradedb()


def _latest(heads: dict[str, str]) -> str:
    return max(heads, key=lambda version: tuple(int(part) for part in version.split(".")))


def _fork(house: House, name: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become(house, name)
    house.pids[name] = pid
    house.sessions.append(pid)
    _say("component", name=name, pid=pid)


def _become(house: House, name: str) -> None:
    """In the forked child: turn into the component; never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _die_with_parent()
        log = os.open(house.order.folder / "logs" / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        if name == BROKER:
            os.execvp("redis-server", ["redis-server", str(house.order.broker)])  # noqa: S606, S607 -- the user's own PATH decides
        gc.set_threshold(*GC_RUNNING)
        if name == "execution-api":
            threading.Thread(target=_warm_up, args=(house.order.execution_port,), daemon=True).start()
        ports = {"port": house.order.port, "execution_port": house.order.execution_port}
        words = house.order.components[name]
        sys.argv = ["airflow", *(part.format(**ports) if part.startswith("{") else part for part in words)]
        arguments = house.parser.parse_args(sys.argv[1:])
        arguments.func(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 -- the top of a process: whatever it is goes to its log
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _warm_up(port: int) -> None:
    """Airflow builds the routes for tasks at the first request, which takes seconds: ask before a task does."""
    import http.client

    for _ in range(WARM_UP_ATTEMPTS_MAX):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.suppress(OSError):
            connection.request("GET", "/execution/health")
            connection.getresponse().read()
            return
        connection.close()
        time.sleep(POLL_S)


def _watch(house: House, stop_asked: threading.Event) -> None:
    """Waits for the end; restarts what dies before."""
    while not stop_asked.is_set():
        for name, code in _reap(house):
            now = time.monotonic()
            recent = [at for at in house.deaths.get(name, []) if now - at < RESTARTS_WITHIN_S]
            house.deaths[name] = [*recent, now]
            _say("died", name=name, code=code, before=len(recent))
            if len(recent) >= RESTARTS_MAX:
                return
            _fork(house, name)
        if house.order.is_attached and select.select([0], [], [], POLL_S)[0]:
            if os.read(0, 4096) == b"":
                return
        elif not house.order.is_attached:
            stop_asked.wait(POLL_S)


def _reap(house: House) -> list[tuple[str, int]]:
    """The components that ended, and whatever else was left to us, taken off the process table."""
    ended = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        for name, known in list(house.pids.items()):
            if known == pid:
                del house.pids[name]
                ended.append((name, os.waitstatus_to_exitcode(status)))
    return ended


def _stop(house: House) -> None:
    """Ends every component and all that they started; the broker last, because workers give back to it what they have not done."""
    broker = house.pids.pop(BROKER, None)
    _end(house, house.order.grace_s)
    if broker is not None:
        house.pids[BROKER] = broker
        _end(house, KILL_WAIT_S)
    deadline = time.monotonic() + KILL_WAIT_S
    while (left := members(house.sessions)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap(house)
        time.sleep(0.02)
    _say("components stopped", killed=sorted(house.pids))


def _end(house: House, grace_s: float) -> None:
    """Asks every component to end and waits for it."""
    for pid in house.pids.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while house.pids and time.monotonic() < deadline:
        for name, code in _reap(house):
            _say("ended", name=name, code=code)
        time.sleep(0.02)


def members(sessions: list[int]) -> list[int]:
    """The live processes of these sessions."""
    import psutil  # type: ignore[import-untyped]  # it ships no types

    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _die_with_parent() -> None:
    """Linux: SIGTERM for us when the launcher is killed. Elsewhere the next start clears what is left."""
    _prctl(1, signal.SIGTERM)


def _adopt_orphans() -> None:
    """Linux: what a component leaves behind becomes our child, so that it can be reaped."""
    _prctl(36, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
