"""Stands around a long-running process of ours: its metrics are served, what it says is kept in the structured log.

with watched(house.home, "console") as watching:
    watching.metrics.counter("tradewinds_http_requests_total", "GET", "/api/v1/bars", "200").inc()
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.app.output import keep_log, log

if TYPE_CHECKING:
    from tradewinds.wire.log import Level, Log
    from tradewinds.wiring.watching import Watching

GARBAGE_AFTER = (700, 10, 10)  # Python's own


@contextmanager
def watched(home: Path, process: str) -> Iterator[Watching]:
    """Everything that watches over a process, until it ends."""
    import os

    from tradewinds.core.instant import text
    from tradewinds.wire.clock import SystemClock
    from tradewinds.wiring.watching import watching_of

    watching = watching_of(home, process, run=f"{text(SystemClock().now_ns())} {os.getpid()}")
    watching.serve(log)
    collect_as_usual()
    try:
        with kept(watching.log):
            yield watching
    finally:
        watching.close()


@contextmanager
def kept(structured: Log, is_told: Callable[[str], bool] = lambda message: True) -> Iterator[None]:
    """What this process says, and what libraries warn of, stands in its structured log. is_told: not of what is logged elsewhere."""
    from tradewinds.wire.log import LibraryHandler

    handler = LibraryHandler(structured, logging.WARNING)
    logging.getLogger().addHandler(handler)
    keep_log(partial(_keep, structured, is_told))
    try:
        yield
    finally:
        keep_log(None)
        logging.getLogger().removeHandler(handler)


def collect_as_usual() -> None:
    """A command looks for garbage rarely, because it ends (`cli.main`). Here that would be a heap that grows for hours between two looks.

    What the start made stays: set aside, it makes no later look longer. Where no command made the looks rare there is nothing to put back.
    """
    if gc.get_threshold() == GARBAGE_AFTER:
        return
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_AFTER)


def _keep(structured: Log, is_told: Callable[[str], bool], message: str) -> None:
    if is_told(message):
        severity = severity_of(message)
        structured.write("said", level=severity, text=message.removeprefix(f"{severity}: "))


def severity_of(message: str) -> Level:
    """How bad it is, by the word that a message begins with."""
    word = message.partition(":")[0]
    return "critical" if word == "critical" else "warning" if word == "warning" else "info"
