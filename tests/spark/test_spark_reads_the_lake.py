"""Apache Spark reads the lake as it was known at an instant, by the statement that a person is given, and finds what our reader finds.

Wants `make spark`: Spark in an environment of its own, and a Java. Skips without them.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Column, Dataset, Table
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.snapshot import Snapshot, snapshot

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(1_000)

PYTHON = ROOT / ".spark" / "venv" / "bin" / "python"
WITHIN_S = 900.0  # ten seconds on a machine that has nothing else to do
MINUTES = Table(bars("1m"))
KINDS = (Column("tenor", "text"), Column("rate"), Column("settled", "date"), Column("count", "int"), Column("is_final", "bool"))
RATES = Table(Dataset("policy-rates", KINDS, keys=("tenor",)))
RATES_BEFORE = Table(Dataset("policy-rates", KINDS[:2], keys=("tenor",)))  # as it was declared when the first file was written
BEFORE, AFTER = parse("2024-02-20"), parse("2024-03-02")

# What a person would type into a notebook, but for the last lines: times as microseconds, rows as JSON.
SCRIPT = """
import json, sys
from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")  # starts sooner
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.parquet.mergeSchema", "true")
    .getOrCreate()
)
for line in sys.stdin:
    rows = spark.sql(json.loads(line))
    told = [f"unix_micros(`{name}`)" if kind == "timestamp" else f"`{name}`" for name, kind in rows.dtypes]
    print("ROWS" + json.dumps([list(row) for row in rows.selectExpr(*told).collect()], default=str), flush=True)
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileLake, Path]:
    """Three instruments' minutes over two months, restated, some NaN; rates, whose later files have columns that earlier ones lack."""
    place = tmp_path_factory.mktemp("spark") / "lake"
    made = local_lake(place)
    for number, (partition, first) in enumerate((("2024-01", "2024-01-30"), ("2024-02", "2024-02-01"))):
        made.publish(MINUTES, partition, pl.concat(_minutes(name, first, 600, seed=number) for name in ("A.XNAS", "B.XNAS", "C.XNYS")))
        late = _minutes("B.XNAS", first, 40, seed=7).with_columns(known_ns=pl.lit(parse("2024-02-25") + number))
        made.publish(MINUTES, partition, late.with_columns(known_ns=pl.col("known_ns") // 1_000 * 1_000))
    made.publish(RATES_BEFORE, "2024-01", _rates("2024-01-05", [5.0, 4.5]))
    more: dict[str, list[Any]] = {"settled": [parse("2024-01-08")] * 2, "count": [3, None], "is_final": [True, False]}
    rows = _rates("2024-01-06", [5.25, math.nan]).with_columns(**{name: pl.Series(values) for name, values in more.items()})
    rows = rows.with_columns(pl.from_epoch(pl.col("settled"), time_unit="ns").dt.date())
    made.publish(RATES, "2024-01", rows)
    return made, place


def _minutes(name: str, first: str, count: int, *, seed: int) -> pl.DataFrame:
    starts = parse(first) + np.arange(count, dtype=np.int64) * NS_PER_MINUTE
    closes = np.random.default_rng(seed).lognormal(3.0, 0.3, count)
    values = {"open": closes * 0.999, "high": closes * 1.002, "low": closes * 0.997, "close": closes, "volume": np.floor(closes * 1_000)}
    values["volume"][3] = math.nan
    ends = starts + NS_PER_MINUTE
    return pl.DataFrame(
        {
            "instrument": [name] * count,
            "start_ns": starts,
            "event_ns": ends,
            "known_ns": ends,
            "captured_ns": ends,
            "status": ["ok"] * count,
            **values,
        }
    )


def _rates(day: str, rates: list[float]) -> pl.DataFrame:
    at = [parse(day)] * len(rates)
    times = {"start_ns": at, "event_ns": at, "known_ns": at, "captured_ns": at}
    return pl.DataFrame({"instrument": ["USD"] * len(rates), **times, "tenor": ["1y", "2y"], "rate": rates})


@pytest.fixture(scope="module")
def by_spark(lake: tuple[FileLake, Path]) -> list[list[list[Any]]]:
    """Spark's rows of each question, from one process of it."""
    if not os.environ.get("TRADEWINDS_SPARK") or not PYTHON.exists():
        pytest.skip("Spark: `make spark` installs it and runs this")
    if shutil.which("java") is None:
        pytest.skip("no java on PATH: Debian's openjdk-17-jre-headless")
    asked = "".join(json.dumps(found.statement("spark")) + "\n" for found in _asked(lake))
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": str(PYTHON)}
    done = subprocess.run(
        [str(PYTHON), "-c", SCRIPT], input=asked, capture_output=True, text=True, timeout=WITHIN_S, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return [json.loads(line.removeprefix("ROWS")) for line in done.stdout.splitlines() if line.startswith("ROWS")]


def _asked(lake: tuple[FileLake, Path]) -> list[Snapshot]:
    return [snapshot(lake[0], str(lake[1]), table, at) for table in (MINUTES, RATES) for at in (BEFORE, AFTER)]


@pytest.mark.parametrize("number", range(4), ids=["minutes before", "minutes after", "rates before", "rates after"])
def test_every_row_that_spark_reads_is_the_one_that_our_reader_reads(
    by_spark: list[list[list[Any]]], lake: tuple[FileLake, Path], number: int
) -> None:
    found = _asked(lake)[number]
    ours = lake[0].read(MINUTES if number < 2 else RATES, as_of_ns=found.as_of_ns)

    times = [pl.col(name) // 1_000 for name in ours.columns if name.endswith("_ns")]
    told = json.loads(json.dumps([list(row) for row in ours.with_columns(times).rows()], default=str))

    assert len(told) == (3_600 if number < 2 else 4)
    assert sorted(map(repr, by_spark[number])) == sorted(map(repr, told))  # as text, in which NaN equals NaN


def test_the_restatement_is_seen_after_it_became_known_and_not_before(by_spark: list[list[list[Any]]], lake: tuple[FileLake, Path]) -> None:
    place = _asked(lake)[0].columns.index("close")
    before, after = ({tuple(row[:2]): row[place] for row in rows} for rows in by_spark[:2])

    assert before.keys() == after.keys()
    assert len([key for key, close in before.items() if after[key] != close]) == 80
