"""Where Airflow's tasks run: in processes of the scheduler, or on Celery workers that take them from a Redis.

1. `checked` says before anything starts what is missing for what was asked.
2. `stand_broker` prepares a Redis of our own: loopback, a free port, a password in a file that only its owner can read.
3. `settings` are Airflow's settings for it; `worker_health` asks broker and workers how they are.

The launcher starts broker and workers as it starts Airflow's own components, warm, and starts again what dies.
"""

from __future__ import annotations

import shutil
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import AirflowConfig

SERVER = "redis-server"
PING_S = 1.0
CONNECT_S_MAX = 2.0
# A task whose worker vanished is handed out again after so long; Airflow itself notices long before.
_REDELIVERED_S = 86_400
_BROKER_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
save ""
daemonize no
"""


def checked(config: AirflowConfig) -> AirflowConfig:
    """The configuration, when what it asks for can be had here; raises Rejected naming what is missing."""
    if config.slots < 1 or config.celery_workers < 1:
        raise Rejected(f"airflow: slots {config.slots}, celery_workers {config.celery_workers}, expected at least 1 of each")
    if config.executor != "celery":
        return config
    try:
        found = version("celery")
        version("apache-airflow-providers-celery")
        version("redis")
    except PackageNotFoundError as error:
        raise Rejected(
            f"airflow: executor celery without the package {error.name}, expected it; install it with `pip install 'tradewinds[celery]'`"
        ) from None
    if tuple(int(part) for part in found.split(".")[:2]) >= (5, 7):
        raise Rejected(f"airflow: executor celery with celery {found}, expected one below 5.7, which Airflow's provider can work with")
    if config.broker_url is None and shutil.which(SERVER) is None:
        raise Rejected(
            f"airflow: executor celery without `{SERVER}` on PATH, expected it (Debian: apt-get install redis-server), "
            "or airflow.broker_url naming a Redis of yours"
        )
    return config


def slots_each(config: AirflowConfig) -> int:
    """How many tasks one worker runs at once: its share of the slots, rounded up."""
    return -(-config.slots // config.celery_workers)


def stand_broker(folder: Path, port: int, password: str) -> tuple[Path, str]:
    """The configuration file of our own Redis, and its address. Its queue is kept on disk, so that a broker that dies loses none."""
    from tradewinds.app.airflow_folder import write_private

    place = folder / "broker"
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    write_private(place / "redis.conf", _BROKER_CONFIG.format(port=port, password=password, folder=place))
    return place / "redis.conf", f"redis://:{password}@127.0.0.1:{port}/0"


def settings(config: AirflowConfig, broker_url: str) -> dict[str, str]:
    """Airflow's settings, as environment variables, for tasks on Celery workers."""
    chosen = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CELERY__BROKER_URL": broker_url,
        "CELERY__WORKER_CONCURRENCY": str(slots_each(config)),
        # A worker takes no second task while it has one: long and short ones are shared out evenly.
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(_REDELIVERED_S),
    }
    return {f"AIRFLOW__{name}": value for name, value in chosen.items()}


def worker_name(number: int) -> str:
    """A worker as Celery calls it; the first is number 1."""
    return f"worker-{number}@{socket.gethostname()}"


def worker_health(broker_url: str, workers: int) -> dict[str, str]:
    """The state of the broker and of each worker: `healthy` or `unhealthy`."""
    from celery import Celery
    from kombu.exceptions import KombuError

    names = ["broker", *(f"worker-{number}" for number in range(1, workers + 1))]
    told = dict.fromkeys(names, "unhealthy")
    with Celery(broker=broker_url, set_as_current=False) as asking:
        asking.conf.broker_transport_options = {"socket_timeout": CONNECT_S_MAX, "socket_connect_timeout": CONNECT_S_MAX}
        try:
            with asking.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_S_MAX)
                told["broker"] = "healthy"
                asked = [worker_name(number) for number in range(1, workers + 1)]
                answers = asking.control.broadcast(
                    "ping", destination=asked, reply=True, timeout=PING_S, limit=workers, connection=connection
                )
        except (KombuError, OSError):
            return told
    for answer in answers or []:
        told |= {name.partition("@")[0]: "healthy" for name in answer}
    return told
