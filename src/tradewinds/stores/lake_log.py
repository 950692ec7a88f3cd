"""The log of a partition: numbered entries, each the full state, made atomically; the highest number is current.

An entry lists the Parquet files in the order in which they were committed (a later file may restate facts of an earlier
one) with the index of their row groups, and the notes. Entries are JSON, so that any tool can list current files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tradewinds.core.errors import Invariant, Unreadable

FORMAT = 1
NOTES_MAX = 50_000
_WIDTH = 10


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one instrument in one row group, sorted by start, keys and known time.

    They fill it, unless they are few and share it with neighbours: then they begin at its row `first`. `offset` and
    `length` are the row group's bytes in the file. `is_single`: no fact has two versions here.
    """

    instrument: str
    row_group: int
    first: int
    rows: int
    start_min_ns: int
    start_max_ns: int
    known_min_ns: int
    known_max_ns: int
    offset: int
    length: int
    is_single: bool


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of a partition and the index of its row groups."""

    name: str
    size: int
    columns: tuple[str, ...]
    groups: tuple[Group, ...]

    @property
    def rows(self) -> int:
        return sum(group.rows for group in self.groups)


@dataclass(frozen=True, eq=False)
class State:
    """Everything about a partition at one version. Version 0 is empty and is never written."""

    version: int = 0
    files: tuple[DataFile, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_instrument(self) -> Mapping[str, list[tuple[int, int]]]:
        """(file, group) positions of each instrument, in commit order."""
        found: dict[str, list[tuple[int, int]]] = {}
        for number, file in enumerate(self.files):
            for position, group in enumerate(file.groups):
                found.setdefault(group.instrument, []).append((number, position))
        return found

    def portions(self, rows_max: int) -> Iterator[list[str]]:
        """The instruments in order, as many at a time as hold about rows_max rows together."""
        names: list[str] = []
        rows = 0
        for name in sorted(self.by_instrument):
            names.append(name)
            rows += sum(self.files[file].groups[position].rows for file, position in self.by_instrument[name])
            if rows >= rows_max:
                yield names
                names, rows = [], 0
        if names:
            yield names

    def holds(self, instrument: str, low_ns: int, high_ns: int) -> bool:
        """Whether some row group of the instrument may hold facts that start in [low_ns, high_ns]."""
        groups = (self.files[file].groups[position] for file, position in self.by_instrument.get(instrument, ()))
        return any(group.start_min_ns <= high_ns and group.start_max_ns >= low_ns for group in groups)

    def next(self, *, files: tuple[DataFile, ...], notes: Mapping[str, str]) -> State:
        """The state one version on; the oldest notes make way beyond NOTES_MAX (a lost note costs one repeated ingest)."""
        merged = {key: value for key, value in self.notes.items() if key not in notes} | dict(notes)
        for key in list(merged)[: max(0, len(merged) - NOTES_MAX)]:
            del merged[key]
        return State(self.version + 1, files, merged)


def entry_name(version: int) -> str:
    return f"{version:0{_WIDTH}d}.json"


def entry_version(name: str) -> int | None:
    """The number of a log entry's file name, None for any other file."""
    stem, _, suffix = name.partition(".")
    return int(stem) if suffix == "json" and len(stem) == _WIDTH and stem.isdigit() else None


def stored_digests(partitions: Sequence[tuple[str, State]], as_of_ns: int) -> dict[str, str]:
    """Per instrument the SHA-256 of the row groups that hold what was known at as_of_ns; a group known only in part adds the time."""
    digests: dict[str, hashlib._Hash] = {}
    for folder, state in partitions:
        for file in state.files:
            for position, group in enumerate(file.groups):
                if group.known_min_ns > as_of_ns:
                    continue
                part = f"{folder}/{file.name} {position}"
                part += f" until {as_of_ns}\n" if group.known_max_ns > as_of_ns else "\n"
                digests.setdefault(group.instrument, hashlib.sha256()).update(part.encode())
    return {instrument: digest.hexdigest() for instrument, digest in digests.items()}


_COLUMNS = tuple(Group.__dataclass_fields__)


def encode(table: str, partition: str, state: State) -> bytes:
    """The entry as JSON; the group index stands column by column, because that is small and quick to read."""
    files = [
        {
            "name": file.name,
            "size": file.size,
            "columns": list(file.columns),
            "groups": {name: [getattr(group, name) for group in file.groups] for name in _COLUMNS},
        }
        for file in state.files
    ]
    entry = {
        "format": FORMAT,
        "table": table,
        "partition": partition,
        "version": state.version,
        "files": files,
        "notes": dict(state.notes),
    }
    return json.dumps(entry, separators=(",", ":")).encode()


def decode(path: str, content: bytes) -> State:
    """The state an entry holds; raises Unreadable naming the entry when it is not one."""
    try:
        entry = json.loads(content)
        if entry["format"] != FORMAT:
            raise Invariant(f"lake log {path}: format {entry['format']}, expected {FORMAT}; a newer release wrote it")
        files = tuple(
            DataFile(
                file["name"],
                file["size"],
                tuple(file["columns"]),
                tuple(Group(*values) for values in zip(*(file["groups"][name] for name in _COLUMNS), strict=True)),
            )
            for file in entry["files"]
        )
        return State(entry["version"], files, entry["notes"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"lake log {path}: {len(content)} bytes are no entry ({error!r}), expected JSON of format {FORMAT}") from error
