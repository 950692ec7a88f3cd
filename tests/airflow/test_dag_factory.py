"""How plans are drawn."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import CronPartitionTimetable, PartitionedAssetTimetable, PartitionedAtRuntime
from airflow.serialization.serialized_objects import DagSerialization

from tradewinds.airflow import shipped
from tradewinds.airflow.dag_factory import dag, draw
from tradewinds.airflow.partitions import key_format, partition_of
from tradewinds.airflow.timetables import SessionTimetable
from tradewinds.app.airflow_folder import DAGS
from tradewinds.core.errors import Rejected
from tradewinds.jobs.plan import AfterClose, AfterTables, Cron, Manual, Plan, Step

CONFIG = """
home: {home}
crypto:
  binance:
    bars: [{{interval: 1d, instruments: [universe], since: 2024-01-01}}, {{interval: 1m, instruments: [BTCUSDT], since: 2024-06-01}}]
    trades: [BTCUSDT]
    trades_since: 2024-06-01
equities:
  XNYS: {{calendar: XNYS, instruments: [AAPL.XNAS], vendors: [alpha, bravo], since: 2020-01-01}}
  XSHG: {{calendar: XSHG, instruments: [600000.XSHG], vendors: [baostock], since: 2020-01-01}}
fx:
  bars: [{{interval: 1d, instruments: [EUR_USD], since: 2020-01-01}}]
datasets:
  cot: {{vendor: cftc, dataset: cot, since: 2020-01-01, schedule: "45 21 * * 5", freshness_hours: 96}}
vendors:
  alpha: {{use: drops}}
  bravo: {{use: drops}}
"""
NAMES = [
    "cot",
    "crypto_backfill",
    "crypto_incremental",
    "crypto_trades",
    "equities_nightly_xnys",
    "equities_nightly_xshg",
    "fx",
    "maintenance",
    "marts",
    "universe",
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with every kind of plan, in force."""
    path = tmp_path / "tradewinds.yaml"
    path.write_text(CONFIG.format(home=tmp_path / "home"))
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(path))
    return path


def _two_step(**changes: Any) -> Plan:
    steps = (Step("plan", "p"), Step("ingest", "i", after=("plan",), over="plan", group="shard", produces=("history/t",)))
    return Plan(**{"name": "one", "title": "One", "schedule": Manual(), "steps": steps, **changes})


def test_every_plan_of_a_configuration_becomes_a_dag_that_airflow_can_keep(config: Path) -> None:
    drawn = shipped.drawing()

    assert sorted(drawn.dags) == NAMES
    assert drawn.problems == {}
    for one in drawn.dags.values():
        json.dumps(DagSerialization.to_dict(one))


def test_airflow_reads_the_shipped_files_without_an_error(config: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(DAGS), collect_dags=True)

    assert bag.import_errors == {}
    assert sorted(bag.dags) == NAMES


def test_inside_a_task_only_its_own_dag_is_drawn(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "fx")

    assert list(shipped.drawing().dags) == ["fx"]


