"""Other engines at the same work, each in an environment of its own (`make peers`) and a process of its own.

    taken = run_peer("vectorbt", "vectorbt_single", "--bars", 1_000_000, "--repeat", 5)     # None where .peers/vectorbt is absent
    with started("vectorbt", "vectorbt_single", "--bars", 1_000_000) as peer:               # the same, taking turns with something else
        seconds = peer.round()

The scripts beside this file run there: they import that engine, `prices` and `measured`, and nothing of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
ENVIRONMENTS = SCRIPTS.parents[1] / ".peers"
SIZE, FULL = "TRADEWINDS_BENCH", "full"  # what `make bench FULL=1` sets, for every process below it


def is_full() -> bool:
    """Whether the peers are wanted at full size; otherwise a benchmark reduces them, so that all of them take 25 minutes at most."""
    return os.environ.get(SIZE) == FULL


class Peer:
    """A script that waits in its own process and does one round when asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._read()  # it says when data and code are ready

    def round(self) -> float:
        """Seconds of one round of work: imports, data and compilation are done."""
        self._write("round")
        return float(self._read()["seconds"])

    def result(self) -> dict[str, Any]:
        """What `run_peer` answers, over the rounds so far."""
        self._write("end")
        return self._read()

    def _write(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"peer {self._process.args!r} ended with {self._process.wait()}, expected a line of JSON")
        found: dict[str, Any] = json.loads(line)
        return found


def interpreter(name: str) -> Path | None:
    """The Python of a peer's environment, None where it is absent."""
    python = ENVIRONMENTS / name / "bin" / "python"
    return python if (ENVIRONMENTS / name / ".stamp").is_file() and python.exists() else None


def run_peer(name: str, script: str, *arguments: object) -> dict[str, Any] | None:
    """Run a script of this folder in a peer's environment to its end; None where that environment is absent.

    Returns name, version, bars, instruments, configurations, seconds (of each round), fills, equity_final, peak_mb (of the process),
    base_mb (of it before the first round, engine and data loaded). Raises CalledProcessError where it fails.
    """
    python = interpreter(name)
    if python is None:
        return None
    done = subprocess.run(_command(python, script, arguments), stdout=subprocess.PIPE, text=True, check=True, env=_environment())
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def started(name: str, script: str, *arguments: object) -> Iterator[Peer | None]:
    """A peer that waits and does a round when asked, after one that is not counted; None where its environment is absent."""
    python = interpreter(name)
    if python is None:
        yield None
        return
    command = [*_command(python, script, arguments), "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


def _command(python: Path, script: str, arguments: tuple[object, ...]) -> list[str]:
    return [str(python), str(SCRIPTS / f"{script}.py"), *(str(one) for one in arguments)]


def _environment() -> dict[str, str]:
    """Ours without what would lead a peer's Python to our packages or its compiled code to our cache."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NUMBA_CACHE_DIR"}}
