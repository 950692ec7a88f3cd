"""How the ledger reaches its database: one engine per process, durable SQLite or PostgreSQL, errors that say what to do.

No password ever stands in an error: addresses are redacted, parameters hidden, and the driver's text is searched for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc as sql_errors
from sqlalchemy.engine import URL, Connection, Engine, make_url

from tradewinds.core.errors import DataFault, Rejected, Transient, Unreadable

BUSY_TIMEOUT_S = 30
_WAL_ATTEMPTS = 300
_WAL_PAUSE_S = 0.02
_WRITES = "tradewinds_writes"
_SECRET_WORDS = ("password", "passwd", "secret", "token", "key")


class Database:
    """A database behind a URL. Nothing connects until the first `reading` or `writing`."""

    def __init__(self, url: str, *, what: str = "ledger") -> None:
        self.what = what
        self.url = _parse(url, what)
        self._engine: Engine | None = None
        self._owner = 0

    @property
    def place(self) -> str:
        """The address without secrets."""
        return redacted(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def engine(self) -> Engine:
        """This process's engine; a forked child makes its own and leaves the parent's connections alone."""
        if self._engine is None or self._owner != os.getpid():
            if self._engine is not None:
                self._engine.dispose(close=False)
            self._engine, self._owner = _engine(self.url, self.what), os.getpid()
        return self._engine

    @contextmanager
    def reading(self, doing: str) -> Iterator[Connection]:
        """A connection in one read transaction: one state of the database, however many selects."""
        with self._errors(doing), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, doing: str) -> Iterator[Connection]:
        """A connection in one write transaction, committed at the end or not at all."""
        with self._errors(doing), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give back every connection; the next use opens new ones."""
        if self._engine is not None and self._owner == os.getpid():
            self._engine.dispose()
        self._engine = None

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sql_errors.SQLAlchemyError as error:
            raise self._translated(doing, error) from None  # a chained driver error could carry the address with its password
        except OSError as error:
            raise Transient(f"{self.what}, {doing}: {self.place} cannot be opened ({error})") from None

    def _translated(self, doing: str, error: sql_errors.SQLAlchemyError) -> Exception:
        said = _scrubbed(str(getattr(error, "orig", None) or error).strip().splitlines()[0], self.url)
        where = f"{self.what}, {doing}: {self.place}"
        if isinstance(error, sql_errors.IntegrityError):
            return DataFault(
                f"{where} refused it ({said}); expected rows that fit its rules: registered instruments, allowed values, new keys"
            )
        if "no such table" in said or ("relation" in said and "does not exist" in said):
            return Rejected(f"{where} has no tables yet ({said}); expected a migrated ledger, run migrate first")
        if "malformed" in said or "not a database" in said:
            return Unreadable(f"{where} is damaged or no database ({said})")
        if isinstance(error, sql_errors.OperationalError | sql_errors.InterfaceError | sql_errors.TimeoutError):
            return Transient(f"{where} is away ({said}); expected a database that answers")
        if isinstance(error, sql_errors.NoSuchModuleError | sql_errors.ArgumentError):
            return Rejected(f"{where}: {said}; expected a database address such as sqlite:////path/ledger.sqlite")
        return DataFault(f"{where}: {type(error).__name__}: {said}")


def redacted(url: URL | str) -> str:
    """The address with every secret replaced by ***."""
    parsed = make_url(url) if isinstance(url, str) else url
    hidden = {key: "***" for key in parsed.query if any(word in key.lower() for word in _SECRET_WORDS)}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def _parse(url: str, what: str) -> URL:
    try:
        parsed = make_url(url)
    except (sql_errors.ArgumentError, ValueError):
        raise Rejected(
            f"{what}: its database address cannot be read, expected one such as sqlite:////path/ledger.sqlite or "
            "postgresql+psycopg2://user@/name?host=/socket/folder"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    return parsed


def _scrubbed(text: str, url: URL) -> str:
    secrets = [url.password, *(v for k, v in url.query.items() if any(word in k.lower() for word in _SECRET_WORDS))]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return text


def _engine(url: URL, what: str) -> Engine:
    try:
        engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=url.get_backend_name() != "sqlite", **_arguments(url))
    except (sql_errors.ArgumentError, ImportError) as error:
        raise Rejected(f"{what}: {redacted(url)} cannot be used ({_scrubbed(str(error), url)})") from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _arguments(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        return {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    if url.get_driver_name() == "psycopg2":
        # Text and batches for bulk inserts; `options` fixes the zone so that no server setting reaches a result.
        return {"connect_args": {"connect_timeout": 10, "options": "-c timezone=utc"}, "executemany_mode": "values_plus_batch"}
    return {}


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    for attempt in range(_WAL_ATTEMPTS):
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
                cursor.execute("PRAGMA journal_mode = WAL")
            break
        except Exception as error:  # the driver's class is only known through the connection; anything but "locked" is raised
            # Changing the journal mode does not wait for other processes as everything else does.
            if "locked" not in str(error) or attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(_WAL_PAUSE_S)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A write takes its lock at once: a read that turns into a write cannot wait for others and fails.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
