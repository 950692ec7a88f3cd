"""Whether a planted bug is caught, and by which seed first."""

from __future__ import annotations

from collections.abc import Sequence

from tradewinds.campaign.many import run_seeds
from tradewinds.campaign.mutants import all_bugs
from tradewinds.campaign.run import SeedResult


def caught_at(name: str, seeds: Sequence[int], broker: str | None = None, jobs: int = 1) -> int | None:
    """The first seed at which the bug shows, None where it does not. broker: None for where it does harm, else for all, by the seed."""
    broker = broker or all_bugs()[name].broker

    def told(result: SeedResult) -> bool:
        return result.is_clean

    return min(run_seeds(seeds, broker=broker, jobs=jobs, mutant=name, told=told).failing, default=None)
