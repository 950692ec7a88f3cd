"""Faults that can be switched on: which request they strike, and what they do to bars.

A fault strikes the requests whose venue, path and symbol match, `times` times at most, with `probability` (seeded), while the venue's
clock is in [after_ns, until_ns). Kinds that strike an answer: late, not_found, throttle, ban, error, slow, truncated, checksum,
error_body, reset. Kinds that change bars: missing, duplicated, restated. Kinds for streams: disconnect, gap, shutdown.

Kinds for venues that trade. `*_accepted` did what was asked, `*_not_accepted` did not, and the client cannot tell:
timeout_accepted, timeout_not_accepted (no answer), unknown_accepted, unknown_not_accepted (503 and code -1007), slow_answer (done at
once, told late), cut (the answer breaks off at a byte), twice (the request arrives two times), overtaken (a later request arrives
first), refused_key. On messages of a WebSocket: event_lost, event_twice, event_late, event_overtaken, event_cut (hung up instead).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.sandbox.bars import MINUTE_MS, Bars, Ints

ANSWER_KINDS = ("late", "not_found", "throttle", "ban", "error", "slow", "truncated", "checksum", "error_body", "reset")
BAR_KINDS = ("missing", "duplicated", "restated")
STREAM_KINDS = ("disconnect", "gap", "shutdown")
ORDER_KINDS = (
    "timeout_accepted", "timeout_not_accepted", "unknown_accepted", "unknown_not_accepted", "slow_answer", "cut", "twice", "overtaken",
    "refused_key",
)  # fmt: skip
EVENT_KINDS = ("event_lost", "event_twice", "event_late", "event_overtaken", "event_cut")
KINDS = (*ANSWER_KINDS, *BAR_KINDS, *STREAM_KINDS, *ORDER_KINDS, *EVENT_KINDS)
_DEFAULT_AMOUNT = {
    "timeout_accepted": 30.0,
    "timeout_not_accepted": 30.0,
    "slow_answer": 1.0,
    "overtaken": 1.0,
    "event_late": 1.0,
    "event_overtaken": 1.0,
    "slow": 1.0,
    "throttle": 1.0,
    "ban": 120.0,
    "error": 503.0,
    "missing": 0.01,
    "duplicated": 0.01,
    "restated": 0.01,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One switchable fault.

    venue, path, symbol: patterns with * and ?; `symbol` is compared with every part of the path and every query value.
    method: GET, POST and so on. nth: strikes only the requests of these places, from 1 on, among those that match; empty: all of them.
    amount: seconds for slow, throttle and ban (Retry-After); the status for error; the share of bars for missing, duplicated, restated;
    seconds for timeouts, slow_answer, overtaken and late events; the byte at which cut breaks off.
    start_ms, end_ms: the bars that missing, duplicated and restated may touch.
    """

    kind: str
    venue: str = "*"
    path: str = "*"
    symbol: str = "*"
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    amount: float | None = None
    after_ns: int | None = None
    until_ns: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    method: str = "*"
    nth: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Rejected(f"fault: kind {self.kind!r}, expected one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise Rejected(f"fault {self.kind}: probability {self.probability}, expected 0 to 1")
        if self.times is not None and self.times < 1:
            raise Rejected(f"fault {self.kind}: times {self.times}, expected at least 1")
        if any(place < 1 for place in self.nth):
            raise Rejected(f"fault {self.kind}: nth {self.nth}, expected places from 1 on")

    @property
    def strength(self) -> float:
        """The amount, or what is usual for the kind."""
        return _DEFAULT_AMOUNT.get(self.kind, 0.0) if self.amount is None else self.amount


def fault(facts: Mapping[str, Any]) -> Fault:
    """A fault from JSON or YAML; the four times may be ISO text under `after`, `until`, `start`, `end`."""
    given = dict(facts)
    for name, field, divisor in (
        ("after", "after_ns", 1),
        ("until", "until_ns", 1),
        ("start", "start_ms", 10**6),
        ("end", "end_ms", 10**6),
    ):
        if name in given:
            given[field] = instant.parse(str(given.pop(name))) // divisor
    known = {field.name for field in fields(Fault)}
    unknown = sorted(set(given) - known)
    if unknown or "kind" not in given:
        raise Rejected(f"fault: {unknown or 'no kind'}, expected kind and any of {', '.join(sorted(known))}")
    if "nth" in given:
        given["nth"] = tuple(map(int, given["nth"]))
    return Fault(**given)


class FaultBook:
    """The faults that are switched on, with how often each has struck."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = Lock()
        self._faults: dict[int, Fault] = {}
        self._struck: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._next = 1
        for each in faults:
            self.add(each)

    def add(self, new: Fault) -> int:
        """Switch a fault on; returns its number."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._faults[number] = new
            self._struck[number] = self._seen[number] = 0
            return number

    def clear(self, number: int | None = None) -> int:
        """Switch one fault off, or all; returns how many were on."""
        with self._lock:
            gone = list(self._faults) if number is None else [number] if number in self._faults else []
            for each in gone:
                del self._faults[each]
            return len(gone)

    def describe(self) -> list[dict[str, Any]]:
        """Every fault with its number and how often it has struck."""
        with self._lock:
            return [{"id": number, "struck": self._struck[number], **asdict(each)} for number, each in self._faults.items()]

    def strike(
        self, kinds: tuple[str, ...], venue: str, path: str, values: Iterable[str], now_ns: int, *, method: str = "GET"
    ) -> Fault | None:
        """The first fault of these kinds that strikes this request, counted as struck."""
        names = (*path.strip("/").split("/"), *values)
        with self._lock:
            for number, each in self._faults.items():
                if each.kind not in kinds or each.method not in ("*", method) or not _matches(each, venue, path, names, now_ns):
                    continue
                self._seen[number] += 1
                if each.nth and self._seen[number] not in each.nth:
                    continue
                if each.times is not None and self._struck[number] >= each.times:
                    continue
                if each.probability < 1 and _chance(each.seed, self._seen[number]) >= each.probability:
                    continue
                self._struck[number] += 1
                return each
        return None

    def alter(self, bars: Bars, venue: str, symbol: str, now_ns: int) -> Bars:
        """Bars after every fault that changes them."""
        for each in self.on_bars(venue, symbol, now_ns):
            bars = _altered(bars, each)
        return bars

    def on_bars(self, venue: str, symbol: str, now_ns: int) -> tuple[Fault, ...]:
        """The faults that change bars of a symbol now; two answers differ only if these do."""
        with self._lock:
            return tuple(each for each in self._faults.values() if each.kind in BAR_KINDS and _matches(each, venue, "*", (symbol,), now_ns))


def _matches(each: Fault, venue: str, path: str, names: tuple[str, ...], now_ns: int) -> bool:
    if each.after_ns is not None and now_ns < each.after_ns:
        return False
    if each.until_ns is not None and now_ns >= each.until_ns:
        return False
    is_path = path == "*" or each.path == "*" or fnmatchcase(path, each.path)
    return is_path and fnmatchcase(venue, each.venue) and (each.symbol == "*" or any(fnmatchcase(name, each.symbol) for name in names))


def chosen(each: Fault, start_ms: Ints) -> NDArray[np.bool_]:
    """Which bars a fault touches: its share of them, the same ones whatever was asked."""
    touched = _draw(start_ms, each.seed) < each.strength
    if each.start_ms is not None:
        touched &= start_ms >= each.start_ms
    if each.end_ms is not None:
        touched &= start_ms < each.end_ms
    return touched


def _altered(bars: Bars, each: Fault) -> Bars:
    touched = chosen(each, bars.start_ms)
    if each.kind == "missing":
        return bars.take(~touched)
    if each.kind == "duplicated":
        return bars.take(np.repeat(np.arange(len(bars)), 1 + touched))
    return _restated(bars, touched)


def _restated(bars: Bars, touched: NDArray[np.bool_]) -> Bars:
    unit = max(1, 10 ** (bars.quote_decimals - bars.price_decimals - bars.quantity_decimals))
    extra = np.where(touched, bars.volume // 50 + 1, 0)
    return replace(
        bars,
        volume=bars.volume + extra,
        quote=bars.quote + extra * bars.close * unit,
        trades=bars.trades + touched,
    )


def _draw(start_ms: Ints, seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each bar that depends on its time and the seed alone (splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        mixed = (start_ms // MINUTE_MS).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed + 1) * np.uint64(
            0xD1B54A32D192ED03
        )
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    drawn: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return drawn


def _chance(seed: int, count: int) -> float:
    return float(_draw(np.array([count * MINUTE_MS], np.int64), seed)[0])
