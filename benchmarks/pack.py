"""The pack against one plain Parquet file (polars) and a DuckDB file, over 100 symbols and a year of minutes."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from benchmarks import lake as lake_bench
from benchmarks import market_data as market
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE
from tradewinds.stores.lake import local_lake
from tradewinds.stores.pack import Pack, PackStore

TABLE = lake_bench.TABLE
COLUMNS = lake_bench.COLUMNS
VALUES = tuple(COLUMNS[1:])


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 8 symbols and two months."""
    count, minutes, rounds = (8, 60 * 24 * 59, 5) if quick else (100, market.MINUTES_OF_YEAR, 9)
    with tempfile.TemporaryDirectory(prefix="bench-pack-") as folder:
        root = Path(folder)
        names = market.symbols(count)
        lake = local_lake(root / "lake")
        lake_bench.load(lake, root, names, minutes, with_peers=True)
        store = PackStore(root / "pack")
        begin = time.perf_counter()
        store.build(lake, TABLE, as_of_ns=lake_bench.NOW, columns=VALUES)
        built = time.perf_counter() - begin
        begin = time.perf_counter()
        store.build(lake, TABLE, as_of_ns=lake_bench.NOW + NS_PER_MINUTE, columns=VALUES)
        rebuilt = time.perf_counter() - begin
        return _figures(store, root, names, minutes, rounds, {"build_rows_per_s": count * minutes / built, "rebuild_unchanged_s": rebuilt})


def _figures(store: PackStore, root: Path, names: list[str], minutes: int, rounds: int, built: dict[str, float]) -> dict[str, object]:
    end = market.START_NS + minutes * NS_PER_MINUTE
    near = names[: lake_bench.SHARD]
    pack = store.open(TABLE)
    database = duckdb.connect(str(root / "peer.duckdb"), read_only=True)
    day = f"select * from bars where start >= to_timestamp({(end - NS_PER_DAY) // 10**9})::timestamp"

    def summed(pack: Pack, number: int) -> list[float]:
        return [float(pack.read(near[number % len(near)], name).sum()) for name in COLUMNS]

    def parquet_summed(number: int, codec: str) -> list[float]:
        frame = pl.read_parquet(root / f"{near[number % len(near)]}.{codec}.parquet")
        return list(frame.select(pl.col("start").to_physical() * 1000, *VALUES).sum().row(0))

    def last_day() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        recent = pack.recent()
        span = recent.last(NS_PER_DAY)
        return {name: np.array(values[span]) for name, values in recent.values.items()}

    assert np.allclose(summed(pack, 0)[1:], parquet_summed(0, "zstd")[1:], rtol=1e-9)
    assert np.isclose(last_day()["close"].sum(), database.sql(day).pl()["close"].to_numpy().sum())
    taken = market.alternated_ms(
        {
            "pack_symbol_year_sum_ms": lambda n: summed(pack, n),
            "pack_opened_anew_symbol_year_sum_ms": lambda n: summed(store.open(TABLE), n),
            "parquet_zstd_symbol_year_sum_ms": lambda n: parquet_summed(n, "zstd"),
            "parquet_lz4_symbol_year_sum_ms": lambda n: parquet_summed(n, "lz4"),
            "pack_last_day_ms": lambda n: last_day(),
            "duckdb_last_day_ms": lambda n: database.sql(day).arrow().read_all(),
        },
        rounds=rounds,
    )
    database.close()
    best = min(taken["parquet_zstd_symbol_year_sum_ms"], taken["parquet_lz4_symbol_year_sum_ms"])
    own = {name: value for name, value in taken.items() if name.startswith("pack")} | built
    return {
        "figures": {name: round(value, 3) for name, value in own.items()},
        "peers": {name: round(value, 3) for name, value in taken.items() if not name.startswith("pack")},
        "reach": {
            "symbol_year_sum_to_parquet": market.reach(taken["pack_symbol_year_sum_ms"] / best, 0.3),
            "last_day_to_duckdb": market.reach(taken["pack_last_day_ms"] / taken["duckdb_last_day_ms"], 1.0),
        },
        "machine": market.machine() | {"symbols": len(names), "minutes": minutes, "rounds": rounds},
    }


if __name__ == "__main__":
    print(json.dumps(run()))
