"""Fixtures of the wire tests: a clock that moves only when somebody sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tradewinds.wire.http import HttpClient, Limits


class SleepingClock:
    """Time passes by sleeping; what was slept is remembered."""

    def __init__(self, now_ns: int = 1_800_000_000_000_000_000) -> None:
        self._now_ns = now_ns
        self.slept: list[float] = []

    def now_ns(self) -> int:
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now_ns += round(seconds * 1_000_000_000)


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock()


@pytest.fixture
def make_http(clock: SleepingClock) -> Iterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def make(**options: object) -> HttpClient:
        settings = {"sleep": clock.sleep, "random": random.Random(7), "limits": Limits()} | options
        made.append(HttpClient(clock, **settings))  # type: ignore[arg-type]  # options are passed through
        return made[-1]

    yield make
    for client in made:
        client.close()
