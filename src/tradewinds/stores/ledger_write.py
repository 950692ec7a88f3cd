"""Writing rows so that a second time changes nothing, on SQLite and PostgreSQL alike, and the number of rows that did change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

BATCH = 500  # rows in one statement; SQLite takes at most 32766 parameters

Row = Mapping[str, Any]
T = TypeVar("T")


def batches(rows: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """The rows in lists of at most `size`."""
    batch: list[T] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def row_of(record: object, columns: Sequence[sa.Column[Any]]) -> dict[str, Any]:
    """The record as a row; `dataclasses.asdict` copies deeply and takes five times as long."""
    return {column.name: getattr(record, column.name) for column in columns}


def add_new(connection: Connection, table: sa.Table, rows: Sequence[Row], key: Sequence[Any]) -> int:
    """Insert the rows whose key is not there yet; returns how many were."""
    if not rows:
        return 0
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=key)
    return _written(connection, statement, table, rows)


def upsert(connection: Connection, table: sa.Table, rows: Sequence[Row], *, only_if: sa.ColumnElement[bool] | None = None) -> int:
    """Insert the rows, or update those that stand there with other values; returns how many rows were new or changed.

    Of rows with the same key the last one counts. `only_if` narrows updates further; it may name `incoming(table)`.
    """
    if not rows:
        return 0
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    values = [name for name in rows[0] if name not in keys]
    rows = list({tuple(row[name] for name in keys): row for row in rows}.values())
    differs = sa.or_(*(table.c[name].is_distinct_from(statement.excluded[name]) for name in values))
    statement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={name: statement.excluded[name] for name in values},
        where=differs if only_if is None else sa.and_(differs, only_if),
    )
    return _written(connection, statement, table, rows)


def incoming(table: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """The value that an upsert brings, for its `only_if`."""
    return sa.literal_column(f"excluded.{table.c[column].name}", table.c[column].type)


def _insert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _written(connection: Connection, statement: Any, table: sa.Table, rows: Sequence[Row]) -> int:
    # RETURNING names only the rows that were written; the drivers' row counts do not add up over batches.
    returned = connection.execute(statement.returning(next(iter(table.primary_key))), list(rows))
    return len(returned.all())
