"""Which fault strikes when: drawn from the seed, at every await, write, send and receive that asks.

Each seed draws its own mix of kinds, some often and some never, so that a thousand seeds see a thousand different bad days.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tradewinds.campaign.record import Record

KINDS = (
    "crash",
    "timeout_accepted",
    "timeout_not_accepted",
    "late_arrival",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "partial_answer",
    "server_error",
    "throttled",
    "disconnect",
    "clock_skew",
    "venue_restart",
    "order_by_hand",
    "revoked_key",
    "journal_full",
    "journal_slow",
    "untold",
)
CUTS = frozenset({"disconnect", "drop", "venue_restart", "revoked_key", "server_error"})
CRASHES_MAX = 5  # of one seed: each start costs as much as many orders
FAULTS_MAX = 60
SHARE_OF_KINDS = 0.7
UNTOLD = 0.3  # of a kind's usual chance
CHANCE_LEAST, CHANCE_MOST = 0.01, 0.06


def seeded(what: str, seed: int) -> Random:
    """The generator of one thing in one seed; none disturbs another."""
    return Random(f"{what} {seed}")  # noqa: S311 - bad luck, not secrets


class Chaos:
    """The faults of one seed. is_on: off in the liveness phase, when nothing strikes any more."""

    def __init__(self, seed: int, record: Record, only: Sequence[str] = KINDS) -> None:
        self.seed = seed
        self.is_on = True
        self.is_resting = False  # nothing strikes for a while
        self.is_mute = False  # the venue tells nothing of what happens, though its streams stand
        self.record = record
        self.rest_ns = 0  # between two cuts, for a venue that has one connection only
        self._last_cut_ns = 0
        self.random = seeded("chaos", seed)
        self.chances = {
            kind: self.random.uniform(CHANCE_LEAST, CHANCE_MOST) if self.random.random() < SHARE_OF_KINDS else 0.0
            for kind in KINDS
            if kind in only
        }

    def strikes(self, kind: str, source: str, *, weight: float = 1.0) -> bool:
        """Whether this kind strikes here; a strike is counted and noted. weight: how much likelier than usual."""
        chance = self.chances.get(kind, 0.0)
        if not self.is_on or self.is_resting or chance == 0.0 or self.random.random() >= chance * weight:
            return False
        if not self._has_room(kind):
            return False
        if self.rest_ns and kind in CUTS:
            now_ns = self.record.now_ns()
            if now_ns - self._last_cut_ns < self.rest_ns:
                return False
            self._last_cut_ns = now_ns
        self.record.fault(kind, source)
        return True

    def mutes(self, source: str) -> bool:
        """Whether this news is never told, without any sign that something is missing."""
        return self.is_mute or self.strikes("untold", source, weight=UNTOLD)

    def first(self, kinds: Sequence[str], source: str) -> str | None:
        """The first of these kinds that strikes here, None for an ordinary moment."""
        if not self.is_on or self.is_resting or self.record.faults.total() >= FAULTS_MAX:
            return None
        drawn = self.random.random()
        for kind in kinds:
            drawn -= self.chances.get(kind, 0.0)
            if drawn < 0:
                self.record.fault(kind, source)
                return kind
        return None

    def _has_room(self, kind: str) -> bool:
        faults = self.record.faults
        return faults.total() < FAULTS_MAX and (kind != "crash" or faults["crash"] < CRASHES_MAX)

    def latency_s(self) -> float:
        """How long an ordinary message travels."""
        return self.random.uniform(0.002, 0.03)
