"""The last step of every parse: rows of a dataset in the shape that the lake takes."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tradewinds.core.observation import ColumnKind, Dataset, Payload

TYPES: Mapping[ColumnKind, pl.DataType] = {
    "float": pl.Float64(),
    "int": pl.Int64(),
    "text": pl.String(),
    "time": pl.Int64(),
    "date": pl.Date(),
    "bool": pl.Boolean(),
}
TIMES = ("start_ns", "event_ns", "known_ns")


def conformed(rows: pl.DataFrame, dataset: Dataset, payload: Payload) -> pl.DataFrame:
    """`rows` with exactly the columns of `dataset`, typed, in order, sorted by identity and known_ns; columns they lack are null.

    rows: instrument, start_ns, event_ns, known_ns and any of the dataset's columns.
    """
    values = [
        (pl.col(column.name) if column.name in rows.columns else pl.lit(None)).cast(TYPES[column.kind]).alias(column.name)
        for column in dataset.columns
    ]
    return rows.select(
        pl.col("instrument").cast(pl.String),
        *(pl.col(name).cast(pl.Int64) for name in TIMES),
        pl.lit(payload.captured_ns, pl.Int64).alias("captured_ns"),
        pl.lit(payload.sha256).alias("source"),
        *values,
    ).sort("instrument", *dataset.keys, "start_ns", "known_ns", maintain_order=True)