def test_drawing_opens_no_socket_and_touches_no_store(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened while DAGs were drawn")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("TRADEWINDS_STORAGE__LEDGER", "postgresql+psycopg2://nobody@127.0.0.1:1/absent")
    monkeypatch.setenv("TRADEWINDS_STORAGE__LAKE", "s3://absent/lake")

    assert sorted(shipped.drawing().dags) == NAMES
    assert not (config.parent / "home").exists()


def test_an_empty_configuration_still_has_its_house_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.yaml").write_text("")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "empty.yaml"))

    assert sorted(shipped.drawing().dags) == ["maintenance", "marts"]


def test_a_broken_entry_disables_only_itself_and_is_named(config: Path) -> None:
    config.write_text(config.read_text().replace("dataset: cot,", "dataset: cot, colour: red,"))

    drawn = shipped.drawing()

    assert sorted(drawn.dags) == [name for name in NAMES if name != "cot"]
    with pytest.raises(Rejected, match=r"datasets\.cot: .*colour: unknown key"):
        shipped.complain(drawn)


def test_a_schedule_that_is_no_cron_disables_only_its_plan(config: Path) -> None:
    config.write_text(config.read_text().replace("45 21 * * 5", "at tea time"))

    drawn = shipped.drawing()

    assert sorted(drawn.dags) == [name for name in NAMES if name != "cot"]
    assert "'at tea time' is no cron expression" in drawn.problems["cot"]


def test_a_configuration_that_cannot_be_read_is_one_clear_problem(config: Path) -> None:
    config.write_text("crypto: [")

    drawn = shipped.drawing()

    assert drawn.dags == {}
    with pytest.raises(Rejected, match="is no YAML"):
        shipped.complain(drawn)


def test_a_calendar_override_that_cannot_be_read_is_named_and_takes_no_dag_away(config: Path) -> None:
    config.write_text(config.read_text() + "calendars: [absent.yaml]\n")

    drawn = shipped.drawing()

    assert sorted(drawn.dags) == NAMES
    assert list(drawn.problems) == ["calendars"]


def test_without_a_problem_there_is_no_complaint(config: Path) -> None:
    shipped.complain(shipped.drawing())


def test_a_plan_whose_steps_refer_to_none_spoils_no_other() -> None:
    broken = _two_step(name="broken", steps=(Step("late", "l", after=("never",)),))

    drawn = draw([broken, _two_step()])

    assert list(drawn.dags) == ["one"]
    assert drawn.problems == {"broken": "plan broken: step late follows 'never', expected an earlier step"}


def test_schedules_follow_their_kind() -> None:
    def schedule(kind: Any, *, is_replay: bool = False) -> Any:
        return dag(_two_step(schedule=kind), is_replay=is_replay).timetable

    session = schedule(AfterClose("XNYS", 60))
    cron = schedule(Cron("5 * * * *"))
    tables = schedule(AfterTables(("history/bars-1d",)))

    assert isinstance(session, SessionTimetable)
    assert (session.calendar_name, session.delay_minutes) == ("XNYS", 60)
    assert isinstance(cron, CronPartitionTimetable)
    assert (cron.expression, cron.key_format) == ("5 * * * *", "%Y-%m-%dT%H")
    assert isinstance(tables, PartitionedAssetTimetable)
    assert "tradewinds://lake/history/bars-1d" in str(tables.asset_condition)
    assert isinstance(schedule(Manual()), PartitionedAtRuntime)


def test_in_a_replay_nothing_follows_the_machines_clock_but_tables_still_start_their_plans() -> None:
    assert isinstance(dag(_two_step(schedule=AfterClose("XNYS", 60)), is_replay=True).timetable, PartitionedAtRuntime)
    assert isinstance(dag(_two_step(schedule=Cron("5 * * * *")), is_replay=True).timetable, PartitionedAtRuntime)
    assert isinstance(dag(_two_step(schedule=AfterTables(("t",))), is_replay=True).timetable, PartitionedAssetTimetable)


def test_steps_of_one_group_are_mapped_together_and_pass_one_after_the_other(config: Path) -> None:
    drawn = shipped.drawing().dags["equities_nightly_xnys"]

    assert sorted(drawn.task_ids) == [
        "outcome",
        "plan",
        "publish",
        "published.history.bars-1d",
        "reconcile",
        "vendor.capture",
        "vendor.quality",
    ]
    capture, quality = drawn.get_task("vendor.capture"), drawn.get_task("vendor.quality")
    assert capture.upstream_task_ids == {"plan"}
    assert quality.upstream_task_ids == {"plan", "vendor.capture"}
    assert capture.map_index_template == "{{ task.shard['label'] }}"
    assert capture.get_closest_mapped_task_group() is quality.get_closest_mapped_task_group()
    assert drawn.get_task("reconcile").trigger_rule == "all_done"
    assert drawn.get_task("publish").trigger_rule == "none_failed"


def test_tasks_that_run_in_spite_of_failures_do_not_hide_them(config: Path) -> None:
    drawn = shipped.drawing().dags["crypto_backfill"]

    outcome = drawn.get_task("outcome")

    assert outcome.trigger_rule == "one_failed"
    assert outcome.upstream_task_ids == {"plan", "shard.ingest"}
    assert "outcome" not in shipped.drawing().dags["maintenance"].task_ids


def test_each_table_is_reported_once_for_a_run() -> None:
    drawn = dag(_two_step())

    report = drawn.get_task("published.history.t")

    assert [outlet.uri for outlet in report.outlets] == ["tradewinds://lake/history/t"]
    assert report.upstream_task_ids == {"shard.ingest"}
    assert drawn.get_task("shard.ingest").outlets == []


def test_a_freshness_target_becomes_a_deadline_alert() -> None:
    (alert,) = dag(_two_step(freshness_hours=30.0)).deadline

    assert alert.interval == timedelta(hours=30)
    assert alert.callback.path == "tradewinds.airflow.callbacks.run_late"
    assert not dag(_two_step()).deadline


@pytest.mark.parametrize(
    ("expression", "style"),
    [
        ("15 0 * * *", "%Y-%m-%d"),
        ("0 2 * * 2", "%Y-%m-%d"),
        ("5 * * * *", "%Y-%m-%dT%H"),
        ("0 */6 * * *", "%Y-%m-%dT%H"),
        ("*/5 * * * *", "%Y-%m-%dT%H:%M"),
        ("@daily", "%Y-%m-%dT%H:%M"),
    ],
)
def test_partitions_are_as_fine_as_their_schedule(expression: str, style: str) -> None:
    assert key_format(expression) == style


def _run(moment: str, conf: dict[str, Any] | None = None, key: str | None = None) -> Any:
    from pendulum import parse

    return SimpleNamespace(conf=conf, partition_key=key, run_after=parse(moment))


def test_the_partition_is_what_was_asked_then_the_key_then_what_the_time_says() -> None:
    close, hourly = AfterClose("XNYS", 60), Cron("5 * * * *")

    assert partition_of(close, _run("2024-12-02T23:00Z", {"partition": "2013-05-01"}, "2024-12-02")) == "2013-05-01"
    assert partition_of(close, _run("2024-12-02T23:00Z", {}, "2024-11-29")) == "2024-11-29"
    assert partition_of(close, _run("2024-11-29T18:59Z")) == "2024-11-27"
    assert partition_of(hourly, _run("2024-11-29T18:59Z")) == "2024-11-29T18"
    assert partition_of(Cron("15 0 * * *"), _run("2024-11-29T18:59Z")) == "2024-11-29"
    assert partition_of(Manual(), _run("2024-11-29T23:30-02:00")) == "2024-11-30"
