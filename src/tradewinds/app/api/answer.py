"""Answers: JSON by orjson, series as columns, in JSON or as an Arrow IPC stream.

Times in series are microseconds since 1970 UTC, named `*_us`: every number of JSON up to 2^53 survives a browser, nanoseconds would not.
Elsewhere an instant is ISO 8601 text. Money and quantities of orders are text, so that no float ever touches them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from starlette.responses import Response

from tradewinds.core.instant import NS_PER_US, text

if TYPE_CHECKING:
    import polars as pl

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Any value of ours as JSON: dataclasses by their fields, `*_ns` as ISO 8601 under the name without it, decimals as text."""
    return Response(orjson.dumps(plain(value), option=_OPTIONS), status, None if headers is None else dict(headers), JSON)


def plain(value: Any) -> Any:
    """The value in kinds that orjson writes."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return dict(_named(str(name), one) for name, one in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value.is_finite() else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)  # orjson writes no other
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_named(one.name, getattr(value, one.name)) for one in fields(value))
    return str(value)


def columns_of(frame: pl.DataFrame) -> dict[str, Any]:
    """A frame as columns that orjson writes: float64 and int64 arrays, lists of text. Times become microseconds."""
    found: dict[str, Any] = {}
    for column in frame.iter_columns():
        name = column.name
        if name.endswith("_ns"):
            found[f"{name.removesuffix('_ns')}_us"] = (
                (column // NS_PER_US).to_numpy(writable=True)
                if not column.null_count()
                else [None if one is None else one // NS_PER_US for one in column.to_list()]
            )
        elif column.dtype.is_float():
            found[name] = np.ascontiguousarray(column.to_numpy(), dtype=np.float64)
        elif column.dtype.is_integer() and not column.null_count():
            found[name] = np.ascontiguousarray(column.to_numpy())
        else:
            found[name] = [one.isoformat() if isinstance(one, date) else one for one in column.to_list()]
    return found


def series_json(facts: Mapping[str, Any], columns: Mapping[str, Any], after: str | None) -> bytes:
    """{facts…, "columns": {name: [values]}, "next": cursor}; what is no number is null."""
    return orjson.dumps({**facts, "columns": columns, "next": after}, option=orjson.OPT_SERIALIZE_NUMPY)


def arrow_stream(frame: pl.DataFrame) -> bytes:
    """An Arrow IPC stream of the frame; its times stay nanoseconds, as columns `*_ns` of int64."""
    out = io.BytesIO()
    frame.write_ipc_stream(out, compat_level=None)
    return out.getvalue()


def _named(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_ns") and (value is None or (isinstance(value, int) and not isinstance(value, bool))):
        return name.removesuffix("_ns"), None if value is None else text(value)
    return name, plain(value)
