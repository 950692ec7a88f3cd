"""`tradewinds status`: what runs, what is wrong, in words, and the command that comes next."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.looked import Check, disk
from tradewinds.app.output import print_json, print_table
from tradewinds.core.errors import ANSWER_IS_NO, TradewindsError

if TYPE_CHECKING:
    from pathlib import Path

    from tradewinds.core.record import JobRun
    from tradewinds.wiring.house import House

RUNS_LOOKED_AT = 500
ALERTS_SHOWN = 5
ERROR_CHARS_MAX = 200


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Say what runs, how it is, and how the last runs ended. Anything that does not run or is not healthy ends with exit code 1."""
    from tradewinds.app.up_trading import state_of
    from tradewinds.wiring.house import open_house

    house = open_house()
    looked = list(looks(house))
    latest, held = _last_runs(house)
    looked += list(_jobs(latest)) + list(_people(house, held))
    trouble = [f"{one.what} {one.detail}" + (f"; {one.advice}" if one.advice else "") for one in looked if one.state == "wrong"]
    if as_json:
        jobs = {
            job: {"partition": one.partition, "state": one.state, "error": (one.result.error if one.result else None) or None}
            for job, one in sorted(latest.items())
        }
        services = {name: dict(told) for name, told in state_of(house.home).items()}
        print_json({"is_healthy": not trouble, "trouble": trouble, "checks": looked, "services": services, "jobs": jobs, "held": held})
    else:
        _show(looked, latest)
    if trouble:
        sys.exit(ANSWER_IS_NO)


def looks(house: House) -> Iterator[Check]:
    """Every process of this home: Airflow, what the keeper keeps, the accounts that trade, the halt; and a disk that is nearly full."""
    yield airflow(house.home)
    yield from services(house.home)
    yield from _halt(house.home)
    room = disk(house.home)
    if room.state != "well":
        yield room


def _show(looked: list[Check], latest: dict[str, JobRun]) -> None:
    marks = {"well": "ok     ", "warning": "warning", "wrong": "WRONG  "}
    for one in looked:
        click.echo(f"{marks[one.state]} {one.what} {one.detail}".rstrip())
        if one.state != "well" and one.advice:
            click.echo(f"        {one.advice}")
    rows = [(job, one.partition, one.state, (one.result.error or "") if one.result else "") for job, one in sorted(latest.items())]
    print_table("Last runs", ("job", "partition", "state", "error"), rows, if_empty="none")


def airflow(home: Path) -> Check:
    """Airflow as a whole, by its own health."""
    from tradewinds.app.airflow_folder import find
    from tradewinds.app.up_keeper import found

    client = find(home / "airflow")
    if client is None:
        page = os.environ.get("TRADEWINDS_AIRFLOW_PAGE")
        if page:  # in a container, or on a cluster
            return Check("airflow", "warning", "runs elsewhere and is not asked from here", f"its own page: {page}")
        # The keeper outlived it: `up` beside a keeper would start everything twice, and refuses.
        again = "tradewinds down, then tradewinds up" if found(home) is not None else "`tradewinds up` starts it"
        return Check("airflow", "wrong", "does not run", again)
    try:
        with client:
            trouble = client.unhealthy()
    except TradewindsError as error:
        return Check("airflow", "wrong", f"does not answer: {error}", "tradewinds down, then tradewinds up")
    if trouble:
        seen = next((name for name in trouble if name != "metadatabase"), "api-server").replace("_", "-")
        return Check("airflow", "wrong", f"is not healthy: {', '.join(trouble)}", f"tradewinds logs --raw {seen}")
    return Check("airflow", "well", "all components are healthy")


def services(home: Path) -> Iterator[Check]:
    """What the keeper keeps, and the keeper."""
    from tradewinds.app.up_keeper import found, keeper_path
    from tradewinds.app.up_service import Service, health_of, last_words, log_command, read_services

    keeper, known = found(home), read_services(home)
    if keeper is None:
        if keeper_path(home).exists():
            yield Check("keeper", "wrong", "died", "`tradewinds down` ends what it left, `tradewinds up` starts it")
        return
    for name, told in keeper.detail.items():
        where = f" at {known[name].url}" if name in known and known[name].url else ""
        starts = f", started {told['starts']} times" if told["starts"] > 1 else ""
        if told["state"] == "waiting":
            words = last_words(home, name)
            why = f": {words}" if words else ""
            yield Check(name, "wrong", f"crashed{starts}, is started again{why}", f"tradewinds logs --raw {name}")
        elif told["state"] == "ended":
            yield Check(name, "well", "ended: there was nothing to do")
        else:
            why = health_of(home, known.get(name, Service(name, ())))
            words = why or f"runs{where}, process {told['pid']}{starts}"
            yield Check(name, "wrong" if why else "well", words, log_command(name) if why else "")


def _halt(home: Path) -> Iterator[Check]:
    """Accounts that are not connected, and a halt that stands."""
    from tradewinds.live.epoch import epoch_path, open_epoch
    from tradewinds.live.guard_process import is_alive, read_beat, service_path

    beat = read_beat(service_path(home))
    if beat is None or not is_alive(beat):
        return
    for account, link in dict(beat.detail.get("links", {})).items():
        if link != "up":
            yield Check(f"account {account}", "warning", f"the broker's connection is {link}", "tradewinds trade status")
    if epoch_path(home).exists():
        with open_epoch(home) as epoch:
            raised, obeyed = epoch.epoch(), epoch.acknowledged()
        if raised > obeyed:
            yield Check("halt", "wrong", f"epoch {raised} is not obeyed yet", "tradewinds halt; then see that the guard runs")
    for account in beat.detail.get("halted", ()):
        yield Check(f"account {account}", "warning", "is halted", "tradewinds trade resume")


def _jobs(latest: dict[str, JobRun]) -> Iterator[Check]:
    for job, one in sorted(latest.items()):
        if one.state == "failed":
            why = ((one.result.error if one.result else None) or "no reason is known")[:ERROR_CHARS_MAX]
            yield Check(
                f"job {job}", "warning", f"failed for {one.partition}: {why}", f"tradewinds job run {job} --partition {one.partition}"
            )


def _people(house: House, held: int) -> Iterator[Check]:
    """What waits for a person."""
    if held:
        yield Check("data", "warning", f"{held} values are held", "tradewinds data findings --holds")
    if not _has_ledger(house):
        return
    found = [one for one in house.ledger.outbox.alerts(is_open=True, limit=ALERTS_SHOWN) if one.alert.severity != "info"]
    for one in found:
        advice = one.alert.next_command or f"tradewinds alerts ack {one.id}"
        yield Check(f"alert {one.id}", "warning", f"{one.alert.severity}: {one.alert.subject}: {one.alert.text}", advice)


def _last_runs(house: House) -> tuple[dict[str, Any], int]:
    """Each job's last run, and how many values are held. Looking makes no ledger."""
    from tradewinds.stores.ledger_runs import RunFilter

    latest: dict[str, JobRun] = {}
    if not _has_ledger(house):
        return latest, 0
    for run in house.ledger.runs(RunFilter(subject=""), limit=RUNS_LOOKED_AT):
        latest.setdefault(run.job, run)
    return latest, len(house.ledger.holds(is_open=True))


def _has_ledger(house: House) -> bool:
    return house.config.storage.ledger is not None or (house.home / "ledger.sqlite").exists()
