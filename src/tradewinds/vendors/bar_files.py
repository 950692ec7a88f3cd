"""Bars from any CSV or Parquet with a column map: what `data import` reads. Plain, gzipped or alone in a zip.

`base_url` is a file, a folder (every .csv, .txt, .gz, .zip and .parquet below it) or an address. Options, all text:

    columns        `time=Date,open=Open,volume=Vol.`: ours = theirs. Names that say it themselves need none
    header         the names of a file that has no header line, in order: `time,open,high,low,close,volume`
    kind           bars (default), or quotes with bid_open ... ask_close
    interval       1d (default), 1m, 1h ...
    instrument     `AAPL.XNAS`; `{stem}.XNAS` takes the file's name; else a column `symbol` and the option `venue`
    calendar       whose sessions a daily bar covers (default: the venue's where it is known, else 24/7)
    zone           of times without an offset (default UTC); ignored for daily bars, which have dates
    time_format    strftime forms, parted by `|`; default ISO 8601, for dates also 2024年1月31日
    time_unit      s, ms, us or ns: the time column counts since 1970, or with `midnight` since that local midnight
    midnight       a date, or `{date}`: eight digits in the file's name
    stamp          start (default) or end: what an intraday time marks
    price_scale, volume_scale    each number is multiplied by it: 0.0001 for prices in ten-thousandths, 100 for lots
    suffixes       yes: `6.01M` and `3.94%` are numbers
    without_time   refuse (default) or skip: what becomes of a row whose time is absent
    lag            from the bar's end to when it was known (default 0s)
    encoding, delimiter
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from tradewinds.calendars.publication import local_midnight_ns
from tradewinds.calendars.sessions import ALWAYS_OPEN, NAMES
from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.market import Interval, bars, quotes
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.equity import session_times
from tradewinds.vendors.moments import UNITS, TimeForm, moments
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked, lag_ns, pairs
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import Sheet, read

if TYPE_CHECKING:
    from tradewinds.wire.http import HttpClient
    from tradewinds.wire.secret import Secret

SUFFIXES = (".csv", ".txt", ".gz", ".zip", ".parquet")
KNOWN_AS = {
    "time": ("time", "date", "datetime", "timestamp", "day", "dt", "open_time", "session", "start"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "symbol": ("symbol", "ticker"),
}
_DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


class BarFiles:
    """Bars (or bid and ask quotes) of files that somebody has."""

    name = "files"

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if base_url is None:
            raise Rejected("bar files: no place, expected base_url to name a file, a folder or an address")
        self._options = checked(
            options,
            "bar files",
            **dict.fromkeys(("columns", "header", "interval", "instrument", "venue", "calendar", "zone", "time_format"), ()),
            **dict.fromkeys(("midnight", "price_scale", "volume_scale", "lag", "encoding", "delimiter", "name"), ()),
            kind=("bars", "quotes"),
            time_unit=tuple(UNITS),
            stamp=("start", "end"),
            suffixes=("yes", "no"),
            without_time=("refuse", "skip"),
        )
        self.name = options.get("name", "files")
        self._http = http
        self._place = base_url
        self._interval = Interval(options.get("interval", "1d"))
        if self._interval.ns is None or (self._interval.is_daily_or_longer and self._interval.name not in ("1d", "1w")):
            raise Rejected(f"bar files: interval {self._interval.name}, expected up to 1d, or 1w")
        self._dataset = quotes(self._interval) if options.get("kind") == "quotes" else bars(self._interval)
        self._columns = pairs(options.get("columns", ""), what="bar files: columns")
        self._header = tuple(name.strip() for name in options["header"].split(",")) if "header" in options else ()
        self._price_scale = _scale(options.get("price_scale", "1"), "price_scale")
        self._volume_scale = _scale(options.get("volume_scale", "1"), "volume_scale")
        self._lag_ns = lag_ns(options.get("lag", "0s"), what="bar files")
        self.capability = Capability((self._dataset.name,), lag_ns=self._lag_ns)

    def datasets(self) -> Sequence[Dataset]:
        return (self._dataset,)

    def plan(self, request: Request) -> list[Pull]:
        if request.dataset != self._dataset.name:
            raise Rejected(f"bar files: dataset {request.dataset!r}, expected {self._dataset.name}")
        return [Pull(self.name, self._dataset.name, self._place)]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """The bytes of the file, of each file below the folder, or at the address."""
        if pull.locator.startswith(("http://", "https://")):
            answer = self._http.get(pull.locator, what=f"bar files {pull.locator.rpartition('/')[2]}")
            yield Payload(pull, answer.content, answer.captured_ns)
            return
        root = Path(pull.locator.removeprefix("file://"))
        if root.is_file():
            yield Payload(replace(pull, locator=root.name), root.read_bytes(), self._http.clock.now_ns())
            return
        paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()) if root.is_dir() else []
        if not paths:
            raise Missing(f"bar files: nothing to read at {root}, expected a file or a folder with {', '.join(SUFFIXES)}")
        for path in paths:
            yield Payload(replace(pull, locator=path.relative_to(root).as_posix()), path.read_bytes(), self._http.clock.now_ns())

    def parse(self, payload: Payload) -> pl.DataFrame:
        what = f"{self.name} {payload.pull.locator}"
        sheet = self._sheet(payload.content, what)
        if sheet.cells.is_empty():
            return nothing(self._dataset)
        instruments = self._instruments(sheet, payload.pull.locator)
        times = self._times(sheet, instruments, payload.pull.locator)
        rows = pl.DataFrame([instruments.alias("instrument"), *times, *self._values(sheet)])
        told = rows.filter(pl.col("start_ns").is_not_null()).with_columns((pl.col("event_ns") + self._lag_ns).alias("known_ns"))
        return conformed(told, self._dataset, payload)

    def _sheet(self, content: bytes, what: str) -> Sheet:
        """The table under our names; columns that are not mapped keep theirs."""
        sheet = read(
            content,
            what,
            columns=self._header,
            delimiter=self._options.get("delimiter", ","),
            encoding=self._options.get("encoding", "utf-8-sig"),
        )
        sheet.require(tuple(self._columns.values()))
        ours = {theirs: name for name, theirs in self._columns.items()}
        for name, spellings in KNOWN_AS.items():
            if name not in self._columns:
                alike = next((theirs for spelling in spellings for theirs in sheet.names if theirs.lower() == spelling), None)
                if alike is not None and alike not in ours:
                    ours[alike] = name
        found = sheet.renamed(lambda theirs: ours.get(theirs, f"their {theirs}" if theirs in ours.values() else theirs))
        found.require(("time",))
        if not any(column.name in found.names for column in self._dataset.columns):
            raise Unreadable(f"{what}: columns {sheet.names}, expected prices; name them with the option columns")
        return found

    def _instruments(self, sheet: Sheet, locator: str) -> pl.Series:
        stated = self._options.get("instrument")
        rows = sheet.cells.height
        if stated is not None:
            stem = PurePosixPath(locator).name.split(".")[0]
            symbol, venue = split_id(stated.replace("{stem}", stem.upper()))
            return pl.Series([instrument_id(symbol, venue)], dtype=pl.String).new_from_index(0, rows)
        if "symbol" not in sheet.names or "venue" not in self._options:
            raise Rejected(f"{sheet.what}: no instrument, expected the option instrument, or a symbol column and the option venue")
        symbols = sheet.texts("symbol")
        sheet.refuse("symbol", symbols.is_null(), "a symbol")
        ids = {symbol: instrument_id(symbol, self._options["venue"]) for symbol in symbols.unique(maintain_order=True)}
        return symbols.replace_strict(ids, return_dtype=pl.String)

    def _times(self, sheet: Sheet, instruments: pl.Series, locator: str) -> list[pl.Series]:
        """start_ns and event_ns; null where the row has no time and may be skipped."""
        formats = tuple(filter(None, self._options.get("time_format", "").split("|")))
        is_skipped = self._options.get("without_time") == "skip"
        if self._interval.is_daily_or_longer:
            days = self._days(sheet, formats)
            if not is_skipped:
                sheet.refuse("time", days.is_null(), "a date")
            return self._session_edges(sheet, days.alias("session"), instruments)
        form = TimeForm(self._options.get("zone", "UTC"), formats, self._options.get("time_unit"), self._since_ns(locator))
        stamps = moments(sheet, "time", form)
        if not is_skipped:
            sheet.refuse("time", stamps.is_null(), "a time")
        length = self._interval.ns
        assert length is not None
        start = stamps - length if self._options.get("stamp") == "end" else stamps
        return [start.alias("start_ns"), (start + length).alias("event_ns")]

    def _days(self, sheet: Sheet, formats: Sequence[str]) -> pl.Series:
        unit = self._options.get("time_unit")
        if unit is not None:
            return moments(sheet, "time", TimeForm(unit=unit)).cast(pl.Datetime("ns")).dt.date()
        series = sheet.cells["time"]
        if series.dtype == pl.String and not formats:
            # A daily bar may be stamped with any time of its day, in the exchange's clock; the date is what counts.
            series = series.str.strip_chars().str.replace(r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?$", "")
        return Sheet(sheet.what, sheet.cells.with_columns(series.alias("time"))).dates("time", formats)

    def _session_edges(self, sheet: Sheet, days: pl.Series, instruments: pl.Series) -> list[pl.Series]:
        venues = instruments.str.split(".").list.last().alias("venue")
        table = pl.DataFrame([days, venues]).with_row_index("row")
        parts = []
        for (venue,), part in table.partition_by("venue", as_dict=True).items():
            name = self._options.get("calendar", str(venue) if venue in NAMES else ALWAYS_OPEN)
            parts.append(part.join(session_times(part["session"], name), on="session", how="left", maintain_order="left"))
        edges = pl.concat(parts).sort("row")
        sheet.refuse("time", edges["start_ns"].is_null() & days.is_not_null(), "a day that the calendar speaks of")
        length = self._interval.ns
        assert length is not None
        event = edges["start_ns"] + length if self._interval.name == "1w" else edges["event_ns"]
        return [edges["start_ns"], event.alias("event_ns")]

    def _since_ns(self, locator: str) -> int:
        midnight = self._options.get("midnight")
        if midnight is None:
            return 0
        named = _DATE_IN_NAME.search(PurePosixPath(locator).name) if midnight == "{date}" else _DATE_IN_NAME.fullmatch(midnight)
        if named is None:
            raise Rejected(f"bar files {locator}: midnight {midnight!r}, expected a date such as 2014-05-01, or one in the file's name")
        return local_midnight_ns(date(int(named[1]), int(named[2]), int(named[3])), self._options.get("zone", "UTC"))

    def _values(self, sheet: Sheet) -> list[pl.Series]:
        has_suffixes = self._options.get("suffixes") == "yes"
        values = []
        for column in self._dataset.columns:
            if column.name in sheet.names:
                numbers = sheet.numbers(column.name, has_suffixes=has_suffixes)
                scale = self._volume_scale if "volume" in column.name else self._price_scale if column.kind == "float" else (1.0, 1.0)
                # Divided value by value: one number for all of them polars turns into its reciprocal, and 909100 into 90.91000000000001.
                divisor = pl.Series([scale[1]], dtype=pl.Float64).new_from_index(0, len(numbers))
                values.append((numbers * scale[0] / divisor).alias(column.name))
        return values


def _scale(text: str, option: str) -> tuple[float, float]:
    """(factor, divisor): 0.0001 divides by 10000, because 162500 / 10000 is 16.25 and 162500 * 0.0001 is not."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise Rejected(f"bar files: {option} {text!r}, expected a positive number")
    inverse = 1 / number
    return (1.0, round(inverse)) if number < 1 and abs(inverse - round(inverse)) < 1e-6 * inverse else (number, 1.0)
