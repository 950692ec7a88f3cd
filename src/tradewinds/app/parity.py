"""`tradewinds parity`: whether what an account did is what its strategies do when they are given the same again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewinds.app.arguments import JSON
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

if TYPE_CHECKING:
    from tradewinds.trading.parity import Difference

SHOWN = 50


@click.command()
@click.argument("account")
@click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False), help="A SQLite journal, or a copy of one, instead of the account's."
)
@click.option("--day", help="One day (UTC), such as 2026-11-20.  [default: everything that the journal holds]")
@click.option(
    "--strategy",
    "places",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A strategy's YAML.  [default: the workspace's]",
)
@JSON
def parity(account: str, journal: Path | None, day: str | None, places: tuple[Path, ...], as_json: bool) -> int:
    """Replay what ACCOUNT did through its strategies, and compare every decision and order to the bit.

    Decisions of vector strategies are put beside a vectorised backtest over the same bars, too. Each difference is listed with its time,
    its strategy, both values and the reason. Exit code 0 where all is equal, 1 where anything differs.
    """
    from tradewinds.app.arguments import opened
    from tradewinds.app.output import print_json
    from tradewinds.wiring.parity import parity as compared

    house, _ = opened("parity", account)
    found = compared(house, account, journal=journal, day=None if day is None else _day(day), places=places)
    if as_json:
        print_json(found.as_json())
        return 0 if found.is_equal else ANSWER_IS_NO
    done = found.as_json()
    click.echo(
        f"{account}: {done['decisions_equal']} of {done['decisions']} decisions and {done['orders_equal']} of {done['orders']} orders "
        f"are the same to the bit ({done['decisions_percent']:g} %, {done['orders_percent']:g} %)"
    )
    _table("Replay", "replayed", found.replayed.differences)
    for one in found.backtests:
        click.echo(f"{one.strategy}: {one.decisions_equal} of {one.decisions} decisions are those of the vectorised backtest")
        _table("Backtest", "backtest", one.differences)
    for note in found.notes:
        click.echo(note)
    return 0 if found.is_equal else ANSWER_IS_NO


def _table(title: str, other: str, differences: Sequence[Difference]) -> None:
    from tradewinds.app.output import print_table, when

    rows = [(when(one.time_ns), one.what, one.strategy, one.instrument, one.recorded, one.replayed, one.why) for one in differences]
    if rows:
        print_table(title, ("at", "what", "strategy", "instrument", "recorded", other, "why"), rows[:SHOWN])
    if len(rows) > SHOWN:
        click.echo(f"and {len(rows) - SHOWN} more; --json has them")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Rejected(f"--day {text!r}, expected a date such as 2026-11-20") from None
