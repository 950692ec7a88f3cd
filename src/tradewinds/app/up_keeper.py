"""Keeps processes running beside the platform: `python -m tradewinds.app.up_keeper trade guard console alerts`.

1. Each is a process of its own with a log of its own below `<home>/up`. One that crashes is started again, after a wait that grows
   (`AGAIN_S`, at most a minute) and begins anew once it lived for `SOUND_S`. One that ends cleanly stays ended.
2. The keeper starts processes and nothing else: a halt stands in the epoch and in the journals, so what is started again starts halted.
3. SIGTERM ends trade first, which lets go of its brokers, then guard, then all others at once. With `--attached` the end of its input
   does, too.
4. What it keeps stands in `<home>/up/keeper.json`, as a heartbeat by which `down` and `status` find it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradewinds.app.up_service import Service, own, read_services, write_services
from tradewinds.core.errors import Rejected
from tradewinds.live.guard_process import Beat, Heartbeat, is_alive, process_start, read_beat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.wire.log import Log

AGAIN_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
SOUND_S = 120.0
STOP_S_MAX = 30.0
LOOK_EVERY_S = 0.2
BEAT_EVERY_S = 1.0
ENDED_WELL = (0, 99)  # 99: there was nothing to do
FIRST = ("trade", "guard")  # in this order, each before the next
# Heaps of the C library for all threads of a service: one a thread, as is usual, grow for hours and give nothing back. Yours wins.
ARENAS = "2"


def keeper_path(home: Path) -> Path:
    """Where the keeper of a home says that it lives and what it keeps."""
    return home / "up" / "keeper.json"


def log_path(home: Path, service: str) -> Path:
    """What a kept process says."""
    return home / "up" / f"{service}.log"


def found(home: Path) -> Beat | None:
    """The keeper that runs for a home, None where none does."""
    beat = read_beat(keeper_path(home))
    return beat if beat is not None and is_alive(beat) else None


def expect_none(home: Path) -> None:
    """Raises Rejected where a keeper runs for a home already: two would start everything twice."""
    running = found(home)
    if running is not None:
        raise Rejected(f"up: {home} is kept running by process {running.pid} already, expected nobody; `tradewinds down` ends it")


@dataclass(slots=True)
class Kept:
    """One service. start: makes its process. crashes: in a row, which decide how long the next start is waited for."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    crashes: int = 0
    starts: int = 0
    state: str = "starting"
    process: subprocess.Popen[bytes] | None = None
    _started_s: float = 0.0
    _again_s: float = 0.0

    def look(self, now_s: float) -> str:
        """Start it where it is due, or see that it ended; what there is to say, "" for nothing."""
        if self.process is None:
            if self.state == "ended" or now_s < self._again_s:
                return ""
            self.process, self._started_s, self.state = self.start(), now_s, "running"
            self.starts += 1
            return f"{self.name}: started, process {self.process.pid}"
        code = self.process.poll()
        if code is None:
            return ""
        self.process = None
        if code in ENDED_WELL:
            self.state = "ended"
            return f"{self.name}: ended with {code}"
        self.crashes = 1 if now_s - self._started_s >= SOUND_S else self.crashes + 1
        wait_s = AGAIN_S[min(self.crashes, len(AGAIN_S)) - 1]
        self._again_s, self.state = now_s + wait_s, "waiting"
        return f"{self.name}: ended with {code}, started again in {wait_s:g} s"

    def ask_to_end(self) -> None:
        """Tell it to end; `stop` waits for it."""
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S_MAX)
        self.process = None

    def told(self) -> dict[str, Any]:
        """As `status` reads it."""
        pid = None if self.process is None else self.process.pid
        return {"state": self.state, "pid": pid, "starts": self.starts, "started": None if pid is None else process_start(pid)}


