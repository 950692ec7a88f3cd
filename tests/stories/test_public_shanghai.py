"""Shanghai stocks in two vintages of adjusted prices, and one in the words of a web page, through the nightly jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.app.plan_runner import run_plan
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import parse, to_date
from tradewinds.jobs.catalog import plans
from tradewinds.wiring.house import House

pytestmark = pytest.mark.shared

SYMBOLS = ("600000", "600009", "600030", "600036", "600276", "600519", "600585", "600900", "601166", "601318")
SECTIONS = {
    "equities": {
        "XSHG": {
            "calendar": "XSHG",
            "instruments": [f"{symbol}.XSHG" for symbol in SYMBOLS],
            "vendors": ["qfq"],
            "since": "2025-01-02",
            "currency": "CNY",
        }
    },
    "vendors": {"qfq": {"use": "drops", "options": {"path": "drops", "venue": "XSHG", "calendar": "XSHG"}}},
}


def _night(home: Any, shared: Path, vintage: str) -> tuple[House, dict[str, Any]]:
    """The vintage of a day dropped, and the sessions of 2025 up to that day reconciled and published that evening."""
    (home.folder / "drops").mkdir(exist_ok=True)
    for symbol in SYMBOLS:
        rows = pl.read_csv(shared / "equities/sse_daily" / f"{symbol}_v{vintage}.csv").filter(pl.col("date") >= "2025-01-02")
        named = rows.select(
            pl.lit(symbol).alias("symbol"), pl.col("date").alias("session"), "open", "high", "low", "close", pl.col("volume") * 100
        )
        named.write_csv(home.folder / "drops" / f"{symbol}.csv")
    house: House = home.open(SECTIONS, f"{vintage}T18:00:00Z")
    plan = next(one for one in plans(house.config) if one.name == "equities_nightly_xshg")
    return house, run_plan(plan, f"2025-01-02..{vintage}", {}, house=house, progress=lambda message: None)


def test_a_later_vintage_restates_the_past_and_the_past_still_reads_as_it_was(shared: Path, stage: Any, told: Any) -> None:
    home = stage("vintages")
    _, august = _night(home, shared, "2025-08-26")

    house, september = _night(home, shared, "2025-09-30")

    found = told(house)
    conch, moutai, pudong = "600585.XSHG", "600519.XSHG", "600000.XSHG"
    first, last = "2025-08-27T00:00:00Z", "2025-10-01T00:00:00Z"
    revised = {name: found.kinds(f"{name}.XSHG").get("revised", 0) for name in SYMBOLS}
    then, now = (found.rows("bars-1d", conch, as_of=at) for at in (first, last))
    level = then.join(now, on="start_ns", suffix="_now").select((pl.col("close") / pl.col("close_now")).alias("ratio"))["ratio"]
    assert (august["rows_published"], august["rows_restated"]) == (10 * 158, 0)
    assert (september["rows_published"], september["rows_restated"]) == (10 * 25, sum(revised.values()))
    assert [revised[name] for name in SYMBOLS] == [1, 45, 63, 72, 11, 150, 158, 43, 61, 94]
    assert (then.height, now.height) == (158, 183)
    assert [found.row("bars-1d", conch, "2025-01-02T01:30:00Z", as_of=at)["close"] for at in (first, last)] == [22.6, 22.37]
    assert [found.row("bars-1d", moutai, "2025-05-06T01:30:00Z", as_of=at)["close"] for at in (first, last)] == [1520.3, 1520.41]
    assert (
        found.rows("bars-1d", pudong, as_of=first)["close"].to_list() == found.rows("bars-1d", pudong, as_of=last)["close"].to_list()[:158]
    )
    assert 1.009 < float(level.to_numpy().min()) <= float(level.to_numpy().max()) < 1.0125
    assert set(found.kinds()) == {"revised"}


def test_a_table_in_chinese_with_suffixes_newest_first_is_read_and_lacks_four_sessions(shared: Path, stage: Any, told: Any) -> None:
    page = {
        "path": str(shared / "equities/sse_daily/rlstock_investing_600519_raw_zh.csv"),
        "instrument": "600519.XSHG",
        "suffixes": "yes",
    }

    found = told(stage("page").read_files("2026-05-20T12:00:00Z", {"page": page}))

    rows = found.rows("bars-1d", "600519.XSHG")
    days = {to_date(start_ns) for start_ns in rows["start_ns"]}
    sessions = calendar("XSHG").sessions(to_date(parse("2012-03-21")), to_date(parse("2020-03-20")))
    last = rows.row(-1, named=True)
    assert rows.height == 1942
    assert [str(day) for day in sessions if day not in days] == ["2012-05-29", "2012-07-26", "2012-09-03", "2012-12-10"]
    assert (last["close"], last["volume"], to_date(last["start_ns"])) == (1035.28, 6_010_000.0, to_date(parse("2020-03-20")))
    assert found.kinds() == {}
