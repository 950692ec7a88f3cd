"""Fixtures of the vendor tests: a clock that stands still and a client that neither waits nor guesses."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tradewinds.wire.http import HttpClient, Limits

CAPTURED_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z


class StandingClock:
    def now_ns(self) -> int:
        return CAPTURED_NS


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(StandingClock(), sleep=lambda seconds: None, random=random.Random(7), limits=Limits(attempts_max=1)) as client:
        yield client
