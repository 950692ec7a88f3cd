"""Plans become DAGs.

1. Each step becomes a `JobTask`. Steps with the same `over` and `group` become one task group, mapped over the shards that the
   step named by `over` returns; each shard passes through the group on its own and shows its label.
2. Each table that a plan produces gets a `PublishedTask`, which reports it once for a run and only when rows were published.
3. A step that asks people is followed by an approval for each of its questions, and a task that hands the answers to a job.
4. Where tasks run in spite of failures (2., 3., and steps that ask for it), an `OutcomeTask` sees to it that the run still fails.

Drawing reads nothing: no network, no store, no clock. A plan that cannot be drawn spoils no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, Param, TaskGroup, TriggerRule, task_group
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from tradewinds.airflow.callbacks import run_failed, run_late
from tradewinds.airflow.operators import JobRetries, JobTask, OutcomeTask, PublishedTask
from tradewinds.airflow.partitions import asset, timetable
from tradewinds.airflow.research_tasks import RUNS_ASKING_MAX, ask
from tradewinds.core.errors import Rejected
from tradewinds.jobs.config import Config
from tradewinds.jobs.plan import AfterClose, Cron, Plan, Schedule, Step

POLL_S = 30.0
POLL_REPLAY_S = 0.5


@dataclass(frozen=True, slots=True)
class Drawing:
    """DAGs by id, and what could not be drawn, by plan."""

    dags: dict[str, DAG]
    problems: dict[str, str]


def draw(plans: Iterable[Plan], *, is_replay: bool = False) -> Drawing:
    """Draws every plan that can be drawn."""
    dags: dict[str, DAG] = {}
    problems: dict[str, str] = {}
    for plan in plans:
        try:
            dags[plan.name] = dag(plan, is_replay=is_replay)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with one plan must not take the others away
            problems[plan.name] = str(error)
    return Drawing(dags, problems)


def draw_config(config: Config, only: str | None = None) -> Drawing:
    """Draws the plans that a configuration asks for, or that one of them which is named."""
    from tradewinds.jobs.catalog import plans

    wanted = [plan for plan in plans(config) if only is None or plan.name == only]
    return draw(wanted, is_replay=config.clock is not None)


def dag(plan: Plan, *, is_replay: bool = False) -> DAG:
    """The DAG of one plan; raises Rejected when it cannot be drawn."""
    _check(plan)
    late = None if plan.freshness_hours is None else _deadline(plan.freshness_hours)
    drawn = DAG(
        plan.name,
        description=plan.title,
        schedule=timetable(plan.schedule, is_replay=is_replay),
        catchup=False,
        auto_register=False,
        max_active_runs=RUNS_ASKING_MAX if any(step.approval for step in plan.steps) else 1,
        tags=["tradewinds", *plan.tags],
        deadline=late,
        on_failure_callback=run_failed,
        params={
            "partition": Param(None, type=["null", "string"], description="What to run for, such as 2024-01-31; empty: what the time says"),
            "params": Param({}, type="object", description="Parameters of the jobs to set for this run alone"),
        },
    )
    with drawn:
        _draw_steps(plan, poll_s=POLL_REPLAY_S if is_replay else POLL_S)
    return drawn


def _draw_steps(plan: Plan, poll_s: float) -> None:
    planners = {step.over for step in plan.steps if step.over is not None}
    tasks: dict[str, Any] = {}
    for steps in _together(plan.steps):
        first = steps[0]
        make = [partial(_job, step, plan.schedule, poll_s, is_planner=step.name in planners) for step in steps]
        if first.over is None:
            tasks[first.name] = make[0]()
        else:
            tasks.update(_mapped(steps, make, tasks[first.over]))
        for step in steps:
            for name in step.after:
                if name != step.over:
                    tasks[name] >> tasks[step.name]
    _draw_published(plan, tasks)
    answered = [ask(tasks[step.name], step.approval) for step in plan.steps if step.approval is not None]
    if answered or any(step.run_even_if_some_failed or step.produces for step in plan.steps):
        [*tasks.values(), *answered] >> OutcomeTask(task_id="outcome", trigger_rule=TriggerRule.ONE_FAILED, retries=0)


def _job(step: Step, schedule: Schedule, poll_s: float, shard: Any = None, *, is_planner: bool) -> JobTask:
    return JobTask(
        task_id=step.name,
        job=step.job,
        schedule=schedule,
        params=step.params,
        shard=shard,
        ready=step.ready,
        poll_s=poll_s,
        is_planner=is_planner,
        is_asking=step.approval is not None,
        retries=step.retries,
        retry_policy=JobRetries(),
        trigger_rule=TriggerRule.ALL_DONE if step.run_even_if_some_failed else TriggerRule.NONE_FAILED,
        map_index_template=None if step.over is None else "{{ task.shard['label'] }}",
    )


def _mapped(steps: Sequence[Step], make: Sequence[partial[JobTask]], planner: JobTask) -> dict[str, JobTask]:
    """The tasks of one mapped group, by step."""
    tasks: dict[str, JobTask] = {}

    @task_group(group_id=steps[0].group or f"each_{steps[0].name}")
    def group(shard: Any) -> None:
        for step, one in zip(steps, make, strict=True):
            tasks[step.name] = one(shard=shard)

    group.expand(shard=planner.output)
    return tasks


def _draw_published(plan: Plan, tasks: dict[str, Any]) -> None:
    tables: dict[str, list[str]] = {}
    for step in plan.steps:
        for table in step.produces:
            tables.setdefault(table, []).append(step.name)
    if not tables:
        return
    with TaskGroup("published"):
        for table, names in tables.items():
            report = PublishedTask(
                task_id=table.replace("/", "."),
                table=asset(table),
                steps=[tasks[name].task_id for name in names],
                trigger_rule=TriggerRule.ALL_DONE,
            )
            [tasks[name] for name in names] >> report


def _together(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps in order, those of one mapped group gathered where its first one stands."""
    found: list[list[Step]] = []
    groups: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        key = (step.over, step.group or step.name) if step.over is not None else None
        if key is not None and key in groups:
            groups[key].append(step)
            continue
        found.append([step])
        if key is not None:
            groups[key] = found[-1]
    return found


def _deadline(hours: float) -> DeadlineAlert:
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(run_late, kwargs={"hours": hours}),
    )


def _check(plan: Plan) -> None:
    """Refuses a plan whose steps refer to none, or whose schedule Airflow would refuse only later."""
    known: set[str] = set()
    for step in plan.steps:
        for name in (*step.after, *([step.over] if step.over is not None else [])):
            if name not in known:
                raise Rejected(f"plan {plan.name}: step {step.name} follows {name!r}, expected an earlier step")
        if step.approval is not None and (step.over is not None or any(other.over == step.name for other in plan.steps)):
            raise Rejected(f"plan {plan.name}: step {step.name} asks people and is mapped or maps others, expected a step by itself")
        known.add(step.name)
    if isinstance(plan.schedule, Cron):
        from airflow.exceptions import AirflowTimetableInvalid
        from airflow.timetables.trigger import CronPartitionTimetable

        try:
            CronPartitionTimetable(plan.schedule.expression, timezone="UTC").validate()
        except (AirflowTimetableInvalid, ValueError) as error:
            raise Rejected(f"plan {plan.name}: schedule {plan.schedule.expression!r} is no cron expression ({error})") from None
    if isinstance(plan.schedule, AfterClose):
        from tradewinds.calendars.sessions import calendar

        calendar(plan.schedule.calendar)
