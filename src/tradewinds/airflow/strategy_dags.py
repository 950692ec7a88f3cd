"""Each strategy file with a daily or hourly rhythm becomes a DAG of its own.

    decide  ->  waiting  ->  approval (one per order that waits, by a person)  ->  answered  ->  report  ->  reconcile

Airflow plans, the trading service decides and sends: `decide` asks it to decide at the run's time, which it does once however often it is
asked. Approvals are Airflow's own human-in-the-loop tasks; what nobody answers in time is denied.

Drawing reads local YAML and nothing else: no strategy code, no store, no network. A file that cannot be read spoils no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, TriggerRule

from tradewinds.airflow.callbacks import run_failed
from tradewinds.airflow.dag_factory import Drawing
from tradewinds.airflow.operators import OutcomeTask
from tradewinds.airflow.partitions import timetable
from tradewinds.airflow.strategy_tasks import AnsweredTask, DecideTask, ReconcileTask, ReportTask, WaitingTask
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.market import Interval
from tradewinds.jobs.config import Config
from tradewinds.jobs.plan import AfterClose, Cron, Schedule
from tradewinds.trading.declared import Declared, declared, is_portfolio

PREFIX = "strategy_"
APPROVE, DENY = "Approve", "Deny"
ANSWER_HOURS_MAX = 4.0
DELAY_MINUTES = 5  # after a close, so that the session's last bar has arrived
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_MODES = ("shadow", "paper", "live")


@dataclass(frozen=True, slots=True)
class Planned:
    """A strategy file that wants a DAG."""

    name: str
    path: Path
    declared: Declared
    schedule: Schedule


def draw_strategies(config: Config, folder: Path, *, only: str | None = None) -> Drawing:
    """The DAGs of every `*.yaml` in the folder that trades once an hour or less often; `only` that DAG id."""
    dags: dict[str, DAG] = {}
    problems: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if only is not None and only != PREFIX + path.stem:
            continue
        try:
            planned = planned_of(path, config)
            if planned is not None:
                dags[planned.name] = strategy_dag(planned, is_replay=config.clock is not None)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with one file must not take the others away
            problems[PREFIX + path.stem] = str(error) if isinstance(error, TradewindsError) else f"{type(error).__name__}: {error}"
    return Drawing(dags, problems)


def planned_of(path: Path, config: Config) -> Planned | None:
    """What the file plans; None where it is for backtests only, is a portfolio, or decides more often than Airflow should be asked."""
    values = _read(path)
    if is_portfolio(values) or values.get("mode", "backtest") not in _MODES:
        return None
    found = declared(values, path.name)
    interval = found.terms.interval
    if interval is None:
        raise Rejected(f"{path.name}: no interval, expected one such as 1d or 1h, so that its decisions can be planned")
    length_ns = Interval(interval).ns
    if length_ns is not None and length_ns < HOUR_NS:
        return None
    return Planned(PREFIX + path.stem, path, found, _schedule(found, length_ns, config))


def strategy_dag(planned: Planned, *, is_replay: bool = False) -> DAG:
    """The DAG of one strategy."""
    terms = planned.declared.terms
    accounts = [str(one["name"]) for one in terms.accounts] or ([] if terms.account_name is None else [terms.account_name])
    where = " and ".join(accounts) or "no account"
    drawn = DAG(
        planned.name,
        description=f"{planned.declared.strategy} {terms.mode} on {where}: decide, approve, report, reconcile",
        schedule=timetable(planned.schedule, is_replay=is_replay),
        catchup=False,
        auto_register=False,
        max_active_runs=1,
        tags=["tradewinds", "strategy", terms.mode],
        on_failure_callback=run_failed,
        params={
            "partition": Param(None, type=["null", "string"], description="When to decide, such as 2026-11-20; empty: what the time says")
        },
    )
    strategy = planned.declared.name or planned.path.stem
    with drawn:
        decide = DecideTask(task_id="decide", strategy=strategy, schedule=planned.schedule)
        waiting = WaitingTask(task_id="waiting", strategy=strategy)
        approval = HITLOperator.partial(
            task_id="approval", options=[APPROVE, DENY], defaults=[DENY], response_timeout=timedelta(hours=ANSWER_HOURS_MAX)
        ).expand_kwargs(waiting.output)
        answered = AnsweredTask(task_id="answered", approve=APPROVE, trigger_rule=TriggerRule.ALL_DONE)
        report = ReportTask(task_id="report", strategy=strategy, trigger_rule=TriggerRule.ALL_DONE)
        reconciles = [
            ReconcileTask(task_id=f"reconcile_{name}" if number else "reconcile", account=name, trigger_rule=TriggerRule.ALL_DONE)
            for number, name in enumerate(accounts or [""])
        ]
        outcome = OutcomeTask(task_id="outcome", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
        decide >> waiting >> approval >> answered >> report >> reconciles
        # Those that run in spite of failures must not hide them.
        [decide, waiting, answered, report, *reconciles] >> outcome
    return drawn


def folder_of(config: Config) -> Path | None:
    """Where strategy files stand: `strategies` of the workspace; None where there is none."""
    folder = None if config.workspace is None else Path(config.workspace) / "strategies"
    return folder if folder is not None and folder.is_dir() else None


def _schedule(found: Declared, length_ns: int | None, config: Config) -> Schedule:
    """Sessions of the exchange whose calendar the configuration names for the instruments, otherwise UTC's days or hours."""
    if length_ns is None or length_ns >= DAY_NS:
        for market in config.equities.values():
            if set(found.terms.instruments) & set(market.instruments):
                return AfterClose(market.calendar, DELAY_MINUTES)
        return Cron("1 0 * * *")
    hours = length_ns // HOUR_NS
    return Cron("1 * * * *" if hours == 1 else f"1 */{hours} * * *")


def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 -- a safe loader, in C where there is one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Rejected(f"{path.name}: {str(error).splitlines()[0]}, expected YAML") from None
    if not isinstance(values, dict):
        raise Rejected(f"{path.name}: holds a {type(values).__name__}, expected keys and values")
    return values
