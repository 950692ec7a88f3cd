"""A night of research under a real Airflow: a session is published, and that alone starts every step, from features to the page.

Secrets of a vendor, of two brokers and of a connection are planted in its environment; after the night they stand in nothing that it shows.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import sqlalchemy as sa

from tradewinds.app.airflow_client import Run
from tradewinds.app.airflow_process import Airflow
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_night import ends_of
from tradewinds.jobs.research_tables import predictions_table, signals_table
from tradewinds.sandbox.oanda import ACCOUNT
from tradewinds.stores.embedded_postgres import EmbeddedPostgres
from tradewinds.stores.journal import open_sqlite_journal
from tradewinds.trading.entry import Entry, Ticked
from tradewinds.trading.journal import GENESIS, chained
from tradewinds.wiring import sandbox
from tradewinds.wiring.accounts import journal_path
from tradewinds.wiring.house import House

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

NIGHT, BEFORE = "2024-01-03", "2024-01-02"
STEPS = ("features", "risk_model", "predict", "signals", "report")
CANARIES = {
    "vendor key": "canary-of-the-vendor-4f1d",
    "broker secret": "canary-of-the-broker-9a27",
    "connection": "canary-of-the-connection-c3e8",
    "stored connection": "canary-of-a-stored-connection-77b0",
    "variable": "canary-of-a-variable-1e55",
}
# Both accounts' keys are wrong at the venue, so that each is used, refused, and told of in an error.
PLANTED = """
fx: {{bars: [{{interval: 1d, instruments: [EUR_USD], since: 2024-01-02}}]}}
accounts:
  main: {{broker: oanda, url: "{url}", currency: USD, options: {{account: "{account}"}}}}
  spare: {{broker: oanda, url: "{url}", currency: USD, connection: spare_broker, options: {{account: "{account}"}}}}
"""
REFUSED = ("fx", "evening_main", "evening_spare")
_TASK = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything."""
    return tmp_path_factory.mktemp("night")


@pytest.fixture(scope="module")
def airflow(place: Path, research_workspace: Callable[[Path], dict[str, str]]) -> Iterator[Airflow]:
    """The one Airflow of this file, over a lake of twelve instruments whose features are made until the session before."""
    venues = sandbox.start({"seed": 3}, in_process=True)
    environment = research_workspace(place) | venues.environment | _planted(place, venues.urls["oanda"])
    try:
        with Airflow(place / "airflow", environment=environment, is_durable=False) as started:
            yield started
    finally:
        venues.stop()
    assert started.processes_left() == []


def _planted(place: Path, url: str) -> dict[str, str]:
    """The canaries' settings; two accounts that have traded, so that their evenings ask a broker."""
    with (place / "tradewinds.yaml").open("a") as file:
        file.write(PLANTED.format(url=url, account=ACCOUNT))
    for account in ("main", "spare"):
        with closing(open_sqlite_journal(journal_path(place / "home", account))) as journal:
            journal.append(chained([Entry(1, Ticked(), ())], 0, GENESIS))
    return {
        "TRADEWINDS_VENDORS__OANDA__SECRET": CANARIES["vendor key"],
        "TRADEWINDS_ACCOUNTS__MAIN__SECRET": CANARIES["broker secret"],
        "AIRFLOW_CONN_SPARE_BROKER": json.dumps({"conn_type": "oanda", "login": ACCOUNT, "password": CANARIES["connection"]}),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    }


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


