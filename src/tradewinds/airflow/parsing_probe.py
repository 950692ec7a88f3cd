"""What DAG files do while they are read: `python -m tradewinds.airflow.parsing_probe '{"files": [...], "heavy": [...]}'`.

Airflow is imported once; each file is then run in a fork of this process, which sees the seconds, the modules and what was asked of the
system, by Python's audit events. The last line of standard output is one JSON object: file -> {"seconds", "heavy", "asked"}.

Functions decorated with `@dag` are called by the file itself, so that what they do counts as reading, which it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import time
from collections.abc import Sequence
from typing import Any

_ASKING = {
    "socket.connect": "connects to the network",
    "socket.getaddrinfo": "looks up a name",
    "sqlite3.connect": "opens a database",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
}


def main() -> int:
    """Observes the files that the first argument names; the exit code."""
    asked = json.loads(sys.argv[1])
    import airflow.sdk  # noqa: F401 -- paid before anything is timed

    sys.stdout.write(json.dumps({name: _observed_alone(name, asked["heavy"]) for name in asked["files"]}) + "\n")
    return 0


def _observed_alone(name: str, heavy: Sequence[str]) -> dict[str, Any]:
    """What a fork of this process saw; the fork keeps nothing."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            os.dup2(2, 1)  # what the file prints is not our answer
            with os.fdopen(writing, "w") as pipe:
                pipe.write(json.dumps(_observed(name, heavy)))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(told) if told else {"seconds": 0.0, "heavy": [], "asked": ["ends the process"]}


def _observed(name: str, heavy: Sequence[str]) -> dict[str, Any]:
    asked: set[str] = set()

    def hook(event: str, _: tuple[object, ...]) -> None:
        if event in _ASKING:
            asked.add(_ASKING[event])

    before = set(sys.modules)
    sys.path.insert(0, os.path.dirname(name))
    sys.addaudithook(hook)
    begun = time.perf_counter()
    with contextlib.suppress(BaseException):  # a file that cannot be read is an import error, which is told elsewhere
        runpy.run_path(name, run_name="dag_file")
    seconds = time.perf_counter() - begun
    new = {module.partition(".")[0] for module in set(sys.modules) - before}
    return {"seconds": seconds, "heavy": sorted(new & set(heavy)), "asked": sorted(asked)}


if __name__ == "__main__":
    sys.exit(main())
