"""A plan is what Airflow draws as one DAG: when it runs, its steps, what they wait for and what they produce.

Plans are pure data, so that DAG files hold no logic and the same plan also runs without Airflow.

A step calls one job. A step with `over` runs once for every shard that the job of the step named there returned in
`detail["shards"]`, a list of `Shard` as dicts; steps that share the same `over` and `group` form one mapped group, in which each
shard passes through the steps in order, and a shard that fails, fails alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

State = Literal["done", "partial", "nothing", "failed"]


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in UTC; the partition is the date of the interval's end (hourly plans: date and hour)."""

    expression: str


@dataclass(frozen=True, slots=True)
class AfterClose:
    """Every session of an exchange calendar, `delay_minutes` after its close (half-days earlier); partition = the session's date."""

    calendar: str
    delay_minutes: int


@dataclass(frozen=True, slots=True)
class AfterTables:
    """When all of these lake tables (Airflow assets `tradewinds://lake/<table>`) were published."""

    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manual:
    """Only when somebody asks."""


Schedule = Cron | AfterClose | AfterTables | Manual


@dataclass(frozen=True, slots=True)
class Shard:
    """One piece of fanned-out work. `label` names it to people (`BTCUSDT..DOTUSDT 2024-01..03`)."""

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one job. `ready`: a readiness check to be awaited before it (deferred, no worker slot held).

    `approval`: the job that takes what people answer to the questions that this one returns in `detail["questions"]`, each with subject,
    body and that job's params.
    """

    name: str
    job: str
    params: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    after: tuple[str, ...] = ()
    over: str | None = None
    group: str | None = None
    ready: str | None = None
    produces: tuple[str, ...] = ()
    run_even_if_some_failed: bool = False
    retries: int = 2
    approval: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One DAG. `name` is the DAG id. `freshness_hours`: alert when a run has not finished that long after it was due."""

    name: str
    title: str
    schedule: Schedule
    steps: tuple[Step, ...]
    freshness_hours: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a job did. `failed`: subject -> reason, for those that failed alone. JSON-able by `dataclasses.asdict`."""

    state: State
    rows_in: int = 0
    rows_published: int = 0
    rows_restated: int = 0
    findings: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a step may start: its vendor is ready, or the lateness limit has passed and it must go on without."""

    is_ready: bool
    is_limit_passed: bool
    detail: str = ""
