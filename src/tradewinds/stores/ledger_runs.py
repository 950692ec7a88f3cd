"""Runs of jobs and bookmarks in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Rejected
from tradewinds.core.record import Bookmark, JobRun, RunResult, RunState
from tradewinds.stores.ledger_schema import bookmark, job_run
from tradewinds.stores.ledger_write import incoming, upsert

INTERRUPTED = "Interrupted"
_RESULT = ("rows_in", "rows_published", "rows_restated", "findings", "error_kind", "error", "detail")
_NO_RESULT = {**dict.fromkeys(_RESULT[:4], 0), "detail": {}}


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are meant; None leaves a field open. `subject` "" means the runs of whole partitions."""

    job: str | None = None
    partition: str | None = None
    subject: str | None = None
    state: RunState | None = None
    airflow_run: str | None = None


def start_runs(connection: Connection, run: JobRun, subjects: Sequence[str | None]) -> dict[str | None, int]:
    """Open one row per subject, alike but for it; rows that an earlier, killed run left open are closed as interrupted.

    Tasks of one Airflow run that are mapped over vendors or folds run side by side: none is an earlier attempt of another.
    """
    if not subjects:
        return {}
    same = (job_run.c.job == run.job, job_run.c.partition == run.partition, _subject_in(subjects))
    opened = connection.execute(sa.select(job_run.c.id, job_run.c.airflow_run, job_run.c.log).where(*same, job_run.c.state == "running"))
    connection.execute(
        sa.update(job_run)
        .where(job_run.c.id.in_([number for number, airflow_run, log in opened if not _is_beside(run, airflow_run, log)]))
        .values(
            state="failed",
            ended_ns=run.started_ns,
            error_kind=INTERRUPTED,
            error=f"{run.job} {run.partition}: ended without a word, expected a result; the next attempt began",
        )
    )
    counted = sa.select(job_run.c.subject, sa.func.count()).where(*same).group_by(job_run.c.subject)
    attempts: dict[str | None, int] = dict(iter(connection.execute(counted)))
    rows = [
        {
            **_NO_RESULT,
            "job": run.job,
            "partition": run.partition,
            "subject": subject,
            "state": "running",
            "attempt": attempts.get(subject, 0) + 1,
            "started_ns": run.started_ns,
            "log": run.log,
            "airflow_run": run.airflow_run,
        }
        for subject in dict.fromkeys(subjects)
    ]
    returned = connection.execute(sa.insert(job_run).returning(job_run.c.subject, job_run.c.id), rows)
    return dict(iter(returned))


def _is_beside(run: JobRun, airflow_run: str | None, log: str | None) -> bool:
    """Whether an open row is of another task of the same Airflow run: the address of its log differs in more than the number of the try."""
    if run.airflow_run is None or airflow_run != run.airflow_run:
        return False
    return (log or "").partition("?")[0] != (run.log or "").partition("?")[0]


def finish_runs(connection: Connection, results: Mapping[int, RunResult]) -> None:
    """Write how each run ended; a run that has its result already keeps it when that is the same, and is refused another."""
    found = {run.id: run for run in _runs(connection, job_run.c.id.in_(list(results)))}
    missing = sorted(set(results) - set(found))
    if missing:
        raise Rejected(f"finishing runs: {missing} are unknown, expected ids that start_run returned")
    for number, result in results.items():
        before = found[number].result
        if before is not None and before.error_kind != INTERRUPTED and before != _plain(result):
            raise Rejected(f"finishing run {number}: it ended {before.state} already, expected a running one")
    connection.execute(
        sa.update(job_run)
        .where(job_run.c.id == sa.bindparam("number"))
        .values({name: sa.bindparam(f"new_{name}", type_=job_run.c[name].type) for name in ("state", "ended_ns", *_RESULT)}),
        [
            {"number": number, **{f"new_{name}": getattr(_plain(result), name) for name in ("state", "ended_ns", *_RESULT)}}
            for number, result in results.items()
        ],
    )


def select_runs(connection: Connection, which: RunFilter, limit: int | None) -> list[JobRun]:
    """Newest first."""
    terms: list[Any] = []
    for name in ("job", "partition", "state", "airflow_run"):
        value = getattr(which, name)
        if value is not None:
            terms.append(job_run.c[name] == value)
    if which.subject is not None:
        terms.append(_subject_in([which.subject or None]))
    return _runs(connection, *terms, limit=limit)


def select_run(connection: Connection, number: int) -> JobRun | None:
    return next(iter(_runs(connection, job_run.c.id == number)), None)


def select_bookmarks(connection: Connection, job: str, subjects: Sequence[str] | None) -> dict[str, Bookmark]:
    query = sa.select(bookmark.c.subject, bookmark.c.event_ns, bookmark.c.text).where(bookmark.c.job == job)
    if subjects is not None:
        query = query.where(bookmark.c.subject.in_(subjects))
    return {subject: Bookmark(event_ns, text) for subject, event_ns, text in connection.execute(query.order_by(bookmark.c.subject))}


def set_bookmarks(connection: Connection, job: str, marks: Mapping[str, Bookmark], *, force: bool) -> int:
    rows = [{"job": job, "subject": subject, "event_ns": mark.event_ns, "text": mark.text} for subject, mark in marks.items()]
    forward = None if force else bookmark.c.event_ns <= incoming(bookmark, "event_ns")
    return upsert(connection, bookmark, rows, only_if=forward)


def _plain(result: RunResult) -> RunResult:
    """The result as it comes back from the database, where every mapping is a dict."""
    return replace(result, detail=json.loads(json.dumps(dict(result.detail))))


def _runs(connection: Connection, *terms: Any, limit: int | None = None) -> list[JobRun]:
    query = sa.select(job_run).where(*terms).order_by(job_run.c.id.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query).mappings()]


def _run(row: sa.RowMapping) -> JobRun:
    result = None
    if row["state"] != "running":
        result = RunResult(row["state"], row["ended_ns"], **{name: row[name] for name in _RESULT})
    names = ("id", "job", "partition", "subject", "started_ns", "attempt", "log", "airflow_run")
    return JobRun(**{name: row[name] for name in names}, result=result)


def _subject_in(subjects: Sequence[str | None]) -> sa.ColumnElement[bool]:
    named = job_run.c.subject.in_([subject for subject in subjects if subject is not None])
    return sa.or_(named, job_run.c.subject.is_(None)) if None in subjects else named
