"""Where an axis has its marks: round numbers and round times.

1. Numbers: the step is 1, 2, 2.5 or 5 times a power of ten, the smallest that gives at most the marks asked for.
2. Times (UTC): the step is the smallest of a list of clock and calendar steps; the label says what changes between marks.
"""

from __future__ import annotations

import math
from datetime import date

from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND, from_date, text, to_date

Tick = tuple[float, str]

_CLOCK_STEPS = (
    *(k * NS_PER_SECOND for k in (1, 5, 15, 30)),
    *(k * NS_PER_MINUTE for k in (1, 2, 5, 10, 15, 30)),
    *(k * NS_PER_HOUR for k in (1, 2, 3, 6, 12)),
    *(k * NS_PER_DAY for k in (1, 2, 5, 10)),
)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_MONTH_NS = 30.4 * NS_PER_DAY


def step_of(width: float, marks: int) -> float:
    """The smallest round step that divides `width` into at most `marks` parts; 1 where there is no width."""
    if not (math.isfinite(width) and width > 0):
        return 1.0
    rough = width / max(1, marks)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if rough <= factor * power * (1 + 1e-9):
            return factor * power
    return 10.0 * power


def number_ticks(low: float, high: float, marks: int = 5) -> list[float]:
    """Round numbers within [low, high]."""
    step = step_of(high - low, marks)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]


def rounded_range(low: float, high: float, marks: int = 5) -> tuple[float, float]:
    """The range widened to round numbers; a range without width gets one around it."""
    if low == high:
        room = abs(low) * 0.01 or 1.0
        low, high = low - room, high + room
    step = step_of(high - low, marks)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def time_ticks(low_ns: int, high_ns: int, marks: int = 8) -> list[Tick]:
    """(instant, label) within [low_ns, high_ns]."""
    width = max(1, high_ns - low_ns)
    for step in _CLOCK_STEPS:
        if width / step <= marks:
            return _clock_ticks(low_ns, high_ns, step)
    months = next((k for k in _MONTH_STEPS if width / (k * _MONTH_NS) <= marks), _MONTH_STEPS[-1])
    return _month_ticks(low_ns, high_ns, months)


def time_label(instant_ns: int, step_ns: float) -> str:
    """What of an instant to print where marks are `step_ns` apart."""
    stamp = text(instant_ns)
    if step_ns < NS_PER_MINUTE:
        return stamp[11:19]
    if step_ns < NS_PER_DAY:
        return stamp[11:16] if stamp[11:16] != "00:00" else stamp[5:10]
    if step_ns < 28 * NS_PER_DAY:
        return stamp[:10] if stamp[5:10] == "01-01" else stamp[5:10]
    return stamp[:7] if step_ns < 360 * NS_PER_DAY else stamp[:4]


def _clock_ticks(low_ns: int, high_ns: int, step: int) -> list[Tick]:
    first = -(-low_ns // step) * step
    return [(at, time_label(at, step)) for at in range(first, high_ns + 1, step)]


def _month_ticks(low_ns: int, high_ns: int, months: int) -> list[Tick]:
    start = to_date(low_ns)
    number = -(-(start.year * 12 + start.month - 1) // months) * months
    ticks: list[Tick] = []
    while number // 12 <= date.max.year:
        at = from_date(date(number // 12, number % 12 + 1, 1))
        if at > high_ns:
            break
        if at >= low_ns:
            ticks.append((at, time_label(at, months * _MONTH_NS)))
        number += months
    return ticks
