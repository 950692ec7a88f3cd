"""What the alert desk looks at in the ledger, again and again: only what is new since the last look, counted where it comes in masses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_schema import finding, hold, job_run
from tradewinds.stores.ledger_schema_research import condition_alert
from tradewinds.stores.ledger_schema_trading import trade_break, trade_event, trade_projection

ROWS_MAX = 2_000
GOOD = ("done", "partial", "nothing")

_RUN = (
    job_run.c.id, job_run.c.job, job_run.c.partition, job_run.c.state, job_run.c.started_ns, job_run.c.ended_ns, job_run.c.error_kind,
    job_run.c.error, job_run.c.airflow_run, job_run.c.detail,
)  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """Findings or holds of a dataset that were written at once. kinds: kind or reason -> how many. instrument: the first by name."""

    dataset: str
    at_ns: int
    is_error: bool
    kinds: dict[str, int]
    instrument: str

    @property
    def rows(self) -> int:
        return sum(self.kinds.values())


class AlertSources:
    """Reads for the scans of the alert desk. Methods raise what `stores.ledger.Ledger` raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, *, after_id: int, since_ns: int, also: Collection[int] = ()) -> list[Row]:
        """Runs of whole partitions with a greater id that began since then, and those of `also`; by id."""
        new = sa.and_(job_run.c.id > after_id, job_run.c.started_ns >= since_ns)
        chosen = sa.or_(new, job_run.c.id.in_(list(also))) if also else new
        return self._rows("runs", sa.select(*_RUN).where(job_run.c.subject.is_(None), chosen).order_by(job_run.c.id).limit(ROWS_MAX))

    def last_good(self, jobs: Iterable[str]) -> dict[str, tuple[int, int]]:
        """The last run of each job that ended well: job -> id, end."""
        newest = (
            sa.select(job_run.c.job, sa.func.max(job_run.c.id).label("id"))
            .where(job_run.c.job.in_(list(jobs)), job_run.c.state.in_(GOOD), job_run.c.subject.is_(None))
            .group_by(job_run.c.job)
            .subquery()
        )
        query = sa.select(job_run.c.job, job_run.c.id, job_run.c.ended_ns).join(newest, newest.c.id == job_run.c.id)
        return {row["job"]: (row["id"], row["ended_ns"]) for row in self._rows("runs that ended well", query)}

    def newest(self, what: Literal["finding", "hold"]) -> int:
        """The greatest id of findings or holds, 0 for none."""
        table = finding if what == "finding" else hold
        with self._database.reading(f"newest {what}") as connection:
            return int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)

    def findings(self, *, after_id: int, since_ns: int) -> list[Counted]:
        """New findings, counted by dataset and time of finding."""
        at = sa.func.coalesce(finding.c.found_ns, 0)
        is_error = sa.case((finding.c.severity == "error", 1), else_=0)
        terms = (finding.c.id > after_id, finding.c.severity != "info", at >= since_ns)
        return self._counted("findings", (finding.c.dataset, at, is_error, finding.c.kind), finding, terms)

    def holds(self, *, after_id: int, since_ns: int) -> list[Counted]:
        """New holds that are still open, counted by dataset and time."""
        terms = (hold.c.id > after_id, hold.c.released_ns.is_(None), hold.c.opened_ns >= since_ns)
        return self._counted("holds", (hold.c.dataset, hold.c.opened_ns, sa.literal(1), hold.c.reason), hold, terms)

    def projected(self) -> dict[str, int]:
        """account -> sequence of the last step of its journal that is in the ledger."""
        rows = self._rows("projections", sa.select(trade_projection.c.account, trade_projection.c.sequence))
        return {row["account"]: row["sequence"] for row in rows}

    def events(self, account: str, *, after: int, since_ns: int | None) -> list[Row]:
        """What trading told people after a step, or since a time; in order."""
        terms = [trade_event.c.account == account, trade_event.c.sequence > after]
        terms += [] if since_ns is None else [trade_event.c.time_ns >= since_ns]
        query = sa.select(trade_event).where(*terms).order_by(trade_event.c.sequence, trade_event.c.number).limit(ROWS_MAX)
        return self._rows(f"events of {account}", query)

    def breaks(self, since_ns: int) -> list[Row]:
        """Breaks that were found since then, by account and day."""
        query = sa.select(trade_break).where(trade_break.c.found_ns >= since_ns).limit(ROWS_MAX)
        return self._rows("breaks", query.order_by(trade_break.c.account, trade_break.c.day, trade_break.c.kind, trade_break.c.subject))

    def crossings(self, since_ns: int) -> list[Row]:
        """Conditions that came true, by when they were told."""
        query = sa.select(condition_alert).where(condition_alert.c.raised_ns >= since_ns)
        return self._rows("conditions", query.order_by(condition_alert.c.raised_ns, condition_alert.c.id).limit(ROWS_MAX))

    def _counted(self, what: str, groups: tuple[Any, ...], table: sa.Table, terms: tuple[Any, ...]) -> list[Counted]:
        dataset, at, is_error, kind = (one.label(name) for one, name in zip(groups, ("dataset", "at_ns", "is_error", "kind"), strict=True))
        counts = (sa.func.count().label("count"), sa.func.min(table.c.instrument).label("first"))
        query = sa.select(dataset, at, is_error, kind, *counts).where(*terms).group_by(*groups).order_by("dataset", "at_ns")
        found: dict[tuple[str, int, bool], Counted] = {}
        for row in self._rows(what, query):
            key = (row["dataset"], row["at_ns"], bool(row["is_error"]))
            before = found.get(key)
            kinds = ({} if before is None else before.kinds) | {row["kind"]: row["count"]}
            first = row["first"] if before is None else min(row["first"], before.instrument)
            found[key] = Counted(*key, kinds, first)
        return list(found.values())

    def _rows(self, what: str, query: sa.Select[Any]) -> list[Row]:
        with self._database.reading(f"{what} for alerts") as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
