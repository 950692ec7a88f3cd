"""Waits for a venue's time last as long on the event loop as that time takes on the clock in force."""

from __future__ import annotations

from tradewinds.live.pace import loop_seconds, seconds_until
from tradewinds.sandbox.clock import VenueClock
from tradewinds.wiring.clock import ReplayClock, RunningClock, running_clock

NS = 1_000_000_000


def test_a_minute_of_a_clock_that_runs_thirty_times_as_fast_takes_two_seconds() -> None:
    fast = RunningClock(at_ns=0, speed=30.0, since_ns=5 * NS, ticks=lambda: 5 * NS)

    assert seconds_until(fast, 60 * NS) == 2.0
    assert loop_seconds(fast, 15 * NS) == 0.5


def test_a_clock_without_a_speed_runs_with_the_loop_and_what_is_past_is_not_waited_for() -> None:
    standing = ReplayClock(100 * NS)

    assert seconds_until(standing, 103 * NS) == 3.0
    assert seconds_until(standing, 99 * NS) == 0.0


def test_the_venues_clock_and_that_of_a_trading_process_tell_the_same_time_from_the_same_anchor() -> None:
    ticks = 1_000 * NS  # the machine's monotonic clock, 7 s after the anchor
    venue = VenueClock(1_736_404_200 * NS, speed=24.0, since_ns=993 * NS, ticks=lambda: ticks)
    ours = running_clock("2025-01-09T06:30:00Z speed 24 since 993000000000")

    assert ours is not None
    assert RunningClock(ours.at_ns, ours.speed, ours.since_ns, lambda: ticks).now_ns() == venue.now_ns() == (1_736_404_200 + 168) * NS
