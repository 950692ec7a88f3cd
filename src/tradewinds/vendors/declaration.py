"""The declaration of a dataset: a YAML file in which a user says what a table's columns mean and when its facts were known.

    name: news                       # the dataset
    path: news.csv                   # a file or glob beside this one, or an address; {date} and {symbol} ask for many
    instrument: {column: symbol, venue: XNAS}     # or a constant, `NEWS.WORLD`
    event: {column: published_at, zone: America/New_York}
    known: {column: received_at}     # or {lag: 15m}, or both: the lag where the cell is absent
    keys: [headline_id]
    columns:
      headline_id: text
      tone: {kind: float, unit: fraction, from: sentiment}

Further: `description`, `start` (as event, where a fact covers an interval), `partitioning` (month or year), `format` (csv, jsonl,
json or parquet; default: by the bytes), `delimiter`, `encoding`, `header` (the names of a CSV without a header line), and
`secret_header` (the header in which an address wants its key). Times take `zone`, `format` (strftime, or a list) and
`unit` (s, ms, us, ns since 1970). Unknown keys are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instrument import split_id
from tradewinds.core.observation import Column, ColumnKind, Dataset, Partitioning
from tradewinds.vendors.moments import TimeForm
from tradewinds.vendors.options import lag_ns

FORMATS = ("csv", "jsonl", "json", "parquet")
_KEYS = ("name", "path", "instrument", "event", "columns", "known", "keys", "start", "description", "partitioning")
_FILE_KEYS = ("format", "delimiter", "encoding", "header", "secret_header")


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Where a time stands and how it is written."""

    column: str
    form: TimeForm


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared dataset. `sources`: our column -> theirs. `instrument` is the constant id, or `symbol_column` names the symbol's."""

    dataset: Dataset
    path: str
    event: TimeColumn
    start: TimeColumn | None
    known: TimeColumn | None
    sources: Mapping[str, str]
    forms: Mapping[str, TimeForm]
    instrument: str | None
    symbol_column: str | None
    venue: str | None
    format: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    header: tuple[str, ...] = ()
    secret_header: str | None = None


def load(path: Path) -> Declaration:
    """The declaration in a YAML file. Raises Missing where there is none, Rejected where it says something impossible."""
    import yaml  # only those who declare datasets pay for it

    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Missing(f"declaration {path}: no such file, expected a YAML file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Rejected(f"declaration {path}: {' '.join(str(error).split())}, expected YAML") from None
    return declared(body, f"declaration {path.name}")


def declared(body: object, what: str) -> Declaration:
    """The declaration that a mapping holds; raises Rejected with the key, its value and what was expected."""
    told = _mapping(body, what, (*_KEYS, *_FILE_KEYS), required=("name", "path", "instrument", "event", "columns"))
    columns, sources, forms = _columns(told["columns"], f"{what}: columns")
    known = _mapping(told.get("known", {}), f"{what}: known", ("column", "lag", "zone", "format", "unit"))
    format_ = told.get("format")
    if format_ is not None and format_ not in FORMATS:
        raise Rejected(f"{what}: format {format_!r}, expected one of {', '.join(FORMATS)}")
    partitioning = told.get("partitioning", "month")
    if partitioning not in get_args(Partitioning):
        raise Rejected(f"{what}: partitioning {partitioning!r}, expected month or year")
    instrument, symbol_column, venue = _instrument(told["instrument"], f"{what}: instrument")
    return Declaration(
        dataset=Dataset(
            str(told["name"]),
            columns,
            keys=_texts(told.get("keys", []), f"{what}: keys"),
            partitioning=partitioning,
            lag_ns=lag_ns(str(known.get("lag", "0s")), what=f"{what}: known"),
            description=str(told.get("description", "")),
        ),
        path=str(told["path"]),
        event=_time(told["event"], f"{what}: event"),
        start=_time(told["start"], f"{what}: start") if "start" in told else None,
        known=_time({key: value for key, value in known.items() if key != "lag"}, f"{what}: known") if "column" in known else None,
        sources=sources,
        forms=forms,
        instrument=instrument,
        symbol_column=symbol_column,
        venue=venue,
        format=format_,
        delimiter=str(told.get("delimiter", ",")),
        encoding=str(told.get("encoding", "utf-8-sig")),
        header=_texts(told.get("header", []), f"{what}: header"),
        secret_header=told.get("secret_header"),
    )


def _columns(body: object, what: str) -> tuple[tuple[Column, ...], dict[str, str], dict[str, TimeForm]]:
    if not isinstance(body, Mapping) or not body:
        raise Rejected(f"{what} {body!r}, expected a name and a kind for each column")
    columns, sources, forms = [], {}, {}
    for name, given in body.items():
        told = _mapping(
            given if isinstance(given, Mapping) else {"kind": given},
            f"{what}: {name}",
            ("kind", "unit", "from", "zone", "format"),
            required=("kind",),
        )
        if told["kind"] not in get_args(ColumnKind):
            raise Rejected(f"{what}: {name} is {told['kind']!r}, expected one of {', '.join(get_args(ColumnKind))}")
        columns.append(Column(str(name), told["kind"], str(told.get("unit", ""))))
        sources[str(name)] = str(told.get("from", name))
        forms[str(name)] = TimeForm(str(told.get("zone", "UTC")), _texts(told.get("format", []), f"{what}: {name}"))
    return tuple(columns), sources, forms


def _instrument(body: object, what: str) -> tuple[str | None, str | None, str | None]:
    """(constant id, None, None), or (None, column, venue); without a venue the column holds whole ids."""
    if isinstance(body, str):
        split_id(body)
        return body, None, None
    told = _mapping(body, what, ("column", "venue"), required=("column",))
    return None, str(told["column"]), None if told.get("venue") is None else str(told["venue"])


def _time(body: object, what: str) -> TimeColumn:
    given = {"column": body} if isinstance(body, str) else body
    told = _mapping(given, what, ("column", "zone", "format", "unit"), required=("column",))
    return TimeColumn(str(told["column"]), TimeForm(str(told.get("zone", "UTC")), _texts(told.get("format", []), what), told.get("unit")))


def _texts(body: object, what: str) -> tuple[str, ...]:
    if isinstance(body, str):
        return (body,)
    if not isinstance(body, Sequence) or not all(isinstance(one, str) for one in body):
        raise Rejected(f"{what} {body!r}, expected a list of words")
    return tuple(body)


def _mapping(body: object, what: str, allowed: Sequence[str], required: Sequence[str] = ()) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Rejected(f"{what} {body!r}, expected keys among {', '.join(allowed)}")
    unknown = sorted(str(key) for key in body if key not in allowed)
    lacking = [key for key in required if body.get(key) is None]
    if unknown or lacking:
        raise Rejected(f"{what}: {f'unknown {unknown}' if unknown else f'without {lacking}'}, expected keys among {', '.join(allowed)}")
    return body
