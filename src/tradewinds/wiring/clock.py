"""Which clock is in force: the machine's, or one that a replay moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradewinds.core.errors import Transient
from tradewinds.core.instant import parse
from tradewinds.wire.clock import SystemClock

__all__ = ["FileClock", "ReplayClock", "SystemClock"]


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
