"""What a task makes of a job's result and of its errors."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowSkipException, TaskDeferred
from pendulum import parse

from tradewinds.airflow import operators
from tradewinds.airflow.operators import JobRetries, JobTask, OutcomeTask, PartsFailed, PublishedTask
from tradewinds.airflow.partitions import asset
from tradewinds.airflow.triggers import ReadyTrigger
from tradewinds.core.errors import DataFault, Invariant, Late, OutcomeUnknown, Rejected, TradewindsError, Transient
from tradewinds.jobs.plan import Manual

DONE = {"state": "done", "rows_in": 9, "rows_published": 7, "rows_restated": 1, "findings": 2, "failed": {}, "detail": {}}


class FakeTask:
    """The part of a running task instance that our tasks touch."""

    dag_id, run_id, log_url = "d", "r", "http://log"

    def __init__(self, results: list[Any] | None = None) -> None:
        self.pushed: dict[str, Any] = {}
        self.results = results

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, task_ids: list[str], key: str) -> list[Any] | None:
        assert key == "result"
        return self.results

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {"r": {"plan": "success", "shard.ingest_2": "failed", "shard.ingest_0": "failed"}}


def _context(conf: dict[str, Any] | None = None, **given: Any) -> Any:
    run = SimpleNamespace(conf=conf or {}, partition_key="2024-01-31", run_after=parse("2024-02-01T00:00Z"))
    return {"dag_run": run, "ti": FakeTask(), **given}


def _job(monkeypatch: pytest.MonkeyPatch, result: Any) -> list[tuple[Any, ...]]:
    """Stands in for the platform: notes the calls and gives this result."""
    calls: list[tuple[Any, ...]] = []

    def run_job(name: str, partition: str, params: dict[str, Any], **links: str) -> dict[str, Any]:
        calls.append((name, partition, params, links))
        if isinstance(result, Exception):
            raise result
        return {**DONE, **result}

    monkeypatch.setattr(operators, "run_job", run_job)
    return calls


def test_a_job_runs_on_the_partition_with_the_shards_parameters_over_the_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})
    task = JobTask(task_id="t", job="j", schedule=Manual(), params={"market": "um", "x": 1}, shard={"label": "A", "params": {"x": 2}})

    summary = task.execute(_context())

    assert calls == [("j", "2024-01-31", {"market": "um", "x": 2}, {"airflow_run": "d/r", "log_link": "http://log"})]
    assert summary == {"state": "done", "rows_in": 9, "rows_published": 7, "rows_restated": 1, "findings": 2}


def test_the_run_can_set_partition_and_parameters_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})

    JobTask(task_id="t", job="j", schedule=Manual(), params={"x": 1}).execute(_context({"partition": "2013-05-01", "params": {"x": 3}}))

    assert calls[0][1:3] == ("2013-05-01", {"x": 3})


def test_a_planner_hands_on_its_shards_and_not_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [{"label": "A", "params": {}}]
    _job(monkeypatch, {"detail": {"shards": shards, "note": "n"}})
    context = _context()

    handed_on = JobTask(task_id="t", job="j", schedule=Manual(), is_planner=True).execute(context)

    assert handed_on == shards
    assert context["ti"].pushed["result"]["detail"] == {"note": "n"}


def test_nothing_to_do_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, {"state": "nothing", "rows_published": 0})

    assert JobTask(task_id="t", job="j", schedule=Manual()).execute(_context())["state"] == "nothing"


def test_parts_that_failed_are_named_after_the_result_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _job(monkeypatch, {"state": "partial", "failed": {"BTCUSDT": "checksum"}})
    context = _context()

    with pytest.raises(PartsFailed, match=r"j 2024-01-31: 1 failed, the rest is done\. BTCUSDT: checksum"):
        JobTask(task_id="t", job="j", schedule=Manual()).execute(context)

    assert context["ti"].pushed["result"]["rows_published"] == 7


@pytest.mark.parametrize("error", [Rejected("r"), DataFault("d"), Invariant("i"), OutcomeUnknown("o")])
def test_what_cannot_pass_by_itself_is_not_tried_again(error: TradewindsError) -> None:
    assert JobRetries().evaluate(error, 1, 3).action is RetryAction.FAIL


def test_what_may_pass_is_tried_again_after_the_wait_the_vendor_named() -> None:
    named = JobRetries().evaluate(Transient("t", retry_after_s=90), 1, 3)
    unnamed = JobRetries().evaluate(Late("l"), 1, 3)

    assert (named.action, named.retry_delay) == (RetryAction.RETRY, timedelta(seconds=90))
    assert (unnamed.action, unnamed.retry_delay) == (RetryAction.RETRY, None)


def test_failed_parts_are_tried_again_in_the_usual_way() -> None:
    assert JobRetries().evaluate(PartsFailed("p"), 1, 3).action is RetryAction.DEFAULT


def _ready(monkeypatch: pytest.MonkeyPatch, is_ready: bool, is_limit_passed: bool) -> JobTask:
    answer = {"is_ready": is_ready, "is_limit_passed": is_limit_passed, "detail": "alpha is late"}
    monkeypatch.setattr(operators, "check_ready", lambda *_, **__: answer)
    return JobTask(task_id="t", job="j", schedule=Manual(), ready="equities", poll_s=5.0, shard={"label": "A", "params": {"v": "alpha"}})


def test_a_step_whose_vendor_is_ready_runs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})

    _ready(monkeypatch, True, False).execute(_context())

    assert len(calls) == 1


def test_a_step_past_its_limit_runs_without_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})

    _ready(monkeypatch, False, True).execute(_context())

    assert len(calls) == 1


def test_a_step_whose_vendor_is_late_waits_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})

    with pytest.raises(TaskDeferred) as wait:
        _ready(monkeypatch, False, False).execute(_context())

    trigger = wait.value.trigger
    assert isinstance(trigger, ReadyTrigger)
    assert trigger.serialize()[1] == {"check": "equities", "partition": "2024-01-31", "params": {"v": "alpha"}, "poll_s": 5.0}
    assert calls == []


def test_after_the_wait_the_job_runs_and_an_error_of_the_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _job(monkeypatch, {})
    task = _ready(monkeypatch, False, False)

    task.resume(_context(), {"is_ready": True, "is_limit_passed": False, "detail": ""})
    with pytest.raises(AirflowException, match="waiting for equities: Rejected: no such vendor"):
        task.resume(_context(), {"error": "Rejected: no such vendor"})

    assert len(calls) == 1


class Events:
    """Airflow's note of what a task says about its assets."""

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}
        self.partitions: list[str] = []

    def add_partitions(self, keys: str) -> None:
        self.partitions.append(keys)


def _publish(results: list[Any] | None) -> tuple[int, Events]:
    table, events = asset("history/t"), Events()
    context = _context(outlet_events={table: events})
    context["ti"] = FakeTask(results)
    return PublishedTask(task_id="p", table=table, steps=["ingest"]).execute(context), events


def test_a_table_is_reported_with_the_runs_partition_and_its_rows() -> None:
    rows, events = _publish([{**DONE, "partition": "2024-01-31"}, None, {**DONE, "rows_restated": 0, "partition": "2024-01-31"}])

    assert rows == 15
    assert (events.extra, events.partitions) == ({"rows": 15}, ["2024-01-31"])


@pytest.mark.parametrize("results", [None, [], [{**DONE, "rows_published": 0, "rows_restated": 0, "partition": "p"}]])
def test_a_table_that_got_no_rows_is_not_reported(results: list[Any] | None) -> None:
    with pytest.raises(AirflowSkipException):
        _publish(results)


def test_the_outcome_names_what_failed() -> None:
    with pytest.raises(AirflowException, match=r"failed: shard\.ingest_0, shard\.ingest_2"):
        OutcomeTask(task_id="o").execute(_context())
