"""`tradewinds up|down|status`: the platform's processes on this machine."""

from __future__ import annotations

import signal
import sys
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewinds.app.output import log, print_json, print_table
from tradewinds.core.errors import ANSWER_IS_NO, NOTHING_TO_DO, TradewindsError

if TYPE_CHECKING:
    from tradewinds.app.airflow_process import Airflow
    from tradewinds.wiring.house import House

RUNS_LOOKED_AT = 500


@click.command("up")
@click.option("--port", type=click.IntRange(1, 65535), help="Where Airflow's pages are; any free port when left out.")
@click.option("--detach", is_flag=True, help="Return when everything runs; `tradewinds down` stops it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def up(port: int | None, *, detach: bool, as_json: bool) -> None:
    """Start the platform for this workspace: Airflow with its plans, on this machine alone.

    Where strategies of the workspace say mode: shadow, paper or live, the trading service runs beside it, and the guard where it has keys.
    Either is started again when it crashes; after a halt it starts halted.

    \b
    tradewinds up                    runs until Ctrl-C
    tradewinds up --detach --json    returns when everything runs; `tradewinds down` stops it
    """
    from tradewinds.app.up_keeper import launch
    from tradewinds.app.up_trading import wanted
    from tradewinds.wiring.house import open_house

    house = open_house()
    house.ledger.migrate()
    airflow = _airflow(house.home, port, is_detached=detach)
    log("starting; the first time takes longer")
    airflow.start()
    try:
        airflow.wait_until_healthy()
    except (TradewindsError, KeyboardInterrupt):
        airflow.stop()
        raise
    trading = wanted(house)
    for line in trading.lines:
        log(line)
    keeper = launch(house.home, trading.services, is_detached=detach) if trading.services else None
    facts = {
        "url": airflow.url,
        "user": "admin",
        "password_file": str(_folder(house.home) / "passwords.json"),
        "metadata": None if airflow.metadata is None else airflow.metadata.kind,
        "home": str(house.home),
        "services": list(trading.services),
    }
    if as_json:
        print_json(facts)
    else:
        click.echo(f"Airflow: {facts['url']}  user admin, password in {facts['password_file']}")
        click.echo(f"metadata: {facts['metadata']}; home: {facts['home']}")
    if detach:
        return
    if not as_json:
        click.echo("Ctrl-C stops everything.")
    _wait_for_signal()
    log("stopping")
    if keeper is not None:
        keeper.terminate()
        keeper.wait()
    airflow.stop()


@click.command("down")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def down(*, as_json: bool) -> None:
    """Stop what `tradewinds up --detach` started for this home. Where nothing ran the exit code is 99."""
    from tradewinds.app.airflow_folder import stop
    from tradewinds.app.up_keeper import stop as stop_keeper
    from tradewinds.wiring.settings import load_config

    home = Path(load_config().home)
    traded = stop_keeper(home)
    was_running = stop(_folder(home)) or traded
    if as_json:
        print_json({"stopped": was_running})
    else:
        click.echo("stopped" if was_running else "nothing was running")
    if not was_running:
        sys.exit(NOTHING_TO_DO)


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Say what runs, how it is, and how the last runs ended. Anything that does not run or is not healthy ends with exit code 1."""
    from tradewinds.app.airflow_folder import find
    from tradewinds.app.up_trading import said_of, state_of
    from tradewinds.wiring.house import open_house

    house = open_house()
    client = find(_folder(house.home))
    unhealthy = (
        ["airflow does not run; `tradewinds up` starts it"] if client is None else [f"{name} is not healthy" for name in client.unhealthy()]
    )
    running, standing = said_of(house.home)
    unhealthy += standing
    latest, held = _last_runs(house)
    if as_json:
        jobs = {job: {"partition": p, "state": s, "error": e or None} for job, (p, s, e) in sorted(latest.items())}
        services = dict(state_of(house.home))
        print_json({"is_healthy": not unhealthy, "trouble": unhealthy, "services": services, "jobs": jobs, "held": held})
    else:
        for line in [*(unhealthy or ["airflow: all components are healthy"]), *running]:
            click.echo(line)
        print_table(
            "Last runs", ("job", "partition", "state", "error"), [(job, *facts) for job, facts in sorted(latest.items())], if_empty="none"
        )
        if held:
            click.echo(f"{held} values are held: tradewinds data findings --holds")
    if unhealthy:
        sys.exit(ANSWER_IS_NO)


@click.command("logs")
@click.argument("service", type=click.Choice(["trade", "guard", "keeper"]))
@click.option("--lines", default=50, show_default=True, type=click.IntRange(1), help="The last so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def logs(service: str, lines: int, *, as_json: bool) -> None:
    """What the trading service, the guard, or their keeper said under `tradewinds up`. Nothing yet ends with exit code 1."""
    from tradewinds.app.up_keeper import log_path
    from tradewinds.wiring.settings import load_config

    path = log_path(Path(load_config().home), service)
    if not path.exists():
        click.echo(f"no log {path} yet; `tradewinds up` starts what writes it", err=True)
        sys.exit(ANSWER_IS_NO)
    with path.open(encoding="utf-8", errors="replace") as file:
        said = deque(file, lines)
    if as_json:
        print_json({"service": service, "lines": [line.rstrip("\n") for line in said]})
    else:
        click.echo("".join(said), nl=False)


def _last_runs(house: House) -> tuple[dict[str, tuple[str, str, str]], int]:
    """How each job's last run ended (partition, state, error), and how many values are held. Looking makes no ledger."""
    from tradewinds.stores.ledger_runs import RunFilter

    latest: dict[str, tuple[str, str, str]] = {}
    if house.config.storage.ledger is None and not (house.home / "ledger.sqlite").exists():
        return latest, 0
    for run in house.ledger.runs(RunFilter(subject=""), limit=RUNS_LOOKED_AT):
        latest.setdefault(run.job, (run.partition, run.state, (run.result.error or "") if run.result else ""))
    return latest, len(house.ledger.holds(is_open=True))


def _airflow(home: Path, port: int | None, *, is_detached: bool) -> Airflow:
    """Airflow for this home, with the configuration in force passed on to its tasks."""
    import os

    from tradewinds.app.airflow_process import Airflow
    from tradewinds.wiring.settings import find_config, load_config

    config = find_config(os.environ)
    environment = {"TRADEWINDS_HOME": str(home)} | ({"TRADEWINDS_CONFIG": str(config)} if config else {})
    executor = load_config().airflow
    return Airflow(_folder(home), environment=environment, executor=executor, port=port, is_detached=is_detached)


def _folder(home: Path) -> Path:
    return home / "airflow"


def _wait_for_signal() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()
