"""Options that several commands take, and how their text is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
