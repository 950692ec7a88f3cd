"""Lists of JSON objects as tables whose cells are text, so that one set of rules reads every number and date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from tradewinds.core.errors import Unreadable
from tradewinds.vendors.sheet import LINE, Sheet

_EXCERPT_BYTES = 160


def document(content: bytes, what: str) -> object:
    """The JSON value in these bytes; raises Unreadable. NaN and Infinity, which JSON does not have, are read as null."""
    try:
        return json.loads(content, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: {content[:_EXCERPT_BYTES]!r} ({error}), expected JSON") from None


def objects(content: bytes, what: str) -> list[Mapping[str, object]]:
    """A JSON list of objects; raises Unreadable for anything else, such as an error that came as an answer."""
    body = document(content, what)
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise Unreadable(f"{what}: {content[:_EXCERPT_BYTES]!r}, expected a JSON list of rows")
    return body


def objects_by_line(content: bytes, what: str) -> tuple[list[Mapping[str, object]], list[int]]:
    """One JSON object per line, and the number of its line; blank lines are passed over."""
    rows: list[Mapping[str, object]] = []
    lines: list[int] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            row = document(line, f"{what} line {number}")
            if not isinstance(row, dict):
                raise Unreadable(f"{what} line {number}: {line[:_EXCERPT_BYTES]!r}, expected a JSON object")
            rows.append(row)
            lines.append(number)
    if not rows:
        raise Unreadable(f"{what}: an empty file of {len(content)} bytes, expected a JSON object per line")
    return rows, lines


def tabulated(rows: Sequence[Mapping[str, object]], what: str, lines: Sequence[int] | None = None) -> Sheet:
    """The objects as a table: one column for every name that any of them has; what is absent or null is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = pl.DataFrame({name: [_cell(row.get(name)) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String))
    numbers = pl.Series(LINE, lines if lines is not None else range(1, len(rows) + 1), pl.UInt32)
    return Sheet(what, cells.insert_column(0, numbers))


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else repr(value)
