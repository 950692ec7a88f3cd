"""Frames to Parquet bytes with a row-group index, and chosen row groups back to frames.

Measured for minute bars (docs/decisions/0002-table-format.md): LZ4 reads three times as fast as zstd-1 at 1.4 times the
size; delta encoding shrinks the regular time columns by half and costs nothing. A row group holds at most about GROUP_ROWS
rows of one instrument, so that a day of many instruments does not decode their whole month; instruments with few rows share one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tradewinds.core.instant import NS_PER_US
from tradewinds.stores.lake_log import DataFile, Group
from tradewinds.stores.lake_merge import is_single
from tradewinds.stores.lake_schema import Field, Schema, typed

GROUP_ROWS = 8_192
Array = np.ndarray[Any, np.dtype[Any]]
DAMAGE = (pa.ArrowInvalid, OSError, KeyError)
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


def encode(frames: Iterable[pl.DataFrame], schema: Schema) -> tuple[pa.Buffer, DataFile] | None:
    """Parquet bytes of rows and their index; None where there are no rows. Same rows, same bytes, same name.

    The frames follow each other in order of instrument, and each is sorted by identity and known time.
    """
    arrow = _arrow_schema(schema)
    sink = pa.BufferOutputStream()
    groups: list[Group] = []
    with _writer(sink, arrow, schema) as writer:
        for rows in frames:
            if not rows.is_empty():
                first = groups[-1].row_group + 1 if groups else 0
                groups += _write_groups(sink, writer, rows.rechunk(), schema, arrow, first)
    if not groups:
        return None
    content = sink.getvalue()
    return content, DataFile(content_name(content), content.size, tuple(field.stored for field in schema.fields), tuple(groups))


def content_name(content: Any) -> str:
    """The file name of these bytes."""
    return f"{hashlib.sha256(content).hexdigest()[:32]}.parquet"


def decode(
    source: pa.NativeFile, file: DataFile, metadata: pq.FileMetaData | None, positions: Sequence[int], fields: Sequence[Field]
) -> tuple[list[pl.DataFrame], pq.FileMetaData]:
    """The rows of each of the groups at these positions of the index, and the footer to hand back next time.

    A column that the file does not have yet is null.
    """
    wanted = [field for field in fields if field.stored in file.columns]
    parquet = pq.ParquetFile(source, metadata=metadata, read_dictionary=[field.stored for field in wanted if field.stored in _DICTIONARY])
    row_groups = sorted({file.groups[position].row_group for position in positions})
    inside = [group for group in file.groups if group.row_group in set(row_groups)]
    table = parquet.read_row_groups(row_groups, columns=[field.stored for field in wanted], use_threads=False)
    columns = {field.name: _series(field, table.column(field.stored)) for field in wanted}
    for field in fields:
        if field.name not in columns:
            columns[field.name] = pl.Series(field.name, [None], dtype=typed(field)).new_from_index(0, sum(group.rows for group in inside))
    rows = pl.DataFrame([columns[field.name] for field in fields])
    begins = np.cumsum([0, *(group.rows for group in inside)]).tolist()
    begin_of = {(group.row_group, group.first): begin for group, begin in zip(inside, begins, strict=False)}
    chosen = [file.groups[position] for position in positions]
    return [rows.slice(begin_of[group.row_group, group.first], group.rows) for group in chosen], parquet.metadata


def _series(field: Field, column: pa.ChunkedArray) -> pl.Series:
    series = pl.Series(field.name, column)
    if field.kind == "time":
        return series.to_physical() * NS_PER_US
    return series if series.dtype == typed(field) else series.cast(typed(field))


def _write_groups(
    sink: pa.BufferOutputStream, writer: pq.ParquetWriter, rows: pl.DataFrame, schema: Schema, arrow: pa.Schema, first: int
) -> Iterator[Group]:
    every_single = is_single(rows, schema.identity)
    names = rows["instrument"]
    known, start = rows["known_ns"].to_numpy(), rows["start_ns"].to_numpy()
    columns = [_Column(field, rows[field.name]) for field in schema.fields]
    for row_group, pieces in enumerate(_row_groups(_pieces(names, start)), first):
        begin, end = pieces[0][0], pieces[-1][1]
        before = sink.tell()
        table = pa.Table.from_arrays([column.piece(begin, end) for column in columns], schema=arrow)
        writer.write_table(table, row_group_size=end - begin)
        length = sink.tell() - before
        for low, high in pieces:
            yield Group(
                instrument=names[low],
                row_group=row_group,
                first=low - begin,
                rows=high - low,
                start_min_ns=int(start[low]),
                start_max_ns=int(start[high - 1]),
                known_min_ns=int(known[low:high].min()),
                known_max_ns=int(known[low:high].max()),
                offset=before,
                length=length,
                is_single=every_single or is_single(rows.slice(low, high - low), schema.identity),
            )


def _row_groups(pieces: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbouring pieces together while they fit into GROUP_ROWS."""
    held: list[tuple[int, int]] = []
    for low, high in pieces:
        if held and high - held[0][0] > GROUP_ROWS:
            yield held
            held = []
        held.append((low, high))
    if held:
        yield held


