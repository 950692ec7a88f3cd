"""Recorded daily bars of US stocks from several vendors, with their real splits and dividends, through the nightly jobs."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.app.plan_runner import run_plan
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import parse, text
from tradewinds.history.adjust import adjust
from tradewinds.jobs.catalog import plans
from tradewinds.wiring.house import House

pytestmark = pytest.mark.shared

NOW = "2026-05-20T12:00:00Z"
AAPL, GOOG = "AAPL.XNAS", "GOOG.XNAS"
PRICES = ("open", "high", "low", "close")
BARS = ("symbol", "session", *PRICES, "volume")
NAMES = "time,open,high,low,close,volume"
XNYS = calendar("XNYS")


def _lean(shared: Path, symbol: str, *, splits: bool = True) -> pl.DataFrame:
    """Raw bars as a drop file; the splits are those of the factor file, whose lines say up to which day a factor holds."""
    with zipfile.ZipFile(shared / "equities/lean_daily" / f"{symbol.lower()}.zip") as archive:
        rows = pl.read_csv(archive.read(archive.namelist()[0]), has_header=False, new_columns=["day", *PRICES, "volume"])
    rows = rows.select(
        pl.lit(symbol).alias("symbol"),
        pl.col("day").str.slice(0, 8).str.to_date("%Y%m%d").alias("session"),
        *((pl.col(name) / 10_000).round(4) for name in PRICES),
        "volume",
    )
    if not splits:
        return rows
    factors = pl.read_csv(shared / "equities/lean_daily/factor_files" / f"{symbol.lower()}.csv", has_header=False).select(
        pl.col("column_0").cast(pl.String).str.to_date("%Y%m%d").alias("until"), pl.col("column_2").alias("factor")
    )
    found = factors.with_columns((pl.col("factor").shift(-1) / pl.col("factor")).round(4).alias("split_factor"))
    ex = found.filter((pl.col("split_factor") - 1).abs() > 1e-4).with_columns(
        pl.col("until").map_elements(XNYS.next_session, return_dtype=pl.Date).alias("session")
    )
    return rows.join(ex.select("session", "split_factor"), on="session", how="left").with_columns(pl.col("split_factor").fill_null(1.0))


def _quandl(shared: Path) -> pl.DataFrame:
    rows = pl.read_csv(shared / "equities/quandl_wiki/AAPL_ZEN_2014.csv.gz", try_parse_dates=True).filter(pl.col("ticker") == "AAPL")
    named = {"ticker": "symbol", "date": "session", "split_ratio": "split_factor", "ex-dividend": "dividend"}
    return rows.rename(named).select(*BARS, "split_factor", "dividend")


def _zipline(shared: Path) -> pl.DataFrame:
    rows = pl.read_csv(shared / "equities/zipline_csvdir/AAPL.csv.gz", try_parse_dates=True)
    named = {"date": "session", "split": "split_factor"}
    return rows.with_columns(pl.lit("AAPL").alias("symbol")).rename(named).select(*BARS, "split_factor", "dividend")


def _wiki(shared: Path) -> pl.DataFrame:
    rows = pl.read_csv(shared / "equities/quandl_wiki_bokeh/AAPL.csv.gz", try_parse_dates=True)
    return rows.rename({"Ticker": "symbol", "Date": "session"} | {name.title(): name for name in (*PRICES, "volume")}).select(BARS)


def _skfolio(shared: Path) -> pl.DataFrame:
    rows = pl.read_csv(shared / "equities/skfolio/sp500_dataset.csv.gz", try_parse_dates=True)
    close = pl.col("AAPL")
    same = [close.alias(name) for name in PRICES]
    chosen = rows.select(pl.lit("AAPL").alias("symbol"), pl.nth(0).alias("session"), *same, pl.lit(0).alias("volume"))
    return chosen.filter(pl.col("session").dt.year() == 2014)


def _night(
    home: Any,
    drops: Mapping[str, Sequence[pl.DataFrame]],
    partition: str,
    *,
    instruments: Sequence[str] = (AAPL,),
    second: Sequence[str] = (),
) -> tuple[House, dict[str, Any]]:
    """The nightly plan over drop folders, at NOW; returns the house and the statuses of the reconciled rows."""
    for vendor, frames in drops.items():
        (home.folder / "drops" / vendor).mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            frame.write_csv(home.folder / "drops" / vendor / f"{number}.csv")
    market = {
        "calendar": "XNYS",
        "instruments": list(instruments),
        "vendors": [name for name in drops if name not in second],
        "second_opinions": list(second),
        "since": "1998-01-02",
    }
    vendors = {name: {"use": "drops", "options": {"path": f"drops/{name}"}} for name in drops}
    house: House = home.open({"equities": {"XNYS": market}, "vendors": vendors}, NOW)
    plan = next(one for one in plans(house.config) if one.name == "equities_nightly_xnys")
    result = run_plan(plan, partition, {}, house=house, progress=lambda message: None)
    status: dict[str, Any] = result["detail"]["steps"]["reconcile"][0]["status"]
    return house, status


def _actions(house: House, instrument: str, as_of: str = NOW) -> list[tuple[str, str, str]]:
    found = house.ledger.actions(as_of_ns=parse(as_of), instruments=[instrument])
    return [(one.kind, text(one.effective_ns)[:10], str(one.value)) for one in found]


def test_raw_files_show_their_splits_and_their_bad_prints(shared: Path, stage: Any, told: Any) -> None:
    files = {
        symbol: {
            "path": str(shared / "equities/lean_daily" / f"{symbol}.zip"),
            "instrument": f"{symbol.upper()}.XNAS",
            "header": NAMES,
            "time_format": "%Y%m%d %H:%M",
            "price_scale": "0.0001",
        }
        for symbol in ("aapl", "spy", "aig", "bac", "goog")
    }

    found = told(stage("raw").read_files(NOW, files))

    def days(instrument: str) -> list[tuple[str, str, str | None]]:
        return sorted((text(one.start_ns)[:10], one.kind, one.field) for one in found.findings(instrument))

    assert [found.rows("bars-1d", f"{name}.XNAS").height for name in ("AAPL", "SPY", "AIG", "BAC", "GOOG")] == [
        5849,
        5849,
        5849,
        5849,
        4183,
    ]
    assert found.row("bars-1d", AAPL, "2014-06-09T13:30:00Z")["close"] == 93.7
    assert days(AAPL) == [
        ("2005-02-28", "spike", "close"),
        ("2009-09-21", "spike", "low"),
        ("2010-08-31", "spike", "low"),
        ("2011-01-03", "spike", "low"),
        ("2014-06-09", "unit", "close"),
        ("2020-08-31", "spike", "close"),
    ]
    assert days("SPY.XNAS") == [("2005-09-06", "spike", "low")]
    assert days("AIG.XNAS") == [("1998-08-03", "spike", "close"), ("2009-05-05", "spike", "high"), ("2009-07-01", "unit", "close")]
    assert days("BAC.XNAS") == [("2001-11-12", "spike", "low"), ("2004-08-30", "spike", "close")]
    assert days(GOOG) == [("2007-12-18", "spike", "low"), ("2008-09-30", "spike", "low"), ("2014-04-03", "spike", "close")]


def test_the_real_splits_of_a_single_vendor_become_corporate_actions(shared: Path, stage: Any, told: Any) -> None:
    symbols = ("AAPL", "AIG", "BAC", "GOOG", "SPY")
    drops = {"lean": [_lean(shared, symbol) for symbol in symbols]}
    instruments = [f"{symbol}.XNAS" for symbol in symbols]

    house, status = _night(stage("splits"), drops, "1998-01-02..2021-03-31", instruments=instruments)

    splits = {"AAPL": [("2000-06-21", "2.0"), ("2005-02-28", "2.0"), ("2014-06-09", "7.0"), ("2020-08-31", "4.0")]}
    splits |= {"AIG": [("1998-08-03", "1.5"), ("1999-08-02", "1.25"), ("2000-07-31", "1.5"), ("2009-07-01", "0.05")]}
    splits |= {"BAC": [("2004-08-30", "2.0")], "GOOG": [("2015-04-27", "1.0027")], "SPY": []}
    held = {(row["instrument"], text(row["start_ns"])[:10]) for name in instruments for row in _held(told(house), name)}
    adjusted = adjust(told(house).rows("bars-1d", AAPL), house.ledger.actions(as_of_ns=parse(NOW), instruments=[AAPL]), parse(NOW))
    assert sum(status.values()) == 4 * 5849 + 4183
    assert {name: [(day, value) for _, day, value in _actions(house, f"{name}.XNAS")] for name in symbols} == splits
    assert {(GOOG, "2008-09-30"), (GOOG, "2014-04-03")} <= held
    assert len(held) <= 10
    assert _actions(house, AAPL, as_of="2014-06-09T12:00:00Z") == [("split", "2000-06-21", "2.0"), ("split", "2005-02-28", "2.0")]
    assert adjusted["close"].pct_change().abs().max() == pytest.approx(0.5165, abs=1e-4)  # 2000-09-29, a real fall


def _held(found: Any, instrument: str) -> list[dict[str, Any]]:
    rows: pl.DataFrame = found.rows("bars-1d", instrument)
    return rows.filter(pl.col("status") == "held").to_dicts()


def test_splits_that_nobody_states_are_held_and_not_believed(shared: Path, stage: Any, told: Any) -> None:
    house, _ = _night(stage("unstated"), {"lean": [_lean(shared, "AAPL", splits=False)]}, "1998-01-02..2021-03-31")

    held = {text(row["start_ns"])[:10]: row["reason"] for row in _held(told(house), AAPL)}
    assert set(held) >= {"2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"}
    assert "2000-09-29" not in held
    assert _actions(house, AAPL) == []


def test_two_vendors_and_a_second_opinion_agree_on_the_split_and_dividends_of_2014(shared: Path, stage: Any, told: Any) -> None:
    drops = {"quandl": [_quandl(shared)], "lean": [_lean(shared, "AAPL")], "skfolio": [_skfolio(shared)]}

    house, status = _night(stage("2014"), drops, "2014-01-02..2014-12-31", second=["skfolio"])

    found = told(house)
    rows = found.rows("bars-1d", AAPL).filter(pl.col("start_ns") >= parse("2014-01-02"))
    assert rows["close"].to_list() == _quandl(shared)["close"].to_list()
    assert sum(status.values()) == 252 + 20
    assert status["held"] <= 30
    assert {one.kind for one in found.findings()} == {"conflict"}
    assert [one for one in found.findings() if "skfolio" in one.detail] == []
    assert (found.row("bars-1d", AAPL, "2014-06-09T13:30:00Z")["close"], found.row("bars-1d", AAPL, "2014-06-06T13:30:00Z")["close"]) == (
        93.7,
        645.57,
    )
    assert _actions(house, AAPL) == [
        ("dividend", "2014-02-06", "3.05"),
        ("dividend", "2014-05-08", "3.29"),
        ("split", "2014-06-09", "7.0"),
        ("dividend", "2014-08-07", "0.47"),
        ("dividend", "2014-11-06", "0.47"),
    ]


def test_prices_adjusted_for_a_split_to_come_are_never_published_as_certain(shared: Path, stage: Any, told: Any) -> None:
    drops = {"quandl": [_quandl(shared)], "lean": [_lean(shared, "AAPL")], "zipline": [_zipline(shared)]}

    house, _ = _night(stage("adjusted"), drops, "2014-04-01..2014-07-31")

    found = told(house)
    before = found.rows("bars-1d", AAPL).filter(pl.col("start_ns") < parse("2014-06-09"))
    certain = before.filter(pl.col("status").is_in(["ok", "resolved"]))
    told_of = [one for one in found.findings() if one.start_ns < parse("2014-06-09") and one.kind in ("split", "unit")]
    assert before.filter(pl.col("vendor") == "zipline").height == 0
    assert certain.filter(pl.col("close") < 200).height == 0
    assert len(told_of) >= 30
    assert ("split", "2014-06-09", "7.0") in _actions(house, AAPL)


def test_a_split_within_a_held_session_counts_once_somebody_released_it(shared: Path, stage: Any, told: Any) -> None:
    drops = {"wiki": [_wiki(shared)], "lean": [_lean(shared, "AAPL")]}
    home = stage("released")
    house, _ = _night(home, drops, "2000-05-01..2000-07-31")
    start_ns = XNYS.open_ns(date(2000, 6, 21))
    before = (told(house).row("bars-1d", AAPL, "2000-06-21T13:30:00Z")["status"], _actions(house, AAPL))

    house.ledger.release(AAPL, "bars-1d", start_ns, decision="accept", released_by="trader", released_ns=parse(NOW), note="official close")
    house, _ = _night(home, drops, "2000-05-01..2000-07-31")

    found = [(one.vendor, one.kind) for one in told(house).findings(AAPL) if one.kind == "split"]
    assert found == [("wiki", "split")]
    assert before == ("held", [])
    assert told(house).row("bars-1d", AAPL, "2000-06-21T13:30:00Z")["status"] == "resolved"
    assert _actions(house, AAPL) == [("split", "2000-06-21", "2.0")]
