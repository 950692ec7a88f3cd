"""The campaign on a small scale: nothing goes wrong, the same seed is the same run, and planted bugs are found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradewinds.campaign.catching import caught_at
from tradewinds.campaign.many import run_seeds
from tradewinds.campaign.mutants import HEALED, MUTANTS
from tradewinds.campaign.stages import BROKERS

SEEDS = 12


@pytest.mark.parametrize("broker", BROKERS)
def test_a_few_seeds_lose_nothing_and_send_nothing_twice(broker: str) -> None:
    report = run_seeds(range(SEEDS), broker=broker)

    assert report.why == {}
    assert report.orders >= 30 * SEEDS
    assert report.faults.total() >= 10 * SEEDS
    assert len(report.faults) >= 10


def test_a_run_over_all_brokers_meets_twelve_kinds_of_fault() -> None:
    report = run_seeds(range(2 * len(BROKERS)))

    assert set(report.brokers) == set(BROKERS)
    assert len(report.faults) >= 12


def test_the_same_seed_gives_the_same_hash_in_any_new_process() -> None:
    code = "from tradewinds.campaign.many import run_seeds; print(run_seeds(range(4)).event_hash)"

    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": salt, "PATH": "/usr/bin"}
        ).stdout
        for salt in ("1", "2")
    }

    assert len(hashes) == 1


@pytest.mark.parametrize("mutant", ["blind_resend", "unknown_is_rejected", "journal_after_send"])
def test_a_planted_bug_is_found(mutant: str) -> None:
    assert caught_at(mutant, range(100)) is not None


def test_at_least_twelve_bugs_can_be_planted() -> None:
    assert len(MUTANTS) >= 12


def test_a_core_that_compares_only_while_orders_are_open_misses_what_a_person_trades() -> None:
    assert caught_at("no_comparison_when_idle", range(40), "binance") is not None


@pytest.mark.parametrize("mutant", HEALED)
def test_an_end_that_an_adapter_tells_wrongly_is_taken_back(mutant: str) -> None:
    assert caught_at(mutant, range(8)) is None
