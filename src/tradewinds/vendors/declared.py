"""A dataset that a user declares: any structured file or address, with the meaning of its columns in a YAML file (`declaration`).

It then has what every vendor's data has: its bytes are captured first, quality looks at it, reads name an as-of, and each row
leads back to its bytes. `base_url` is the YAML file; its `path` is looked for beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import to_date
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.observation import Capability, Column, Dataset, Payload, Pull, Request
from tradewinds.vendors.declaration import Declaration, TimeColumn, load
from tradewinds.vendors.json_rows import objects, objects_by_line, tabulated
from tradewinds.vendors.moments import TimeForm, moments
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import Sheet, read, unpacked
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

PULLS_MAX = 100_000
_TRUE, _FALSE = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")


class Declared:
    """One declared dataset. Option: `name`, the vendor's (default: the dataset's)."""

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if base_url is None:
            raise Rejected("declared dataset: no declaration, expected base_url to name its YAML file")
        self._http = http
        self._secret = secret
        self._place = Path(base_url.removeprefix("file://"))
        self._name = checked(options, "declared dataset", name=()).get("name")

    @cached_property
    def declaration(self) -> Declaration:
        """What the YAML file says; read when first asked for."""
        return load(self._place)

    @cached_property
    def name(self) -> str:
        return self._name or self.declaration.dataset.name

    @cached_property
    def capability(self) -> Capability:
        dataset = self.declaration.dataset
        return Capability((dataset.name,), lag_ns=dataset.lag_ns, revises=True)

    def datasets(self) -> Sequence[Dataset]:
        return (self.declaration.dataset,)

    def plan(self, request: Request) -> list[Pull]:
        """One pull; one a day where the path names `{date}`, one an instrument where it names `{symbol}`."""
        told = self.declaration
        if request.dataset != told.dataset.name:
            raise Rejected(f"{self.name}: dataset {request.dataset!r}, expected {told.dataset.name}")
        places = [told.path]
        if "{symbol}" in told.path:
            symbols = dict.fromkeys(split_id(instrument)[0] for instrument in request.instruments)
            places = [told.path.replace("{symbol}", symbol) for symbol in symbols]
        if "{date}" in told.path:
            days = list(_days(to_date(request.start_ns), to_date(max(request.start_ns, request.end_ns - 1))))
            places = [place.replace("{date}", day.isoformat()) for place in places for day in days]
        if len(places) > PULLS_MAX:
            raise Rejected(f"{self.name}: {len(places)} pulls, expected at most {PULLS_MAX}; ask for a shorter time")
        return [Pull(self.name, told.dataset.name, place) for place in places]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        if pull.locator.startswith(("http://", "https://")):
            header = self.declaration.secret_header
            headers = {header: self._secret} if header and self._secret else {}
            answer = self._http.get(pull.locator, what=f"{self.name} {pull.locator.rpartition('/')[2]}", headers=headers)
            yield Payload(pull, answer.content, answer.captured_ns)
            return
        root = self._place.parent
        given = Path(pull.locator)
        paths = [given] if given.is_absolute() else sorted(path for path in root.glob(pull.locator) if path.is_file())
        if not paths or not paths[0].is_file():
            raise Missing(f"{self.name}: nothing like {pull.locator!r} beside {self._place}, expected a file")
        for path in paths:
            locator = path.name if given.is_absolute() else path.relative_to(root).as_posix()
            yield Payload(replace(pull, locator=locator), path.read_bytes(), self._http.clock.now_ns())

    def parse(self, payload: Payload) -> pl.DataFrame:
        told = self.declaration
        sheet = _sheet(payload.content, f"{self.name} {payload.pull.locator}", told)
        if sheet.cells.is_empty():
            return nothing(told.dataset)
        needed = [time.column for time in (told.event, told.start, told.known) if time is not None]
        sheet.require([*needed, *([told.symbol_column] if told.symbol_column else []), *told.sources.values()])
        event = _stated(sheet, told.event)
        start = event if told.start is None else _stated(sheet, told.start)
        known = event + told.dataset.lag_ns
        if told.known is not None:
            known = moments(sheet, told.known.column, told.known.form).fill_null(known)
        rows = pl.DataFrame(
            [
                _instruments(sheet, told).alias("instrument"),
                start.alias("start_ns"),
                event.alias("event_ns"),
                known.alias("known_ns"),
                *(_values(sheet, column, told).alias(column.name) for column in told.dataset.columns),
            ]
        )
        for key in told.dataset.keys:
            sheet.refuse(told.sources[key], rows[key].is_null(), "a value, because it is a key")
        return conformed(rows, told.dataset, payload)


def _sheet(content: bytes, what: str, told: Declaration) -> Sheet:
    if told.format in ("json", "jsonl"):
        plain = unpacked(content, what)
        if told.format == "json":
            return tabulated(objects(plain, what), what)
        rows, lines = objects_by_line(plain, what)
        return tabulated(rows, what, lines)
    return read(content, what, columns=told.header, delimiter=told.delimiter, encoding=told.encoding)


def _stated(sheet: Sheet, time: TimeColumn) -> pl.Series:
    found = moments(sheet, time.column, time.form)
    sheet.refuse(time.column, found.is_null(), "a time")
    return found


def _instruments(sheet: Sheet, told: Declaration) -> pl.Series:
    if told.symbol_column is None:
        return pl.Series([told.instrument], dtype=pl.String).new_from_index(0, sheet.cells.height)
    symbols = sheet.texts(told.symbol_column)
    sheet.refuse(told.symbol_column, symbols.is_null(), "a symbol")
    ids: dict[str, str | None] = {}
    for symbol in symbols.unique(maintain_order=True):
        try:
            ids[symbol] = instrument_id(*(split_id(symbol) if told.venue is None else (symbol, told.venue)))
        except Rejected:
            ids[symbol] = None
    found = symbols.replace_strict(ids, return_dtype=pl.String)
    sheet.refuse(told.symbol_column, found.is_null(), "SYMBOL.VENUE" if told.venue is None else "a symbol of letters, digits and _-/&+.")
    return found


def _values(sheet: Sheet, column: Column, told: Declaration) -> pl.Series:
    name = told.sources[column.name]
    form = told.forms[column.name]
    if column.kind == "text":
        return sheet.texts(name)
    if column.kind == "date":
        return sheet.dates(name, form.formats)
    if column.kind == "time":
        return moments(sheet, name, TimeForm(form.zone, form.formats))
    if column.kind == "bool":
        return _truths(sheet, name)
    numbers = sheet.numbers(name)
    return _whole(sheet, name, numbers) if column.kind == "int" else numbers


def _whole(sheet: Sheet, name: str, numbers: pl.Series) -> pl.Series:
    """The column as Int64, exactly: identifiers above 2^53 do not survive a float."""
    sheet.refuse(name, (numbers != numbers.round()) | (numbers.abs() >= 2.0**63), "a whole number below 2^63")
    series = sheet.cells[name]
    if series.dtype.is_integer():
        return series.cast(pl.Int64)
    return sheet.texts(name).cast(pl.Int64, strict=False).fill_null(numbers.cast(pl.Int64))


def _truths(sheet: Sheet, name: str) -> pl.Series:
    if sheet.cells[name].dtype == pl.Boolean:
        return sheet.cells[name]
    text = sheet.texts(name).str.to_lowercase()
    meaning = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    truths = text.replace_strict(meaning, default=None, return_dtype=pl.Boolean)
    sheet.refuse(name, truths.is_null() & text.is_not_null(), "true or false")
    return truths


def _days(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)
