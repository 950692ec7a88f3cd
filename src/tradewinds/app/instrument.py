"""`tradewinds instrument find`."""

from __future__ import annotations

import sys

import click

from tradewinds.core.errors import ANSWER_IS_NO


@click.group("instrument", context_settings={"help_option_names": ["-h", "--help"]})
def instrument() -> None:
    """Find instruments."""


@instrument.command("find")
@click.argument("words")
@click.option("--venue", help="Only at this venue, such as BINANCE.")
@click.option("--as-of", help="As they were called then (ISO 8601, UTC).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def find(words: str, venue: str | None, as_of: str | None, limit: int, *, as_json: bool) -> None:
    """Instruments whose symbol begins with WORDS, whose name contains it, or that were called so. None ends with exit code 1.

    \b
    tradewinds instrument find BTC --venue BINANCE
    tradewinds instrument find FB --as-of 2020-01-01
    """
    from tradewinds.app.arguments import instant
    from tradewinds.app.output import print_json, print_table
    from tradewinds.wiring.house import open_house

    found = open_house().ledger.find(words, venue=venue, as_of_ns=instant(as_of, "--as-of") if as_of else None, limit=limit)
    if as_json:
        print_json({"instruments": found})
    else:
        rows = [(i.id, i.kind, i.currency, i.calendar, i.tick, i.lot, i.minimum_notional, i.is_tradable, i.name) for i in found]
        columns = ("id", "kind", "currency", "calendar", "tick", "lot", "minimum notional", "tradable", "name")
        print_table(
            f"Instruments like {words}", columns, rows, if_empty="none is known; `tradewinds job run universe` learns those of the venue"
        )
    if not found:
        sys.exit(ANSWER_IS_NO)
