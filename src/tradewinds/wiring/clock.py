"""Which clock is in force: the machine's, one that a replay moves, or one that runs fast."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.wire.clock import SystemClock

__all__ = ["FileClock", "ReplayClock", "RunningClock", "SystemClock"]

_RUNNING = re.compile(r"(?P<at>\S+) speed (?P<speed>[0-9.]+) since (?P<since>[0-9]+)")


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


@dataclass(frozen=True, slots=True)
class RunningClock:
    """Showed `at_ns` when the machine's monotonic clock stood at `since_ns`, and runs `speed` times as fast.

    Processes of one machine share the monotonic clock, so that all of them, and the local venues, tell the same time; cut to whole
    microseconds, which is what the lake keeps.
    """

    at_ns: int
    speed: float
    since_ns: int
    ticks: Callable[[], int] = field(default=time.monotonic_ns, repr=False, compare=False)

    def now_ns(self) -> int:
        return (self.at_ns + int((self.ticks() - self.since_ns) * self.speed)) // 1_000 * 1_000

    @property
    def setting(self) -> str:
        """How the configuration says it."""
        from tradewinds.core.instant import text

        return f"{text(self.at_ns)} speed {self.speed:g} since {self.since_ns}"


def running_clock(setting: str) -> RunningClock | None:
    """The clock of `<instant> speed <times> since <monotonic ns>`; None where the setting is another kind."""
    match = _RUNNING.fullmatch(setting.strip())
    if match is None:
        return None
    speed = float(match["speed"])
    if not speed > 0:
        raise Rejected(f"clock {setting!r}: speed {speed:g}, expected a positive one")
    return RunningClock(parse(match["at"]), speed, int(match["since"]))
