"""Bugs that can be planted into the real classes, to prove that the campaign finds them. A campaign that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tradewinds.campaign.many import run_seeds
from tradewinds.campaign.run import SeedResult
from tradewinds.core.errors import Rejected
from tradewinds.trading.engine import Engine
from tradewinds.trading.entry import Answered, Input


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. plant: patches classes by `set(owner, name, value)`, which is undone afterwards."""

    what: str
    plant: Callable[[Callable[[Any, str, Any], None]], None]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The bug is there within the block."""
    if name not in MUTANTS:
        raise Rejected(f"mutant {name!r}, expected one of {', '.join(MUTANTS)}")
    undo: list[tuple[Any, str, Any]] = []

    def put(owner: Any, attribute: str, value: Any) -> None:
        undo.append((owner, attribute, owner.__dict__[attribute]))
        setattr(owner, attribute, value)

    MUTANTS[name].plant(put)
    try:
        yield
    finally:
        for owner, attribute, value in reversed(undo):
            setattr(owner, attribute, value)


def caught_at(name: str, seeds: Sequence[int], broker: str | None = None, jobs: int = 1) -> int | None:
    """The first seed at which the bug shows, None where it does not."""

    def told(result: SeedResult) -> bool:
        return result.is_clean

    return min(run_seeds(seeds, broker=broker, jobs=jobs, mutant=name, told=told).failing, default=None)


def _heard_as(change: Callable[[Input], Input]) -> Callable[[Callable[[Any, str, Any], None]], None]:
    """The core takes some inputs for others."""

    def plant(put: Callable[[Any, str, Any], None]) -> None:
        handle = Engine.handle
        put(Engine, "handle", lambda self, time_ns, given: handle(self, time_ns, change(given)))

    return plant


def _unknown_as_rejected(given: Input) -> Input:
    return replace(given, doubt="rejected") if isinstance(given, Answered) and given.doubt == "unknown" else given


MUTANTS: dict[str, Mutant] = {
    "unknown_is_rejected": Mutant("an order of unknown outcome is taken for rejected", _heard_as(_unknown_as_rejected)),
}
