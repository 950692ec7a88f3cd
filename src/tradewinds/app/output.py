"""How commands print: tables for people, one JSON object for programs; everything else goes to standard error."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

from tradewinds.core.instant import text

WIDTH_OUTSIDE_A_TERMINAL = 160
FOLDS_FROM = 16  # narrower text is never folded; wider text may be folded down to this
_keep: Callable[[str], None] | None = None
_GAP = 2  # between columns: one space, and one of the box


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on standard output: instants as ISO 8601, what is not a finite number as null."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))


def plain(value: object) -> Any:
    """The value in JSON's own kinds. A field `known_ns` of a dataclass becomes `known`, ISO 8601."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value.is_finite() else None
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_field(field.name, getattr(value, field.name)) for field in fields(value))
    return str(value)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, if_empty: str = "nothing", spare: Sequence[str] = ()
) -> None:
    """A table on standard output, numbers to the right.

    Where the terminal is too narrow the columns in `spare` go, the first one first, and standard error says so; where that is not
    enough, each row is shown as a record of all its columns.
    """
    values = [tuple(row) for row in rows]
    if not values:
        click.echo(f"{title}: {if_empty}" if title else if_empty)
        return
    lines = [tuple(cell(value) for value in row) for row in values]
    width = shutil.get_terminal_size((WIDTH_OUTSIDE_A_TERMINAL, 24)).columns
    floors = [_floor(name, [line[index] for line in lines]) for index, name in enumerate(columns)]
    kept = _kept(columns, floors, width, spare)
    if kept is None:
        click.echo(_records(title, columns, lines))
        return
    is_number = [all(row[index] is None or isinstance(row[index], int | float | Decimal) for row in values) for index in kept]
    shown = [[line[index] for index in kept] for line in lines]
    click.echo(_drawn(title, [columns[index] for index in kept], shown, width, [floors[index] for index in kept], is_number), nl=False)
    hidden = [name for index, name in enumerate(columns) if index not in kept]
    if hidden:
        log(f"not shown, for want of width: {', '.join(hidden)}; --json has everything")


def cell(value: object) -> str:
    """A value as a person reads it: thousands separated, absent as a dash, no character that moves the cursor."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value.is_finite() else str(value)
    if isinstance(value, datetime):
        return _moment(value)
    return visible(str(value))


def visible(told: str) -> str:
    """Text of others on one line: what is not printable stands there escaped, so that no vendor's bytes steer a terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in told)


def log(message: str) -> None:
    """A line on standard error, and in the structured log of a process that keeps one."""
    click.echo(visible(message), err=True)
    if _keep is not None:
        _keep(message)


def keep_log(keep: Callable[[str], None] | None) -> None:
    """From now on what is logged goes here too; None: no longer."""
    global _keep
    _keep = keep


def when(instant_ns: int | None) -> str:
    """An instant as ISO 8601 in UTC, absent as a dash."""
    return "-" if instant_ns is None else text(instant_ns)


def _field(name: str, value: object) -> tuple[str, Any]:
    if name.endswith("_ns") and (value is None or isinstance(value, int)):
        return name.removesuffix("_ns"), None if value is None else text(value)
    return name, plain(value)


def _float(value: float) -> str:
    """Ten digits that count, written out: 0.00000812, not 8.12e-06."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else str(value)
    short = f"{value:.10g}"
    return format(Decimal(short), "f") if 1e-12 < abs(value) < 1e16 else short


def _moment(value: datetime) -> str:
    stamp = value.isoformat(sep=" ", timespec="auto").removesuffix("+00:00")
    return (stamp.removesuffix(":00") if value.second == 0 and value.microsecond == 0 else stamp) + ("Z" if value.tzinfo else "")


def _floor(name: str, cells: Sequence[str]) -> int:
    """How narrow a column may become: words of the header and short values stay whole."""
    from rich.cells import cell_len

    header = max((len(word) for word in name.split()), default=0)
    widest = max((cell_len(text) for text in cells), default=0)
    return max(header, min(widest, FOLDS_FROM) if any(" " in text for text in cells) else widest)


def _kept(columns: Sequence[str], floors: Sequence[int], width: int, spare: Sequence[str]) -> list[int] | None:
    """Which columns stand side by side, by number; None where too few can be spared."""
    kept = list(range(len(columns)))
    for name in (*spare, None):
        if sum(floors[index] + _GAP for index in kept) <= width:
            return kept
        kept = [index for index in kept if columns[index] != name]
    return None


def _drawn(
    title: str, columns: Sequence[str], lines: Sequence[Sequence[str]], width: int, floors: Sequence[int], is_number: Sequence[bool]
) -> str:
    import io
    import sys

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, not markup: what stands in square brackets is data.
    table = Table(
        title=Text(title) if title else None, title_justify="left", header_style="bold", title_style="bold", box=SIMPLE_HEAD, padding=0
    )
    table.padding = (0, _GAP - 1, 0, 0)
    table.pad_edge = False
    table.show_edge = False
    for name, floor, right in zip(columns, floors, is_number, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold", min_width=floor)
    for line in lines:
        table.add_row(*(Text(one) for one in line))
    drawn = io.StringIO()
    Console(file=drawn, width=width, force_terminal=sys.stdout.isatty(), highlight=False).print(table)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n"


def _records(title: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    wide = max(len(name) for name in columns)
    blocks = ["\n".join(f"{name:<{wide}}  {text}" for name, text in zip(columns, line, strict=True)) for line in lines]
    return "\n\n".join([title, *blocks] if title else blocks)
