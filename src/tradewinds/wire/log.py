"""The structured log: one JSON object a line, at `<home>/logs/<process>.jsonl`, without secrets.

    {"time": "2026-01-05T10:00:00.25Z", "level": "info", "process": "trade", "run": "…", "event": "fill", "account": "main",
     "strategy": "trend", "instrument": "BTCUSDT.BINANCE", "order": "tw-…", "text": "buy 1 at 42000"}

1. A field that does not apply is absent. `run` names one life of a process, or one run of a job.
2. Everything goes through a `Redactor` (`log_redaction.py`) before it is written.
3. A line is one write, so that processes may share a file. A file that grew beyond `BYTES_MAX` goes aside as `.1`; older ones move on.
4. A disk that takes nothing drops the line and counts it: whoever logs goes on.
"""

from __future__ import annotations

import fcntl
import json
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from logging import Handler, LogRecord
from pathlib import Path
from typing import Any, Literal

from tradewinds.core.instant import text
from tradewinds.core.ports import Clock
from tradewinds.wire.clock import SystemClock
from tradewinds.wire.log_redaction import Redactor, redactor_of

BYTES_MAX = 50 * 2**20
KEPT = 4  # files put aside
TEXT_CHARS_MAX = 4_000

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical")
_BY_NAME: Mapping[str, Level] = {one.upper(): one for one in LEVELS}


def log_folder(home: Path) -> Path:
    """Where the processes of a home log."""
    return home / "logs"


class Log:
    """The log of one process, or of one run of a job. dropped: told of each line that could not be written."""

    def __init__(
        self, home: Path, process: str, *, run: str = "", clock: Clock | None = None, redact: Redactor | None = None,
        bytes_max: int = BYTES_MAX, dropped: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.process = process
        self.run = run
        self.path = log_folder(home) / f"{process}.jsonl"
        self._clock: Clock = SystemClock() if clock is None else clock
        self._redact = redactor_of(os.environ) if redact is None else redact
        self._bytes_max = bytes_max
        self._dropped = dropped
        self._file: int | None = None
        self._size = 0  # of the file when it was opened, and what was written since

    def write(self, event: str, *, level: Level = "info", time_ns: int | None = None, **fields: object) -> None:
        """One line. time_ns: when it happened, now where left out. Fields that are None or "" are left out."""
        row: dict[str, Any] = {"time": text(self._clock.now_ns() if time_ns is None else time_ns), "level": level, "process": self.process}
        row |= {"run": self.run} if self.run else {}
        row["event"] = event
        row |= {name: self._cleaned(value) for name, value in fields.items() if value is not None and value != ""}
        line = json.dumps(row, ensure_ascii=False, default=str) + "\n"
        try:
            self._size += os.write(self._opened(), line.encode("utf-8", "replace"))
        except OSError:
            self._dropped()

    def close(self) -> None:
        """Let go of the file; a later line opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _cleaned(self, value: object) -> object:
        if isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(key): self._cleaned(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._cleaned(one) for one in value]
        return self._redact(str(value)[:TEXT_CHARS_MAX])

    def _opened(self) -> int:
        if self._file is not None and self._size >= self._bytes_max:
            self.close()
            _put_aside(self.path, self._bytes_max)
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        return self._file


class LibraryHandler(Handler):
    """Brings what libraries say by `logging` into the structured log."""

    def __init__(self, log: Log, level: int) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: LogRecord) -> None:
        """One record; an exception's last line comes with it, never its locals."""
        with suppress(Exception):  # a record that cannot be told must not stop what told it
            told = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                told += " | " + traceback.format_exception_only(record.exc_info[1])[-1].strip()
            level = _BY_NAME.get(record.levelname, "info")
            self._log.write("said", level=level, source=record.name, text=told)


def _put_aside(path: Path, bytes_max: int) -> None:
    """Move full files on; whoever comes second finds that it was done."""
    with suppress(OSError):
        guard = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if path.stat().st_size >= bytes_max:
                for number in range(KEPT - 1, 0, -1):
                    older = path.with_suffix(f".jsonl.{number}")
                    if older.exists():
                        older.replace(path.with_suffix(f".jsonl.{number + 1}"))
                path.replace(path.with_suffix(".jsonl.1"))
        finally:
            os.close(guard)
