"""Findings and holds in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.observation import Finding, Severity
from tradewinds.core.record import Decision, Hold
from tradewinds.stores.ledger_schema import FINDING_KEY, finding, hold
from tradewinds.stores.ledger_write import add_new, batches, row_of

_FINDING = [finding.c[field.name] for field in fields(Finding)]
_HOLD = [hold.c[field.name] for field in fields(Hold)]
_HOLD_KEY = (hold.c.instrument, hold.c.dataset, hold.c.start_ns, hold.c.reason)


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings are meant; None leaves a field open. Starts in [start_ns, end_ns)."""

    instruments: Sequence[str] | None = None
    dataset: str | None = None
    vendor: str | None = None
    kind: str | None = None
    severity: Severity | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    is_released: bool | None = None


def record(connection: Connection, findings: Iterable[Finding]) -> int:
    return sum(add_new(connection, finding, [row_of(one, _FINDING) for one in batch], FINDING_KEY) for batch in batches(findings, 5_000))


def select_findings(connection: Connection, which: FindingFilter, limit: int | None) -> list[Finding]:
    order = (finding.c.instrument, finding.c.dataset, finding.c.start_ns, finding.c.vendor, finding.c.id)
    query = sa.select(*_FINDING).where(*_finding_terms(which)).order_by(*order).limit(limit)
    return [Finding(**row) for row in connection.execute(query).mappings()]


def count_findings(connection: Connection, which: FindingFilter) -> dict[tuple[str, str], int]:
    """(vendor, kind) -> how many."""
    query = sa.select(finding.c.vendor, finding.c.kind, sa.func.count()).where(*_finding_terms(which))
    query = query.group_by(finding.c.vendor, finding.c.kind).order_by(finding.c.vendor, finding.c.kind)
    return {(vendor, kind): count for vendor, kind, count in connection.execute(query)}


def open_holds(connection: Connection, holds: Iterable[Hold]) -> int:
    return sum(add_new(connection, hold, [row_of(one, _HOLD) for one in batch], _HOLD_KEY) for batch in batches(holds, 5_000))


def select_holds(connection: Connection, *, instruments: Sequence[str] | None, dataset: str | None, is_open: bool | None) -> list[Hold]:
    terms = _cell_terms(hold, instruments, dataset)
    if is_open is not None:
        terms.append(hold.c.released_ns.is_(None) if is_open else hold.c.released_ns.is_not(None))
    query = sa.select(*_HOLD).where(*terms).order_by(hold.c.instrument, hold.c.dataset, hold.c.start_ns, hold.c.id)
    return [Hold(**row) for row in connection.execute(query).mappings()]


def release(
    connection: Connection, cell: tuple[str, str, int], *, decision: Decision, released_by: str, released_ns: int, note: str | None
) -> int:
    """Close every open hold of one cell (instrument, dataset, start_ns) and mark its findings; returns how many holds were closed."""
    instrument, dataset, start_ns = cell
    closed = connection.execute(
        sa.update(hold)
        .where(hold.c.instrument == instrument, hold.c.dataset == dataset, hold.c.start_ns == start_ns, hold.c.released_ns.is_(None))
        .values(decision=decision, released_by=released_by, released_ns=released_ns, note=note)
    ).rowcount
    if closed:
        connection.execute(
            sa.update(finding)
            .where(finding.c.instrument == instrument, finding.c.dataset == dataset, finding.c.start_ns == start_ns)
            .where(finding.c.released_ns.is_(None))
            .values(released_ns=released_ns)
        )
    return closed


def _finding_terms(which: FindingFilter) -> list[sa.ColumnElement[bool]]:
    terms = _cell_terms(finding, which.instruments, which.dataset)
    for column, value in (("vendor", which.vendor), ("kind", which.kind), ("severity", which.severity)):
        if value is not None:
            terms.append(finding.c[column] == value)
    if which.start_ns is not None:
        terms.append(finding.c.start_ns >= which.start_ns)
    if which.end_ns is not None:
        terms.append(finding.c.start_ns < which.end_ns)
    if which.is_released is not None:
        terms.append(finding.c.released_ns.is_not(None) if which.is_released else finding.c.released_ns.is_(None))
    return terms


def _cell_terms(table: sa.Table, instruments: Sequence[str] | None, dataset: str | None) -> list[sa.ColumnElement[bool]]:
    terms: list[Any] = []
    if instruments is not None:
        terms.append(table.c.instrument.in_(instruments))
    if dataset is not None:
        terms.append(table.c.dataset == dataset)
    return terms
