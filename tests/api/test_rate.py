"""Token buckets: how many at once, how many a second, and that time never runs back."""

from __future__ import annotations

import pytest

from tradewinds.app.api.rate import BUCKETS_MAX, Buckets


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    buckets = Buckets(2.0, 3.0)

    assert [buckets.wait_s("ada", 10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.wait_s("bob", 10.0) == 0.0
    assert buckets.wait_s("ada", 10.5) == 0.0
    assert buckets.wait_s("ada", 10.75) == pytest.approx(0.25)


def test_a_request_that_comes_with_an_earlier_time_takes_nothing_from_others() -> None:
    buckets = Buckets(1e6, 2.0)
    buckets.wait_s("ada", 10.0)

    assert buckets.wait_s("ada", 9.0) == 0.0
    assert buckets.wait_s("ada", 10.1) == 0.0


def test_the_oldest_buckets_are_forgotten() -> None:
    buckets = Buckets(0.001, 1.0)
    for number in range(BUCKETS_MAX + 1):
        buckets.wait_s(str(number), 0.0)

    assert buckets.wait_s("0", 0.0) == 0.0  # forgotten, and begins anew
    assert buckets.wait_s(str(BUCKETS_MAX), 0.0) > 0.0
