"""A plan of faults that depends on its seed alone: which fault strikes the n-th time that a point is passed, in whatever order one asks.

For carriers of bytes that have no venue's book of faults at hand: a transport in memory asks `plan.at("binance POST /api/v3/order", 3)`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType

from tradewinds.core.errors import Rejected


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault at a point. point: a pattern with * and ?. nth: which times it strikes, from 1 on; empty: every time."""

    kind: str
    point: str = "*"
    nth: tuple[int, ...] = ()
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """script comes first; then of `chances` (kind to probability) at most one strikes. amounts are drawn in [0, 1)."""

    seed: int
    chances: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    script: tuple[Planned, ...] = ()

    def __post_init__(self) -> None:
        total = sum(self.chances.values())
        if any(chance < 0 for chance in self.chances.values()) or total > 1:
            raise Rejected(f"fault plan: chances that add up to {total}, expected each positive and together at most 1")

    def at(self, point: str, n: int) -> Planned | None:
        """What strikes the n-th time (from 1 on) that a point is passed, None for nothing. Pure: the same question, the same answer."""
        for one in self.script:
            if fnmatchcase(point, one.point) and (not one.nth or n in one.nth):
                return one
        left = drawn(self.seed, point, n, "kind")
        for kind, chance in self.chances.items():
            if left < chance:
                return Planned(kind, point, (n,), drawn(self.seed, point, n, "amount"))
            left -= chance
        return None


def drawn(seed: int, *key: object) -> float:
    """A number in [0, 1) that depends on the seed and the key alone."""
    text = f"{seed}:{':'.join(map(str, key))}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") / 2.0**64