def _shown(airflow: Airflow) -> dict[str, str]:
    """What the REST interface and the pages' own one answer, for each DAG, run, task, try and entry that there is: address -> text.

    Addresses come from the routes themselves, so that a new one of a later Airflow is asked, too.
    """
    from airflow.api_fastapi.core_api.routes.ui import ui_router

    client, found = airflow.client, dict[str, str]()
    with httpx.Client(base_url=airflow.url, headers=client._headers(), timeout=30, trust_env=False) as http:

        def ask(place: str, **query: object) -> Any:
            answer = http.get(place, params=query)
            found[str(answer.url.raw_path, "ascii")] = answer.text
            return answer.json() if answer.is_success and "json" in answer.headers["content-type"] else {}

        described = [place for place, verbs in ask("/openapi.json")["paths"].items() if "get" in verbs]
        pages = [route.path for route in ui_router.routes if "GET" in route.methods]
        dags: list[dict[str, Any]] = [{"dag_id": dag} for dag in client.dags()]
        runs = [{"dag_id": run.dag_id, "dag_run_id": run.run_id, "run_id": run.run_id} for run in client.runs("~") if run.has_ended]
        tasks = [
            {**run, "task_id": task.name, "map_index": -1 if task.index is None else task.index, "try_number": number}
            for run in runs for task in client.tasks(run["dag_id"], run["dag_run_id"]) for number in range(1, task.tries + 1)
        ]  # fmt: skip
        entries = [
            {**task, "xcom_key": entry["key"]}
            for task in tasks for entry in ask(f"{_TASK}/xcomEntries".format(**task), map_index=task["map_index"])["xcom_entries"]
        ]  # fmt: skip
        stored = [{"connection_id": "spare_broker"}, {"connection_id": "stored"}, {"variable_key": "tiingo_api_key"}]
        for place in [*described, *pages]:
            wanted = set(re.findall(r"{(\w+)}", place))
            which = next((kind for kind in ([{}], dags, runs, tasks, entries) if kind and wanted <= set(kind[0])), stored)
            for names in which:
                if wanted <= set(names):
                    ask(place.format(**names), **{"dag_id": "report_us", "start_date": "2020-01-01T00:00:00Z", "limit": 100, **names})
    return found


def _metadata(airflow: Airflow) -> dict[str, str]:
    """Every row of every table of the metadata database, as text: table -> rows."""
    assert airflow.metadata is not None
    is_postgres = airflow.metadata.kind == "postgresql"
    url = EmbeddedPostgres(airflow.folder / "metadata").url("airflow") if is_postgres else f"sqlite:///{airflow.folder / 'airflow.db'}"
    engine, found = sa.create_engine(url), dict[str, str]()
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            values = [value for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')) for value in row]
            found[name] = repr([bytes(one) if isinstance(one, memoryview) else one for one in values])
    engine.dispose()
    return found


def _answer(shown: dict[str, str], place: str) -> Any:
    return json.loads(next(text for name, text in shown.items() if name.partition("?")[0] == place))


@pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient. is deprecated")  # what the pages of Airflow import
def test_no_planted_secret_stands_in_a_log_a_page_an_answer_or_the_metadata(airflow: Airflow, place: Path) -> None:
    ask = airflow.client._ask
    ask("POST", "/api/v2/connections", {"connection_id": "stored", "conn_type": "oanda", "password": CANARIES["stored connection"]})
    ask("POST", "/api/v2/variables", {"key": "tiingo_api_key", "value": CANARIES["variable"]})
    partition = {"partition": "2024-01-03"}
    refused = {dag: airflow.wait(dag, airflow.trigger(dag, partition), timeout_s=120) for dag in REFUSED}

    shown, kept = _shown(airflow), _metadata(airflow)
    written = {
        str(file.relative_to(place)): file.read_bytes()
        for folder in (place / "airflow" / "logs", place / "home")
        for file in folder.rglob("*")
        if file.is_file()
    }

    # Each was really used: the venue refused it, and the task's log says so.
    logs = {dag: "".join(text for name, text in shown.items() if f"/dags/{dag}/" in name and "/logs/" in name) for dag in REFUSED}
    assert {run.state for run in refused.values()} == {"failed"}
    assert all("401" in logs[dag] for dag in REFUSED), logs
    assert any("/dags/equities_nightly_xnys/" in name and "/logs/" in name and len(text) > 100 for name, text in shown.items())
    assert len(shown) > 200
    assert _answer(shown, "/api/v2/connections/stored")["password"] == "***"
    assert _answer(shown, "/api/v2/variables/tiingo_api_key")["value"] == "***"

    for what, canary in CANARIES.items():
        assert [name for name, text in shown.items() if canary in text] == [], what
        assert [name for name, text in kept.items() if canary in text] == [], what
        assert [name for name, text in written.items() if canary.encode() in text] == [], what
    assert "stored" in kept["connection"]
    assert "tiingo_api_key" in kept["variable"]
