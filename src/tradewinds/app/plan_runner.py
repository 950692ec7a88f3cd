"""Runs a whole plan in this process, step by step, as Airflow would: planners first, then each shard through its group.

A shard that fails, fails alone; the plan goes on and ends as failed or partial, naming it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradewinds.core.errors import DataFault, Late, TradewindsError, Transient
from tradewinds.jobs.plan import Plan, Step
from tradewinds.wiring.house import House, check_ready, run_job

COUNTS = ("rows_in", "rows_published", "rows_restated", "findings")


def run_plan(plan: Plan, partition: str, params: Mapping[str, Any], *, house: House, progress: Callable[[str], None]) -> dict[str, Any]:
    """The sum of what the steps did. Raises when every shard of a step failed: Transient where each may pass, else DataFault."""
    total: dict[str, Any] = {"state": "nothing", **dict.fromkeys(COUNTS, 0), "failed": {}, "detail": {"steps": {}}}
    shards: dict[str, list[dict[str, Any]]] = {}
    publishes = any(step.produces for step in plan.steps)
    for step in plan.steps:
        pieces = [{"label": step.name, "params": {}}] if step.over is None else shards.get(step.over, [])
        failures: list[TradewindsError] = []
        for number, piece in enumerate(pieces, 1):
            given = {**step.params, **params, **piece["params"]}
            mark = f"{plan.name}.{step.name}" + (f" [{number}/{len(pieces)}] {piece['label']}" if step.over is not None else "")
            progress(mark)
            try:
                _wait(step, partition, given, house)
                result = run_job(step.job, partition, given, house=house, progress=progress)
            except TradewindsError as error:
                if step.over is None:
                    raise
                failures.append(error)
                total["failed"][piece["label"]] = f"{type(error).__name__}: {error}"
                continue
            if "shards" in result["detail"]:
                shards[step.name] = result["detail"]["shards"]
            _add(total, step, result)
            # Where a plan publishes, planning and staging alone have done nothing that anybody could see.
            if (step.produces or not publishes) and result["state"] in ("done", "partial"):
                total["state"] = "done"
        if pieces and len(failures) == len(pieces):
            kind = Transient if all(isinstance(error, Transient) for error in failures) else DataFault
            raise kind(
                f"{plan.name} {partition}: all {len(failures)} shards of {step.name} failed; first {pieces[0]['label']}: {failures[0]}"
            )
    if total["failed"]:
        total["state"] = "partial"
    elif total["rows_published"] or total["rows_restated"] or total["findings"]:
        total["state"] = "done"
    return total


def _wait(step: Step, partition: str, params: Mapping[str, Any], house: House) -> None:
    """Without a scheduler nobody waits: a vendor that is late and still in time is said so, and taken when the job runs again."""
    if step.ready is None:
        return
    readiness = check_ready(step.ready, partition, params, house=house)
    if not (readiness["is_ready"] or readiness["is_limit_passed"]):
        raise Late(f"{step.name} {partition}: {readiness['detail']} run it again then")


def _add(total: dict[str, Any], step: Step, result: Mapping[str, Any]) -> None:
    is_staging = not step.produces and step.over is not None and step.name in ("capture", "quality")
    for count in COUNTS:
        if not (is_staging and count.startswith("rows_")):
            total[count] += result[count]
    total["failed"].update(result["failed"])
    detail = {key: value for key, value in result["detail"].items() if key != "shards"}
    total["detail"]["steps"].setdefault(step.name, []).append({"state": result["state"], **detail})
