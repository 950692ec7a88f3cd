"""How strategy files become DAGs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import CronPartitionTimetable
from airflow.serialization.serialized_objects import DagSerialization

from tradewinds.airflow import shipped
from tradewinds.airflow.strategy_dags import draw_strategies, planned_of, strategy_dag
from tradewinds.airflow.strategy_tasks import decision_time, order_id
from tradewinds.airflow.timetables import SessionTimetable
from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config, EquitiesConfig
from tradewinds.jobs.plan import AfterClose, Cron

DAILY = """strategy: sma_cross.py
parameters: {fast: 10, slow: 30}
instruments: [BTCUSDT.BINANCE]
interval: 1d
account: {name: main, capital: 10000, currency: USDT}
mode: paper
"""
TWO_ACCOUNTS = (("main", "BTCUSDT.BINANCE"), ("side", "BTCUSDT.BINANCE_UM"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "tradewinds.yaml").write_text(f"home: {tmp_path / 'home'}\n")
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "tradewinds.yaml"))
    return tmp_path


def _write(workspace: Path, name: str, text: str) -> Path:
    place = workspace / "strategies" / f"{name}.yaml"
    place.write_text(text)
    return place


def test_a_strategy_file_becomes_a_dag_that_airflow_can_keep(workspace: Path) -> None:
    _write(workspace, "trend", DAILY)

    drawn = shipped.strategies()

    assert list(drawn.dags) == ["strategy_trend"]
    assert drawn.problems == {}
    dag = drawn.dags["strategy_trend"]
    assert dag.topological_sort()[0].task_id == "decide"
    assert [task.task_id for task in dag.topological_sort()] == [
        "decide",
        "waiting",
        "approval",
        "answered",
        "report",
        "reconcile",
        "outcome",
    ]
    assert dag.tags >= {"strategy", "paper"}
    json.dumps(DagSerialization.to_dict(dag))


def test_each_account_of_a_strategy_is_reconciled_by_a_task_of_its_own(workspace: Path) -> None:
    one = "account: {name: main, capital: 10000, currency: USDT}\n"
    rows = [f"  - {{name: {name}, capital: 1, currency: USDT, instruments: [{symbol}]}}" for name, symbol in TWO_ACCOUNTS]
    _write(workspace, "both", DAILY.replace(one, "\n".join(["accounts:", *rows]) + "\n").replace("instruments: [BTCUSDT.BINANCE]\n", ""))

    (dag,) = shipped.strategies().dags.values()

    assert "on main and side" in str(dag.description)
    reconciling = {task.task_id: getattr(task, "account", None) for task in dag.tasks if task.task_id.startswith("reconcile")}
    assert reconciling == {"reconcile": "main", "reconcile_side": "side"}
    assert dag.get_task("outcome").upstream_task_ids >= set(reconciling)
    json.dumps(DagSerialization.to_dict(dag))


def test_one_broken_file_disables_only_itself_and_is_said(workspace: Path) -> None:
    _write(workspace, "trend", DAILY)
    _write(workspace, "typo", DAILY.replace("instruments:", "instrumnets:"))
    _write(workspace, "torn", "strategy: [sma_cross.py")

    drawn = shipped.strategies()

    assert list(drawn.dags) == ["strategy_trend"]
    assert "key 'instrumnets', expected instruments?" in drawn.problems["strategy_typo"]
    assert "torn.yaml" in drawn.problems["strategy_torn"]
    with pytest.raises(Rejected, match="strategy_typo"):
        shipped.complain(drawn)


@pytest.mark.parametrize(("interval", "schedule"), [("1h", "1 * * * *"), ("4h", "1 */4 * * *"), ("1d", "1 0 * * *"), ("1w", "1 0 * * *")])
def test_the_rhythm_follows_from_the_interval(workspace: Path, interval: str, schedule: str) -> None:
    place = _write(workspace, "trend", DAILY.replace("interval: 1d", f"interval: {interval}"))

    planned = planned_of(place, Config(home=str(workspace)))

    assert planned is not None
    assert planned.schedule == Cron(schedule)
    assert isinstance(strategy_dag(planned).timetable, CronPartitionTimetable)


@pytest.mark.parametrize("change", [("interval: 1d", "interval: 5m"), ("mode: paper", "mode: backtest"), ("mode: paper", "")])
def test_what_decides_by_the_minute_or_only_in_a_backtest_has_no_dag(workspace: Path, change: tuple[str, str]) -> None:
    place = _write(workspace, "trend", DAILY.replace(*change))

    assert planned_of(place, Config(home=str(workspace))) is None


def test_shares_decide_after_the_close_of_their_exchange(workspace: Path) -> None:
    from datetime import date

    place = _write(workspace, "trend", DAILY.replace("BTCUSDT.BINANCE", "AAPL.XNAS"))
    market = EquitiesConfig(calendar="XNYS", instruments=("AAPL.XNAS",), vendors=("tiingo",), since=date(2020, 1, 1))

    planned = planned_of(place, Config(home=str(workspace), equities={"us": market}))

    assert planned is not None
    assert planned.schedule == AfterClose("XNYS", 5)
    assert isinstance(strategy_dag(planned).timetable, SessionTimetable)
    # the day after Thanksgiving closes at 13:00 in New York
    assert decision_time(planned.schedule, "2026-11-27") == "2026-11-27T18:00:00+00:00"


def test_decision_times_of_days_and_hours_are_their_beginnings() -> None:
    assert decision_time(Cron("1 0 * * *"), "2026-11-20") == "2026-11-20T00:00:00+00:00"
    assert decision_time(Cron("1 * * * *"), "2026-11-20T05") == "2026-11-20T05:00:00+00:00"


def test_a_question_ends_with_the_orders_id() -> None:
    assert order_id("trend: buy 5 BTCUSDT.BINANCE [twabc]") == "twabc"


def test_only_the_named_dag_is_drawn_for_a_task(workspace: Path) -> None:
    for name in ("one", "two"):
        _write(workspace, name, DAILY)

    drawn = draw_strategies(Config(home=str(workspace)), workspace / "strategies", only="strategy_two")

    assert list(drawn.dags) == ["strategy_two"]
