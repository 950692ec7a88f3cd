"""The columns of a table in memory and in Parquet, and the one place where they are turned into each other.

In memory times are Int64 nanoseconds named `*_ns`; in Parquet they are UTC microsecond timestamps without the suffix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_US, from_date, text
from tradewinds.core.observation import PROVENANCE, TIMES, ColumnKind, Table

_TYPES: dict[ColumnKind, pl.DataType] = {
    "float": pl.Float64(),
    "int": pl.Int64(),
    "text": pl.String(),
    "time": pl.Int64(),
    "date": pl.Date(),
    "bool": pl.Boolean(),
}
_WIDENED: dict[ColumnKind, tuple[type[pl.DataType], ...]] = {
    "float": (pl.Float64, pl.Float32, pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt32, pl.UInt16, pl.UInt8),
    "int": (pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt64, pl.UInt32, pl.UInt16, pl.UInt8),
    "text": (pl.String, pl.Categorical, pl.Enum),
    "time": (pl.Int64, pl.Int32, pl.UInt32, pl.UInt64),
    "date": (pl.Date,),
    "bool": (pl.Boolean,),
}
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Field:
    """One stored column: its name in memory, its name in Parquet, what it holds."""

    name: str
    stored: str
    kind: ColumnKind
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one table in their order. `identity` tells facts apart, `content` is what a restatement changes."""

    table: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [field.name for field in self.fields]

    @property
    def identity(self) -> list[str]:
        """Sort order of facts: instrument, start, then the dataset's keys."""
        return ["instrument", "start_ns", *self.keys]

    @property
    def content(self) -> list[str]:
        """What is compared to tell a restatement from a repetition: event time, values, and where the published cell came from."""
        return [name for name in self.names if name not in (*self.identity, "known_ns", "captured_ns", "source")]

    def field(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise Rejected(f"table {self.table}: column {name!r}, expected one of {self.names}")


@cache
def schema_of(table: Table) -> Schema:
    """The schema of a table; published history (no vendor) carries vendor, status and reason as well."""
    fields = [Field("instrument", "instrument", "text", is_required=True)]
    fields += [Field(name, name.removesuffix("_ns"), "time", is_required=True) for name in TIMES]
    fields.append(Field("source", "source", "text"))
    if table.vendor is None:
        fields += [Field(name, name, "text") for name in PROVENANCE]
    for column in table.dataset.columns:
        stored = column.name.removesuffix("_ns") if column.kind == "time" else column.name
        fields.append(Field(column.name, stored, column.kind, is_required=column.name in table.dataset.keys))
    stored_names = [field.stored for field in fields]
    twice = sorted({name for name in stored_names if stored_names.count(name) > 1})
    if twice:
        raise Rejected(f"table {table.name}: columns {twice} would stand twice in Parquet, expected distinct names without _ns")
    return Schema(table.name, tuple(fields), tuple(table.dataset.keys))


def empty(schema: Schema, names: list[str] | None = None) -> pl.DataFrame:
    """No rows, with the types of the schema."""
    return pl.DataFrame(schema={name: _TYPES[schema.field(name).kind] for name in names or schema.names})


def typed(column: Field) -> pl.DataType:
    return _TYPES[column.kind]


def bounds(table: Table, partition: str) -> tuple[int, int]:
    """[start, end) of a partition in nanoseconds; raises Rejected when the name is not one of this table's partitions."""
    if table.dataset.partitioning == "month":
        match = _MONTH.fullmatch(partition)
        if match is not None and int(match[1]) >= 1:
            year, month = int(match[1]), int(match[2])
            following = date(year + month // 12, month % 12 + 1, 1)
            return from_date(date(year, month, 1)), from_date(following)
    elif _YEAR.fullmatch(partition) is not None and int(partition) >= 1:
        return from_date(date(int(partition), 1, 1)), from_date(date(int(partition) + 1, 1, 1))
    example = "2024-01" if table.dataset.partitioning == "month" else "2024"
    raise Rejected(f"table {table.name}: partition {partition!r}, expected a {table.dataset.partitioning} such as {example}")


def conform(table: Table, partition: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with exactly the schema's columns and types, or Rejected naming what does not fit.

    A value column that is absent is null in every row (a market that does not state it); a column nobody declared is refused.
    """
    schema = schema_of(table)
    where = f"publishing {table.name} {partition}"
    unknown = sorted(set(rows.columns) - set(schema.names))
    if unknown:
        raise Rejected(f"{where}: columns {unknown}, expected only {schema.names}")
    columns = []
    for field in schema.fields:
        if field.name not in rows.columns:
            if field.is_required:
                raise Rejected(f"{where}: no column {field.name}, expected {[f.name for f in schema.fields if f.is_required]}")
            columns.append(pl.lit(None, dtype=typed(field)).alias(field.name))
            continue
        given = rows.schema[field.name]
        if given not in (*_WIDENED[field.kind], pl.Null):
            raise Rejected(f"{where}: column {field.name} is {given}, expected {typed(field)}")
        columns.append(pl.col(field.name).cast(typed(field), strict=True))
    try:
        conformed = rows.select(columns)
    except pl.exceptions.InvalidOperationError as error:
        raise Rejected(f"{where}: a value does not fit its column ({error}), expected {dict(rows.schema)} to hold it") from None
    for field in schema.fields:
        if field.is_required and conformed[field.name].null_count():
            raise Rejected(f"{where}: {conformed[field.name].null_count()} rows without {field.name}, expected none")
        if field.kind == "time":
            _refuse_finer(where, conformed[field.name])
    _refuse_outside(where, conformed["start_ns"], *bounds(table, partition))
    return conformed


def _refuse_finer(where: str, times: pl.Series) -> None:
    finer = times % NS_PER_US != 0
    if finer.any():
        value = times.filter(finer)[0]
        raise Rejected(f"{where}: {times.name} {value} is finer than a microsecond, expected a multiple of 1000 ns")


def _refuse_outside(where: str, starts: pl.Series, low: int, high: int) -> None:
    if starts.len() == 0:
        return
    for value in (starts.min(), starts.max()):
        assert isinstance(value, int)
        if not low <= value < high:
            raise Rejected(f"{where}: start {text(value)}, expected one in [{text(low)}, {text(high)})")
