"""Many seeds, on one core or several, and what came of all of them."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tradewinds.campaign.run import SeedResult, simulate
from tradewinds.campaign.stages import BROKERS, broker_of

CHUNK = 4
FAILURES_TOLD = 20


@dataclass(slots=True)
class Report:
    """Of a run. failing: seeds with anything wrong. lost, duplicated, unexplained_positions and stuck count orders and positions."""

    seeds: int = 0
    orders: int = 0
    fills: int = 0
    lost: int = 0
    duplicated: int = 0
    unexplained_positions: int = 0
    stuck: int = 0
    errors: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    brokers: Counter[str] = field(default_factory=Counter)
    failing: list[int] = field(default_factory=list)
    why: dict[int, list[str]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)

    def add(self, result: SeedResult) -> None:
        """Count one seed in."""
        verdict = result.verdict
        self.seeds += 1
        self.orders += result.orders
        self.fills += result.fills
        self.lost += len(verdict.lost)
        self.duplicated += len(verdict.duplicated)
        self.unexplained_positions += len(verdict.unexplained)
        self.stuck += len(verdict.stuck)
        self.errors += len(result.errors)
        self.faults.update(result.faults)
        self.brokers[result.broker] += 1
        self.hashes[result.seed] = result.event_hash
        if not result.is_clean:
            self.failing.append(result.seed)
            self.why[result.seed] = [*result.errors, *verdict.lost, *verdict.duplicated, *verdict.unexplained, *verdict.stuck]

    @property
    def is_clean(self) -> bool:
        return not self.failing

    @property
    def event_hash(self) -> str:
        """SHA-256 over the hashes of all seeds, in order of seeds."""
        text = "".join(f"{seed} {one}\n" for seed, one in sorted(self.hashes.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_object(self) -> dict[str, Any]:
        """What `--json` prints."""
        failing = sorted(self.failing)
        return {
            "seeds": self.seeds,
            "brokers": dict(sorted(self.brokers.items())),
            "faults": dict(sorted(self.faults.items())),
            "orders": self.orders,
            "fills": self.fills,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "unexplained_positions": self.unexplained_positions,
            "stuck": self.stuck,
            "errors": self.errors,
            "event_hash": self.event_hash,
            "failing_seeds": failing,
            "failures": {str(seed): self.why[seed][:5] for seed in failing[:FAILURES_TOLD]},
        }


def run_seeds(
    seeds: Sequence[int],
    *,
    broker: str | None = None,
    jobs: int = 1,
    mutant: str | None = None,
    brokers: tuple[str, ...] = BROKERS,
    told: Callable[[SeedResult], bool] = lambda result: True,
) -> Report:
    """Simulate each seed. broker: None lets the seed decide among `brokers`. told: hears of each result; False ends the run."""
    report = Report()
    work = [(seed, broker or broker_of(seed, brokers), mutant) for seed in seeds]
    for result in _results(work, jobs):
        report.add(result)
        if not told(result):
            break
    return report


def _results(work: list[tuple[int, str, str | None]], jobs: int) -> Iterator[SeedResult]:
    if jobs <= 1 or len(work) <= 1:
        with _quiet_collector():
            yield from map(_one, work)
        return
    # Everything is imported and asked for once before the workers are forked, and what they share they never look through again.
    for broker in sorted({each for _, each, _ in work}):
        simulate(0, broker)
    with _quiet_collector(), multiprocessing.get_context("fork").Pool(min(jobs, len(work))) as pool:
        yield from pool.imap_unordered(_one, work, CHUNK)


@contextmanager
def _quiet_collector() -> Iterator[None]:
    """Garbage is collected between seeds: what waits to be collected then cannot run in the middle of one.

    What was there before the first seed is left out, which makes a collection cheap enough for each; so memory is used again while warm.
    """
    was_on, had_frozen = gc.isenabled(), gc.get_freeze_count() > 0
    gc.disable()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not had_frozen:
            gc.unfreeze()
        if was_on:
            gc.enable()


def _one(work: tuple[int, str, str | None]) -> SeedResult:
    seed, broker, mutant = work
    gc.collect()
    if mutant is None:
        return simulate(seed, broker)
    from tradewinds.campaign.mutants import planted

    with planted(mutant):
        return simulate(seed, broker)
