"""Bulk ingest of a Binance archive of 1-minute bars, end to end and durable, and the same files again.

1. 100 pairs x one month (44,640 bars each) are generated as the archive's zips with their CHECKSUM, and served from this machine by a
   server of static files: another process, on the same cores, its time counts.
2. The floor, in the same run: unzip with zlib (`zipfile`) and parse with polars (`read_csv`) only, two threads, straight from disk.
3. The job `crypto_backfill` as it ships: two processes take the plan's shards in turn, as Airflow's workers do; each shard downloads,
   verifies the checksum, keeps the raw bytes, parses, judges the quality, publishes to the lake and writes the ledger, synced to disk.
   One process that runs all shards (`tradewinds job run crypto_backfill`) is measured too.
4. The same plan again over the same files; bytes are counted by walking the raw store and the lake before and after.
5. The usual way, on a few of the files: pandas `read_csv` and `to_sql` with its defaults into PostgreSQL (psycopg2, a primary key).

Floor and ingest take turns and each figure is a median of its rounds. Imports are not counted on any side.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import archive
from benchmarks import market_data as market
from tradewinds.core.instant import parse
from tradewinds.jobs.config import Config, CryptoConfig, History, VendorConfig
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job

NOW = "2023-12-12"
PARTITION = "2023-12-12"
WORKERS = 2
FLOOR_SHARE = 0.5
USUAL_TIMES = 40
AGAIN_TIMES = 10


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: 20 pairs and one round."""
    count, rounds, usual = (20, 1, 1) if quick else (100, 5, 3)
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        root = Path(folder)
        zips = archive.write(root / "archive", count, 1)
        rows = sum(_parsed(path) for path in zips)
        with archive.served(root / "archive") as url:
            taken = _rounds(root, url, zips, count, rounds)
        usual_rows_per_s, obstacle = _usual_way(root / "postgres", zips[:usual])
    return _report(rows, taken, usual_rows_per_s, obstacle, {"pairs": count, "files": len(zips), "rounds": rounds, "usual_files": usual})


def house_of(home: Path, url: str, count: int) -> House:
    """A house as configured for a backfill of so many pairs; everything else as it ships."""
    history = History(interval="1m", instruments=tuple(archive.instruments(count)), since=date(2023, 1, 1))
    config = Config(
        home=str(home),
        vendors={"binance_archive": VendorConfig(use="binance_archive", url=url)},
        crypto={"binance": CryptoConfig(bars=(history,))},
        workers=WORKERS,
    )
    return House(config, clock=ReplayClock(parse(NOW)))


def shards(house: House, months: int = 1) -> list[Mapping[str, Any]]:
    """What the plan of the backfill cuts the work into: the params of each `crypto_backfill.ingest`."""
    end = f"2023-{months + 1:02d}-01"
    planned = run_job("crypto_backfill.plan", PARTITION, {"to": end}, house=house)
    return [shard["params"] for shard in planned["detail"]["shards"]]


def run_shard(house: House, params: Mapping[str, Any]) -> int:
    """One shard by the job that ships; rows published."""
    rows: int = run_job("crypto_backfill.ingest", PARTITION, params, house=house)["rows_published"]
    return rows


