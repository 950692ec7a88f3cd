"""One daily drop file of an equity vendor: CSV or Parquet into typed rows.

    symbol,session,open,high,low,close,volume        needed
    received_at                                      ISO 8601, UTC where no offset stands
    currency                                         three letters
    split_factor                                     new shares per old share on the ex-session, 1 otherwise
    dividend                                         cash per old share on the ex-session

Column names may be written in any case and order; further columns are passed over. A value that cannot be read is an error that
names file, line and value. A value that can be read but not be true (a negative price, NaN) is data, and becomes a finding.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.market import PRICES

NEEDED = ("symbol", "session", *PRICES, "volume")
NUMBERS = (*PRICES, "volume", "split_factor", "dividend")
OPTIONAL = ("received_at", "currency", "split_factor", "dividend")


def read_drop(path: Path) -> pl.DataFrame:
    """The rows of a file, with `received_ns` in the place of received_at; raises Unreadable."""
    try:
        frame = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except pl.exceptions.NoDataError:
        raise Unreadable(f"drop file {path}: it is empty, expected a header with {', '.join(NEEDED)}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Unreadable(f"drop file {path}: {_first_line(error)}, expected {path.suffix[1:].upper()}") from error
    names = {name: name.strip().lstrip("\ufeff").lower() for name in frame.columns}
    if len(set(names.values())) < len(names):
        raise Unreadable(f"drop file {path}: columns {frame.columns}, expected each once")
    frame = frame.rename(names)
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise Unreadable(f"drop file {path}: columns {missing} are missing, found {frame.columns}")
    text = frame.select(pl.col(name).cast(pl.String).str.strip_chars() for name in (*NEEDED, *OPTIONAL) if name in frame.columns)
    return _typed(path, text)


def _parquet(path: Path) -> pl.DataFrame:
    """Dates and instants, however they are stored, as the text that a CSV would hold."""
    frame = pl.read_parquet(path)
    days = [pl.col(name).dt.date() for name, dtype in frame.schema.items() if name.lower() == "session" and isinstance(dtype, pl.Datetime)]
    stamps = []
    for name, dtype in frame.schema.items():
        if name.lower() == "received_at" and isinstance(dtype, pl.Datetime):
            instant = pl.col(name).dt.convert_time_zone("UTC") if dtype.time_zone else pl.col(name)
            stamps.append(instant.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))
    return frame.with_columns(*days, *stamps)


def _csv(path: Path) -> pl.DataFrame:
    """All columns as text. A last line that is shorter than the header is a file that breaks off; elsewhere missing values are empty."""
    content = path.read_bytes()
    lines = content.rstrip(b"\r\n").count(b"\n")
    header, last = content.split(b"\n", 1)[0], content.rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
    if lines and b'"' not in last and last.count(b",") < header.count(b","):
        there, expected = last.count(b",") + 1, header.count(b",") + 1
        raise Unreadable(f"drop file {path} line {lines + 1}: {there} values, expected {expected}: the file breaks off")
    return pl.read_csv(content, infer_schema=False)


def _typed(path: Path, text: pl.DataFrame) -> pl.DataFrame:
    numbers = [name for name in NUMBERS if name in text.columns]
    rows = text.with_columns(
        pl.col("symbol").str.to_uppercase(),
        pl.col("session").str.to_date("%Y-%m-%d", strict=False),
        *[pl.col(name).cast(pl.Float64, strict=False) for name in numbers],
    )
    if rows["symbol"].null_count() or (rows["symbol"] == "").any():
        line = int((rows["symbol"].fill_null("") == "").arg_max() or 0) + 2
        raise Unreadable(f"drop file {path} line {line}: symbol is empty, expected a ticker")
    for name, expected in (("session", "a date such as 2024-01-31"), *((name, "a number") for name in numbers)):
        needed = name in NEEDED
        bad = rows[name].is_null() & (pl.Series(values=[True]) if needed else (text[name].is_not_null() & (text[name] != "")))
        if bad.any():
            at = int(bad.arg_max() or 0)
            raise Unreadable(f"drop file {path} line {at + 2}: {name} {text[name][at]!r}, expected {expected}")
    return rows.with_columns(_received(path, text)).drop("received_at", strict=False)


def _received(path: Path, text: pl.DataFrame) -> pl.Series:
    """Nanoseconds of received_at; null where the column or the value is absent."""
    if "received_at" not in text.columns:
        return pl.Series("received_ns", [None] * text.height, dtype=pl.Int64)
    stamps = text["received_at"]
    quick = stamps.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="ns").dt.epoch("ns")
    values = quick.to_list()
    for at in (quick.is_null() & stamps.is_not_null() & (stamps != "")).arg_true().to_list():
        try:
            values[at] = parse(stamps[at])
        except Rejected as error:
            raise Unreadable(
                f"drop file {path} line {at + 2}: received_at {stamps[at]!r}, expected ISO 8601 such as 2024-01-31T21:40:00Z"
            ) from error
    return pl.Series("received_ns", values, dtype=pl.Int64)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
