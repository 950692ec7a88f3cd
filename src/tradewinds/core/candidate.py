"""What research finds and a person decides or reads: candidates of a screener, and alerts on conditions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from tradewinds.core.errors import Rejected

CandidateState = Literal["waiting", "approved", "denied", "expired"]
Answer = Literal["approved", "denied"]
CANDIDATE_STATES: tuple[CandidateState, ...] = ("waiting", "approved", "denied", "expired")
ANSWERS: tuple[Answer, ...] = ("approved", "denied")
ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instrument that a screener of a book found in a session, and what became of it.

    session: a date, or a minute such as 2024-01-31T05:30. score: what it was ranked by; values: the sides of the conditions, by text.
    """

    book: str
    screener: str
    session: str
    instrument: str
    found_ns: int
    expires_ns: int
    score: float | None = None
    values: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    state: CandidateState = "waiting"
    answered_ns: int | None = None
    answered_by: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.state not in CANDIDATE_STATES:
            raise Rejected(f"candidate {self.instrument}: state {self.state!r}, expected one of {', '.join(CANDIDATE_STATES)}")
        if not (self.book and self.screener and self.session and self.instrument):
            raise Rejected(
                f"candidate {self.instrument!r} of {self.book!r}, {self.screener!r}, {self.session!r}, expected all four to be named"
            )

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of what makes it this candidate; a screener that runs again finds the same."""
        return hashed(self.book, self.screener, self.session, self.instrument)


@dataclass(frozen=True, slots=True)
class CandidateAnswer:
    """One entry of a candidate's history. by: a person, or `tradewinds` where it expired; face: where it was answered."""

    candidate: str
    state: CandidateState
    at_ns: int
    by: str
    face: str = ""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionAlert:
    """A condition on an instrument that came true with the bar that ended at `event_ns`. rule: hash of the line that asks for it."""

    rule: str
    instrument: str
    condition: str
    interval: str
    event_ns: int
    raised_ns: int
    values: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of rule and bar; looking at the same bar again raises nothing."""
        return hashed(self.rule, str(self.event_ns))


def hashed(*words: str) -> str:
    """A name of ID_DIGITS hexadecimal digits for these words in this order."""
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:ID_DIGITS]
