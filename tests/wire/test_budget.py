"""The rate budget: windows, penalties, and one count across processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradewinds.core.errors import Transient
from tradewinds.wire.budget import Budget, BudgetBook, Window

MINUTE_NS = 60_000_000_000
FIVE_MINUTES_NS = 300_000_000_000


@pytest.fixture
def budget(tmp_path, clock) -> Budget:
    return BudgetBook(tmp_path, clock).budget("binance@127.0.0.1:8080")


def test_before_anything_is_learned_nothing_waits(budget):
    assert [budget.acquire(1000) for _ in range(5)] == [0.0] * 5
    assert not budget.has_fresh_limits()


def test_a_full_window_sends_the_next_request_to_the_next_window(budget, clock):
    budget.learn([Window(MINUTE_NS, 100)])
    clock.sleep(20)

    waits = [budget.acquire(30) for _ in range(4)]

    assert waits == [0.0, 0.0, 0.0, 40.0]
    assert budget.used(MINUTE_NS) == 90


def test_waits_pile_up_over_windows_until_they_are_too_long(budget):
    budget.learn([Window(MINUTE_NS, 100)])

    assert [budget.acquire(90, wait_s_max=120) for _ in range(3)] == [0.0, 60.0, 120.0]
    with pytest.raises(Transient, match=r"has room in 180\.0 s, expected within 120 s") as caught:
        budget.acquire(90, wait_s_max=120)
    assert caught.value.retry_after_s == 180.0


def test_a_refused_request_books_nothing(budget, clock):
    budget.learn([Window(MINUTE_NS, 100)])
    budget.acquire(90)
    with pytest.raises(Transient):
        budget.acquire(90, wait_s_max=10)
    clock.sleep(60)

    assert budget.acquire(90) == 0.0


def test_every_window_must_have_room(budget):
    budget.learn([Window(MINUTE_NS, 1000), Window(FIVE_MINUTES_NS, 10, counts_requests=True)])

    waits = [budget.acquire(1, wait_s_max=300) for _ in range(10)]

    assert waits == [0.0] * 9 + [300.0]


def test_headers_of_the_venue_correct_the_count_upward_only(budget):
    budget.learn([Window(MINUTE_NS, 6000)])
    budget.acquire(40)

    budget.observe({"X-MBX-USED-WEIGHT-1M": "2500", "x-mbx-used-weight": "2500", "date": "today"})
    assert budget.used(MINUTE_NS) == 2500
    budget.observe({"x-mbx-used-weight-1m": "7"})
    assert budget.used(MINUTE_NS) == 2500


def test_a_penalty_holds_everybody_and_is_never_shortened(tmp_path, clock):
    book = BudgetBook(tmp_path, clock)
    book.budget("venue").penalise(30)
    book.budget("venue").penalise(5)

    assert book.budget("venue").acquire(1) == 30.0
    assert book.budget("other").acquire(1) == 0.0


def test_a_penalty_from_a_wrong_clock_is_forgotten(budget):
    budget.penalise(5 * 86_400)

    assert budget.acquire(1) == 0.0


def test_limits_are_kept_for_the_next_process_and_grow_stale_after_a_day(budget, clock, tmp_path):
    budget.learn([Window(MINUTE_NS, 6000)])
    again = BudgetBook(tmp_path, clock).budget("binance@127.0.0.1:8080")

    assert again.has_fresh_limits()
    clock.sleep(86_400)
    assert not again.has_fresh_limits()


def test_learning_again_keeps_what_is_booked(budget):
    budget.learn([Window(MINUTE_NS, 100)])
    budget.acquire(80)
    budget.learn([Window(MINUTE_NS, 200)])

    assert budget.used(MINUTE_NS) == 80


def test_a_damaged_file_is_begun_anew(budget, tmp_path):
    budget.learn([Window(MINUTE_NS, 100)])
    (tmp_path / "binance@127.0.0.1_8080.json").write_text("{half")

    assert budget.acquire(1) == 0.0


def test_processes_share_one_count(budget, tmp_path, clock):
    budget.learn([Window(MINUTE_NS, 1000)])
    code = f"""
import sys
from pathlib import Path
from tradewinds.wire.budget import BudgetBook
class Standing:
    def now_ns(self): return {clock.now_ns()}
budget = BudgetBook(Path(sys.argv[1]), Standing()).budget("binance@127.0.0.1:8080")
print([budget.acquire(1, wait_s_max=1e9) for _ in range(300)].count(0.0))
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(4)]

    at_once = [int(worker.communicate()[0]) for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0, 0, 0]
    assert sum(at_once) == 900
    assert budget.used(MINUTE_NS) == 900