def _pieces(names: pl.Series, start: Array) -> Iterator[tuple[int, int]]:
    """[low, high) of each group: one instrument, near equal parts of at most GROUP_ROWS, never between rows of one start."""
    low = 0
    for end in [*_changes(names)[1:].tolist(), len(names)]:
        parts = -(-(end - low) // GROUP_ROWS)
        while low < end:
            high = low + -(-(end - low) // max(parts, 1))
            while high < end and start[high] == start[high - 1]:
                high += 1
            yield low, high
            low, parts = high, parts - 1


def _changes(series: pl.Series) -> Array:
    """The positions at which a run of equal values begins."""
    is_other: Array = series.slice(1).ne_missing(series.slice(0, series.len() - 1)).to_numpy()
    return np.concatenate([[0], np.flatnonzero(is_other) + 1])


def _arrow_type(field: Field) -> pa.DataType:
    return pa.dictionary(pa.int32(), pa.string()) if field.stored in _DICTIONARY else _ARROW[field.kind]


def _arrow_schema(schema: Schema) -> pa.Schema:
    return pa.schema([pa.field(field.stored, _arrow_type(field), nullable=not field.is_required) for field in schema.fields])


def _writer(sink: pa.BufferOutputStream, arrow: pa.Schema, schema: Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink,
        arrow,
        compression=_COMPRESSION,
        use_dictionary=[*(field.stored for field in schema.fields if field.kind == "text"), "captured"],
        column_encoding={
            field.stored: "DELTA_BINARY_PACKED" for field in schema.fields if field.kind == "time" and field.stored != "captured"
        },
        write_statistics=list(_STATISTICS),
        store_schema=False,
    )


class _Column:
    """One column on its way to Parquet, converted once and cut into row groups without copying."""

    def __init__(self, field: Field, series: pl.Series) -> None:
        self._series = series
        self._runs: Array | None = _changes(series) if field.stored in _DICTIONARY else None
        if field.kind == "time":
            self._array = (series // NS_PER_US).to_arrow().view(_ARROW["time"])
        elif self._runs is None:
            self._array = series.to_arrow().cast(_ARROW[field.kind])

    def piece(self, low: int, high: int) -> pa.Array:
        if self._runs is None:
            return self._array.slice(low, high - low)
        if np.searchsorted(self._runs, low, "right") != np.searchsorted(self._runs, high):  # more than one value
            return self._series.slice(low, high - low).to_arrow().cast(pa.string()).dictionary_encode()
        if self._series[low] is None:
            return pa.DictionaryArray.from_arrays(pa.nulls(high - low, pa.int32()), pa.nulls(0, pa.string()))
        return pa.DictionaryArray.from_arrays(_zeros(high - low), self._series.slice(low, 1).to_arrow().cast(pa.string()))


def _zeros(count: int) -> pa.Array:
    """So many codes 0, without the copy and the import of pandas that `pa.array` of a numpy array costs."""
    return pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(bytes(4 * count))])
