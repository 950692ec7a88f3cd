"""Frames to Parquet bytes with a row-group index, and chosen row groups back to frames.

Measured for minute bars (docs/decisions/0002-table-format.md): LZ4 reads three times as fast as zstd-1 at 1.4 times the
size; delta encoding shrinks the regular time columns by half and costs nothing. One instrument per row group, at most
about GROUP_ROWS rows, so that a day of many instruments does not decode their whole month.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tradewinds.core.instant import NS_PER_US
from tradewinds.stores.lake_log import DataFile, Group
from tradewinds.stores.lake_merge import is_single
from tradewinds.stores.lake_schema import Field, Schema, typed

GROUP_ROWS = 16_384
_COMPRESSION = "lz4"
_DICTIONARY = ("instrument", "source", "vendor", "status", "reason")
_STATISTICS = ("instrument", "start", "event", "known")
_ARROW = {
    "float": pa.float64(),
    "int": pa.int64(),
    "text": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "bool": pa.bool_(),
}


def encode(rows: pl.DataFrame, schema: Schema) -> tuple[bytes, DataFile]:
    """Parquet bytes of rows sorted by identity and known time, and their index. Same rows, same bytes, same name."""
    every_single = is_single(rows, schema.identity)
    pieces = _pieces(rows, schema)
    arrow = _arrow_schema(schema)
    known = rows["known_ns"].to_numpy()
    start = rows["start_ns"].to_numpy()
    sink = pa.BufferOutputStream()
    texts = [field.stored for field in schema.fields if field.kind == "text"]
    times = {field.stored: "DELTA_BINARY_PACKED" for field in schema.fields if field.kind == "time" and field.stored != "captured"}
    writer = pq.ParquetWriter(
        sink,
        arrow,
        compression=_COMPRESSION,
        use_dictionary=[*texts, "captured"],
        column_encoding=times,
        write_statistics=list(_STATISTICS),
        store_schema=False,
    )
    groups = []
    with writer:
        for low, high in pieces:
            piece = rows.slice(low, high - low)
            before = sink.tell()
            writer.write_table(_table(piece, schema, arrow), row_group_size=high - low)
            times_known = known[low:high]
            groups.append(
                Group(
                    instrument=piece["instrument"][0],
                    rows=high - low,
                    start_min_ns=int(start[low]),
                    start_max_ns=int(start[high - 1]),
                    known_min_ns=int(times_known.min()),
                    known_max_ns=int(times_known.max()),
                    offset=before,
                    length=sink.tell() - before,
                    is_single=every_single or is_single(piece, schema.identity),
                )
            )
    content = sink.getvalue().to_pybytes()
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.parquet"
    return content, DataFile(name, len(content), tuple(field.stored for field in schema.fields), tuple(groups))


def decode(
    source: pa.NativeFile, file: DataFile, metadata: pq.FileMetaData | None, positions: Sequence[int], fields: Sequence[Field]
) -> tuple[pl.DataFrame, pq.FileMetaData]:
    """The rows of some row groups, in that order, and the footer to hand back next time.

    `instrument` comes from the index; a column that the file does not have yet is null.
    """
    wanted = [field for field in fields if field.stored in file.columns and field.stored != "instrument"]
    parquet = pq.ParquetFile(source, metadata=metadata, read_dictionary=[field.stored for field in wanted if field.stored in _DICTIONARY])
    table = parquet.read_row_groups(list(positions), columns=[field.stored for field in wanted], use_threads=False)
    rows = sum(file.groups[position].rows for position in positions)
    columns = {field.name: _series(field, table.column(field.stored)) for field in wanted}
    for field in fields:
        if field.stored == "instrument":
            columns[field.name] = _instruments([file.groups[position] for position in positions])
        elif field.name not in columns:
            columns[field.name] = pl.Series(field.name, [None], dtype=typed(field)).new_from_index(0, rows)
    return pl.DataFrame([columns[field.name] for field in fields]), parquet.metadata


def _instruments(groups: Sequence[Group]) -> pl.Series:
    names = pl.Series("instrument", [group.instrument for group in groups], dtype=pl.String)
    return names.gather(np.repeat(np.arange(len(groups)), [group.rows for group in groups]))


def _series(field: Field, column: pa.ChunkedArray) -> pl.Series:
    series = pl.Series(field.name, column)
    if field.kind == "time":
        return series.to_physical() * NS_PER_US
    return series if series.dtype == typed(field) else series.cast(typed(field))


def _pieces(rows: pl.DataFrame, schema: Schema) -> list[tuple[int, int]]:
    """[low, high) of each row group: one instrument, near equal parts of at most GROUP_ROWS, never between rows of one start."""
    names = rows["instrument"]
    edges = np.flatnonzero((names.slice(1) != names.slice(0, rows.height - 1)).to_numpy()) + 1 if rows.height > 1 else np.array([], int)
    ends = [*edges.tolist(), rows.height]
    start = rows["start_ns"].to_numpy()
    pieces = []
    low = 0
    for end in ends:
        parts = -(-(end - low) // GROUP_ROWS)
        for part in range(1, parts + 1):
            if low >= end:
                break
            high = end if part == parts else low + (end - low) // (parts - part + 1)
            while high < end and start[high] == start[high - 1]:
                high += 1
            pieces.append((low, high))
            low = high
    return pieces


def _arrow_schema(schema: Schema) -> pa.Schema:
    def type_of(field: Field) -> pa.DataType:
        return pa.dictionary(pa.int32(), pa.string()) if field.stored in _DICTIONARY else _ARROW[field.kind]

    return pa.schema([pa.field(field.stored, type_of(field), nullable=not field.is_required) for field in schema.fields])


def _table(rows: pl.DataFrame, schema: Schema, arrow: pa.Schema) -> pa.Table:
    arrays = []
    for field, target in zip(schema.fields, arrow, strict=True):
        series = rows[field.name]
        if field.kind == "time":
            array = (series // NS_PER_US).to_arrow().cast(target.type)
        elif field.stored in _DICTIONARY:
            array = _dictionary(series)
        else:
            array = series.to_arrow().cast(target.type)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=arrow)


def _dictionary(series: pl.Series) -> pa.DictionaryArray:
    """Dictionary-encoded text holding only the values of this piece; one repeated value, the usual case, costs no hashing."""
    first = series[0]
    if first is not None and series.null_count() == 0 and (series == first).all():
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(series.len(), np.int32)), pa.array([first], pa.string()))
    return series.to_arrow().cast(pa.string()).dictionary_encode()
