"""`tradewinds trade status|orders|approvals|gains`: asked of the running service, else read from the journals."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json, print_table

ACCOUNT = click.option("--account", help="Only this account.")


@click.command("status")
@JSON
def status(*, as_json: bool) -> None:
    """What trades and how: accounts, positions, overrides, what waits. An account that stands still ends with exit code 1."""
    found = _asked("status", {})
    if as_json:
        print_json(found)
    else:
        _show_status(found)
    if any(one["state"] == "failed" for one in found["accounts"]):
        sys.exit(1)


@click.command("orders")
@ACCOUNT
@click.option("--strategy", help="Only of this strategy.")
@click.option("--all", "is_every", is_flag=True, help="Ended ones too.")
@JSON
def orders(*, account: str | None, strategy: str | None, is_every: bool, as_json: bool) -> None:
    """Orders that work, those of other hands at the broker among them."""
    found = _asked("orders", {"account": account, "strategy": strategy, "all": is_every})
    if as_json:
        print_json(found)
        return
    columns = ("account", "id", "strategy", "instrument", "side", "quantity", "kind", "limit", "state", "filled", "reason")
    rows = [[row.get(name) for name in columns] for row in found["orders"]]
    print_table("Orders", columns, rows, if_empty="none", spare=("reason", "kind", "id"))


@click.command("approvals")
@JSON
def approvals(*, as_json: bool) -> None:
    """Orders that wait for a person: `tradewinds trade approve ID` or `deny ID`."""
    found = _asked("approvals", {})
    if as_json:
        print_json(found)
        return
    columns = ("id", "account", "strategy", "text", "why", "until")
    print_table("Waiting", columns, [[row[name] for name in columns] for row in found["waiting"]], if_empty="none", spare=("until",))


@click.command("gains")
@ACCOUNT
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), help="Write them there; - for standard output."
)
@JSON
def gains(*, account: str | None, csv_file: Path | None, as_json: bool) -> None:
    """Gains realised, one row a closed lot, by the account's method (FIFO, HIFO, average): what the tax office wants."""
    found = _asked("gains", {"account": account})
    if csv_file is not None:
        rows = write_gains(found["gains"], csv_file)
        log(f"{rows} gains written")
    elif as_json:
        print_json(found)
    else:
        columns = (
            "account",
            "strategy",
            "instrument",
            "quantity",
            "opened_ns",
            "opened_price",
            "closed_ns",
            "closed_price",
            "amount",
            "currency",
        )
        rows_shown = [[row[name] for name in columns] for row in found["gains"]]
        print_table("Gains", columns, rows_shown, if_empty="none", spare=("strategy", "opened_ns"))


GAIN_COLUMNS = (
    "account", "strategy", "instrument", "quantity", "opened", "opened_price", "closed", "closed_price", "amount", "currency", "method",
)  # fmt: skip


def write_gains(rows: list[dict[str, Any]], place: Path) -> int:
    """Write gains as CSV, the columns of `GAIN_COLUMNS`; returns how many."""
    given = [{key.removesuffix("_ns"): value for key, value in row.items()} for row in rows]
    if str(place) == "-":
        _write(given, sys.stdout)
    else:
        with place.open("w", encoding="utf-8", newline="") as file:
            _write(given, file)
    return len(rows)


def _write(rows: list[dict[str, Any]], file: Any) -> None:
    writer = csv.DictWriter(file, GAIN_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _asked(act: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """The service's answer, else the journals'."""
    from tradewinds.core.errors import Transient
    from tradewinds.wiring.control import ask
    from tradewinds.wiring.settings import load_config

    config = load_config()
    try:
        return ask(Path(config.home), act, words)
    except Transient:
        from tradewinds.wiring.trade_read import read

        return read(config, act, words)


def _show_status(found: Mapping[str, Any]) -> None:
    if not found["running"]:
        click.echo("no trading service runs; this is what the journals say")
    columns = ("account", "mode", "state", "link", "halted", "open_orders", "unknown_orders", "waiting")
    print_table("Accounts", columns, [[one[name] for name in columns] for one in found["accounts"]], if_empty="none")
    held = [
        (
            one["account"],
            row["instrument"],
            row["quantity"],
            ", ".join(f"{part['strategy'] or 'by hand'} {part['quantity']}" for part in row["parts"]),
        )
        for one in found["accounts"]
        for row in one["positions"]
    ]
    if held:
        print_table("Positions", ("account", "instrument", "quantity", "of which"), held)
    decided = [
        (one["account"], row["strategy"], row["last_decision"], ", ".join(f"{name} {value}" for name, value in row["targets"].items()))
        for one in found["accounts"]
        for row in one["strategies"]
    ]
    if decided:
        print_table("Strategies", ("account", "strategy", "last decision", "targets"), decided)
    rows = [(one["account"], row) for one in found["accounts"] for row in one["strategies"]]
    away = [
        (
            row["strategy"], account, part["account"], part["capital"], part["currency"],
            ", ".join(f"{name} {quantity}" for name, quantity in part["positions"].items()), part["open_orders"], part["on_the_way"],
        )
        for account, row in rows
        for part in row.get("elsewhere", [])
    ]  # fmt: skip
    if away:
        columns = ("strategy", "decides on", "trades on", "capital", "currency", "positions", "open_orders", "on_the_way")
        print_table("On other accounts", columns, away)
    for _, row in rows:
        for one in row.get("refused", []):
            click.echo(f"refused: {row['strategy']} on account {one['account']}: {one['text']}: {one['rule']}: {one['why']}")
    for one in found["accounts"]:
        for row in one["overrides"]:
            whom = f"{row['strategy'] or 'all strategies'}, {row['instrument'] or 'all instruments'}"
            click.echo(f"override: account {one['account']}: {whom}: {row['override']}")
        if one["failure"]:
            click.echo(f"account {one['account']} stands still: {one['failure']}")
    for name, why in found.get("set_aside", {}).items():
        click.echo(f"set aside: {name}: {why}")
