"""`tradewinds trade evening` and `trade verify`: the day beside the broker's statement, and the signed file of a day."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import click

from tradewinds.app.arguments import JSON, opened
from tradewinds.core.errors import ANSWER_IS_NO, Rejected


@click.command()
@click.argument("account")
@click.option("--day", help="The day (UTC), such as 2026-11-20.  [default: yesterday]")
@JSON
def evening(account: str, day: str | None, as_json: bool) -> int:
    """Compare a day of ACCOUNT with its broker's own statement, replay its decisions, and sign what came of it.

    Writes the breaks to the ledger and a signed file below the home. Exit code 1 where anything differs.
    """
    from tradewinds.app.output import plain, print_json, print_table
    from tradewinds.wiring.evening import evening as reconcile
    from tradewinds.wiring.evening import yesterday
    from tradewinds.wiring.parity import evening_parity

    house, _ = opened("evening", account)
    chosen = yesterday(house.clock.now_ns()) if day is None else _day(day)
    found = reconcile(house, account, chosen, parity=partial(evening_parity, house, chosen))
    is_equal = bool((found.parity or {}).get("is_equal", True))
    if as_json:
        print_json(plain(found))
    else:
        click.echo(f"{found.account} {found.day}: {found.orders} orders, {found.fills} fills, {len(found.breaks)} breaks; {found.file}")
        if found.breaks:
            rows = [(one.kind, one.subject, one.ours, one.theirs) for one in found.breaks]
            print_table("Breaks", ("kind", "subject", "ours", "the broker's"), rows)
        if not is_equal:
            click.echo(f"what was decided differs from its replay: `tradewinds parity {account} --day {chosen}` lists it")
    return ANSWER_IS_NO if found.breaks or not is_equal else 0


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The public key.  [default: the one beside it]")
@JSON
def verify(file: Path, key: Path | None, as_json: bool) -> int:
    """Say whether a day's signed FILE is as it was signed, and what it says."""
    from tradewinds.app.output import print_json
    from tradewinds.stores.daily import read_daily

    report = read_daily(file, key)
    if as_json:
        print_json({"holds": True, "report": report})
    else:
        journal = report["journal"]
        click.echo(
            f"the signature holds: {report['account']} {report['day']}, {len(report['fills'])} fills, {len(report['breaks'])} breaks, "
            f"journal at entry {journal['sequence']} ({journal['hash'][:16]})"
        )
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Rejected(f"--day {text!r}, expected a date such as 2026-11-20") from None
