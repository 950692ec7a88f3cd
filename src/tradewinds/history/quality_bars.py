"""What one vendor's bars of one instrument say about themselves, as arrays. Nothing is altered.

Each check first asks one cheap question of the whole array; only where the answer is not "all is well" does it look closer.
A fault is (first row, last row, kind, field, detail); rows that follow each other make one fault.

    duplicate     the same bar twice, all numbers equal
    revised       the same bar twice, known at different times with different numbers
    conflict      the same bar twice with different numbers, known at the same time
    unordered     rows that run backwards in time
    gap           expected bars that are missing
    shift         bars that do not begin on the grid of their interval
    impossible    a price or volume that no market can have made
    spike         a move far outside of the usual; it may be real
    unit          a move of a factor of five or more
    stale         a traded bar that repeats the one before to the last digit
    volume_scale  volume that does not fit its quote volume, its price range or the days around it
    late, future  known later than allowed, or lying in the future
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_HOUR, text

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

VOLUME_MAX = float(2**63)
UNIT_MOVE = 4.0  # a fivefold price
BLOCK_RATIO = 50.0
BLOCKS_MIN = 10


@dataclass(frozen=True, slots=True)
class BarLimits:
    """spike_least: smallest move that can be a spike, as a fraction. spike_scales: how many usual moves it must be.

    lateness_ns: how long after its end a bar may become known; None where that does not matter (archives).
    volume_block: bars whose summed volume is compared with that of other such blocks.
    """

    spike_least: float = 0.05
    spike_scales: float = 20.0
    lateness_ns: int | None = None
    volume_block: int = 1440

    def __post_init__(self) -> None:
        if not 0 < self.spike_least < 10:
            raise Rejected(f"bar limits: spike_least {self.spike_least}, expected a fraction above 0 and below 10")
        if self.volume_block < 1:
            raise Rejected(f"bar limits: volume_block {self.volume_block}, expected at least 1")


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one instrument in the order of their start; optional arrays are None where the vendor does not state them.

    has_volume: whether volumes are stated at all; where they are not (currencies), nothing is expected of them.
    """

    start: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    event: Ints | None = None
    known: Ints | None = None
    quote_volume: Floats | None = None
    has_volume: bool = True

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows first..last (both included) of the bars, and their instants; a gap names the bar before it and its own instants."""

    first: int
    last: int
    kind: str
    field: str | None
    detail: str
    start_ns: int | None = None
    end_ns: int | None = None


def bar_faults(
    bars: Bars, limits: BarLimits, *, interval_ns: int | None, expected: Ints | None = None, now_ns: int | None = None
) -> list[Fault]:
    """Every fault of the bars. Gaps are found against `expected` starts, or else on the grid of `interval_ns`; neither: not at all."""
    if len(bars) == 0:
        return [] if expected is None else _missing(bars.start, expected)
    found: list[Fault] = []
    if len(bars) > 1 and bool((bars.start[1:] <= bars.start[:-1]).any()):
        found, bars = _in_order(bars)
    found += _times(bars, interval_ns, expected)
    found += _impossible(bars)
    found += _moves(bars, limits)
    found += _stale(bars)
    found += _volumes(bars, limits)
    found += _arrivals(bars, limits, now_ns)
    return [_timed(fault, bars, interval_ns) for fault in found]


def gap_before(bars: Bars, known_until_ns: int, interval_ns: int) -> list[Fault]:
    """The bars missing between those already known and these."""
    first = int(bars.start.min())
    if first - known_until_ns < interval_ns:
        return []
    missing = -(-(first - known_until_ns) // interval_ns)
    return [Fault(0, 0, "gap", None, f"{missing} bars missing until {text(first)}", known_until_ns, first)]


def _timed(fault: Fault, bars: Bars, interval_ns: int | None) -> Fault:
    """The fault with the instants of its rows, where it has none yet."""
    if fault.start_ns is not None:
        return fault
    end = None
    if bars.event is not None:
        end = int(bars.event[fault.last])
    elif interval_ns is not None:
        end = int(bars.start[fault.last]) + interval_ns
    return replace(fault, start_ns=int(bars.start[fault.first]), end_ns=end)


def _runs(mask: Bools, fault: Callable[[int, int], Fault]) -> list[Fault]:
    """One fault per run of True."""
    at = np.flatnonzero(mask)
    if len(at) == 0:
        return []
    return [fault(int(run[0]), int(run[-1])) for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)]


def _in_order(bars: Bars) -> tuple[list[Fault], Bars]:
    """Faults of order and repetition, and the bars sorted with the last known of each start."""
    found = _runs(
        np.concatenate([[False], bars.start[1:] < bars.start[:-1]]),
        lambda a, b: Fault(a, b, "unordered", None, f"starts at {text(int(bars.start[a]))}, after a bar of {text(int(bars.start[a - 1]))}"),
    )
    known = bars.known if bars.known is not None else np.zeros(len(bars), dtype=np.int64)
    order = np.lexsort((known, bars.start))
    same = bars.start[order][1:] == bars.start[order][:-1]
    for k in np.flatnonzero(same).tolist():
        one, other = int(order[k]), int(order[k + 1])
        columns = (bars.open, bars.high, bars.low, bars.close, *([bars.volume] if bars.has_volume else []))
        if all(column[one] == column[other] for column in columns):
            found.append(Fault(other, other, "duplicate", None, "the same bar more than once"))
        elif known[one] != known[other]:
            found.append(Fault(other, other, "revised", None, f"close {bars.close[one]:.10g} became {bars.close[other]:.10g}"))
        else:
            found.append(Fault(other, other, "conflict", None, f"closes {bars.close[one]:.10g} and {bars.close[other]:.10g} of one bar"))
    keep = order[np.concatenate([~same, [True]])]
    found = [_timed(fault, bars, None) for fault in found]  # their rows are those before sorting
    return found, Bars(
        bars.start[keep],
        bars.open[keep],
        bars.high[keep],
        bars.low[keep],
        bars.close[keep],
        bars.volume[keep],
        None if bars.event is None else bars.event[keep],
        None if bars.known is None else bars.known[keep],
        None if bars.quote_volume is None else bars.quote_volume[keep],
        bars.has_volume,
    )


def _times(bars: Bars, interval_ns: int | None, expected: Ints | None) -> list[Fault]:
    if expected is not None:
        extra = ~np.isin(bars.start, expected)
        off = _runs(extra, lambda a, b: Fault(a, b, "shift", None, f"{b - a + 1} bars where the calendar expects none"))
        return [*off, *_missing(bars.start, expected)]
    if interval_ns is None:
        return []
    steps = bars.start[1:] - bars.start[:-1]
    aligned = int(bars.start[0]) % interval_ns == 0
    if aligned and bool((steps == interval_ns).all()):
        return []
    found = _runs(
        bars.start % interval_ns != 0, lambda a, b: Fault(a, b, "shift", None, f"{b - a + 1} bars off the grid of their interval")
    )
    for k in np.flatnonzero(steps > interval_ns).tolist():
        begin, end = int(bars.start[k]) + interval_ns, int(bars.start[k + 1])
        missing = -(-(end - begin) // interval_ns)
        if missing:
            found.append(Fault(k, k, "gap", None, f"{missing} bars missing until {text(end)}", begin, end))
    return found


def _missing(start: Ints, expected: Ints) -> list[Fault]:
    """Runs of expected starts without a bar."""
    absent = ~np.isin(expected, start)
    return _runs(
        absent,
        lambda a, b: Fault(
            0, 0, "gap", None, f"{b - a + 1} bars missing until {text(int(expected[b]))}", int(expected[a]), int(expected[b])
        ),
    )


def _impossible(bars: Bars) -> list[Fault]:
    o, h, low, c = bars.open, bars.high, bars.low, bars.close
    good = low > 0
    good &= h < np.inf
    for price in (o, c):
        good &= h >= price
        good &= low <= price
    found: list[Fault] = []
    if not good.all():
        found = _runs(
            ~good,
            lambda a, b: Fault(
                a,
                b,
                "impossible",
                None,
                f"open {o[a]:.10g}, high {h[a]:.10g}, low {low[a]:.10g}, close {c[a]:.10g}: expected 0 < low <= open, close <= high",
            ),
        )
    if not bars.has_volume:
        return found
    good = bars.volume >= 0
    good &= bars.volume < VOLUME_MAX
    if not good.all():
        found += _runs(~good, lambda a, b: Fault(a, b, "impossible", "volume", f"volume {bars.volume[a]:.10g}, expected 0 to 2^63"))
    return found


def _moves(bars: Bars, limits: BarLimits) -> list[Fault]:
    """Closes far from the close before, and highs and lows far from both open and close."""
    close, least = bars.close, 1 + limits.spike_least
    wide = bars.high > bars.low * least
    wide[1:] |= close[1:] > close[:-1] * least
    wide[1:] |= close[1:] * least < close[:-1]
    if not wide.any():
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        log_close = np.log(close)
        move = np.zeros(len(bars))
        move[1:] = log_close[1:] - log_close[:-1]
        top, bottom = np.maximum(bars.open, close), np.minimum(bars.open, close)
        up, down = np.log(bars.high / top), np.log(bottom / bars.low)
    moved = np.abs(move[np.isfinite(move) & (move != 0)])
    usual = 1.4826 * float(np.median(moved)) if len(moved) else 0.0
    threshold = max(float(np.log(least)), limits.spike_scales * usual)
    found: list[Fault] = []
    for t in np.flatnonzero(wide).tolist():
        if abs(move[t]) >= np.log1p(UNIT_MOVE):
            found.append(Fault(t, t, "unit", "close", f"close {close[t]:.10g} after {close[t - 1]:.10g}"))
        elif abs(move[t]) > threshold:
            found.append(Fault(t, t, "spike", "close", f"close {close[t]:.10g} after {close[t - 1]:.10g}: {np.expm1(move[t]):+.1%}"))
        elif up[t] > threshold:
            found.append(Fault(t, t, "spike", "high", f"high {bars.high[t]:.10g}, open {bars.open[t]:.10g}, close {close[t]:.10g}"))
        elif down[t] > threshold:
            found.append(Fault(t, t, "spike", "low", f"low {bars.low[t]:.10g}, open {bars.open[t]:.10g}, close {close[t]:.10g}"))
    return found


def _stale(bars: Bars) -> list[Fault]:
    same = bars.volume[1:] == bars.volume[:-1]
    same &= bars.volume[1:] > 0
    at = np.flatnonzero(same)
    if len(at) == 0:
        return []
    for column in (bars.open, bars.high, bars.low, bars.close):
        at = at[column[at + 1] == column[at]]
    mask = np.zeros(len(bars), dtype=np.bool_)
    mask[at + 1] = True
    return _runs(mask, lambda a, b: Fault(a, b, "stale", None, f"{b - a + 1} traded bars repeat the one before to the last digit"))


def _volumes(bars: Bars, limits: BarLimits) -> list[Fault]:
    found: list[Fault] = []
    if not bars.has_volume:
        return found
    silent = bars.volume == 0
    if silent.any():
        moving = silent & (bars.high > bars.low)
        found += _runs(moving, lambda a, b: Fault(a, b, "volume_scale", "volume", "volume 0 although the price moved"))
    if bars.quote_volume is not None:
        quote, traded = bars.quote_volume, bars.volume
        # One part in a thousand: venues round volume and quote volume each on its own.
        wrong = quote > traded * bars.high * 1.001
        wrong |= quote < traded * bars.low * 0.999
        if wrong.any():
            wrong &= (traded > 0) | (quote > 0)
            found += _runs(
                wrong,
                lambda a, b: Fault(
                    a,
                    b,
                    "volume_scale",
                    "volume",
                    f"quote volume {quote[a]:.10g} over volume {traded[a]:.10g} lies outside of low and high",
                ),
            )
    block = limits.volume_block
    whole = len(bars) // block
    if whole >= BLOCKS_MIN:
        sums = np.add.reduceat(bars.volume[: whole * block], np.arange(0, whole * block, block))
        usual = float(np.median(sums))
        odd = (sums > BLOCK_RATIO * usual) | ((sums * BLOCK_RATIO < usual) & (sums > 0))
        if usual > 0 and odd.any():
            found += _runs(
                odd,
                lambda a, b: Fault(
                    a * block, (b + 1) * block - 1, "volume_scale", "volume", f"volume {sums[a]:.6g} in {block} bars, usual {usual:.6g}"
                ),
            )
    return found


def _arrivals(bars: Bars, limits: BarLimits, now_ns: int | None) -> list[Fault]:
    found: list[Fault] = []
    end = bars.event if bars.event is not None else bars.start
    if now_ns is not None and int(end.max()) > now_ns:
        found += _runs(
            end > now_ns, lambda a, b: Fault(a, b, "future", None, f"ends at {text(int(end[b]))}, later than now, {text(now_ns)}")
        )
    lateness = limits.lateness_ns
    if lateness is not None and bars.known is not None:
        delay = bars.known - end
        late = delay > lateness
        if late.any():
            found += _runs(
                late,
                lambda a, b: Fault(
                    a, b, "late", None, f"known {delay[a] / NS_PER_HOUR:.1f} h after its end, expected within {lateness / NS_PER_HOUR:g} h"
                ),
            )
    return found
