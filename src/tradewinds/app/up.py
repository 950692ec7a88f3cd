"""`tradewinds up|down`: the platform's processes on this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.output import log, print_json
from tradewinds.core.errors import NOTHING_TO_DO, TradewindsError

if TYPE_CHECKING:
    from tradewinds.app.airflow_process import Airflow

HEALTHY_WITHIN_S = 60.0
GUESTS_WITHIN_S = 240.0  # Superset's first start makes its tables and imports our dashboards


@click.command("up")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the console is; 8080 where that is free, else any free port.")
@click.option("--airflow-port", type=click.IntRange(1, 65535), help="Where Airflow's pages are; any free port when left out.")
@click.option("--with", "others", metavar="NAMES", help="Run these too, natively: superset, jupyter, or both with a comma.")
@click.option("--detach", is_flag=True, help="Return when everything runs; `tradewinds down` stops it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def up(port: int | None, airflow_port: int | None, others: str | None, *, detach: bool, as_json: bool) -> None:
    """Start the platform for this workspace, on this machine alone: Airflow with its plans, the console, alerts.

    Where strategies of the workspace say mode: shadow, paper or live, the trading service runs beside them, and the guard where it has
    keys. What crashes is started again; after a halt the trading service starts halted.

    \b
    tradewinds up                            runs until Ctrl-C
    tradewinds up --with superset,jupyter    with those two as well
    tradewinds up --detach --json            returns when everything runs; `tradewinds down` stops it
    """
    from tradewinds.app.up_guests import guests
    from tradewinds.app.up_keeper import expect_none, launch
    from tradewinds.app.up_service import console_service, expect_free, is_installed, unwell
    from tradewinds.app.up_trading import services_of, wanted
    from tradewinds.wiring.house import open_house

    house = open_house()
    expect_none(house.home)
    expect_free("--port", port)
    expect_free("--airflow-port", airflow_port)
    beside = guests(others, house.home, Path(house.config.workspace or Path.cwd()))  # refused before anything starts
    begun_s = time.monotonic()
    house.ledger.migrate()
    airflow = _airflow(house.home, airflow_port, is_detached=detach)
    log("starting; the first time takes longer")
    airflow.start()
    trading = wanted(house)
    for line in trading.lines:
        log(line)
    if not is_installed("alerts"):
        log('no alerts reach anybody: pip install "tradewinds[alerts]"')
    links = {"airflow": airflow.url, **{one.name: one.url for one in beside}}
    console = console_service(port, links) if is_installed("console") else None
    services = services_of(trading, console, beside)
    keeper = launch(house.home, services, is_detached=detach) if services else None
    try:
        airflow.wait_until_healthy()
        trouble = unwell(house.home, services, GUESTS_WITHIN_S if beside else HEALTHY_WITHIN_S)
    except (TradewindsError, KeyboardInterrupt):
        _stop(house.home, keeper, airflow)
        raise
    facts = {
        "url": airflow.url if console is None else console.url,
        "airflow": airflow.url,
        "links": links,
        "user": "admin",
        "password_file": str(_folder(house.home) / "passwords.json"),
        "metadata": None if airflow.metadata is None else airflow.metadata.kind,
        "home": str(house.home),
        "services": [one.name for one in services],
        "trouble": trouble,
        "seconds": round(time.monotonic() - begun_s, 1),
    }
    if as_json:
        print_json(facts)
    else:
        _say(facts, house.home, has_console=console is not None)
    if detach:
        return
    if not as_json:
        click.echo("Ctrl-C stops everything.")
    _wait_for_signal()
    log("stopping")
    _stop(house.home, keeper, airflow)


def _say(facts: dict[str, Any], home: Path, *, has_console: bool) -> None:
    from tradewinds.wiring.desk.sign_in import PASSWORD_FILE

    if has_console:
        first = home / PASSWORD_FILE
        known = f"user admin, password in {first}" if first.exists() else "`tradewinds user list` says who may enter"
        click.echo(f"Open {facts['url']}  ({known})")
    else:
        click.echo('no console: pip install "tradewinds[console]"')
    click.echo(f"Airflow: {facts['airflow']}  user {facts['user']}, password in {facts['password_file']}; metadata: {facts['metadata']}")
    for name, address in facts["links"].items():
        if name != "airflow":
            click.echo(f"{name}: {address}  password in {home / 'up' / name}")
    click.echo(f"runs: airflow, {', '.join(facts['services'])}; home: {facts['home']}; {facts['seconds']:.1f} s")
    for line in facts["trouble"]:
        log(f"warning: {line}")


def _stop(home: Path, keeper: subprocess.Popen[bytes] | None, airflow: Airflow) -> None:
    from tradewinds.app.up_keeper import stop as stop_keeper

    if keeper is not None:
        stop_keeper(home)
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


def _airflow(home: Path, port: int | None, *, is_detached: bool) -> Airflow:
    """Airflow for this home, with the configuration in force passed on to its tasks."""
    import os

    from tradewinds.app.airflow_folder import dag_folders
    from tradewinds.app.airflow_process import Airflow
    from tradewinds.wiring.settings import find_config, load_config

    config = find_config(os.environ)
    environment = {"TRADEWINDS_HOME": str(home)} | ({"TRADEWINDS_CONFIG": str(config)} if config else {})
    told = load_config()
    dags = dag_folders(told.workspace)
    return Airflow(_folder(home), environment=environment, dags=dags, executor=told.airflow, port=port, is_detached=is_detached)


def _folder(home: Path) -> Path:
    return home / "airflow"


def _wait_for_signal() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()
