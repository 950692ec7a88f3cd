"""`Timers`: what is due when, by kind and name, with waits that grow from try to try."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

NS = 1_000_000_000
Key = tuple[str, str]


@dataclass(slots=True)
class Timers:
    """Times in nanoseconds. Setting a timer again moves it; dropping one forgets how often it was tried."""

    _at: dict[Key, int] = field(default_factory=dict)
    _tries: dict[Key, int] = field(default_factory=dict)
    _heap: list[tuple[int, Key]] = field(default_factory=list)

    def set(self, kind: str, name: str, at_ns: int) -> None:
        """Due at a time, whatever was set before."""
        self._at[kind, name] = at_ns
        heapq.heappush(self._heap, (at_ns, (kind, name)))

    def again(self, kind: str, name: str, now_ns: int, waits_s: Sequence[float], least_s: float = 0.0) -> int:
        """Due after the next of growing waits (the last one repeats), unless it is set already; returns the number of this try."""
        key = kind, name
        if key in self._at:
            return self._tries.get(key, 0)
        tries = self._tries.get(key, 0)
        self._tries[key] = tries + 1
        self.set(kind, name, now_ns + int(max(waits_s[min(tries, len(waits_s) - 1)], least_s) * NS))
        return tries + 1

    def has(self, kind: str, name: str) -> bool:
        """Whether it waits."""
        return (kind, name) in self._at

    def tries(self, kind: str, name: str) -> int:
        """How often `again` set it since it was dropped."""
        return self._tries.get((kind, name), 0)

    def lay(self, kind: str, name: str) -> None:
        """No longer due, but its tries are remembered."""
        self._at.pop((kind, name), None)

    def drop(self, kind: str, name: str) -> None:
        """Neither due nor tried any more."""
        self._at.pop((kind, name), None)
        self._tries.pop((kind, name), None)

    def clear(self) -> None:
        """Nothing is due."""
        self._at.clear()
        self._tries.clear()
        self._heap.clear()

    def next_ns(self) -> int | None:
        """When the first is due, None when nothing is."""
        self._tidy()
        return self._heap[0][0] if self._heap else None

    def due(self, now_ns: int) -> list[Key]:
        """Those due by now, in order of time and name; they no longer wait, but their tries are remembered."""
        found: list[Key] = []
        self._tidy()
        while self._heap and self._heap[0][0] <= now_ns:
            _, key = heapq.heappop(self._heap)
            del self._at[key]
            found.append(key)
            self._tidy()
        return found

    def _tidy(self) -> None:
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
