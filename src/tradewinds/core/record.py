"""What the ledger keeps: runs of jobs, holds, universe snapshots, bookmarks, venues and vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from tradewinds.core.errors import Rejected

RunState = Literal["running", "done", "partial", "failed", "nothing"]
Decision = Literal["accept", "reject"]

RUN_STATES: tuple[RunState, ...] = ("running", "done", "partial", "failed", "nothing")
DECISIONS: tuple[Decision, ...] = ("accept", "reject")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A venue: its code (`XNAS`, `BINANCE`) and the calendar that it trades by."""

    id: str
    calendar: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one run of a job ended. `partial`: some subjects failed; `nothing`: there was nothing to do."""

    state: RunState
    ended_ns: int
    rows_in: int = 0
    rows_published: int = 0
    rows_restated: int = 0
    findings: int = 0
    error_kind: str | None = None
    error: str | None = None
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.state not in RUN_STATES or self.state == "running":
            raise Rejected(f"run result: state {self.state!r}, expected one of {', '.join(RUN_STATES[1:])}")


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of `job` on `partition`, and on one `subject` (a symbol) of it, or None for the whole partition.

    `attempt` counts the runs of the same job, partition and subject; `log` is a link or path; `result` is None while it runs.
    """

    id: int
    job: str
    partition: str
    subject: str | None
    started_ns: int
    attempt: int = 1
    log: str | None = None
    airflow_run: str | None = None
    result: RunResult | None = None

    @property
    def state(self) -> RunState:
        return "running" if self.result is None else self.result.state


@dataclass(frozen=True, slots=True)
class Hold:
    """A cell of the history that waits for a person: not published until it is released."""

    instrument: str
    dataset: str
    start_ns: int
    reason: str
    opened_ns: int
    released_ns: int | None = None
    released_by: str | None = None
    decision: Decision | None = None
    note: str | None = None

    @property
    def is_open(self) -> bool:
        return self.released_ns is None


@dataclass(frozen=True, slots=True)
class Member:
    """One instrument of a universe; `rank` begins at 1, `weight` is what it was ranked by (market cap) where known."""

    instrument: str
    rank: int
    weight: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Universe:
    """Who belonged to the universe `name` on `day`, as known at `known_ns`."""

    name: str
    day: date
    known_ns: int
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        ids = [member.instrument for member in self.members]
        if len(set(ids)) != len(ids):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            raise Rejected(f"universe {self.name} of {self.day}: members {twice} stand there twice, expected each once")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a job came with one subject: the last event it has, and free text (a page, a trade id) where it needs one."""

    event_ns: int
    text: str | None = None
