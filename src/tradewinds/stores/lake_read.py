"""Reading partitions: plan with the row-group index, decode only what is needed, merge versions only where there are any.

1. For each instrument pick the row groups that overlap the time span and were known at the as-of time.
2. Groups whose time ranges overlap make a cluster. A cluster of one group without versions, all known in time, needs no
   merging and no column that was not asked for.
3. Decode, file by file, on a few threads.
4. In other clusters: drop what was not known yet, keep the last version, lay later files over earlier ones (a later file
   of a partition holds only new facts and later versions, because publishing sees to it).
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tradewinds.core.errors import Unreadable
from tradewinds.stores import lake_parquet
from tradewinds.stores.lake_files import Files
from tradewinds.stores.lake_log import Group, State
from tradewinds.stores.lake_merge import latest
from tradewinds.stores.lake_schema import Schema

FOOTERS_MAX = 512
THREADS_MAX = 4
_ROWS_WORTH_THREADS = 40_000
_PIECE_ROWS_MIN = 4_096
Span = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A partition at one version: its folder and its state."""

    folder: str
    state: State


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One row group that is wanted, and where it is."""

    partition: Partition
    file: int
    position: int

    @property
    def group(self) -> Group:
        return self.partition.state.files[self.file].groups[self.position]


@dataclass(slots=True)
class _Plan:
    """Row groups to decode, by (folder, file) and by the columns that merging them needs (none where nothing merges)."""

    wanted: dict[tuple[str, int, tuple[str, ...]], list[_Part]] = field(default_factory=dict)
    clusters: list[tuple[list[_Part], tuple[str, ...]]] = field(default_factory=list)

    def add(self, cluster: list[_Part], needed: tuple[str, ...]) -> None:
        self.clusters.append((cluster, needed))
        for part in cluster:
            self.wanted.setdefault((part.partition.folder, part.file, needed), []).append(part)


class PartitionReader:
    """Reads row groups and remembers the footers of the files it has seen (they never change)."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._footers: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def as_of(
        self, partitions: Sequence[Partition], schema: Schema, names: list[str], as_of_ns: int, chosen: list[str] | None, span: Span
    ) -> pl.DataFrame | None:
        """The last version known at as_of_ns of each fact, sorted by identity; None where nothing matches."""
        plan = _plan(partitions, chosen, schema, as_of_ns, span)
        if not plan.clusters:
            return None
        stored = [name for name in names if name != "instrument"] or ["start_ns"]  # the index knows the instrument
        decoded = self._decode(plan, schema, stored if span == (None, None) else _with(stored, ["start_ns"]))
        pieces = []
        for cluster, needed in plan.clusters:
            frames = [(part.group, decoded[part]) for part in cluster]
            rows = _overlaid(frames, schema, as_of_ns) if needed else frames[0][1]
            pieces.append(_only(_cut(rows, cluster, span), stored))
        return _joined(pieces, [cluster[0].group.instrument for cluster, _ in plan.clusters], names)

    def versions(
        self, partitions: Sequence[Partition], schema: Schema, names: list[str], chosen: list[str] | None, span: Span
    ) -> pl.DataFrame | None:
        """Every version of each fact, sorted by identity and known time; None where nothing matches."""
        plan = _plan(partitions, chosen, schema, None, span)
        if not plan.clusters:
            return None
        order = ["start_ns", *schema.keys, "known_ns"]
        stored = [name for name in names if name != "instrument"] or ["start_ns"]
        decoded = self._decode(plan, schema, _with(stored, order))
        pieces = []
        for cluster, _ in plan.clusters:
            parts = [_cut(decoded[part], [part], span) for part in cluster]
            rows = parts[0] if len(parts) == 1 else pl.concat(parts).sort(order, maintain_order=True)
            pieces.append(_only(rows, stored))
        return _joined(pieces, [cluster[0].group.instrument for cluster, _ in plan.clusters], names)

    def _decode(self, plan: _Plan, schema: Schema, names: list[str]) -> dict[_Part, pl.DataFrame]:
        workers = min(THREADS_MAX, os.cpu_count() or 1)
        tasks = []
        for (_, _, needed), parts in plan.wanted.items():
            tasks += [(share, _with(names, needed)) for share in _shares(parts, 1 if len(plan.wanted) >= workers else workers)]
        total = sum(part.group.rows for parts, _ in tasks for part in parts)
        if min(workers, len(tasks)) < 2 or total < _ROWS_WORTH_THREADS:
            results = [self._decode_file(parts, chosen, schema) for parts, chosen in tasks]
        else:
            with ThreadPoolExecutor(workers) as pool:
                results = list(pool.map(lambda task: self._decode_file(task[0], task[1], schema), tasks))
        return {part: rows for result in results for part, rows in result}

    def _decode_file(self, parts: list[_Part], names: list[str], schema: Schema) -> list[tuple[_Part, pl.DataFrame]]:
        partition, number = parts[0].partition, parts[0].file
        file = partition.state.files[number]
        path = f"{partition.folder}/{file.name}"
        footer = self._footers.get(path)
        fields = [schema.field(name) for name in names]
        with self._files.open(path, [(part.group.offset, part.group.length) for part in parts]) as source:
            try:
                frames, read_footer = lake_parquet.decode(source, file, footer, [part.position for part in parts], fields)
            except lake_parquet.DAMAGE as error:
                raise Unreadable(f"lake file {path}: {error}, expected the {file.size} bytes of Parquet that were written") from error
        if footer is None:
            self._remember(path, read_footer)
        return list(zip(parts, frames, strict=True))

    def _remember(self, path: str, footer: object) -> None:
        with self._lock:
            self._footers[path] = footer
            while len(self._footers) > FOOTERS_MAX:
                self._footers.popitem(last=False)


