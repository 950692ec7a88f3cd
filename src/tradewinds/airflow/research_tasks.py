"""Tasks that put a step's questions to people and hand their answers to a job.

    step  ->  approval (one per question, by a person)  ->  answered

A step's job returns its questions in `detail["questions"]`: subject, body, and the params of the job that takes the answer. Approvals are
Airflow's own human-in-the-loop tasks. What nobody answers in time is told to nobody: the row that waits has an end of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context, TriggerRule

from tradewinds.airflow.operators import RESULT, JobRetries, JobTask
from tradewinds.airflow.work import run_job
from tradewinds.core.errors import Rejected, TradewindsError

APPROVE, DENY = "Approve", "Deny"
ANSWER_HOURS_MAX = 72.0
RETRIES = 3
RUNS_ASKING_MAX = 64  # a run that waits for a person holds up none that has nothing to ask


class AnsweredTask(BaseOperator):
    """Hands what people answered to a job, question by question. What was answered elsewhere meanwhile stays as it was answered first."""

    def __init__(self, *, job: str, asked: str, approval: str, **kwargs: Any) -> None:
        """job: takes params of the question with answer, by and face. asked, approval: ids of the tasks that asked and were answered."""
        super().__init__(retry_policy=JobRetries(), **kwargs)
        self.job = job
        self.asked = asked
        self.approval = approval

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """What became of each question that was answered; fails where an answer could not be taken for a reason of ours."""
        task = context["ti"]
        result = task.xcom_pull(task_ids=self.asked, key=RESULT) or {}
        done = []
        for number, question in enumerate(result.get("detail", {}).get("questions", [])):
            # One by one: without an index, what a mapped task handed on is a dict where there is one and a list where there are more.
            told = answer_of(task.xcom_pull(task_ids=self.approval, map_indexes=number))
            if told is None:
                self.log.info("%s: nobody answered in time", question["subject"])
                continue
            params = {**question["params"], **told}
            try:
                found = run_job(self.job, result["partition"], params, airflow_run=f"{task.dag_id}/{task.run_id}", log_link=task.log_url)
            except Rejected as error:
                self.log.warning("%s: %s", question["subject"], error)
                done.append({**params, "refused": str(error)})
                continue
            except TradewindsError:
                self.log.error("%s: %s was not taken", question["subject"], told["answer"])
                raise
            done.append({**params, **found["detail"]})
        return done


def ask(step: JobTask, job: str) -> AnsweredTask:
    """The tasks after a step that asks people; the last one of them."""
    approval = HITLOperator.partial(
        task_id=f"{step.task_id}_approval",
        options=[APPROVE, DENY],
        defaults=[DENY],
        response_timeout=timedelta(hours=ANSWER_HOURS_MAX),
    ).expand_kwargs(step.output)
    answered = AnsweredTask(
        task_id=f"{step.task_id}_answered",
        job=job,
        asked=step.task_id,
        approval=f"{step.task_id}_approval",
        trigger_rule=TriggerRule.ALL_DONE,
        retries=RETRIES,
        retry_delay=timedelta(seconds=30),
    )
    approval >> answered
    return answered


def answer_of(response: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Answer, by and face of what the approval task handed on; None where no person answered."""
    by = ((response or {}).get("responded_by_user") or {}).get("name")
    if response is None or not by:
        return None
    answer = "approve" if response.get("chosen_options") == [APPROVE] else "deny"
    return {"answer": answer, "by": str(by), "face": "airflow"}
