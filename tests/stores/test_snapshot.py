"""The lake read by engines that know nothing of us: the printed files and statement give what our own reader gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset, Table
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.snapshot import Snapshot, snapshot

MINUTES = Table(bars("1m"))
RATES = Table(Dataset("policy-rates", (Column("tenor", "text"), Column("rate")), keys=("tenor",)))
BEFORE, AFTER = parse("2024-02-28"), parse("2024-03-02")


def minutes(first: str, closes: list[float], *, instrument: str = "A.XNAS", known: str | None = None) -> pl.DataFrame:
    starts = [parse(first) + number * NS_PER_MINUTE for number in range(len(closes))]
    values = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pl.DataFrame(
        {
            "instrument": [instrument] * len(closes), "start_ns": starts, "event_ns": [start + NS_PER_MINUTE for start in starts],
            "known_ns": [start + NS_PER_MINUTE if known is None else parse(known) for start in starts],
            "captured_ns": [parse("2024-12-31")] * len(closes), "volume": [10.0] * len(closes), **values,
        }
    )  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> FileLake:
    """Two months of minutes, the second minute of January restated on 1 March; rates of two tenors, one of them corrected."""
    made = local_lake(tmp_path / "a lake's place")
    made.publish(MINUTES, "2024-01", pl.concat([minutes("2024-01-05", [1.0, 2.0]), minutes("2024-01-05", [9.0], instrument="B.XNAS")]))
    made.publish(MINUTES, "2024-02", minutes("2024-02-05", [3.0]))
    made.publish(MINUTES, "2024-01", minutes("2024-01-05T00:01", [2.5], known="2024-03-01"))
    times = {"start_ns": [parse("2024-01-05")] * 3, "event_ns": [parse("2024-01-05")] * 3, "captured_ns": [parse("2024-03-01")] * 3}
    known = [parse("2024-01-05"), parse("2024-01-05"), parse("2024-03-01")]
    rows = {"instrument": ["USD"] * 3, "known_ns": known, "tenor": ["1y", "2y", "2y"], "rate": [5.0, 4.5, 4.25], **times}
    made.publish(RATES, "2024-01", pl.DataFrame(rows))
    return made


def as_stored(rows: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Our reader's rows, sorted, with times as microseconds."""
    times = [pl.col(name) // 1_000 for name in rows.columns if name.endswith("_ns")]
    return sorted(rows.with_columns(times).rows(), key=repr)


def by_duckdb(found: Snapshot) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        rows = database.execute(found.statement("duckdb")).pl()
    times = [pl.col(name).dt.epoch("us") for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return sorted(rows.with_columns(times).rows(), key=repr)


@pytest.mark.parametrize("table", [MINUTES, RATES])
@pytest.mark.parametrize("as_of_ns", [BEFORE, AFTER])
def test_duckdb_reads_from_the_printed_statement_what_our_reader_reads(lake: FileLake, tmp_path: Path, table: Table, as_of_ns: int) -> None:
    found = snapshot(lake, f"{tmp_path}/a lake's place/", table, as_of_ns)

    assert by_duckdb(found) == as_stored(lake.read(table, as_of_ns=as_of_ns))


def test_the_two_instants_differ_by_the_restated_minute_and_by_its_file(lake: FileLake, tmp_path: Path) -> None:
    before, after = (snapshot(lake, str(tmp_path / "a lake's place"), MINUTES, at) for at in (BEFORE, AFTER))
    closes = [[row[9] for row in by_duckdb(one)] for one in (before, after)]

    assert sorted(closes[0]) == [1.0, 2.0, 3.0, 9.0]
    assert sorted(closes[1]) == [1.0, 2.5, 3.0, 9.0]
    assert (len(before.files), len(after.files)) == (2, 3)
    assert set(before.files) < set(after.files)
    assert all(Path(path).is_file() for path in after.paths)


def test_a_file_that_a_compaction_replaced_is_not_named(lake: FileLake, tmp_path: Path) -> None:
    before = snapshot(lake, str(tmp_path / "a lake's place"), MINUTES, AFTER)
    lake.compact(MINUTES, "2024-01")
    after = snapshot(lake, str(tmp_path / "a lake's place"), MINUTES, AFTER)

    assert (len(before.files), len(after.files)) == (3, 2)
    assert by_duckdb(after) == by_duckdb(before)


def test_nothing_known_by_then_is_said(lake: FileLake, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"snapshot of history/bars-1m as of 2023-01-01.*: no file, expected something known by then"):
        snapshot(lake, str(tmp_path), MINUTES, parse("2023-01-01"))


def test_spark_is_given_the_address_of_hadoops_file_system_and_no_name_that_it_would_take_for_a_pattern(lake: FileLake) -> None:
    far = snapshot(lake, "s3://firm/lake", MINUTES, BEFORE)
    folder, file = far.files[0].rsplit("/", 1)

    assert f"FROM parquet.`s3a://firm/lake/{{{folder}/{file}," in far.statement("spark")
    with pytest.raises(Rejected, match=r"place '/data/\{x\}', expected one without"):
        snapshot(lake, "/data/{x}", MINUTES, BEFORE).statement("spark")
    with pytest.raises(Rejected, match="engine 'excel', expected one of duckdb, spark"):
        far.statement("excel")
