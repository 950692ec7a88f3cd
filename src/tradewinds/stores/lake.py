"""The lake: bitemporal tables of Parquet files, committed per partition through a numbered log.

    history/bars-1m/2024-01/<content hash>.parquet       rows, sorted by instrument and start
    history/bars-1m/_log/2024-01/0000000007.json         the whole state of the partition at version 7

A commit: 1. the data file, durable; 2. the next log entry, created only if nobody else made that number. Whoever loses
the race reads the winner's entry, compares again and takes the next number. A crash between leaves the old version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.core.observation import Publication, Table
from tradewinds.stores import lake_log, lake_merge, lake_parquet
from tradewinds.stores.lake_files import Files, LocalFiles
from tradewinds.stores.lake_log import DataFile, State, stored_digests
from tradewinds.stores.lake_read import Partition, PartitionReader, Span
from tradewinds.stores.lake_retain import retain_partition, verify_partition
from tradewinds.stores.lake_schema import Schema, conform, empty, schema_of

COMMIT_ATTEMPTS = 100
COMPACT_ROWS = 500_000
STATES_MAX = 2_048
NOTE_CHARACTERS_MAX = 4_096
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


def local_lake(root: str | Path) -> FileLake:
    """The lake under a local folder."""
    return FileLake(LocalFiles(root))


class FileLake:
    """The lake over any `Files`. Safe for several threads and processes; holds nothing but caches of immutable files."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._reader = PartitionReader(files)
        self._states: dict[tuple[str, str], State] = {}

    def publish(self, table: Table, partition: str, rows: pl.DataFrame, *, note: Mapping[str, str] | None = None) -> Publication:
        schema = schema_of(table)
        incoming = conform(table, partition, rows)
        notes = _checked_notes(table, partition, note or {})
        is_clean = lake_merge.is_single(incoming, schema.identity)
        if not is_clean:
            incoming = lake_merge.in_order(incoming, schema)
            is_clean = lake_merge.is_single(incoming, schema.identity)
        draft = _Draft(self._files, _folder(table, partition))
        written: tuple[pl.DataFrame, tuple[DataFile, ...]] | None = None
        for _ in range(COMMIT_ATTEMPTS):
            state = self._state(table, partition)
            changes = self._changes(table, partition, state, incoming, is_clean=is_clean)
            fresh_notes = {key: value for key, value in notes.items() if state.notes.get(key) != value}
            if changes.rows.is_empty() and not fresh_notes:
                return Publication(table.name, partition, state.version, 0, 0, changes.same, 0)
            if written is None or written[0] is not changes.rows:  # a lost race rarely changes what is to be written
                written = changes.rows, draft.write([changes.rows], schema)
            entry = state.next(files=(*state.files, *written[1]), notes=fresh_notes)
            size = self._commit(table, partition, entry)
            if size is not None:
                spent = draft.secured() + size
                changed = dict(changes.rows.group_by("instrument", maintain_order=True).len().iter_rows())
                return Publication(table.name, partition, entry.version, changes.new, changes.restated, changes.same, spent, changed)
        raise Transient(f"publishing {table.name} {partition}: {COMMIT_ATTEMPTS} commits by others came first, expected a turn; repeat")

    def read(
        self,
        table: Table,
        *,
        as_of_ns: int,
        instruments: Sequence[str] | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        schema = schema_of(table)
        names = _chosen(schema, columns)
        chosen = None if instruments is None else sorted(set(instruments))
        partitions = self._between(table, start_ns, end_ns)
        rows = self._reader.as_of(partitions, schema, names, as_of_ns, chosen, (start_ns, end_ns))
        return empty(schema, names) if rows is None else rows

    def versions(
        self,
        table: Table,
        *,
        instruments: Sequence[str] | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        names = _chosen(schema_of(table), columns)
        chosen = None if instruments is None else sorted(set(instruments))
        return self._versions(table, self._between(table, start_ns, end_ns), chosen, (start_ns, end_ns), names)

    def tables(self) -> list[str]:
        vendors = [f"vendor/{vendor}" for vendor in self._files.folders("vendor")]
        found = [f"{layer}/{name}" for layer in ("history", *vendors) for name in self._files.folders(layer)]
        return [name for name in found if self._files.folders(f"{name}/_log")]

    def partitions(self, table: Table) -> list[str]:
        return [name for name in self._logs(table) if self.version(table, name)]

    def version(self, table: Table, partition: str) -> int:
        versions = [lake_log.entry_version(name) for name in self._files.names(_log(table, partition))]
        return max((version for version in versions if version is not None), default=0)

    def note(self, table: Table, partition: str, key: str) -> str | None:
        return self._state(table, partition).notes.get(key)

    def notes(self, table: Table, partition: str) -> Mapping[str, str]:
        """Every note of the partition."""
        return dict(self._state(table, partition).notes)

    def files(self, table: Table, *, as_of_ns: int | None = None) -> list[str]:
        """The paths (relative to the lake) of the Parquet files that make up the table now, every version of every fact in them.

        as_of_ns: of those alone that hold something known then.
        """
        return [
            f"{_folder(table, partition)}/{file.name}"
            for partition in self.partitions(table)
            for file in self._state(table, partition).files
            if as_of_ns is None or min(group.known_min_ns for group in file.groups) <= as_of_ns
        ]

    def index(self, table: Table) -> Iterator[tuple[str, str, int, int, int]]:
        """(instrument, partition, rows of every version, first start, last start), from the indexes of the partitions alone."""
        for partition in self.partitions(table):
            state = self._state(table, partition)
            for name in sorted(state.by_instrument):
                groups = [state.files[file].groups[position] for file, position in state.by_instrument[name]]
                low, high = min(one.start_min_ns for one in groups), max(one.start_max_ns for one in groups)
                yield name, partition, sum(one.rows for one in groups), low, high

    def known_max_ns(self, table: Table, instrument: str, partition: str | None = None) -> int | None:
        """The latest time at which anything stored of an instrument becomes known; None where nothing is. From the indexes alone."""
        states = [self._state(table, name) for name in ([partition] if partition is not None else self._logs(table))]
        places = ((state, place) for state in states for place in state.by_instrument.get(instrument, ()))
        return max((state.files[file].groups[position].known_max_ns for state, (file, position) in places), default=None)

    def digests(self, table: Table, *, as_of_ns: int, start_ns: int | None = None) -> dict[str, str]:
        """For each instrument a digest of where its facts known at as_of_ns are stored: equal digests, equal facts."""
        partitions = self._between(table, start_ns, None)
        return stored_digests([(partition.folder, partition.state) for partition in partitions], as_of_ns)

    def compact(self, table: Table, partition: str) -> int:
        schema = schema_of(table)
        draft = _Draft(self._files, _folder(table, partition))
        for _ in range(COMMIT_ATTEMPTS):
            state = self._state(table, partition)
            if len(state.files) < 2:
                return 0
            source = [Partition(_folder(table, partition), state)]
            added = draft.write((self._versions(table, source, names, (None, None)) for names in state.portions(COMPACT_ROWS)), schema)
            size = self._commit(table, partition, state.next(files=added, notes={}))
            if size is not None:
                return draft.secured() + size
        raise Transient(f"compacting {table.name} {partition}: {COMMIT_ATTEMPTS} commits by others came first, expected a turn; repeat")

    def verify(self, table: Table) -> int:
        """Hash every current file of the table; returns the bytes read, raises Unreadable naming the first that changed."""
        return sum(
            verify_partition(self._files, _folder(table, partition), self._state(table, partition)) for partition in self.partitions(table)
        )

    def retain(self, table: Table, *, keep_ns: int, now_ns: int) -> int:
        """Remove what nobody has been able to read for `keep_ns`: superseded log entries, and files that no kept entry names.

        An entry is kept while it is current and for keep_ns after its successor was made; a file is never removed
        within keep_ns of its writing. Returns the bytes removed. Interrupted, it is simply repeated.
        """
        if keep_ns < 0:
            raise Rejected(f"retaining {table.name}: keep_ns {keep_ns}, expected none or more")
        horizon_ns = now_ns - keep_ns
        return sum(
            retain_partition(self._files, _log(table, partition), _folder(table, partition), horizon_ns)
            for partition in self.partitions(table)
        )

    def _versions(
        self, table: Table, partitions: Sequence[Partition], chosen: list[str] | None, span: Span, names: list[str] | None = None
    ) -> pl.DataFrame:
        schema = schema_of(table)
        names = schema.names if names is None else names
        rows = self._reader.versions(partitions, schema, names, chosen, span)
        return empty(schema, names) if rows is None else rows

    def _changes(self, table: Table, partition: str, state: State, incoming: pl.DataFrame, *, is_clean: bool) -> lake_merge.Changes:
        """Compare with what is there, reading only the instruments and times that could clash."""
        schema = schema_of(table)
        ranges = incoming.group_by("instrument").agg(pl.col("start_ns").min().alias("low"), pl.col("start_ns").max().alias("high"))
        clashing = [name for name, low, high in ranges.iter_rows() if state.holds(name, low, high)]
        if not clashing and is_clean:
            return lake_merge.Changes(incoming, incoming.height, 0, 0)
        span = (min(ranges["low"]), max(ranges["high"]) + 1) if clashing else (None, None)
        source = [Partition(_folder(table, partition), state)]
        existing = self._versions(table, source, sorted(clashing), span) if clashing else empty(schema)
        where = f"publishing {table.name} {partition}"
        if not is_clean or len(clashing) == ranges.height:
            return self._compared(where, incoming, existing, schema, is_clean=is_clean)
        is_touched = incoming["instrument"].is_in(clashing)
        touched = self._compared(where, incoming.filter(is_touched), existing, schema, is_clean=True)
        untouched = incoming.filter(~is_touched)
        rows = lake_merge.in_order(pl.concat([touched.rows, untouched]), schema)
        return lake_merge.Changes(rows, touched.new + untouched.height, touched.restated, touched.same)

    @staticmethod
    def _compared(where: str, incoming: pl.DataFrame, existing: pl.DataFrame, schema: Schema, *, is_clean: bool) -> lake_merge.Changes:
        different = lake_merge.differing(incoming, existing, schema) if is_clean else incoming
        if different.is_empty():
            return lake_merge.Changes(different, 0, 0, incoming.height)
        same_facts = existing.join(different.select(schema.identity), on=schema.identity, how="semi")
        found = lake_merge.changes(where, different, same_facts, schema)
        return replace(found, same=found.same + incoming.height - different.height)

    def _commit(self, table: Table, partition: str, state: State) -> int | None:
        """Make the next entry; its size, or None when somebody else made one of that number first."""
        content = lake_log.encode(table.name, partition, state)
        if not self._files.create(f"{_log(table, partition)}/{lake_log.entry_name(state.version)}", content):
            return None
        self._remember(table, partition, state)
        return len(content)

    def _state(self, table: Table, partition: str) -> State:
        folder = _log(table, partition)
        current = self.version(table, partition)
        cached = self._states.get((table.name, partition))
        if cached is not None and cached.version == current:
            return cached
        if current == 0:
            return State()
        path = f"{folder}/{lake_log.entry_name(current)}"
        try:
            state = lake_log.decode(path, self._files.read(path))
        except Missing:
            raise Transient(f"reading {path}: retention removed it just now, expected the newer entry; repeat") from None
        self._remember(table, partition, state)
        return state

    def _remember(self, table: Table, partition: str, state: State) -> None:
        if len(self._states) >= STATES_MAX:
            self._states = {}
        self._states[table.name, partition] = state

    def _logs(self, table: Table) -> list[str]:
        """The partitions, and those whose first commit was interrupted."""
        return self._files.folders(f"{_root(table)}/_log")

    def _between(self, table: Table, start_ns: int | None, end_ns: int | None) -> list[Partition]:
        if start_ns is not None and end_ns is not None and end_ns <= start_ns:
            return []
        names = self._logs(table)
        if start_ns is not None:
            names = [name for name in names if name >= _partition_at(table, start_ns)]
        if end_ns is not None:
            names = [name for name in names if name <= _partition_at(table, end_ns - 1)]
        return [Partition(_folder(table, name), self._state(table, name)) for name in names]


class _Draft:
    """The data file of a commit under way. Losing a race and ending up with the same rows writes nothing more."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
        self._written: dict[str, int] = {}
        self._last: tuple[str, Any] | None = None

    def write(self, frames: Iterable[pl.DataFrame], schema: Schema) -> tuple[DataFile, ...]:
        """One durable file of all the rows; none where there are none."""
        self._last = None
        encoded = lake_parquet.encode(frames, schema)
        if encoded is None:
            return ()
        content, file = encoded
        self._last = (f"{self._folder}/{file.name}", content)
        if file.name not in self._written:
            self._files.write(*self._last)
            self._written[file.name] = file.size
        return (file,)

    def secured(self) -> int:
        """After the commit: the bytes written. Retention may have taken the file just before an entry named it; then it is put back."""
        if self._last is not None and self._files.stat(self._last[0]) is None:
            self._files.write(*self._last)
        return sum(self._written.values())


def _root(table: Table) -> str:
    for part in (table.vendor or "history", table.dataset.name):
        if _FOLDER.fullmatch(part) is None:
            raise Rejected(f"table {table.name}: {part!r} cannot name a folder, expected letters, digits, - _ .")
    return table.name


def _folder(table: Table, partition: str) -> str:
    return f"{_root(table)}/{partition}"


def _log(table: Table, partition: str) -> str:
    return f"{_root(table)}/_log/{partition}"


def _partition_at(table: Table, instant_ns: int) -> str:
    try:
        return table.dataset.partition_of(instant_ns)
    except (ValueError, OverflowError):
        raise Rejected(f"reading {table.name}: time {instant_ns} ns, expected one in the years 1 to 9999") from None


def _chosen(schema: Schema, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return schema.names
    return [schema.field(name).name for name in dict.fromkeys(columns)]


def _checked_notes(table: Table, partition: str, note: Mapping[str, str]) -> Mapping[str, str]:
    for key, value in note.items():
        if len(key) + len(value) > NOTE_CHARACTERS_MAX:
            length = len(key) + len(value)
            raise Rejected(
                f"note of {table.name} {partition}: {key[:40]!r} has {length} characters, expected at most {NOTE_CHARACTERS_MAX}"
            )
    return note
