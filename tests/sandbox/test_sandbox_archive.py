"""The archive venue: zips, checksums, publication times, listing."""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.server import Sandbox

SPOT = "/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip"


def lines(client: httpx.Client, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status_code == 200, url
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        name = archive.namelist()[0]
        assert name == url.rpartition("/")[2].replace(".zip", ".csv")
        return archive.read(name).decode().splitlines()


def test_a_zip_satisfies_sha256sum_and_unzip(venues: Sandbox, http: httpx.Client, tmp_path: Path) -> None:
    name = SPOT.rpartition("/")[2]
    for suffix in ("", ".CHECKSUM"):
        (tmp_path / (name + suffix)).write_bytes(http.get(venues.urls["binance_archive"] + SPOT + suffix).content)
    checked = subprocess.run(["sha256sum", "-c", name + ".CHECKSUM"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.stdout == f"{name}: OK\n"
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.testzip() is None


def test_spot_counts_microseconds_from_2025_and_has_no_header(venues: Sandbox, http: httpx.Client) -> None:
    base = venues.urls["binance_archive"]
    after = lines(http, base + "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip")
    before = lines(http, base + "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12-31.zip")
    assert len(after) == len(before) == 24
    assert after[0].split(",")[0] == "1735689600000000"
    assert after[0].split(",")[6] == "1735693199999999"
    assert before[-1].split(",")[0] == "1735686000000"
    assert before[-1].split(",")[6] == "1735689599999"
    assert len(after[0].split(",")) == 12


def test_futures_have_a_header_and_milliseconds(venues: Sandbox, http: httpx.Client) -> None:
    found = lines(http, venues.urls["binance_archive"] + "/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip")
    assert found[0].startswith("open_time,open,high,low,close,volume,close_time,quote_volume,count")
    assert found[1].split(",")[0] == "1735689600000"
    assert len(found) == 25


def test_a_month_is_the_sum_of_its_days(venues: Sandbox, http: httpx.Client) -> None:
    base = venues.urls["binance_archive"] + "/data/spot"
    month = lines(http, base + "/monthly/klines/DOTUSDT/15m/DOTUSDT-15m-2024-02.zip")
    days = [row for day in range(1, 30) for row in lines(http, f"{base}/daily/klines/DOTUSDT/15m/DOTUSDT-15m-2024-02-{day:02d}.zip")]
    assert month == days
    assert len(month) == 29 * 96


def test_rest_tells_the_same_numbers(venues: Sandbox, http: httpx.Client) -> None:
    archived = lines(http, venues.urls["binance_archive"] + "/data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-06-01.zip")
    asked = http.get(
        venues.urls["binance_rest"] + "/api/v3/klines",
        params={"symbol": "ETHUSDT", "interval": "1h", "startTime": 1717200000000, "limit": 24},
    ).json()
    assert [row.split(",") for row in archived] == [[str(cell) for cell in row] for row in asked]


def test_trades_and_aggregate_trades_have_their_columns(venues: Sandbox, http: httpx.Client) -> None:
    base = venues.urls["binance_archive"]
    trades = lines(http, base + "/data/spot/daily/trades/WANUSDT/WANUSDT-trades-2025-02-01.zip")
    merged = lines(http, base + "/data/spot/daily/aggTrades/WANUSDT/WANUSDT-aggTrades-2024-02-01.zip")
    futures = lines(http, base + "/data/futures/um/daily/trades/BANDUSDT/BANDUSDT-trades-2025-02-01.zip")
    cells = trades[0].split(",")
    assert len(cells) == 7
    assert len(cells[4]) == 16
    assert cells[5] in ("True", "False")
    assert float(cells[1]) * float(cells[2]) == pytest.approx(float(cells[3]))
    assert len(merged[0].split(",")) == 8
    assert len(merged[0].split(",")[5]) == 13
    assert futures[0] == "id,price,qty,quote_qty,time,is_buyer_maker"
    assert futures[1].split(",")[5] in ("true", "false")


def test_a_month_appears_at_noon_of_the_first_monday_after_it(own_venues: Sandbox, http: httpx.Client) -> None:
    february = own_venues.urls["binance_archive"] + "/data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2025-02.zip"
    own_venues.world.clock.set(parse("2025-03-03T11:59:59Z"))
    assert http.get(february).status_code == 404
    own_venues.world.clock.set(parse("2025-03-03T12:00:00Z"))
    assert http.get(february).status_code == 200


def test_a_day_appears_at_two_of_the_next(own_venues: Sandbox, http: httpx.Client) -> None:
    day = own_venues.urls["binance_archive"] + "/data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-03-01.zip"
    own_venues.world.clock.set(parse("2025-03-02T01:59:59Z"))
    answer = http.get(day)
    assert answer.status_code == 404
    assert "<Code>NoSuchKey</Code>" in answer.text
    own_venues.world.clock.set(parse("2025-03-02T02:00:00Z"))
    assert http.get(day).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/data/spot/monthly/klines/NOSUCH/1m/NOSUCH-1m-2024-01.zip",
        "/data/spot/monthly/klines/SUIUSDT/1m/SUIUSDT-1m-2023-04.zip",
        "/data/spot/monthly/klines/XMRUSDT/1m/XMRUSDT-1m-2024-03.zip",
        "/data/spot/daily/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01-01.zip",
        "/data/spot/monthly/klines/BTCUSDT/1m/ETHUSDT-1m-2024-01.zip",
        "/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-13.zip",
    ],
)
def test_what_never_was_is_not_found(venues: Sandbox, http: httpx.Client, path: str) -> None:
    assert http.get(venues.urls["binance_archive"] + path).status_code == 404


def test_an_s3_client_pages_through_the_listing(venues: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore import UNSIGNED
    from botocore.config import Config

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.client(
        "s3",
        endpoint_url=venues.urls["binance_archive"],
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    prefix = "data/spot/daily/klines/BTCUSDT/1m/"
    found = []
    for kind in ("list_objects", "list_objects_v2"):
        pages = list(client.get_paginator(kind).paginate(Bucket="data.binance.vision", Prefix=prefix, Delimiter="/"))
        assert len(pages) > 2
        assert len(pages[0]["Contents"]) == 1000
        found.append([entry["Key"] for page in pages for entry in page["Contents"]])
    assert found[0] == found[1] == sorted(found[0])
    assert found[0][:2] == [prefix + "BTCUSDT-1m-2017-08-17.zip", prefix + "BTCUSDT-1m-2017-08-17.zip.CHECKSUM"]
    assert found[0][-2] == prefix + "BTCUSDT-1m-2025-03-13.zip"
    symbols = client.list_objects(Bucket="data.binance.vision", Prefix="data/spot/monthly/klines/", Delimiter="/")
    assert "data/spot/monthly/klines/ETHBTC/" in [each["Prefix"] for each in symbols["CommonPrefixes"]]


def test_the_cache_of_made_files_is_bounded(http: httpx.Client) -> None:
    from tradewinds.sandbox.application import make_world
    from tradewinds.sandbox.archive import ArchiveFiles
    from tradewinds.sandbox.archive_keys import archive_key
    from tradewinds.sandbox.config import SandboxConfig

    files = ArchiveFiles(make_world(SandboxConfig(now_ns=parse("2025-03-14"), zip_cache_bytes=20_000)))
    digests = []
    for _ in range(2):
        for day in range(1, 10):
            key = archive_key(f"data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-03-{day:02d}.zip")
            assert key is not None
            digests.append(hashlib.sha256(files.content(key)).hexdigest())
    assert digests[:9] == digests[9:]
    assert 0 < files.cached_bytes <= 20_000
