"""Tables as vendors send them (CSV or Parquet, plain, gzipped or alone in a zip), read strictly, each row with its line.

1. Unpack, by the first bytes and never by the name.
2. Read every cell of a CSV as text; a short or long row is refused with its line. Polars reads what has no quotes and no
   blank lines, the slower csv module the rest.
3. Turn columns into numbers, dates or instants on demand; a cell that is neither absent nor readable is refused with line and value.

Numbers that are impossible as prices (negative, zero, infinite) pass: finding them is the quality room's work, repairing them nobody's.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from tradewinds.core import instant
from tradewinds.core.errors import Rejected, Unreadable

LINE = "line"
ABSENT = ("", "nan", "null", "none", "n/a", "na", "-", "--", ".")
UNPACKED_BYTES_MAX = 4 * 1024**3  # a zip that claims more is a bomb or not for us

_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_SUFFIX = r"(?i)([kmb%])$"
_YMD = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `what` begins every message; `cells` has the columns by name and `line`, the row's line (CSV) or number (Parquet)."""

    what: str
    cells: pl.DataFrame

    @property
    def names(self) -> list[str]:
        return [name for name in self.cells.columns if name != LINE]

    def require(self, names: Sequence[str]) -> None:
        """Raises Unreadable when a column is missing."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise Unreadable(f"{self.what}: columns {self.names}, expected {missing} among them")

    def renamed(self, rule: Callable[[str], str]) -> Sheet:
        """The same table with every column renamed by `rule`."""
        names = [rule(name) for name in self.names]
        _refuse_twins(self.what, names)
        return Sheet(self.what, self.cells.rename(dict(zip(self.names, names, strict=True))))

    def texts(self, name: str) -> pl.Series:
        """The column as text without surrounding blanks; absent cells are null."""
        text = self._stripped(name)
        return text.set(_is_absent(text), None)

    def numbers(self, name: str, *, has_suffixes: bool = False) -> pl.Series:
        """The column as Float64; absent and NaN cells are null, thousands separators are understood.

        has_suffixes: `6.01M` is 6,010,000, `3.94%` is 0.0394 (k, m, b and %).
        """
        series = self.cells[name]
        if series.dtype.is_numeric():
            return series.cast(pl.Float64).fill_nan(None)
        direct = series.cast(pl.Float64, strict=False).fill_nan(None)
        odd = (direct.is_null() & series.is_not_null()).arg_true()
        if not len(odd):
            return direct.alias(name)
        return direct.scatter(odd, self._odd_numbers(name, odd, has_suffixes=has_suffixes)).alias(name)

    def _odd_numbers(self, name: str, rows: pl.Series, *, has_suffixes: bool) -> pl.Series:
        """The numbers in those rows, whose text is none as it stands."""
        text = self._stripped(name).gather(rows)
        frame = pl.DataFrame({"text": text}).with_columns(factor=pl.lit(1.0), digits=pl.col("text"))
        if has_suffixes:
            letter = pl.col("text").str.extract(_SUFFIX).str.to_lowercase()
            frame = frame.with_columns(
                factor=letter.replace_strict({"k": 1e3, "m": 1e6, "b": 1e9, "%": 1e-2}, default=1.0, return_dtype=pl.Float64),
                digits=pl.col("text").str.replace(_SUFFIX, ""),
            )
        plain = pl.when(pl.col("digits").str.contains(_THOUSANDS)).then(pl.col("digits").str.replace_all(",", "")).otherwise("digits")
        value = plain.cast(pl.Float64, strict=False)
        number = frame.select(pl.when(pl.col("factor") == 1.0).then(value).otherwise(value * pl.col("factor"))).to_series()
        bad = rows.filter(number.is_null() & ~_is_absent(text))
        if len(bad):
            self._refuse_row(name, int(bad[0]), "a number")
        return number.fill_nan(None)

    def dates(self, name: str, formats: Sequence[str] = ()) -> pl.Series:
        """The column as dates: year first (2024-01-31, 2024-1-31, 2024/1/31, 20240131, 2024年1月31日), or in one of `formats` alone."""
        series = self.cells[name]
        if series.dtype == pl.Date:
            return series
        if series.dtype.is_temporal():
            return series.dt.date()
        direct = series.str.to_date("%Y-%m-%d", strict=False, exact=True) if not formats else None
        if direct is not None and direct.null_count() == series.null_count():
            return direct
        text = self._stripped(name)
        if formats:
            day = pl.coalesce([pl.col(name).str.to_date(form, strict=False) for form in formats])
        else:
            parts = pl.col(name).str.extract_groups(_YMD).struct
            joined = pl.concat_str(parts.field("1"), parts.field("2").str.zfill(2), parts.field("3").str.zfill(2))
            compact = pl.when(pl.col(name).str.contains(r"^\d{8}$")).then(pl.col(name)).otherwise(joined)
            day = compact.str.to_date("%Y%m%d", strict=False)
        days = text.to_frame(name).select(day.alias(name)).to_series()
        self.refuse(
            name, days.is_null() & ~_is_absent(text), f"a date ({' or '.join(formats)})" if formats else "a date such as 2024-01-31"
        )
        return days

    def instants(self, name: str) -> pl.Series:
        """The column as Int64 nanoseconds UTC; text is ISO 8601, in UTC unless an offset stands there."""
        series = self.cells[name]
        if isinstance(series.dtype, pl.Datetime):
            return (
                series.dt.cast_time_unit("ns").dt.replace_time_zone(None).cast(pl.Int64)
                if series.dtype.time_zone is None
                else (series.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").dt.replace_time_zone(None).cast(pl.Int64))
            )
        text = self._stripped(name)
        absent = _is_absent(text)
        known: dict[str, int | None] = {}
        for value in text.set(absent, None).drop_nulls().unique(maintain_order=True):
            try:
                known[value] = instant.parse(value)
            except Rejected:
                known[value] = None
        moments = (
            text.replace_strict(known, default=None, return_dtype=pl.Int64) if known else pl.Series(name, [None] * len(text), pl.Int64)
        )
        self.refuse(name, moments.is_null() & ~absent, "a time such as 2024-01-31T21:00:00Z")
        return moments.alias(name)

    def refuse(self, name: str, bad: pl.Series, expected: str) -> None:
        """Raises Unreadable for the first row where `bad` holds, with its line and value."""
        if bad.any():
            self._refuse_row(name, int(bad.fill_null(value=False).arg_true()[0]), expected)

    def _refuse_row(self, name: str, row: int, expected: str) -> NoReturn:
        raise Unreadable(f"{self.what} line {self.cells[LINE][row]}: {name} {self.cells[name][row]!r}, expected {expected}")

    def _stripped(self, name: str) -> pl.Series:
        series = self.cells[name]
        return (series if series.dtype == pl.String else series.cast(pl.String)).str.strip_chars()


def read(content: bytes, what: str, *, columns: Sequence[str] = (), delimiter: str = ",", encoding: str = "utf-8-sig") -> Sheet:
    """The table in these bytes. `columns` names them where a CSV has no header line. Raises Unreadable."""
    content = unpacked(content, what)
    if content[:4] == b"PAR1":
        return _parquet(content, what)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"{what}: byte {content[error.start]:#04x} at {error.start}, expected text in {encoding}") from None
    if text.strip().strip("\x00") == "":
        raise Unreadable(f"{what}: an empty file of {len(content)} bytes, expected a table")
    if text.lstrip()[:1] in ("<", "{"):
        raise Unreadable(f"{what}: begins with {text.lstrip()[:_EXCERPT]!r}, expected a table and not a page or a message")
    return _csv(text, what, tuple(columns), delimiter)


def unpacked(content: bytes, what: str) -> bytes:
    """The bytes inside a gzip or a zip of one file; any others as they are. Raises Unreadable for corrupt archives."""
    try:
        if content[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                plain = packed.read(UNPACKED_BYTES_MAX + 1)
            if len(plain) > UNPACKED_BYTES_MAX:
                raise Unreadable(f"{what}: a gzip of over {UNPACKED_BYTES_MAX} bytes, expected less")
            return plain
        if content[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                if len(members) != 1 or members[0].file_size > UNPACKED_BYTES_MAX:
                    raise Unreadable(
                        f"{what}: a zip of {[m.filename for m in members]}, expected one file below {UNPACKED_BYTES_MAX} bytes"
                    )
                return archive.read(members[0])
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"{what}: archive of {len(content)} bytes cannot be unpacked ({error}), expected a whole gzip or zip") from error
    return content


def _parquet(content: bytes, what: str) -> Sheet:
    try:
        cells = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Unreadable(
            f"{what}: Parquet of {len(content)} bytes cannot be read ({str(error)[:_EXCERPT]}), expected a whole file"
        ) from error
    names = [name.strip() for name in cells.columns]
    _refuse_twins(what, names)
    cells.columns = names
    return Sheet(what, cells.with_row_index(LINE, offset=1))


def _csv(text: str, what: str, columns: tuple[str, ...], delimiter: str) -> Sheet:
    lines = text.count("\n") + (not text.endswith("\n"))
    first = text[: text.index("\n")] if "\n" in text else text
    width = first.count(delimiter) + 1
    is_plain = (
        '"' not in text
        and "\n\n" not in text
        and "\n\r\n" not in text
        and first.strip() != ""
        and text.count(delimiter) == lines * (width - 1)
    )
    if is_plain and width > 1:
        try:
            cells = pl.read_csv(text.encode(), has_header=False, infer_schema=False, separator=delimiter, quote_char=None)
        except pl.exceptions.PolarsError:
            cells = None  # the slow way names the line
        if cells is not None and cells.height == lines:
            return _named(_without_blank_rows(cells.with_row_index(LINE, offset=1)), what, columns)
    numbers: list[int] = []
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if rows and len(row) != len(rows[0]):
                raise Unreadable(f"{what} line {reader.line_num}: {len(row)} cells {row!r}, expected {len(rows[0])}"[:400])
            numbers.append(reader.line_num)
            rows.append(row)
    except csv.Error as error:
        raise Unreadable(f"{what} line {reader.line_num}: {error}, expected a CSV row") from None
    table = pl.DataFrame(rows, schema=[f"column_{i + 1}" for i in range(len(rows[0]))], orient="row", infer_schema_length=None)
    return _named(table.insert_column(0, pl.Series(LINE, numbers, pl.UInt32)), what, columns)


def _without_blank_rows(cells: pl.DataFrame) -> pl.DataFrame:
    is_blank = [pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "") for name in cells.columns[1:]]
    return cells.filter(~pl.all_horizontal(is_blank)) if cells.select(is_blank[0].any()).item() else cells


def _named(cells: pl.DataFrame, what: str, columns: tuple[str, ...]) -> Sheet:
    width = cells.width - 1
    if not columns:
        head = cells.row(0)[1:]
        columns = tuple((name or "").strip() or f"column_{i + 1}" for i, name in enumerate(head))
        cells = cells[1:]
    if len(columns) != width:
        raise Unreadable(f"{what}: {width} columns, expected {len(columns)}: {list(columns)}")
    _refuse_twins(what, columns)
    cells.columns = [LINE, *columns]
    return Sheet(what, cells)


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1 or name == LINE})
    if twins:
        raise Unreadable(f"{what}: columns {twins} stand there twice or are called {LINE!r}, expected distinct names")


def _is_absent(text: pl.Series) -> pl.Series:
    return text.is_null() | text.str.to_lowercase().is_in(ABSENT).fill_null(value=True)
