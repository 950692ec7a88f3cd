"""What is told of one run of a job, whoever runs it: a line of the structured log at its beginning and at its end, and a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradewinds.wire.clock import SystemClock
from tradewinds.wire.log import Log
from tradewinds.wire.tracing import open_traces


@contextmanager
def job_watched(home: Path, job: str, partition: str, run: int) -> Iterator[dict[str, Any]]:
    """Stands around one run of a job. What is put into the dictionary that it gives stands in the last line and in the trace."""
    clock = SystemClock()  # when it ran, whatever time it was run for
    log, traces = Log(home, "job", run=str(run), clock=clock), open_traces("job")
    log.write("job started", job=job, partition=partition)
    told: dict[str, Any] = {"job": job, "partition": partition, "run": run}
    try:
        if traces is None:
            yield told
        else:
            with traces.doing(f"job {job}", f"{home} job {job} {partition} {run}", clock, told) as told:
                yield told
    except BaseException as error:
        log.write("job failed", level="error", job=job, partition=partition, text=f"{type(error).__name__}: {error}")
        raise
    else:
        log.write("job ended", **{key: value for key, value in told.items() if key != "run"})
    finally:
        log.close()
        if traces is not None:
            traces.close()
