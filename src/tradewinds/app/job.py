"""`tradewinds job list|run|show`: the same jobs that Airflow plans, without Airflow."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from tradewinds.app.output import log, print_json, print_table, when
from tradewinds.core.errors import NOTHING_TO_DO, Rejected


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
    print_table("Plans", ("plan", "when", "steps", "what"), rows)
    click.echo("`tradewinds job run PLAN --partition 2024-01-31` runs a plan or a single job: " + ", ".join(sorted(JOBS)))


@job.command("run")
@click.argument("name")
@click.option("--partition", help="What to run for, such as 2024-01-31; today (UTC) when left out.")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="A parameter of the job; VALUE is read as JSON, else as text.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(name: str, partition: str | None, params: tuple[str, ...], *, as_json: bool) -> None:
    """Run a plan, or one job of it, on one partition. Running it again changes nothing that is done."""
    from tradewinds.app.plan_runner import run_plan
    from tradewinds.core.instant import to_date
    from tradewinds.jobs.catalog import plans
    from tradewinds.wiring.house import open_house, run_job

    house = open_house()
    chosen = partition or to_date(house.clock.now_ns()).isoformat()
    given = dict(_parameter(text) for text in params)
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
            click.echo(f"  failed {subject}: {reason}")
    if result["state"] == "nothing":
        sys.exit(NOTHING_TO_DO)


@job.command("show")
@click.argument("name", required=False)
@click.option("--partition", help="Only this partition.")
@click.option("--symbol", help="Only this symbol, such as BTCUSDT.BINANCE.")
@click.option("--state", type=click.Choice(["running", "done", "partial", "failed", "nothing"]), help="Only this state.")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str | None, partition: str | None, symbol: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """What became of jobs: every run, and every symbol's own pull in it."""
    from tradewinds.stores.ledger_runs import RunFilter
    from tradewinds.wiring.house import open_house

    which = RunFilter(job=name, partition=partition, subject=symbol, state=state)  # type: ignore[arg-type]  # click checked the state
    runs = open_house().ledger.runs(which, limit=limit)
    if as_json:
        print_json({"runs": runs})
        return
    rows: list[tuple[Any, ...]] = []
    for one in runs:
        done = one.result
        rows.append(
            (
                one.id,
                one.job,
                one.partition,
                one.subject,
                one.state,
                done.rows_in if done else None,
                done.rows_published if done else None,
                when(one.started_ns),
                (done.error or "") if done else "",
            )
        )
    print_table("Runs", ("id", "job", "partition", "symbol", "state", "rows in", "published", "started", "error"), rows)
    for one in runs:
        if len(runs) == 1 and one.log:
            click.echo(f"log: {one.log}")


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
