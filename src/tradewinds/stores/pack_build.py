"""Building a vintage.

1. Take the table's lock, sweep what an interrupted build left, and stop if this very vintage stands already.
2. For each instrument whose row groups in the lake are those of the previous vintage: a hard link. Else read every version
   known by the as-of time, split it into first-known rows and corrections, write the columns, sync, hash.
3. Write the recent window from the new files, then the header; sync the folder.
4. Rename the folder to its name, then move the pointer `current`. A reader has the old vintage or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from tradewinds.core.errors import Missing, Rejected, Transient
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.observation import Table
from tradewinds.stores.lake_files import file_fault
from tradewinds.stores.pack import Pack
from tradewinds.stores.pack_format import (
    ALIGNMENT,
    HEADER,
    RECENT,
    Array,
    Header,
    Stored,
    encode_header,
    instrument_slots,
    read_header,
    recent_slots,
)

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.stores.lake import FileLake

EXACT_MAX = 2**53
WORKERS = 3
_BUILDING = ".building-"
_RECENT_DAYS = {"month": 2, "year": 380}


def build(
    folder: Path,
    lake: FileLake,
    table: Table,
    *,
    as_of_ns: int,
    columns: tuple[str, ...] | None,
    start_ns: int | None,
    recent_ns: int | None,
) -> Header:
    """The header of the vintage that is current afterwards. See `PackStore.build`."""
    chosen = _chosen_columns(table, columns)
    span_ns = recent_ns if recent_ns is not None else _RECENT_DAYS[table.dataset.partitioning] * NS_PER_DAY
    if span_ns <= 0:
        raise Rejected(f"pack {table.name}: recent_ns {span_ns}, expected a positive length")
    with _locked(folder):
        previous = _previous(folder)
        digests = lake.digests(table, as_of_ns=as_of_ns, start_ns=start_ns)
        if not digests:
            raise Missing(f"pack {table.name}: the lake holds nothing known at {text(as_of_ns)}, expected facts to pack")
        versions = {partition: lake.version(table, partition) for partition in lake.partitions(table)}
        named = _vintage_name(as_of_ns, start_ns, span_ns, chosen, digests)
        if not (folder / named).is_dir():
            plan = Header(table.name, named, as_of_ns, start_ns, chosen, versions, span_ns, (), _NOTHING)
            building = folder / f"{_BUILDING}{secrets.token_hex(8)}"
            try:
                _make(building, lake, table, plan, previous, digests)
            except Exception:  # a full disk gets its room back at once; a killed process is swept up by the next build
                shutil.rmtree(building, ignore_errors=True)
                raise
        _point(folder, named)
        return read_header(folder / named)


def remove_vintages(folder: Path, names: Sequence[str]) -> None:
    """Remove vintages; each disappears from the listing before its files go. Maps that are open stay valid."""
    with _locked(folder):
        for name in names:
            gone = folder / f"{_BUILDING}{secrets.token_hex(8)}"
            os.rename(folder / name, gone)
            shutil.rmtree(gone)


_NOTHING = Stored("recent", RECENT, 0, 0, 0, 0, "", 0, "")


def _chosen_columns(table: Table, columns: tuple[str, ...] | None) -> tuple[str, ...]:
    if table.dataset.keys:
        raise Rejected(f"pack {table.name}: keys {table.dataset.keys}, expected one fact per instrument and time")
    numeric = tuple(column.name for column in table.dataset.columns if column.kind in ("float", "int"))
    unknown = sorted(set(columns or ()) - set(numeric))
    if unknown or not numeric:
        raise Rejected(f"pack {table.name}: columns {unknown}, expected some of the numeric ones {list(numeric)}")
    return numeric if columns is None else columns


def _vintage_name(as_of_ns: int, start_ns: int | None, recent_ns: int, columns: tuple[str, ...], digests: dict[str, str]) -> str:
    content = repr((as_of_ns, start_ns, recent_ns, columns, sorted(digests.items())))
    stamp = text(as_of_ns).replace("-", "").replace(":", "").replace(".", "_")
    return f"{stamp}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One builder a table; what an interrupted one left is removed, because nobody else can be at it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Transient(f"pack {folder}: another process is building, expected it to be free; repeat") from None
            for left in folder.glob(f"{_BUILDING}*"):
                shutil.rmtree(left)
            yield
    except OSError as error:
        raise file_fault("building", str(folder), error) from error


def _previous(folder: Path) -> Pack | None:
    pointer = folder / "current"
    if not pointer.is_file():
        return None
    old = folder / pointer.read_text("ascii").strip()
    return Pack(old, read_header(old)) if (old / HEADER).is_file() else None


def _make(building: Path, lake: FileLake, table: Table, plan: Header, previous: Pack | None, digests: dict[str, str]) -> None:
    building.mkdir()
    reusable = _reusable(previous, plan)

    def store(item: tuple[str, str]) -> Stored | None:
        instrument, digest = item
        old = reusable.get(instrument)
        if old is None or old.digest != digest:
            return _write_instrument(building, lake, table, plan, instrument, digest)
        assert previous is not None
        os.link(previous.folder / old.file, building / old.file)
        return old

    with ThreadPoolExecutor(WORKERS) as pool:  # one hashes and waits for the disk while another reads
        stored = [made for made in pool.map(store, sorted(digests.items())) if made is not None]
    if not stored:
        raise Missing(f"pack {table.name}: no facts from {plan.start_ns} ns known at {text(plan.as_of_ns)}, expected some")
    without_recent = replace(plan, instruments=tuple(stored))
    header = replace(without_recent, recent=_write_recent(building, without_recent))
    _write(building / HEADER, [encode_header(header)])
    _sync(building)
    os.rename(building, building.parent / plan.vintage)
    _sync(building.parent)


def _reusable(previous: Pack | None, plan: Header) -> dict[str, Stored]:
    if previous is None or (previous.header.columns, previous.header.start_ns) != (plan.columns, plan.start_ns):
        return {}
    return {stored.name: stored for stored in previous.header.instruments}


def _write_instrument(building: Path, lake: FileLake, table: Table, plan: Header, instrument: str, digest: str) -> Stored | None:
    wanted = ["start_ns", "event_ns", "known_ns", *plan.columns]
    rows = lake.versions(table, instruments=[instrument], start_ns=plan.start_ns, columns=wanted)
    known = rows["known_ns"].to_numpy()
    if known.size and known.max() > plan.as_of_ns:
        rows = rows.filter(rows["known_ns"] <= plan.as_of_ns)
    if rows.is_empty():
        return None
    start = rows["start_ns"].to_numpy()
    is_first = np.concatenate([[True], start[1:] != start[:-1]])
    is_every_first = bool(is_first.all())
    later = np.flatnonzero(~is_first)
    later = later[np.argsort(rows["known_ns"].to_numpy()[later], kind="stable")]
    row_of = np.cumsum(is_first) - 1
    arrays: list[Array] = []
    corrected: list[Array] = [row_of[later]]
    for name in wanted:
        values = _numbers(rows[name], name, f"pack {table.name} {instrument}", is_time=name.endswith("_ns"))
        arrays.append(values if is_every_first else values[is_first])
        if name != "start_ns":
            corrected.append(values[later])
    count = len(arrays[0])
    file = f"{quote(instrument, safe=' +&')}.cols"
    size, digest_of_file = _write_arrays(building / file, [*arrays, *corrected])
    assert size == instrument_slots(plan.columns, count, len(later))[2]
    return Stored(instrument, file, count, len(later), int(start[0]), int(start[-1]), digest, size, digest_of_file)


def _numbers(series: pl.Series, name: str, where: str, *, is_time: bool) -> Array:
    """float64 with NaN for null (int64 for times); an integer that float64 cannot hold is refused."""
    if is_time:
        times: Array = series.to_numpy()
        return times
    if series.dtype.is_integer():
        top, bottom = series.max(), series.min()
        for value in (top, bottom):
            if isinstance(value, int) and abs(value) > EXACT_MAX:
                raise Rejected(f"{where}: {name} {value}, expected an integer within 2**53, which is what a float holds exactly")
    numbers: Array = series.to_numpy().astype(np.float64, copy=False)
    return numbers


def _write_recent(building: Path, header: Header) -> Stored:
    """The last `recent_ns` of all instruments, time-major."""
    pack = Pack(building, header)
    last = max((stored.start_max_ns for stored in header.instruments), default=0)
    spans = [pack.span(name, last - header.recent_ns + 1) for name in pack.instruments]
    starts = [pack.read(name, "start_ns")[span] for name, span in zip(pack.instruments, spans, strict=True)]
    times = np.unique(np.concatenate(starts)) if starts else np.empty(0, np.int64)
    count = len(pack.instruments)
    values = {name: np.full((len(times), count), np.nan) for name in header.columns}
    corrections: list[tuple[Array, Array, dict[str, Array]]] = []
    for position, (instrument, span, start) in enumerate(zip(pack.instruments, spans, starts, strict=True)):
        places = np.searchsorted(times, start)
        for name in header.columns:
            values[name][places, position] = pack.read(instrument, name)[span]
        later = pack.corrections(instrument)
        chosen = np.flatnonzero(later.rows >= span.start)
        cells = places[later.rows[chosen] - span.start] * count + position
        corrections.append((cells, later.known_ns[chosen], {name: later.values[name][chosen] for name in header.columns}))
    known = np.concatenate([each[1] for each in corrections])
    order = np.argsort(known, kind="stable")
    arrays = [times, *(values[name].reshape(-1) for name in header.columns)]
    arrays += [np.concatenate([each[0] for each in corrections])[order], known[order]]
    arrays += [np.concatenate([each[2][name] for each in corrections])[order] for name in header.columns]
    size, digest = _write_arrays(building / RECENT, arrays)
    assert size == recent_slots(header.columns, len(times), count, len(known))[2]
    return Stored("recent", RECENT, len(times), len(known), int(times[0]), int(times[-1]), "", size, digest)


def _write_arrays(path: Path, arrays: Sequence[Array]) -> tuple[int, str]:
    pieces: list[bytes | memoryview] = []
    for array in arrays:
        content = np.ascontiguousarray(array, dtype="<i8" if array.dtype.kind == "i" else "<f8").view(np.uint8).data
        pieces.append(content)
        pieces.append(bytes(-len(content) % ALIGNMENT))
    return _write(path, pieces)


def _write(path: Path, pieces: Sequence[bytes | memoryview]) -> tuple[int, str]:
    """(size, SHA-256) of a new, synced file."""
    digest = hashlib.sha256()
    size = 0
    try:
        with open(path, "xb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise file_fault("writing", str(path), error) from error
    return size, digest.hexdigest()


def _point(folder: Path, vintage: str) -> None:
    pointer = folder / "current"
    if pointer.is_file() and pointer.read_text("ascii").strip() == vintage:
        return
    temporary = folder / ".current"
    temporary.unlink(missing_ok=True)
    _write(temporary, [f"{vintage}\n".encode("ascii")])
    os.replace(temporary, pointer)
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
