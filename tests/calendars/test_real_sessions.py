"""The calendars against days and hours on which real markets traded."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_MS, parse

pytestmark = pytest.mark.shared


def _zipped(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def test_apple_traded_on_every_new_york_session_of_23_years_and_on_no_other_day(shared: Path) -> None:
    days = [_day(row[0]) for row in _zipped(shared / "equities/lean_daily/aapl.zip")]

    assert len(days) == 5849
    assert list(calendar("XNAS").sessions(days[0], days[-1])) == days


def test_the_shanghai_index_was_made_on_every_session_of_14_years_and_on_no_other_day(shared: Path) -> None:
    with gzip.open(shared / "equities/sse_index/czsc_000001.SH_D.csv.gz", "rt") as lines:
        stamps = [next(value for value in row.values() if value[:2] == "20") for row in csv.DictReader(lines)]
    days = sorted(date.fromisoformat(stamp[:10]) for stamp in stamps)

    assert len(days) == 3332
    assert list(calendar("XSHG").sessions(days[0], days[-1])) == days


def test_euro_dollar_hours_lie_in_fx_sessions(shared: Path) -> None:
    rows = _zipped(shared / "fx/lean_oanda_hour/eurusd.zip")
    starts = np.array([parse(f"{r[0][:4]}-{r[0][4:6]}-{r[0][6:8]}T{r[0][9:]}") for r in rows], dtype=np.int64)

    fx = calendar("FX")
    expected = fx.expected_starts(int(starts[0]), int(starts[-1]) + NS_PER_HOUR, "1h")

    assert len(starts) == 74439
    assert (fx.session_days(starts) >= 0).all()
    assert len(expected) == 75121
    assert len(np.setdiff1d(expected, starts)) == 682  # Christmas, New Year and hours without a tick


def test_the_first_euro_dollar_minute_of_a_week_is_five_in_new_york(shared: Path) -> None:
    fx = calendar("FX")
    for path in sorted((shared / "fx/lean_oanda_minute_eurusd").glob("*.zip")):
        midnight = parse(f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}")
        starts = np.array([midnight + int(row[0]) * NS_PER_MS for row in _zipped(path)], dtype=np.int64)
        assert (fx.session_days(starts) >= 0).all(), path.name
        if path.name.startswith("20140504"):  # a Sunday
            assert 0 <= starts[0] - fx.open_ns(date(2014, 5, 5)) < 10 * NS_PER_MINUTE


def test_spy_minutes_of_a_week_fill_the_sessions_of_new_york(shared: Path) -> None:
    xnys = calendar("XNYS")
    folder = shared / "known/lean_basic_template/spy_minute"
    for path in sorted(folder.glob("*.zip")):
        day = _day(path.name[:8])
        local_midnight = parse(day.isoformat()) + 4 * NS_PER_HOUR  # New York in October
        starts = np.array([local_midnight + int(row[0]) * NS_PER_MS for row in _zipped(path)], dtype=np.int64)
        assert pl.Series(xnys.minutes(day)).is_in(pl.Series(starts).implode()).all(), path.name
