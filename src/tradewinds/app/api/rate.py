"""Token buckets: how often a principal, or an address that nobody knows yet, may ask. Per process; the oldest are forgotten."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

BUCKETS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second, and how many at once. writes: what changes something. strangers: without token or session, by address."""

    reads_per_s: float = 200.0
    reads_burst: float = 400.0
    writes_per_s: float = 5.0
    writes_burst: float = 20.0
    strangers_per_s: float = 2.0
    strangers_burst: float = 20.0


class Buckets:
    """Buckets by name. One thread."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._kept: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, name: str, now_s: float) -> float:
        """Take one; 0 where there was one, else seconds until there will be."""
        kept = self._kept.get(name)
        if kept is None:
            if len(self._kept) >= BUCKETS_MAX:
                self._kept.popitem(last=False)
            self._kept[name] = [self._burst - 1.0, now_s]
            return 0.0
        # Whoever was looked up in a thread comes with an earlier time than the one before: time never runs back here.
        level = min(self._burst, kept[0] + max(0.0, now_s - kept[1]) * self._per_s)
        kept[1] = max(kept[1], now_s)
        if level >= 1.0:
            kept[0] = level - 1.0
            return 0.0
        kept[0] = level
        return (1.0 - level) / self._per_s
