"""Columns of times in whatever form a file has them, as UTC nanoseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_MS, NS_PER_SECOND, NS_PER_US
from tradewinds.vendors.sheet import Sheet

UNITS = {"s": NS_PER_SECOND, "ms": NS_PER_MS, "us": NS_PER_US, "ns": 1}
_OFFSET = r"(?i)(?:\d(?:Z|[+-]\d{2}:?\d{2})|[+-]\d{2}:\d{2})$"
_WITHOUT_OFFSET = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a column writes its times.

    zone: of times that carry no offset. formats: strftime, tried in order; none means ISO 8601.
    unit: the column counts these since 1970, or since `since_ns`.
    """

    zone: str = "UTC"
    formats: tuple[str, ...] = ()
    unit: str | None = None
    since_ns: int = 0

    def __post_init__(self) -> None:
        if self.unit is not None and self.unit not in UNITS:
            raise Rejected(f"time unit {self.unit!r}, expected one of {', '.join(UNITS)}")


def moments(sheet: Sheet, name: str, form: TimeForm) -> pl.Series:
    """The column as Int64 nanoseconds UTC; absent cells are null. Raises Unreadable with line and value.

    A local time that a clock change skips does not exist and is refused; of two that it repeats, the first is meant.
    """
    series = sheet.cells[name]
    if form.unit is not None:
        return _counted(sheet, name, form)
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        stamps = series.cast(pl.Datetime("ns")) if series.dtype == pl.Date else series.dt.cast_time_unit("ns")
        return _utc(stamps, form.zone) if stamps.dtype == pl.Datetime("ns") else stamps.dt.convert_time_zone("UTC").cast(pl.Int64)
    text = sheet.texts(name)
    found = _formatted(text, form.formats, form.zone) if form.formats else _iso(text, form.zone)
    expected = f"a time such as {' or '.join(form.formats)}" if form.formats else "a time such as 2024-01-31T21:00:00Z"
    sheet.refuse(name, found.is_null() & text.is_not_null(), f"{expected} in {form.zone}")
    return found.alias(name)


def _counted(sheet: Sheet, name: str, form: TimeForm) -> pl.Series:
    """Whole numbers only: `1.70027E+12` is a time that a spreadsheet has destroyed."""
    assert form.unit is not None
    scale = UNITS[form.unit]
    series = sheet.cells[name]
    if series.dtype.is_integer():
        return series.cast(pl.Int64) * scale + form.since_ns
    direct = series.cast(pl.Int64, strict=False)
    if direct.null_count() == series.null_count():
        return (direct * scale + form.since_ns).alias(name)
    text = sheet.texts(name)
    if form.unit == "s":
        parts = text.to_frame("text").select(
            pl.col("text").str.extract(r"^(\d+)(?:\.\d+)?$", 1).cast(pl.Int64, strict=False).alias("whole"),
            pl.col("text")
            .str.extract(r"^\d+\.(\d{1,9})\d*$", 1)
            .fill_null("0")
            .str.pad_end(9, "0")
            .cast(pl.Int64, strict=False)
            .alias("rest"),
        )
        counted = parts["whole"] * scale + parts["rest"]
    else:
        counted = (
            text.to_frame("text").select(pl.col("text").str.extract(r"^(\d+)(?:\.0*)?$", 1)).to_series().cast(pl.Int64, strict=False)
            * scale
        )
    sheet.refuse(name, counted.is_null() & text.is_not_null(), f"a whole count of {form.unit}")
    return (counted + form.since_ns).alias(name)


def _formatted(text: pl.Series, formats: Sequence[str], zone: str) -> pl.Series:
    found = pl.Series([None] * len(text), dtype=pl.Int64)
    for one in formats:
        if "%z" in one or "%#z" in one:
            parsed = text.str.to_datetime(one, strict=False, time_unit="ns", time_zone="UTC").cast(pl.Int64)
        elif any(code in one for code in ("%H", "%I", "%s", "%T", "%R")):
            parsed = _utc(text.str.to_datetime(one, strict=False, time_unit="ns"), zone)
        else:
            parsed = _utc(text.str.to_date(one, strict=False).cast(pl.Datetime("ns")), zone)
        found = found.fill_null(parsed)
    return found


def _iso(text: pl.Series, zone: str) -> pl.Series:
    """ISO 8601 with or without an offset, date and time parted by T or a blank, the time left out or not."""
    has_offset = text.str.contains(_OFFSET).fill_null(value=False) & text.str.contains(r"\d[T ]\d").fill_null(value=False)
    known = {value: _parsed(value) for value in text.filter(has_offset).unique(maintain_order=True)}
    exact = text.replace_strict(known, default=None, return_dtype=pl.Int64) if known else pl.Series([None] * len(text), dtype=pl.Int64)
    plain = text.set(has_offset, None).str.replace("T", " ", literal=True)
    return exact.fill_null(_formatted(plain, _WITHOUT_OFFSET, zone))


def _parsed(text: str) -> int | None:
    try:
        return instant.parse(text)
    except Rejected:
        return None


def _utc(stamps: pl.Series, zone: str) -> pl.Series:
    local = stamps.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").cast(pl.Int64)
