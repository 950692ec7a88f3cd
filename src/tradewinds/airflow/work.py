"""What tasks and triggers ask of the platform: run a job, check a readiness, with the sound part of the configuration.

Modules of jobs, stores and vendors are imported at the first call, inside the task's process, never when DAG files are parsed.
Inside a task, a vendor for which neither file nor environment names an address or a secret is given Airflow's connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewinds.wiring.house import House


def run_job(name: str, partition: str, params: Mapping[str, Any], *, airflow_run: str, log_link: str) -> dict[str, Any]:
    """The JobResult of one job as a dict; raises core.errors. `params["clock"]` replays this run at that time."""
    from tradewinds.wiring import house

    given = dict(params)
    at = given.pop("clock", None)
    return house.run_job(name, partition, given, airflow_run=airflow_run, log_link=log_link, house=_house(at, in_task=True))


def check_ready(name: str, partition: str, params: Mapping[str, Any], *, in_task: bool = False) -> dict[str, Any]:
    """The Readiness of a step as a dict; raises core.errors. Connections are known inside a task only."""
    from tradewinds.wiring import house

    given = dict(params)
    at = given.pop("clock", None)
    return house.check_ready(name, partition, given, house=_house(at, in_task=in_task))


def raise_plan_alert(dag: str, run: str, partition: str, reason: str, hours: float | None) -> bool:
    """Raise that a plan's run failed, or (with `hours`) is late, where alerts have routes; False where there are none, or it is told."""
    from tradewinds.wiring.alerting_scan import plan_failed, plan_late

    house = _house(None, in_task=False)
    if house.config.alerts is None or not house.config.alerts.routes:
        return False
    found = plan_failed(house, dag, run, partition, reason) if hours is None else plan_late(dag, run, partition, hours)
    return found is not None and house.alerts.raise_(found) == 1


def ask_trading(act: str, **words: Any) -> dict[str, Any]:
    """The trading service's answer to one act of its control channel; raises core.errors, Transient where no service runs."""
    from tradewinds.live.control import ask
    from tradewinds.wiring.settings import load_sound_config

    config, _ = load_sound_config()
    return ask(Path(config.home), act, words)


def _house(clock: str | None, *, in_task: bool) -> House:
    from tradewinds.airflow.hooks import vendor_connection
    from tradewinds.wiring.house import open_house
    from tradewinds.wiring.settings import load_sound_config

    config, _ = load_sound_config()
    return open_house(config, clock=clock, connection=vendor_connection if in_task else None)
