"""Ledger tables as Arrow, for SQL. Times stand there twice: as they are (`known_ns`) and as timestamps (`known`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from tradewinds.core.errors import DataFault
from tradewinds.core.instant import NS_PER_US
from tradewinds.stores import ledger_schema_research, ledger_schema_trading
from tradewinds.stores.ledger_schema import ExactDecimal, corporate_action, metadata, universe_member, universe_snapshot

if TYPE_CHECKING:
    from tradewinds.stores.ledger import Ledger

# Each schema declares its tables when it is imported: naming them makes the list the same, whoever else was there before.
_DECLARED = (ledger_schema_trading.trade_order, ledger_schema_research.research_candidate)
TABLES = tuple(sorted({name for table in _DECLARED for name in table.metadata.tables}))
_DECIMAL = pa.decimal128(38, 18)


def load(ledger: Ledger, name: str, as_of_ns: int) -> pa.Table:
    """The table; of corporate actions and universes only what was known then (an action in its last version)."""
    table = metadata.tables[name]
    with ledger.database.reading(f"reading {name} for sql") as connection:
        rows = connection.execute(_query(table, as_of_ns)).all()
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    names: list[str] = []
    arrays: list[pa.Array] = []
    for column, values in zip(table.columns, columns, strict=True):
        names.append(column.name)
        arrays.append(_array(name, column, values))
        if column.name.endswith("_ns") and column.name.removesuffix("_ns") not in table.columns and not column.name.startswith("lag"):
            names.append(column.name.removesuffix("_ns"))
            instants = [None if value is None else value // NS_PER_US for value in values]
            arrays.append(pa.array(instants, pa.timestamp("us", tz="UTC")))
    return pa.Table.from_arrays(arrays, names=names)


def _query(table: sa.Table, as_of_ns: int) -> sa.Select[Any]:
    query = sa.select(table)
    if table is universe_snapshot:
        return query.where(table.c.known_ns <= as_of_ns)
    if table is universe_member:
        known = sa.select(universe_snapshot.c.id).where(universe_snapshot.c.known_ns <= as_of_ns)
        return query.where(table.c.snapshot.in_(known))
    if table is corporate_action:
        later = table.alias("later")
        same = [later.c[key] == table.c[key] for key in ("instrument", "kind", "effective_ns")]
        overtaken = sa.exists().where(*same, later.c.known_ns > table.c.known_ns, later.c.known_ns <= as_of_ns)
        return query.where(table.c.known_ns <= as_of_ns, ~overtaken)
    return query


def _array(table: str, column: sa.Column[Any], values: Any) -> pa.Array:
    kind = column.type
    if isinstance(kind, ExactDecimal):
        try:
            return pa.array(values, _DECIMAL)
        except pa.ArrowInvalid as error:
            raise DataFault(f"sql: {table}.{column.name}: {error}, expected at most 20 digits before and 18 after the point") from None
    if isinstance(kind, sa.JSON):
        return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
    for sql_type, arrow in ((sa.Boolean, pa.bool_()), (sa.Date, pa.date32()), (sa.Integer, pa.int64()), (sa.Double, pa.float64())):
        if isinstance(kind, sql_type):
            return pa.array(values, arrow)
    return pa.array(values, pa.string())
