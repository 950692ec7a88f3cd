"""The only clock of the production rooms: the machine's, or one that a replay moves."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock, cut to whole microseconds, which is what the lake keeps."""

    def now_ns(self) -> int:
        return time.time_ns() // 1_000 * 1_000


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """Stands at one instant: the `clock` of the configuration, in demo and tests."""

    at_ns: int

    def now_ns(self) -> int:
        return self.at_ns
