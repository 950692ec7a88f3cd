"""A night of research under a real Airflow: a session is published, and that alone starts every step, from features to the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.app.airflow_client import Run
from tradewinds.app.airflow_process import Airflow
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_tables import predictions_table, signals_table
from tradewinds.wiring.house import House

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

NIGHT, BEFORE = "2024-01-03", "2024-01-02"
STEPS = ("features", "risk_model", "predict", "signals", "report")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything."""
    return tmp_path_factory.mktemp("night")


@pytest.fixture(scope="module")
def airflow(place: Path, research_workspace: Callable[[Path], dict[str, str]]) -> Iterator[Airflow]:
    """The one Airflow of this file, over a lake of twelve instruments whose features are made until the session before."""
    environment = research_workspace(place)
    with Airflow(place / "airflow", environment=environment, is_durable=False) as started:
        yield started
    assert started.processes_left() == []


def _until(is_so: Callable[[], bool]) -> None:
    """Waits for another process; the test's own time limit ends it."""
    pause = threading.Event()
    while not is_so():
        pause.wait(0.1)


def _followed(airflow: Airflow, count: int) -> dict[str, Run]:
    """The last run of each step, as soon as each has ended `count` of them."""

    def ended(step: str) -> list[Run]:
        return [run for run in airflow.runs(f"{step}_us") if run.has_ended]

    def have_all() -> bool:
        found = {step: [run.state for run in ended(step)] for step in STEPS}
        assert not any("failed" in states for states in found.values()), found
        return all(len(states) == count for states in found.values())

    _until(have_all)
    return {step: ended(step)[-1] for step in STEPS}


def _tables(house: House) -> dict[str, pl.DataFrame]:
    now = house.clock.now_ns()
    return {table.dataset.name: house.lake.read(table, as_of_ns=now) for table in (predictions_table("us"), signals_table("us"))}


def test_a_model_is_trained_fold_by_fold_and_a_person_puts_it_in_charge(
    airflow: Airflow, place: Path, house_at: Callable[[Path], House]
) -> None:
    run_id = airflow.trigger("train_trend", {"partition": BEFORE})

    def is_asked() -> bool:
        found = {task.name: task.state for task in airflow.tasks("train_trend", run_id)}
        assert "failed" not in found.values(), found
        return found.get("train_approval") == "awaiting_input"

    _until(is_asked)
    threading.Event().wait(2.0)  # an answer within the instant in which Airflow parks the task resumes nothing; no person is as fast
    tasks = airflow.tasks("train_trend", run_id)
    question = f"/api/v2/dags/train_trend/dagRuns/{run_id}/taskInstances/train_approval/0/hitlDetails"
    asked: dict[str, Any] = airflow.client._ask("GET", question)
    before = house_at(place).models.aliases("trend")
    airflow.client._ask("PATCH", question, {"chosen_options": ["Approve"]})
    run = airflow.wait("train_trend", run_id, timeout_s=120)

    assert sorted((task.index, task.state) for task in tasks if task.name == "out_of_sample.fold") == [(n, "success") for n in range(3)]
    assert asked["subject"] == "model trend: version 1 as the champion? [trend/1]"
    assert before == {"challenger": "1"}
    assert run.state == "success", airflow.tasks("train_trend", run_id)
    assert house_at(place).models.aliases("trend") == {"champion": "1"}


def test_the_publication_of_a_session_starts_every_step_to_the_page_and_again_changes_nothing(
    airflow: Airflow, place: Path, house_at: Callable[[Path], House]
) -> None:
    published = airflow.wait("equities_nightly_xnys", airflow.trigger("equities_nightly_xnys", {"partition": NIGHT}), timeout_s=120)
    runs = _followed(airflow, 1)

    house = house_at(place)
    context = house.context("test", "")
    ends = ends_of(context, book_of(context, {}), NIGHT, STEPS)
    made = _tables(house)
    assert published.state == "success", airflow.tasks("equities_nightly_xnys", published.run_id)
    assert {(run.state, run.kind, run.partition) for run in runs.values()} == {("success", "asset_triggered", NIGHT)}
    assert {step: ends[step][0] for step in STEPS} == {**dict.fromkeys(STEPS, "done"), "risk_model": ends["risk_model"][0]}
    assert ends["risk_model"][0] in ("done", "partial")
    assert {end[2]["session"] for end in ends.values()} == {NIGHT}
    assert made["predictions-us"]["version"].unique().to_list() == ["1"]
    weights = dict(made["signals-us"].select("instrument", "weight").iter_rows())
    assert len(weights) == 12
    assert weights["S00.XNAS"] < weights["S11.XNAS"] <= 0.2 + 1e-9  # the first falls, the last rises; the limit of one weight is 0.2
    assert Path(ends["report"][2]["page"]).read_text().count("S11.XNAS") > 0

    again = [
        airflow.wait(dag, airflow.trigger(dag, {"partition": NIGHT}), timeout_s=120) for dag in ("equities_nightly_xnys", "features_us")
    ]

    assert [run.state for run in again] == ["success", "success"]
    assert all(table.equals(made[name]) for name, table in _tables(house_at(place)).items())
    assert [len(airflow.runs(f"{step}_us")) for step in STEPS] == [2, 1, 1, 1, 1]  # the features' second run published nothing
