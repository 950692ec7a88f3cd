"""The only clock of the production rooms: the machine's, or one that a replay moves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tradewinds.core.errors import Transient
from tradewinds.core.instant import parse


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


@dataclass(frozen=True, slots=True)
class FileClock:
    """Tells the instant that a file holds, read anew each time: whoever replays moves it."""

    path: Path

    def now_ns(self) -> int:
        try:
            return parse(self.path.read_text())
        except OSError as error:
            raise Transient(f"replay clock: {self.path} cannot be read ({error.strerror}), expected a file with one instant") from None
