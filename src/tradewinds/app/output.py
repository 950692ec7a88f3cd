"""How commands print: tables for people, one JSON object for programs; everything else goes to standard error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

from tradewinds.core.instant import text


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=None))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    lines = [tuple(rows_) for rows_ in rows]
    table = Table(title=title or None, title_justify="left", header_style="bold", title_style="bold")
    for index, column in enumerate(columns):
        is_number = bool(lines) and all(isinstance(line[index], int | float | Decimal) or line[index] is None for line in lines)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for line in lines:
        table.add_row(*(cell(value) for value in line))
    Console().print(table)


def cell(value: object) -> str:
    """A value as a person reads it: thousands separated, absent as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def log(message: str) -> None:
    """A line on standard error."""
    click.echo(message, err=True)


def when(instant_ns: int | None) -> str:
    """An instant as ISO 8601 in UTC, absent as a dash."""
    return "-" if instant_ns is None else text(instant_ns)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    raise TypeError(f"{type(value).__name__} has no place in JSON")
