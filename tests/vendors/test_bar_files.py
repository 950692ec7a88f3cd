"""Imports of bars: whatever a CSV calls its columns and however it writes its times."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.bar_files import BarFiles
from tradewinds.wire.http import HttpClient

if TYPE_CHECKING:
    from tests.vendors.conftest import Loopback

CAPTURED_NS = 1_800_000_000_000_000_000


def parsed(http: HttpClient, content: bytes | str, locator: str = "f.csv", **options: str) -> pl.DataFrame:
    vendor = BarFiles(http, base_url="x", options={"instrument": "A.XNAS"} | options)
    data = content.encode() if isinstance(content, str) else content
    return vendor.parse(Payload(Pull("files", vendor.datasets()[0].name, locator), data, CAPTURED_NS))


def starts(rows: pl.DataFrame) -> list[str]:
    return [instant.text(start) for start in rows["start_ns"]]


def zipped(name: str, content: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return memory.getvalue()


def test_usual_column_names_need_no_map_and_dates_become_sessions(http: HttpClient) -> None:
    rows = parsed(http, "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-03,2,2,2,2,1,20\n2024-01-02,1,3,0.5,2,1,10\n")

    assert starts(rows) == ["2024-01-02T14:30:00Z", "2024-01-03T14:30:00Z"]
    assert instant.text(rows["known_ns"][0]) == "2024-01-02T21:00:00Z"
    assert rows.select("open", "high", "low", "close", "volume").row(0) == (1.0, 3.0, 0.5, 2.0, 10.0)


def test_a_map_names_other_columns_and_may_take_the_adjusted_close(http: HttpClient) -> None:
    rows = parsed(http, "When;First;Last;Adj;close\n2024-01-02;1;2;1.5;9\n", delimiter=";", columns="time=When,open=First,close=Adj")

    assert rows.select("open", "close", "high").row(0) == (1.0, 1.5, None)


def test_a_headerless_csv_in_a_zip_with_prices_in_ten_thousandths(http: HttpClient) -> None:
    content = zipped("aapl.csv", "19980102 00:00,136300,162500,135000,162500,6315000\n19980105 00:00,165000,165600,151900,160000,5677300\n")

    rows = parsed(
        http,
        content,
        "aapl.zip",
        header="time,open,high,low,close,volume",
        time_format="%Y%m%d %H:%M",
        price_scale="0.0001",
        instrument="{stem}.XNAS",
    )

    assert rows["instrument"].to_list() == ["AAPL.XNAS"] * 2
    assert rows.select("open", "high", "low", "close", "volume").row(0) == (13.63, 16.25, 13.5, 16.25, 6315000.0)
    assert starts(rows)[0] == "1998-01-02T14:30:00Z"


def test_milliseconds_since_a_local_midnight_that_the_file_is_named_for(http: HttpClient) -> None:
    content = zipped("20131004_spy_minute_trade.csv", "34200000,1676500,1676500,1676500,1676500,20000\n34260000,1,1,1,1,1\n")

    rows = parsed(
        http,
        content,
        "20131004_trade.zip",
        header="time,open,high,low,close,volume",
        interval="1m",
        time_unit="ms",
        midnight="{date}",
        zone="America/New_York",
        price_scale="0.0001",
    )

    assert starts(rows) == ["2013-10-04T13:30:00Z", "2013-10-04T13:31:00Z"]
    assert rows["close"][0] == 167.65
    assert rows["event_ns"][0] - rows["start_ns"][0] == 60_000_000_000


def test_chinese_dates_separators_suffixes_and_lots(http: HttpClient) -> None:
    content = 'date,close,open,high,low,volume,change\n2020年3月20日,"1,035.28","1,011.00","1,043.00","1,011.00",6.01M,3.94%\n'
    content += '2020年3月19日,996,993.99,"1,015.00",960.1,,\n'

    rows = parsed(http, content, instrument="600519.XSHG", suffixes="yes", volume_scale="100")

    assert starts(rows) == ["2020-03-19T01:30:00Z", "2020-03-20T01:30:00Z"]
    assert rows["close"].to_list() == [996.0, 1035.28]
    assert rows["volume"].to_list() == [None, 601_000_000.0]


def test_intraday_times_are_read_in_their_zone_and_may_mark_the_end(http: HttpClient) -> None:
    content = "\ufefftime,close\n2020-12-15 09:30,367.46\n2020-12-15 09:31,367.19\n"

    rows = parsed(http, content, interval="1m", zone="America/New_York")
    ends = parsed(http, content, interval="1m", zone="America/New_York", stamp="end", lag="5s")

    assert starts(rows) == ["2020-12-15T14:30:00Z", "2020-12-15T14:31:00Z"]
    assert starts(ends) == ["2020-12-15T14:29:00Z", "2020-12-15T14:30:00Z"]
    assert instant.text(ends["known_ns"][0]) == "2020-12-15T14:30:05Z"


def test_an_offset_in_the_time_goes_before_the_zone(http: HttpClient) -> None:
    rows = parsed(http, "Datetime,Close\n2026-05-26 04:00:00-04:00,170\n2026-05-26T04:45:00Z,203\n", interval="15m", zone="Asia/Tokyo")

    assert starts(rows) == ["2026-05-26T04:45:00Z", "2026-05-26T08:00:00Z"]


def test_a_time_that_the_clock_change_skips_is_refused(http: HttpClient) -> None:
    with pytest.raises(Unreadable, match=r"files f.csv line 2: time '2024-03-10 02:30', expected a time .* in America/New_York"):
        parsed(http, "time,close\n2024-03-10 02:30,1\n", interval="1m", zone="America/New_York")


def test_seconds_since_1970_on_crypto_days(http: HttpClient) -> None:
    rows = parsed(
        http,
        "1546300800,23741.687033,3701.23,3797.14,3642,3797.14\n",
        header="time,volume,open,high,low,close",
        time_unit="s",
        instrument="BTCUSDT.BINANCE",
    )

    assert starts(rows) == ["2019-01-01T00:00:00Z"]
    assert instant.text(rows["event_ns"][0]) == "2019-01-02T00:00:00Z"
    assert rows.select("open", "close", "volume").row(0) == (3701.23, 3797.14, 23741.687033)


def test_a_time_that_a_spreadsheet_has_destroyed_is_refused(http: HttpClient) -> None:
    with pytest.raises(Unreadable, match=r"line 2: time '1.70027E\+12', expected a whole count of ms"):
        parsed(http, "open_time,open,close\n1.70027E+12,1,1\n", interval="1h", time_unit="ms")


def test_bid_and_ask_columns_make_quotes(http: HttpClient) -> None:
    names = "time,bid_open,bid_high,bid_low,bid_close,_,ask_open,ask_high,ask_low,ask_close,_2"
    rows = parsed(
        http,
        "20070101 21:00,1.31927,1.31955,1.3187,1.31935,0,1.32027,1.32055,1.3197,1.32035,0\n",
        header=names,
        kind="quotes",
        interval="1h",
        time_format="%Y%m%d %H:%M",
        instrument="EUR_USD.OANDA",
    )

    assert starts(rows) == ["2007-01-01T21:00:00Z"]
    assert rows.select("bid_close", "ask_open", "volume").row(0) == (1.31935, 1.32027, None)


def test_a_symbol_column_names_the_instruments(http: HttpClient) -> None:
    vendor = BarFiles(http, base_url="x", options={"venue": "XNYS"})
    content = b"ticker,date,close\nIBM,2024-01-02,1\nBAC,2024-01-02,2\n"

    rows = vendor.parse(Payload(Pull("files", "bars-1d", "f.csv"), content, CAPTURED_NS))

    assert rows.select("instrument", "close").rows() == [("BAC.XNYS", 2.0), ("IBM.XNYS", 1.0)]


def test_a_row_without_a_time_is_refused_unless_it_may_be_skipped(http: HttpClient) -> None:
    content = "date,close\n2024-01-02,1\n,2\n2024-01-04,\n"

    with pytest.raises(Unreadable, match=r"line 3: time (None|''), expected a date"):
        parsed(http, content)
    assert parsed(http, content, without_time="skip")["close"].to_list() == [1.0, None]


def test_a_wrong_date_form_names_the_line_and_the_form(http: HttpClient) -> None:
    with pytest.raises(Unreadable, match=r"line 3: time '13/01/2017', expected a date \(%m/%d/%Y\)"):
        parsed(http, "date,close\n01/12/2017,1\n13/01/2017,2\n", time_format="%m/%d/%Y")


def test_what_has_neither_times_nor_prices_is_refused(http: HttpClient) -> None:
    with pytest.raises(Unreadable, match=r"expected \['time'\] among them"):
        parsed(http, "a,b\n1,2\n")
    with pytest.raises(Unreadable, match=r"expected prices; name them with the option columns"):
        parsed(http, "date,b\n2024-01-02,2\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"price_scale": "0"}, r"price_scale '0', expected a positive number"),
        ({"interval": "1mo"}, r"interval 1mo, expected up to 1d, or 1w"),
        ({"colums": "x"}, r"option 'colums'"),
        ({"columns": "open"}, r"columns: 'open', expected pairs"),
        ({"time_unit": "min"}, r"option time_unit 'min', expected one of s, ms, us, ns"),
    ],
)
def test_wrong_options_are_refused(http: HttpClient, options: Mapping[str, str], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        BarFiles(http, base_url="x", options=options)


def test_files_folders_and_addresses_are_captured_unchanged(http: HttpClient, tmp_path: Path, loopback: Loopback) -> None:
    (tmp_path / "b.csv").write_bytes(b"b")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a"))
    loopback.answers["/c.csv"] = b"c"
    request = Request("bars-1d", (), from_date(date(2024, 1, 1)), from_date(date(2024, 2, 1)), CAPTURED_NS)

    def captured(place: str) -> list[tuple[str, bytes]]:
        vendor = BarFiles(http, base_url=place)
        return [(payload.pull.locator, payload.content) for pull in vendor.plan(request) for payload in vendor.capture(pull)]

    assert captured(str(tmp_path)) == [("a.csv.gz", gzip.compress(b"a")), ("b.csv", b"b")]
    assert captured(str(tmp_path / "b.csv")) == [("b.csv", b"b")]
    assert captured(f"{loopback.url}/c.csv") == [(f"{loopback.url}/c.csv", b"c")]
    with pytest.raises(Missing, match=r"nothing to read at"):
        captured(str(tmp_path / "nowhere"))


@pytest.mark.shared
def test_real_files_of_ten_makers_are_imported(http: HttpClient, shared: Path) -> None:
    def rows(path: str, **options: str) -> pl.DataFrame:
        file = shared / path
        return parsed(http, file.read_bytes(), file.name, **options)

    lean = {"header": "time,open,high,low,close,volume", "time_format": "%Y%m%d %H:%M", "price_scale": "0.0001"}
    assert rows("equities/lean_daily/spy.zip", **lean).height == 5849
    assert rows("equities/backtesting_py/GOOG.csv", columns="time=column_1").height == 2148
    raw = rows("equities/sse_daily/rlstock_investing_600519_raw_zh.csv", instrument="600519.XSHG", suffixes="yes")
    cleaned = rows("equities/sse_daily/rlstock_600519.csv", instrument="600519.XSHG")
    assert raw.height == cleaned.height == 1942
    assert (raw["close"] - cleaned["close"]).abs().max() == 0.0
    sse = rows("equities/sse_daily/600000_v2025-09-30.csv", instrument="600000.XSHG", volume_scale="100")
    assert sse["volume"][0] == pytest.approx(51_629_079.0)
    assert sse.select("open", "high", "low", "close").row(0) == (9.55, 9.68, 9.54, 9.55)
    vintage = rows("equities/sse_daily/vintages/600519_v2025-09-01.csv", instrument="600519.XSHG")
    assert vintage.height == 888
    assert rows("equities/sse_index/czsc_000001.SH_D.csv.gz", instrument="000001.XSHG").height == 3332
    johannesburg = rows("equities/yahoo_defects/SSW-JO-1d-100x-error.csv", instrument="SSW.XJSE", calendar="24/7")
    assert johannesburg["start_ns"].is_sorted()
    assert rows("equities/yahoo_roboquant/AAPL.csv").height == 1218
    two = BarFiles(http, base_url="x", options={"venue": "XNYS"})
    wiki = Payload(Pull("files", "bars-1d", "w.csv.gz"), (shared / "equities/quandl_wiki/AAPL_ZEN_2014.csv.gz").read_bytes(), CAPTURED_NS)
    assert two.parse(wiki)["instrument"].value_counts(sort=True).rows() == [("AAPL.XNYS", 252), ("ZEN.XNYS", 160)]
    fx = {"header": "time,bid_open,bid_high,bid_low,bid_close,_a,ask_open,ask_high,ask_low,ask_close,_b", "time_format": "%Y%m%d %H:%M"}
    hours = rows("fx/lean_oanda_hour/eurusd.zip", **fx, kind="quotes", interval="1h", instrument="EUR_USD.OANDA")
    assert hours.height == 74439
    assert (hours["ask_close"] < hours["bid_close"]).sum() == 0
    assert rows("fx/nautilus_fxcm_1m/usdjpy-m1-ask-2013.csv.gz", interval="1m", instrument="USD_JPY.FXCM").height == 28761


@pytest.mark.shared
def test_deliberate_defects_are_read_or_refused_but_never_repaired(http: HttpClient, shared: Path) -> None:
    quotes = shared / "known/skender/quotes"

    with pytest.raises(Unreadable, match=r"bad.csv line 202: time (None|''), expected a date"):
        parsed(http, (quotes / "bad.csv").read_bytes(), "bad.csv", time_format="%m/%d/%Y")
    bad = parsed(http, (quotes / "bad.csv").read_bytes(), "bad.csv", time_format="%m/%d/%Y", without_time="skip")
    zeros = parsed(http, (quotes / "zeros.csv").read_bytes(), "zeros.csv", time_format="%m/%d/%y")
    mismatch = parsed(http, (quotes / "mismatch.csv").read_bytes(), "mismatch.csv", time_format="%m/%d/%Y")
    minutes = parsed(http, (quotes / "intraday.csv").read_bytes(), "intraday.csv", interval="1m", zone="America/New_York")
    mangled = (shared / "crypto/malformed/bbgo_BTCUSDT-1h-2023-11-18_excel_mangled.csv").read_bytes()

    assert bad.height == 452
    assert bad["close"].null_count() == 51
    assert (zeros.height, zeros["close"].to_list()[0]) == (200, 0.0)
    assert mismatch["start_ns"].is_sorted()
    assert minutes.height == 1564
    with pytest.raises(Unreadable, match=r"expected a whole count of ms"):
        parsed(http, mangled, interval="1h", time_unit="ms", instrument="BTCUSDT.BINANCE")


@pytest.mark.shared
def test_all_forty_files_with_known_vendor_errors_are_read_as_they_are(http: HttpClient, shared: Path) -> None:
    heights = {}
    for path in sorted((shared / "equities/yahoo_defects").iterdir()):
        interval = "1wk" if "-1wk-" in path.name else "15m" if "-15m-" in path.name else "1d"
        options = {"instrument": "A.YAHOO", "interval": interval.removesuffix("k"), "name": "yahoo"}
        rows = parsed(http, path.read_bytes(), path.name, **options)
        heights[path.name.split(".")[0]] = rows.height
        assert rows.select("instrument", "start_ns").is_duplicated().sum() == 0, path.name

    assert len(heights) == 40
    broken = parsed(http, (shared / "equities/yahoo_defects/SSW-JO-1d-100x-error.csv").read_bytes(), instrument="A.YAHOO")
    repaired = parsed(http, (shared / "equities/yahoo_defects/SSW-JO-1d-100x-error-fixed.csv").read_bytes(), instrument="A.YAHOO")
    ratio = broken["close"] / repaired["close"]
    assert (ratio > 50).sum() + (ratio < 0.02).sum() == 22


def test_prices_in_ten_thousandths_are_the_numbers_they_stand_for(http: HttpClient) -> None:
    content = "time,open,high,low,close,volume\n2014-06-20,918500,925500,909000,909100,1\n2014-06-23,913200,916200,907900,908300,1\n"

    rows = parsed(http, content, price_scale="0.0001")

    assert rows["low"].to_list() == [90.9, 90.79]
    assert rows["close"].to_list() == [90.91, 90.83]
