"""`tradewinds halt` against a trade process that is stopped with SIGSTOP: how long until no order works, and whether it sends on SIGCONT.

Real processes over the loopback: a venue, a guard, and for each round a trade process that rests orders without end. In further rounds it
is continued while the halt is under way, after the epoch rose: an order that was on its way when it was stopped may then still leave, and
is cancelled with the others before the halt ends.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

import numpy as np

from benchmarks import market_data as market
from tradewinds.live.epoch import open_epoch

SEED = 20_270_115
OPEN_ORDERS = 20
WAIT_S = 30.0
AFTER_CONTINUE_S = 0.15


@dataclass(slots=True)
class Stage:
    """A venue and a guard that run."""

    home: Path
    port: int
    processes: list[subprocess.Popen[str]]

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Another process of the stage."""
        made = subprocess.Popen([sys.executable, "-m", "benchmarks.halt_stage", *words], text=True, **more)
        self.processes.append(made)
        return made

    def ask(self, path: str) -> Any:
        """What the venue answers."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return json.load(answer)

    def stop(self) -> None:
        for one in self.processes:
            if one.poll() is None:
                one.kill()
            one.wait()
            for stream in (one.stdout, one.stderr):
                if stream is not None:
                    stream.close()


def open_stage(home: Path, *, with_guard: bool = True, stale_s: float = 30.0) -> Stage:
    """A venue and, unless not wanted, a guard; close it with `stop`."""
    stage = Stage(home, 0, [])
    venue = stage.start("venue", stdout=subprocess.PIPE)
    assert venue.stdout is not None
    stage.port = int(venue.stdout.readline())
    if with_guard:
        stage.start("guard", str(home), str(stage.port), str(stale_s), stdout=subprocess.PIPE)
        until((home / "guard" / "control.sock").exists)
    return stage


def until(holds: Callable[[], bool], within_s: float = WAIT_S) -> None:
    """Wait for it; raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the stage did not come so far in time")
        time.sleep(0.005)


def one_round(stage: Stage, *, continue_after_s: float | None) -> dict[str, Any]:
    """Start, let orders rest, stop, halt, continue; what came of it. continue_after_s: after the epoch rose; None: after all."""
    trade = stage.start("trade", str(stage.home), str(stage.port))
    until(lambda: len(stage.ask("/open")) >= OPEN_ORDERS)
    with open_epoch(stage.home) as epoch:
        before = epoch.epoch()
    os.kill(trade.pid, signal.SIGSTOP)
    time.sleep(0.02)  # what it had put on the wire arrives
    begun_ns = time.time_ns()
    command = [sys.executable, "-m", "tradewinds.app.halt", "--home", str(stage.home), "--json"]
    halt = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    continued_ns = None
    if continue_after_s is not None:
        with open_epoch(stage.home) as epoch:
            until(lambda: epoch.epoch() > before)
        time.sleep(continue_after_s)
        continued_ns = time.time_ns()
        trade.send_signal(signal.SIGCONT)
    report = json.loads(_printed(halt.stdout))
    code = halt.wait()
    if halt.stdout is not None:
        halt.stdout.close()
    ended_ns = time.time_ns()
    if continued_ns is None:
        continued_ns = ended_ns
        trade.send_signal(signal.SIGCONT)
    time.sleep(AFTER_CONTINUE_S)
    log = stage.ask("/log")
    mine = [one for one in log if one["created_ns"] > begun_ns - 60 * 10**9]
    cancelled_ns = max((one["updated_ns"] for one in mine if one["status"] == "cancelled"), default=0)
    raised_ns = report.get("raised_ns", begun_ns)
    result = {
        "code": code,
        "to_all_cancelled_s": (cancelled_ns - begun_ns) / 1e9,
        "epoch_to_all_cancelled_s": (cancelled_ns - raised_ns) / 1e9,
        "to_end_s": (ended_ns - begun_ns) / 1e9,
        "open": len(stage.ask("/open")),
        "sent_after": sum(one["created_ns"] > continued_ns for one in mine),
        "sent_after_end": sum(one["created_ns"] > ended_ns for one in mine),
        "killed": "killed" in report["service"],
        "is_clear": bool(report["is_clear"]),
    }
    trade.kill()
    trade.wait()
    (stage.home / "halt" / "service.json").unlink(missing_ok=True)
    return result


def _printed(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.read()


def run(quick: bool = False) -> dict[str, Any]:
    """Figures and reaches. quick: 4 and 2 rounds instead of 100 and 20."""
    count, meanwhile = (4, 2) if quick else (100, 20)
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="bench-halt-") as folder:
        stage = open_stage(Path(folder))
        try:
            rounds = [one_round(stage, continue_after_s=None) for _ in range(count)]
            raced = [one_round(stage, continue_after_s=chance.uniform(0.0, 0.3)) for _ in range(meanwhile)]
        finally:
            stage.stop()
    both = rounds + raced
    clear = sum(one["code"] == 0 and one["is_clear"] and one["open"] == 0 and one["sent_after"] == 0 for one in rounds)
    ended = sum(one["code"] == 0 and one["is_clear"] and one["open"] == 0 and one["sent_after_end"] == 0 for one in raced)
    p99 = _quantile(both, "to_all_cancelled_s", 0.99)
    return {
        "figures": {
            "halt_to_all_cancelled_p50_s": _quantile(both, "to_all_cancelled_s", 0.5),
            "halt_to_all_cancelled_p99_s": p99,
            "epoch_to_all_cancelled_p99_s": _quantile(both, "epoch_to_all_cancelled_s", 0.99),
            "command_p99_s": _quantile(both, "to_end_s", 0.99),
            "rounds": count,
            "rounds_clear": clear,
            "orders_sent_after_sigcont": sum(one["sent_after"] for one in rounds),
            "raced_rounds": meanwhile,
            "raced_rounds_clear": ended,
            "raced_rounds_killed": sum(one["killed"] for one in raced),
            "raced_orders_on_their_way_at_sigcont": sum(one["sent_after"] for one in raced),
        },
        "peers": {},
        "reach": {
            "halt_to_all_cancelled_p99_s": market.reach(p99, 1.0),
            "rounds_not_clear": market.reach(count - clear, 0.0),
            "raced_rounds_not_clear": market.reach(meanwhile - ended, 0.0),
        },
        "machine": market.machine() | {"open_orders_at_least": OPEN_ORDERS},
    }


def _quantile(rounds: list[dict[str, Any]], name: str, share: float) -> float:
    return round(float(np.quantile([one[name] for one in rounds], share)), 3)


if __name__ == "__main__":
    print(json.dumps(run(quick="--quick" in sys.argv)))
