"""The three tasks that DAGs are made of: run a job, say which tables it published, fail when something failed.

Jobs run inside the task's process; their modules are imported there and not when DAG files are parsed. A job's errors become:

    Transient, Late             the task tries again, after the wait that the vendor named where it named one
    Rejected, DataFault         the task fails at once: asking the same again cannot help
    Invariant, OutcomeUnknown   the task fails at once: somebody must look
    a result with failed parts  the task tries again (what succeeded is kept and skipped), and then fails naming the parts
    nothing to do               success
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from tradewinds.airflow.partitions import partition_of
from tradewinds.airflow.triggers import ReadyTrigger
from tradewinds.airflow.work import check_ready, run_job
from tradewinds.core.errors import TradewindsError, Transient
from tradewinds.jobs.plan import Schedule

RESULT = "result"
NAMED_MAX = 10


class PartsFailed(AirflowException):
    """Some parts of the work failed while others succeeded; trying again takes up only those."""


class JobRetries(RetryPolicy):
    """Tries again what can pass by itself, and nothing else."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None) -> RetryDecision:
        """The decision for one failure."""
        if isinstance(exception, Transient):
            wait = exception.retry_after_s
            return RetryDecision.retry(None if wait is None else timedelta(seconds=wait), "it may pass by itself")
        if isinstance(exception, TradewindsError):
            return RetryDecision.fail(f"{type(exception).__name__}: trying again unchanged cannot help")
        return RetryDecision.default()


class JobTask(BaseOperator):
    """Runs one job of the catalog on the run's partition, for one shard where it is mapped.

    ready: the readiness check to wait for first, without holding a worker. is_planner: hands its list of shards on; is_asking: its
    questions to people.
    """

    template_fields: Sequence[str] = ("shard",)

    def __init__(
        self,
        *,
        job: str,
        schedule: Schedule,
        params: Mapping[str, Any] | None = None,
        shard: Any = None,
        ready: str | None = None,
        poll_s: float = 30.0,
        is_planner: bool = False,
        is_asking: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.schedule = schedule
        self.job_params = dict(params or {})
        self.shard = shard
        self.ready = ready
        self.poll_s = poll_s
        self.is_planner = is_planner
        self.is_asking = is_asking

    def execute(self, context: Context) -> Any:
        """Waits where there is something to wait for, then runs the job."""
        if self.ready is not None:
            partition, params = self._question(context)
            readiness = check_ready(self.ready, partition, params, in_task=True)
            self.log.info("%s %s: %s", self.ready, partition, readiness["detail"] or readiness)
            if not (readiness["is_ready"] or readiness["is_limit_passed"]):
                self.defer(trigger=ReadyTrigger(self.ready, partition, params, self.poll_s), method_name="resume")
        return self._run(context)

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Goes on after the wait; `event` is the readiness that ended it."""
        if "error" in event:
            raise AirflowException(f"waiting for {self.ready}: {event['error']}")
        self.log.info("%s: %s", self.ready, event["detail"] or event)
        return self._run(context)

    def _question(self, context: Context) -> tuple[str, dict[str, Any]]:
        """The partition, and the parameters: the plan's, the run's own over them, the shard's over both (the planner saw the run's)."""
        asked = (context["dag_run"].conf or {}).get("params") or {}
        shard = (self.shard or {}).get("params") or {}
        return partition_of(self.schedule, context["dag_run"]), {**self.job_params, **asked, **shard}

    def _run(self, context: Context) -> Any:
        partition, params = self._question(context)
        task = context["ti"]
        result = run_job(self.job, partition, params, airflow_run=f"{task.dag_id}/{task.run_id}", log_link=task.log_url)
        shards = result["detail"].pop("shards", []) if self.is_planner else []
        context["ti"].xcom_push(RESULT, {**result, "partition": partition})
        failed = result["failed"]
        if failed:
            named = "; ".join(f"{subject}: {reason}" for subject, reason in list(failed.items())[:NAMED_MAX])
            raise PartsFailed(f"{self.job} {partition}: {len(failed)} failed, the rest is done. {named}")
        if self.is_planner:
            return shards
        if self.is_asking:
            return [{"subject": one["subject"], "body": one["body"]} for one in result["detail"].get("questions", [])]
        return {name: result[name] for name in ("state", "rows_in", "rows_published", "rows_restated", "findings")}


class PublishedTask(BaseOperator):
    """Reports one lake table as updated, with the run's partition, when any of `steps` published rows; else it is skipped."""

    def __init__(self, *, table: Asset, steps: Sequence[str], **kwargs: Any) -> None:
        super().__init__(outlets=[table], **kwargs)
        self.table = table
        self.steps = list(steps)

    def execute(self, context: Context) -> int:
        """The number of rows published."""
        results = [found for found in context["ti"].xcom_pull(task_ids=self.steps, key=RESULT) or [] if found]
        rows = sum(found["rows_published"] + found["rows_restated"] for found in results)
        if rows == 0:
            raise AirflowSkipException("nothing was published")
        events = context["outlet_events"][self.table]
        events.extra = {"rows": rows}
        events.add_partitions(results[0]["partition"])
        return int(rows)


class OutcomeTask(BaseOperator):
    """Runs only when a task failed, and fails, so that a report made in spite of failures does not hide them."""

    def execute(self, context: Context) -> None:
        """Raises, naming what failed so far."""
        task = context["ti"]
        found = task.get_task_states(dag_id=task.dag_id, run_ids=[task.run_id]).get(task.run_id, {})
        failed = sorted(name for name, state in found.items() if state == "failed")
        raise AirflowException(f"failed: {', '.join(failed[:NAMED_MAX]) or 'see the grid'}")
