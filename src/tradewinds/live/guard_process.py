"""Who the trade process is and whether it lives: a small file that it writes once a second, and the one safe way to kill it.

    <home>/halt/service.json     of `tradewinds trade`; the guard has its own beside its socket

1. `Heartbeat.beat` replaces the file whole. It names the process by pid, start time, boot and pid namespace: a pid alone is re-used.
2. The beat is monotonic time, which every process of the machine shares and which no change of the clock moves.
3. `kill` opens the process first and compares its start time then, so that nothing can take its pid in between.

A file that is gone means a clean stop. Standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

NS = 1_000_000_000
DEAD_WITHIN_S = 1.0
SILENT_S = 10.0  # a process that cannot be seen from here is taken for dead after so long without a heartbeat
_POLL_S = 0.001
_PROC = Path("/proc/self")  # absent on macOS, where `ps` tells

Killed = Literal["killed", "gone", "elsewhere", "alive"]


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process last said of itself.

    started: boot and start time as its machine tells it. beat_ns: monotonic there. written_s: wall time of the file, 0 where there is none.
    """

    pid: int
    started: str
    namespace: str
    beat_ns: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    written_s: float = 0.0

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs where pids are others, in another container: its heartbeat is all that can be seen of it."""
        return self.namespace != _namespace()

    @property
    def age_s(self) -> float:
        """Seconds since the beat, by the file's time where it comes from another machine; infinite where it is of an earlier boot."""
        if not self.started.startswith(_boot()):
            return max(0.0, time.time() - self.written_s) if self.is_elsewhere and self.written_s else float("inf")
        return (time.monotonic_ns() - self.beat_ns) / NS


def service_path(home: Path) -> Path:
    """Where the trade process of a home writes its heartbeat."""
    return home / "halt" / "service.json"


class Heartbeat:
    """Writes the heartbeat of this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._me = {"pid": os.getpid(), "started": process_start(os.getpid()) or "", "namespace": _namespace()}

    def beat(self, detail: Mapping[str, Any] | None = None) -> None:
        """Say that this process lives. `detail`: what a person wants to know (accounts, open orders); never a secret."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(self._me | {"beat_ns": time.monotonic_ns(), "detail": dict(detail or {})})
        aside = self._path.with_suffix(f".{os.getpid()}.tmp")
        aside.write_text(text)
        aside.replace(self._path)

    def rest(self) -> None:
        """A clean stop: nobody has to watch over this process any more."""
        self._path.unlink(missing_ok=True)


def read_beat(path: Path) -> Beat | None:
    """The last beat, None where the file is absent or no heartbeat stands in it."""
    try:
        given, written_s = json.loads(path.read_text()), path.stat().st_mtime
        told = int(given["pid"]), str(given["started"]), str(given["namespace"]), int(given["beat_ns"])
        return Beat(*told, given.get("detail", {}), written_s)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_alive(beat: Beat) -> bool:
    """Whether the very process that wrote this still exists (stopped counts, a zombie does not); elsewhere its heartbeat decides."""
    if beat.is_elsewhere:
        return beat.age_s <= SILENT_S
    return process_start(beat.pid) == beat.started


def kill(beat: Beat) -> Killed:
    """SIGKILL the process that wrote this, and wait until it is gone.

    "gone": it was not there any more, or its pid belongs to another process now. "elsewhere": it runs in another pid namespace (a
    container) and cannot be reached. "alive": it was told to die and still stands there, as in an uninterruptible read.
    """
    if beat.is_elsewhere:
        return "elsewhere"
    if not is_alive(beat):
        return "gone"
    try:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(beat.pid)
            try:
                if not is_alive(beat):
                    return "gone"
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)
        else:
            os.kill(beat.pid, signal.SIGKILL)
    except ProcessLookupError:
        return "gone"
    deadline = time.monotonic() + DEAD_WITHIN_S
    while is_alive(beat):
        if time.monotonic() > deadline:
            return "alive"
        time.sleep(_POLL_S)
    return "killed"


def process_start(pid: int) -> str | None:
    """Boot and start time of a process; None where none with this pid runs."""
    if _PROC.is_dir():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else f"{_boot()} {fields[19]}"
    import subprocess  # costs a tenth of the start of `halt`, and is wanted where there is no /proc

    found = subprocess.run(["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.split()  # noqa: S603
    return None if not found or found[0].startswith("Z") else f"{_boot()} {' '.join(found[1:])}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "this boot"


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
