"""The last step of a parse that computed its own known times: rows of a dataset in the shape that the lake takes."""

from __future__ import annotations

import polars as pl

from tradewinds.core.observation import Dataset, Payload
from tradewinds.vendors.observed import nothing, schema


def conformed(rows: pl.DataFrame, dataset: Dataset, payload: Payload) -> pl.DataFrame:
    """`rows` with exactly the columns of `dataset`, typed, in order, sorted by identity and known_ns.

    rows: instrument, start_ns, event_ns, known_ns and any of the dataset's columns; those they lack are null.
    """
    if rows.is_empty():
        return nothing(dataset)
    given = {"captured_ns": pl.lit(payload.captured_ns), "source": pl.lit(payload.sha256)}
    columns = [
        given.get(name, pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema(dataset).items()
    ]
    return rows.select(columns).sort("instrument", *dataset.keys, "start_ns", "known_ns", maintain_order=True)
