"""Polars frames into the tables of any database SQLAlchemy speaks to."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Rejected
from tradewinds.stores.ledger_schema import ExactDecimal

ROWS_PER_STATEMENT = 10_000
ROWS_PER_COPY = 200_000
_KEY_CHARACTERS = 128  # several databases cannot index text without a bound

_TYPES: Mapping[type[pl.DataType], Any] = {
    pl.String: sa.Text(),
    pl.Int64: sa.BigInteger(),
    pl.Int32: sa.Integer(),
    pl.Float64: sa.Double(),
    pl.Boolean: sa.Boolean(),
    pl.Date: sa.Date(),
    pl.Datetime: sa.DateTime(timezone=True),
    pl.Decimal: ExactDecimal(),
}


def sql_table(name: str, columns: Mapping[str, pl.DataType], key: Sequence[str], metadata: sa.MetaData | None = None) -> sa.Table:
    """The table for a frame of these columns."""
    made = []
    for column, kind in columns.items():
        is_key = column in key
        sql_type = sa.String(_KEY_CHARACTERS) if is_key and kind == pl.String else _TYPES.get(kind.base_type())
        if sql_type is None:
            raise Rejected(f"table {name}: column {column} is {kind}, expected one of {[one.__name__ for one in _TYPES]}")
        made.append(sa.Column(column, sql_type, primary_key=is_key, autoincrement=False, nullable=not is_key))
    return sa.Table(name, metadata if metadata is not None else sa.MetaData(), *made)


def insert(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Insert every row: with COPY into PostgreSQL (ten times as fast), elsewhere in statements of many rows."""
    if connection.dialect.driver == "psycopg2":
        for part in frame.iter_slices(ROWS_PER_COPY):
            _copy(connection, table, part)
        return
    statement = sa.insert(table)
    for part in frame.iter_slices(ROWS_PER_STATEMENT):
        connection.execute(statement, part.to_dicts())


def _copy(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in frame.columns)
    # An empty text is quoted, an absent value is nothing at all: COPY tells them apart the same way.
    lines = io.BytesIO(frame.write_csv(include_header=False, null_value="", datetime_format="%Y-%m-%dT%H:%M:%S%.6f%z").encode())
    errors: Any = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(f"COPY {quote(table.name)} ({names}) FROM STDIN (FORMAT csv)", lines)
    except errors.OperationalError as error:
        raise sa.exc.OperationalError("COPY", None, error) from None
    except errors.Error as error:
        raise sa.exc.DBAPIError("COPY", None, error) from None
    finally:
        cursor.close()
