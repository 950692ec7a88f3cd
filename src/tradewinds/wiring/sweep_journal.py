"""The journal of a sweep: one line per finished trial, so that a sweep that was cut off goes on where it was.

    sweep.jsonl     first line: what is swept (strategy source, data vintage, setup, search, spans); then a line a trial

Lines are handed to the system as trials finish and forced to the disk every FORCE_S and at the end: a killed process loses nothing, a lost
machine at most that long. A last line that was cut off is dropped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.simulation.sweep import Trial, record_of, trial_of

NAME = "sweep.jsonl"
FORCE_S = 1.0
VERSION = 1


class Journal:
    """Of the sweep in a folder. Open it with `begun` or `resumed`; one process at a time."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        self._forced_at = time.monotonic()

    def add(self, trial: Trial) -> None:
        """Write a trial down."""
        self._file.write(json.dumps(record_of(trial), separators=(",", ":")).encode() + b"\n")
        now = time.monotonic()
        if now - self._forced_at >= FORCE_S:
            self._force()
            self._forced_at = now
        else:
            self._file.flush()

    def close(self) -> None:
        if not self._file.closed:
            self._force()
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _force(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def begun(folder: Path, what: Mapping[str, str]) -> Journal:
    """A new journal. Raises Rejected where the folder has one."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = (folder / NAME).open("x+b")
    except FileExistsError:
        raise Rejected(f"sweep: {folder} holds a sweep already, expected --resume to go on with it or another --out") from None
    file.write(json.dumps({"version": VERSION, **what}).encode() + b"\n")
    journal = Journal(file)
    journal._force()
    return journal


def resumed(folder: Path, what: Mapping[str, str]) -> tuple[Journal, dict[int, dict[int, Trial]]]:
    """The journal of a sweep that was cut off, and its trials by fold and number. Raises Rejected naming what has changed since."""
    place = folder / NAME
    if not place.is_file():
        return begun(folder, what), {}
    _check(place, what)
    known: dict[int, dict[int, Trial]] = {}
    end = 0
    for offset, trial in _trials(place):
        end = offset
        if trial is not None:
            known.setdefault(trial.fold, {})[trial.number] = trial
    file = place.open("r+b")
    file.truncate(end)
    file.seek(end)
    return Journal(file), known


def journal_trials(folder: Path) -> Iterator[Trial]:
    """Every trial written down, one after the other."""
    for _, trial in _trials(folder / NAME):
        if trial is not None:
            yield trial


def _check(place: Path, what: Mapping[str, str]) -> None:
    with place.open("rb") as file:
        line = file.readline()
    try:
        old = json.loads(line)
    except ValueError:
        raise Unreadable(f"sweep: the first line of {place} cannot be read, expected what was swept") from None
    now = {"version": VERSION, **what}
    for name, value in now.items():
        if old.get(name) != value:
            raise Rejected(
                f"sweep: {place} was begun with {name} {_short(old.get(name))}, now it is {_short(value)}; expected the same to resume, "
                "or another --out"
            )


def _trials(place: Path) -> Iterator[tuple[int, Trial | None]]:
    """(offset after the line, trial) of each whole line; None for the first."""
    with place.open("rb") as file:
        first = file.readline()
        offset = len(first)
        yield offset, None
        for line in file:
            if not line.endswith(b"\n"):
                return  # cut off while it was written
            offset += len(line)
            try:
                yield offset, trial_of(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise Unreadable(f"sweep: {place} before byte {offset}: {error}, expected a trial") from None


def _short(value: Any) -> str:
    told = str(value)
    return told if len(told) <= 60 else f"{told[:60]}..."
