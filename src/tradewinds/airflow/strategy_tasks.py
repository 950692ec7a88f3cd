"""The tasks of a strategy's DAG. Each asks the trading service one question; none of them decides or sends anything.

A service that does not run is Transient: the task tries again. What the service refuses fails the task with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from tradewinds.airflow.operators import JobRetries
from tradewinds.airflow.partitions import partition_of
from tradewinds.airflow.work import ask_trading
from tradewinds.jobs.plan import AfterClose, Schedule

DECIDE, WAITING, APPROVAL = "decide", "waiting", "approval"
RETRIES = 3


class TradingTask(BaseOperator):
    """A task that asks the trading service."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("retries", RETRIES)
        kwargs.setdefault("retry_delay", timedelta(seconds=30))
        super().__init__(retry_policy=JobRetries(), **kwargs)


class DecideTask(TradingTask):
    """Asks the service to decide at the run's time. Asked again it answers what it decided then."""

    def __init__(self, *, strategy: str, schedule: Schedule, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strategy = strategy
        self.schedule = schedule

    def execute(self, context: Context) -> Mapping[str, Any]:
        """What was decided: decision_ns, orders, waiting, refused."""
        partition = partition_of(self.schedule, context["dag_run"])
        answer = ask_trading("decide", strategy=self.strategy, at=decision_time(self.schedule, partition))
        self.log.info("%s at %s: %s", self.strategy, partition, answer)
        return answer


class WaitingTask(TradingTask):
    """The orders of the decision that wait for a person, as the questions that the next task puts to one."""

    def __init__(self, *, strategy: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strategy = strategy

    def execute(self, context: Context) -> list[dict[str, str]]:
        """One question an order: subject (ends with the order's id) and body."""
        decided = context["ti"].xcom_pull(task_ids=DECIDE) or {}
        return [
            {"subject": f"{self.strategy}: {one['text']} [{one['id']}]", "body": f"{one['why']} Unanswered it is denied."}
            for one in decided.get("waiting", [])
        ]


class AnsweredTask(TradingTask):
    """Hands what people answered to the service. An order that was answered elsewhere meanwhile stays as it was answered first."""

    def __init__(self, *, approve: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approve = approve

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """What became of each order."""
        done = []
        for number, question in enumerate(context["ti"].xcom_pull(task_ids=WAITING) or []):
            # One by one: without an index, what a mapped task handed on is a dict where there is one and a list where there are more.
            answer = context["ti"].xcom_pull(task_ids=APPROVAL, map_indexes=number) or {}
            act = "approve" if answer.get("chosen_options") == [self.approve] else "deny"
            by = (answer.get("responded_by_user") or {}).get("name") or "nobody in time"
            done.append(ask_trading(act, id=order_id(question["subject"]), by=f"airflow: {by}"))
        return done


class ReportTask(TradingTask):
    """What came of the decision so far: its orders, their states and fills."""

    def __init__(self, *, strategy: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strategy = strategy

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Orders by id; fails where the decision did."""
        decided = context["ti"].xcom_pull(task_ids=DECIDE)
        if decided is None:
            raise AirflowException(f"{self.strategy}: nothing was decided, see the task decide")
        return ask_trading("report", strategy=self.strategy, decision_ns=decided["decision_ns"])


class ReconcileTask(TradingTask):
    """Compares the account with its broker now; fails naming what differs."""

    def __init__(self, *, account: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account = account

    def execute(self, context: Context) -> Mapping[str, Any]:
        """What was compared."""
        answer = ask_trading("reconcile", account=self.account)
        if answer.get("breaks"):
            raise AirflowException(f"account {self.account}: {len(answer['breaks'])} breaks, first: {answer['breaks'][0]}")
        return answer


def decision_time(schedule: Schedule, partition: str) -> str:
    """ISO 8601 of what the partition is about: the session's close, or the day or hour that begins there."""
    if isinstance(schedule, AfterClose):
        from tradewinds.calendars.sessions import calendar

        close_ns = calendar(schedule.calendar).close_ns(date.fromisoformat(partition))
        return datetime.fromtimestamp(close_ns // 1_000_000_000, UTC).isoformat()
    return datetime.fromisoformat(partition).replace(tzinfo=UTC).isoformat()


def order_id(subject: str) -> str:
    """The client order id at the end of a question's subject."""
    return subject.rpartition("[")[2].rstrip("]")
