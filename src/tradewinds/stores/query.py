"""SQL over the lake and the ledger, as known at one time. Read-only, and nothing but the lake can be reached.

    history.bars_1m            the latest version known then of each fact of the published history
    history.bars_1m_versions   every version known by then
    vendor_alpha.bars_1d       what one vendor said
    ledger.instrument          the tables of the ledger

1. Find the tables a statement names; only those are made.
2. A lake table becomes a view over the Parquet files that its log names (`query_lake`), a ledger table is loaded (`query_ledger`).
3. DuckDB reaches the lake's folder, or the lake's own `Files` where that is on S3 or in memory; everything else is off and stays off.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import duckdb

from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.market import TRADES, interval_of
from tradewinds.core.observation import Dataset
from tradewinds.stores import query_lake, query_ledger
from tradewinds.stores.lake_files import Files, LocalFiles
from tradewinds.stores.query_files import PROTOCOL, as_filesystem

if TYPE_CHECKING:
    import pyarrow as pa

    from tradewinds.stores.ledger import Ledger

VERSIONS = "_versions"
_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\b", re.IGNORECASE)
_LISTING = re.compile(r"\b(show|information_schema|duckdb_\w+|pragma)\b", re.IGNORECASE)
_PLAIN = re.compile(r"[^a-z0-9_]")


class Sql:
    """A session over one lake and one ledger at one as-of time. Made by `open_sql`."""

    def __init__(self, files: Files, ledger: Ledger | None, as_of_ns: int, datasets: Iterable[Dataset] = ()) -> None:
        self._files = files
        self._ledger = ledger
        self._as_of_ns = as_of_ns
        self._keys = {TRADES.name: TRADES.keys} | {dataset.name: dataset.keys for dataset in datasets}
        self._lake: dict[tuple[str, str], str] | None = None
        self._made: set[tuple[str, str]] = set()
        # DuckDB may read and write its spill folder, so it is one of its own.
        self._spill = tempfile.TemporaryDirectory(prefix="tradewinds-sql-")
        self._prefix = os.path.abspath(files.root) + "/" if isinstance(files, LocalFiles) else f"{PROTOCOL}://"
        self._connection = _connection(files, self._prefix, self._spill.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    def tables(self) -> list[str]:
        """The names that can stand in a statement."""
        lake = [f"{schema}.{name}" for schema, name in self._lake_tables()]
        return sorted([*lake, *(f"ledger.{name}" for name in self._ledger_tables())])

    def run(self, sql: str) -> pa.Table:
        """The result of one SELECT (or EXPLAIN of one). Raises Rejected for anything else and for what DuckDB refuses."""
        try:
            self._refuse_all_but_select(sql)
            lists_tables = _LISTING.search(sql) is not None
            for place in [*self._lake_tables(), *(("ledger", name) for name in self._ledger_tables())]:
                if place not in self._made and (lists_tables or _is_named(place, sql)):
                    self._make(place)
            return self._connection.execute(sql).to_arrow_table()
        except duckdb.IOException as error:
            raise Transient(f"sql: {_first_line(error)}; expected the lake's files, which may just have been compacted: repeat") from None
        except duckdb.CatalogException as error:
            raise Rejected(f"sql: {_first_line(error)} Expected one of {', '.join(self.tables()) or 'no table yet'}") from None
        except duckdb.Error as error:
            raise Rejected(f"sql: {_first_line(error)}; expected one SELECT over the lake and the ledger") from None

    def _refuse_all_but_select(self, sql: str) -> None:
        statements = self._connection.extract_statements(_EXPLAIN.sub("", sql, count=1))
        kinds = [statement.type for statement in statements]
        if kinds != [duckdb.StatementType.SELECT]:
            raise Rejected(f"sql: {', '.join(kind.name for kind in kinds) or 'nothing'}, expected one SELECT; this session only reads")

    def _lake_tables(self) -> dict[tuple[str, str], str]:
        """(schema, view) -> the table's folder in the lake."""
        if self._lake is None:
            found = {}
            vendors = [f"vendor/{vendor}" for vendor in self._files.folders("vendor")]
            for layer in ("history", *vendors):
                for name in self._files.folders(layer):
                    folder = f"{layer}/{name}"
                    if self._files.folders(f"{folder}/_log"):
                        schema, view = _identifier(layer), _identifier(name)
                        if self._keys_of(name) is not None:
                            found[schema, view] = folder
                        found[schema, view + VERSIONS] = folder
            self._lake = found
        return self._lake

    def _ledger_tables(self) -> Sequence[str]:
        return () if self._ledger is None else query_ledger.TABLES

    def _keys_of(self, dataset: str) -> Sequence[str] | None:
        """The keys of a dataset, None where nobody declared it: which of its rows are versions of one fact is then unknown."""
        return () if interval_of(dataset) is not None or dataset.startswith("quotes-") else self._keys.get(dataset)

    def _make(self, place: tuple[str, str]) -> None:
        schema, name = place
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")
        target = f"{_quoted(schema)}.{_quoted(name)}"
        if schema == "ledger":
            assert self._ledger is not None
            self._connection.from_arrow(query_ledger.load(self._ledger, name, self._as_of_ns)).create(target)
        else:
            self._connection.execute(f"CREATE VIEW {target} AS {self._view(self._lake_tables()[place], name)}")
        self._made.add(place)

    def _view(self, folder: str, name: str) -> str:
        if name.endswith(VERSIONS):
            return query_lake.versions(self._files, folder, self._prefix, self._as_of_ns)
        keys = self._keys_of(folder.rpartition("/")[2])
        assert keys is not None
        return query_lake.latest(self._files, folder, self._prefix, self._as_of_ns, keys)


def open_sql(files: Files, ledger: Ledger | None, as_of_ns: int, *, datasets: Iterable[Dataset] = ()) -> Sql:
    """A session over the lake in `files` and the ledger, as known at as_of_ns.

    datasets: declarations of what is neither bars, quotes nor trades; a table that nobody declared shows its versions only.
    """
    return Sql(files, ledger, as_of_ns, datasets)


def run(sql: str, files: Files, ledger: Ledger | None, as_of_ns: int, *, datasets: Iterable[Dataset] = ()) -> pa.Table:
    """The result of one SELECT, as known at as_of_ns."""
    with open_sql(files, ledger, as_of_ns, datasets=datasets) as session:
        return session.run(sql)


def _connection(files: Files, prefix: str, spill: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "python_enable_replacements": False,  # a table name never means a variable of ours
            "autoinstall_known_extensions": False,
            "temp_directory": spill,
        },
    )
    if prefix.startswith(PROTOCOL):
        connection.register_filesystem(as_filesystem(files))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_directories = [{query_lake.literal(prefix)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _is_named(place: tuple[str, str], sql: str) -> bool:
    """Whether `schema.name` stands in the statement; DuckDB's own way of asking (1.5) binds, and breaks views by looking at them."""
    schema, name = map(re.escape, place)
    return re.search(rf'\b{schema}"?\s*\.\s*"?{name}\b', sql, re.IGNORECASE) is not None


def _identifier(name: str) -> str:
    return _PLAIN.sub("_", name.lower())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
