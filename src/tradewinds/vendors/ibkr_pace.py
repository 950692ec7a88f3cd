"""When TWS takes the next request for historical bars: no two alike within 15 s, fewer than six for one contract within 2 s, and of bars
of half a minute and less at most sixty within ten minutes, where bids and asks together count twice."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

ALIKE_S, BURST_S, WINDOW_S = 15.0, 2.0, 600.0
BURST_MAX, WINDOW_MAX = 5, 60
KEPT_MAX = 10_000

Key = tuple[str, str, str, str, str]
"""Instrument, what, size, end and start of a request."""


@dataclass(slots=True)
class Pace:
    """Of one gateway. Times in seconds of any clock."""

    _alike: dict[Key, float] = field(default_factory=dict)
    _bursts: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _window: deque[float] = field(default_factory=deque)

    def wait_s(self, key: Key, now_s: float, *, is_small: bool) -> float:
        """How long until this request may be sent."""
        at_s = now_s
        if key in self._alike:
            at_s = max(at_s, self._alike[key] + ALIKE_S)
        burst = self._bursts.get(key[:2], deque())
        if len(burst) >= BURST_MAX:
            at_s = max(at_s, burst[-BURST_MAX] + BURST_S)
        room = WINDOW_MAX - _weight(key)
        if is_small and len(self._window) > room:
            at_s = max(at_s, self._window[-room - 1] + WINDOW_S)
        return at_s - now_s

    def count(self, key: Key, at_s: float, *, is_small: bool) -> None:
        """It is sent then."""
        if len(self._alike) >= KEPT_MAX:
            self._alike = {each: sent_s for each, sent_s in self._alike.items() if at_s - sent_s < ALIKE_S}
        self._alike[key] = at_s
        self._bursts.setdefault(key[:2], deque(maxlen=BURST_MAX)).append(at_s)
        while self._window and at_s - self._window[0] >= WINDOW_S:
            self._window.popleft()
        if is_small:
            self._window.extend([at_s] * _weight(key))


def _weight(key: Key) -> int:
    return 2 if key[1] == "BID_ASK" else 1
