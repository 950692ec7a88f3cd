"""Request weight as Binance counts it: by address and minute, 429 above the limit, 418 for those who go on.

Counted in the machine's minutes, not in the venue's, because a venue whose clock stands would never forgive.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

WINDOW_S = 60.0
BAN_S = 120.0
PATIENCE = 10  # requests after the first 429 of a minute before the ban
_ADDRESSES_MAX = 1_000


@dataclass(slots=True)
class Usage:
    """What one address has used: weight in the current minute, refusals in it, and until when it is banned."""

    window: int = -1
    used: int = 0
    refused: int = 0
    banned_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """status: 200, 429 or 418; `retry_after_s` with the latter two."""

    status: int
    used: int
    retry_after_s: int = 0


class WeightBudget:
    """Weight used by every address."""

    def __init__(self, limit: int, monotonic: Callable[[], float], *, patience: int = PATIENCE) -> None:
        self.limit = limit
        self._patience = patience
        self._monotonic = monotonic
        self._lock = Lock()
        self._usage: OrderedDict[str, Usage] = OrderedDict()

    def spend(self, address: str, weight: int) -> Verdict:
        """Charge a request, or say why not."""
        with self._lock:
            now = self._monotonic()
            usage = self._usage.setdefault(address, Usage())
            if len(self._usage) > _ADDRESSES_MAX:
                self._usage.popitem(last=False)
            if now < usage.banned_until:
                return Verdict(418, usage.used, int(usage.banned_until - now) + 1)
            window = int(now // WINDOW_S)
            if window != usage.window:
                usage.window, usage.used, usage.refused = window, 0, 0
            usage.used += weight
            if usage.used <= self.limit:
                return Verdict(200, usage.used)
            usage.refused += 1
            if usage.refused > self._patience:
                usage.banned_until = now + BAN_S
                return Verdict(418, usage.used, int(BAN_S))
            return Verdict(429, usage.used, int((window + 1) * WINDOW_S - now) + 1)

    def give_back(self, address: str, weight: int) -> int:
        """Take back what a request was charged; returns what the address has used."""
        with self._lock:
            usage = self._usage.setdefault(address, Usage())
            usage.used = max(0, usage.used - weight)
            return usage.used
