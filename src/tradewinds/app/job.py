"""`tradewinds job list|run|show`: the same jobs that Airflow plans, without Airflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.output import cell, log, plain, print_json, print_table, visible, when
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, DataFault, Rejected, Transient

if TYPE_CHECKING:
    from tradewinds.core.record import JobRun
    from tradewinds.wiring.house import House

ERROR_CHARS_SHOWN = 160
BESIDE_THE_CATALOG = ("data.import",)  # commands that write job-run rows of their own


@click.group("job", context_settings={"help_option_names": ["-h", "--help"]})
def job() -> None:
    """List, run and show jobs, without Airflow."""


@job.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_jobs(*, as_json: bool) -> None:
    """The plans of this workspace and the jobs they call."""
    from tradewinds.jobs.catalog import JOBS, plans
    from tradewinds.wiring.settings import load_config

    drawn = plans(load_config())
    if as_json:
        print_json(
            {
                "plans": [
                    {"name": p.name, "title": p.title, "steps": [s.job for s in p.steps], "schedule": _schedule(p.schedule)} for p in drawn
                ],
                "jobs": sorted(JOBS),
            }
        )
        return
    rows = [(plan.name, _schedule(plan.schedule), " > ".join(step.name for step in plan.steps), plan.title) for plan in drawn]
    print_table("Plans", ("plan", "when", "steps", "what"), rows, spare=("steps",))
    click.echo("`tradewinds job run PLAN --partition 2024-01-31` runs a plan or a single job: " + ", ".join(sorted(JOBS)))


@job.command("run")
@click.argument("name")
@click.option("--partition", help="What to run for, such as 2024-01-31; today (UTC) when left out.")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A parameter of the job; VALUE is read as JSON, else as text.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(name: str, partition: str | None, params: tuple[str, ...], *, as_json: bool) -> None:
    """Run a plan, or one job of it, on one partition. Running it again changes nothing that is done.

    A symbol that fails, fails alone and is listed; the exit code is then 75 where every failure may pass by itself, else 65. Nothing
    to do is 99.

    \b
    tradewinds job run crypto_backfill --param interval=1m --param from=2024-01-01
    tradewinds job run equities_nightly_xnys --partition 2024-03-28
    """
    from tradewinds.app.plan_runner import run_plan
    from tradewinds.core.instant import to_date
    from tradewinds.jobs.catalog import plans
    from tradewinds.wiring.house import open_house, run_job

    house = open_house()
    chosen = partition or to_date(house.clock.now_ns()).isoformat()
    given = dict(_parameter(one) for one in params)
    drawn = {plan.name: plan for plan in plans(house.config)}
    if name in drawn:
        result = run_plan(drawn[name], chosen, given, house=house, progress=log)
    else:
        result = run_job(name, chosen, given, house=house, progress=log)
    result.get("detail", {}).pop("shards", None)
    if as_json:
        print_json({"job": name, "partition": chosen, **result})
    else:
        facts = ("state", "rows_in", "rows_published", "rows_restated", "findings")
        click.echo(f"{name} {chosen}: " + ", ".join(f"{fact.replace('_', ' ')} {result[fact]}" for fact in facts))
        for subject, reason in result["failed"].items():
            click.echo(f"  failed {subject}: {visible(str(reason))}")
    sys.exit(_exit_code(result))


@job.command("show")
@click.argument("name", required=False)
@click.option("--partition", help="Only this partition.")
@click.option("--symbol", help="Only this symbol, such as BTCUSDT or BTCUSDT.BINANCE.")
@click.option("--state", type=click.Choice(["running", "done", "partial", "failed", "nothing"]), help="Only this state.")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str | None, partition: str | None, symbol: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """What became of jobs: every run, and every symbol's own pull in it.

    NAME is a plan, a job, or the number of one run, which is then shown whole. No such run ends with exit code 1.

    \b
    tradewinds job show crypto_backfill --state failed
    tradewinds job show --symbol BTCUSDT
    tradewinds job show 17
    """
    from tradewinds.wiring.house import open_house

    house = open_house()
    if name is not None and name.isdecimal():
        one = house.ledger.run(int(name))
        runs = [] if one is None else [one]
    else:
        runs = _runs(house, name, partition, symbol, state, limit)
    if as_json:
        print_json({"runs": [{**plain(one), "state": one.state} for one in runs]})
    elif name is not None and name.isdecimal() and runs:
        _print_whole(runs[0])
    else:
        columns = ("id", "job", "partition", "symbol", "state", "in", "new", "started", "error")
        print_table("Runs", columns, [_row(one) for one in runs], spare=("started", "in", "partition"))
    if not runs:
        sys.exit(ANSWER_IS_NO)


def _runs(house: House, name: str | None, partition: str | None, symbol: str | None, state: str | None, limit: int) -> list[JobRun]:
    from tradewinds.jobs.catalog import JOBS, plans
    from tradewinds.stores.ledger_runs import RunFilter

    jobs: list[str | None] = [name]
    if name is not None and name not in JOBS and name not in BESIDE_THE_CATALOG:
        steps = {plan.name: list(dict.fromkeys(step.job for step in plan.steps)) for plan in plans(house.config)}
        if name not in steps:
            raise Rejected(f"job show {name}: unknown, expected a plan ({', '.join(steps)}), a job or the number of a run")
        jobs = list(steps[name])
    subjects: list[str | None] = [symbol]
    if symbol is not None and "." not in symbol:
        venues = {config.venue_name for config in house.config.crypto.values()} | {"BINANCE"}
        named = [one.id for one in house.ledger.find(symbol.upper())]
        subjects = [symbol, *dict.fromkeys([*(f"{symbol.upper()}.{venue}" for venue in sorted(venues)), *named])]
    found = {
        run.id: run
        for job_name in jobs
        for subject in subjects
        for run in house.ledger.runs(
            RunFilter(job=job_name, partition=partition, subject=subject, state=state),  # type: ignore[arg-type]  # click checked the state
            limit=limit,
        )
    }
    return [found[number] for number in sorted(found, reverse=True)[:limit]]


def _row(one: JobRun) -> tuple[object, ...]:
    done = one.result
    error = (done.error or "")[:ERROR_CHARS_SHOWN] if done else ""
    counts = (done.rows_in, done.rows_published) if done else (None, None)
    return (str(one.id), one.job, one.partition, one.subject, one.state, *counts, when(one.started_ns), error)


def _print_whole(one: JobRun) -> None:
    for key, value in {**plain(one), "state": one.state, **plain(one.result or {})}.items():
        if key != "result" and value is not None:
            click.echo(f"{key:<15} {cell(value)}")


def _exit_code(result: Mapping[str, Any]) -> int:
    """0 done, 99 nothing to do; where symbols failed, what that calls for."""
    if result["failed"]:
        kinds = {str(reason).partition(":")[0] for reason in result["failed"].values()}
        return Transient.exit_code if kinds <= {"Transient", "Late"} else DataFault.exit_code
    return NOTHING_TO_DO if result["state"] == "nothing" else 0


def _schedule(schedule: object) -> str:
    from tradewinds.jobs.plan import AfterClose, AfterTables, Cron

    if isinstance(schedule, Cron):
        return schedule.expression
    if isinstance(schedule, AfterClose):
        return f"{schedule.calendar} close + {schedule.delay_minutes} min"
    if isinstance(schedule, AfterTables):
        return "after " + ", ".join(schedule.tables)
    return "when asked"


def _parameter(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Rejected(f"--param {text!r}, expected KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
