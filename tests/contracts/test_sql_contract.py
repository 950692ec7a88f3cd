"""SQL says what the lake says, wherever the lake lies."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.stores.lake import FileLake
from tradewinds.stores.lake_files import Files, LocalFiles
from tradewinds.stores.memory import MemoryFiles
from tradewinds.stores.query import open_sql

MINUTES = Table(bars("1m"))


@pytest.fixture(params=["memory", "local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "memory":
        return MemoryFiles()
    if request.param == "local":
        return LocalFiles(tmp_path / "lake")
    from tradewinds.stores.lake_s3 import S3Files

    client, bucket = request.getfixturevalue("s3_bucket")
    return S3Files(client, bucket, "firm/lake")


def minutes(instrument: str, closes: list[float], *, known: str | None = None) -> pl.DataFrame:
    count = len(closes)
    starts = [parse("2024-01-31T23:58") + number * NS_PER_MINUTE for number in range(count)]
    return pl.DataFrame(
        {
            "instrument": [instrument] * count,
            "start_ns": starts,
            "event_ns": [start + NS_PER_MINUTE for start in starts],
            "known_ns": [start + NS_PER_MINUTE if known is None else parse(known) for start in starts],
            "captured_ns": [parse("2024-12-31")] * count,
            "source": ["ab"] * count,
            "close": closes,
        }
    )


@pytest.mark.parametrize("as_of", ["2024-01-31T23:59", "2024-02-15", "2024-03-01", "2024-04-01", "2020-01-01"])
def test_sql_reads_what_the_lake_reads(files: Files, as_of: str) -> None:
    lake = FileLake(files)
    rows = pl.concat([minutes("AAA.XNAS", [1.0, 2.0, 3.0]), minutes("BBB.XNAS", [4.0, 5.0, 6.0]), minutes("CCC.XNAS", [7.0, 8.0, 9.0])])
    for partition in ("2024-01", "2024-02"):
        edge = parse("2024-02-01")
        lake.publish(MINUTES, partition, rows.filter((pl.col("start_ns") < edge) == (partition == "2024-01")))
    lake.publish(MINUTES, "2024-01", minutes("BBB.XNAS", [4.5], known="2024-03-01"))
    lake.publish(MINUTES, "2024-01", minutes("CCC.XNAS", [7.5, 8.5], known="2024-04-01"))

    expected = lake.read(MINUTES, as_of_ns=parse(as_of)).select("instrument", "close").rows()
    with open_sql(files, None, parse(as_of)) as sql:
        found = sql.run("SELECT instrument, close FROM history.bars_1m ORDER BY instrument, start").to_pylist()

    assert [(row["instrument"], row["close"]) for row in found] == expected
