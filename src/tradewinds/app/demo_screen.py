"""Shows progress on standard error: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from tradewinds.app.output import log

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from tradewinds.app.airflow_client import TaskState

MARKS = {"success": "done", "failed": "failed", "running": "running", "queued": "queued", "deferred": "waiting", "skipped": "nothing new"}


class Screen:
    """One line for each step of the demo, in the order they begin."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_live = sys.stderr.isatty() and not is_quiet
        self._begun = time.monotonic()
        self._lines: dict[str, tuple[str, float, float | None]] = {}
        self._lock = Lock()
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self._is_live:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=8, get_renderable=self._table)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the table as it is; what is said afterwards is said in lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, step: str, state: str, *, is_over: bool = False) -> None:
        """Set what a step is doing."""
        now = time.monotonic() - self._begun
        with self._lock:
            before = self._lines.get(step)
            begun = before[1] if before else now
            if before is not None and before[0] == state and not is_over:
                return
            self._lines[step] = (state, begun, now if is_over else None)
        if self._live is None:
            log(f"{now:6.1f} s  {step}: {state}")

    def tasks(self, step: str, tasks: Sequence[TaskState]) -> None:
        """Set what a step is doing from the state of its tasks."""
        counts: dict[str, int] = {}
        for task in tasks:
            mark = MARKS.get(task.state or "", "")
            if mark:
                counts[mark] = counts.get(mark, 0) + 1
        current = [f"{task.name.rpartition('.')[2]} {task.label}".strip() for task in tasks if task.state in ("running", "deferred")]
        text = ", ".join(f"{count} {mark}" for mark, count in sorted(counts.items()))
        self.say(step, f"{text}{'  ' + current[0] if current else ''}")

    def _table(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        now = time.monotonic() - self._begun
        with self._lock:
            for step, (state, begun, ended) in self._lines.items():
                mark = "[green]ok[/]" if ended is not None else Spinner("dots")
                table.add_row(mark, step, f"{(ended if ended is not None else now) - begun:5.1f} s", f"[dim]{state}[/]")
        return table
