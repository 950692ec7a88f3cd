"""What watches over the processes of a home: metrics that are served, the structured log, traces.

1. `Watching` is opened once for a process and closed at its end; nothing of it can stop the process, or hold up an order.
2. Every process tells how old the heartbeats of its home are, and the halt epoch.

Runs of jobs are watched by `wiring.job_watching`, which needs nothing of the trading service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tradewinds.core.errors import Rejected
from tradewinds.core.ports import Clock
from tradewinds.live.epoch import HaltEpoch, epoch_path, open_epoch
from tradewinds.live.guard_process import read_beat, service_path
from tradewinds.live.guard_run import guard_beat
from tradewinds.live.watched import Notes, notes
from tradewinds.wire.log import Log
from tradewinds.wire.metrics import AnyMetrics, NoMetrics, Reading, Served, open_metrics, serve
from tradewinds.wire.tracing import Traces, open_traces

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

RUNS_LOOKED_AT = 1_000
NS = 1_000_000_000
AGE_S_MAX = 1e9  # of a heartbeat of another boot, which has no age


@dataclass(slots=True)
class Watching:
    """Metrics, log and traces of one process. run: names this life of it. notes: what the trading service leaves for `live.watch`."""

    home: Path
    process: str
    metrics: AnyMetrics
    log: Log
    traces: Traces | None
    notes: Notes = field(default_factory=notes)
    _served: Served = field(default_factory=Served)

    def serve(self, say: Callable[[str], None]) -> None:
        """Answer scrapes; an address that cannot be had is said, and the process goes on without."""
        try:
            self._served = serve(self.metrics, self.home)
        except (Rejected, OSError) as error:
            say(f"warning: no metrics: {error}")

    @property
    def address(self) -> str | None:
        """Where metrics are scraped, None where they are not."""
        return self._served.address

    def close(self) -> None:
        """End scrapes, send what waits, let go of the log."""
        self._served.close()
        if self.traces is not None:
            self.traces.close()
        self.log.close()


def watching_of(home: Path, process: str, *, run: str = "", clock: Clock | None = None) -> Watching:
    """What watches over a process of this home. Starts nothing that anybody could see before `serve`."""
    metrics = open_metrics(process)
    dropped = metrics.counter("tradewinds_log_lines_dropped_total")
    log = Log(home, process, run=run, clock=clock, dropped=dropped.inc)
    if not isinstance(metrics, NoMetrics):
        metrics.at_scrape(partial(_of_home, home, process))
    return Watching(home, process, metrics, log, open_traces(process))


def heartbeats(home: Path) -> dict[str, float]:
    """Process -> seconds since it last said that it lives, of those that should."""
    found = {"trade": read_beat(service_path(home)), "guard": read_beat(guard_beat(home)), "keeper": read_beat(home / "up" / "keeper.json")}
    return {name: min(beat.age_s, AGE_S_MAX) for name, beat in found.items() if beat is not None}


def job_metrics(house: House) -> Iterable[Reading]:
    """Gauges of the last run of each job, from the ledger, wherever it ran; for the console process, `Metrics.at_scrape`."""
    from tradewinds.stores.ledger_runs import RunFilter

    done: set[str] = set()
    succeeded: set[str] = set()
    for run in house.ledger.runs(RunFilter(subject=""), limit=RUNS_LOOKED_AT):
        label = (run.job,)
        if run.job not in done and run.result is not None:
            done.add(run.job)
            result = run.result
            yield Reading("tradewinds_job_last_run_timestamp_seconds", run.started_ns / NS, label)
            yield Reading("tradewinds_job_last_duration_seconds", (result.ended_ns - run.started_ns) / NS, label)
            yield Reading("tradewinds_job_last_findings", result.findings, label)
            yield Reading("tradewinds_job_last_failed", float(run.state == "failed"), label)
            rows = {"in": result.rows_in, "published": result.rows_published, "restated": result.rows_restated}
            yield from (Reading("tradewinds_job_last_rows", count, (run.job, kind)) for kind, count in rows.items())
        if run.job not in succeeded and run.result is not None and run.state != "failed":
            succeeded.add(run.job)
            yield Reading("tradewinds_job_last_success_timestamp_seconds", run.result.ended_ns / NS, label)
    yield Reading("tradewinds_holds_open", len(house.ledger.holds(is_open=True)))


def _of_home(home: Path, process: str) -> Iterable[Reading]:
    for name, age_s in heartbeats(home).items():
        yield Reading("tradewinds_heartbeat_age_seconds", age_s, (name,))
    if process != "trade" and epoch_path(home).exists():  # the trade process tells it from its own loop
        with open_epoch(home) as epoch:
            yield from _epoch(epoch)


def _epoch(epoch: HaltEpoch) -> Iterable[Reading]:
    yield Reading("tradewinds_halt_epoch", epoch.epoch())
    yield Reading("tradewinds_halt_epoch_acknowledged", epoch.acknowledged())
