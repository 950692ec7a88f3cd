"""How a peer's script is asked and how it answers: one JSON object on standard output. Runs in every peer's environment."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """What one round came to."""

    fills: int
    equity_final: float


def asked(*, instruments: int = 1, configurations: int = 1) -> argparse.Namespace:
    """--bars --repeat --serve --seed, and how many instruments and configurations."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", type=int, default=20)
    parser.add_argument("--slow", type=int, default=50)
    parser.add_argument("--instruments", type=int, default=instruments)
    parser.add_argument("--configurations", type=int, default=configurations)
    parser.add_argument("--warm", type=int, default=1, help="rounds before that are not counted")
    parser.add_argument("--serve", action="store_true", help="a round for each line that comes, the end with the line `end`")
    return parser.parse_args()


def answer(name: str, version: str, settings: argparse.Namespace, work: Callable[[], Callable[[], Outcome]]) -> None:
    """Do the rounds and print. `work` does the measured part and returns what reads its outcome, which is not measured."""
    base = _peak_mb()
    seconds: list[float] = []
    read: Callable[[], Outcome] | None = None
    for _ in range(settings.warm):
        read = work()

    def once() -> None:
        nonlocal read
        read = None  # frees what the round before has left
        begin = time.perf_counter()
        read = work()
        seconds.append(time.perf_counter() - begin)

    if settings.serve:
        _print({"ready": True})
        for line in sys.stdin:
            if line.strip() == "end":
                break
            once()
            _print({"seconds": seconds[-1]})
    else:
        for _ in range(settings.repeat):
            once()
    peak = _peak_mb()
    outcome = read() if read is not None else Outcome(0, 0.0)
    _print(
        {
            "name": name, "version": version, "bars": settings.bars, "instruments": settings.instruments,
            "configurations": settings.configurations, "seconds": seconds, "fills": outcome.fills, "equity_final": outcome.equity_final,
            "peak_mb": round(peak, 1), "base_mb": round(base, 1),
        }
    )  # fmt: skip


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _print(found: dict[str, object]) -> None:
    print(json.dumps(found), flush=True)
