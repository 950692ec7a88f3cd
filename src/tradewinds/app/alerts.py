"""`tradewinds alerts run|list|ack|test`: bring alerts to people, say which are open, take one in hand, try a route."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tradewinds.app.arguments import JSON
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    from tradewinds.people.alert import RaisedAlert
    from tradewinds.stores.ledger_alerts import AlertOutbox


@click.group("alerts", context_settings={"help_option_names": ["-h", "--help"]})
def alerts() -> None:
    """What people have to know: brought to them by routes, listed, taken in hand; and the table of conditions `alerts.csv`."""


@alerts.command("run")
@click.option("--once", is_flag=True, help="Look, send what is due, and end; for a cron job.")
def run_(*, once: bool) -> None:
    """Bring alerts to people until told to stop: look at the ledger and the heartbeats, send, try again, escalate; answer on Telegram.

    Routes stand under `alerts: routes:` of tradewinds.yaml, their addresses in TRADEWINDS_ALERTS__ROUTES__<NAME>__URL (or ..._FILE).
    """
    from tradewinds.app.alerts_run import run_once, run_until_told

    if once:
        run_once()
    else:
        run_until_told()


@alerts.command("list")
@click.option("--all", "is_every", is_flag=True, help="Those that somebody has in hand, and mere news, too.")
@click.option("--source", help="Only of this source, such as jobs, data, risk, breaks, dead-man.")
@click.option("--crossings", is_flag=True, help="Conditions of the table alerts.csv that came true, instead.")
@click.option("--instrument", help="With --crossings: only this instrument.")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@JSON
def list_(*, is_every: bool, source: str | None, crossings: bool, instrument: str | None, limit: int, as_json: bool) -> None:
    """What nobody has in hand yet, newest first, with the next command. None ends with exit code 1."""
    from tradewinds.app.alerts_table import print_crossings
    from tradewinds.app.output import print_json, print_table, when
    from tradewinds.wiring.house import open_house

    if crossings or instrument is not None:
        print_crossings(instrument, limit, as_json=as_json)
        return
    outbox = open_house().ledger.outbox
    found = outbox.alerts(is_open=None if is_every else True, source=source, limit=limit)
    found = found if is_every else [one for one in found if one.alert.severity != "info"]
    if as_json:
        print_json({"alerts": [_told(one, outbox) for one in found]})
    else:
        rows = [
            (one.id, one.alert.severity, one.alert.source, one.alert.subject, one.alert.text, one.alert.next_command, when(one.raised_ns))
            for one in found
        ]
        print_table("Alerts", ("id", "severity", "source", "subject", "text", "next", "raised"), rows, spare=("raised", "source"))
    if not found:
        sys.exit(ANSWER_IS_NO)


@alerts.command("ack")
@click.argument("ids", nargs=-1, required=True)
@click.option("--by", help="Who has it in hand; the user of this machine when left out.")
@click.option("--note", default="", help="What you are doing about it.")
@JSON
def ack(ids: tuple[str, ...], by: str | None, note: str, *, as_json: bool) -> None:
    """Take alerts in hand: nothing more is sent about them, and nothing escalates. IDS: as they stand in the messages."""
    import getpass

    from tradewinds.app.output import print_json
    from tradewinds.wiring.house import open_house

    house = open_house()
    name = by or getpass.getuser()
    told = [house.ledger.outbox.acknowledge(one, by=name, at_ns=house.clock.now_ns(), face="command", note=note) for one in ids]
    if as_json:
        print_json({"acknowledged": [_told(one, house.ledger.outbox) for one in told]})
        return
    for one in told:
        click.echo(f"{one.id} {one.alert.source} {one.alert.subject}: in the hands of {one.acknowledged_by}")


@alerts.command("test")
@click.argument("route", required=False)
@click.option("--partition", help="Of the table: as of this day, hour or minute; today (UTC) when left out.")
@JSON
def test(route: str | None, partition: str | None, *, as_json: bool) -> None:
    """Send a test message by ROUTE and say what came of it; without ROUTE look at each line of the table alerts.csv.

    A route that did not take the message ends with exit code 1; of the table a wrong line ends with 65, and nothing is written.
    """
    from tradewinds.app.alerts_table import print_lines
    from tradewinds.app.output import print_json
    from tradewinds.wiring.alerting import send_test
    from tradewinds.wiring.house import open_house

    if route is None:
        print_lines(partition, as_json=as_json)
        return
    if partition is not None:
        raise Rejected(f"alerts test {route}: --partition {partition}, expected it without a route alone")
    outcome = send_test(open_house(), route)
    if as_json:
        print_json({"route": route, "outcome": outcome.kind, "error": outcome.error or None})
    else:
        click.echo(f"{route}: {'told' if outcome.kind == 'told' else f'not told: {outcome.error}'}")
    if outcome.kind != "told":
        sys.exit(ANSWER_IS_NO)


def _told(one: RaisedAlert, outbox: AlertOutbox) -> dict[str, object]:
    from tradewinds.app.output import when

    return {
        "id": one.id, "severity": one.alert.severity, "source": one.alert.source, "subject": one.alert.subject, "text": one.alert.text,
        "next": one.alert.next_command, "raised": when(one.raised_ns), "acknowledged_by": one.acknowledged_by,
        "routes": {found.route: found.state for found in outbox.deliveries(one.id)},
    }  # fmt: skip
