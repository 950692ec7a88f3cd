"""The lake against one plain Parquet file (polars) and a DuckDB file, over 100 symbols and a year of minutes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks import market_data as market
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.stores import lake_parquet
from tradewinds.stores.lake import FileLake, local_lake
from tradewinds.stores.lake_log import DataFile
from tradewinds.stores.lake_schema import Schema
from tradewinds.stores.memory import memory_lake

TABLE = Table(bars("1m"))
COLUMNS = ["start_ns", "open", "high", "low", "close", "volume"]
NOW = parse("2024-06-01")
SHARD = 10


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 8 symbols and two months."""
    count, minutes, rounds = (8, 60 * 24 * 59, 5) if quick else (100, market.MINUTES_OF_YEAR, 9)
    with tempfile.TemporaryDirectory(prefix="bench-lake-") as folder:
        root = Path(folder)
        names = market.symbols(count)
        lake = local_lake(root / "lake")
        publishing = load(lake, root, names, minutes, with_peers=True)
        return _figures(lake, root, names, minutes, rounds, publishing)


def load(lake: FileLake, root: Path, names: list[str], minutes: int, *, with_peers: bool) -> dict[str, float]:
    """Fill the lake in shards of ten symbols, month by month, as a bulk ingest does; returns the publish figures."""
    publishing = 0.0
    rows = 0
    encode, encoding = lake_parquet.encode, [0.0]

    def timed(frames: Iterable[pl.DataFrame], schema: Schema) -> tuple[Any, DataFile] | None:
        begin = time.perf_counter()
        result = encode(frames, schema)
        encoding[0] += time.perf_counter() - begin
        return result

    memory_lake().publish(TABLE, "2023-01", market.year(names[0], minutes=1_000))  # imports and thread pools are not counted
    lake_parquet.encode = timed
    database = duckdb.connect(str(root / "peer.duckdb")) if with_peers else None
    for low in range(0, len(names), SHARD):
        frames = {name: market.year(name, minutes=minutes) for name in names[low : low + SHARD]}
        for partition, first, end in market.months(minutes):
            batch = pl.concat([frame.slice(first, end - first) for frame in frames.values()], rechunk=True)
            begin = time.perf_counter()
            publication = lake.publish(TABLE, partition, batch, note={f"shard{low}": "done"})
            publishing += time.perf_counter() - begin
            assert publication.rows_new == batch.height
            rows += batch.height
        if database is not None:
            _load_peers(database, root, frames, is_first=low == 0)
    lake_parquet.encode = encode
    if database is not None:
        database.close()
    return {
        "publish_rows_per_s": rows / publishing,
        "publish_rows_per_s_without_encoding": rows / (publishing - encoding[0]),
        "encode_rows_per_s": rows / encoding[0],
    }


def _load_peers(database: duckdb.DuckDBPyConnection, root: Path, frames: dict[str, pl.DataFrame], *, is_first: bool) -> None:
    for name, frame in frames.items():
        plain = frame.select("instrument", pl.from_epoch("start_ns", time_unit="ns").dt.cast_time_unit("us").alias("start"), *COLUMNS[1:])
        if is_first:
            plain.drop("instrument").write_parquet(root / f"{name}.zstd.parquet", compression="zstd", compression_level=1)
            plain.drop("instrument").write_parquet(root / f"{name}.lz4.parquet", compression="lz4")
        arrow = plain.to_arrow()
        database.register("arriving", arrow)
        database.execute("create table if not exists bars as from arriving limit 0")
        database.execute("insert into bars from arriving")
        database.unregister("arriving")


