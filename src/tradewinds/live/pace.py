"""How long a wait on the event loop lasts until the clock in force shows a time: a clock may run faster than the loop's.

What a venue's time decides (the end of a bar, a deadline of an order) waits by this; what the machine takes (a connection, an answer,
a pause between attempts) waits by the loop alone.
"""

from __future__ import annotations

from tradewinds.core.instant import NS_PER_SECOND
from tradewinds.core.ports import Clock


def speed_of(clock: Clock) -> float:
    """Seconds of the clock per second of the event loop; 1 for every clock that says nothing else."""
    return float(getattr(clock, "speed", 1.0))


def loop_seconds(clock: Clock, left_ns: int) -> float:
    """Seconds of the event loop in which so much of the clock's time passes; 0 where none is left."""
    return max(0.0, left_ns / NS_PER_SECOND / speed_of(clock))


def seconds_until(clock: Clock, at_ns: int) -> float:
    """Seconds of the event loop until the clock shows a time; 0 where it has."""
    return loop_seconds(clock, at_ns - clock.now_ns())
