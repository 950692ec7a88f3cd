"""A table as it was known at an instant, for engines that know nothing of us: the files to read, and the statement that reads them.

The lake is plain Parquet. What is ours is which files count now, and that a fact may stand there in several versions. Hence

    files       those of the current log entries that hold something known then; nothing beside them may be read
    statement   of each fact (instrument, start and the dataset's keys) the last version known then

which together give the rows that `Lake.read` gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_US, to_datetime
from tradewinds.core.observation import Table
from tradewinds.stores.lake import FileLake
from tradewinds.stores.lake_schema import schema_of
from tradewinds.stores.query_lake import literal

ENGINES = ("duckdb", "spark")
_GLOB = re.compile(r"[*?\[\]{},`\\]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """place: folder or address of the lake, without a slash at its end; files: below it; columns, identity: names in the files."""

    table: str
    as_of_ns: int
    place: str
    files: tuple[str, ...]
    columns: tuple[str, ...]
    identity: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """Every file with the place before it."""
        return [f"{self.place}/{file}" for file in self.files]

    def statement(self, engine: str) -> str:
        """The SELECT for that engine; Spark wants `spark.sql.parquet.mergeSchema`. Raises Rejected for another one."""
        if engine == "duckdb":
            paths = ", ".join(map(literal, self.paths))
            return self._select('"', f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)", "TIMESTAMPTZ")
        if engine == "spark":
            if _GLOB.search(self.place):
                raise Rejected(f"snapshot for spark: place {self.place!r}, expected one without * ? [ ] {{ }} , ` and backslashes")
            address = self.place if "://" in self.place else f"file://{self.place}"
            return self._select("`", f"parquet.`{_hadoop(address)}/{{{','.join(self.files)}}}`", "TIMESTAMP")
        raise Rejected(f"snapshot: engine {engine!r}, expected one of {', '.join(ENGINES)}")

    def _select(self, quote: str, source: str, timestamp: str) -> str:
        def quoted(names: tuple[str, ...]) -> str:
            return ", ".join(f"{quote}{name}{quote}" for name in names)

        known = f"{to_datetime(self.as_of_ns // NS_PER_US * NS_PER_US):%Y-%m-%d %H:%M:%S.%f}+00:00"
        newest = f"row_number() OVER (PARTITION BY {quoted(self.identity)} ORDER BY {quote}known{quote} DESC) AS newest"
        lines = (
            f"SELECT {quoted(self.columns)}",
            "FROM (",
            f"  SELECT *, {newest}",
            f"  FROM {source}",
            f"  WHERE {quote}known{quote} <= {timestamp} '{known}'",
            ") AS versions",
            "WHERE newest = 1",
        )
        return "\n".join(lines)


def snapshot(lake: FileLake, place: str, table: Table, as_of_ns: int) -> Snapshot:
    """The table as known then. place: folder or address of the lake. Raises Missing where nothing was known."""
    schema = schema_of(table)
    files = lake.files(table, as_of_ns=as_of_ns)
    if not files:
        raise Missing(f"snapshot of {table.name} as of {to_datetime(as_of_ns).isoformat()}: no file, expected something known by then")
    columns = {field.name: field.stored for field in schema.fields}
    identity = tuple(columns[name] for name in schema.identity)
    return Snapshot(table.name, as_of_ns, place.rstrip("/"), tuple(files), tuple(columns.values()), identity)


def _hadoop(address: str) -> str:
    """The address as Hadoop's file systems write it, which Spark reads by."""
    return f"s3a://{address.removeprefix('s3://')}" if address.startswith("s3://") else address
