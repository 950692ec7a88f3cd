"""The campaign on a small scale: nothing goes wrong, the same seed is the same run, and planted bugs are found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, ROUND_UP, Context, Inexact, localcontext
from itertools import zip_longest
from random import Random

import pytest

from tradewinds.campaign.catching import caught_at
from tradewinds.campaign.many import run_seeds
from tradewinds.campaign.mutants import HEALED, MUTANTS
from tradewinds.campaign.run import simulate
from tradewinds.campaign.stages import BROKERS, broker_of

SEEDS = 12
ALIKE = range(2 * len(BROKERS))
LINES_BEFORE = 3
LEAPS_S = 900_000.0

Told = dict[int, list[str]]
CODE = """
import json
from tradewinds.campaign.run import simulate
from tradewinds.campaign.stages import broker_of
print(json.dumps([[seed, simulate(seed, broker_of(seed), keeps_lines=True).lines] for seed in SEEDS]))
"""


def _told(seeds: Iterable[int]) -> Told:
    """Every event of each seed."""
    return {seed: simulate(seed, broker_of(seed), keeps_lines=True).lines for seed in seeds}


def _told_elsewhere(seeds: Iterable[int]) -> Told:
    """The same in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("SEEDS", str(list(seeds)))],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "1", "PATH": "/usr/bin"},
    )
    return dict(json.loads(done.stdout))


def _agree(one: Told, other: Told, where: str) -> None:
    """Fail with the first event that differs, and what was before it."""
    assert one.keys() == other.keys()
    for seed in sorted(one):
        for at, (ours, theirs) in enumerate(zip_longest(one[seed], other[seed])):
            if ours != theirs:
                before = "".join(f"\n    {line!r}" for line in one[seed][max(0, at - LINES_BEFORE) : at])
                pytest.fail(f"seed {seed} at {broker_of(seed)}, event {at + 1} after{before}\n  first: {ours!r}\n  {where}: {theirs!r}")


@pytest.fixture(scope="module")
def told() -> Told:
    """Every event of two seeds at each broker."""
    return _told(ALIKE)


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


def test_the_same_seed_gives_the_same_events_again_after_others_and_planted_bugs(told: Told) -> None:
    run_seeds(range(40, 40 + len(BROKERS)), mutant="unknown_is_rejected")

    _agree(told, _told(reversed(ALIKE)), "after others")


def test_the_same_seed_gives_the_same_events_in_a_new_process_in_another_order(told: Told) -> None:
    _agree(told, _told_elsewhere(reversed(ALIKE)), "in a new process")


@pytest.mark.parametrize(
    "counting",
    [
        Context(prec=40),
        Context(prec=28, rounding=ROUND_HALF_UP),
        Context(prec=18, rounding=ROUND_UP, capitals=0),
        Context(prec=28, traps=[Inexact]),
    ],
    ids=["more digits", "half up", "fewer digits, up", "exact or nothing"],
)
def test_how_the_process_counts_changes_no_event(told: Told, counting: Context) -> None:
    with localcontext(counting):
        again = _told(ALIKE)

    _agree(told, again, f"under {counting}")


def test_clocks_of_the_computer_change_no_event(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    leaps = Random(7)

    with monkeypatch.context() as patch:
        for name in ("time", "monotonic", "perf_counter"):
            patch.setattr(time, name, lambda: leaps.uniform(0.0, LEAPS_S))
            patch.setattr(time, f"{name}_ns", lambda: leaps.randrange(int(LEAPS_S) * 10**9))
        patch.setattr("aiohttp.connector.monotonic", time.monotonic)
        again = _told(ALIKE)

    _agree(told, again, "with clocks that leap")


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