def _shares(parts: list[_Part], count: int) -> list[list[_Part]]:
    """Row groups of one file in order of position, in at most `count` shares of about as many groups."""
    parts = sorted(parts, key=lambda part: part.position)
    size = -(-len(parts) // count)
    return [parts[low : low + size] for low in range(0, len(parts), size)]


def _only(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return rows if rows.columns == names else rows.select(names)


def _joined(pieces: list[pl.DataFrame], instruments: list[str], names: list[str]) -> pl.DataFrame:
    """The pieces one after the other with their instruments; copied together only where later work would feel how small they are."""
    rows = pl.concat(pieces, rechunk=sum(piece.height for piece in pieces) < _PIECE_ROWS_MIN * len(pieces))
    if "instrument" not in names:
        return rows
    which = np.repeat(np.arange(len(pieces)), [piece.height for piece in pieces])
    return rows.with_columns(pl.Series("instrument", instruments, dtype=pl.String).gather(which)).select(names)


def _with(names: list[str], more: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*names, *more]))


def _plan(partitions: Sequence[Partition], chosen: list[str] | None, schema: Schema, as_of_ns: int | None, span: Span) -> _Plan:
    """Clusters in order of instrument, then time (partitions come in order of time). Without an as-of nothing merges."""
    plan = _Plan()
    if chosen is None:
        chosen = sorted({name for partition in partitions for name in partition.state.by_instrument})
    for instrument in chosen:
        for partition in partitions:
            parts = [
                part
                for file, position in partition.state.by_instrument.get(instrument, ())
                if _is_wanted((part := _Part(partition, file, position)).group, as_of_ns, span)
            ]
            for cluster in _clusters(parts):
                plan.add(cluster, () if as_of_ns is None else _needed(cluster, schema, as_of_ns))
    return plan


def _is_wanted(group: Group, as_of_ns: int | None, span: Span) -> bool:
    start_ns, end_ns = span
    return (
        (as_of_ns is None or group.known_min_ns <= as_of_ns)
        and (start_ns is None or group.start_max_ns >= start_ns)
        and (end_ns is None or group.start_min_ns < end_ns)
    )


def _needed(cluster: list[_Part], schema: Schema, as_of_ns: int) -> tuple[str, ...]:
    """The columns without which the cluster cannot be merged; none where it is one group whose facts were all known, once."""
    if any(part.group.known_max_ns > as_of_ns for part in cluster):
        return ("start_ns", *schema.keys, "known_ns")
    if len(cluster) > 1 or not cluster[0].group.is_single:
        return ("start_ns", *schema.keys)
    return ()


def _clusters(parts: list[_Part]) -> list[list[_Part]]:
    """Groups whose time ranges overlap, together and in commit order; the clusters in order of time."""
    clusters: list[list[_Part]] = []
    end = 0
    for part in sorted(parts, key=lambda part: part.group.start_min_ns):
        if clusters and part.group.start_min_ns <= end:
            clusters[-1].append(part)
            end = max(end, part.group.start_max_ns)
        else:
            clusters.append([part])
            end = part.group.start_max_ns
    for cluster in clusters:
        cluster.sort(key=lambda part: (part.file, part.position))
    return clusters


def _cut(rows: pl.DataFrame, cluster: list[_Part], span: Span) -> pl.DataFrame:
    """The rows that start within the span; they are sorted by start unless they are several versions of a cluster."""
    start_ns, end_ns = span
    is_inside = all(
        (start_ns is None or part.group.start_min_ns >= start_ns) and (end_ns is None or part.group.start_max_ns < end_ns)
        for part in cluster
    )
    if is_inside:
        return rows
    start = rows["start_ns"].to_numpy()
    low = 0 if start_ns is None else int(np.searchsorted(start, start_ns))
    high = len(start) if end_ns is None else int(np.searchsorted(start, end_ns))
    return rows.slice(low, high - low)


def _overlaid(frames: list[tuple[Group, pl.DataFrame]], schema: Schema, as_of_ns: int) -> pl.DataFrame:
    result: pl.DataFrame | None = None
    for group, stored in frames:
        rows = stored if group.known_max_ns <= as_of_ns else stored.filter(pl.col("known_ns") <= as_of_ns)
        rows = rows if group.is_single else latest(rows, ["start_ns", *schema.keys])
        if result is None or result.is_empty():
            result = rows
        elif not rows.is_empty():
            result = _overlay(result, rows, schema)
    assert result is not None
    return result


def _overlay(below: pl.DataFrame, above: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """`above` laid over `below`: its rows replace the same facts and join the others in order. Both hold each fact once."""
    if schema.keys:  # two facts may start at once: lined up and thinned instead
        identity = ["start_ns", *schema.keys]
        return latest(pl.concat([below, above]).sort(identity, maintain_order=True), identity)
    if above["start_ns"][0] > below["start_ns"][-1]:
        return pl.concat([below, above])
    old, new = below["start_ns"].to_numpy(), above["start_ns"].to_numpy()
    places = np.searchsorted(old, new)
    hits = np.zeros(len(new), bool)
    within = places < len(old)
    hits[within] = old[places[within]] == new[within]
    if hits.all():
        return pl.DataFrame([_replaced(column, places, above[column.name]) for column in below])
    order = np.arange(len(old))
    order[places[hits]] = len(old) + np.flatnonzero(hits)
    order = np.insert(order, places[~hits], len(old) + np.flatnonzero(~hits))
    return pl.concat([below, above])[order]


def _replaced(column: pl.Series, places: np.ndarray[Any, np.dtype[np.int64]], values: pl.Series) -> pl.Series:
    return column if column.name == "start_ns" else column.clone().scatter(pl.Series(places), values)