@dataclass(slots=True)
class Keeper:
    """Keeps services until it is told to stop. log: where what happens to them is kept for machines, too."""

    home: Path
    kept: tuple[Kept, ...]
    log: Log | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `stopping`; then everything is ended, in the order given."""
        heartbeat, beaten_s = Heartbeat(keeper_path(self.home)), 0.0
        try:
            while not self.stopping.wait(LOOK_EVERY_S if beaten_s else 0.0):
                now_s = time.monotonic()
                said = [words for one in self.kept if (words := one.look(now_s))]
                for words in said:
                    if self.log is not None:
                        self.log.write("kept", level="info" if "started, " in words else "warning", text=words)
                    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}", flush=True)  # noqa: T201 - its log
                if said or now_s - beaten_s >= BEAT_EVERY_S:
                    heartbeat.beat({one.name: one.told() for one in self.kept})
                    beaten_s = now_s
        finally:
            for one in sorted((one for one in self.kept if one.name in FIRST), key=lambda one: FIRST.index(one.name)):
                one.stop()
            for one in self.kept:
                one.ask_to_end()
            for one in self.kept:
                one.stop()
            heartbeat.rest()


def service(home: Path, one: Service) -> Kept:
    """A service of this home."""

    def start() -> subprocess.Popen[bytes]:
        environment = {"MALLOC_ARENA_MAX": ARENAS, **os.environ, **one.environment}
        with log_path(home, one.name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command, or one that `up --with` names
                one.command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    return Kept(one.name, start)


def launch(home: Path, services: Sequence[str | Service], *, is_detached: bool) -> subprocess.Popen[bytes]:
    """Start a keeper of these services, ours by name. It outlives this process where `is_detached`; else it ends with it."""
    (home / "up").mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = [own(one) if isinstance(one, str) else one for one in services]
    write_services(home, kept)
    words = [] if is_detached else ["--attached"]
    with log_path(home, "keeper").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tradewinds.app.up_keeper", *words, "--home", str(home), *(one.name for one in kept)],
            stdin=subprocess.DEVNULL if is_detached else subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def stop(home: Path) -> bool:
    """End the keeper of a home, and with it what it keeps; where the keeper died, what it left. Whether anything ran."""
    beat = read_beat(keeper_path(home))
    if beat is None:
        return False
    left = [beat] if is_alive(beat) else _left(home, beat)
    for one in left:
        os.kill(one.pid, signal.SIGTERM)
    deadline = time.monotonic() + (len(FIRST) + 1) * STOP_S_MAX
    while any(is_alive(one) for one in left) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    keeper_path(home).unlink(missing_ok=True)
    return bool(left)


def _left(home: Path, dead: Beat) -> list[Beat]:
    """Services that a keeper which died has left running, known by when they started, so that no pid that is used again is meant."""
    known = {one.pid: one for one in (read_beat(service_path(home)), read_beat(guard_beat(home))) if one is not None}
    found = []
    for told in dead.detail.values():
        pid, started = told.get("pid"), told.get("started")
        one = known.get(pid) if started is None else Beat(pid, started, dead.namespace, dead.beat_ns)
        if pid is not None and one is not None and is_alive(one):
            found.append(one)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Keep services until told to stop."""
    parser = argparse.ArgumentParser(prog="tradewinds.app.up_keeper", description="Keeps processes running beside the platform.")
    parser.add_argument("services", nargs="+", help="as `<home>/up/services.json` has them")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--attached", action="store_true", help="end when the input ends")
    asked = parser.parse_args(arguments)
    known = read_services(asked.home)
    log = Log(asked.home, "keeper", run=str(os.getpid()))
    keeper = Keeper(asked.home, tuple(service(asked.home, known.get(name) or own(name)) for name in asked.services), log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: keeper.stopping.set())
    if asked.attached:

        def wait() -> None:
            sys.stdin.buffer.read()
            keeper.stopping.set()

        threading.Thread(target=wait, daemon=True).start()
    keeper.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
