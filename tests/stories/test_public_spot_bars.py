"""Recorded spot bars of Binance: months as zips with CHECKSUM, answers over REST, an outage lived through, a past restated."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.core.instant import NS_PER_HOUR, parse
from tradewinds.wiring.house import House, run_job

pytestmark = pytest.mark.shared

NOW = "2026-05-20T12:00:00Z"
BTC, ETH, LINK = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "LINKUSDT.BINANCE"
SIX = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "AVAXUSDT", "LINKUSDT")
SECTIONS = {"crypto": {"spot": {"bars": [{"interval": "1h", "instruments": ["BTCUSDT"], "since": "2023-03-01"}]}}}


def _address(venue: Any) -> dict[str, str]:
    return {"TRADEWINDS_BINANCE_ARCHIVE_URL": venue.url, "TRADEWINDS_BINANCE_URL": venue.url}


def _archive(venue: Any, zipped: Any, shared: Path, symbol: str, interval: str, low: str, high: str) -> None:
    """Let the venue serve the months of [low, high) as its archive has them: zips without a header line, with CHECKSUM."""
    bars = pl.read_parquet(shared / "crypto" / "binance_spot_rest" / f"{symbol}-{interval}.parquet")
    months = bars.with_columns(month=pl.from_epoch("open_time", time_unit="ms").dt.strftime("%Y-%m"))
    chosen = months.filter((pl.col("month") >= low) & (pl.col("month") < high))
    for (month,), part in chosen.partition_by("month", as_dict=True).items():
        name = f"{symbol}-{interval}-{month}"
        body, checksum = zipped(name, part.drop("month").write_csv(include_header=False).encode())
        venue.answer(f"/data/spot/monthly/klines/{symbol}/{interval}/{name}.zip", body)
        venue.answer(f"/data/spot/monthly/klines/{symbol}/{interval}/{name}.zip.CHECKSUM", checksum)


def _backfill(house: House, interval: str, symbols: tuple[str, ...], low: str, high: str) -> dict[str, Any]:
    instruments = [f"{symbol}.BINANCE" for symbol in symbols]
    shard = {"market": "spot", "interval": interval, "instruments": instruments, "from": low, "to": high}
    return run_job("crypto_backfill.ingest", NOW[:10], shard, house=house)


def _newest(house: House, interval: str, since: str, **more: Any) -> dict[str, Any]:
    """What the hourly job does for BTC."""
    batch = {"market": "spot", "interval": interval, "instruments": [BTC], "since_ns": parse(since), **more}
    return run_job("crypto_incremental.ingest", since, batch, house=house)


def _klines(rows: list[list[Any]]) -> Callable[[dict[str, str], dict[str, str]], tuple[int, bytes, dict[str, str]]]:
    """A REST endpoint that has these rows."""

    def answer(query: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        chosen = [row for row in rows if int(query["startTime"]) <= row[0] <= int(query["endTime"])]
        return 200, json.dumps(chosen).encode(), {}

    return answer


def _march(shared: Path) -> Any:
    return json.loads((shared / "crypto/binance_spot_rest/raw/BTCUSDT_1h_2023-03-01.json").read_text())


def test_the_outage_of_march_2023_is_a_gap_and_a_stub_for_every_coin(shared: Path, stage: Any, told: Any, venue: Any, zipped: Any) -> None:
    for symbol in SIX:
        _archive(venue, zipped, shared, symbol, "1h", "2023-03", "2023-04")
    house = stage("outage").open(SECTIONS, NOW, _address(venue))

    result = _backfill(house, "1h", SIX, "2023-03-01", "2023-04-01")

    found = told(house)
    stub = found.row("bars-1h", BTC, "2023-03-24T12:00:00Z")
    assert result["rows_published"] == 6 * 743
    assert found.kinds() == {"gap": 6, "odd_close": 6}
    assert found.when("gap") == ["2023-03-24T13:00:00Z"] * 6
    assert found.when("odd_close") == ["2023-03-24T12:00:00Z"] * 6
    assert [one.detail for one in found.findings(BTC) if one.kind == "odd_close"] == [
        "BTCUSDT-1h-2023-03: states its close at 2023-03-24T12:39:41.646Z, expected 2023-03-24T13:00:00Z"
    ]
    assert (stub["volume"], stub["trades"], stub["high"] - stub["low"]) == (0.0, 0, 0.0)


def test_archive_and_rest_say_the_same_to_the_last_digit(shared: Path, stage: Any, told: Any, venue: Any, zipped: Any) -> None:
    _archive(venue, zipped, shared, "BTCUSDT", "1h", "2023-03", "2023-04")
    venue.answer("/api/v3/klines", _klines(_march(shared)))
    house = stage("both").open(SECTIONS, "2023-04-10T00:00:00Z", _address(venue))
    _backfill(house, "1h", ("BTCUSDT",), "2023-03-01", "2023-04-01")

    again = _newest(house, "1h", "2023-03-01", to="2023-04-01", is_from_since=True)

    assert (again["rows_in"], again["rows_published"], again["rows_restated"]) == (743, 0, 0)
    assert set(told(house).rows("bars-1h", BTC)["vendor"]) == {"binance_archive"}


def test_whoever_lives_through_the_outage_hour_by_hour_sees_the_gap_when_trading_resumes(
    shared: Path, stage: Any, told: Any, venue: Any
) -> None:
    venue.answer("/api/v3/klines", _klines(_march(shared)))
    home = stage("hourly")
    gaps = []

    for hour in ("12:30", "13:30", "14:30", "15:30"):
        house = home.open(SECTIONS, f"2023-03-24T{hour}:00Z", _address(venue))
        _newest(house, "1h", "2023-03-24")
        gaps.append((told(house).rows("bars-1h", BTC).height, told(house).when("gap")))
    stubs = [one.detail for one in told(house).findings(BTC) if one.kind == "odd_close"]

    assert gaps == [(12, []), (13, []), (13, []), (14, ["2023-03-24T13:00:00Z"])]
    assert stubs == ["binance bars-1h BTCUSDT: states its close at 2023-03-24T12:39:41.646Z, expected 2023-03-24T13:00:00Z"]


def test_nine_years_of_two_hour_bars_have_their_known_gaps_and_odd_closes(
    shared: Path, stage: Any, told: Any, venue: Any, zipped: Any
) -> None:
    _archive(venue, zipped, shared, "BTCUSDT", "2h", "2017-08", "2026-04")
    house = stage("years").open(SECTIONS, NOW, _address(venue))

    result = _backfill(house, "2h", ("BTCUSDT",), "2017-08-01", "2026-04-01")

    found = told(house)
    longest = [one.detail for one in found.findings() if one.kind == "gap" and one.start_ns == parse("2018-02-08T02:00:00Z")]
    assert (result["rows_published"], result["detail"]["fetched"]) == (37_733, 104)
    assert found.kinds() == {"gap": 18, "odd_close": 15, "spike": 12}
    assert longest == ["16 bars missing until 2018-02-09T10:00:00Z"]
    assert found.when("spike") == [
        "2018-10-15T06:00:00Z",
        "2019-02-24T14:00:00Z",
        "2019-04-02T04:00:00Z",
        "2019-09-24T18:00:00Z",
        "2019-10-26T00:00:00Z",
        "2020-03-12T22:00:00Z",
        "2020-03-13T02:00:00Z",
        "2020-07-27T16:00:00Z",
        "2023-04-26T18:00:00Z",
        "2023-08-17T20:00:00Z",
        "2023-08-29T14:00:00Z",
        "2025-10-10T20:00:00Z",
    ]


def test_a_day_that_closed_after_half_an_hour_and_a_low_of_a_hundredth_of_a_cent_are_told_and_kept(
    shared: Path, stage: Any, told: Any, venue: Any, zipped: Any
) -> None:
    for symbol, low, high in (("BTCUSDT", "2018-01", "2018-04"), ("ETHUSDT", "2018-01", "2018-04"), ("LINKUSDT", "2020-01", "2020-06")):
        _archive(venue, zipped, shared, symbol, "1d", low, high)
    house = stage("days").open(SECTIONS, NOW, _address(venue))

    _backfill(house, "1d", ("BTCUSDT", "ETHUSDT"), "2018-01-01", "2018-04-01")
    _backfill(house, "1d", ("LINKUSDT",), "2020-01-01", "2020-06-01")

    found = told(house)
    assert found.when("odd_close", BTC) == found.when("odd_close", ETH) == ["2018-02-08T00:00:00Z"]
    assert [one.detail for one in found.findings(ETH)] == [
        "ETHUSDT-1d-2018-02: states its close at 2018-02-08T00:28:14.799Z, expected 2018-02-09T00:00:00Z"
    ]
    assert [(one.kind, one.detail) for one in found.findings(LINK)] == [("spike", "low 0.0001, open 3.817, close 1.9931")]
    assert found.row("bars-1d", LINK, "2020-03-12")["low"] == 0.0001


def test_three_days_of_2019_were_restated_and_the_past_still_reads_as_it_was(shared: Path, stage: Any, told: Any, venue: Any) -> None:
    routes = json.loads(gzip.decompress((shared / "api/binance/gct_http_public.json.gz").read_bytes()))["routes"]
    older = next(one["data"] for one in routes["/api/v3/klines"]["GET"] if one["data"] and len(one["data"]) == 365)
    newer = pl.read_parquet(shared / "crypto/binance_spot_rest/BTCUSDT-1d.parquet")
    venue.answer("/api/v3/klines", _klines(older))
    home = stage("restated")
    first = home.open(SECTIONS, "2020-01-02T00:00:00Z", _address(venue))
    _newest(first, "1d", "2019-01-01", to="2020-01-01", is_from_since=True)

    venue.forget("/api/v3/klines")
    venue.answer("/api/v3/klines", _klines([list(row) for row in newer.rows()]))
    later = home.open(SECTIONS, NOW, _address(venue))
    result = _newest(later, "1d", "2019-01-01", to="2020-01-01", is_from_since=True)

    found = told(later)
    versions = later.lake.versions(found.table("bars-1d"), instruments=[BTC])
    restated = versions.filter(pl.col("start_ns").is_duplicated())["start_ns"].unique(maintain_order=True).to_list()
    was, now = (found.row("bars-1d", BTC, "2019-12-04", as_of=at) for at in ("2021-01-01", NOW))
    assert (result["rows_in"], result["rows_published"], result["rows_restated"]) == (365, 0, 3)
    assert restated == [parse("2019-05-08"), parse("2019-10-01"), parse("2019-12-04")]
    assert [was[name] for name in ("open", "high", "low", "close")] == [now[name] for name in ("open", "high", "low", "close")]
    assert (was["volume"], was["trades"]) == (83147.149142, 516158)
    assert (now["volume"], now["trades"]) == (83153.701586, 516250)
    assert now["known_ns"] == parse(NOW)


def test_an_answer_without_rows_is_no_error_and_a_month_ahead_has_none(shared: Path, stage: Any, venue: Any) -> None:
    empty = (shared / "crypto/binance_spot_rest/raw/BTCUSDT_1d_2030-01-01.json").read_text()
    venue.answer("/api/v3/klines", empty)
    house = stage("empty").open(SECTIONS, NOW, _address(venue))

    result = _newest(house, "1d", "2026-05-01", is_from_since=True)

    assert (result["state"], result["rows_in"], result["failed"]) == ("nothing", 0, {})


def test_half_hours_over_rest_make_the_hours_that_the_venue_states(shared: Path, stage: Any, told: Any, venue: Any) -> None:
    from tradewinds.calendars.sessions import calendar
    from tradewinds.history.resample import resample

    raw = shared / "crypto/binance_spot_rest/raw"
    venue.answer(
        "/api/v3/klines", lambda query, headers: _klines(json.loads((raw / _FILES[query["interval"]]).read_text()))(query, headers)
    )
    house = stage("halves").open(SECTIONS, NOW, _address(venue))
    for interval, since in (("30m", "2024-08-01"), ("1h", "2024-08-01")):
        _newest(house, interval, since, to="2024-08-12", is_from_since=True)
    low, high = parse("2024-08-01"), parse("2024-08-12")
    values = ["start_ns", "open", "high", "low", "close", "trades"]

    made = resample(told(house).rows("bars-30m", BTC), calendar("24/7"), "1h", start_ns=low, end_ns=high)

    assert made.height == 11 * 24
    assert made.select(values).equals(told(house).rows("bars-1h", BTC).select(values))
    assert made["start_ns"].diff().drop_nulls().unique().to_list() == [NS_PER_HOUR]


_FILES = {"30m": "BTCUSDT_30m_2024-07-29.json", "1h": "BTCUSDT_1h_2024-08-01.json"}
