"""Historical bars at the local TWS: what may be asked how often, which bar sizes go with which duration, and the answer.

Pacing as Interactive Brokers states it for bars of 30 seconds and less: no identical request within 15 s, fewer than six for one contract
within 2 s, at most sixty within ten minutes, where bids and asks together count twice. The first two hold here for longer bars too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

NS = 1_000_000_000
IDENTICAL_S, BURST_S, WINDOW_S = 15.0, 2.0, 600.0
BURST_MAX, WINDOW_MAX = 6, 60
UNITS_S = {"S": 1, "D": 86_400, "W": 7 * 86_400, "M": 30 * 86_400, "Y": 365 * 86_400}
SIZES_S = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30, "1 min": 60, "2 mins": 120, "3 mins": 180, "5 mins": 300,
    "10 mins": 600,
    "15 mins": 900, "20 mins": 1_200, "30 mins": 1_800, "1 hour": 3_600, "2 hours": 7_200, "3 hours": 10_800, "4 hours": 14_400,
    "8 hours": 28_800,
    "1 day": 86_400, "1W": 604_800, "1M": 2_592_000,
}  # fmt: skip
# The longest duration, in seconds, and the smallest and largest bar that go with it.
STEPS = (
    (60, 1, 60), (120, 1, 120), (1_800, 1, 1_800), (3_600, 5, 3_600), (14_400, 10, 10_800), (28_800, 30, 28_800), (86_400, 60, 86_400),
    (2 * 86_400, 120, 86_400), (7 * 86_400, 180, 604_800), (31 * 86_400, 1_800, 2_592_000), (366 * 86_400, 86_400, 2_592_000),
)  # fmt: skip
WHAT = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "AGGTRADES")


class Bar(NamedTuple):
    """One bar that begins at `start_ns`. trades: or updates of a quote."""

    start_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    average: str
    trades: int


BarFeed = Callable[[str, str, int, int, int], list[Bar]]
"""(instrument, what, seconds, start_ns, end_ns) -> bars that begin in [start_ns, end_ns), the one under way included."""


class Wanted(NamedTuple):
    """What a request for bars asks: in nanoseconds and seconds."""

    end_ns: int
    duration_s: int
    size_s: int
    what: str
    is_epoch: bool

    def start_ns(self) -> int:
        return self.end_ns - self.duration_s * NS


@dataclass(slots=True)
class Pacing:
    """Requests for bars of one gateway."""

    _identical: dict[tuple[str, ...], float] = field(default_factory=dict)
    _bursts: dict[str, deque[float]] = field(default_factory=dict)
    _window: deque[float] = field(default_factory=deque)

    def problem(self, key: tuple[str, ...], now_s: float) -> str:
        """Why a request comes too soon; "" where it does not, and then it is counted."""
        contract, what, size = key[0], key[1], key[2]
        before = self._identical.get(key)
        if before is not None and now_s - before < IDENTICAL_S:
            return "identical request within 15 seconds"
        burst = self._bursts.setdefault(f"{contract} {what}", deque())
        while burst and now_s - burst[0] >= BURST_S:
            burst.popleft()
        if len(burst) >= BURST_MAX - 1:
            return "six or more requests for the same contract within two seconds"
        while self._window and now_s - self._window[0] >= WINDOW_S:
            self._window.popleft()
        weight = 2 if what == "BID_ASK" else 1
        if int(size) <= 30 and len(self._window) + weight > WINDOW_MAX:
            return "more than 60 requests within ten minutes"
        self._identical[key] = now_s
        burst.append(now_s)
        if int(size) <= 30:
            self._window.extend([now_s] * weight)
        return ""


def wanted(end: str, duration: str, size: str, what: str, date_format: str, now_ns: int) -> Wanted | str:
    """The request in numbers, or what is wrong with it."""
    number, _, unit = duration.partition(" ")
    if not number.isdigit() or unit not in UNITS_S or int(number) == 0:
        return f"Historical data query duration {duration!r} is invalid"
    if size not in SIZES_S:
        return f"Historical data bar size setting is invalid. Legal ones are: {', '.join(SIZES_S)}"
    if what not in WHAT:
        return f"What to show field is missing or incorrect: {what}"
    duration_s, size_s = int(number) * UNITS_S[unit], SIZES_S[size]
    allowed = next(((low, high) for longest, low, high in STEPS if duration_s <= longest), (86_400, 2_592_000))
    if not allowed[0] <= size_s <= allowed[1]:
        return f"invalid step: {size} within {duration}"
    end_ns = now_ns if not end else instant(end)
    return end_ns if isinstance(end_ns, str) else Wanted(min(end_ns, now_ns), duration_s, size_s, what, date_format == "2")


def instant(text: str) -> int | str:
    """A time as requests spell it (20261121 14:30:00 UTC, 20261121-14:30:00), or what is wrong with it."""
    day, _, rest = text.replace("-", " ", 1).partition(" ")
    clock, _, zone = rest.strip().partition(" ")
    try:
        read = datetime.strptime(day + clock, "%Y%m%d%H:%M:%S").replace(tzinfo=ZoneInfo(zone or "UTC"))
    except (ValueError, KeyError, OSError):
        return f"The time {text!r} is invalid, expected yyyymmdd hh:mm:ss and a zone"
    return int(read.timestamp()) * NS


def bar_time(start_ns: int, size_s: int, *, is_epoch: bool) -> str:
    """When a bar begins, as the answer spells it: a day for daily bars and longer."""
    at = datetime.fromtimestamp(start_ns // NS, UTC)
    if size_s >= 86_400:
        return at.strftime("%Y%m%d")
    return str(start_ns // NS) if is_epoch else at.strftime("%Y%m%d %H:%M:%S UTC")
