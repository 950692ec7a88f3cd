"""The journal of one account on PostgreSQL: one schema, one writer by an advisory lock, durable when `append` returns.

The lock belongs to the connection. When that breaks, the next `append` connects again, takes the lock again, and looks whether the entries
that were in doubt are there. If another writer came in between, the chain's last hash is not ours, and writing is refused for good.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tradewinds.core.errors import Invariant, Rejected, Transient
from tradewinds.stores.journal import READ_ROWS, missing
from tradewinds.trading.journal import GENESIS, Chained

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 5_000
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,40}")


class PostgresJournal:
    """`trading.journal.JournalStore` in the schema `journal_<account>`; made by `open_postgres_journal`. Times out rather than hangs."""

    def __init__(self, url: str, account: str, *, is_reader: bool = False) -> None:
        self._url = url.replace("+psycopg2", "", 1)
        self._account = account
        self._schema = schema_of(account)
        self._is_reader = is_reader
        self._connection: Any = None
        self._last: tuple[int, bytes] | None = None  # what we wrote last; None before the first look
        self._is_doubtful = False

    def open(self) -> PostgresJournal:
        """Connect, make the schema, take the writer's lock."""
        self._connected()
        return self

    def append(self, entries: Sequence[Chained]) -> None:
        if self._is_reader:
            raise Invariant(f"journal of {self._account}: {len(entries)} entries from a reader, expected the writer")
        if not entries:
            return
        from psycopg2 import Error, IntegrityError
        from psycopg2.extras import execute_values

        connection = self._connected()
        try:
            wanted = missing(entries, self._found(connection)) if self._is_doubtful else entries
            rows = [(one.sequence, one.time_ns, one.body, one.hash) for one in wanted]
            if not rows:
                self._wrote(entries)
                return
            with connection.cursor() as cursor:
                execute_values(cursor, f"INSERT INTO {self._schema}.entries VALUES %s", rows)  # noqa: S608 -- the schema's name was checked
            connection.commit()
        except IntegrityError as error:
            connection.rollback()
            raise Invariant(
                f"journal of {self._account}: entry {entries[0].sequence} is there already, expected a new one; another writer?"
            ) from error
        except Error as error:
            self._let_go()
            self._is_doubtful = True
            raise Transient(
                f"journal of {self._account}: {len(entries)} entries not written ({type(error).__name__}), expected a database that answers"
            ) from None
        self._wrote(entries)

    def read(self, after: int = 0) -> Iterator[Chained]:
        connection = self._connected()
        with connection.cursor() as cursor:
            while True:
                cursor.execute(
                    f"SELECT * FROM {self._schema}.entries WHERE sequence > %s ORDER BY sequence LIMIT %s",  # noqa: S608 -- as above
                    (after, READ_ROWS),
                )
                rows = cursor.fetchall()
                connection.rollback()
                if not rows:
                    return
                for sequence, time_ns, body, digest in rows:
                    yield Chained(sequence, time_ns, bytes(body), bytes(digest))
                after = rows[-1][0]

    def last(self) -> tuple[int, bytes]:
        connection = self._connected()
        from psycopg2 import Error

        try:
            return self._found(connection)
        except Error as error:
            self._let_go()
            raise Transient(f"journal of {self._account}: no answer ({type(error).__name__}), expected a PostgreSQL that answers") from None

    def close(self) -> None:
        self._let_go()

    def _wrote(self, entries: Sequence[Chained]) -> None:
        self._last, self._is_doubtful = (entries[-1].sequence, entries[-1].hash), False

    def _connected(self) -> Any:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        import psycopg2

        try:
            self._connection = psycopg2.connect(
                self._url,
                connect_timeout=CONNECT_TIMEOUT_S,
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c synchronous_commit=on",
            )
            if not self._is_reader:
                self._take(self._connection)
        except psycopg2.Error as error:
            self._let_go()
            # Only the class: a driver's text may hold the address with its password.
            raise Transient(
                f"journal of {self._account}: no connection ({type(error).__name__}), expected a PostgreSQL that answers"
            ) from None
        return self._connection

    def _take(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_lock_number(self._account),))
            if not cursor.fetchone()[0]:
                self._let_go()
                raise Rejected(f"journal of {self._account}: another process holds it, expected one trading process an account")
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {self._schema}.entries "
                "(sequence BIGINT PRIMARY KEY, time_ns BIGINT NOT NULL, body BYTEA NOT NULL, hash BYTEA NOT NULL)"
            )
        connection.commit()
        found = self._found(connection)
        if self._last is not None and found != self._last and not self._is_doubtful:
            self._let_go()
            raise Invariant(f"journal of {self._account}: ends with entry {found[0]}, expected {self._last[0]}; another process wrote it")
        self._last = self._last or found

    def _found(self, connection: Any) -> tuple[int, bytes]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT sequence, hash FROM {self._schema}.entries ORDER BY sequence DESC LIMIT 1")  # noqa: S608 -- as above
            row = cursor.fetchone()
        connection.rollback()
        return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def open_postgres_journal(url: str, account: str) -> PostgresJournal:
    """The journal of an account for its one writer; raises Rejected while another process holds it, Transient without a database."""
    return PostgresJournal(url, account).open()


def read_postgres_journal(url: str, account: str) -> PostgresJournal:
    """The journal of an account for a reader beside its writer."""
    return PostgresJournal(url, account, is_reader=True)


def schema_of(account: str) -> str:
    """The schema that holds the journal of an account; raises Rejected for a name that cannot be one."""
    name = account.lower().replace("-", "_")
    if _SCHEMA.fullmatch(name) is None:
        raise Rejected(f"account {account!r}: expected a letter, then letters, digits, - or _, at most 41")
    return f"journal_{name}"


def _lock_number(account: str) -> int:
    """A number of 63 bits for the advisory lock."""
    return int.from_bytes(hashlib.sha256(f"tradewinds journal {account}".encode()).digest()[:8], "big") >> 1
