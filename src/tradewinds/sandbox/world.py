"""What all local venues share: one configuration, clock, market, book of faults and log of requests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from tradewinds.sandbox.bars import Bars
from tradewinds.sandbox.clock import VenueClock
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.conversation import Venue
from tradewinds.sandbox.faults import FaultBook
from tradewinds.sandbox.listings import Listing
from tradewinds.sandbox.market import Kind, SeededMarket
from tradewinds.sandbox.venue_order import Quote

_PATHS_MAX = 20_000
_RECENT = 1_000


class BarSource(Protocol):
    """Where the Binance venues take bars from: the seeded market, or recorded files."""

    def symbols(self, kind: Kind) -> Sequence[str]: ...

    def listing(self, symbol: str, kind: Kind) -> Listing | None: ...

    def covers(self, symbol: str, start_ms: int, end_ms: int) -> bool:
        """Whether a listed symbol has anything at all in the period."""
        ...

    def bars(self, symbol: str, interval: str, start_ms: int, end_ms: int, now_ms: int, kind: Kind) -> Bars: ...

    def minutes(self, symbol: str, start_ms: int, end_ms: int, kind: Kind) -> Bars: ...


class RequestLog:
    """Counts of requests by venue and by path, and the latest of them; bounded."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_venue: Counter[str] = Counter()
        self._by_path: Counter[str] = Counter()
        self._recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)

    def count(self, venue: str, method: str, path: str, query: str, client: str) -> None:
        """One request more."""
        with self._lock:
            self._by_venue[venue] += 1
            key = f"{venue}:{path}"
            if key in self._by_path or len(self._by_path) < _PATHS_MAX:
                self._by_path[key] += 1
            self._recent.append({"venue": venue, "method": method, "path": path, "query": query, "client": client})

    def describe(self) -> dict[str, Any]:
        """Everything counted so far."""
        with self._lock:
            total = sum(self._by_venue.values())
            return {"total": total, "by_venue": dict(self._by_venue), "by_path": dict(self._by_path), "recent": list(self._recent)}

    def clear(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._by_venue.clear()
            self._by_path.clear()
            self._recent.clear()


@dataclass(slots=True)
class World:
    """The state behind every venue of one sandbox.

    set_quotes: prices set by hand, by kind of market and symbol. trading: the venues that trade, by name, once they were asked for.
    """

    config: SandboxConfig
    clock: VenueClock
    market: SeededMarket
    source: BarSource
    faults: FaultBook
    monotonic: Callable[[], float]
    requests: RequestLog = field(default_factory=RequestLog)
    set_quotes: dict[tuple[Kind, str], Quote] = field(default_factory=dict)
    trading: dict[str, Venue] = field(default_factory=dict)

    def bars(self, venue: str, symbol: str, interval: str, start_ms: int, end_ms: int, kind: Kind) -> Bars:
        """Bars as this venue would show them now, faults included."""
        now_ms = self.clock.now_ms()
        found = self.source.bars(symbol, interval, start_ms, end_ms, now_ms, kind)
        return self.faults.alter(found, venue, symbol, now_ms * 1_000_000)
