"""The form of a pack on disk: one folder per vintage, one file of columns per instrument, a time-major recent window.

    <root>/history/bars-1m/current                        the name of the current vintage
    <root>/history/bars-1m/<vintage>/header.json          what it was built from, and every file with its checksum
    <root>/history/bars-1m/<vintage>/BTCUSDT.BINANCE.cols

A `.cols` file is arrays of 8-byte numbers, little-endian, each beginning at a multiple of 64 bytes:
`start_ns`, `event_ns`, `known_ns` (int64), then each value column (float64, NaN = absent), all as first known; then the
corrections in order of known time: `row`, `event_ns`, `known_ns` (int64) and each value column as it was restated.
`recent.cols` is the same with (times x instruments) arrays: `start_ns` (times), the value columns, then the
corrections: `cell` = time position x instruments + instrument position, `known_ns`, the value columns.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tradewinds.core.errors import Unreadable

FORMAT = 1
ALIGNMENT = 64
WIDTH = 8
TIMES = ("start_ns", "event_ns", "known_ns")
HEADER = "header.json"
RECENT = "recent.cols"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a vintage: what is in it, its checksum, and the digest of the lake's row groups it was made from."""

    name: str
    file: str
    rows: int
    corrections: int
    start_min_ns: int
    start_max_ns: int
    digest: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a vintage holds and what it was built from. `versions`: the lake's version of each partition."""

    table: str
    vintage: str
    as_of_ns: int
    start_ns: int | None
    columns: tuple[str, ...]
    versions: dict[str, int]
    recent_ns: int
    instruments: tuple[Stored, ...]
    recent: Stored


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one array lies in a file."""

    name: str
    offset: int
    count: int
    is_time: bool


def instrument_slots(columns: tuple[str, ...], rows: int, corrections: int) -> tuple[dict[str, Slot], dict[str, Slot], int]:
    """The arrays of first versions, those of corrections, and the size of the file."""
    first, end = _slots([*TIMES, *columns], rows, 0)
    later, end = _slots(["row", "event_ns", "known_ns", *columns], corrections, end)
    return first, later, end


def recent_slots(columns: tuple[str, ...], times: int, instruments: int, corrections: int) -> tuple[dict[str, Slot], dict[str, Slot], int]:
    """The arrays of the recent window, those of its corrections, and the size of the file."""
    first, end = _slots(["start_ns"], times, 0)
    values, end = _slots(list(columns), times * instruments, end)
    later, end = _slots(["cell", "known_ns", *columns], corrections, end)
    return first | values, later, end


def _slots(names: list[str], count: int, offset: int) -> tuple[dict[str, Slot], int]:
    slots = {}
    for name in names:
        slots[name] = Slot(name, offset, count, is_time=name in (*TIMES, "row", "cell"))
        offset += -(-count * WIDTH // ALIGNMENT) * ALIGNMENT
    return slots, offset


def encode_header(header: Header) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(header)}, indent=1).encode()


def read_header(folder: Path) -> Header:
    """The header of a vintage's folder; raises Unreadable when it is not one."""
    path = folder / HEADER
    try:
        content = json.loads(path.read_bytes())
        if content.pop("format") != FORMAT:
            raise Unreadable(f"pack header {path}: not of format {FORMAT}, expected a pack of this release; build it again")
        content["columns"] = tuple(content["columns"])
        content["instruments"] = tuple(Stored(**each) for each in content["instruments"])
        content["recent"] = Stored(**content["recent"])
        return Header(**content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"pack header {path}: {error}, expected the header of a vintage") from error
