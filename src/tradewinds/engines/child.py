"""Work in processes of its own: a parcel's worker at the other end of a pipe, one line of JSON each way for a task."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.simulation.sweep import Failure, TaskFailed, worker_lost


@dataclass(frozen=True, slots=True)
class ChildWork:
    """Work of the parcel in a folder, done by one process for each who opens it. A process begins with its first task."""

    folder: Path

    def open(self) -> Callable[[Any], Any]:
        return Child(self.folder)


class Child:
    """One worker process. Called with a payload it answers the value; a process that died is replaced at the next call.

    `close` may come from another thread than the calls do.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._is_closed = False

    def __call__(self, payload: Any) -> Any:
        """The value. Raises TaskFailed where the task raised or the process ended."""
        if self._is_closed:
            raise TaskFailed(worker_lost("the engine was closed"))
        process = self._process = self._process or self._started()
        line = _asked(process, json.dumps(payload))
        if not line:
            self._process = None
            raise TaskFailed(worker_lost(f"its process ended with code {_ended(process)}"))
        answer = json.loads(line)
        if "failure" in answer:
            raise TaskFailed(Failure(*answer["failure"]))
        return answer["value"]

    def close(self) -> None:
        """End the process at once; whoever waits for its answer is told that it was lost."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()
            _ended(process)

    def _started(self) -> subprocess.Popen[str]:
        # A session of its own: Ctrl-C reaches the sweep alone, which then ends its workers.
        return subprocess.Popen(  # noqa: S603 - our own worker in our own interpreter
            [sys.executable, "-m", "tradewinds.engines.worker", "pipe", str(self._folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True,
        )  # fmt: skip


def _asked(process: subprocess.Popen[str], line: str) -> str:
    """The line that answers, empty where the process ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError, ValueError):  # ended before or while it was asked; a pipe that `close` has closed is a ValueError
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline()
    return ""


def _ended(process: subprocess.Popen[str]) -> int:
    """The exit code; the pipes are given back."""
    code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError, ValueError):  # what was not written yet went with the process
                pipe.close()
    return code
