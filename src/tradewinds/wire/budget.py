"""One rate budget per vendor and address, shared by every process of this machine.

A venue counts the weight of requests in fixed windows (a minute, five minutes) per address, whichever process sends them.
The budget is a small file:

1. limits are what the venue states (`learn`), kept for the next process; before that nothing is limited but by penalties;
2. `acquire` books weight in the first moment that has room in every window, and returns how long to wait for it;
3. `observe` corrects the count upward by what the venue's headers say it has counted;
4. a 429 or 418 puts a penalty on everybody (`penalise`).

The file is replaced atomically under a lock file; a crash leaves the old state.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND
from tradewinds.core.ports import Clock

# Others may send from the same address (a browser, another machine behind the router): leave them a tenth.
SHARE = 0.9
STEPS_MAX = 1_000
# The longest ban that a venue imposes is three days; a penalty beyond that was written under a wrong clock.
PENALTY_NS_MAX = 4 * NS_PER_DAY
LIMITS_FRESH_NS = NS_PER_DAY
_LETTERS = {"S": NS_PER_SECOND, "M": NS_PER_MINUTE, "H": NS_PER_HOUR, "D": NS_PER_DAY}
_USED = re.compile(r"x-mbx-used-weight-(\d+)([smhd])")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request weighs, and in whose budget ("binance@data-api.binance.vision")."""

    budget: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` of weight (or, with `counts_requests`, of requests) in each span of `span_ns`."""

    span_ns: int
    limit: int
    counts_requests: bool = False

    def __post_init__(self) -> None:
        if self.span_ns <= 0 or self.limit <= 0:
            raise Rejected(f"rate limit: {self.limit} in {self.span_ns} ns, expected positive numbers")

    @property
    def name(self) -> str:
        return f"{'requests' if self.counts_requests else 'weight'}-{self.span_ns}"


class BudgetBook:
    """The budgets kept in one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def budget(self, name: str) -> Budget:
        return Budget(self._folder / (re.sub(r"[^A-Za-z0-9.@_-]", "_", name) + ".json"), self._clock)


class Budget:
    """One budget file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def acquire(self, weight: int, *, what: str = "request", wait_s_max: float = 60.0) -> float:
        """Book `weight` and return the seconds to wait before sending.

        Raises Transient, booking nothing, when that would be longer than `wait_s_max`.
        """
        plain = self._read()
        if not plain["windows"] and plain["penalty_until_ns"] <= self._clock.now_ns():
            return 0.0
        with self._state() as state:
            now_ns = self._clock.now_ns()
            at_ns = _first_room(state, weight, now_ns, now_ns + int(wait_s_max * NS_PER_SECOND))
            wait_s = (at_ns - now_ns) / NS_PER_SECOND
            if wait_s > wait_s_max:
                raise Transient(
                    f"{what}: budget {self._path.stem} has room in {wait_s:.1f} s, expected within {wait_s_max:g} s", retry_after_s=wait_s
                )
            for window in state["windows"]:
                index = str(at_ns // window["span_ns"])
                amount = 1 if window["counts_requests"] else weight
                window["booked"][index] = window["booked"].get(index, 0) + amount
        return wait_s

    def learn(self, windows: Sequence[Window]) -> None:
        """Take over the limits that the venue states; what is already booked stays booked."""
        with self._state() as state:
            booked = {_name(window): window["booked"] for window in state["windows"]}
            state["windows"] = [
                {
                    "span_ns": window.span_ns,
                    "limit": window.limit,
                    "counts_requests": window.counts_requests,
                    "booked": booked.get(window.name, {}),
                }
                for window in windows
            ]
            state["learned_ns"] = self._clock.now_ns()

    def has_fresh_limits(self) -> bool:
        """Whether the venue's limits were learned within the last day."""
        learned_ns = self._read()["learned_ns"]
        return learned_ns is not None and abs(self._clock.now_ns() - learned_ns) < LIMITS_FRESH_NS

    def observe(self, headers: Mapping[str, str]) -> None:
        """Correct the count by `X-MBX-USED-WEIGHT-1M` and its like: the venue may have counted more than we booked."""
        used = {
            int(match[1]) * _LETTERS[match[2].upper()]: int(value)
            for name, value in headers.items()
            if (match := _USED.fullmatch(name.lower())) and value.isdigit()
        }
        if not used:
            return
        with self._state() as state:
            now_ns = self._clock.now_ns()
            for window in state["windows"]:
                if not window["counts_requests"] and window["span_ns"] in used:
                    index = str(now_ns // window["span_ns"])
                    window["booked"][index] = max(window["booked"].get(index, 0), used[window["span_ns"]])

    def penalise(self, wait_s: float) -> None:
        """Nobody sends for so long; a longer penalty that already stands is kept."""
        with self._state() as state:
            until_ns = self._clock.now_ns() + int(wait_s * NS_PER_SECOND)
            state["penalty_until_ns"] = max(state["penalty_until_ns"], until_ns)

    def used(self, span_ns: int) -> int:
        """Weight booked in the current window of that span."""
        now_ns = self._clock.now_ns()
        for window in self._read()["windows"]:
            if window["span_ns"] == span_ns and not window["counts_requests"]:
                return int(window["booked"].get(str(now_ns // span_ns), 0))
        return 0

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self._path.read_text())
            return state if isinstance(state, dict) and state.get("format") == 1 else _fresh()
        except (FileNotFoundError, ValueError):
            return _fresh()

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        """The state, exclusively; stored when the block ends well."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self._read()
            yield state
            _forget_the_past(state, self._clock.now_ns())
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps(state, sort_keys=True))
            os.replace(draft, self._path)


def _fresh() -> dict[str, Any]:
    return {"format": 1, "learned_ns": None, "penalty_until_ns": 0, "windows": []}


def _name(window: Mapping[str, Any]) -> str:
    return Window(window["span_ns"], window["limit"], window["counts_requests"]).name


def _first_room(state: Mapping[str, Any], weight: int, now_ns: int, until_ns: int) -> int:
    """The first instant from now on that has room in every window; the search ends where it passes `until_ns`."""
    penalty_ns = state["penalty_until_ns"] - now_ns
    at_ns = now_ns + (penalty_ns if 0 < penalty_ns <= PENALTY_NS_MAX else 0)
    for _ in range(STEPS_MAX):
        full = [window for window in state["windows"] if not _has_room(window, weight, at_ns)]
        if not full or at_ns > until_ns:
            return at_ns
        at_ns = max((at_ns // window["span_ns"] + 1) * window["span_ns"] for window in full)
    return at_ns


def _has_room(window: Mapping[str, Any], weight: int, at_ns: int) -> bool:
    amount = 1 if window["counts_requests"] else weight
    booked = window["booked"].get(str(at_ns // window["span_ns"]), 0)
    # A request heavier than the whole share still goes, alone: refusing it for ever helps nobody.
    return bool(booked == 0 or booked + amount <= SHARE * window["limit"])


def _forget_the_past(state: Mapping[str, Any], now_ns: int) -> None:
    for window in state["windows"]:
        current = now_ns // window["span_ns"]
        window["booked"] = {index: amount for index, amount in window["booked"].items() if int(index) >= current}