def _rounds(root: Path, url: str, zips: Sequence[Path], count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each thing in each round, and what the re-ingest wrote."""
    taken: dict[str, list[float]] = {}
    with _Workers(root, url, count) as workers, ThreadPoolExecutor(WORKERS) as pool:
        warm = house_of(root / "warm", url, 1)
        _alone(warm)
        for number in range(rounds):
            _timed(taken, "floor_s", lambda: list(pool.map(_parsed, zips)))
            home = root / f"home{number}"
            rows = _timed(taken, "ingest_s", partial(workers.backfill, home))
            before = _sizes(home)
            again = _timed(taken, "again_s", partial(workers.backfill, home))
            changed = {path: size for path, size in _sizes(home).items() if before.get(path) != size}
            assert again == 0
            assert rows == sum(market.months()[0][2] for _ in zips)
            taken.setdefault("again_bytes", []).append(float(sum(changed.values())))
            house = house_of(root / f"alone{number}", url, count)
            _timed(taken, "alone_s", partial(_alone, house))
            house.close()
        warm.close()
    return taken


def _report(
    rows: int, taken: Mapping[str, list[float]], usual_rows_per_s: float | None, obstacle: str | None, size: dict[str, int]
) -> dict[str, object]:
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    speed = {name: rows / seconds[name] for name in ("floor_s", "ingest_s", "alone_s")}
    reach = {
        "ingest_to_floor": market.reach(speed["ingest_s"] / speed["floor_s"], FLOOR_SHARE, at_least=True),
        "again_bytes_written": market.reach(max(taken["again_bytes"]), 0),
        "again_times_faster": market.reach(seconds["ingest_s"] / seconds["again_s"], AGAIN_TIMES, at_least=True),
    }
    if usual_rows_per_s is not None:
        reach["ingest_to_usual_way"] = market.reach(speed["ingest_s"] / usual_rows_per_s, USUAL_TIMES, at_least=True)
    return {
        "figures": {
            "rows": rows,
            "ingest_rows_per_s": round(speed["ingest_s"]),
            "ingest_one_process_rows_per_s": round(speed["alone_s"]),
            "ingest_s": round(seconds["ingest_s"], 3),
            "again_s": round(seconds["again_s"], 3),
            "again_bytes_written": int(max(taken["again_bytes"])),
            "rounds": {name: [round(value, 3) for value in values] for name, values in taken.items()},
        },
        "peers": {
            "unzip_and_parse_rows_per_s": round(speed["floor_s"]),
            "pandas_to_postgresql_rows_per_s": obstacle if usual_rows_per_s is None else round(usual_rows_per_s),
        },
        "reach": reach,
        "machine": market.machine(),
        "how": size
        | {
            "processes": WORKERS,
            "threads_each": WORKERS,
            "server": "static files by sendfile, another process on the same cores",
            "usual_way": f"pandas read_csv and to_sql by default into a table with a primary key, {size['usual_files']} of the files",
        },
    }


def _parsed(path: Path) -> int:
    """The floor's work on one file: rows."""
    with zipfile.ZipFile(path) as opened:
        content = opened.read(f"{path.stem}.csv")
    return pl.read_csv(content, has_header=False, schema=archive.COLUMNS).height


def _alone(house: House) -> int:
    """The whole plan in this process; rows published."""
    return sum(run_shard(house, params) for params in shards(house))


class _Workers:
    """Processes that take shards, as Airflow's do; imports are done when the first measured shard comes."""

    def __init__(self, root: Path, url: str, count: int) -> None:
        self._url, self._count = url, count
        self._pool = ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"))
        warmed = [self._pool.submit(_warm, root / f"warm{number}", url) for number in range(WORKERS)]
        for done in warmed:
            done.result()

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def backfill(self, home: Path) -> int:
        """Plan here, ingest there; rows published."""
        house = house_of(home, self._url, self._count)
        done = [self._pool.submit(_shard, home, self._url, self._count, params) for params in shards(house)]
        house.close()
        return sum(one.result() for one in done)


_houses: dict[Path, House] = {}


def _warm(home: Path, url: str) -> None:
    house = house_of(home, url, 1)
    _alone(house)
    house.close()
    time.sleep(0.5)  # so that the other process takes the other one


def _shard(home: Path, url: str, count: int, params: Mapping[str, Any]) -> int:
    """One task: rows published."""
    if home not in _houses:
        _houses[home] = house_of(home, url, count)
    return run_shard(_houses[home], params)


def _timed(taken: dict[str, list[float]], name: str, action: Callable[[], Any]) -> Any:
    os.sync()  # what others wrote before is not ours to wait for
    begin = time.perf_counter()
    result = action()
    taken.setdefault(name, []).append(time.perf_counter() - begin)
    return result


def _sizes(home: Path) -> dict[str, int]:
    """Sizes of all files of the raw store and the lake. Their names are hashes and numbers: nothing is written in place."""
    return {str(path): path.stat().st_size for name in ("raw", "lake") for path in (home / name).rglob("*") if path.is_file()}


def _usual_way(folder: Path, zips: Sequence[Path]) -> tuple[float | None, str | None]:
    """(rows per second, None), or (None, why it could not be measured)."""
    import pandas as pd
    import sqlalchemy as sa

    from tradewinds.stores.embedded_postgres import EmbeddedPostgres

    server = EmbeddedPostgres(folder)
    obstacle = server.obstacle()
    if obstacle is not None:
        return None, obstacle
    names = list(archive.COLUMNS)
    try:
        engine = sa.create_engine(server.url())
        with engine.begin() as connection:
            floats = ", ".join(f"{name} double precision" for name in names[1:] if name != "ignore")
            connection.execute(sa.text(f"create table klines (symbol text, open_time bigint, {floats}, primary key (symbol, open_time))"))
        begin, rows = time.perf_counter(), 0
        for path in zips:
            frame = pd.read_csv(path, names=names, header=None).drop(columns="ignore")
            frame.insert(0, "symbol", path.stem.partition("-")[0])
            frame.to_sql("klines", engine, if_exists="append", index=False)
            rows += len(frame)
        return rows / (time.perf_counter() - begin), None
    finally:
        server.remove()


if __name__ == "__main__":
    print(json.dumps(run()))
