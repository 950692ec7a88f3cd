"""Recorded quotes of currencies and a year of Commitments of Traders, through the dataset job."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.history.resample import resample
from tradewinds.wiring.house import run_job

pytestmark = pytest.mark.shared

NOW = "2026-05-20T12:00:00Z"
NAMES = "time,bid_open,bid_high,bid_low,bid_close,bid_size,ask_open,ask_high,ask_low,ask_close,ask_size"
DAILY = {"kind": "quotes", "header": NAMES, "time_format": "%Y%m%d %H:%M"}


def test_quotes_of_one_dealer_cross_and_those_of_another_never_do(shared: Path, stage: Any, told: Any) -> None:
    files = {
        f"{dealer}-{pair}": {
            **DAILY,
            "path": str(shared / "fx" / f"lean_{dealer}_daily" / f"{pair}.zip"),
            "instrument": f"{pair.upper()}.{dealer.upper()}",
        }
        for dealer in ("oanda", "fxcm")
        for pair in ("eurusd", "gbpusd")
    }

    found = told(stage("dealers").read_files(NOW, files))

    def closes(instrument: str) -> int:
        rows: pl.DataFrame = found.rows("quotes-1d", instrument)
        return rows.filter(pl.col("ask_close") <= pl.col("bid_close")).height

    assert found.kinds("EURUSD.OANDA") == found.kinds("GBPUSD.OANDA") == {}
    assert (found.kinds("EURUSD.FXCM"), found.kinds("GBPUSD.FXCM")) == ({"crossed": 419}, {"crossed": 149})
    assert (closes("EURUSD.FXCM"), closes("GBPUSD.FXCM"), closes("EURUSD.OANDA")) == (177, 49, 0)
    assert found.row("quotes-1d", "EURUSD.FXCM", "2007-04-15")["ask_open"] < found.row("quotes-1d", "EURUSD.FXCM", "2007-04-15")["bid_open"]
    assert found.rows("quotes-1d", "EURUSD.FXCM").height == 3487


def test_minutes_of_a_dealer_make_its_hours_but_for_the_open(shared: Path, stage: Any, told: Any) -> None:
    fx = shared / "fx"
    files = {
        "minutes": {
            "kind": "quotes",
            "header": NAMES,
            "interval": "1m",
            "time_unit": "ms",
            "midnight": "{date}",
            "path": str(fx / "lean_oanda_minute_eurusd"),
            "instrument": "EURUSD.OANDA",
        },
        "hours": {**DAILY, "interval": "1h", "path": str(fx / "lean_oanda_hour" / "eurusd.zip"), "instrument": "EURUSD.OANDA"},
    }

    found = told(stage("hours").read_files(NOW, files))

    low, high = parse("2014-05-01"), parse("2014-05-02T20:00:00Z")
    made = resample(found.rows("quotes-1m", "EURUSD.OANDA"), calendar("24/7"), "1h", start_ns=low, end_ns=high)
    stated = found.rows("quotes-1h", "EURUSD.OANDA").filter(pl.col("start_ns").is_between(low, high, "left"))
    values = ["start_ns", *(f"{side}_{price}" for side in ("bid", "ask") for price in ("open", "high", "low", "close"))]
    both = made.select(values).join(stated.select(values), on="start_ns", suffix="_stated")
    alike = {name: both.filter((pl.col(name) - pl.col(f"{name}_stated")).abs() < 1e-9).height for name in values[1:]}
    assert (found.rows("quotes-1m", "EURUSD.OANDA").height, found.rows("quotes-1h", "EURUSD.OANDA").height) == (9_552, 74_439)
    assert found.findings() == []
    assert both.height == 44
    assert [alike[f"bid_{price}"] for price in ("open", "high", "low", "close")] == [13, 42, 44, 44]
    assert [alike[f"ask_{price}"] for price in ("open", "high", "low", "close")] == [7, 44, 44, 44]


def test_yen_minutes_rest_at_weekends_and_state_no_volume(shared: Path, stage: Any, told: Any) -> None:
    folder = shared / "fx" / "nautilus_fxcm_1m"
    files = {
        side: {"path": str(folder / f"usdjpy-m1-{side}-2013.csv.gz"), "interval": "1m", "instrument": f"USDJPY-{side.upper()}.FXCM"}
        for side in ("bid", "ask")
    }

    found = told(stage("yen").read_files(NOW, files))

    lasting = sorted((one.end_ns - one.start_ns) // NS_PER_MINUTE for one in found.findings(vendor="ask"))
    assert (found.kinds(vendor="bid"), found.kinds(vendor="ask")) == ({"gap": 38}, {"gap": 38})
    assert lasting[-5:] == [2, 2881, 2881, 2881, 2882]


def test_positions_of_a_tuesday_are_known_on_friday(shared: Path, stage: Any, told: Any, venue: Any) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annual.txt", gzip.decompress((shared / "cftc" / "deacot2024_annual.txt.gz").read_bytes()))
    venue.answer("/files/dea/history/deacot2024.zip", packed.getvalue())
    sections = {
        "vendors": {"cftc": {"use": "cftc", "url": venue.url, "options": {"source": "archive"}}},
        "datasets": {"cot": {"vendor": "cftc", "dataset": "cot", "since": "2024-01-01"}},
    }
    house = stage("positions").open(sections, "2024-06-03T12:00:00Z")

    result = run_job("dataset", "2024-06-03", {"name": "cot"}, house=house)

    found = told(house)
    before, after = (
        found.rows("cot", "001602.CFTC", as_of=at)["start_ns"].to_list() for at in ("2024-01-05T20:29:00Z", "2024-01-05T20:31:00Z")
    )
    rows = found.rows("cot", "001602.CFTC")
    assert result["rows_published"] == 1820
    assert house.lake.read(found.table("cot"), as_of_ns=parse(NOW))["instrument"].n_unique() == 325
    assert (before, after) == ([], [parse("2024-01-02")])
    assert rows.height == 6
    assert rows.row(5, named=True)["open_interest"] == 419_546
