"""Recorded months of Binance perpetuals, as zips with CHECKSUM from a local archive, through the backfill job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.wiring import sandbox
from tradewinds.wiring.house import House, run_job

pytestmark = pytest.mark.shared

NOW = "2026-08-20T12:00:00Z"
FIL = "FILUSDT.BINANCE_UM"
OTHERS = ("AVAXUSDT.BINANCE_UM", "LINKUSDT.BINANCE_UM", "DOTUSDT.BINANCE_UM", "LTCUSDT.BINANCE_UM")
SECTIONS = {"crypto": {"perpetual": {"market": "um", "bars": [{"interval": "1m", "instruments": ["FILUSDT"], "since": "2023-04-01"}]}}}


def _shard(instruments: tuple[str, ...], low: str, high: str) -> dict[str, Any]:
    return {"market": "perpetual", "interval": "1m", "instruments": list(instruments), "from": low, "to": high}


@pytest.fixture(scope="module")
def filled(shared: Path, stage: Any) -> Iterator[tuple[House, list[dict[str, Any]]]]:
    """Three months of FIL and one of four others, in the history."""
    venues = sandbox.start({"archive": [str(shared / "crypto" / "binance_um_1m")], "now_ns": parse(NOW)}, in_process=True)
    house = stage("perpetuals").open(SECTIONS, NOW, venues.environment)
    shards = [_shard((FIL,), "2023-04-01", "2023-07-01"), _shard(OTHERS, "2026-02-01", "2026-03-01")]
    yield house, [run_job("crypto_backfill.ingest", "2026-08-20", shard, house=house) for shard in shards]
    venues.stop()


def test_seven_months_arrive_whole_and_without_a_gap(filled: Any, told: Any) -> None:
    house, results = filled

    starts = told(house).rows("bars-1m", FIL)["start_ns"]

    assert [result["rows_published"] for result in results] == [43_200 + 44_640 + 43_200, 4 * 40_320]
    assert [result["failed"] for result in results] == [{}, {}]
    assert starts.diff().drop_nulls().unique().to_list() == [NS_PER_MINUTE]
    assert told(house).when("gap") == []


def test_the_only_findings_are_real_falls_marked_as_warnings(filled: Any, told: Any) -> None:
    house, _ = filled

    found = told(house).findings()

    assert {(one.instrument, one.kind, one.severity) for one in found} == {(FIL, "spike", "warning")}
    assert told(house).when("spike", FIL) == [
        "2023-04-19T08:22:00Z",
        "2023-06-10T04:21:00Z",
        "2023-06-10T04:22:00Z",
        "2023-06-10T04:25:00Z",
        "2023-06-10T04:26:00Z",
        "2023-06-10T04:28:00Z",
    ]
    assert [one.detail for one in found if one.start_ns == parse("2023-06-10T04:26:00Z")] == ["close 2.607 after 2.92: -10.7%"]
    assert told(house).row("bars-1m", FIL, "2023-06-10T04:26:00Z")["close"] == 2.607


def test_minutes_without_a_trade_are_kept_and_are_nothing_to_report(filled: Any, told: Any) -> None:
    house, _ = filled

    rows = told(house).rows("bars-1m", FIL)
    quiet = rows.filter(rows["volume"] == 0)

    assert quiet.height == 7
    assert quiet["trades"].to_list() == [0] * 7
    assert not {one.start_ns for one in told(house).findings()} & set(quiet["start_ns"].to_list())


def test_numbers_are_those_of_the_file_and_the_row_names_its_bytes(filled: Any, told: Any) -> None:
    house, _ = filled

    row = told(house).row("bars-1m", FIL, "2023-06-01T00:00:00Z")

    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [4.689, 4.692, 4.686, 4.686, 30174.6]
    assert [row[name] for name in ("quote_volume", "trades", "taker_base", "taker_quote")] == [141518.2995, 298, 8203.1, 38477.1027]
    assert (row["vendor"], row["event_ns"]) == ("binance_archive", parse("2023-06-01T00:01:00Z"))
    assert house.raw.has(row["source"])


def test_a_second_run_fetches_and_writes_nothing(filled: Any) -> None:
    house, _ = filled

    again = run_job("crypto_backfill.ingest", "2026-08-20", _shard(OTHERS, "2026-02-01", "2026-03-01"), house=house)

    assert (again["state"], again["detail"]["fetched"], again["detail"]["skipped"]) == ("nothing", 0, 4)
    assert again["detail"]["bytes_written"] == 0
