"""The engine of AWS Batch: tasks go to a bucket, array jobs do them in containers, outcomes come back through the bucket.

1. The parcel is put once. Tasks are taken a wave at a time and dealt out to the indices of one array job.
2. The job runs `python -m tradewinds.engines.worker array s3://BUCKET/PREFIX#JOB`; each index does its own share.
3. Outcomes are handed on as they appear. When the job has ended, indices without outcomes are submitted again, and again up to
   ATTEMPTS; what is still without is lost with its worker.
4. Leaving early (Ctrl-C, an error) cancels the job.

The job definition's image needs `tradewinds[batch]`, and its role may read and write below the prefix. A wave that was interrupted is
picked up by `done`: the sweep knows which tasks it has outcomes of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.engines.bucket import Bucket, aws, told
from tradewinds.engines.local import checked_workers
from tradewinds.engines.parcel import Parcel
from tradewinds.simulation.sweep import Failure, Outcome, Task, worker_lost

ARRAY_MAX = 10_000  # indices of an array job: AWS's limit
ATTEMPTS = 3
WAVE_TASKS_PER_WORKER = 16
POLL_S = 10.0
POLLS_MAX = 100_000
COMMAND = ("python", "-m", "tradewinds.engines.worker", "array")
_ENDED = ("SUCCEEDED", "FAILED")


class BatchEngine:
    """`Engine` on AWS Batch. clients: (s3, batch) of boto3. name: of this sweep, so that two in one bucket never meet."""

    def __init__(
        self,
        parcel: Parcel,
        *,
        place: str,
        queue: str,
        definition: str,
        name: str,
        workers: int | None = None,
        clients: tuple[Any, Any] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parcel = parcel
        self._workers = checked_workers(workers)
        if self._workers > ARRAY_MAX:
            raise Rejected(f"engine batch: {workers} workers, expected at most {ARRAY_MAX}")
        self._bucket = Bucket.at(f"{place.rstrip('/')}/{name}", clients[0] if clients else None)
        self._batch = clients[1] if clients else aws("batch")
        self._name, self._queue, self._definition = name, queue, definition
        self._pause = pause
        self._jobs = 0
        self._is_put = False

    @property
    def workers(self) -> int:
        return self._workers

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]:
        """Outcomes as they appear in the bucket, a wave of tasks at a time."""
        waiting = (task for task in tasks if task.number not in done)
        while wave := list(islice(waiting, self._workers * WAVE_TASKS_PER_WORKER)):
            if not self._is_put:
                self._bucket.put_parcel(self._parcel)
                self._is_put = True
            yield from self._wave(wave)

    def close(self) -> None:
        """Nothing stays: jobs are cancelled where the iterator is left."""

    def __enter__(self) -> BatchEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _wave(self, wave: list[Task]) -> Iterator[Outcome]:
        count = min(self._workers, len(wave))
        left = [wave[index::count] for index in range(count)]
        for _ in range(ATTEMPTS):
            found: set[int] = set()
            for index, outcomes in self._job(left):
                found.add(index)
                yield from outcomes
            left = [share for index, share in enumerate(left) if index not in found]
            if not left:
                return
        for share in left:
            for task in share:
                yield Outcome(task.number, failure=worker_lost(f"its job ended {ATTEMPTS} times without an outcome"))

    def _job(self, shares: list[list[Task]]) -> Iterator[tuple[int, list[Outcome]]]:
        """One array job over the shares; (index, outcomes) as they appear, until the job has ended."""
        self._jobs += 1
        bucket = self._bucket.of_job(f"job-{self._jobs}")
        for index, share in enumerate(shares):
            bucket.put_tasks(index, [(task.number, task.payload) for task in share])
        job = self._submitted(bucket, len(shares))
        seen: set[int] = set()
        has_ended = False
        try:
            for _ in range(POLLS_MAX):
                has_ended = self._has_ended(job)  # asked first: what the job wrote before it ended is listed below
                for index in sorted(bucket.finished() - seen):
                    seen.add(index)
                    yield index, [_outcome(record) for record in bucket.outcomes(index)]
                if has_ended or len(seen) == len(shares):
                    has_ended = True
                    return
                self._pause(POLL_S)
        finally:
            if not has_ended:
                self._asked("cancelling", lambda: self._batch.terminate_job(jobId=job, reason="the sweep was interrupted"))

    def _submitted(self, bucket: Bucket, size: int) -> str:
        command = [*COMMAND, self._bucket.address(bucket.job)]
        array = {"arrayProperties": {"size": size}} if size > 1 else {}  # an array of one is refused
        answer = self._asked(
            "submitting",
            lambda: self._batch.submit_job(
                jobName=f"tradewinds-{self._name}"[:100], jobQueue=self._queue, jobDefinition=self._definition,
                containerOverrides={"command": command}, **array,
            ),
        )  # fmt: skip
        return str(answer["jobId"])

    def _has_ended(self, job: str) -> bool:
        found = self._asked("asking after", lambda: self._batch.describe_jobs(jobs=[job]))["jobs"]
        return bool(found) and found[0]["status"] in _ENDED

    def _asked(self, doing: str, action: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return action()
        except (BotoCoreError, ClientError) as error:
            raise told(f"{doing} a job in queue {self._queue}", error) from None


def _outcome(record: dict[str, Any]) -> Outcome:
    if "failure" in record:
        return Outcome(record["number"], failure=Failure(*record["failure"]))
    return Outcome(record["number"], record["value"])
