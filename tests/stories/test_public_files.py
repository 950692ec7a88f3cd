"""Files of bars and prints that other programs published, through the vendor `files` and the trades job; and files that are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault
from tradewinds.core.instant import NS_PER_MINUTE, NS_PER_MS, parse
from tradewinds.history.prints import time_bars
from tradewinds.history.resample import resample
from tradewinds.wiring.house import run_job

pytestmark = pytest.mark.shared

NOW = "2026-05-20T12:00:00Z"
NAMES = "time,open,high,low,close,volume"
BAR = ["open", "high", "low", "close", "volume"]


def _parquet(shared: Path, folder: Path, name: str) -> str:
    """A Feather file as Parquet, which the vendor reads."""
    path = folder / f"{name}.parquet"
    pl.read_ipc((shared / "crypto" / "freqtrade" / f"{name}.feather").read_bytes()).write_parquet(path)
    return str(path)


def test_minutes_without_a_trade_are_gaps_where_the_vendor_leaves_them_out(shared: Path, tmp_path: Path, stage: Any, told: Any) -> None:
    files = {
        "unittest": {"path": _parquet(shared, tmp_path, "UNITTEST_BTC-1m"), "interval": "1m", "instrument": "UNITTESTBTC.BINANCE"},
        "ripple": {"path": _parquet(shared, tmp_path, "XRP_ETH-1m"), "interval": "1m", "instrument": "XRPETH.BINANCE"},
        "ripple5": {"path": _parquet(shared, tmp_path, "XRP_ETH-5m"), "interval": "5m", "instrument": "XRPETH.BINANCE"},
    }

    found = told(stage("gaps").read_files(NOW, files))

    missing = [(one.end_ns - one.start_ns) // NS_PER_MINUTE for one in found.findings(vendor="ripple") if one.kind == "gap"]
    assert found.kinds(vendor="unittest") == {"gap": 538, "stale": 1}
    assert found.kinds(vendor="ripple") == {"gap": 676, "stale": 4}
    assert found.kinds(vendor="ripple5") == {"gap": 6}
    assert sum(missing) == 1091


def test_candles_made_of_recorded_prints_are_the_exchanges_own(
    shared: Path, tmp_path: Path, stage: Any, told: Any, venue: Any, zipped: Any
) -> None:
    prints = pl.read_ipc((shared / "crypto/freqtrade/XRP_ETH-trades.feather").read_bytes())
    for (day,), part in (
        prints.with_columns(day=pl.from_epoch("timestamp", time_unit="ms").dt.date()).partition_by("day", as_dict=True).items()
    ):
        lines = part.select(
            "id", "price", "amount", "cost", "timestamp", (pl.col("side") == "sell").alias("maker"), pl.lit("True").alias("best")
        )
        body, checksum = zipped(f"XRPETH-trades-{day}", lines.write_csv(include_header=False).encode())
        venue.answer(f"/data/spot/daily/trades/XRPETH/XRPETH-trades-{day}.zip", body)
        venue.answer(f"/data/spot/daily/trades/XRPETH/XRPETH-trades-{day}.zip.CHECKSUM", checksum)
    sections = {"crypto": {"spot": {"trades": ["XRPETH"], "trades_since": "2019-10-11"}}}
    house = stage("prints").open(
        sections, "2019-10-20T12:00:00Z", {"TRADEWINDS_BINANCE_ARCHIVE_URL": venue.url, "TRADEWINDS_BINANCE_URL": venue.url}
    )
    shard = {"market": "spot", "instruments": ["XRPETH.BINANCE"], "from": "2019-10-11", "to": "2019-10-14"}

    result = run_job("crypto_trades.ingest", "2019-10-14", shard, house=house)

    found = told(house)
    rows = found.rows("trades", "XRPETH.BINANCE")
    low, high = parse("2019-10-11"), parse("2019-10-13T11:00:00Z")
    made = time_bars(rows, calendar("24/7"), "1m", start_ns=low, end_ns=high)
    theirs = pl.read_ipc((shared / "crypto/freqtrade/XRP_ETH-1m.feather").read_bytes()).with_columns(start_ns=pl.col("date").dt.epoch("ns"))
    both = made.join(theirs.filter(pl.col("start_ns") < high), on="start_ns", how="full", suffix="_theirs")
    same = [(pl.col(name) - pl.col(f"{name}_theirs")).abs() < 1e-9 for name in BAR]
    assert result["rows_published"] == 12_477
    assert both.filter(pl.all_horizontal(same).fill_null(False)).height == both.height == 2457
    assert rows["start_ns"].is_duplicated().sum() > 2_000
    assert rows.sort("id")["start_ns"].is_sorted()


def test_minutes_of_another_exchange_stay_within_ten_basis_points_of_the_first(shared: Path, stage: Any, told: Any) -> None:
    folder = shared / "crypto/vendors_2023-03"
    files = {
        "us": {"path": str(folder / "binanceus_BTCUSDT_1m.csv.gz"), "interval": "1m", "instrument": "BTCUSDT.BINANCEUS"},
        "usd": {"path": str(folder / "binanceus_BTCUSD_1m.csv.gz"), "interval": "1m", "instrument": "BTCUSD.BINANCEUS"},
    }
    found = told(stage("two").read_files(NOW, files))
    here = found.rows("bars-1m", "BTCUSDT.BINANCEUS")
    hours = resample(here, calendar("24/7"), "1h").select("start_ns", "close")
    there = pl.read_parquet(shared / "crypto/binance_spot_rest/BTCUSDT-1h.parquet").select(
        (pl.col("open_time") * NS_PER_MS).alias("start_ns"), pl.col("close").cast(pl.Float64).alias("other")
    )

    apart = hours.join(there, on="start_ns").select(bps=(pl.col("close") / pl.col("other") - 1) * 10_000)["bps"]
    told_apart = [
        round(float(value), 1)
        for value in apart.to_frame()
        .select(
            pl.col("bps").mean().alias("mean"),
            pl.col("bps").std().alias("sd"),
            pl.col("bps").min().alias("least"),
            pl.col("bps").max().alias("most"),
        )
        .row(0)
    ]

    assert found.findings() == []
    assert here.filter(pl.col("volume") == 0).height == 658
    assert found.rows("bars-1m", "BTCUSD.BINANCEUS").filter(pl.col("volume") == 0).height == 72
    assert (len(apart), told_apart) == (504, [0.3, 2.2, -8.4, 9.6])


def test_days_of_coins_show_a_missing_volume_swapped_columns_and_flash_crashes(shared: Path, stage: Any, told: Any) -> None:
    other, coinbase = shared / "crypto/other", shared / "crypto/lean_coinbase"
    files = {
        "basana": {"path": str(other / "basana_binance_BTCUSDT_1d_2020.csv"), "instrument": "BTCUSDT.BASANA"},
        "gct": {
            "path": str(other / "gct_binance_BTCUSDT_1d_2019.csv"),
            "instrument": "BTCUSDT.GCT",
            "header": "time,volume,open,high,low,close",
            "time_unit": "s",
        },
        "coinbase": {
            "path": str(coinbase / "btcusd_trade.zip"),
            "instrument": "BTCUSD.COINBASE",
            "header": NAMES,
            "time_format": "%Y%m%d %H:%M",
        },
        "coinbase4": {
            "path": str(coinbase / "btcusd_min_20180404_trade.zip"),
            "interval": "1m",
            "instrument": "BTCUSD.COINBASE",
            "header": NAMES,
            "time_unit": "ms",
            "midnight": "{date}",
        },
        "coinbase5": {
            "path": str(coinbase / "btcusd_min_20180405_trade.zip"),
            "interval": "1m",
            "instrument": "BTCUSD.COINBASE",
            "header": NAMES,
            "time_unit": "ms",
            "midnight": "{date}",
        },
    }

    found = told(stage("coins").read_files(NOW, files))

    gct = found.rows("bars-1d", "BTCUSDT.GCT")
    details = {one.detail for one in found.findings("BTCUSD.COINBASE", dataset="bars-1d")}
    assert [(one.kind, one.start_ns) for one in found.findings(vendor="basana")] == [
        ("volume_scale", parse("2020-02-29")),
        ("spike", parse("2020-03-12")),
    ]
    assert found.kinds(vendor="gct") == {"impossible": 96}
    assert gct.filter(pl.col("high") == pl.col("close")).height == 365
    assert details == {"close 130 after 260: -50.0%", "close 204.22 after 130: +57.1%", "low 0.06, open 1173.13, close 1178.85"}
    assert [(one.kind, one.detail) for one in found.findings(vendor="coinbase4")] == [("gap", "1 bars missing until 2018-04-04T16:47:00Z")]


def test_a_file_that_a_spreadsheet_destroyed_is_refused_and_its_neighbours_are_read(shared: Path, stage: Any, told: Any) -> None:
    folder = shared / "crypto/malformed"
    files = {
        "minutes": {
            "path": str(folder / "bbgo_BTCUSDT-1m-2022-05-06.csv"),
            "interval": "1m",
            "instrument": "BTCUSDT.BINANCE",
            "time_unit": "ms",
        },
        "tiny": {
            "path": str(folder / "nautilus_ADABTC-1m-2021-11-27.csv"),
            "interval": "1m",
            "instrument": "ADABTC.BINANCE",
            "time_unit": "ms",
            "header": "time,open,high,low,close,volume,closes,quote_volume,trades,taker_base,taker_quote,ignore",
        },
    }
    mangled = {
        "mangled": {
            "path": str(folder / "bbgo_BTCUSDT-1h-2023-11-18_excel_mangled.csv"),
            "interval": "1h",
            "instrument": "BTCUSDT.BINANCE",
            "time_unit": "ms",
        }
    }
    home = stage("broken")

    with pytest.raises(DataFault, match=r"Unreadable: mangled .* line 2: time '1\.70027E\+12', expected a whole count of ms"):
        home.read_files(NOW, mangled)
    found = told(home.read_files(NOW, files))

    assert found.rows("bars-1m", "BTCUSDT.BINANCE").height == found.rows("bars-1m", "ADABTC.BINANCE").height == 10
    assert found.row("bars-1m", "ADABTC.BINANCE", "2021-11-27T00:00:00Z")["low"] == 0.00002851
    assert "history/bars-1h" not in found.house.lake.tables()
    assert found.findings() == []


def test_fragments_at_the_archives_paths_are_read_where_they_are_what_the_venue_writes(
    shared: Path, stage: Any, told: Any, venue: Any, zipped: Any
) -> None:
    folder = shared / "crypto/malformed"
    for path, name, file in (
        ("/data/spot/daily/klines/ADABTC/1m/", "ADABTC-1m-2021-11-27", "nautilus_ADABTC-1m-2021-11-27.csv"),
        ("/data/spot/daily/klines/BTCUSDT/1m/", "BTCUSDT-1m-2021-11-27", "bbgo_BTCUSDT-1m-2022-05-06.csv"),
    ):
        body, checksum = zipped(name, (folder / file).read_bytes())
        venue.answer(f"{path}{name}.zip", body)
        venue.answer(f"{path}{name}.zip.CHECKSUM", checksum)
    address = {"TRADEWINDS_BINANCE_ARCHIVE_URL": venue.url, "TRADEWINDS_BINANCE_URL": venue.url}
    bars = [{"interval": "1m", "instruments": ["ADABTC"], "since": "2021-11-27"}]
    house = stage("fragments").open({"crypto": {"spot": {"bars": bars}}}, "2021-12-20T12:00:00Z", address)
    names = ["ADABTC.BINANCE", "BTCUSDT.BINANCE"]
    shard = {"market": "spot", "interval": "1m", "instruments": names, "from": "2021-11-27", "to": "2021-11-28"}

    result = run_job("crypto_backfill.ingest", "2021-11-27", shard, house=house)

    rows = told(house).rows("bars-1m", "ADABTC.BINANCE")
    assert (result["state"], result["rows_published"], list(result["failed"])) == ("partial", 10, ["BTCUSDT.BINANCE"])
    assert "Unreadable: binance archive BTCUSDT-1m-2021-11-27: header 'open_time" in result["failed"]["BTCUSDT.BINANCE"]
    assert (rows["open"][0], rows["volume"][0]) == (0.00002853, 36304.2)
