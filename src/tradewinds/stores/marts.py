"""A star schema for BI tools: four dimensions and the facts, as Parquet files and, where wanted, in a SQL database.

    dim_date  dim_session  dim_instrument  dim_venue      fact_bars  fact_fills  fact_positions
    fact_backtests  fact_backtest_round_trips  fact_backtest_positions  fact_backtest_performance

1. Read the daily bars, the instruments and the backtests as known at the as-of time; compute every table.
2. Write the Parquet files into `builds/<hash of their content>/`; then swing the link `current` to that folder. A reader of
   `current/*.parquet` sees all of the old build or all of the new one. The last builds are kept for readers on their way.
3. In a SQL database replace the rows of every table in one transaction, and remember the build's name there.

The same input gives the same build, and then nothing is written.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import DataFault, Rejected, Transient
from tradewinds.core.ports import Lake
from tradewinds.stores.ledger_database import Database
from tradewinds.stores.marts_backtests import KEYS as BACKTEST_KEYS
from tradewinds.stores.marts_backtests import backtest_facts
from tradewinds.stores.marts_tables import KEYS, star
from tradewinds.stores.sql_frame import insert, sql_table

if TYPE_CHECKING:
    from tradewinds.stores.ledger import Ledger

CURRENT = "current"
BUILDS_KEPT = 3
_NAME_CHARACTERS = 16
_KEYS = {**KEYS, **BACKTEST_KEYS}

_memory = sa.Table(
    "tradewinds_build",
    sa.MetaData(),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("as_of_ns", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Build:
    """One build of the marts. `bytes_written` is 0 and `is_loaded` False where nothing was new."""

    name: str
    folder: Path
    rows: Mapping[str, int]
    bytes_written: int
    is_loaded: bool


def build(lake: Lake, ledger: Ledger, folder: Path, *, as_of_ns: int, url: str | None = None) -> Build:
    """Build the marts as known at as_of_ns into `folder`, and into the database at `url` where one is given."""
    tables = star(lake, ledger.instruments(), as_of_ns) | backtest_facts(ledger, as_of_ns)
    contents = {name: _parquet(frame) for name, frame in tables.items()}
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    build_name = digest.hexdigest()[:_NAME_CHARACTERS]
    try:
        written = _publish(folder, build_name, contents)
    except OSError as error:
        kind = Transient if error.errno in (28, 122) else DataFault  # no space left, quota exceeded
        raise kind(f"marts in {folder}: {error}; expected a folder with room that can be written") from None
    is_loaded = _load(url, build_name, tables, as_of_ns) if url is not None else False
    rows = {name: frame.height for name, frame in tables.items()}
    return Build(build_name, folder / CURRENT, rows, written, is_loaded)


def _parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink, compression="zstd", statistics=True)
    return sink.getvalue()


def _publish(folder: Path, name: str, contents: Mapping[str, bytes]) -> int:
    """Write the build and make it current; returns the bytes written."""
    builds = folder / "builds"
    target = builds / name
    written = 0
    if not target.is_dir():
        builds.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=builds))
        for table, content in contents.items():
            with (draft / f"{table}.parquet").open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            written += len(content)
        draft.chmod(0o755)
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.is_dir():
                raise
    link = folder / CURRENT
    if not link.is_symlink() or os.readlink(link) != f"builds/{name}":
        draft_link = folder / f".{CURRENT}-{os.getpid()}"
        draft_link.unlink(missing_ok=True)
        draft_link.symlink_to(f"builds/{name}")
        draft_link.replace(link)
        os.utime(target)  # the newest is what was made current last
        _forget_old(builds, name)
    return written


def _forget_old(builds: Path, current: str) -> None:
    made = sorted((path for path in builds.iterdir() if path.is_dir() and path.name != current), key=lambda path: path.stat().st_mtime_ns)
    for path in made[: -(BUILDS_KEPT - 1)]:
        shutil.rmtree(path, ignore_errors=True)


def _prepare(connection: Connection, metadata: sa.MetaData, place: str) -> None:
    """Make the tables, or make them anew where an earlier release gave them other columns; never touch tables of others."""
    there = sa.inspect(connection)
    if not there.has_table(_memory.name):
        foreign = sorted(name for name in metadata.tables if there.has_table(name))
        if foreign:
            raise Rejected(f"marts in {place}: tables {foreign} exist and are not ours, expected a database or schema without them")
        _memory.create(connection)
    for table in metadata.sorted_tables:
        if there.has_table(table.name) and {column["name"] for column in there.get_columns(table.name)} != set(table.columns.keys()):
            table.drop(connection)
            connection.execute(sa.delete(_memory))
    metadata.create_all(connection)


def _load(url: str, name: str, tables: Mapping[str, pl.DataFrame], as_of_ns: int) -> bool:
    """Replace the rows in the database; False where this build stands there."""
    database = Database(url, what="marts")
    try:
        metadata = sa.MetaData()
        targets = {table: sql_table(table, frame.schema, _KEYS[table], metadata) for table, frame in tables.items()}
        with database.writing("preparing the marts") as connection:
            _prepare(connection, metadata, database.place)
        with database.writing("loading the marts") as connection:
            if connection.scalar(sa.select(_memory.c.name)) == name:
                return False
            for table, target in targets.items():
                connection.execute(sa.delete(target))
                insert(connection, target, tables[table])
            connection.execute(sa.delete(_memory))
            connection.execute(sa.insert(_memory).values(name=name, as_of_ns=as_of_ns))
        return True
    finally:
        database.close()
