"""Recorded Binance files played by the local venues."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import httpx
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import parse
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.recorded import RecordedMarket
from tradewinds.sandbox.server import Sandbox

HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
START = 1769904000000  # 2026-02-01


def minute(number: int, price: str = "10.1130") -> str:
    start = START + 60_000 * number
    return f"{start},{price},10.1300,10.1090,10.1280,38521,{start + 59_999},389800.3310,1077,28754,290983.0070,0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two minutes of AVAXUSDT as .csv.gz, a gap of one, then a third; a day of LTCUSDT as a zip without header in microseconds."""
    rows = [minute(0), minute(1, "10.1200"), minute(3)]
    (tmp_path / "AVAXUSDT-1m-2026-02.csv.gz").write_bytes(gzip.compress("\n".join([HEADER, *rows]).encode() + b"\n"))
    ltc = [
        f"{(START + 60_000 * n) * 1000},55.10,55.30,55.00,55.20,{n + 1}.5,{(START + 60_000 * n + 60_000) * 1000 - 1},80.1,7,0.5,27.55,0"
        for n in range(5)
    ]
    with zipfile.ZipFile(tmp_path / "LTCUSDT-1m-2026-02-01.zip", "w") as archive:
        archive.writestr("LTCUSDT-1m-2026-02-01.csv", "\n".join(ltc) + "\n")
    (tmp_path / "notes.txt").write_text("not a recording")
    return tmp_path


def lines(answer: httpx.Response) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def test_a_recorded_month_comes_back_as_the_futures_archive_had_it(folder: Path, http: httpx.Client) -> None:
    with Sandbox(SandboxConfig(archive=(str(folder),))) as venues:
        path = venues.urls["binance_archive"] + "/data/futures/um/monthly/klines/AVAXUSDT/1m/AVAXUSDT-1m-2026-02.zip"
        answer, stated = http.get(path), http.get(path + ".CHECKSUM").text
    assert lines(answer) == [HEADER, minute(0), minute(1, "10.1200"), minute(3)]
    assert stated == f"{hashlib.sha256(answer.content).hexdigest()}  AVAXUSDT-1m-2026-02.zip\n"


def test_the_same_recording_answers_as_spot(folder: Path, http: httpx.Client) -> None:
    with Sandbox(SandboxConfig(archive=(str(folder),))) as venues:
        daily = http.get(venues.urls["binance_archive"] + "/data/spot/daily/klines/AVAXUSDT/1m/AVAXUSDT-1m-2026-02-01.zip")
        rest = http.get(venues.urls["binance_rest"] + f"/api/v3/klines?symbol=AVAXUSDT&interval=1m&startTime={START}").json()
        symbols = http.get(venues.urls["binance_rest"] + "/api/v3/exchangeInfo").json()["symbols"]
        absent = http.get(venues.urls["binance_rest"] + "/api/v3/klines?symbol=BTCUSDT&interval=1m").json()
    assert lines(daily)[0].startswith("1769904000000000,10.11300000,10.13000000,10.10900000,10.12800000,38521.00000000,1769904059999999")
    assert [row[0] - START for row in rest] == [0, 60_000, 180_000]
    assert rest[0][7] == "389800.33100000"
    assert [each["symbol"] for each in symbols] == ["AVAXUSDT", "LTCUSDT"]
    assert absent["code"] == -1121


def test_longer_bars_sum_what_was_recorded(folder: Path) -> None:
    market = RecordedMarket([folder])
    hour = market.bars("LTCUSDT", "1h", START, START + 3_600_000, START + 86_400_000)
    assert (len(hour), int(hour.volume[0]), hour.quantity_decimals) == (1, 175, 1)
    assert (int(hour.close[0]), hour.price_decimals) == (5520, 2)


def test_a_recorded_zip_comes_back_byte_for_byte(folder: Path, http: httpx.Client) -> None:
    name = "LTCUSDT-1m-2026-02-01.zip"
    with Sandbox(SandboxConfig(archive=(str(folder),))) as venues:
        base = venues.urls["binance_archive"] + "/data"
        spot = http.get(f"{base}/spot/daily/klines/LTCUSDT/1m/{name}").content
        stated = http.get(f"{base}/spot/daily/klines/LTCUSDT/1m/{name}.CHECKSUM").text
        futures = http.get(f"{base}/futures/um/daily/klines/LTCUSDT/1m/{name}")
    assert spot == (folder / name).read_bytes()
    assert stated.split()[0] == hashlib.sha256(spot).hexdigest()
    assert lines(futures)[0] == HEADER


def test_nothing_is_shown_beyond_the_venues_clock(folder: Path, http: httpx.Client) -> None:
    with Sandbox(SandboxConfig(archive=(str(folder),), now_ns=parse("2026-02-01T00:01:30Z"))) as venues:
        rest = http.get(venues.urls["binance_rest"] + "/api/v3/klines?symbol=AVAXUSDT&interval=1m").json()
    assert [row[0] - START for row in rest] == [0]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="AVAXUSDT-1m-2026-02"):
        RecordedMarket([tmp_path])


@pytest.mark.shared
def test_real_recordings_keep_every_digit(shared: Path, http: httpx.Client) -> None:
    folder = shared / "crypto" / "binance_um_1m"
    with Sandbox(SandboxConfig(archive=(str(folder),))) as venues:
        base = venues.urls["binance_archive"] + "/data/futures/um/monthly/klines"
        found = {name: lines(http.get(f"{base}/{name}/1m/{name}-1m-2026-02.zip")) for name in ("AVAXUSDT", "LTCUSDT")}
        rest = http.get(venues.urls["binance_rest"] + "/api/v3/klines?symbol=FILUSDT&interval=1h&startTime=1680307200000&limit=1000").json()
    for name, rows in found.items():
        recorded = gzip.decompress((folder / f"{name}-1m-2026-02.csv.gz").read_bytes()).decode().splitlines()
        assert rows[0] == recorded[0]
        assert len(rows) == len(recorded) == 40_321
        assert [[float(cell) for cell in row.split(",")] for row in rows[1:]] == [
            [float(cell) for cell in row.split(",")] for row in recorded[1:]
        ]
    assert [row[0] for row in rest] == [1680307200000 + 3_600_000 * hour for hour in range(1000)]


def test_a_month_that_nobody_recorded_is_not_there(folder: Path, http: httpx.Client) -> None:
    with Sandbox(SandboxConfig(archive=(str(folder),))) as venues:
        base = venues.urls["binance_archive"] + "/data/futures/um/monthly/klines/AVAXUSDT/1m/"

        assert http.get(base + "AVAXUSDT-1m-2026-01.zip").status_code == 404
        assert http.get(base + "AVAXUSDT-1m-2026-03.zip").status_code == 404
        assert http.get(base + "AVAXUSDT-1m-2026-02.zip").status_code == 200
