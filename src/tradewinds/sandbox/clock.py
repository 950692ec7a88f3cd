"""The local venues' own clock. A venue keeps its own time; nothing else of Tradewinds reads this one.

A standing clock shows what it was set to and moves when told; a running one moves by itself, faster than life where `speed` says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_SECOND


class VenueClock:
    """now_ns None: runs with the machine's time. Otherwise it stands at `now_ns`, or runs from there at `speed` when that is positive.

    since_ns: the ticks at which it showed `now_ns`; None: those of now.
    """

    def __init__(
        self, now_ns: int | None = None, *, speed: float = 0.0, since_ns: int | None = None, ticks: Callable[[], int] = time.monotonic_ns
    ) -> None:
        if speed < 0:
            raise Rejected(f"venue clock: speed {speed}, expected 0 (stands) or more")
        self._ticks = ticks
        self._lock = Lock()
        self._speed = 1.0 if now_ns is None else speed
        self._base_ns = time.time_ns() if now_ns is None else now_ns
        self._since = ticks() if since_ns is None else since_ns

    def now_ns(self) -> int:
        """The venue's time."""
        with self._lock:
            return self._now()

    def now_ms(self) -> int:
        """The venue's time in milliseconds."""
        return self.now_ns() // 1_000_000

    @property
    def speed(self) -> float:
        """Venue seconds per second; 0 while it stands."""
        return self._speed

    def set(self, now_ns: int, *, speed: float | None = None) -> None:
        """Show another time from now on; `speed` None keeps the old one."""
        if speed is not None and speed < 0:
            raise Rejected(f"venue clock: speed {speed}, expected 0 (stands) or more")
        with self._lock:
            self._base_ns, self._since = now_ns, self._ticks()
            self._speed = self._speed if speed is None else speed

    def advance(self, seconds: float) -> int:
        """Move on by some seconds; returns the new time."""
        with self._lock:
            self._base_ns, self._since = self._now() + int(seconds * NS_PER_SECOND), self._ticks()
            return self._base_ns

    def _now(self) -> int:
        if self._speed == 0:
            return self._base_ns
        return self._base_ns + int((self._ticks() - self._since) * self._speed)
