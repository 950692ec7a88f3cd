#!/usr/bin/env python3
"""Whether a service is healthy, for a container's check; exit code 0 or 1, and one line that says why not. Standard library only, but for
the worker's, which is asked as its scheduler would.

healthy http URL            it answers with 200
healthy beat NAME           below $TRADEWINDS_HOME the heartbeat NAME is younger than a minute
healthy airflow COMPONENT   the api-server says so of scheduler, dag-processor or triggerer
healthy worker              the Celery worker of this container answers
healthy self                this container's first process is there
"""

import json
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path

AGE_S_MAX = 60.0
TIMEOUT_S = 8.0


def http(url: str) -> str:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        return "" if answer.status == 200 else f"{url} answered {answer.status}, expected 200"


def beat(name: str) -> str:
    place = Path(os.environ["TRADEWINDS_HOME"]) / name
    age_s = time.time() - place.stat().st_mtime
    return "" if age_s < AGE_S_MAX else f"{place} is {age_s:.0f} s old, expected less than {AGE_S_MAX:.0f}"


def airflow(component: str) -> str:
    url = os.environ.get("AIRFLOW_HEALTH", "http://airflow-api:8080/airflow/api/v2/monitor/health")
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        state = json.load(answer)[component.replace("-", "_")]["status"]
    return "" if state == "healthy" else f"{component} is {state}, expected healthy"


def worker() -> str:
    from celery import Celery

    name = f"celery@{socket.gethostname()}"
    with Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"], set_as_current=False) as asking:
        answers = asking.control.ping([name], timeout=TIMEOUT_S)
    return "" if any(name in one for one in answers) else f"{name} does not answer, expected pong"


def first() -> str:
    return "" if Path("/proc/1/cmdline").read_bytes() else "no first process, expected a program"


CHECKS = {"http": http, "beat": beat, "airflow": airflow, "worker": worker, "self": first}

if __name__ == "__main__":
    try:
        said = CHECKS[sys.argv[1]](*sys.argv[2:])
    except Exception as error:
        said = f"{' '.join(sys.argv[1:])}: {type(error).__name__}: {error}"
    if said:
        print(said)
    sys.exit(1 if said else 0)
