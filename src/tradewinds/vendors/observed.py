"""Gives parsed rows the columns that every observation carries, in one order."""

from __future__ import annotations

import polars as pl

from tradewinds.core.observation import Column, Dataset, Payload

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "float": pl.Float64,
    "int": pl.Int64,
    "text": pl.String,
    "time": pl.Int64,
    "date": pl.Date,
    "bool": pl.Boolean,
}


def schema(dataset: Dataset) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Column types of a vendor's rows of `dataset`, in order."""
    head: dict[str, pl.DataType | type[pl.DataType]] = {"instrument": pl.String}
    times = dict.fromkeys(("start_ns", "event_ns", "known_ns", "captured_ns"), pl.Int64)
    return head | times | {"source": pl.String} | {column.name: column_type(column) for column in dataset.columns}


def column_type(column: Column) -> pl.DataType | type[pl.DataType]:
    return _TYPES[column.kind]


def nothing(dataset: Dataset) -> pl.DataFrame:
    """No rows of `dataset`."""
    return pl.DataFrame(schema=schema(dataset))


def observed(
    rows: pl.DataFrame, dataset: Dataset, payload: Payload, *, lag_ns: int, instrument: str | None = None, are_final: bool = False
) -> pl.DataFrame:
    """Rows of `dataset` with known, captured and source added, columns in order; the order of rows is kept.

    rows: `start_ns`, `event_ns`, the dataset's columns (one that is absent becomes null), `instrument` unless it is given.
    Rows whose first known time lies after the capture are not final yet and are left out, unless the vendor says that they are final.
    """
    last_ns = rows["event_ns"].max()
    if not are_final and isinstance(last_ns, int) and last_ns + lag_ns > payload.captured_ns:
        rows = rows.filter(pl.col("event_ns") + lag_ns <= payload.captured_ns)
    values = [
        pl.col(column.name).cast(column_type(column))
        if column.name in rows.columns
        else pl.lit(None, column_type(column)).alias(column.name)
        for column in dataset.columns
    ]
    return rows.select(
        pl.col("instrument") if instrument is None else pl.lit(instrument).alias("instrument"),
        pl.col("start_ns"),
        pl.col("event_ns"),
        (pl.col("event_ns") + lag_ns).alias("known_ns"),
        pl.lit(payload.captured_ns, pl.Int64).alias("captured_ns"),
        pl.lit(payload.sha256).alias("source"),
        *values,
    )