def _figures(lake: FileLake, root: Path, names: list[str], minutes: int, rounds: int, publishing: dict[str, float]) -> dict[str, object]:
    end = market.START_NS + minutes * NS_PER_MINUTE
    near = names[:SHARD]
    database = duckdb.connect(str(root / "peer.duckdb"), read_only=True)
    day = f"select * from bars where start >= to_timestamp({(end - NS_PER_DAY) // 10**9})::timestamp"

    def read(lake: FileLake, number: int, as_of_ns: int = NOW) -> pl.DataFrame:
        return lake.read(TABLE, as_of_ns=as_of_ns, instruments=[near[number % len(near)]], columns=COLUMNS)

    def last_day(lake: FileLake) -> pl.DataFrame:
        return lake.read(TABLE, as_of_ns=NOW, start_ns=end - NS_PER_DAY, columns=["instrument", *COLUMNS])

    assert read(lake, 0).height == minutes
    assert last_day(lake).height == database.sql(day).pl().height == len(names) * 1440
    shards = market.alternated_ms(
        {
            "lake_symbol_year_ms": lambda n: read(lake, n),
            "parquet_zstd_symbol_year_ms": lambda n: pl.read_parquet(root / f"{near[n % len(near)]}.zstd.parquet"),
            "parquet_lz4_symbol_year_ms": lambda n: pl.read_parquet(root / f"{near[n % len(near)]}.lz4.parquet"),
            "lake_cold_symbol_year_ms": lambda n: read(local_lake(root / "lake"), n),
            "lake_last_day_ms": lambda n: last_day(lake),
            "duckdb_last_day_ms": lambda n: database.sql(day).arrow().read_all(),
        },
        rounds=rounds,
    )
    for partition in lake.partitions(TABLE):
        lake.compact(TABLE, partition)
    compacted = market.alternated_ms(
        {
            "lake_compacted_last_day_ms": lambda n: last_day(lake),
            "duckdb_last_day_ms": lambda n: database.sql(day).arrow().read_all(),
            "lake_compacted_symbol_year_ms": lambda n: read(lake, n),
        },
        rounds=rounds,
    )
    database.close()
    _restate(lake, near)
    before = NOW - NS_PER_DAY
    assert read(lake, 0, NOW - 3 * NS_PER_DAY)["close"].sum() != read(lake, 0, before)["close"].sum() != read(lake, 0)["close"].sum()
    restated = market.alternated_ms(
        {"lake_latest_restated_ms": lambda n: read(lake, n), "lake_past_restated_ms": lambda n: read(lake, n, before)}, rounds=rounds
    )
    own = {name: value for name, value in (shards | compacted | restated).items() if name.startswith("lake")}
    peers = {name: value for name, value in shards.items() if not name.startswith("lake")}
    return {
        "figures": {name: round(value, 2) for name, value in (own | publishing).items()},
        "peers": {name: round(value, 2) for name, value in peers.items()},
        "reach": {
            "symbol_year_to_parquet": market.reach(shards["lake_symbol_year_ms"] / shards["parquet_zstd_symbol_year_ms"], 1.5),
            "past_to_latest_with_1_percent_restated": market.reach(
                restated["lake_past_restated_ms"] / restated["lake_latest_restated_ms"], 1.5
            ),
            "last_day_to_duckdb": market.reach(shards["lake_last_day_ms"] / shards["duckdb_last_day_ms"], 3.0),
            "last_day_compacted_to_duckdb": market.reach(compacted["lake_compacted_last_day_ms"] / compacted["duckdb_last_day_ms"], 3.0),
            "publish_rows_per_s_without_encoding": market.reach(
                publishing["publish_rows_per_s_without_encoding"], 2_000_000, at_least=True
            ),
        },
        "machine": market.machine() | {"symbols": len(names), "minutes": minutes, "rounds": rounds},
    }


def _restate(lake: FileLake, names: list[str]) -> None:
    """One row in a hundred of these instruments gets a new close: one half two days before NOW, the other half a day after that."""
    rows = lake.read(TABLE, as_of_ns=NOW, instruments=names)
    for offset, known_ns in ((0, NOW - 2 * NS_PER_DAY), (100, NOW - NS_PER_DAY // 2)):
        changed = rows.gather_every(200, offset).with_columns(close=pl.col("close") * 1.01, known_ns=pl.lit(known_ns, dtype=pl.Int64))
        for (partition,), piece in changed.group_by(pl.from_epoch("start_ns", time_unit="ns").dt.strftime("%Y-%m"), maintain_order=True):
            assert lake.publish(TABLE, str(partition), piece).rows_restated == piece.height


if __name__ == "__main__":
    print(json.dumps(run()))
