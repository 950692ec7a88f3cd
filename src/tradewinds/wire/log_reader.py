"""Reads the structured log: of every process of a home, in the order of time, narrowed down to a process, run, symbol or order.

Lines that are no JSON (a line that was being written when a machine stopped) are passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tradewinds.wire.log import LEVELS, log_folder

ASIDE = ".jsonl."
LINE_BYTES_MAX = 1 << 20

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What is asked for; what is None leaves it open. symbol: an instrument's id, or its symbol without the venue. level: this or worse."""

    process: str | None = None
    run: str | None = None
    symbol: str | None = None
    order: str | None = None
    level: str | None = None

    def holds(self, row: Row) -> bool:
        """Whether a line is meant."""
        if self.process is not None and row.get("process") != self.process:
            return False
        if self.run is not None and not str(row.get("run", "")).startswith(self.run):
            return False
        if self.order is not None and row.get("order") != self.order:
            return False
        if self.level is not None and _rank(row.get("level")) < _rank(self.level):
            return False
        if self.symbol is not None:
            named = str(row.get("instrument", ""))
            return named == self.symbol or named.partition(".")[0] == self.symbol
        return True


def last_rows(home: Path, which: LogFilter, limit: int) -> list[dict[str, Any]]:
    """The newest lines that are meant, oldest first."""
    found: list[dict[str, Any]] = []
    for process in _processes(home, which):
        newest_first = (row for place in _places(home, process) for row in _backwards(place) if which.holds(row))
        found += reversed(list(islice(newest_first, limit)))
    return sorted(found, key=_time)[-limit:]


@dataclass(slots=True)
class Follower:
    """Tells what was written since it looked last. Files that were put aside meanwhile are read to their end."""

    home: Path
    which: LogFilter
    _at: dict[Path, tuple[int, int]] = field(default_factory=dict)  # inode and how far it was read

    def start(self) -> None:
        """What stands there now is known."""
        for process in _processes(self.home, self.which):
            place = log_folder(self.home) / f"{process}.jsonl"
            told = place.stat()
            self._at[place] = (told.st_ino, told.st_size)

    def news(self) -> list[dict[str, Any]]:
        """Lines since, in the order of time."""
        found: list[dict[str, Any]] = []
        for process in _processes(self.home, self.which):
            place = log_folder(self.home) / f"{process}.jsonl"
            try:
                found += self._since(place)
            except OSError:
                continue  # it is being put aside; the next look finds it
        return sorted((row for row in found if self.which.holds(row)), key=_time)

    def _since(self, place: Path) -> Iterator[dict[str, Any]]:
        inode, at = self._at.get(place, (0, 0))
        told = place.stat()
        if told.st_ino != inode:
            aside = place.with_suffix(f"{ASIDE}1")
            if inode and aside.exists() and aside.stat().st_ino == inode:
                yield from _read(aside, at)[0]
            at = 0
        rows, end = _read(place, at)
        self._at[place] = (told.st_ino, end)
        yield from rows


def _processes(home: Path, which: LogFilter) -> list[str]:
    names = sorted(path.stem for path in log_folder(home).glob("*.jsonl"))
    return names if which.process is None else [name for name in names if name == which.process]


def _places(home: Path, process: str) -> list[Path]:
    """The files of a process, the newest first."""
    place = log_folder(home) / f"{process}.jsonl"
    return [place, *sorted(place.parent.glob(f"{process}{ASIDE}*"), key=lambda path: int(path.suffix[1:]))]


def _backwards(place: Path) -> Iterator[dict[str, Any]]:
    """Lines of a file, the last first, so that who wants few reads few."""
    try:
        lines = place.read_bytes().splitlines()
    except OSError:
        return
    yield from (row for line in reversed(lines) if (row := _row(line)) is not None)


def _read(place: Path, at: int) -> tuple[list[dict[str, Any]], int]:
    """Whole lines from a place on, and where the last of them ends."""
    with place.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(min(at, size))
        given = file.read(max(size - at, 0))
    whole = given[: given.rfind(b"\n") + 1]
    return [row for line in whole.splitlines() if (row := _row(line)) is not None], min(at, size) + len(whole)


def _row(line: bytes) -> dict[str, Any] | None:
    if len(line) > LINE_BYTES_MAX:
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "time" in row else None


def _time(row: Row) -> str:
    """So that a whole second stands before its parts."""
    return str(row["time"]).removesuffix("Z")


def _rank(level: object) -> int:
    return next((index for index, one in enumerate(LEVELS) if one == level), 1)
