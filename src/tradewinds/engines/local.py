"""The engine of this machine: as many workers as it has cores, each a thread that works itself or that speaks to a process of its own.

1. The caller's thread draws tasks, a few ahead of the workers, and hands back what is finished.
2. `threads` suits work that runs compiled code without the interpreter's lock; `processes` suits plain Python. A process that dies
   takes its task along and no other: the next task gets a new process.
3. Ctrl-C, an error of the caller, or leaving the iterator: nothing new begins, threads end after the task they are at, processes at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.simulation.sweep import Outcome, Task, Work, failure_of

AHEAD = 2  # tasks per worker that are drawn before they are needed
Run = Callable[[Any], Any]


class LocalEngine:
    """`Engine` on threads of this process. Where `work.open` answers a function with `close`, it is called at the end."""

    def __init__(self, work: Work, workers: int | None = None) -> None:
        self._work = work
        self._workers = checked_workers(workers)
        self._todo: SimpleQueue[Task | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._runs: list[Run] = []
        self._round = 0
        self._is_closed = False

    @property
    def workers(self) -> int:
        return self._workers

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]:
        """Outcomes as they finish. One iterator at a time."""
        assert not self._is_closed
        self._start()
        self._round += 1
        waiting = (task for task in tasks if task.number not in done)
        under_way = 0
        try:
            while True:
                while under_way < self._workers * AHEAD and (task := next(waiting, None)) is not None:
                    self._todo.put(Task(task.number, (self._round, task.payload)))
                    under_way += 1
                if not under_way:
                    return
                outcome = self._next_outcome()
                under_way -= 1
                yield outcome
        finally:
            self._round += 1  # what is still queued belongs to nobody

    def close(self) -> None:
        """End the workers; waits for the tasks that threads are at, processes end at once."""
        if self._is_closed:
            return
        self._is_closed = True
        self._round += 1
        for run in self._runs:
            _end(run)
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        for number in range(len(self._threads), self._workers):
            thread = threading.Thread(target=self._serve, name=f"sweep-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next_outcome(self) -> Outcome:
        while True:
            made, outcome = self._done.get()
            if made == self._round:
                return outcome

    def _serve(self) -> None:
        run: Run | None = None
        while (task := self._todo.get()) is not None:
            made, payload = task.payload
            if made != self._round:
                continue
            try:
                if run is None:
                    run = self._work.open()
                    self._runs.append(run)
                outcome = Outcome(task.number, run(payload))
            except Exception as error:  # noqa: BLE001 - a worker lives on whatever its task raised; the outcome carries it
                outcome = Outcome(task.number, failure=failure_of(error))
            self._done.put((made, outcome))
        if run is not None:
            _end(run)


def _end(run: Run) -> None:
    end = getattr(run, "close", None)
    if end is not None:
        end()


def checked_workers(workers: int | None) -> int:
    """The number of workers; the cores that this process may use where it is None."""
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 1:
        raise Rejected(f"engine: {workers} workers, expected at least 1")
    return workers
