"""How the plans of research become DAGs that ask people, and what becomes of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import PartitionedAssetTimetable
from airflow.serialization.serialized_objects import DagSerialization

from tradewinds.airflow import research_tasks, shipped
from tradewinds.airflow.dag_factory import dag, draw
from tradewinds.airflow.partitions import key_format
from tradewinds.airflow.research_tasks import AnsweredTask, answer_of
from tradewinds.core.errors import Rejected, Transient
from tradewinds.jobs.plan import Manual, Plan, Step

CONFIG = """
home: {home}
research:
  us:
    calendar: XNYS
    since: 2020-01-02
    instruments: [AAA.XNAS]
    features: {{rsi: "rsi(14)"}}
    screeners:
      cheap: {{where: ["rsi < 30"]}}
      brisk: {{where: ["value_traded > 1e6"], schedule: "*/5 14-20 * * 1-5", sheet: 1aBcD}}
"""
QUESTION = {"subject": "cheap: AAA.XNAS [abc]", "body": "- rsi 28", "params": {"candidate": "abc"}}
ADA = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ada"}}


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DAGs of a workspace with a book of research, two screeners and a model."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "trend.yaml").write_text("research: us")
    (tmp_path / "tradewinds.yaml").write_text(CONFIG.format(home=tmp_path / "home"))
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "tradewinds.yaml"))
    return shipped.drawing()


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("screener_us_cheap", ["screen", "screen_approval", "screen_answered", "outcome"]),
        ("train_trend", ["folds", "out_of_sample.fold", "train", "train_approval", "train_answered", "outcome"]),
    ],
)
def test_what_people_decide_is_drawn_as_approvals_that_airflow_can_keep(drawn: Any, name: str, tasks: list[str]) -> None:
    assert drawn.problems == {}
    one = drawn.dags[name]
    assert [task.task_id for task in one.topological_sort()] == tasks
    assert one.get_task("outcome").upstream_task_ids >= {tasks[-4], tasks[-2]}
    assert one.max_active_runs == 64  # a run that waits for a person holds up none that has nothing to ask
    json.dumps(DagSerialization.to_dict(one))


def test_a_sheet_shows_what_is_new_at_once_and_is_asked_for_answers_in_between(drawn: Any) -> None:
    assert drawn.dags["screener_us_brisk"].get_task("sheet").upstream_task_ids == {"screen"}
    assert [task.task_id for task in drawn.dags["sheet_us_brisk"].tasks] == ["sheet"]
    assert "sheet_us_cheap" not in drawn.dags


def test_a_screener_follows_the_features_or_its_own_rhythm(drawn: Any) -> None:
    assert isinstance(drawn.dags["screener_us_cheap"].timetable, PartitionedAssetTimetable)
    assert key_format("*/5 14-20 * * 1-5") == "%Y-%m-%dT%H:%M"  # so that each run of it has a partition of its own
    assert drawn.dags["features_us"].max_active_runs == 1


def test_a_step_that_asks_people_is_not_mapped() -> None:
    steps = (Step("plan", "p"), Step("ask", "a", after=("plan",), over="plan", group="each", approval="b"))

    found = draw([Plan("one", "One", Manual(), steps)])

    assert "asks people and is mapped" in found.problems["one"]


def test_a_plan_without_questions_is_drawn_as_before() -> None:
    one = dag(Plan("one", "One", Manual(), (Step("only", "p"),)))

    assert [task.task_id for task in one.tasks] == ["only"]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (ADA, {"answer": "approve", "by": "ada", "face": "airflow"}),
        ({**ADA, "chosen_options": ["Deny"]}, {"answer": "deny", "by": "ada", "face": "airflow"}),
        ({"chosen_options": ["Deny"], "responded_by_user": None}, None),
        (None, None),
    ],
)
def test_an_answer_is_a_persons_and_what_time_decided_is_none(response: Any, expected: Any) -> None:
    assert answer_of(response) == expected


def _context(responses: list[Any]) -> Any:
    """What a task is given after a step with one question for each response."""
    result = {"partition": "2024-01-31", "detail": {"questions": [QUESTION] * len(responses)}}

    def pull(*, task_ids: str, key: str | None = None, map_indexes: int | None = None) -> Any:
        return result if task_ids == "screen" else responses[map_indexes or 0]

    return {"ti": SimpleNamespace(xcom_pull=pull, dag_id="d", run_id="r", log_url="")}


def test_each_answer_is_handed_to_the_job_and_a_refused_one_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []

    def run_job(name: str, partition: str, params: Any, *, airflow_run: str, log_link: str) -> dict[str, Any]:
        told.append({"job": name, "partition": partition, **params})
        if params["answer"] == "deny":
            raise Rejected("candidate abc: approved by ada")
        return {"detail": {"state": "approved"}}

    monkeypatch.setattr(research_tasks, "run_job", run_job)
    task = AnsweredTask(task_id="answered", job="research.answer", asked="screen", approval="screen_approval")

    done = task.execute(_context([{**ADA, "chosen_options": ["Deny"]}, None, ADA]))

    assert [(one["job"], one["partition"], one["candidate"], one["answer"], one["by"]) for one in told] == [
        ("research.answer", "2024-01-31", "abc", "deny", "ada"),
        ("research.answer", "2024-01-31", "abc", "approve", "ada"),
    ]
    assert [one.get("refused", one.get("state")) for one in done] == ["candidate abc: approved by ada", "approved"]


def test_an_answer_that_cannot_be_written_now_fails_the_task_so_that_it_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_job(*_: Any, **__: Any) -> dict[str, Any]:
        raise Transient("ledger away")

    monkeypatch.setattr(research_tasks, "run_job", run_job)
    task = AnsweredTask(task_id="answered", job="research.answer", asked="screen", approval="screen_approval")

    with pytest.raises(Transient):
        task.execute(_context([ADA]))
