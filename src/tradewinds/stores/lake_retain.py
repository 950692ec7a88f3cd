"""Retention: removing what nobody has been able to read for a while. Verification: is what is kept what was written?

1. A superseded log entry goes once its successor is older than the horizon.
2. A data file goes that no kept entry names and that is itself older than the horizon.
3. So does what interrupted writes left.

Entries go first and in order, so an interruption leaves only files that the next run removes.
"""

from __future__ import annotations

import itertools

from tradewinds.core.errors import Unreadable
from tradewinds.stores import lake_log, lake_parquet
from tradewinds.stores.lake_files import Files, FileStat
from tradewinds.stores.lake_log import State


def retain_partition(files: Files, log: str, folder: str, horizon_ns: int) -> int:
    """The bytes removed from one partition, given the folders of its log and of its data."""
    kept, removed = _retain_entries(files, log, horizon_ns)
    named = {file.name for stat in kept for file in lake_log.decode(stat.name, files.read(f"{log}/{stat.name}")).files}
    for stat in files.listing(folder):
        if stat.name not in named and _is_old(files, f"{folder}/{stat.name}", horizon_ns) and not _is_named(files, log, stat.name):
            files.delete(f"{folder}/{stat.name}")
            removed += stat.size
    for place in (folder, log):
        for stat in files.temporaries(place):
            if stat.modified_ns <= horizon_ns:
                files.delete(f"{place}/{stat.name}")
                removed += stat.size
    return removed


def verify_partition(files: Files, folder: str, state: State) -> int:
    """Hash every current file; the bytes read, or Unreadable naming the first file that is not what was written."""
    for file in state.files:
        content = files.read(f"{folder}/{file.name}")
        name = lake_parquet.content_name(content)
        if name != file.name:
            raise Unreadable(f"lake file {folder}/{file.name}: {len(content)} bytes hash to {name}, expected the name it is stored under")
    return sum(file.size for file in state.files)


def _retain_entries(files: Files, log: str, horizon_ns: int) -> tuple[list[FileStat], int]:
    entries = [stat for stat in files.listing(log) if lake_log.entry_version(stat.name) is not None]
    kept = entries[-1:]
    removed = 0
    for stat, successor in itertools.pairwise(entries):
        if successor.modified_ns <= horizon_ns:
            files.delete(f"{log}/{stat.name}")
            removed += stat.size
        else:
            kept.append(stat)
    return kept, removed


def _is_old(files: Files, path: str, horizon_ns: int) -> bool:
    """Looked at again just before removal: a commit on its way writes its file anew, which makes it young."""
    stat = files.stat(path)
    return stat is not None and stat.modified_ns <= horizon_ns


def _is_named(files: Files, log: str, name: str) -> bool:
    """Whether the newest entry, perhaps made since the listing, names the file."""
    newest = max((entry for entry in files.names(log) if lake_log.entry_version(entry) is not None), default=None)
    if newest is None:
        return False
    return any(file.name == name for file in lake_log.decode(newest, files.read(f"{log}/{newest}")).files)
