"""Loads a table of the lake into any database that SQLAlchemy speaks to: every version of every fact, as it was known.

The target gets `<name>` with one row per fact and known time, a view `<name>_latest` with the last version of each fact, and
`tradewinds_load`, which remembers the lake's version of every partition that was loaded.

1. A partition whose version is remembered is not looked at.
2. Of any other, instruments are compared by their number of rows; the lake only ever adds, so equal counts mean equal rows.
3. Where they differ, the rows whose key is not in the target are inserted, one transaction for a few instruments.
4. Then the version is remembered. A load that was cut off anywhere goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Rejected
from tradewinds.core.observation import Table
from tradewinds.core.ports import Lake
from tradewinds.stores.lake_schema import bounds, schema_of, typed
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.ledger_write import batches
from tradewinds.stores.sql_frame import insert, sql_table

INSTRUMENTS_AT_ONCE = 10
MEMORY = "tradewinds_load"
_FOREVER_NS = 2**63 - 1

_memory = sa.Table(
    MEMORY,
    sa.MetaData(),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("partition", sa.String(32), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load did. `partitions_same` were remembered and not looked at."""

    name: str
    partitions_loaded: int
    partitions_same: int
    rows_new: int


def load(lake: Lake, table: Table, url: str, *, name: str | None = None, partitions: Sequence[str] | None = None) -> Loaded:
    """Bring the target up to date with the lake; a second time it writes nothing.

    name: of the table in the target, `bars_1m` for `history/bars-1m` and `alpha_bars_1m` for a vendor's unless given.
    partitions: only these. Raises Transient when the database is away.
    """
    target_name = name or _default_name(table)
    database = Database(url, what="warehouse")
    try:
        target = _prepared(database, table, target_name)
        remembered = _remembered(database, target_name)
        wanted = lake.partitions(table) if partitions is None else list(partitions)
        rows_new = loaded = 0
        for partition in wanted:
            version = lake.version(table, partition)
            if remembered.get(partition) == version:
                continue
            rows_new += _load_partition(lake, table, partition, database, target)
            _remember(database, target_name, partition, version)
            loaded += 1
        return Loaded(target_name, loaded, len(wanted) - loaded, rows_new)
    finally:
        database.close()


def _default_name(table: Table) -> str:
    name = table.dataset.name if table.vendor is None else f"{table.vendor}_{table.dataset.name}"
    return name.replace("-", "_")


def _prepared(database: Database, table: Table, name: str) -> sa.Table:
    """The target's table, made with its view where it is not there."""
    schema = schema_of(table)
    columns = {field.name: typed(field) for field in schema.fields}
    stamps = {one: one.removesuffix("_ns") + "_at" for one in ("start_ns", "event_ns", "known_ns")}
    columns |= dict.fromkeys(stamps.values(), pl.Datetime("us", "UTC"))
    target = sql_table(name, columns, [*schema.identity, "known_ns"])
    with database.writing(f"preparing {name}") as connection:
        there = sa.inspect(connection)
        if not there.has_table(MEMORY):
            _memory.create(connection)
        if there.has_table(name):
            missing = sorted(set(columns) - {column["name"] for column in there.get_columns(name)})
            if missing:
                raise Rejected(f"warehouse {database.place}: table {name} has no columns {missing}, expected those of {table.name}")
        else:
            target.create(connection)
            connection.exec_driver_sql(_view(connection, target, schema.identity))
    return target


def _view(connection: Connection, target: sa.Table, identity: Sequence[str]) -> str:
    """The statement that makes `<name>_latest`."""
    order = sa.func.row_number().over(partition_by=[target.c[key] for key in identity], order_by=target.c.known_ns.desc())
    ranked = sa.select(target, order.label("version_rank")).subquery("ranked")
    latest = sa.select(*(ranked.c[column.name] for column in target.columns)).where(ranked.c.version_rank == sa.literal_column("1"))
    quoted = connection.dialect.identifier_preparer.quote(f"{target.name}_latest")
    return f"CREATE VIEW {quoted} AS {latest.compile(dialect=connection.dialect)}"


def _remembered(database: Database, name: str) -> dict[str, int]:
    with database.reading(f"reading {MEMORY}") as connection:
        rows = connection.execute(sa.select(_memory.c.partition, _memory.c.version).where(_memory.c.name == name)).all()
    return {partition: version for partition, version in rows}  # noqa: C416  # rows unpack, a dict of them would not be typed


def _remember(database: Database, name: str, partition: str, version: int) -> None:
    which = (_memory.c.name == name, _memory.c.partition == partition)
    with database.writing(f"remembering {partition}") as connection:
        connection.execute(sa.delete(_memory).where(*which))
        connection.execute(sa.insert(_memory).values(name=name, partition=partition, version=version))


def _load_partition(lake: Lake, table: Table, partition: str, database: Database, target: sa.Table) -> int:
    start_ns, end_ns = bounds(table, partition)
    within = (target.c.start_ns >= start_ns, target.c.start_ns < end_ns)
    with database.reading(f"counting {partition}") as connection:
        counted = sa.select(target.c.instrument, sa.func.count()).where(*within).group_by(target.c.instrument)
        have: dict[str, int] = dict(iter(connection.execute(counted)))
    instruments = lake.read(table, as_of_ns=_FOREVER_NS, start_ns=start_ns, end_ns=end_ns, columns=["instrument"])["instrument"]
    rows_new = 0
    for chunk in batches(instruments.unique().sort().to_list(), INSTRUMENTS_AT_ONCE):
        rows = lake.versions(table, instruments=chunk, start_ns=start_ns, end_ns=end_ns)
        counts: dict[str, int] = dict(rows.group_by("instrument").len().iter_rows())
        behind = [one for one in chunk if counts[one] != have.get(one, 0)]
        if not behind:
            continue
        rows = rows.filter(pl.col("instrument").is_in(behind))
        with database.writing(f"loading {partition}") as connection:
            new = _without_known(connection, target, rows, [one for one in behind if one in have], within)
            insert(connection, target, _stamped(new))
        rows_new += new.height
    return rows_new


def _without_known(connection: Connection, target: sa.Table, rows: pl.DataFrame, instruments: list[str], within: Any) -> pl.DataFrame:
    """The rows whose key is not in the target yet."""
    if not instruments:
        return rows
    key = [column.name for column in target.primary_key]
    query = sa.select(*(target.c[name] for name in key)).where(*within, target.c.instrument.in_(instruments))
    there = pl.DataFrame([tuple(row) for row in connection.execute(query)], schema={name: rows.schema[name] for name in key}, orient="row")
    return rows.join(there, on=key, how="anti", maintain_order="left")


def _stamped(rows: pl.DataFrame) -> pl.DataFrame:
    """With the times as timestamps too, for people and their tools."""
    return rows.with_columns(
        (pl.col(name) // 1_000).cast(pl.Datetime("us", "UTC")).alias(name.removesuffix("_ns") + "_at")
        for name in ("start_ns", "event_ns", "known_ns")
    )
