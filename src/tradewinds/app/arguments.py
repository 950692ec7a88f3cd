"""Options that several commands take, and how their text is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from tradewinds.jobs.context import Context
    from tradewinds.wiring.house import House

AS_OF = click.option("--as-of", help="What was known then (ISO 8601, UTC); now when left out.")
FROM = click.option("--from", "start", help="First time (ISO 8601, UTC).")
TO = click.option("--to", "end", help="End, not included (ISO 8601, UTC).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
INSTRUMENTS = click.option("--instrument", "instruments", multiple=True, help="Only these; may be given several times.")


def instant(text: str, option: str) -> int:
    """Nanoseconds of an option's text. Raises Rejected, naming the option."""
    from tradewinds.core.instant import parse

    try:
        return parse(text)
    except Rejected as error:
        raise Rejected(f"{option}: {str(error).removeprefix('instant: ')}") from None


def span(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Nanoseconds of --from and --to. Raises Rejected where the end does not come after the start."""
    low = None if start is None else instant(start, "--from")
    high = None if end is None else instant(end, "--to")
    if low is not None and high is not None and high <= low:
        raise Rejected(f"--to {end}, expected a time after --from {start}")
    return low, high


def key_and_value(text: str, option: str) -> tuple[str, str]:
    """`KEY=VALUE` cut in two."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Rejected(f"{option} {text!r}, expected KEY=VALUE")
    return key, value


def opened(command: str, partition: str = "") -> tuple[House, Context]:
    """The house in force, and a context for one command of it."""
    from tradewinds.wiring.house import open_house

    house = open_house()
    return house, house.context(command, partition)


_SIMULATION = (
    click.option("--capital", type=float, help="Money at the start.  [default: 100000]"),
    click.option("--currency", help="The account's currency.  [default: the instruments']"),
    click.option("--cost", "costs", multiple=True, help="bps=10,maker=8 | per_unit=0.005,minimum=1 | per_trade=1 | half_spread=0.5 | ..."),
    click.option("--fill", type=click.Choice(["next_open", "same_close"]), help="Where market orders fill.  [default: next_open]"),
    click.option("--participation", type=float, help="Largest share of a bar's volume that fills, such as 0.1."),
    click.option(
        "--account", type=click.Choice(["cash", "margin"]), help="A cash account never owes and never goes short.  [default: margin]"
    ),
    click.option("--leverage", type=float, help="Gross value up to so many times the equity.  [default: 1]"),
    click.option(
        "--rate", "rates", multiple=True, help="CURRENCY=RATE: a constant rate in the account's currency instead of the history's."
    ),
    click.option("--lot", help="Smallest quantity of every instrument, instead of its own."),
    click.option(
        "--data", type=click.Path(path_type=Path, exists=True), help="A CSV or Parquet file of bars, or a folder; needs no house."
    ),
    click.option(
        "--view", type=click.Choice(["first", "latest"]), default="first", show_default=True, help="Values as first known, or corrected."
    ),
    click.option("--as-of", help="What was known then (ISO 8601, UTC); now when left out."),
)


def simulation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that simulates: the account, what trading costs, how orders fill, and which bars are read."""
    for option in reversed(_SIMULATION):
        command = option(command)
    return command
