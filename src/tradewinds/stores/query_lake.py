"""The statement behind a lake table in SQL: what was known at the as-of time, read from as few rows as that takes.

Most facts have one version. The log's index of row groups tells, per instrument, where a fact may have several or where some
were not known yet; only those instruments go through a window that keeps the last version, everything else is read plainly.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradewinds.core.instant import NS_PER_US
from tradewinds.stores import lake_log
from tradewinds.stores.lake_files import Files
from tradewinds.stores.lake_log import State

INSTRUMENTS_LISTED_MAX = 500  # beyond, the whole of a partition goes through the window


def latest(files: Files, folder: str, prefix: str, as_of_ns: int, keys: Sequence[str]) -> str:
    """The last version known then of each fact; facts are told apart by instrument, start and keys."""
    plain: list[str] = []
    mixed: list[str] = []
    merging: set[str] = set()
    for partition, state in _states(files, folder).items():
        found = _merging(state, as_of_ns)
        merging |= found
        (mixed if found else plain).extend(_known(state, f"{prefix}{folder}/{partition}", as_of_ns))
    parts = [f"FROM {_parquet(plain)}"] if plain else []
    if mixed:
        names = ", ".join(map(literal, sorted(merging)))
        is_short = len(merging) <= INSTRUMENTS_LISTED_MAX
        identity = ", ".join('"' + key.replace('"', '""') + '"' for key in ("instrument", "start", *keys))
        last = f"QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY known DESC) = 1"
        parts.append(
            f"FROM {_parquet(mixed)} WHERE known <= {_as_of(as_of_ns)}{f' AND instrument IN ({names})' if is_short else ''} {last}"
        )
        if is_short:
            parts.append(f"FROM {_parquet(mixed)} WHERE instrument NOT IN ({names})")
    return " UNION ALL BY NAME ".join(f"({part})" for part in parts) or _nothing(files, folder, prefix)


def versions(files: Files, folder: str, prefix: str, as_of_ns: int) -> str:
    """Every version known then."""
    states = _states(files, folder).items()
    known = [path for partition, state in states for path in _known(state, f"{prefix}{folder}/{partition}", as_of_ns)]
    return f"FROM {_parquet(known)} WHERE known <= {_as_of(as_of_ns)}" if known else _nothing(files, folder, prefix)


def literal(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _states(files: Files, folder: str) -> dict[str, State]:
    return {partition: _state(files, f"{folder}/_log/{partition}") for partition in files.folders(f"{folder}/_log")}


def _state(files: Files, folder: str) -> State:
    names = [stat.name for stat in files.listing(folder) if lake_log.entry_version(stat.name) is not None]
    return lake_log.decode(f"{folder}/{max(names)}", files.read(f"{folder}/{max(names)}")) if names else State()


def _known(state: State, folder: str, as_of_ns: int) -> list[str]:
    """The files that hold something known then."""
    return [f"{folder}/{file.name}" for file in state.files if min(group.known_min_ns for group in file.groups) <= as_of_ns]


def _merging(state: State, as_of_ns: int) -> set[str]:
    """The instruments of which a fact may have several versions, or one that was not known yet."""
    found = set()
    ends: dict[str, int] = {}
    groups = [group for file in state.files for group in file.groups]
    for group in sorted(groups, key=lambda group: group.start_min_ns):
        end_ns = ends.get(group.instrument)
        if not group.is_single or group.known_max_ns > as_of_ns or (end_ns is not None and end_ns >= group.start_min_ns):
            found.add(group.instrument)
        ends[group.instrument] = group.start_max_ns if end_ns is None else max(end_ns, group.start_max_ns)
    return found


def _nothing(files: Files, folder: str, prefix: str) -> str:
    """No rows, with the columns of the table."""
    paths = [f"{prefix}{folder}/{partition}/{file.name}" for partition, state in _states(files, folder).items() for file in state.files]
    return f"FROM {_parquet(paths[:1])} WHERE false"


def _as_of(as_of_ns: int) -> str:
    return f"make_timestamptz({as_of_ns // NS_PER_US})"


def _parquet(paths: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true, hive_partitioning = false)"
