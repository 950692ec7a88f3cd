"""A worker: `python -m tradewinds.engines.worker pipe FOLDER` or `... array s3://BUCKET/PREFIX`.

pipe    opens the parcel in a folder and answers tasks on its standard input with lines on its standard output until the input ends
array   fetches the parcel and the task file at an address, does the tasks of its AWS_BATCH_JOB_ARRAY_INDEX and puts the outcomes beside

Whatever a strategy prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from tradewinds.engines.parcel import Parcel
from tradewinds.simulation.sweep import failure_of

Run = Callable[[Any], Any]


def answer(run: Run, payload: Any) -> dict[str, Any]:
    """The value of a task, or the failure that it raised."""
    try:
        return {"value": run(payload)}
    except Exception as error:  # noqa: BLE001 - a worker lives on whatever its task raised; the answer carries it
        failure = failure_of(error)
        return {"failure": [failure.kind, failure.message]}


def pipe(folder: Path, asked: IO[str], answers: IO[str]) -> None:
    """Answer each line until there is none. The parcel is opened with the first; one that cannot be is every task's failure."""
    opened: list[Run] = []

    def run(payload: Any) -> Any:
        if not opened:
            opened.append(Parcel(folder).open())
        return opened[0](payload)

    for line in asked:
        answers.write(json.dumps(answer(run, json.loads(line))) + "\n")
        answers.flush()


def array(address: str, index: int) -> None:
    """Do the tasks of one index of an array job, those without an outcome yet."""
    from tradewinds.engines.bucket import Bucket

    with tempfile.TemporaryDirectory(prefix="tradewinds-sweep-") as folder:
        place = Bucket.at(address)
        run = place.parcel(Path(folder)).open()
        place.put_outcomes(index, [{"number": number, **answer(run, payload)} for number, payload in place.tasks(index)])


def main(arguments: list[str]) -> None:
    """Entry of the process."""
    kind, place = arguments
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a strategy prints must not stand among the answers
    if kind == "pipe":
        pipe(Path(place), sys.stdin, answers)
    else:
        # A job of a single task is no array and has no index.
        array(place, int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0")))


if __name__ == "__main__":
    main(sys.argv[1:])
