"""Clocks that a configuration may name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.wiring.clock import ReplayClock, RunningClock
from tradewinds.wiring.house import clock_of

NOON = parse("2025-03-14T12:00:00Z")


def test_a_running_clock_runs_as_many_times_faster() -> None:
    clock = RunningClock(NOON, 30.0, 1_000, ticks=lambda: 2_000_001_000)

    assert clock.now_ns() == NOON + 60 * 10**9


def test_its_setting_makes_the_same_clock_in_another_process() -> None:
    clock = RunningClock(NOON, 2.5, 77)

    again = clock_of(clock.setting)

    assert isinstance(again, RunningClock)
    assert replace(again, ticks=clock.ticks) == clock


def test_a_plain_instant_stands_still() -> None:
    assert clock_of("2025-03-14T12:00:00Z") == ReplayClock(NOON)


def test_a_clock_that_does_not_run_forward_is_refused() -> None:
    with pytest.raises(Rejected, match="speed 0, expected a positive one"):
        clock_of("2025-03-14T12:00:00Z speed 0 since 5")
